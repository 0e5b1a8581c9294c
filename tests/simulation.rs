//! Swaps, rollbacks, drains, bake windows, pauses, deployments and reloads over thousands of random schedules in simulated time, with apps that
//! come and go, disks that fail, people who ask at any moment and hang up, and crashes. The invariants of `ARCHITECTURE.md` are
//! checked at every step.
//!
//! A failure names its seed; `SEED=` replays it alone.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test, though not everything in it is a test function"
)]

#[path = "simulation/hold.rs"]
mod hold;
#[path = "simulation/plane.rs"]
mod plane;
#[path = "simulation/schedules.rs"]
mod schedules;
#[path = "simulation/sleeping.rs"]
mod sleeping;
#[path = "simulation/world.rs"]
mod world;

use schedules::{AT_LEAST, on_every_schedule};
use world::{Tally, World};

#[test]
fn the_invariants_hold_on_every_schedule() {
    let Some(sum) = on_every_schedule(|seed| World::new(seed).live(), Tally::add) else {
        return;
    };
    // A simulation in which nothing ever happens would hold as well.
    for (count, what) in [
        (sum.done, "done"),
        (sum.refused, "refused"),
        (sum.busy, "refused because another held the environment"),
        (sum.rolled_back, "rolled back"),
        (sum.failed, "failed"),
        (sum.forced, "forced through"),
        (sum.crashes, "crashed"),
        (sum.crashes_in_a_save, "crashed between save and publish"),
        (sum.cut, "cut"),
        (sum.turned_away, "turned away at a closed gate"),
        (sum.paused, "paused"),
        (sum.held, "held"),
        (sum.resumed, "resumed"),
        (sum.lapsed, "lapsed"),
        (sum.left, "left by the one who asked for a pause"),
        (sum.reloaded, "reloaded"),
        (sum.not_reloaded, "refused to be reloaded"),
        (sum.deployed, "held by a deployment"),
        (sum.queued, "told to wait"),
        (sum.came_next, "next in its turn"),
        (sum.abandoned, "abandoned by the client of a deployment"),
        (sum.touched, "started or stopped"),
        (sum.kept_from_a_side, "kept from a side"),
        (sum.gate_only, "gated alone"),
    ] {
        assert!(count >= AT_LEAST, "hardly anything was {what}: {sum:?}");
    }
}
