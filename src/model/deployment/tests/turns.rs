//! Who holds an environment, and who waits for it.

use super::*;

#[test]
fn a_deployment_is_told_both_sides_when_it_holds_the_environment() {
    let mut prod = Prod::new();
    prod.ask(1, swap());
    let [(1, Event::Deploy(DeployStep::Deploying { operation, plan, .. }))] = prod.told.as_slice() else {
        panic!("{:?}", prod.told);
    };
    assert_eq!((*operation, plan.live, plan.idle), (Some(1), Slot::Blue, Slot::Green));
    assert_eq!(plan.services[0].idle.addresses, ["3010".parse().unwrap()]);
    assert_eq!((plan.idle_since.clone(), plan.names_version), (None, true));
    assert_eq!(prod.holder(), Some(1));
}

#[test]
fn n5_who_comes_second_is_refused_and_told_who_was_first() {
    let mut prod = Prod::new();
    prod.ask(1, swap());
    prod.ask(2, swap());
    let Some(Event::Common(CommonStep::Refused { code, reason, .. })) = prod.end_of(2) else {
        panic!("{:?}", prod.told);
    };
    assert_eq!(*code, exit::BUSY);
    assert!(reason.contains("deploy 1 by ci holds `prod`"), "{reason}");
    assert_eq!(prod.release(1), Ok(()));
    prod.ask(3, swap());
    assert_eq!(prod.holder(), Some(3));
}

#[test]
fn n5_whatever_else_holds_the_environment_is_waited_for_too() {
    for kind in [Action::Reload, Action::Pause, Action::Swap] {
        let mut prod = Prod::new();
        match kind {
            Action::Swap => prod.switch = Some(holder(kind, 7)),
            _ => prod.aside = Some(holder(kind, 7)),
        }
        prod.ask(1, swap());
        prod.ask(2, waits());
        assert_eq!((prod.code_of(1), prod.holder()), (Some(exit::BUSY), None));
        (prod.aside, prod.switch) = (None, None);
        prod.input(Input::Tick);
        assert_eq!(prod.holder(), Some(2), "{kind}");
    }
}

#[test]
fn those_who_wait_come_in_the_order_in_which_they_asked_and_know_their_place() {
    let mut prod = Prod::new();
    prod.ask(1, swap());
    (2..5).for_each(|operation| prod.ask(operation, waits()));
    let places = |prod: &Prod| {
        let queued = prod.told.iter().filter_map(|(operation, event)| match event {
            Event::Progress(Progress::Queued { behind, ahead }) => Some((*operation, behind.operation, *ahead)),
            _ => None,
        });
        queued.collect::<Vec<_>>()
    };
    assert_eq!(places(&prod), [(2, 1, 0), (3, 1, 1), (4, 1, 2)]);
    assert_eq!(prod.deployments.waiting().len(), 3);
    prod.told.clear();
    prod.input(Input::Tick);
    assert_eq!(places(&prod), [], "what is told once is not told again");
    // One of them does not want to wait any longer.
    prod.input(Input::Left { operation: 3 });
    assert_eq!(prod.code_of(3), Some(exit::FAILED));
    assert_eq!(places(&prod), [(4, 1, 1)]);
    for (over, next) in [(1, 2), (2, 4)] {
        assert_eq!(prod.release(over), Ok(()));
        assert_eq!(prod.holder(), Some(next));
    }
    assert!(prod.deployments.waiting().is_empty());
}

#[test]
fn who_has_waited_for_long_enough_is_refused() {
    let mut prod = Prod::new();
    prod.ask(1, swap());
    prod.ask(2, waits());
    assert_eq!(prod.deployments.wake(), Some(Duration::from_secs(60)));
    prod.now = Duration::from_secs(60);
    prod.input(Input::Tick);
    let Some(Event::Common(CommonStep::Refused { code, reason, .. })) = prod.end_of(2) else {
        panic!("{:?}", prod.told);
    };
    assert_eq!(
        (*code, reason.as_str()),
        (exit::BUSY, "its turn did not come within 60 s")
    );
    assert_eq!(prod.deployments.wake(), None);
}

