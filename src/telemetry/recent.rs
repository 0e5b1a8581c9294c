//! The newest lines of the access log, in memory, as JSON whatever the log's format is. Whoever reads them has a place of its own in
//! their order, and nothing else: what is not read in time is gone, and its reader is told how much that was.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Lines that are kept, and those that came with the oldest of them.
pub const LINES: u64 = 10_000;
/// Bytes that are kept at most, what the bookkeeping takes included.
const BYTES: usize = 8 * 1024 * 1024;
/// Followers at once.
const FOLLOWERS: usize = 16;
/// What one piece takes beside its bytes.
const OVERHEAD: usize = size_of::<Arc<Piece>>() + size_of::<Piece>() + 2 * size_of::<usize>();

/// Whole lines, as they came.
#[derive(Debug)]
pub struct Piece {
    bytes: Box<[u8]>,
    /// How many lines were before the first of these.
    first: u64,
    lines: u64,
}

impl Piece {
    /// The lines from this number on, with their ends.
    #[must_use]
    pub fn since(&self, line: u64) -> &[u8] {
        let behind = line.saturating_sub(self.first);
        let end_of = |count: u64| {
            let ends = memchr::memchr_iter(b'\n', &self.bytes);
            usize::try_from(count - 1)
                .ok()
                .and_then(|count| ends.into_iter().nth(count))
        };
        match behind {
            0 => &self.bytes,
            _ => end_of(behind).map_or(&[], |end| &self.bytes[end + 1..]),
        }
    }

    /// The number of the first of these.
    #[must_use]
    pub fn first(&self) -> u64 {
        self.first
    }

    /// The number of the first line behind these.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.first + self.lines
    }
}

/// What comes next for a reader.
#[derive(Debug)]
pub enum Next {
    /// Lines, of which the first is the one that was asked for, or one after it: those between are lost.
    Piece {
        /// They, and maybe some before.
        piece: Arc<Piece>,
        /// The number of the first that is new.
        from: u64,
        /// Lines that are lost.
        lost: u64,
    },
    /// Nothing new came in time.
    Nothing,
    /// Nothing will come any more.
    Ended,
}

/// The newest lines. A clone is another handle of the same ones.
#[derive(Debug, Clone, Default)]
pub struct Recent(Arc<Room>);

#[derive(Debug, Default)]
struct Room {
    kept: Mutex<Kept>,
    /// Something came, or nothing will any more.
    news: Condvar,
    followers: AtomicUsize,
}

#[derive(Debug, Default)]
struct Kept {
    pieces: VecDeque<Arc<Piece>>,
    lines: u64,
    bytes: usize,
    /// How many lines there ever were.
    ever: u64,
    ended: bool,
}

impl Kept {
    fn cost(piece: &Piece) -> usize {
        piece.bytes.len() + OVERHEAD
    }

    fn make_room(&mut self) {
        while let Some(oldest) = self.pieces.front() {
            if self.lines - oldest.lines < LINES && self.bytes <= BYTES {
                return;
            }
            self.lines -= oldest.lines;
            self.bytes -= Self::cost(oldest);
            self.pieces.pop_front();
        }
    }
}

impl Recent {
    /// Keeps whole lines; of a single reader's time only that is waited for which it takes to find its piece.
    pub(super) fn keep(&self, bytes: &[u8], lines: u64) {
        // Copied before anybody has to wait for it.
        let bytes: Box<[u8]> = bytes.into();
        let mut kept = self.kept();
        let piece = Piece {
            bytes,
            first: kept.ever,
            lines,
        };
        kept.ever += lines;
        kept.lines += lines;
        kept.bytes += Kept::cost(&piece);
        kept.pieces.push_back(Arc::new(piece));
        kept.make_room();
        drop(kept);
        self.0.news.notify_all();
    }

    /// No more lines will come.
    pub fn end(&self) {
        self.kept().ended = true;
        self.0.news.notify_all();
    }

    /// The number of the oldest line that is kept, and the number that the next one will have.
    #[must_use]
    pub fn bounds(&self) -> (u64, u64) {
        let kept = self.kept();
        let oldest = kept.pieces.front().map_or(kept.ever, |piece| piece.first);
        (oldest.max(kept.ever.saturating_sub(LINES)), kept.ever)
    }

    /// The newest piece that has lines before this number.
    #[must_use]
    pub fn before(&self, line: u64) -> Option<Arc<Piece>> {
        let kept = self.kept();
        let behind = kept.pieces.partition_point(|piece| piece.first < line);
        behind.checked_sub(1).map(|place| kept.pieces[place].clone())
    }

