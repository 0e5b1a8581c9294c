//! How long exchanges take, fine enough for percentiles: four buckets for each power of two, from 1 µs to about 19 hours.

use std::sync::atomic::{AtomicU64, Ordering};

use super::counter::add;

const BUCKETS: usize = 144;

/// Those of one core.
#[derive(Debug)]
pub(super) struct CoreLatency([AtomicU64; BUCKETS]);

impl Default for CoreLatency {
    fn default() -> Self {
        Self([const { AtomicU64::new(0) }; BUCKETS])
    }
}

impl CoreLatency {
    /// An exchange has taken so long.
    pub(super) fn count(&self, micros: u64) {
        add(&self.0[bucket(micros)], 1);
    }
}

/// A sum at one moment.
#[derive(Debug, Clone)]
pub(super) struct Latency([u64; BUCKETS]);

impl Default for Latency {
    fn default() -> Self {
        Self([0; BUCKETS])
    }
}

impl Latency {
    /// Adds what a core has counted.
    pub(super) fn add(&mut self, core: &CoreLatency) {
        for (sum, counter) in self.0.iter_mut().zip(&core.0) {
            *sum += counter.load(Ordering::Relaxed);
        }
    }

    /// Adds another sum.
    pub(super) fn merge(&mut self, other: &Self) {
        for (sum, n) in self.0.iter_mut().zip(&other.0) {
            *sum += n;
        }
    }

    /// Takes an earlier sum of the same away.
    pub(super) fn subtract(&mut self, earlier: &Self) {
        for (n, before) in self.0.iter_mut().zip(&earlier.0) {
            *n -= before;
        }
    }

    /// The latency below which a share (0.0 to 1.0) of the exchanges stayed, in microseconds; the upper end of its bucket.
    pub(super) fn percentile(&self, share: f64) -> Option<u64> {
        let total: u64 = self.0.iter().sum();
        if total == 0 {
            return None;
        }
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rank"
        )]
        let rank = ((total as f64 * share).ceil() as u64).clamp(1, total);
        let mut seen = 0;
        for (index, n) in self.0.iter().enumerate() {
            seen += n;
            if seen >= rank {
                return Some(upper_end(index));
            }
        }
        None
    }
}

/// The bucket of a latency: its power of two, and the two bits behind the highest.
fn bucket(micros: u64) -> usize {
    let value = micros.max(1);
    let power = value.ilog2() as usize;
    let fraction = if power >= 2 {
        (value >> (power - 2)) & 3
    } else {
        (value << (2 - power)) & 3
    };
    (power * 4 + usize::try_from(fraction).unwrap_or(0)).min(BUCKETS - 1)
}

/// The largest latency that falls into a bucket.
fn upper_end(index: usize) -> u64 {
    let (power, fraction) = (index / 4, (index % 4) as u64);
    let width = 1_u64 << power;
    (width + (width * (fraction + 1)).div_ceil(4) - 1).max(width)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_latency_lies_within_its_bucket() {
        for micros in (0..5000).chain([1 << 20, (1 << 30) + 12345, u64::MAX]) {
            let index = bucket(micros);
            assert!(
                index == BUCKETS - 1 || upper_end(index) >= micros.max(1),
                "{micros} in {index}"
            );
            assert!(
                index == 0 || upper_end(index - 1) < micros.max(1) || micros < 8,
                "{micros} in {index}"
            );
        }
    }

    #[test]
    fn percentiles_are_of_all_cores_together() {
        let cores = [CoreLatency::default(), CoreLatency::default()];
        for micros in 1..=100 {
            cores[micros % 2].count(micros as u64 * 1000);
        }
        let mut latency = Latency::default();
        cores.iter().for_each(|core| latency.add(core));
        let p50 = latency.percentile(0.5).unwrap();
        assert!((50_000..=65_535).contains(&p50), "{p50}");
        assert_eq!(Latency::default().percentile(0.5), None);
    }
}
