//! Every way through a pause, one at a time. `tests/simulation.rs` mixes them.

use std::collections::BTreeSet;

use super::*;

const LIMIT: u64 = 30_000;

/// A pause, its time, and what it said. Activations 7 and 8 are live.
struct Scene {
    pause: Pause,
    now: Duration,
    done: Vec<Effect>,
}

impl Scene {
    fn new() -> Self {
        Self {
            pause: Pause::new("prod".into()),
            now: Duration::from_secs(100),
            done: Vec::new(),
        }
    }

    /// Asked for, and the gates are closed.
    fn begun(attached: bool) -> Self {
        let mut scene = Self::new();
        scene.ask(1, attached);
        scene.input(Input::Closed { leaving: vec![7, 8] });
        scene
    }

    /// The app holds nothing.
    fn paused(attached: bool) -> Self {
        let mut scene = Self::begun(attached);
        scene.input(Input::Drained { activation: 7 });
        scene.input(Input::Drained { activation: 8 });
        scene
    }

    fn ask(&mut self, operation: u64, attached: bool) {
        self.ask_for(operation, attached, false);
    }

    fn ask_for(&mut self, operation: u64, attached: bool, writes: bool) {
        let request = PauseRequest {
            environment: "prod".into(),
            timeout_ms: LIMIT,
            attached,
            writes,
        };
        let user = "ci".into();
        self.input(Input::Ask {
            operation,
            request,
            user,
        });
    }

    fn resume(&mut self, listener: u64, operation: Option<u64>, force: bool) {
        let request = ResumeRequest {
            environment: "prod".into(),
            operation,
            force,
        };
        let caller = Caller {
            uid: 0,
            user: "ann".into(),
        };
        self.input(Input::Resume {
            listener,
            request,
            caller,
        });
    }

    fn gated(&mut self, operation: u64, well: bool) {
        let elapsed = Duration::from_secs(1);
        let result = if well { Ok(Vec::new()) } else { Err(Vec::new()) };
        self.input(Input::Gated {
            operation,
            result,
            elapsed,
        });
    }

    fn input(&mut self, input: Input) {
        let wall = jiff::Timestamp::UNIX_EPOCH;
        let effects = self.pause.handle(input, Moment { at: self.now, wall });
        self.done.extend(effects);
    }

    fn pass(&mut self, seconds: u64) {
        let until = self.now + Duration::from_secs(seconds);
        while let Some(wake) = self.pause.wake().filter(|wake| *wake <= until) {
            self.now = self.now.max(wake);
            self.input(Input::Tick);
        }
        self.now = until;
    }

    fn step(&self) -> Option<String> {
        self.pause.holder().map(|holder| holder.step)
    }

    fn did(&self, effect: &Effect) -> bool {
        self.done.contains(effect)
    }

    fn last(&self) -> &Event {
        let mut events = self.done.iter().filter_map(|effect| match effect {
            Effect::Tell { event, .. } | Effect::Refuse { event, .. } => Some(event),
            _ => None,
        });
        events.next_back().unwrap()
    }

    fn patience(&self) -> Duration {
        let mut gates = self.done.iter().filter_map(|effect| match effect {
            Effect::Gate { patience, .. } => Some(*patience),
            _ => None,
        });
        gates.next_back().unwrap()
    }
}

#[test]
fn n13_requests_are_held_until_the_app_is_well_again() {
    let mut scene = Scene::begun(false);
    assert!(
        scene.did(&Effect::Hold {
            operation: 1,
            writes: false
        }) && scene.pause.is_on()
    );
    assert_eq!(scene.step().as_deref(), Some("drain"));
    scene.input(Input::Drained { activation: 7 });
    assert_eq!(scene.step().as_deref(), Some("drain"), "8 still holds a claim");
    scene.input(Input::Drained { activation: 8 });
    assert_eq!(scene.step().as_deref(), Some("paused"));
    assert!(matches!(
        scene.last(),
        Event::Pause(PauseStep::Paused { left_ms: LIMIT, .. })
    ));
    scene.resume(1, None, false);
    assert_eq!(scene.step().as_deref(), Some("gate"));
    assert!(!scene.did(&Effect::Release), "before the app is well");
    scene.gated(1, true);
    assert!(scene.did(&Effect::Release) && !scene.pause.is_on());
    assert!(matches!(
        scene.last(),
        Event::Pause(PauseStep::Resumed { reason: None, .. })
    ));
}

