//! After the switch: verify, the bake window, ways back, and what waits for a drain.

use super::*;

#[test]
fn a_new_side_that_is_bad_through_the_front_door_is_rolled_back() {
    let mut stage = Stage::new(rules());
    stage.front_door = Some("answered 404");
    stage.ask(1, swap());
    stage.pass(Duration::from_secs(3));
    let Event::Swap(SwapStep::RolledBack {
        reason,
        live,
        generation,
        by: None,
    }) = stage.last(1)
    else {
        panic!("{:?}", stage.last(1));
    };
    assert!(
        reason.contains("web https://example.com/health: answered 404"),
        "{reason}"
    );
    assert_eq!((*live, *generation), (Slot::Blue, Generation(3)));
    assert_eq!(
        stage.switch.state().previous,
        None,
        "there is no way back to what was bad"
    );
    let verifies = stage
        .done
        .iter()
        .filter(|it| matches!(it, Effect::Verify { .. }))
        .count();
    assert_eq!((verifies, stage.published()), (3, 2));
    stage.drain(2);
    stage.drain(3);
    assert!(stage.switch.is_idle());
}

#[test]
fn a_wrong_version_through_the_front_door_is_rolled_back() {
    let mut rules = rules();
    rules.services[0].names_version = true;
    let mut stage = Stage::new(rules);
    stage.version = Some("B");
    let expect_version = Some("B".into());
    stage.ask(
        1,
        OperationRequest {
            expect_version,
            ..swap()
        },
    );
    stage.pass(Duration::from_millis(900));
    stage.version = Some("A");
    // The third pass still counts as B, the front door says A.
    let moment = Moment {
        at: Duration::from_secs(1),
        wall: jiff::Timestamp::UNIX_EPOCH,
    };
    stage.now = moment.at;
    let effects = stage.switch.handle(Input::Tick, moment);
    for effect in effects {
        if let Effect::Probe {
            ticket,
            service,
            address,
            ..
        } = effect
        {
            let report = ProbeReport {
                version: Some("B".into()),
                ..stage.report(service, &address)
            };
            stage.input(Input::Probed {
                ticket,
                service,
                address,
                report,
            });
        }
    }
    stage.pass(Duration::from_secs(2));
    let Event::Swap(SwapStep::RolledBack { reason, .. }) = stage.last(1) else {
        panic!("{:?}", stage.last(1));
    };
    assert!(reason.contains("is version `A`, expected `B`"), "{reason}");
}

#[test]
fn a_bad_new_side_stays_when_the_old_one_is_dead_too() {
    let mut stage = Stage::new(rules());
    stage.front_door = Some("answered 500");
    stage.bad = vec![3000];
    stage.ask(1, swap());
    stage.pass(Duration::from_secs(10));
    let Event::Common(CommonStep::Failed { reason, live }) = stage.last(1) else {
        panic!("{:?}", stage.last(1));
    };
    assert!(
        reason.contains("the old side is no better: web 127.0.0.1:3000"),
        "{reason}"
    );
    assert_eq!(
        (*live, stage.live(), stage.published()),
        (Some(Slot::Green), Slot::Green, 1)
    );
    assert!(stage.switch.holder().is_none());
}

#[test]
fn a_rollback_to_a_dead_side_is_refused_with_its_reason() {
    let mut stage = Stage::new(rules());
    stage.switched(1, swap());
    stage.bad = vec![8001];
    stage.ask(2, rollback());
    stage.pass(Duration::from_secs(61));
    let (code, reason, _) = stage.refused(2);
    assert_eq!(code, exit::REFUSED);
    assert!(reason.starts_with("api 127.0.0.1:8001 did not pass"), "{reason}");
    assert_eq!(stage.live(), Slot::Green);
}

#[test]
fn the_bake_window_closes_well_and_the_lock_ends_with_it() {
    let mut stage = Stage::new(baking());
    stage.ask(1, swap());
    stage.pass(Duration::from_secs(2));
    assert_eq!(stage.switch.holder().unwrap().step, "bake");
    stage.drain(2);
    assert!(
        matches!(stage.last(1), Event::Swap(SwapStep::Drained { .. })),
        "drained is not done while it bakes"
    );
    stage.pass(Duration::from_secs(30));
    assert!(
        matches!(stage.last(1), Event::Swap(SwapStep::Done { .. })),
        "{:?}",
        stage.last(1)
    );
    let baking = stage
        .events
        .iter()
        .filter(|(_, it)| matches!(it, Event::Progress(Progress::Baking { .. })))
        .count();
    assert!((29..=31).contains(&baking), "{baking}");
    assert!(
        stage
            .events
            .iter()
            .any(|(_, it)| matches!(it, Event::Swap(SwapStep::Baked { elapsed_ms: 30_000, .. })))
    );
}

#[test]
fn a_new_side_that_turns_out_worse_is_rolled_back() {
    let mut stage = Stage::new(baking());
    stage.ask(1, swap());
    stage.pass(Duration::from_secs(5));
    stage.figures = vec![Figures {
        new: Sample {
            requests: 100,
            app_errors: 50,
            ..Sample::default()
        },
        before: Sample::default(),
    }];
    stage.pass(Duration::from_secs(2));
    let Event::Swap(SwapStep::RolledBack { reason, by, live, .. }) = stage.last(1) else {
        panic!("{:?}", stage.last(1));
    };
    assert!(reason.contains("web: 50.0 % of 100 requests failed"), "{reason}");
    assert_eq!((by, *live), (&None, Slot::Blue));
}

