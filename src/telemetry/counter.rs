//! A counter that one thread writes and any may read.

use std::sync::atomic::{AtomicU64, Ordering};

/// Adds to a counter that this thread alone writes: a load and a store, no locked instruction.
pub(super) fn add(counter: &AtomicU64, n: u64) {
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
}