/// What an earlier pause of writes has waited for, and nobody waits for any more, says nothing of what is inside now.
#[test]
fn n13_writes_that_end_behind_their_pause_end_no_other_pauses_drain() {
    for writes in [false, true] {
        let mut scene = Scene::new();
        scene.ask_for(1, false, true);
        scene.input(Input::Closed { leaving: vec![7] });
        scene.resume(9, None, true);
        assert!(!scene.pause.is_on());
        scene.ask_for(2, false, writes);
        scene.input(Input::Closed { leaving: vec![7] });
        scene.input(Input::Written { operation: 1 });
        assert_eq!(scene.step().as_deref(), Some("drain"), "of writes: {writes}");
        scene.input(Input::Written { operation: 2 });
        let step = if writes { "paused" } else { "drain" };
        assert_eq!(scene.step().as_deref(), Some(step));
    }
}

#[test]
fn an_environment_without_services_is_paused_at_once() {
    let mut scene = Scene::new();
    scene.ask(1, false);
    scene.input(Input::Closed { leaving: Vec::new() });
    assert_eq!(scene.step().as_deref(), Some("paused"));
}

#[test]
fn n13_health_that_does_not_come_back_turns_the_held_requests_away() {
    let mut scene = Scene::paused(false);
    scene.resume(1, None, false);
    scene.gated(1, false);
    let at = |wanted: &Effect| scene.done.iter().position(|effect| effect == wanted).unwrap();
    assert!(at(&Effect::TurnAway) < at(&Effect::Release));
    assert!(matches!(scene.last(), Event::Pause(PauseStep::Lapsed { reason, .. }) if reason.contains("503")));
}

#[test]
fn n13_a_client_that_hangs_up_releases_its_pause_and_no_other() {
    let mut scene = Scene::paused(true);
    assert!(scene.did(&Effect::Watch { operation: 1 }));
    scene.input(Input::Left { operation: 2 });
    assert_eq!(scene.step().as_deref(), Some("paused"));
    scene.input(Input::Left { operation: 1 });
    assert_eq!(scene.step().as_deref(), Some("gate"));
    scene.gated(1, true);
    assert!(matches!(scene.last(), Event::Pause(PauseStep::Resumed { reason: Some(why), .. }) if why.contains("gone")));
}

#[test]
fn a_plain_pause_ends_at_its_limit_with_a_last_look_at_the_app() {
    let mut scene = Scene::paused(false);
    scene.pass(30);
    assert_eq!(scene.step().as_deref(), Some("gate"));
    assert_eq!(scene.patience(), LAST_LOOK);
    scene.gated(1, true);
    assert!(
        matches!(scene.last(), Event::Pause(PauseStep::Resumed { reason: Some(why), .. }) if why.contains("its limit of 30 s"))
    );
}

#[test]
fn a_command_that_takes_too_long_is_told_that_it_was_not_alone() {
    let mut scene = Scene::paused(true);
    scene.pass(30);
    scene.gated(1, true);
    assert!(matches!(scene.last(), Event::Pause(PauseStep::Lapsed { .. })));
    assert!(!scene.did(&Effect::TurnAway));
}

#[test]
fn the_last_look_has_the_time_that_its_passes_take() {
    let (ms, s) = (Duration::from_millis, Duration::from_secs);
    assert_eq!(last_look(3, s(2), ms(1500)), s(6), "as its probes come");
    assert_eq!(last_look(3, ms(500), s(4)), s(12), "as it may answer");
    assert_eq!(last_look(1, ms(10), ms(10)), LAST_LOOK);
    assert_eq!(last_look(1000, s(3600), s(60)), LONGEST_LOOK);
    assert_eq!(last_look(u32::MAX, Duration::MAX, s(1)), LONGEST_LOOK);
}

#[test]
fn what_does_not_end_in_time_leaves_the_app_untouched() {
    let mut scene = Scene::begun(false);
    scene.pass(1);
    assert!(scene.did(&Effect::Count { leaving: vec![7, 8] }));
    assert_eq!(scene.pause.wake(), None, "it waits for the count");
    let counted = || Input::Counted(Left::here(2, 1));
    scene.input(counted());
    assert!(matches!(
        scene.last(),
        Event::Progress(Progress::Draining {
            requests: 2,
            streams: 1,
            ..
        })
    ));
    scene.pass(30);
    scene.input(counted());
    assert!(
        matches!(scene.last(), Event::Pause(PauseStep::Lapsed { reason, .. }) if reason.starts_with("3 requests and streams"))
    );
    assert!(scene.did(&Effect::Release) && !scene.pause.is_on());
}

