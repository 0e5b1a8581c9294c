//! A simulation over many random schedules. A failure names its seed; `SEED=` replays it alone.

use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// How many there are.
pub(crate) const SCHEDULES: u64 = 10_000;

/// Lives through every schedule, and adds up what came to pass. `None` when one was replayed alone.
pub(crate) fn on_every_schedule<T: Debug + Default>(live: impl Fn(u64) -> T, add: impl Fn(&mut T, &T)) -> Option<T> {
    if let Some(seed) = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()) {
        live(seed);
        return None;
    }
    let mut sum = T::default();
    for seed in 0..SCHEDULES {
        match catch_unwind(AssertUnwindSafe(|| live(seed))) {
            Ok(one) => add(&mut sum, &one),
            Err(_) => panic!("the schedule of SEED={seed} breaks what has to hold"),
        }
    }
    println!("{sum:?}");
    Some(sum)
}
