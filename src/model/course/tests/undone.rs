//! What fails before the switch, and what is undone then.

use super::*;

#[test]
fn a_start_that_fails_is_explained_and_undone() {
    let steps = [
        ("start-web", WELL),
        ("start-api", BADLY),
        ("log-web+log-api", Input::Shown),
        ("stop-api", WELL),
        ("stop-web", WELL),
        ("release:Refused", Input::Released),
    ];
    assert_eq!(walk(script(), &steps), "end:Refused(4):4:");
}

#[test]
fn n32_what_was_not_let_begin_is_not_stopped_either() {
    let steps = [
        ("start-web", WELL),
        ("start-api", DENIED),
        ("stop-web", WELL),
        ("release:Refused", Input::Released),
    ];
    assert_eq!(walk(script(), &steps), "end:Refused(4):4:");
    let steps = [("start-web", DENIED), ("release:Refused", Input::Released)];
    assert_eq!(walk(script(), &steps), "end:Refused(4):4:");
}

#[test]
fn a_gate_that_stays_shut_is_explained_and_undone_with_its_code() {
    let started = [("start-web", WELL), ("start-api", WELL)];
    let undone = [
        ("log-web+log-api", Input::Shown),
        ("stop-api", WELL),
        ("stop-web", WELL),
        ("release:Refused", Input::Released),
    ];
    let gate = [("gate", Input::Gated(Some(4)))];
    assert_eq!(
        walk(script(), &[&started[..], &gate, &undone].concat()),
        "end:Refused(4):4:"
    );
    let swap = [("swap", Input::Swapped(Swapped::Refused(5)))];
    assert_eq!(
        walk(plain(), &[&started[..], &swap, &undone].concat()),
        "end:Refused(5):5:"
    );
}

#[test]
fn n34_a_migration_that_fails_stops_the_candidate_and_nothing_is_switched() {
    let steps = [
        ("start-web", WELL),
        ("start-api", WELL),
        ("gate", Input::Gated(Some(0))),
        ("migrate", BADLY),
        ("stop-api", WELL),
        ("stop-web", BADLY),
        ("release:Refused", Input::Released),
    ];
    assert_eq!(walk(script(), &steps), "end:Refused(4):4:stop-web");
}

#[test]
fn a_swap_that_rolled_itself_back_stops_the_candidate() {
    let steps = [
        ("start-web", WELL),
        ("start-api", WELL),
        ("swap", Input::Swapped(Swapped::RolledBack(Generation(9)))),
        ("stop-api", WELL),
        ("stop-web", WELL),
        ("release:RolledBack", Input::Released),
    ];
    assert_eq!(walk(plain(), &steps), "end:RolledBack:6:");
}

#[test]
fn a_swap_that_failed_is_touched_only_where_nothing_was_switched() {
    let started = [("start-web", WELL), ("start-api", WELL)];
    let after = [
        ("swap", Input::Swapped(Swapped::Failed { switched: true })),
        ("release:Failed", Input::Released),
    ];
    assert_eq!(walk(plain(), &[&started[..], &after].concat()), "end:Failed:1:stop-old");
    let before = [
        ("swap", Input::Swapped(Swapped::Failed { switched: false })),
        ("stop-api", WELL),
        ("stop-web", WELL),
        ("release:Refused", Input::Released),
    ];
    assert_eq!(walk(plain(), &[&started[..], &before].concat()), "end:Refused(1):1:");
}

#[test]
fn an_interruption_before_the_switch_undoes_what_was_begun() {
    let all = [
        ("start-web", WELL),
        ("start-api", WELL),
        ("gate", Input::Gated(Some(0))),
        ("migrate", WELL),
    ];
    let undone = [
        ("stop-api", WELL),
        ("stop-web", WELL),
        ("release:Interrupted", Input::Released),
    ];
    for (index, (at, _)) in all.iter().enumerate() {
        // What was interrupted ends badly, or well by chance.
        for answer in [BADLY, WELL] {
            let mut steps = all[..=index].to_vec();
            if *at == "gate" {
                steps[index].1 = Input::Gated((answer == WELL).then_some(0));
            } else {
                steps[index].1 = answer;
            }
            steps.extend_from_slice(if index == 0 { &undone[1..] } else { &undone });
            let end = walk_with(script(), &steps, |now, course| {
                if now == *at {
                    assert_eq!(course.interrupt(), Reaction::End);
                }
            });
            assert_eq!(end, "end:Interrupted:1:", "{at} {answer:?}");
        }
    }
}