    /// What comes at this number; waits for it.
    #[must_use]
    pub fn next(&self, line: u64, patience: Duration) -> Next {
        let mut kept = self.kept();
        if kept.ever <= line && !kept.ended {
            let waited = self
                .0
                .news
                .wait_timeout_while(kept, patience, |kept| kept.ever <= line && !kept.ended);
            kept = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let place = kept.pieces.partition_point(|piece| piece.end() <= line);
        match kept.pieces.get(place) {
            Some(piece) => Next::Piece {
                piece: piece.clone(),
                from: line.max(piece.first),
                lost: piece.first.saturating_sub(line),
            },
            None if kept.ended => Next::Ended,
            None => Next::Nothing,
        }
    }

    /// A place among those who follow, if there is one.
    #[must_use]
    pub fn follow(&self) -> Option<Follower> {
        let one_more = |followers| (followers < FOLLOWERS).then_some(followers + 1);
        let counted = self
            .0
            .followers
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more);
        counted.ok().map(|_| Follower(self.clone()))
    }

    /// How many lines are kept, what they take in bytes, and how many follow.
    #[must_use]
    pub fn size(&self) -> (u64, usize, usize) {
        let kept = self.kept();
        (kept.lines, kept.bytes, self.0.followers.load(Ordering::Acquire))
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place among those who follow, until it is dropped.
#[derive(Debug)]
pub struct Follower(Recent);

impl Drop for Follower {
    fn drop(&mut self) {
        self.0.0.followers.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a reader gets that begins at a number, and where it then is.
    fn read(recent: &Recent, line: u64) -> (String, u64, u64) {
        match recent.next(line, Duration::ZERO) {
            Next::Piece { piece, from, lost } => {
                let text = String::from_utf8(piece.since(from).to_vec()).unwrap();
                (text, piece.end(), lost)
            }
            Next::Nothing | Next::Ended => (String::new(), line, 0),
        }
    }

    #[test]
    fn a_reader_goes_on_where_it_was_also_within_a_piece() {
        let recent = Recent::default();
        recent.keep(b"a\nb\nc\n", 3);
        recent.keep(b"d\n", 1);
        assert_eq!(recent.bounds(), (0, 4));
        assert_eq!(read(&recent, 0), ("a\nb\nc\n".into(), 3, 0));
        assert_eq!(read(&recent, 2), ("c\n".into(), 3, 0));
        assert_eq!(read(&recent, 3), ("d\n".into(), 4, 0));
        assert_eq!(read(&recent, 4), (String::new(), 4, 0));
        assert_eq!(recent.before(4).unwrap().end(), 4);
        assert_eq!(recent.before(3).unwrap().end(), 3);
        assert!(recent.before(0).is_none());
    }

    #[test]
    fn the_newest_lines_are_kept_and_who_comes_late_is_told_how_many_are_lost() {
        let recent = Recent::default();
        for _ in 0..LINES + 100 {
            recent.keep(b"x\n", 1);
        }
        assert_eq!(recent.size().0, LINES);
        assert_eq!(recent.bounds(), (100, LINES + 100));
        assert_eq!(read(&recent, 40), ("x\n".into(), 101, 60));
        recent.keep("y\n".repeat(300).as_bytes(), 300);
        assert_eq!(recent.size().0, LINES);
        assert_eq!(recent.bounds(), (400, LINES + 400));
    }

    #[test]
    fn the_memory_has_a_bound_however_long_the_lines_are() {
        let recent = Recent::default();
        let long = format!("{}\n", "x".repeat(3_000)).repeat(40);
        for _ in 0..1_000 {
            recent.keep(long.as_bytes(), 40);
            assert!(recent.size().1 <= BYTES);
        }
        assert!(recent.size().1 > BYTES - 200_000, "the bound was reached");
        let (oldest, next) = recent.bounds();
        assert!(next - oldest < LINES);
        // One line each is the worst for what the bookkeeping takes.
        for _ in 0..LINES {
            recent.keep(b"x\n", 1);
        }
        assert!(recent.size().1 < 1024 * 1024);
    }

    #[test]
    fn who_waits_is_woken_by_what_comes_and_by_the_end() {
        let recent = Recent::default();
        let waiting = recent.clone();
        let reader = std::thread::spawn(move || {
            let first = matches!(waiting.next(0, Duration::from_secs(60)), Next::Piece { lost: 0, .. });
            (first, matches!(waiting.next(1, Duration::from_secs(60)), Next::Ended))
        });
        recent.keep(b"a\n", 1);
        recent.end();
        assert_eq!(reader.join().unwrap(), (true, true));
    }

    #[test]
    fn so_many_follow_and_no_more() {
        let recent = Recent::default();
        let mut all: Vec<_> = std::iter::from_fn(|| recent.follow()).collect();
        assert_eq!((all.len(), recent.size().2), (FOLLOWERS, FOLLOWERS));
        all.pop();
        assert!(recent.follow().is_some());
    }
}