#[test]
fn no_more_wait_than_there_are_places() {
    let mut prod = Prod::new();
    let last = 1 + PLACES as u64;
    (1..=last).for_each(|operation| prod.ask(operation, waits()));
    assert_eq!(prod.code_of(last), None);
    prod.ask(last + 1, waits());
    assert_eq!(prod.code_of(last + 1), Some(exit::BUSY));
    assert_eq!(prod.deployments.waiting().len(), PLACES);
}

#[test]
fn a_client_that_is_gone_frees_the_environment_at_once() {
    let mut prod = Prod::new();
    prod.ask(1, swap());
    prod.ask(2, waits());
    assert_eq!(prod.begin(1, Stage::Before, None), Ok(()));
    prod.input(Input::Left { operation: 1 });
    let abandoned = DeployStep::Abandoned {
        step: "before".into(),
        live: Some(Slot::Blue),
    };
    assert_eq!(prod.end_of(1), Some(&abandoned.into()));
    assert_eq!(prod.holder(), Some(2));
    assert_eq!(prod.end(1, Stage::Before, None).unwrap_err().code, exit::REFUSED);
}

#[test]
fn n32_what_was_switched_meanwhile_is_not_held_for_who_knew_the_generation_before() {
    let mut prod = Prod::new();
    let since = |generation| DeployRequest {
        since: Some(Generation(generation)),
        ..waits()
    };
    prod.ask(1, since(1));
    assert_eq!(prod.holder(), Some(1));
    // The second knows the same, and waits: meanwhile the first switches.
    prod.ask(2, since(1));
    prod.switch_within(1, 3);
    assert_eq!(prod.release(1), Ok(()));
    assert_eq!((prod.code_of(2), prod.holder()), (Some(exit::REFUSED), None));
    prod.ask(4, since(2));
    assert_eq!(prod.holder(), Some(4));
    assert_eq!(prod.release(4), Ok(()));
    // A reload that adds a service counts on, and switches nothing.
    prod.state.generation = Generation(3);
    prod.ask(5, since(2));
    assert_eq!(prod.holder(), Some(5));
    assert_eq!(prod.release(5), Ok(()));
    prod.ask(6, since(1));
    assert_eq!((prod.code_of(6), prod.holder()), (Some(exit::REFUSED), None));
}

#[test]
fn n5_others_switch_nothing_while_a_deployment_holds_the_environment() {
    let mut prod = Prod::new();
    let plain = |kind| OperationRequest::new("prod", kind);
    let code = |refused: Result<(), Problem>| Some(refused.unwrap_err().code);
    let within = OperationRequest {
        within: Some(1),
        ..plain(Kind::Swap)
    };
    assert_eq!(
        code(prod.admitted(9, &within)),
        Some(exit::REFUSED),
        "it holds nothing yet"
    );
    assert_eq!(prod.admitted(9, &plain(Kind::Swap)), Ok(()));
    prod.ask(1, swap());
    for kind in [Kind::Swap, Kind::Rollback] {
        assert_eq!(code(prod.admitted(9, &plain(kind))), Some(exit::BUSY));
    }
    let gate = OperationRequest {
        gate_only: true,
        ..plain(Kind::Swap)
    };
    assert_eq!(code(prod.admitted(9, &gate)), Some(exit::USAGE), "without a deployment");
    prod.switch_within(1, 2);
    assert_eq!(code(prod.admitted(9, &within)), Some(exit::REFUSED), "one at a time");
    assert_eq!(code(prod.admitted(9, &plain(Kind::Swap))), Some(exit::BUSY));
    assert_eq!(prod.admitted(9, &plain(Kind::Rollback)), Ok(()), "the way back is open");
}

#[test]
fn a_rollback_stands_above_a_deployment_that_has_switched() {
    let mut prod = Prod::new();
    prod.ask(1, swap());
    prod.ask(2, rollback());
    assert_eq!(prod.code_of(2), Some(exit::REFUSED), "there is no way back yet");
    prod.switch_within(1, 3);
    // Others wait, and the rollback does not.
    prod.ask(4, waits());
    prod.ask(5, rollback());
    assert_eq!(prod.holder(), Some(5));
    assert_eq!(prod.deployments.holder(None).unwrap().kind, Action::Rollback);
    assert_eq!(prod.begin(1, Stage::After, None).unwrap_err().code, exit::BUSY);
    prod.ask(6, rollback());
    assert_eq!(prod.code_of(6), Some(exit::BUSY), "one is enough");
    assert_eq!(prod.release(5), Ok(()));
    assert_eq!(prod.holder(), Some(1));
    assert_eq!(prod.begin(1, Stage::After, None), Ok(()));
    assert_eq!(prod.end(1, Stage::After, None), Ok(()));
    assert_eq!(prod.release(1), Ok(()));
    assert_eq!(prod.holder(), Some(4));
}

