//! Lock and preflight: what does not begin, and why.

use super::*;

fn refusal(rules: Rules, request: OperationRequest) -> (u8, String, String) {
    let mut stage = Stage::new(rules);
    stage.ask(1, request);
    let (code, reason, hint) = stage.refused(1);
    assert_eq!(stage.events.len(), 1, "a refusal is the only event");
    assert!(stage.switch.is_idle());
    (code, reason.into(), hint.unwrap_or_default().into())
}

#[test]
fn a_dry_run_prints_the_plan_and_stops() {
    let mut stage = Stage::new(rules());
    stage.ask(
        1,
        OperationRequest {
            dry_run: true,
            ..swap()
        },
    );
    assert!(matches!(stage.last(1), Event::Common(CommonStep::Planned)));
    assert!(stage.switch.is_idle());
    assert_eq!(stage.done.len(), 2);
}

#[test]
fn n5_a_second_operation_is_refused_and_the_holder_is_named() {
    let mut stage = Stage::new(rules());
    stage.bad = vec![8011];
    stage.ask(1, swap());
    stage.ask(2, swap());
    let (code, reason, _) = stage.refused(2);
    assert_eq!(code, exit::BUSY);
    assert_eq!(
        reason,
        "swap 1 by ci holds `prod` since 1970-01-01T00:00:00.000Z (step: gate)"
    );
    stage.ask(3, rollback());
    assert_eq!(
        stage.refused(3).0,
        exit::BUSY,
        "a rollback pre-empts a bake window only"
    );
}

#[test]
fn n6_a_candidate_that_is_live_is_refused() {
    let to = |name: &str, port| Some(Target::Services(BTreeMap::from([(name.into(), at(port))])));
    for port in [3000, 8001, 9000] {
        let request = OperationRequest {
            to: to("web", port),
            ..swap()
        };
        let (code, reason, _) = refusal(rules(), request);
        assert_eq!(code, exit::REFUSED);
        assert!(reason.contains("is live"), "{reason}");
    }
}

#[test]
fn a_colour_that_still_drains_is_refused_unless_forced_or_rolled_back() {
    let mut stage = Stage::new(rules());
    stage.ask(1, swap());
    stage.pass(Duration::from_secs(2));
    stage.ask(2, swap());
    let (code, reason, hint) = stage.refused(2);
    assert_eq!(code, exit::REFUSED);
    assert!(reason.starts_with("blue still serves"), "{reason}");
    assert!(hint.unwrap().contains("--force"));

    let forced = OperationRequest { force: true, ..swap() };
    stage.ask(3, forced);
    stage.pass(Duration::from_secs(1));
    assert_eq!(stage.live(), Slot::Blue);
    stage.ask(4, rollback());
    stage.pass(Duration::from_secs(2));
    assert_eq!(stage.live(), Slot::Green, "a rollback does not wait for the drain");
}

#[test]
fn usage_is_refused_with_code_two() {
    let named = |name: &str| Some(Target::Services(BTreeMap::from([(name.into(), at(3005))])));
    let cases = [
        (
            OperationRequest {
                to: Some(Target::Address(at(3005))),
                ..swap()
            },
            "--to web=…,api=…",
        ),
        (
            OperationRequest {
                to: named("wbe"),
                ..swap()
            },
            "`web`, `api`",
        ),
        (
            OperationRequest {
                to: named("docs"),
                ..swap()
            },
            "",
        ),
        (
            OperationRequest {
                to: Some(Target::Slot(Slot::Upstream)),
                ..swap()
            },
            "--to blue",
        ),
        (
            OperationRequest {
                to: Some(Target::Slot(Slot::Green)),
                ..rollback()
            },
            "`swap`",
        ),
        (
            OperationRequest {
                expect_version: Some("8b71ff7".into()),
                ..swap()
            },
            "health.version",
        ),
    ];
    for (request, hint) in cases {
        let (code, reason, hinted) = refusal(rules(), request);
        assert_eq!(code, exit::USAGE, "{reason}");
        assert!(hinted.contains(hint), "{reason}: {hinted}");
    }
}

#[test]
fn a_protected_environment_asks_for_its_name() {
    let protected = || Rules {
        protected: true,
        ..rules()
    };
    for confirmed in [None, Some("dev".into())] {
        let request = OperationRequest { confirmed, ..swap() };
        let (code, _, hint) = refusal(protected(), request);
        assert_eq!(code, exit::USAGE);
        assert!(hint.contains("--yes=prod"), "{hint}");
    }
    let mut stage = Stage::new(protected());
    let confirmed = Some("prod".into());
    stage.switched(1, OperationRequest { confirmed, ..swap() });
}

#[test]
fn where_nothing_has_two_sides_none_of_them_is_said_to_serve() {
    let mut rules = rules();
    rules.services.clear();
    let mut stage = Stage::new(rules);
    stage.ask(1, swap());
    assert!(matches!(
        stage.last(1),
        Event::Common(CommonStep::Refused { live: None, .. })
    ));
}

#[test]
fn n6_an_address_that_is_live_in_another_environment_is_refused_where_it_is_named() {
    let one_service = || Rules {
        services: rules().services.into_iter().take(1).collect(),
        ..rules()
    };
    let named = Some(Target::Services(BTreeMap::from([("web".into(), at(4000))])));
    for (rules, to) in [(rules(), named), (one_service(), Some(Target::Address(at(4000))))] {
        let (code, reason, hint) = refusal(rules, OperationRequest { to, ..swap() });
        assert_eq!(
            (code, &*reason, &*hint),
            (
                exit::REFUSED,
                "the candidate's 127.0.0.1:4000 of `web` is where `site` of `dev` is live",
                "start the new version at another address"
            )
        );
    }
    // What the file says may be shared.
    let mut shared = one_service();
    shared.services[0].green = vec![at(4000)];
    let mut stage = Stage::new(shared);
    stage.switched(1, swap());
}

#[test]
fn what_cannot_be_done_is_refused_with_code_four() {
    let upstreams = Rules {
        services: Vec::new(),
        ..rules()
    };
    assert_eq!(refusal(upstreams, swap()).0, exit::REFUSED);
    let blue = OperationRequest {
        to: Some(Target::Slot(Slot::Blue)),
        ..swap()
    };
    assert_eq!(refusal(rules(), blue).1, "blue is live already");
    let (code, reason, _) = refusal(rules(), rollback());
    assert_eq!(code, exit::REFUSED);
    assert!(reason.contains("no previous side"), "{reason}");
}

#[test]
fn a_named_address_is_remembered_and_the_way_back_too() {
    let mut stage = Stage::new(rules());
    let to = Some(Target::Services(BTreeMap::from([("web".into(), at(3005))])));
    stage.switched(1, OperationRequest { to, ..swap() });
    let state = stage.switch.state();
    assert_eq!(state.addresses("web", Slot::Green, &[at(3010)]), [at(3005)]);
    assert_eq!(state.addresses("api", Slot::Green, &[at(8011)]), [at(8011)]);
    stage.switched(2, rollback());
    assert_eq!(stage.live(), Slot::Blue);
    assert_eq!(
        stage.switch.state().previous_addresses("web", &[at(3010)]),
        Some(vec![at(3005)])
    );
}
