//! A queue and its keeper, one case at a time. `tests/simulation.rs` mixes them.

mod keeper;
mod queue;

use std::time::Duration;

use super::{App, Bounds, Keeper, Newcomer, News, Outlook, Queue, Refusal, Step, Times, Verdict, Why};
use crate::model::clock::Moment;

/// The activation that is live where a test does not say otherwise.
const APP: u64 = 7;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn at(millis: u64) -> Moment {
    Moment {
        at: ms(millis),
        wall: jiff::Timestamp::UNIX_EPOCH,
    }
}

fn bounds() -> Bounds {
    Bounds {
        period: ms(30_000),
        max_requests: 3,
        max_bytes: 1000,
    }
}

fn newcomer(name: u32, why: Why) -> Newcomer<u32> {
    Newcomer {
        why,
        before: None,
        bytes: 100,
        waiter: name,
    }
}

fn away(name: u32) -> Newcomer<u32> {
    newcomer(name, Why::Away(APP))
}

fn paused(name: u32) -> Newcomer<u32> {
    newcomer(name, Why::Paused)
}

/// The names of the requests that may try.
fn released(told: &[(u32, Verdict)]) -> Vec<u32> {
    assert!(
        told.iter().all(|(_, verdict)| matches!(verdict, Verdict::Go { .. })),
        "{told:?}"
    );
    told.iter().map(|(name, _)| *name).collect()
}

/// The names of the requests that were turned away, and all for one reason.
fn refused(told: &[(u32, Verdict)], why: Refusal) -> Vec<u32> {
    assert!(
        told.iter().all(|(_, verdict)| *verdict == Verdict::Refused(why)),
        "{told:?}"
    );
    told.iter().map(|(name, _)| *name).collect()
}

/// The batch that a request was released in.
fn batch(told: &[(u32, Verdict)]) -> u64 {
    match told[0].1 {
        Verdict::Go { batch } => batch,
        Verdict::Refused(why) => panic!("refused: {why:?}"),
    }
}
