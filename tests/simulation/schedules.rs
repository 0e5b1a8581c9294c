//! A simulation over many random schedules, on every core. A failure names its seed; `SEED=` replays it alone.

use std::fmt::Debug;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;

const SCHEDULES: u64 = 10_000;

/// How often a thing has to have come to pass on all of them: else nothing is proved.
pub(crate) const AT_LEAST: u64 = SCHEDULES / 200;

/// Lives through every schedule, and adds up what came to pass. `None` when one was replayed alone.
pub(crate) fn on_every_schedule<T>(live: impl Fn(u64) -> T + Sync, add: impl Fn(&mut T, &T) + Sync) -> Option<T>
where
    T: Debug + Default + Send,
{
    if let Some(seed) = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()) {
        live(seed);
        return None;
    }
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let share = &|first: usize| {
        let mut sum = T::default();
        for seed in (0..SCHEDULES).skip(first).step_by(cores) {
            match catch_unwind(AssertUnwindSafe(|| live(seed))) {
                Ok(one) => add(&mut sum, &one),
                Err(_) => panic!("the schedule of SEED={seed} breaks what has to hold"),
            }
        }
        sum
    };
    let sum = thread::scope(|scope| {
        let shares: Vec<_> = (0..cores).map(|first| scope.spawn(move || share(first))).collect();
        shares.into_iter().fold(T::default(), |mut sum, share| {
            add(&mut sum, &share.join().unwrap_or_else(|panic| resume_unwind(panic)));
            sum
        })
    });
    println!("{sum:?}");
    Some(sum)
}
