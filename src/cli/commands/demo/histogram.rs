//! Latencies in buckets that are at most 3 % wide, in the same few kilobytes for ever. Pure.

/// Buckets per power of two.
const SUB: u64 = 32;
/// Highest power of two that is told apart: 2^40 µs is twelve days.
const TOP: u32 = 40;
const BUCKETS: usize = ((TOP as usize) - 3) * SUB as usize;

/// Counts of values in microseconds.
#[derive(Debug, Clone)]
pub(super) struct Histogram {
    buckets: Vec<u64>,
    total: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            buckets: vec![0; BUCKETS],
            total: 0,
        }
    }
}

impl Histogram {
    /// Adds one value.
    pub(super) fn add(&mut self, micros: u64) {
        if let Some(bucket) = self.buckets.get_mut(index(micros)) {
            *bucket += 1;
            self.total += 1;
        }
    }

    /// The value that this share (0.0 to 1.0) of all values does not exceed; `None` without values.
    pub(super) fn quantile(&self, share: f64) -> Option<u64> {
        if self.total == 0 {
            return None;
        }
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rank between 1 and a count that is far below 2^53"
        )]
        let rank = ((self.total as f64 * share).ceil() as u64).max(1);
        let mut seen = 0;
        self.buckets.iter().enumerate().find_map(|(index, count)| {
            seen += count;
            (seen >= rank).then(|| upper(index))
        })
    }
}

fn index(value: u64) -> usize {
    let value = value.min((1 << TOP) - 1);
    let slot = if value < SUB {
        value
    } else {
        let power = value.ilog2();
        u64::from(power - 4) * SUB + ((value >> (power - 5)) & (SUB - 1))
    };
    usize::try_from(slot).unwrap_or(BUCKETS)
}

/// The highest value of a bucket.
fn upper(index: usize) -> u64 {
    let index = index as u64;
    if index < SUB {
        return index;
    }
    let shift = index / SUB - 1;
    ((SUB + index % SUB + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_lies_in_its_bucket_and_buckets_are_narrow() {
        for value in (0..200).chain((200..5_000_000).step_by(997)) {
            let top = upper(index(value));
            assert!(
                top >= value && (top - value) * 32 <= value.max(32),
                "{value} is in a bucket up to {top}"
            );
            assert!(index(value) < BUCKETS);
        }
        assert!(index(u64::MAX) < BUCKETS);
    }

    #[test]
    fn quantiles_are_ranks() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile(0.5), None);
        (1..=20).for_each(|value| histogram.add(value));
        assert_eq!(histogram.quantile(0.5), Some(10));
        assert_eq!(histogram.quantile(0.99), Some(20));
        assert_eq!(histogram.quantile(0.0), Some(1));
    }
}
