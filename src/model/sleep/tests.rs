//! One environment's sleep, step by step.

use std::time::Duration;

use super::*;
use crate::model::api::{Action, CommonStep, Event, SleepState, SleepStep, exit};
use crate::model::clock::Moment;
use crate::model::handoff::Left;
use crate::model::state::Slept;

const LOOK: Duration = Duration::from_secs(5);

fn rules() -> Rules {
    Rules {
        after: Duration::from_secs(60),
        start: vec!["start".into()],
        stop: vec!["stop".into()],
        deadline: Duration::from_secs(30),
    }
}

/// The machine, and a clock.
struct Stage {
    sleep: Sleep,
    now: Duration,
    taken: bool,
}

impl Stage {
    fn new(slept: Slept) -> Self {
        let times = Times {
            look: LOOK,
            web_socket: Duration::from_secs(20),
        };
        Self {
            sleep: Sleep::new("dev".into(), Some(rules()), times, slept, Duration::ZERO),
            now: Duration::ZERO,
            taken: false,
        }
    }

    fn awake() -> Self {
        Self::new(Slept::default())
    }

    fn asleep() -> Self {
        Self::new(Slept {
            since: Some("2026-01-01T00:00:00.000Z".into()),
            ..Slept::default()
        })
    }

    fn hear(&mut self, input: Input) -> Vec<Effect> {
        let now = Moment {
            at: self.now,
            wall: jiff::Timestamp::UNIX_EPOCH,
        };
        self.sleep.handle(input, self.taken, now)
    }

    fn ask(&mut self, operation: u64, wanted: Wanted) -> Vec<Effect> {
        self.hear(Input::Ask {
            operation,
            wanted,
            user: "ann".into(),
        })
    }

    fn ask_to_sleep(&mut self, operation: u64) -> Vec<Effect> {
        let patience = Duration::from_secs(60);
        self.ask(operation, Wanted::Asleep { patience })
    }

    /// Time goes on, with a look every so often, at which it is found like this.
    fn pass(&mut self, seconds: u64, sample: &Sample) -> Vec<Effect> {
        let end = self.now + Duration::from_secs(seconds);
        loop {
            match self.sleep.wake() {
                Some(at) if at <= end => self.now = self.now.max(at),
                _ => {
                    self.now = end;
                    return Vec::new();
                }
            }
            let effects = self.hear(Input::Tick);
            if effects == [Effect::Count] {
                let effects = self.hear(Input::Counted(sample.clone()));
                if !effects.is_empty() {
                    return effects;
                }
            } else if !effects.is_empty() {
                return effects;
            }
        }
    }

    fn saves(&mut self, effects: &[Effect]) -> Vec<Effect> {
        let ticket = effects.iter().find_map(|effect| match effect {
            Effect::Save { ticket, .. } => Some(*ticket),
            _ => None,
        });
        let ticket = ticket.unwrap_or_else(|| panic!("nothing is saved: {effects:?}"));
        self.hear(Input::Saved { ticket, result: Ok(()) })
    }

    /// From being awake to the moment in which `stop` runs.
    fn until_stop(&mut self) -> Vec<Effect> {
        assert_eq!(self.pass(120, &Sample::default()), [Effect::Close]);
        assert!(self.hear(Input::Closed { leaving: vec![7] }).is_empty());
        let effects = self.hear(Input::Drained { activation: 7 });
        self.hear(Input::Numbered { operation: 1 });
        self.saves(&effects)
    }
}

fn sample(mark: u64, open: u64, web_sockets: u64) -> Sample {
    Sample {
        marks: vec![(1, mark)],
        open,
        web_sockets,
    }
}

fn run_stop() -> Effect {
    Effect::RunStop {
        command: vec!["stop".into()],
        deadline: Duration::from_secs(30),
    }
}

fn run_start() -> Effect {
    Effect::RunStart {
        command: vec!["start".into()],
        deadline: Duration::from_secs(30),
    }
}

fn told(effects: &[Effect]) -> Vec<(u64, Option<u8>)> {
    let told = effects.iter().filter_map(|effect| match effect {
        Effect::Tell { operation, event } => Some((*operation, event.exit_code())),
        _ => None,
    });
    told.collect()
}

fn ran(effects: &[Effect]) -> usize {
    let is_start = |effect: &&Effect| matches!(effect, Effect::RunStart { .. });
    effects.iter().filter(is_start).count()
}

