//! Every way through a deployment, as acts in words and the answers to them.

mod any;
mod away;
mod behind;
mod filled;
mod undone;

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Act, Course, Input, Locked, Part, Ran, Reaction, Script, Swapped, Task};
use crate::model::api::Stage;
use crate::model::deploy::CommandLine;
use crate::model::slot::{Generation, Slot};

const AT: Generation = Generation(7);
const NEXT: Generation = Generation(8);
const DONE: Input = Input::Swapped(Swapped::Done(NEXT));
const WELL: Input = Input::Ran(Ran::Well);
const BADLY: Input = Input::Ran(Ran::Badly);
const DENIED: Input = Input::Ran(Ran::Denied);
const OURS: Input = Input::Locked(Locked::Ours);

fn task(name: &str, stage: Stage, slot: Option<Slot>) -> Task {
    let command = CommandLine {
        argv: vec![name.into()],
        cwd: None,
        env: BTreeMap::new(),
        only_if: Vec::new(),
    };
    let service = None;
    Task {
        stage,
        service,
        slot,
        command,
    }
}

fn part(name: &str) -> Part {
    let on = |what: &str, stage| vec![task(&format!("{what}-{name}"), stage, Some(Slot::Green))];
    Part {
        start: on("start", Stage::Start),
        stop: on("stop", Stage::Stop),
        log: on("log", Stage::Gate),
    }
}

/// Two services, a migration, and something that is told behind the switch.
fn script() -> Script {
    Script {
        start: vec![part("web"), part("api")],
        before: vec![task("migrate", Stage::Before, None)],
        stop: vec![task("stop-old", Stage::Stop, Some(Slot::Blue))],
        after: vec![task("tell", Stage::After, None)],
        keep: Duration::ZERO,
    }
}

fn kept() -> Script {
    Script {
        keep: Duration::from_secs(600),
        ..script()
    }
}

fn plain() -> Script {
    Script {
        before: Vec::new(),
        ..script()
    }
}

/// An act in a word.
fn word(act: &Act) -> String {
    match act {
        Act::Run(task) => task.command.to_string(),
        Act::Gate => "gate".into(),
        Act::Swap => "swap".into(),
        Act::Explain(log) => log
            .iter()
            .map(|task| task.command.to_string())
            .collect::<Vec<_>>()
            .join("+"),
        Act::Lock { since, .. } => format!("lock@{since}"),
        Act::Release(outcome) => format!("release:{outcome:?}"),
        Act::Keep(time) => format!("keep:{}", time.as_secs()),
        Act::End(ending) => {
            let standing: Vec<_> = ending.standing.iter().map(|task| task.command.to_string()).collect();
            format!("end:{:?}:{}:{}", ending.fate, ending.code(), standing.join("+"))
        }
    }
}

/// What is done when everything is answered so; the inputs that come on their own are told before the answer.
fn walk(script: Script, steps: &[(&str, Input)]) -> String {
    walk_with(script, steps, |_, _| {})
}

fn walk_with(script: Script, steps: &[(&str, Input)], mut meanwhile: impl FnMut(&str, &mut Course)) -> String {
    let (mut course, mut act) = Course::begin(script, AT);
    for (expected, input) in steps {
        assert_eq!(word(&act), *expected);
        meanwhile(expected, &mut course);
        act = course.handle(*input);
    }
    word(&act)
}

#[test]
fn everything_goes_well_in_the_order_that_is_promised() {
    let end = walk(
        script(),
        &[
            ("start-web", WELL),
            ("start-api", WELL),
            ("gate", Input::Gated(Some(0))),
            ("migrate", WELL),
            ("swap", DONE),
            ("stop-old", WELL),
            ("tell", WELL),
            ("release:Done", Input::Released),
        ],
    );
    assert_eq!(end, "end:Served:0:");
}

#[test]
fn without_a_migration_the_swap_has_the_only_gate() {
    let steps = [("start-web", WELL), ("start-api", WELL)];
    assert_eq!(walk(plain(), &steps), "swap");
    let nothing = Script::default();
    assert_eq!(
        walk(nothing, &[("swap", DONE), ("release:Done", Input::Released)]),
        "end:Served:0:"
    );
}
