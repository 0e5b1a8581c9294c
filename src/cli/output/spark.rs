//! A row of numbers as a line that is as high as they are: `▁▂▄▇█`. Pure.

/// The heights, the lowest first.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The newest `steps` numbers in so many cells, the newest at the right; each cell shows the largest of those that it stands for. What
/// nobody knows is blank, and nothing at all is the lowest line. `most` is what reaches the top: that, or the largest of them.
#[must_use]
pub(super) fn spark(numbers: &[u32], steps: usize, cells: usize, most: u32) -> String {
    let numbers = &numbers[numbers.len().saturating_sub(steps)..];
    let each = steps.div_ceil(cells.max(1)).max(1);
    let top = numbers.iter().copied().max().unwrap_or(0).max(most);
    let shown: Vec<char> = numbers
        .rchunks(each)
        .map(|some| bar(some.iter().copied().max().unwrap_or(0), top))
        .collect();
    let unknown = cells.saturating_sub(shown.len());
    std::iter::repeat_n(' ', unknown)
        .chain(shown.into_iter().rev())
        .collect()
}

/// Only nothing is as low as nothing.
fn bar(number: u32, top: u32) -> char {
    let highest = BARS.len() as u64 - 1;
    let height = match number {
        0 => 0,
        _ => (u64::from(number) * highest).div_ceil(u64::from(top.max(1))),
    };
    usize::try_from(height.min(highest)).map_or(' ', |height| BARS[height])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_as_high_as_they_are_beside_the_largest() {
        assert_eq!(spark(&[0, 1, 50, 100], 4, 4, 0), "▁▂▅█");
        assert_eq!(spark(&[7, 7, 7], 3, 3, 0), "███");
        assert_eq!(
            spark(&[5], 1, 1, 10),
            "▅",
            "what is no failure is not shown as high as one"
        );
    }

    #[test]
    fn one_failure_among_thousands_is_seen() {
        assert_eq!(spark(&[0, 1, 1_000_000], 3, 3, 0), "▁▂█");
    }

    #[test]
    fn a_cell_shows_the_largest_of_its_steps_and_the_newest_is_at_the_right() {
        assert_eq!(spark(&[9, 0, 0, 0, 0, 3], 6, 3, 9), "█▁▄");
        assert_eq!(
            spark(&[1, 9, 9], 2, 2, 0),
            "██",
            "what is older than the steps is left out"
        );
    }

    #[test]
    fn what_nobody_knows_is_blank() {
        assert_eq!(spark(&[1, 1], 6, 6, 0), "    ██");
        assert_eq!(spark(&[], 60, 5, 0), "     ");
    }
}
