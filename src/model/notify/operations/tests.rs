//! What is told of operations, line by line of the journal.

use super::*;
use crate::model::api::{Kind, ProbeReport, SleepStep, Stage, Traffic};
use crate::model::history::Caller;
use crate::model::slot::Generation;

fn entry(operation: u64, environment: Option<&str>, record: Record) -> Entry {
    Entry {
        time: "t".into(),
        environment: environment.map(str::to_owned),
        operation: Some(operation),
        record,
    }
}

fn asked(operation: u64, kind: Action, within: Option<u64>) -> Entry {
    let caller = Caller {
        uid: 0,
        user: "mia".into(),
    };
    entry(operation, Some("prod"), Record::Asked { kind, caller, within })
}

fn step(operation: u64, event: impl Into<Event>) -> Entry {
    let event = Box::new(event.into());
    entry(operation, Some("prod"), Record::Step { event })
}

fn refused(code: u8) -> Event {
    let last = ProbeReport {
        status: Some(503),
        reason: Some("answered 503".into()),
        body: r#"{"db":"connection refused"}"#.into(),
        ..ProbeReport::none_yet("api", &"8011".parse().unwrap())
    };
    let report = GateReport {
        last,
        passes: 0,
        needed: 3,
        probes: 117,
    };
    Event::Common(CommonStep::Refused {
        code,
        reason: "api does not pass".into(),
        evidence: vec![report],
        hint: None,
        live: Some(Slot::Blue),
        health: Vec::new(),
    })
}

fn done() -> SwapStep {
    SwapStep::Done {
        environment: "prod".into(),
        live: Slot::Green,
        generation: Generation(118),
        safe_to_stop: vec![SafeToStop {
            service: "web".into(),
            addresses: vec!["3000".parse().unwrap()],
        }],
        traffic: Traffic::default(),
    }
}

#[test]
fn a_refused_swap_says_who_asked_why_and_what_the_app_said() {
    let mut operations = Operations::default();
    assert_eq!(operations.hear(&asked(12, Action::Swap, None)), None);
    let draft = operations.hear(&step(12, refused(4))).unwrap();
    assert_eq!((draft.topic, draft.severity), (Topic::Refused, Severity::Warning));
    assert_eq!(draft.title, "prod: swap refused");
    assert_eq!(
        draft.lines,
        [
            "Why: api does not pass.",
            "Nothing was switched; blue still serves.",
            "It was swap 12 of prod, asked for by mia."
        ]
    );
    let evidence = draft.evidence.unwrap();
    assert!(
        evidence.contains("→ 503 (117 probes)\n{\"db\":\"connection refused\"}"),
        "{evidence}"
    );
    assert_eq!((draft.operation, draft.user.as_deref()), (Some(12), Some("mia")));
    assert!(operations.open.is_empty());
}

#[test]
fn who_is_turned_away_before_anything_began_needs_no_message() {
    let mut operations = Operations::default();
    for code in [exit::USAGE, exit::BUSY] {
        operations.hear(&asked(1, Action::Swap, None));
        assert_eq!(operations.hear(&step(1, refused(code))), None);
    }
    let planned = Event::Common(CommonStep::Planned);
    assert_eq!(operations.hear(&step(2, planned)), None);
}

#[test]
fn a_swap_that_is_over_is_one_topic_and_a_rollback_another() {
    let mut operations = Operations::default();
    operations.hear(&asked(1, Action::Swap, None));
    let gated = CommonStep::Gated {
        instances: Vec::new(),
        version: Some("8b71ff7".into()),
        elapsed_ms: 1,
    };
    operations.hear(&step(1, gated));
    let draft = operations.hear(&step(1, done())).unwrap();
    assert_eq!(
        (draft.topic, draft.title.as_str()),
        (Topic::Swap, "prod: green is live, version 8b71ff7")
    );
    assert!(
        draft.lines.contains(&"Safe to stop: web 127.0.0.1:3000.".to_owned()),
        "{draft:?}"
    );
    operations.hear(&asked(2, Action::Rollback, None));
    let draft = operations.hear(&step(2, done())).unwrap();
    assert_eq!(
        (draft.topic, draft.title.as_str()),
        (Topic::Rollback, "prod: rolled back: green is live")
    );
    operations.hear(&asked(3, Action::Swap, None));
    let draft = operations.hear(&step(
        3,
        SwapStep::RolledBack {
            reason: "bake: 12 % of the answers are errors".into(),
            by: None,
            live: Slot::Blue,
            generation: Generation(120),
        },
    ));
    let draft = draft.unwrap();
    assert_eq!((draft.topic, draft.severity), (Topic::Rollback, Severity::Critical));
    assert!(draft.title.contains("rolled back by itself; blue serves again"));
}

