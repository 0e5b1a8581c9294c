//! What a swap depends on in other environments.

use super::*;
use crate::model::api::{About, Difference};

fn depending() -> Rules {
    Rules {
        requires: Requires {
            healthy: Some("dev".into()),
            parity: Some("stage".into()),
        },
        ..rules()
    }
}

fn sick() -> GateReport {
    GateReport {
        last: ProbeReport::none_yet("web", &at(4000)),
        passes: 0,
        needed: 1,
        probes: 1,
    }
}

fn difference(key: &str) -> Difference {
    Difference {
        service: Some("web".into()),
        about: About::Configuration,
        key: key.into(),
        a: Some("1".into()),
        b: None,
    }
}

/// The names of an operation's events, without progress.
fn steps(stage: &Stage, operation: u64) -> Vec<String> {
    let events = stage
        .events
        .iter()
        .filter(|(of, event)| *of == operation && !matches!(event, Event::Progress(_)));
    let name = |(_, event): &(u64, Event)| {
        serde_json::to_value(event).unwrap()["event"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    events.map(name).collect()
}

fn asked(stage: &Stage) -> usize {
    let asked = stage
        .done
        .iter()
        .filter(|effect| matches!(effect, Effect::Require { .. }));
    asked.count()
}

#[test]
fn a_swap_asks_behind_the_gate_and_says_what_it_has_asked() {
    let mut stage = Stage::new(depending());
    stage.bad = vec![8011];
    stage.ask(1, swap());
    stage.pass(Duration::from_secs(5));
    assert_eq!(asked(&stage), 0, "the candidate is not well yet");
    stage.bad.clear();
    stage.pass(Duration::from_secs(2));
    assert_eq!(steps(&stage, 1), ["plan", "gated", "required", "switched", "verified"]);
    assert_eq!(stage.live(), Slot::Green);
}

#[test]
fn what_is_found_refuses_and_changes_nothing() {
    let both = (vec![sick()], vec![difference("x"), difference("y")]);
    for (unhealthy, differences, reason, last) in [
        (
            vec![sick()],
            vec![],
            "`dev` is not healthy, and `require_healthy` asks for it",
            &["plan", "gated", "refused"][..],
        ),
        (
            vec![],
            vec![difference("x")],
            "`prod` would differ from `stage` in 1 thing, and `require_parity` asks that it does not",
            &["plan", "gated", "differs", "refused"],
        ),
        (
            both.0,
            both.1,
            "`dev` is not healthy, and `require_healthy` asks for it; `prod` would differ from `stage` in 2 things, and \
             `require_parity` asks that it does not",
            &["plan", "gated", "differs", "refused"],
        ),
    ] {
        let mut stage = Stage::new(depending());
        stage.found = Found {
            nobody: None,
            unhealthy,
            differences,
        };
        stage.ask(1, swap());
        stage.pass(Duration::from_secs(2));
        let (code, told, hint) = stage.refused(1);
        assert_eq!((code, told), (exit::REFUSED, reason));
        assert!(hint.unwrap().contains("--force"), "{hint:?}");
        assert_eq!(steps(&stage, 1), last);
        assert!(stage.switch.is_idle());
        assert_eq!(stage.published(), 0);
    }
}

#[test]
fn who_deploys_is_not_told_of_a_way_that_a_deploy_does_not_have() {
    let mut stage = Stage::new(depending());
    stage.found = Found {
        nobody: None,
        unhealthy: vec![sick()],
        differences: Vec::new(),
    };
    let part = OperationRequest {
        within: Some(7),
        ..swap()
    };
    stage.ask(1, part);
    stage.pass(Duration::from_secs(2));
    let (code, _, hint) = stage.refused(1);
    assert_eq!((code, hint), (exit::REFUSED, Some("`proxyctl status dev` shows why")));
}

#[test]
fn a_rollback_is_exempt_and_so_is_a_forced_swap_which_says_so() {
    let mut stage = Stage::new(depending());
    stage.switched(1, swap());
    stage.found.unhealthy = vec![sick()];
    stage.switched(2, rollback());
    assert_eq!(asked(&stage), 1, "the way back depends on nobody");
    let forced = OperationRequest { force: true, ..swap() };
    stage.switched(3, forced);
    assert_eq!(asked(&stage), 1);
    let warned = steps(&stage, 3).iter().filter(|name| *name == "warning").count();
    assert_eq!(warned, 2, "one for each that was not asked for");
    assert!(!steps(&stage, 2).contains(&"warning".to_owned()));
}

#[test]
fn the_automatic_way_back_depends_on_nobody() {
    let mut stage = Stage::new(depending());
    stage.front_door = Some("answered 500");
    stage.ask(1, swap());
    stage.pass(Duration::from_secs(10));
    assert!(
        matches!(stage.last(1), Event::Swap(SwapStep::RolledBack { .. })),
        "{:?}",
        stage.last(1)
    );
    assert_eq!(asked(&stage), 1);
}

#[test]
fn where_nothing_is_asked_for_nobody_is_looked_at() {
    let mut stage = Stage::new(rules());
    stage.switched(1, swap());
    assert_eq!(asked(&stage), 0);
}

fn promotion() -> OperationRequest {
    OperationRequest {
        version: Some("v2".into()),
        promotes: Some("dev".into()),
        ..swap()
    }
}

#[test]
fn a_promotion_asks_for_its_source_behind_what_the_file_asks_for() {
    let mut stage = Stage::new(depending());
    stage.switched(1, promotion());
    let asked = stage.done.iter().filter_map(|effect| match effect {
        Effect::Require { requires, version, .. } => {
            let name = |name: &Option<std::sync::Arc<str>>| name.as_deref().map(str::to_owned);
            Some((name(&requires.healthy), name(&requires.parity), version.clone()))
        }
        _ => None,
    });
    let asked: Vec<_> = asked.collect();
    let of = |healthy: &str, parity: &str, version: Option<&str>| {
        (
            Some(healthy.to_owned()),
            Some(parity.to_owned()),
            version.map(str::to_owned),
        )
    };
    assert_eq!(asked, [of("dev", "stage", None), of("dev", "dev", Some("v2"))]);
    let required = steps(&stage, 1).iter().filter(|name| *name == "required").count();
    assert_eq!(required, 2);
}

#[test]
fn a_promotion_whose_source_is_not_well_any_more_or_gone_changes_nothing() {
    let sick = Found {
        nobody: None,
        unhealthy: vec![sick()],
        differences: vec![difference("x")],
    };
    let gone = Found {
        nobody: Some(("there is no environment `dev` any more".into(), "it is `prod`".into())),
        ..Found::default()
    };
    for (found, words, told) in [
        (
            sick,
            "`dev`, whose version is promoted, is not healthy under it; `prod` would differ from `dev`, whose version is \
             promoted, in 1 thing",
            // There is no `--force`.
            "begin with `proxyctl status dev`",
        ),
        (
            gone,
            "there is no environment `dev` any more, and `prod` depends on it",
            "it is `prod`",
        ),
    ] {
        let mut stage = Stage::new(rules());
        stage.found = found;
        stage.ask(1, promotion());
        stage.pass(Duration::from_secs(2));
        assert_eq!(stage.refused(1), (exit::REFUSED, words, Some(told)));
        assert_eq!(stage.published(), 0);
    }
}

#[test]
fn what_can_be_no_promotion_is_refused_as_it_is_asked_for() {
    let own = Some("prod".to_owned());
    for (request, words) in [
        (
            OperationRequest {
                promotes: own,
                ..promotion()
            },
            "to itself",
        ),
        (
            OperationRequest {
                version: None,
                ..promotion()
            },
            "which version",
        ),
        (
            OperationRequest {
                force: true,
                ..promotion()
            },
            "forced",
        ),
        (
            OperationRequest {
                kind: Kind::Rollback,
                ..promotion()
            },
            "a rollback promotes nothing",
        ),
    ] {
        let mut stage = Stage::new(rules());
        stage.ask(1, request);
        let (code, reason, _) = stage.refused(1);
        assert_eq!(code, exit::USAGE);
        assert!(reason.contains(words), "{reason}");
    }
}
