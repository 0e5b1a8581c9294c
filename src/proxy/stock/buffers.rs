//! The core's stock of buffers. They are borrowed while bytes are on their way and given back by `Drop`, so a connection that
//! waits holds none: that, and not the number of connections, bounds the memory of a busy proxy.

use std::cell::RefCell;
use std::io;
use std::ops::Range;

use tokio::io::ReadBuf;

/// Heads and small bodies.
pub(crate) const SMALL: usize = 16 * 1024;
/// Bulk to clients that keep up.
pub(crate) const BULK: usize = 256 * 1024;
/// Bulk buffers of one core that may be out at the same time; beyond it bulk travels in small ones.
const BULK_LIMIT: usize = 16;
/// A record of TLS, the largest that there may be (18,437 bytes), and a little of the next.
pub(crate) const RECORD: usize = 20 * 1024;
/// Four records of TLS that leave together, with what each adds.
pub(crate) const RECORDS: usize = 65 * 1024;
/// Of those, how many may be out.
const RECORDS_LIMIT: usize = 64;
/// Free outgoing buffers that a core keeps; the rest goes back to the allocator.
const OUTGOING_KEPT: usize = 64;
/// An outgoing buffer that has grown beyond this is not kept.
const OUT_KEPT: usize = 32 * 1024;

/// Buffers of one size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Small,
    Bulk,
    Record,
    Records,
}

impl Kind {
    const ALL: usize = 4;

    const fn size(self) -> usize {
        match self {
            Self::Small => SMALL,
            Self::Bulk => BULK,
            Self::Record => RECORD,
            Self::Records => RECORDS,
        }
    }

    /// Free ones that a core keeps; the rest goes back to the allocator.
    const fn kept(self) -> usize {
        match self {
            Self::Small | Self::Record => 32,
            Self::Bulk | Self::Records => 4,
        }
    }

    /// Those of one core that may be out at the same time.
    const fn limit(self) -> usize {
        match self {
            Self::Small | Self::Record => usize::MAX,
            Self::Bulk => BULK_LIMIT,
            Self::Records => RECORDS_LIMIT,
        }
    }
}

/// What there is of one kind.
#[derive(Default)]
struct Shelf {
    free: Vec<Vec<u8>>,
    lent: usize,
}

#[derive(Default)]
struct Stock {
    shelves: [Shelf; Kind::ALL],
    out: Vec<Vec<u8>>,
}

thread_local! {
    static STOCK: RefCell<Stock> = RefCell::new(Stock::default());
}

/// Bytes that were read and not yet used, in a buffer of the stock.
#[derive(Debug)]
pub(crate) struct Buffer {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    /// `None`: bytes from elsewhere.
    kind: Option<Kind>,
}

impl Buffer {
    /// A buffer of [`SMALL`] bytes.
    pub(crate) fn small() -> Self {
        Self::lend(Kind::Small)
    }

    /// A buffer of [`BULK`] bytes, or a small one when too many are out.
    pub(crate) fn bulk() -> Self {
        Self::grant(Kind::Bulk).unwrap_or_else(Self::small)
    }

    /// A buffer of [`RECORD`] bytes.
    pub(crate) fn record() -> Self {
        Self::lend(Kind::Record)
    }

    /// A buffer of [`RECORDS`] bytes; `None` when too many are out.
    pub(crate) fn records() -> Option<Self> {
        Self::grant(Kind::Records)
    }

    /// For what a client sends next: large where the last read has nearly filled a small one, so that there may be more.
    pub(crate) fn behind(last_read: usize) -> Self {
        let large = if last_read > SMALL / 2 { Self::records() } else { None };
        large.unwrap_or_else(Self::small)
    }

    /// One of a kind that has a limit.
    fn grant(kind: Kind) -> Option<Self> {
        let granted = STOCK.with_borrow(|stock| stock.shelves[kind as usize].lent < kind.limit());
        granted.then(|| Self::lend(kind))
    }

    fn lend(kind: Kind) -> Self {
        let kept = STOCK.with_borrow_mut(|stock| {
            let shelf = &mut stock.shelves[kind as usize];
            shelf.lent += 1;
            shelf.free.pop()
        });
        Self {
            bytes: kept.unwrap_or_else(|| vec![0; kind.size()]),
            start: 0,
            end: 0,
            kind: Some(kind),
        }
    }

    /// Bytes that were read elsewhere: the first `filled` of these.
    pub(crate) fn holding(bytes: Vec<u8>, filled: usize) -> Self {
        Self {
            end: filled.min(bytes.len()),
            bytes,
            start: 0,
            kind: None,
        }
    }

    /// The bytes that are in it.
    pub(crate) fn filled(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// The bytes that are in it, to be changed in place.
    pub(crate) fn filled_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..self.end]
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Whether it is of the stock, and not bytes from elsewhere.
    pub(crate) fn is_lent(&self) -> bool {
        self.kind.is_some()
    }

    /// Whether it has room for several records.
    pub(crate) fn is_large(&self) -> bool {
        self.bytes.len() >= RECORDS
    }

    /// Whether nothing more fits behind the bytes.
    pub(crate) fn is_full(&self) -> bool {
        self.end == self.bytes.len()
    }