#[test]
fn n36_it_falls_asleep_when_nobody_needs_it_for_so_long_and_is_stopped_behind_the_last_claim() {
    let mut stage = Stage::awake();
    assert!(stage.pass(55, &sample(1, 0, 0)).is_empty());
    // A request came and went between two looks.
    assert!(stage.pass(5, &sample(2, 0, 0)).is_empty());
    let needed = stage.now;
    assert_eq!(stage.pass(100, &sample(2, 0, 0)), [Effect::Close]);
    assert_eq!(stage.now, needed + Duration::from_secs(60));
    let held = Stance::Asleep {
        web_sockets: false,
        not_before: None,
    };
    assert_eq!(stage.sleep.stance(), held);
    assert!(stage.hear(Input::Closed { leaving: vec![7, 8] }).is_empty());
    assert!(
        stage.hear(Input::Drained { activation: 7 }).is_empty(),
        "one claim is left"
    );
    let effects = stage.hear(Input::Drained { activation: 8 });
    assert!(matches!(
        &effects[..],
        [Effect::Number(Action::Sleep), Effect::Save { slept, .. }] if slept.since.is_some()
    ));
    assert_eq!(told(&stage.hear(Input::Numbered { operation: 3 })), [(3, None)]);
    assert_eq!(stage.sleep.holder().unwrap().step, "persist");
    assert_eq!(stage.saves(&effects), [run_stop()]);
    assert_eq!(stage.sleep.holder().unwrap().step, "stop");
    assert_eq!(told(&stage.hear(Input::Stopped(Ok(())))), [(3, Some(exit::DONE))]);
    assert!(stage.sleep.holder().is_none() && stage.sleep.asleep_since().is_some());
    assert_eq!(stage.sleep.wake(), None, "it sleeps for ever");
}

#[test]
fn n36_what_is_open_keeps_it_awake_and_a_silent_web_socket_for_a_while_only() {
    let mut stage = Stage::awake();
    assert!(stage.pass(1000, &sample(1, 1, 0)).is_empty(), "a request is open");
    let mut stage = Stage::awake();
    // It counts for 20 s without a byte, and then the minute begins.
    assert_eq!(stage.pass(1000, &sample(0, 0, 1)), [Effect::Close]);
    assert!((75..=85).contains(&stage.now.as_secs()), "{:?}", stage.now);
    let deaf = Stance::Asleep {
        web_sockets: true,
        not_before: None,
    };
    assert_eq!(stage.sleep.stance(), deaf);
    let mut stage = Stage::awake();
    for mark in 0..100 {
        assert!(stage.pass(10, &sample(mark, 0, 1)).is_empty(), "it moves something");
    }
}

/// Its app may serve another environment by then, under another name.
#[test]
fn n36_an_environment_that_the_file_has_no_more_is_left_as_it_is_until_it_comes_back() {
    let mut stage = Stage::awake();
    assert!(stage.hear(Input::Gone).is_empty());
    assert_eq!(stage.sleep.wake(), None);
    assert!(stage.pass(1000, &Sample::default()).is_empty());
    let rules = stage.sleep.rules.clone();
    assert_eq!(stage.hear(Input::Rules(rules)), [Effect::Count]);
    assert!(stage.hear(Input::Counted(Sample::default())).is_empty());
    assert_eq!(stage.pass(120, &Sample::default()), [Effect::Close]);
}

#[test]
fn n36_a_request_before_the_stop_calls_it_off_and_one_after_it_waits_for_the_next_start() {
    let mut stage = Stage::awake();
    assert_eq!(stage.pass(120, &Sample::default()), [Effect::Close]);
    assert_eq!(stage.hear(Input::Called), [Effect::Publish]);
    assert_eq!(stage.sleep.stance(), Stance::Awake);
    // What was closed drains all the same, and nothing comes of it.
    assert!(stage.hear(Input::Closed { leaving: vec![7] }).is_empty());
    assert!(stage.hear(Input::Drained { activation: 7 }).is_empty());

    assert_eq!(stage.pass(120, &Sample::default()), [Effect::Close]);
    let effects = stage.hear(Input::Closed { leaving: vec![] });
    stage.hear(Input::Numbered { operation: 4 });
    // What was written down is written down anew.
    let called = stage.hear(Input::Called);
    assert!(
        called
            .iter()
            .any(|effect| matches!(effect, Effect::Save { slept, .. } if slept.since.is_none()))
    );
    assert_eq!(told(&called), [(4, Some(exit::REFUSED))]);
    assert!(stage.saves(&effects).is_empty(), "nothing is stopped any more");

    let mut stage = Stage::awake();
    assert_eq!(stage.until_stop(), [run_stop()]);
    assert!(
        stage.hear(Input::Called).is_empty(),
        "nothing starts while it is stopped"
    );
    assert!(stage.hear(Input::Called).is_empty());
    let effects = stage.hear(Input::Stopped(Ok(())));
    assert_eq!(ran(&effects), 1);
    assert_eq!(told(&stage.hear(Input::Numbered { operation: 5 })), [(5, None)]);
    assert!(stage.hear(Input::Called).is_empty());
    assert_eq!(told(&stage.hear(Input::Started(Ok(())))), [(5, Some(exit::DONE))]);
}