#[test]
fn a_rollback_goes_on_when_the_deployment_below_it_is_over() {
    let mut prod = Prod::new();
    prod.ask(1, swap());
    prod.switch_within(1, 2);
    prod.ask(3, rollback());
    prod.input(Input::Left { operation: 1 });
    assert_eq!(prod.holder(), Some(3));
    assert_eq!(prod.release(3), Ok(()));
    assert!(prod.deployments.is_idle());
}

#[test]
fn a_dry_run_needs_neither_the_environment_nor_its_name() {
    let mut prod = Prod::new();
    prod.ask(1, swap());
    prod.rules.protected = true;
    let dry = DeployRequest {
        dry_run: true,
        ..swap()
    };
    prod.told.clear();
    prod.ask(2, dry);
    let [
        (2, Event::Deploy(DeployStep::Deploying { operation: None, .. })),
        (2, planned),
    ] = prod.told.as_slice()
    else {
        panic!("{:?}", prod.told);
    };
    assert_eq!(*planned, CommonStep::Planned.into());
    assert_eq!(prod.holder(), Some(1));
}

#[test]
fn what_cannot_be_deployed_is_refused_with_its_reason() {
    let refused = |request: DeployRequest, change: fn(&mut Prod)| {
        let mut prod = Prod::new();
        change(&mut prod);
        prod.ask(1, request);
        assert_eq!(prod.holder(), None);
        match prod.end_of(1) {
            Some(Event::Common(CommonStep::Refused { code, reason, .. })) => (*code, reason.clone()),
            other => panic!("{other:?}"),
        }
    };
    let (code, reason) = refused(swap(), |prod| prod.rules.protected = true);
    assert_eq!((code, reason.as_str()), (exit::USAGE, "`prod` is protected"));
    let (code, reason) = refused(swap(), |prod| prod.rules.services.clear());
    assert!(code == exit::REFUSED && reason.contains("no service"), "{reason}");
    let (code, reason) = refused(rollback(), |_| {});
    assert!(code == exit::REFUSED && reason.contains("no previous side"), "{reason}");
    let odd = DeployRequest {
        version: Some("$(reboot)".into()),
        ..swap()
    };
    let (code, reason) = refused(odd, |_| {});
    assert!(
        code == exit::USAGE && reason.contains("cannot be a version"),
        "{reason}"
    );
}

#[test]
fn the_end_of_the_process_and_of_the_environment_answers_everybody_once() {
    for (input, holds) in [(Input::Stop, false), (Input::Gone, true)] {
        let mut prod = Prod::new();
        prod.ask(1, swap());
        prod.ask(2, waits());
        let (deployments, scene) = prod.parts();
        let now = Moment {
            at: Duration::ZERO,
            wall: jiff::Timestamp::UNIX_EPOCH,
        };
        let request = DeployRequest {
            dry_run: true,
            ..swap()
        };
        let (operation, caller) = (3, ci());
        let ask = Input::Ask {
            operation,
            request,
            caller,
        };
        let looked = deployments.handle(ask, &scene, now);
        assert!(matches!(looked.as_slice(), [Effect::Look { .. }]));
        prod.input(input);
        assert_eq!(prod.end_of(1).is_none(), holds);
        assert!(prod.end_of(2).is_some() && prod.end_of(3).is_some());
        assert_eq!(prod.holder().is_some(), holds);
    }
}

#[test]
fn a_process_that_ends_fails_at_what_the_next_one_may_be_asked() {
    let mut prod = Prod::new();
    prod.ask(1, swap());
    prod.input(Input::Stop);
    prod.ask(2, swap());
    assert_eq!(
        (prod.code_of(1), prod.code_of(2)),
        (Some(exit::FAILED), Some(exit::FAILED))
    );
    let asked = prod.begin(1, Stage::Stop, Some(Slot::Blue));
    assert_eq!(asked.map_err(|problem| problem.code), Err(exit::FAILED));
    let released = prod.release(1);
    assert_eq!(released.map_err(|problem| problem.code), Err(exit::FAILED));
}