    /// The first `n` bytes are done with.
    pub(crate) fn consume(&mut self, n: usize) {
        self.start += n;
        debug_assert!(self.start <= self.end, "more was consumed than there is");
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        }
    }

    /// Keeps only a part of the bytes, given as offsets into [`Buffer::filled`].
    pub(crate) fn keep(&mut self, part: Range<usize>) {
        self.end = self.start + part.end;
        self.start += part.start;
    }

    /// Makes room behind the bytes: moves them to the front, or into `larger` bytes when they fill the buffer already.
    pub(crate) fn make_room(&mut self, larger: usize) {
        if self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        } else if self.is_full() && larger > self.bytes.len() {
            self.bytes.resize(larger, 0);
        }
    }

    /// Reads once into the room behind the bytes.
    pub(crate) fn read_with<E>(
        &mut self,
        read: impl FnOnce(&mut ReadBuf<'_>) -> std::task::Poll<Result<(), E>>,
    ) -> std::task::Poll<Result<usize, E>> {
        let mut room = ReadBuf::new(&mut self.bytes[self.end..]);
        read(&mut room).map_ok(|()| {
            let n = room.filled().len();
            self.end += n;
            n
        })
    }

    /// Reads at most `most` bytes into the room behind the bytes, unless the reader says that it cannot.
    pub(crate) fn fill(
        &mut self,
        most: usize,
        read: impl FnOnce(&mut [u8]) -> Option<io::Result<usize>>,
    ) -> Option<io::Result<()>> {
        let room = &mut self.bytes[self.end..];
        let most = most.min(room.len());
        let read = read(&mut room[..most])?;
        Some(read.map(|n| self.end += n.min(most)))
    }

    /// Takes bytes from elsewhere, and grows where they do not fit.
    pub(crate) fn append(&mut self, bytes: &[u8]) {
        self.room(bytes.len())[..bytes.len()].copy_from_slice(bytes);
        self.end += bytes.len();
    }

    /// The room behind the bytes, made at least so large; what is written there counts with [`Buffer::wrote`].
    pub(crate) fn room(&mut self, least: usize) -> &mut [u8] {
        if self.bytes.len() - self.end < least {
            self.make_room(0);
            let needed = self.end + least;
            if self.bytes.len() < needed {
                self.bytes.resize(needed, 0);
            }
        }
        &mut self.bytes[self.end..]
    }

    /// So much was written into the room behind the bytes.
    pub(crate) fn wrote(&mut self, n: usize) {
        self.end += n;
        debug_assert!(self.end <= self.bytes.len(), "more was written than there is room");
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let Some(kind) = self.kind else { return };
        let bytes = std::mem::take(&mut self.bytes);
        // At the end of the thread the stock may be gone already; then the allocator takes the bytes.
        let _ = STOCK.try_with(|stock| {
            let shelf = &mut stock.borrow_mut().shelves[kind as usize];
            shelf.lent -= 1;
            if bytes.len() == kind.size() && shelf.free.len() < kind.kept() {
                shelf.free.push(bytes);
            }
        });
    }
}

/// Bytes on their way out, written from the front.
#[derive(Debug)]
pub(crate) struct Out {
    /// What is to be written; append to it.
    pub(crate) bytes: Vec<u8>,
    written: usize,
}

impl Out {
    /// An empty one from the stock.
    pub(crate) fn new() -> Self {
        let kept = STOCK.with_borrow_mut(|stock| stock.out.pop());
        Self {
            bytes: kept.unwrap_or_else(|| Vec::with_capacity(4096)),
            written: 0,
        }
    }

    /// What is still to be written.
    pub(crate) fn rest(&self) -> &[u8] {
        &self.bytes[self.written..]
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.written == self.bytes.len()
    }

    /// Whether any byte has left.
    pub(crate) fn has_begun(&self) -> bool {
        self.written > 0
    }

    /// `n` bytes have left.
    pub(crate) fn wrote(&mut self, n: usize) {
        self.written += n;
    }

    /// All of it is to be written again, from the first byte.
    pub(crate) fn rewind(&mut self) {
        self.written = 0;
    }

    /// Forgets what has left, so that its memory is not kept.
    pub(crate) fn drop_written(&mut self) {
        self.bytes.drain(..self.written);
        self.written = 0;
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.written = 0;
    }
}

impl Drop for Out {
    fn drop(&mut self) {
        let mut bytes = std::mem::take(&mut self.bytes);
        if bytes.capacity() > OUT_KEPT || bytes.capacity() == 0 {
            return;
        }
        bytes.clear();
        let _ = STOCK.try_with(|stock| {
            let mut stock = stock.borrow_mut();
            if stock.out.len() < OUTGOING_KEPT {
                stock.out.push(bytes);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bulk_buffers_are_bounded_and_come_back() {
        let out: Vec<Buffer> = (0..BULK_LIMIT + 3).map(|_| Buffer::bulk()).collect();
        assert_eq!(
            out.iter().filter(|buffer| buffer.bytes.len() == BULK).count(),
            BULK_LIMIT
        );
        drop(out);
        assert_eq!(Buffer::bulk().bytes.len(), BULK);
    }

    #[test]
    fn a_full_buffer_grows_and_keeps_its_bytes() {
        let mut buffer = Buffer::small();
        buffer.append(&[7; SMALL]);
        assert!(buffer.is_full());
        buffer.make_room(2 * SMALL);
        assert_eq!(buffer.filled(), [7; SMALL]);
        buffer.append(b"more");
        buffer.consume(SMALL);
        assert_eq!(buffer.filled(), b"more");
    }
}