#[test]
fn a_swap_that_somebody_wanted_back_is_told_with_who_it_was_and_pages_nobody() {
    let mut operations = Operations::default();
    operations.hear(&asked(1, Action::Swap, None));
    let back = SwapStep::RolledBack {
        reason: "a rollback by ann undid it while the old side still drained".into(),
        by: Some("ann".into()),
        live: Slot::Blue,
        generation: Generation(120),
    };
    let draft = operations.hear(&step(1, back)).unwrap();
    assert_eq!((draft.topic, draft.severity), (Topic::Rollback, Severity::Info));
    assert_eq!(draft.title, "prod: switched, and rolled back by ann; blue serves again");
}

#[test]
fn a_deployment_is_told_once_by_its_swap_or_by_itself() {
    let mut operations = Operations::default();
    let released = |outcome| DeployStep::Released { outcome, reason: None };
    operations.hear(&asked(1, Action::Deploy, None));
    operations.hear(&asked(2, Action::Swap, Some(1)));
    let draft = operations.hear(&step(2, refused(4))).unwrap();
    assert!(
        draft.lines.iter().any(|line| line.contains("a part of deploy 1")),
        "{draft:?}"
    );
    assert_eq!(operations.hear(&step(1, released(DeployOutcome::Refused))), None);

    operations.hear(&asked(3, Action::Deploy, None));
    let ended = CommandEnded {
        step: Stage::Start,
        service: None,
        slot: Some(Slot::Green),
        command: vec!["npm".into(), "run".into(), "build".into()],
        exit: Some(1),
        signal: None,
        error: None,
        output: format!("{}no such module\n", "noise\n".repeat(100)),
        elapsed_ms: 1,
    };
    operations.hear(&step(3, DeployStep::CommandEnded(ended)));
    let draft = operations.hear(&step(3, released(DeployOutcome::Failed))).unwrap();
    let evidence = draft.evidence.unwrap();
    assert!(
        evidence.starts_with("$ npm run build\nexit 1\nnoise") && evidence.ends_with("no such module"),
        "{evidence}"
    );
    assert_eq!(evidence.lines().count(), LAST_LINES + 2);
    for quiet in [DeployOutcome::Done, DeployOutcome::Interrupted] {
        operations.hear(&asked(4, Action::Deploy, None));
        assert_eq!(operations.hear(&step(4, released(quiet))), None);
    }
}

#[test]
fn an_app_that_does_not_wake_is_told_once_however_many_visitors_call() {
    let mut operations = Operations::default();
    let mut wake = |number, event: Event| {
        operations.hear(&asked(number, Action::Wake, None));
        operations.hear(&step(number, event)).map(|draft| draft.title)
    };
    let failed = || {
        let (reason, live) = ("`start` failed".to_owned(), None);
        Event::Common(CommonStep::Failed { reason, live })
    };
    assert_eq!(wake(1, failed()).as_deref(), Some("prod: wake FAILED"));
    for number in 2..1_000 {
        assert_eq!(wake(number, failed()), None);
    }
    let awake = SleepStep::Awake {
        environment: "prod".into(),
        elapsed_ms: 1,
        already: false,
    };
    assert_eq!(wake(1_000, awake.into()), None);
    assert!(wake(1_001, failed()).is_some(), "it did wake meanwhile");
}

