//! The daemon goes away, and comes back or does not.

use super::*;

#[test]
fn a_daemon_that_goes_away_before_the_switch_is_waited_for_and_the_candidate_stopped() {
    let lost = |at: &'static str, steps: &[(&str, Input)]| {
        walk_with(script(), steps, |now, course| {
            if now == at {
                course.lose();
            }
        })
    };
    // The migration comes to its end, and is no reason to go on.
    let until = [
        ("start-web", WELL),
        ("start-api", WELL),
        ("gate", Input::Gated(Some(0))),
        ("migrate", WELL),
    ];
    let undone = [
        ("lock@7", OURS),
        ("stop-api", WELL),
        ("stop-web", WELL),
        ("release:Failed", Input::Released),
    ];
    assert_eq!(lost("migrate", &[&until[..], &undone].concat()), "end:Lost:1:");
    let gate = [("gate", Input::Gated(None))];
    assert_eq!(lost("gate", &[&until[..2], &gate, &undone].concat()), "end:Lost:1:");
    let swap = [("swap", Input::Swapped(Swapped::Failed { switched: false }))];
    assert_eq!(lost("swap", &[&until[..], &swap, &undone].concat()), "end:Lost:1:");

    let back = |locked| [("lock@7", Input::Locked(locked))];
    let end = |locked| lost("migrate", &[&until[..], &back(locked)].concat());
    assert_eq!(end(Locked::Held), "end:Lost:1:stop-api+stop-web");
    assert_eq!(end(Locked::Changed), "end:Lost:1:stop-api+stop-web");
    assert_eq!(end(Locked::Unreachable), "end:Unreachable:3:stop-api+stop-web");
    assert_eq!(end(Locked::Switched), "end:Lost:1:", "the candidate may be live");
    // It may have saved our switch before it died.
    let steps = [&until[..], &swap, &back(Locked::Switched)].concat();
    assert_eq!(lost("swap", &steps), "end:Failed:1:stop-old");
    // Nothing was begun, so nothing has to be undone.
    assert_eq!(lost("start-web", &[("start-web", DENIED)]), "end:Lost:1:");
}

#[test]
fn a_daemon_that_goes_away_in_an_undo_or_a_stop_is_asked_again() {
    let steps = [
        ("start-web", WELL),
        ("start-api", BADLY),
        ("log-web+log-api", Input::Shown),
        ("stop-api", DENIED),
        ("lock@7", OURS),
        ("stop-api", WELL),
        ("stop-web", WELL),
        ("release:Refused", Input::Released),
    ];
    let mut first = true;
    let end = walk_with(script(), &steps, |now, course| {
        if now == "stop-api" && std::mem::take(&mut first) {
            course.lose();
        }
    });
    assert_eq!(end, "end:Refused(4):4:");

    let steps = [
        ("start-web", WELL),
        ("start-api", WELL),
        ("swap", DONE),
        ("stop-old", DENIED),
        ("lock@8", OURS),
        ("stop-old", WELL),
        ("tell", WELL),
        ("release:Done", Input::Released),
    ];
    let mut first = true;
    let end = walk_with(plain(), &steps, |now, course| {
        if now == "stop-old" && std::mem::take(&mut first) {
            course.lose();
        }
    });
    assert_eq!(end, "end:Served:0:");
}