#[test]
fn a_new_side_whose_health_fails_in_the_bake_window_is_rolled_back() {
    let mut stage = Stage::new(baking());
    stage.ask(1, swap());
    stage.pass(Duration::from_secs(5));
    stage.bad = vec![8011];
    stage.pass(Duration::from_secs(2));
    let Event::Swap(SwapStep::RolledBack { reason, .. }) = stage.last(1) else {
        panic!("{:?}", stage.last(1));
    };
    assert!(
        reason.contains("api 127.0.0.1:8011") && reason.contains("3 times in a row"),
        "{reason}"
    );
}

#[test]
fn a_rollback_pre_empts_the_bake_window() {
    let mut stage = Stage::new(baking());
    stage.ask(1, swap());
    stage.pass(Duration::from_secs(5));
    stage.ask(2, rollback());
    assert!(
        !matches!(stage.last(1), Event::Swap(SwapStep::RolledBack { .. })),
        "not before it is true"
    );
    stage.pass(Duration::from_secs(2));
    let Event::Swap(SwapStep::RolledBack { reason, by, live, .. }) = stage.last(1) else {
        panic!("{:?}", stage.last(1));
    };
    assert_eq!(reason, "a rollback by ci pre-empted the bake window");
    assert_eq!((by.as_deref(), *live), (Some("ci"), Slot::Blue));
    assert!(stage.switch.holder().is_none(), "a rollback does not bake");
    stage.drain(2);
    stage.drain(3);
    assert!(matches!(stage.last(2), Event::Swap(SwapStep::Done { .. })));
}

#[test]
fn a_rollback_that_is_refused_lets_the_bake_window_go_on() {
    let mut stage = Stage::new(baking());
    stage.ask(1, swap());
    stage.pass(Duration::from_secs(5));
    stage.bad = vec![3000];
    stage.ask(
        2,
        OperationRequest {
            deadline_ms: Some(1000),
            ..rollback()
        },
    );
    stage.pass(Duration::from_secs(2));
    assert_eq!(stage.refused(2).0, exit::REFUSED);
    assert_eq!(stage.switch.holder().unwrap().operation, 1);
    stage.pass(Duration::from_secs(30));
    stage.drain(2);
    assert!(
        matches!(stage.last(1), Event::Swap(SwapStep::Done { .. })),
        "{:?}",
        stage.last(1)
    );
}

#[test]
fn a_bake_window_that_goes_on_asks_again_for_what_it_was_not_answered() {
    let mut stage = Stage::new(baking());
    stage.ask(1, swap());
    stage.pass(Duration::from_secs(5));
    stage.silent = true;
    stage.pass(Duration::from_secs(1));
    stage.silent = false;
    stage.bad = vec![3000];
    stage.ask(
        2,
        OperationRequest {
            deadline_ms: Some(1000),
            ..rollback()
        },
    );
    stage.pass(Duration::from_secs(2));
    assert_eq!(stage.refused(2).0, exit::REFUSED);
    stage.bad = vec![3010];
    stage.pass(Duration::from_secs(3));
    assert!(
        matches!(stage.last(1), Event::Swap(SwapStep::RolledBack { .. })),
        "{:?}",
        stage.last(1)
    );
}

#[test]
fn a_swap_that_is_rolled_back_while_it_drains_did_not_succeed() {
    let mut stage = Stage::new(rules());
    stage.ask(1, swap());
    stage.pass(Duration::from_secs(2));
    stage.ask(2, rollback());
    stage.pass(Duration::from_secs(2));
    assert!(
        matches!(stage.last(1), Event::Swap(SwapStep::RolledBack { .. })),
        "{:?}",
        stage.last(1)
    );
    stage.drain(3);
    let Event::Swap(SwapStep::Done { safe_to_stop, .. }) = stage.last(2) else {
        panic!("{:?}", stage.last(2));
    };
    assert_eq!(safe_to_stop[0].addresses, [at(3010)]);
}

#[test]
fn a_stop_answers_everyone_who_waits() {
    let mut stage = Stage::new(baking());
    stage.ask(1, swap());
    stage.pass(Duration::from_secs(5));
    stage.ask(2, rollback());
    stage.input(Input::Stop);
    assert!(matches!(stage.last(1), Event::Common(CommonStep::Failed { .. })));
    assert!(matches!(stage.last(2), Event::Common(CommonStep::Failed { .. })));
    stage.ask(3, swap());
    assert_eq!(stage.refused(3).1, "the proxy is stopping");
}

#[test]
fn an_answer_to_an_old_question_changes_nothing() {
    let mut stage = Stage::new(rules());
    stage.switched(1, swap());
    let before = stage.events.len();
    for ticket in (0..20).map(Ticket) {
        stage.input(Input::Persisted {
            ticket,
            result: Ok(Durability::Durable),
        });
        stage.input(Input::Verified {
            ticket,
            seen: Vec::new(),
        });
    }
    assert_eq!((stage.events.len(), stage.live()), (before, Slot::Green));
}
