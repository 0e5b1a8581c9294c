//! What comes behind the switch.

use super::*;

#[test]
fn an_old_side_that_is_kept_is_stopped_under_a_lock_of_its_own() {
    let until_kept = [
        ("start-web", WELL),
        ("start-api", WELL),
        ("gate", Input::Gated(Some(0))),
        ("migrate", WELL),
        ("swap", DONE),
        ("tell", WELL),
        ("release:Done", Input::Released),
        ("keep:600", Input::Kept),
    ];
    let with = |more: &[(&'static str, Input)]| walk(kept(), &[&until_kept[..], more].concat());
    let stopped = [("lock@8", OURS), ("stop-old", WELL), ("release:Done", Input::Released)];
    assert_eq!(with(&stopped), "end:Served:0:");
    assert_eq!(with(&[("lock@8", Input::Locked(Locked::Switched))]), "end:Overtaken:0:");
    for locked in [Locked::Changed, Locked::Held] {
        assert_eq!(
            with(&[("lock@8", Input::Locked(locked))]),
            "end:Overtaken:0:stop-old",
            "{locked:?}"
        );
    }
    assert_eq!(
        with(&[("lock@8", Input::Locked(Locked::Unreachable))]),
        "end:Unstopped:1:stop-old"
    );
}

#[test]
fn a_stop_or_a_notice_that_fails_is_a_warning() {
    let steps = [
        ("start-web", WELL),
        ("start-api", WELL),
        ("swap", DONE),
        ("stop-old", BADLY),
        ("tell", BADLY),
        ("release:Done", Input::Released),
    ];
    assert_eq!(walk(plain(), &steps), "end:Served:0:stop-old");
    let steps = [
        ("start-web", WELL),
        ("start-api", WELL),
        ("swap", DONE),
        ("stop-old", DENIED),
        ("tell", WELL),
        ("release:Failed", Input::Released),
    ];
    assert_eq!(walk(plain(), &steps), "end:Unstopped:1:stop-old");
}

#[test]
fn an_interruption_behind_the_switch_leaves_the_rest_to_the_daemon_or_to_people() {
    let interrupt = |script, at: &'static str, reaction, steps: &[(&str, Input)]| {
        walk_with(script, steps, |now, course| {
            if now == at {
                assert_eq!(course.interrupt(), reaction, "{at}");
            }
        })
    };
    let started = [("start-web", WELL), ("start-api", WELL)];
    let swap = [("swap", Input::Swapped(Swapped::Unwatched))];
    let end = interrupt(plain(), "swap", Reaction::End, &[&started[..], &swap].concat());
    assert_eq!(end, "end:GoesOn:7:stop-old", "the lock goes with the connection");

    let stop = [("swap", DONE), ("stop-old", WELL), ("release:Done", Input::Released)];
    let end = interrupt(plain(), "stop-old", Reaction::Wait, &[&started[..], &stop].concat());
    assert_eq!(end, "end:Served:0:", "what is left is left out");

    let after = [
        ("swap", DONE),
        ("stop-old", WELL),
        ("tell", BADLY),
        ("release:Done", Input::Released),
    ];
    let end = interrupt(plain(), "tell", Reaction::End, &[&started[..], &after].concat());
    assert_eq!(end, "end:Served:0:");

    let script = Script {
        before: Vec::new(),
        ..kept()
    };
    let keep = [
        ("swap", DONE),
        ("tell", WELL),
        ("release:Done", Input::Released),
        ("keep:600", Input::Kept),
    ];
    let end = interrupt(
        script.clone(),
        "keep:600",
        Reaction::End,
        &[&started[..], &keep].concat(),
    );
    assert_eq!(end, "end:Unkept:7:stop-old");

    // Nobody waits for ten minutes who wanted it to end before they began.
    for (at, reaction) in [("tell", Reaction::End), ("release:Done", Reaction::Wait)] {
        let end = interrupt(script.clone(), at, reaction, &[&started[..], &keep[..3]].concat());
        assert_eq!(end, "end:Unkept:7:stop-old", "{at}");
    }
}
