//! Which side a command may touch, and what is written down of it.

use super::*;

#[test]
fn n32_only_an_idle_side_is_started_or_stopped() {
    for stage in [Stage::Start, Stage::Stop] {
        let try_it = |slot, change: fn(&mut Prod)| {
            let mut prod = Prod::new();
            prod.ask(1, swap());
            change(&mut prod);
            prod.begin(1, stage, slot).map_err(|problem| problem.code)
        };
        let green = Some(Slot::Green);
        assert_eq!(try_it(green, |_| {}), Ok(()));
        assert_eq!(try_it(Some(Slot::Blue), |_| {}), Err(exit::REFUSED), "it is live");
        assert_eq!(try_it(Some(Slot::Upstream), |_| {}), Err(exit::USAGE));
        assert_eq!(try_it(None, |_| {}), Err(exit::USAGE));
        let live = |prod: &mut Prod| prod.surroundings.live.push("127.0.0.1:3010".parse().unwrap());
        assert_eq!(try_it(green, live), Err(exit::REFUSED), "live by another name");
        let inside = |prod: &mut Prod| prod.surroundings.inside.push("3010".parse().unwrap());
        assert_eq!(try_it(green, inside), Err(exit::BUSY));
        assert_eq!(try_it(green, |prod| prod.draining.push(Slot::Green)), Err(exit::BUSY));
        let swapping = |prod: &mut Prod| prod.switch = Some(holder(Action::Rollback, 9));
        assert_eq!(try_it(green, swapping), Err(exit::BUSY));
        let overridden = |prod: &mut Prod| {
            let (addresses, file) = (vec!["3005".parse().unwrap()], vec!["3010".parse().unwrap()]);
            prod.state.place("web", Slot::Green, addresses, &file);
            prod.surroundings.live.push("3005".parse().unwrap());
        };
        assert_eq!(
            try_it(green, overridden),
            Err(exit::REFUSED),
            "live where `--to` put it"
        );
    }
}

#[test]
fn n32_nobody_switches_to_a_side_while_it_is_being_stopped() {
    let mut prod = Prod::new();
    prod.ask(1, swap());
    prod.switch_within(1, 2);
    prod.deployments.hear(2, &CommonStep::Planned.into());
    assert_eq!(prod.begin(1, Stage::Stop, Some(Slot::Blue)), Ok(()));
    let back = OperationRequest::new("prod", Kind::Rollback);
    let Err(Problem { code, reason, .. }) = prod.admitted(3, &back) else {
        panic!("it is being stopped");
    };
    assert_eq!(code, exit::BUSY);
    assert!(reason.contains("stop of blue"), "{reason}");
    prod.ask(4, rollback());
    assert_eq!(prod.code_of(4), Some(exit::BUSY));
    let own = OperationRequest {
        within: Some(1),
        ..back.clone()
    };
    assert!(prod.admitted(5, &own).is_err());
    assert_eq!(prod.end(1, Stage::Stop, Some(Slot::Blue)), Ok(()));
    assert_eq!(prod.admitted(6, &back), Ok(()));
}

#[test]
fn n34_every_command_is_told_when_it_begins_and_when_it_ends() {
    let mut prod = Prod::new();
    prod.ask(1, swap());
    prod.told.clear();
    assert_eq!(prod.begin(1, Stage::Before, None), Ok(()));
    assert_eq!(prod.deployments.holder(None).unwrap().step, "before");
    let second = prod.begin(1, Stage::After, None).unwrap_err();
    assert_eq!(second.code, exit::REFUSED);
    assert_eq!(prod.end(1, Stage::After, None).unwrap_err().code, exit::REFUSED);
    assert_eq!(prod.end(1, Stage::Before, None), Ok(()));
    let expected = [
        DeployStep::CommandBegun(begun(Stage::Before, None)).into(),
        DeployStep::CommandEnded(ended(Stage::Before, None)).into(),
    ];
    assert_eq!(prod.told, expected.map(|event| (1, event)));
}

#[test]
fn n34_of_a_command_and_of_its_output_a_bounded_part_is_kept() {
    let mut prod = Prod::new();
    prod.ask(1, swap());
    let long = vec!["ü".repeat(4096); 500];
    let begin = CommandBegun {
        command: long.clone(),
        ..begun(Stage::After, None)
    };
    assert_eq!(prod.step(1, Step::Begun(begin), ci()), Ok(()));
    let end = CommandEnded {
        command: long,
        output: format!("{}the end", "ü".repeat(CommandEnded::OUTPUT)),
        ..ended(Stage::After, None)
    };
    assert_eq!(prod.step(1, Step::Ended(end), ci()), Ok(()));
    let Some((1, Event::Deploy(DeployStep::CommandEnded(kept)))) = prod.told.last() else {
        panic!("{:?}", prod.told);
    };
    assert!(kept.output.len() <= CommandEnded::OUTPUT && kept.output.len() > CommandEnded::OUTPUT - 4);
    assert!(kept.output.ends_with("the end"));
    assert!(kept.command.iter().map(String::len).sum::<usize>() < 80_000);
}

#[test]
fn a_deployment_is_its_callers_alone() {
    let mut prod = Prod::new();
    prod.ask(1, swap());
    let bob = Caller {
        uid: 1001,
        user: "bob".into(),
    };
    let step = Step::Begun(begun(Stage::Before, None));
    assert_eq!(prod.step(1, step, bob).unwrap_err().code, exit::REFUSED);
    let (deployments, scene) = prod.parts();
    let within = OperationRequest {
        within: Some(1),
        ..OperationRequest::new("prod", Kind::Swap)
    };
    assert!(deployments.admit(2, &within, "bob", &scene).is_err());
    assert_eq!(prod.begin(9, Stage::Before, None).unwrap_err().code, exit::REFUSED);
}

#[test]
fn n32_a_rollback_overtakes_a_bake_window_and_touches_no_side_before_that_is_over() {
    let mut prod = Prod::new();
    prod.green_serves();
    prod.baking = true;
    prod.switch = Some(holder(Action::Swap, 7));
    prod.ask(1, swap());
    assert_eq!(prod.code_of(1), Some(exit::BUSY));
    prod.ask(2, rollback());
    assert_eq!(prod.holder(), Some(2));
    // The old side may come back by itself at any moment.
    for stage in [Stage::Start, Stage::Stop] {
        assert_eq!(prod.begin(2, stage, Some(Slot::Blue)).unwrap_err().code, exit::BUSY);
    }
    prod.switch = None;
    assert_eq!(prod.begin(2, Stage::Start, Some(Slot::Blue)), Ok(()));
}
