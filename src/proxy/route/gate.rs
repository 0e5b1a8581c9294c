//! The gate of an activation: who is inside, and whether anyone may still enter.
//!
//! Each core has one word, on a cache line of its own, that packs a count of claims and a CLOSED bit. A claim adds one and
//! looks at the bit that it got back; closing sets the bit in every word. Because both are read-modify-writes of the *same*
//! word, either the claim is counted before the gate closes, or it sees that the gate is closed; a bit beside the count would
//! let both sides miss each other.
//!
//! Publish comes before close, so a request that is turned away finds a newer snapshot: the failed claim *acquires* what the closing
//! *released*, and that includes the publish. `tests/gate_loom.rs` runs this file under loom.

use crossbeam_utils::CachePadded;

use super::atomic::{AtomicUsize, Ordering};

const CLOSED: usize = 1 << (usize::BITS - 1);

/// Counts claims per core and turns newcomers away once closed. Never opens again.
#[derive(Debug)]
pub struct Gate {
    words: Box<[CachePadded<AtomicUsize>]>,
}

impl Gate {
    /// An open gate with one word for each of `cores`.
    #[must_use]
    pub fn new(cores: usize) -> Self {
        Self {
            words: (0..cores).map(|_| CachePadded::new(AtomicUsize::new(0))).collect(),
        }
    }

    /// Enters, unless the gate is closed. Each success is undone by one [`Gate::release`] on the same core.
    #[must_use]
    pub fn try_claim(&self, core: usize) -> bool {
        let before = self.words[core].fetch_add(1, Ordering::AcqRel);
        if before & CLOSED == 0 {
            return true;
        }
        self.words[core].fetch_sub(1, Ordering::AcqRel);
        false
    }

    /// Leaves. Whether this core's word is now closed and empty: then someone may be waiting for it.
    pub fn release(&self, core: usize) -> bool {
        self.words[core].fetch_sub(1, Ordering::AcqRel) == CLOSED | 1
    }

    /// Turns every later claim away.
    pub fn close(&self) {
        for word in &self.words {
            word.fetch_or(CLOSED, Ordering::AcqRel);
        }
    }

    /// Whether newcomers of a core are turned away.
    #[must_use]
    pub fn is_closed(&self, core: usize) -> bool {
        self.words[core].load(Ordering::Acquire) & CLOSED != 0
    }

    /// Claims that are held, of all cores. A claim that is just being turned away may be counted for a moment.
    #[must_use]
    pub fn claims(&self) -> usize {
        self.words
            .iter()
            .map(|word| word.load(Ordering::Acquire) & !CLOSED)
            .sum()
    }

    /// Closed, and nobody inside. Once true it stays true, but for claims that are just being turned away.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.words.iter().all(|word| word.load(Ordering::Acquire) == CLOSED)
    }
}