#[test]
fn n36_it_is_started_once_for_however_many_and_all_who_asked_hear_of_it() {
    let mut stage = Stage::asleep();
    let effects = stage.hear(Input::Called);
    assert_eq!(effects, [Effect::Number(Action::Wake), Effect::Publish, run_start()]);
    stage.hear(Input::Numbered { operation: 1 });
    for operation in 2..=3 {
        let effects = stage.ask(operation, Wanted::Awake);
        assert_eq!((ran(&effects), told(&effects)), (0, vec![(operation, None)]));
    }
    stage.now = Duration::from_millis(1400);
    let effects = stage.hear(Input::Started(Ok(())));
    assert_eq!(told(&effects), [(1, Some(0)), (2, Some(0)), (3, Some(0))]);
    let status = stage.sleep.status(stage.now).unwrap();
    assert_eq!(
        (status.state, status.woke, status.waking_ms),
        (SleepState::Awake, 1, Some(1400))
    );
    // Who asks again hears that there is nothing to do.
    assert_eq!(told(&stage.ask(4, Wanted::Awake)), [(4, Some(0))]);
}

#[test]
fn n36_a_start_that_fails_is_tried_again_by_a_request_behind_a_pause_that_doubles() {
    let mut stage = Stage::asleep();
    for pause in [1, 2, 4, 8, 16, 32, 60, 60] {
        let effects = stage.hear(Input::Called);
        assert_eq!(ran(&effects), 1, "{pause}");
        stage.hear(Input::Numbered { operation: 1 });
        let effects = stage.hear(Input::Started(Err("no".into())));
        let publish = effects.iter().position(|effect| *effect == Effect::Publish);
        let turn_away = effects.iter().position(|effect| *effect == Effect::TurnAway);
        assert!(publish < turn_away, "who comes later must know it first");
        assert_eq!(told(&effects), [(1, Some(exit::FAILED))]);
        let end = stage.now + Duration::from_secs(pause);
        let refuses = Stance::Asleep {
            web_sockets: false,
            not_before: Some(end),
        };
        assert_eq!(stage.sleep.stance(), refuses);
        assert_eq!(stage.sleep.wake(), None, "nobody waits");
        stage.now = end;
    }
    // One that waits all the same is not forgotten.
    stage.hear(Input::Called);
    stage.hear(Input::Started(Err("no".into())));
    assert_eq!(ran(&stage.hear(Input::Called)), 0);
    stage.now = stage.sleep.wake().unwrap();
    assert_eq!(ran(&stage.hear(Input::Tick)), 1);
    stage.hear(Input::Started(Err("no".into())));
    // And who asks for it need not wait.
    assert_eq!(ran(&stage.ask(9, Wanted::Awake)), 1);
    stage.hear(Input::Started(Ok(())));
    assert_eq!(stage.sleep.status(stage.now).unwrap().trouble, None);
}

#[test]
fn n36_a_stop_that_fails_is_judged_by_whether_the_app_answers() {
    for answers in [true, false] {
        let mut stage = Stage::awake();
        stage.until_stop();
        let reason = "`stop` ended with exit status: 1".to_owned();
        let effects = stage.hear(Input::Stopped(Err(StopFailed { reason, answers })));
        let state = stage.sleep.status(stage.now).unwrap();
        assert!(state.trouble.is_some());
        if answers {
            assert_eq!(state.state, SleepState::Awake);
            assert_eq!(told(&effects), [(1, Some(exit::FAILED))]);
        } else {
            assert_eq!(state.state, SleepState::Asleep);
            assert_eq!(told(&effects), [(1, None), (1, Some(exit::DONE))]);
        }
    }
}

