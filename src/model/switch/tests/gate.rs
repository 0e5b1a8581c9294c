//! From the gate to the switch.

use super::*;

#[test]
fn a_swap_goes_through_its_steps_in_order() {
    let mut stage = Stage::new(rules());
    stage.ask(7, swap());
    assert_eq!(stage.switch.holder().unwrap().step, "gate");
    stage.pass(Duration::from_secs(2));
    assert_eq!(
        (stage.live(), stage.switch.state().generation),
        (Slot::Green, Generation(2))
    );
    assert!(
        stage.switch.holder().is_none(),
        "without a bake window the lock ends after verify"
    );
    stage.input(Input::Draining {
        left: Generation(2),
        service: 0,
        requests: 3,
        streams: 1,
    });
    stage.drain(2);
    let names: Vec<_> = stage
        .events
        .iter()
        .map(|(_, event)| {
            serde_json::to_value(event).unwrap()["event"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    let mut steps = names.clone();
    steps.retain(|name| name != "gating");
    assert_eq!(
        steps,
        ["plan", "gated", "switched", "verified", "draining", "drained", "done"],
        "{names:?}"
    );
    let Event::Swap(SwapStep::Done { safe_to_stop, .. }) = stage.last(7) else {
        panic!("{:?}", stage.last(7));
    };
    assert_eq!(safe_to_stop.len(), 2);
    assert_eq!(safe_to_stop[0].addresses, [at(3000)]);
    assert!(stage.switch.is_idle());
}

#[test]
fn the_state_is_saved_before_it_is_published() {
    let mut stage = Stage::new(rules());
    stage.switched(1, swap());
    let place = |of: fn(&Effect) -> bool| stage.done.iter().position(of).unwrap();
    assert!(
        place(|effect| matches!(effect, Effect::Persist { .. }))
            < place(|effect| matches!(effect, Effect::Publish { .. }))
    );
}

#[test]
fn n7_a_gate_that_is_not_passed_changes_nothing_and_says_why() {
    let mut stage = Stage::new(rules());
    stage.bad = vec![8011];
    stage.ask(1, swap());
    stage.pass(Duration::from_secs(61));
    let Event::Common(CommonStep::Refused {
        code,
        reason,
        evidence,
        live,
        ..
    }) = stage.last(1)
    else {
        panic!("{:?}", stage.last(1));
    };
    assert_eq!((*code, *live), (exit::REFUSED, Some(Slot::Blue)));
    assert_eq!(
        reason,
        "api 127.0.0.1:8011 did not pass /health: answered 503 (120 probes in 60 s)"
    );
    let passes: Vec<_> = evidence.iter().map(|GateReport { passes, .. }| *passes > 3).collect();
    assert_eq!(passes, [true, false]);
    assert_eq!((stage.live(), stage.published()), (Slot::Blue, 0));
    assert!(stage.switch.is_idle());
}

#[test]
fn the_deadline_can_be_named() {
    let mut stage = Stage::new(rules());
    stage.bad = vec![3010, 8011];
    let deadline_ms = Some(2500);
    stage.ask(1, OperationRequest { deadline_ms, ..swap() });
    stage.pass(Duration::from_secs(3));
    assert_eq!(
        stage.refused(1).1,
        "web 127.0.0.1:3010 did not pass /health: answered 503 (5 probes in 2.5 s), and neither did one more instance"
    );
}

#[test]
fn progress_is_told_once_a_second_and_once_a_change() {
    let mut stage = Stage::new(rules());
    stage.bad = vec![3010, 8011];
    stage.ask(1, swap());
    stage.pass(Duration::from_secs(10));
    let told = stage
        .events
        .iter()
        .filter(|(_, event)| matches!(event, Event::Progress(Progress::Gating { .. })))
        .count();
    assert!((10..=12).contains(&told), "{told}");
    stage.bad.clear();
    stage.pass(Duration::from_millis(600));
    let after = stage
        .events
        .iter()
        .filter(|(_, event)| matches!(event, Event::Progress(Progress::Gating { .. })))
        .count();
    assert!(after > told, "a change of verdict is news");
}

#[test]
fn n6_a_candidate_of_another_version_does_not_pass() {
    let mut rules = rules();
    rules.services[0].names_version = true;
    let expect_version = Some("B".into());
    let request = OperationRequest {
        expect_version,
        ..swap()
    };
    let mut stage = Stage::new(rules.clone());
    stage.version = Some("A");
    stage.ask(1, request.clone());
    stage.pass(Duration::from_secs(61));
    assert!(
        stage.refused(1).1.contains("is version `A`, expected `B`"),
        "{}",
        stage.refused(1).1
    );

    let mut stage = Stage::new(rules);
    stage.version = Some("B");
    stage.switched(1, request);
}

#[test]
fn n8_force_skips_the_verdict_but_not_the_order() {
    let force = OperationRequest { force: true, ..swap() };
    let mut stage = Stage::new(rules());
    stage.bad = vec![8011];
    stage.ask(1, force.clone());
    let looks = |it: &&Effect| {
        matches!(
            it,
            Effect::Probe {
                look: Look::Connect,
                ..
            }
        )
    };
    assert_eq!(stage.done.iter().filter(looks).count(), 2);
    assert_eq!(stage.published(), 0, "it waits for a connection");
    stage.bad.clear();
    stage.front_door = Some("answered 500");
    stage.pass(Duration::from_secs(2));
    assert_eq!(stage.live(), Slot::Green);
    assert!(
        stage
            .events
            .iter()
            .any(|(_, event)| matches!(event, Event::Swap(SwapStep::Plan { forced: true, .. })))
    );
    stage.drain(2);
    assert!(
        matches!(stage.last(1), Event::Swap(SwapStep::Done { .. })),
        "what was forced is not undone"
    );

    let mut stage = Stage::new(rules());
    stage.bad = vec![8011];
    stage.ask(1, force);
    stage.pass(Duration::from_secs(61));
    assert!(stage.refused(1).1.contains("does not accept a connection"));
}

#[test]
fn a_warm_up_that_fails_stops_nothing() {
    let mut rules = rules();
    rules.services[1].warms = true;
    let mut stage = Stage::new(rules);
    stage.switched(1, swap());
    let warmed = |(_, event): &(u64, Event)| {
        matches!(
            event,
            Event::Swap(SwapStep::Warmed {
                requests: 1,
                failed: 1,
                ..
            })
        )
    };
    assert!(stage.events.iter().any(warmed));
}

#[test]
fn n27_what_cannot_be_saved_is_not_switched() {
    let mut stage = Stage::new(rules());
    stage.disk = Err("no space left on device".into());
    stage.ask(1, swap());
    stage.pass(Duration::from_secs(2));
    let Event::Common(CommonStep::Failed { reason, live }) = stage.last(1) else {
        panic!("{:?}", stage.last(1));
    };
    assert!(reason.contains("nothing was switched"), "{reason}");
    assert_eq!(
        (*live, stage.published(), stage.live()),
        (Some(Slot::Blue), 0, Slot::Blue)
    );
}

#[test]
fn an_uncertain_save_is_published_and_reported() {
    let mut stage = Stage::new(rules());
    stage.disk = Ok(Durability::Uncertain("fsync: input/output error".into()));
    stage.switched(1, swap());
    let uncertain = |(_, event): &(u64, Event)| {
        matches!(
            event,
            Event::Swap(SwapStep::Switched {
                durability_uncertain: true,
                ..
            })
        )
    };
    assert!(stage.events.iter().any(uncertain));
}

#[test]
fn what_is_about_to_serve_is_connected_to_before_it_is_saved_and_published() {
    let mut stage = Stage::new(rules());
    stage.switched(1, swap());
    stage.switched(2, rollback());
    let step = |effect: &Effect| match effect {
        Effect::ConnectAhead { moves, .. } => Some(format!("connect to {}", moves[0].to.slot)),
        Effect::Persist { .. } => Some("save".into()),
        Effect::Publish { .. } => Some("publish".into()),
        _ => None,
    };
    let steps: Vec<_> = stage.done.iter().filter_map(step).collect();
    let expected = [
        "connect to green",
        "save",
        "publish",
        "connect to blue",
        "save",
        "publish",
    ];
    assert_eq!(steps, expected);
}

#[test]
fn whoever_asks_while_it_is_connected_to_is_told_of_nothing_new() {
    let mut stage = Stage::new(rules());
    stage.unconnected = true;
    stage.ask(1, swap());
    stage.pass(Duration::from_secs(2));
    assert_eq!(stage.switch.holder().unwrap().step, "persist");
    let asked = stage.done.iter().find_map(|effect| match effect {
        Effect::ConnectAhead { ticket, .. } => Some(*ticket),
        _ => None,
    });
    stage.input(Input::ConnectedAhead { ticket: Ticket(0) });
    assert_eq!(stage.published(), 0, "an answer to another question");
    stage.input(Input::ConnectedAhead { ticket: asked.unwrap() });
    assert_eq!((stage.live(), stage.published()), (Slot::Green, 1));
}