#[test]
fn a_forced_resume_asks_nobody_for_health() {
    let mut scene = Scene::paused(false);
    scene.resume(1, Some(1), true);
    assert!(matches!(scene.last(), Event::Pause(PauseStep::Resumed { .. })));
    assert!(!scene.done.iter().any(|effect| matches!(effect, Effect::Gate { .. })));
    // Its own number was named: that is no news for the journal.
    assert!(!scene.done.iter().any(|effect| matches!(effect, Effect::Asked { .. })));
}

#[test]
fn a_resume_of_what_is_not_paused_is_refused_and_of_another_pause_too() {
    let mut scene = Scene::new();
    scene.resume(1, None, false);
    assert!(
        matches!(scene.last(), Event::Common(CommonStep::Refused { reason, .. }) if reason == "`prod` is not paused")
    );
    let mut scene = Scene::paused(false);
    scene.resume(2, Some(9), true);
    assert!(
        matches!(scene.last(), Event::Common(CommonStep::Refused { reason, .. }) if reason.contains("pause 1 holds it now"))
    );
    assert!(scene.pause.is_on());
}

#[test]
fn n5_a_second_pause_is_refused_and_told_who_was_first() {
    let mut scene = Scene::paused(false);
    scene.ask(2, false);
    let Event::Common(CommonStep::Refused { code, reason, hint, .. }) = scene.last() else {
        panic!("{:?}", scene.last());
    };
    assert_eq!(*code, exit::BUSY);
    assert!(reason.contains("pause 1 by ci"), "{reason}");
    assert_eq!(hint.as_deref(), Some("`proxyctl resume prod` ends it"));
}

#[test]
fn a_stop_answers_and_lets_nothing_begin() {
    let mut scene = Scene::paused(false);
    scene.input(Input::Stop);
    assert!(matches!(scene.last(), Event::Common(CommonStep::Failed { .. })));
    scene.ask(2, false);
    assert!(matches!(scene.last(), Event::Common(CommonStep::Refused { .. })) && !scene.pause.is_on());
}

/// Whatever comes in whatever order: one final event, the last one, with one release after it; and after the limit and the gate it
/// is over.
#[test]
fn n13_every_pause_ends_once_on_every_way_of_four_inputs() {
    let inputs: [fn(&mut Scene); 9] = [
        |scene| scene.input(Input::Closed { leaving: vec![7] }),
        |scene| scene.input(Input::Drained { activation: 7 }),
        |scene| {
            scene.input(Input::Counted(Left::here(1, 0)));
        },
        |scene| scene.resume(3, None, false),
        |scene| scene.resume(4, None, true),
        |scene| scene.input(Input::Left { operation: 1 }),
        |scene| scene.gated(1, true),
        |scene| scene.gated(1, false),
        |scene| scene.pass(20),
    ];
    let mut ends = BTreeSet::new();
    for way in 0..inputs.len().pow(4) {
        let mut scene = Scene::new();
        scene.ask(1, true);
        for step in 0..4 {
            inputs[way / inputs.len().pow(step) % inputs.len()](&mut scene);
        }
        // The world answers what it was asked, in the end.
        for _ in 0..3 {
            scene.pass(31);
            scene.input(Input::Counted(Left::here(1, 0)));
            scene.gated(1, true);
        }
        assert!(!scene.pause.is_on(), "way {way}: {:?}", scene.pause);
        let told = scene.done.iter().filter_map(|effect| match effect {
            Effect::Tell { operation: 1, event } => Some(event.exit_code()),
            _ => None,
        });
        let of_pause: Vec<_> = told.collect();
        assert_eq!(of_pause.iter().flatten().count(), 1, "way {way}");
        assert!(of_pause.last().unwrap().is_some(), "way {way}: told after the answer");
        let released = scene.done.iter().filter(|effect| **effect == Effect::Release);
        assert_eq!(released.count(), 1, "way {way}");
        ends.extend(of_pause.last().copied().flatten());
    }
    assert_eq!(ends, BTreeSet::from([exit::DONE, exit::FAILED]));
}