#[test]
fn n36_nothing_begins_while_something_else_holds_it() {
    let mut stage = Stage::awake();
    stage.taken = true;
    assert!(stage.pass(600, &Sample::default()).is_empty());
    stage.taken = false;
    let free = stage.now;
    assert_eq!(stage.pass(600, &Sample::default()), [Effect::Close]);
    assert!(
        stage.now >= free + Duration::from_secs(55),
        "what held it has needed it"
    );
    let mut stage = Stage::asleep();
    stage.taken = true;
    assert!(stage.hear(Input::Called).is_empty());
    assert_eq!(stage.sleep.wake(), None);
    stage.taken = false;
    assert_eq!(ran(&stage.hear(Input::Tick)), 1, "the one who waits is not forgotten");
}

#[test]
fn n36_what_cannot_be_saved_is_not_stopped() {
    let mut stage = Stage::awake();
    assert_eq!(stage.pass(120, &Sample::default()), [Effect::Close]);
    let effects = stage.hear(Input::Closed { leaving: vec![] });
    stage.hear(Input::Numbered { operation: 1 });
    let ticket = effects.iter().find_map(|effect| match effect {
        Effect::Save { ticket, .. } => Some(*ticket),
        _ => None,
    });
    let result = Err("no space left".into());
    let ticket = ticket.unwrap();
    let effects = stage.hear(Input::Saved { ticket, result });
    assert_eq!(told(&effects), [(1, Some(exit::REFUSED))]);
    assert_eq!(stage.sleep.stance(), Stance::Awake);
}

#[test]
fn n36_without_rules_it_neither_sleeps_nor_stays_asleep() {
    let mut stage = Stage::asleep();
    stage.taken = true;
    assert!(stage.hear(Input::Rules(None)).is_empty(), "the reload holds it still");
    stage.taken = false;
    // By the command that it was stopped under.
    assert_eq!(ran(&stage.hear(Input::Tick)), 1);
    stage.hear(Input::Numbered { operation: 1 });
    stage.hear(Input::Started(Ok(())));
    assert_eq!(stage.sleep.status(stage.now), None);
    assert_eq!(stage.sleep.wake(), None);
    for (operation, wanted) in [
        (2, Wanted::Awake),
        (
            3,
            Wanted::Asleep {
                patience: Duration::ZERO,
            },
        ),
    ] {
        assert_eq!(told(&stage.ask(operation, wanted)), [(operation, Some(exit::USAGE))]);
    }
}

#[test]
fn n36_who_asks_for_sleep_waits_for_what_was_begun_and_hears_how_much_that_is() {
    let mut stage = Stage::awake();
    assert_eq!(stage.ask_to_sleep(5), [Effect::Count]);
    let second = stage.ask_to_sleep(6);
    assert_eq!(told(&second), [(6, Some(exit::BUSY))]);
    let effects = stage.hear(Input::Counted(sample(1, 3, 0)));
    assert_eq!(
        (told(&effects), effects.last()),
        (vec![(5, None)], Some(&Effect::Close))
    );
    stage.hear(Input::Closed { leaving: vec![7] });
    stage.now = stage.sleep.wake().unwrap();
    assert_eq!(stage.hear(Input::Tick), [Effect::Look { leaving: vec![7] }]);
    let told_of = stage.hear(Input::Inside(Left::here(2, 1)));
    assert_eq!(told(&told_of), [(5, None)]);
    stage.now = Duration::from_secs(60);
    stage.hear(Input::Tick);
    let effects = stage.hear(Input::Inside(Left::here(1, 0)));
    assert_eq!(
        (effects.first(), told(&effects)),
        (Some(&Effect::Publish), vec![(5, Some(exit::REFUSED))])
    );
    // Asked again, when nothing is inside.
    stage.ask_to_sleep(8);
    stage.hear(Input::Counted(sample(1, 0, 0)));
    let effects = stage.hear(Input::Closed { leaving: vec![] });
    assert_eq!(stage.saves(&effects), [run_stop()]);
    stage.hear(Input::Stopped(Ok(())));
    let effects = stage.ask_to_sleep(9);
    assert!(matches!(
        &effects[..],
        [Effect::Tell {
            operation: 9,
            event: Event::Sleep(SleepStep::Asleep { already: true, .. })
        }]
    ));
}

#[test]
fn n36_everybody_hears_that_the_process_stops() {
    let mut stage = Stage::asleep();
    stage.ask(1, Wanted::Awake);
    stage.ask(2, Wanted::Awake);
    assert_eq!(told(&stage.hear(Input::Stop)), [(1, Some(1)), (2, Some(1))]);
    let effects = stage.ask(3, Wanted::Awake);
    assert!(matches!(
        &effects[..],
        [Effect::Tell {
            operation: 3,
            event: Event::Common(CommonStep::Failed { .. })
        }]
    ));
    assert_eq!(stage.sleep.wake(), None);
}