#[test]
fn so_many_apps_that_do_not_wake_keep_nobody_from_hearing_of_the_next() {
    let mut operations = Operations::default();
    let mut wakes = |environment: usize| {
        let name = format!("env-{environment}");
        let of_this = |entry: Entry| Entry {
            environment: Some(name.clone()),
            ..entry
        };
        let (reason, live) = ("`start` failed".to_owned(), None);
        operations.hear(&of_this(asked(1, Action::Wake, None)));
        let told = operations.hear(&of_this(step(1, Event::Common(CommonStep::Failed { reason, live }))));
        (told.is_some(), operations.stuck.len())
    };
    for environment in 0..2 * KNOWN {
        assert_eq!(wakes(environment), (true, KNOWN.min(environment + 1)));
        assert!(!wakes(environment).0, "{environment} is told a second time");
    }
    assert!(wakes(0).0, "what is forgotten is told once more");
}

#[test]
fn a_sleep_or_a_wake_that_nobody_is_told_of_swallows_no_message() {
    let mut operations = Operations::default();
    let mut hear = |number, kind, event: Event| {
        operations.hear(&asked(number, kind, None));
        operations.hear(&step(number, event)).map(|draft| draft.title)
    };
    let failed = || {
        let (reason, live) = ("`start` failed".to_owned(), None);
        Event::Common(CommonStep::Failed { reason, live })
    };
    for kind in [Action::Sleep, Action::Wake] {
        assert_eq!(hear(1, kind, refused(exit::BUSY)), None);
    }
    let refusal = hear(2, Action::Wake, refused(exit::REFUSED));
    assert_eq!(refusal.as_deref(), Some("prod: wake refused"));
    assert_eq!(hear(3, Action::Wake, failed()).as_deref(), Some("prod: wake FAILED"));
    for again in [failed(), refused(exit::BUSY), refused(exit::REFUSED), failed()] {
        assert_eq!(hear(4, Action::Wake, again), None);
    }
    // That it cannot be stopped is another matter.
    assert_eq!(hear(5, Action::Sleep, failed()).as_deref(), Some("prod: sleep FAILED"));
    assert_eq!(hear(6, Action::Sleep, failed()), None);
}

#[test]
fn what_a_process_left_behind_is_told_by_the_next() {
    let live = "green".to_owned();
    let torn = Record::Torn {
        kind: Action::Swap,
        live,
    };
    let draft = Operations::default().hear(&entry(9, Some("prod"), torn)).unwrap();
    assert_eq!(
        draft.title,
        "prod: swap cut off: the daemon ended before it did; green is live"
    );
    assert_eq!(draft.environments, ["prod"]);
}

#[test]
fn a_file_that_cannot_be_used_is_told_with_its_mistakes() {
    let mut operations = Operations::default();
    let invalid = ReloadStep::Invalid {
        report: "error: unknown key `hots`".into(),
        errors: 1,
    };
    let draft = operations.hear(&entry(
        5,
        None,
        Record::Step {
            event: Box::new(invalid.into()),
        },
    ));
    let draft = draft.unwrap();
    assert_eq!(draft.title, "reload refused: a mistake in the file");
    assert!(draft.environments.is_empty());
}

#[test]
fn operations_that_never_end_take_no_room_for_ever() {
    let mut operations = Operations::default();
    for number in 0..10_000 {
        operations.hear(&asked(number, Action::Swap, None));
    }
    assert_eq!(operations.open.len(), KNOWN);
    let draft = operations.hear(&step(1, done())).unwrap();
    assert_eq!(draft.topic, Topic::Swap, "without who asked, and told all the same");
    let plan = SwapStep::Plan {
        operation: 2,
        kind: Kind::Rollback,
        environment: "prod".into(),
        moves: Vec::new(),
        forced: false,
    };
    operations.hear(&step(2, plan));
    assert_eq!(operations.hear(&step(2, done())).unwrap().topic, Topic::Rollback);
}
