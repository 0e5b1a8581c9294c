//! Random answers, and what holds whatever comes.

use super::*;

/// Whatever is answered, and whatever comes between: it ends, the candidate is stopped only while it cannot be live, and the old side
/// only once it cannot.
#[test]
fn whatever_happens_it_ends_and_stops_no_side_that_may_serve() {
    for seed in 0..20_000_u64 {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut roll = |most: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % most
        };
        let scripts = [script(), plain(), kept(), Script::default()];
        let (mut course, mut act) = Course::begin(scripts[usize::try_from(roll(4)).unwrap()].clone(), AT);
        let (mut may_be_live, mut may_be_old, mut locked, mut begun) = (false, false, true, Vec::new());
        for step in 0.. {
            assert!(step < 500, "seed {seed} does not end");
            if roll(8) == 0 {
                course.interrupt();
            }
            if roll(8) == 0 && locked {
                course.lose();
                locked = false;
            }
            act = course.handle(match &act {
                Act::End(ending) => {
                    assert!(ending.code() <= 7);
                    break;
                }
                Act::Run(task) => {
                    let name = task.command.to_string();
                    if task.stage == Stage::Stop && task.slot == Some(Slot::Green) {
                        assert!(!may_be_live, "seed {seed} stops what may serve");
                        assert!(begun.contains(&name.replace("stop", "start")), "seed {seed}: {name}");
                    }
                    assert!(
                        task.slot != Some(Slot::Blue) || may_be_old,
                        "seed {seed} stops the old side"
                    );
                    match roll(6) {
                        // The daemon is not there to say yes.
                        _ if !locked => DENIED,
                        0 => DENIED,
                        1 => {
                            begun.push(name);
                            BADLY
                        }
                        _ => {
                            begun.push(name);
                            WELL
                        }
                    }
                }
                Act::Gate if !locked => Input::Gated(None),
                Act::Gate => Input::Gated([Some(0), Some(0), Some(4), None][usize::try_from(roll(4)).unwrap()]),
                Act::Swap if !locked => Input::Swapped(Swapped::Failed { switched: false }),
                Act::Swap => Input::Swapped(match roll(7) {
                    0 => Swapped::Refused(4),
                    1 => Swapped::RolledBack(Generation(9)),
                    2 => Swapped::Failed { switched: false },
                    3 => {
                        may_be_live = true;
                        Swapped::Failed { switched: true }
                    }
                    4 => {
                        may_be_live = true;
                        Swapped::Unwatched
                    }
                    _ => {
                        (may_be_live, may_be_old) = (true, true);
                        Swapped::Done(NEXT)
                    }
                }),
                Act::Explain(_) => Input::Shown,
                Act::Lock { switched, .. } => {
                    assert_eq!(*switched, may_be_old, "seed {seed}");
                    let answers = [
                        Locked::Ours,
                        Locked::Ours,
                        Locked::Switched,
                        Locked::Changed,
                        Locked::Held,
                        Locked::Unreachable,
                    ];
                    let answer = answers[usize::try_from(roll(6)).unwrap()];
                    locked = answer == Locked::Ours;
                    Input::Locked(answer)
                }
                Act::Release(_) => {
                    locked = false;
                    Input::Released
                }
                Act::Keep(_) => Input::Kept,
            });
        }
    }
}
