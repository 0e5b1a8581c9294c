//! Swaps, rollbacks, drains, bake windows, pauses and reloads over thousands of random schedules in simulated time, with apps that
//! come and go, disks that fail, people who ask at any moment and hang up, and crashes. The invariants of `ARCHITECTURE.md` are
//! checked at every step.
//!
//! A failure names its seed; `SEED=` replays it alone.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test, though not everything in it is a test function"
)]

#[path = "simulation/hold.rs"]
mod hold;
#[path = "simulation/plane.rs"]
mod plane;
#[path = "simulation/world.rs"]
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

use world::{Tally, World};

const SCHEDULES: u64 = 10_000;

#[test]
fn the_invariants_hold_on_every_schedule() {
    if let Some(seed) = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()) {
        World::new(seed).live();
        return;
    }
    let mut sum = Tally::default();
    for seed in 0..SCHEDULES {
        match catch_unwind(AssertUnwindSafe(|| World::new(seed).live())) {
            Ok(tally) => sum.add(&tally),
            Err(_) => panic!("the schedule of SEED={seed} breaks an invariant"),
        }
    }
    println!("{sum:?}");
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
    ] {
        assert!(count >= SCHEDULES / 200, "hardly anything was {what}: {sum:?}");
    }
}
