//! What a connection and one of its streams share: the upload as it has come, and where the stream stands among the others.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::task::Poll;

use super::turn::Standing;
use crate::http2::error::Code;
use crate::proxy::exchange::decide::Decision;

/// One stream, as both its connection and its future see it.
#[derive(Default)]
pub(crate) struct Channel {
    pub(crate) stream: Cell<u32>,
    pub(crate) standing: Cell<Standing>,
    /// What was decided of its request, until its future begins with that.
    decision: Cell<Option<Decision>>,
    /// What its client is told behind the answer, because its request was malformed.
    pub(crate) fault: Cell<Option<Code>>,
    /// Its future is done with it.
    finished: Cell<bool>,
    /// It has something to write, and there is no room for it.
    pub(crate) waits: Cell<bool>,
    /// Its answer has ended, or it is not the client's fault that it has not.
    pub(crate) is_settled: Cell<bool>,
    received: RefCell<Received>,
}

/// Room that is kept for more of an upload that goes on, of which everything was taken.
const KEPT: usize = 64 * 1024;

/// What has come of an upload and was not taken yet. Its bound is the stream's window.
#[derive(Debug, Default)]
struct Received {
    bytes: Vec<u8>,
    /// So many of them were taken.
    taken: usize,
    ended: bool,
    trailers: Vec<u8>,
}

impl Channel {
    /// Another stream begins in its place.
    pub(crate) fn begin(&self, stream: u32, standing: Standing) {
        self.stream.set(stream);
        self.standing.set(standing);
        self.fault.set(None);
        self.waits.set(false);
        self.is_settled.set(false);
        self.finished.set(false);
        *self.received.borrow_mut() = Received::default();
    }

    /// This was decided of its request; `fault` is what its client is told behind the answer.
    pub(crate) fn decided(&self, decision: Decision, fault: Option<Code>) {
        self.decision.set(Some(decision));
        self.fault.set(fault);
    }

    /// Waits until a stream begins that has not been lived yet, and returns what was decided of its request.
    pub(crate) async fn decision(&self) -> Decision {
        // The connection wakes the place with the next.
        poll_fn(|_| self.decision.take().map_or(Poll::Pending, Poll::Ready)).await
    }

    /// Everything was done for it.
    pub(crate) fn finish(&self) {
        self.finished.set(true);
    }

    /// Whether it was, once.
    pub(crate) fn take_finished(&self) -> bool {
        self.finished.take()
    }

    /// More of the upload has come.
    pub(crate) fn receive(&self, bytes: &[u8]) {
        let received = &mut *self.received.borrow_mut();
        if received.taken > 0 && received.taken * 2 >= received.bytes.len() {
            received.bytes.drain(..received.taken);
            received.taken = 0;
        }
        received.bytes.extend_from_slice(bytes);
    }

    /// Nothing more of it comes; `trailers` are field lines.
    pub(crate) fn end(&self, trailers: Vec<u8>) {
        let received = &mut *self.received.borrow_mut();
        received.ended = true;
        received.trailers = trailers;
    }

    /// Hands what there is to `take`, which says how much of it it takes, and returns that.
    pub(crate) fn take(&self, take: impl FnOnce(&[u8]) -> usize) -> usize {
        let received = &mut *self.received.borrow_mut();
        let rest = &received.bytes[received.taken..];
        let bytes = if rest.is_empty() { 0 } else { take(rest) };
        debug_assert!(bytes <= rest.len(), "more was taken than there is");
        received.taken += bytes;
        if received.taken == received.bytes.len() {
            received.bytes.clear();
            received.taken = 0;
            if received.bytes.capacity() > KEPT {
                received.bytes = Vec::new();
            }
        }
        bytes
    }

    /// How many bytes of it are kept.
    pub(crate) fn kept(&self) -> usize {
        self.received.borrow().bytes.len()
    }

    /// Nobody knows when more comes: no memory is kept for it.
    pub(crate) fn rests(&self) {
        let received = &mut *self.received.borrow_mut();
        if received.bytes.is_empty() {
            received.bytes = Vec::new();
        }
    }

    /// Whether everything of the upload has come.
    pub(crate) fn has_ended(&self) -> bool {
        self.received.borrow().ended
    }

    /// Whether everything of it was taken.
    pub(crate) fn is_taken(&self) -> bool {
        let received = self.received.borrow();
        received.ended && received.bytes.is_empty()
    }

    /// Its trailers, once.
    pub(crate) fn trailers(&self) -> Vec<u8> {
        std::mem::take(&mut self.received.borrow_mut().trailers)
    }

    /// Nothing of it is needed any more, nor its memory.
    pub(crate) fn clear(&self) {
        self.decision.set(None);
        *self.received.borrow_mut() = Received::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e23_an_upload_is_taken_in_order_and_what_was_taken_is_not_kept() {
        let channel = Channel::default();
        let (mut sent, mut seen) = (Vec::new(), Vec::new());
        for n in 0..5000_usize {
            let piece = vec![n as u8; n % 97];
            channel.receive(&piece);
            sent.extend(piece);
            channel.take(|bytes| {
                let bytes = &bytes[..bytes.len().min(60)];
                seen.extend_from_slice(bytes);
                bytes.len()
            });
            let waits = sent.len() - seen.len();
            let held = channel.received.borrow().bytes.len();
            assert!(held <= 2 * waits + 200, "{held} bytes for {waits}");
        }
        channel.end(b"a: b\r\n".to_vec());
        channel.take(|bytes| {
            seen.extend_from_slice(bytes);
            bytes.len()
        });
        assert!(seen == sent && channel.is_taken());
        assert_eq!(channel.trailers(), b"a: b\r\n");
        channel.begin(3, Standing::default());
        assert!(!channel.has_ended() && channel.take(|_| 1) == 0);
    }

    #[test]
    fn e23_no_more_is_kept_of_what_was_taken_than_goes_on_needs() {
        let channel = Channel::default();
        let room = || channel.received.borrow().bytes.capacity();
        channel.receive(&[0; 4 * KEPT]);
        channel.take(|bytes| bytes.len() - 1);
        assert!(room() >= 4 * KEPT);
        channel.take(<[u8]>::len);
        assert_eq!(room(), 0);
        channel.receive(&[0; 1000]);
        channel.take(<[u8]>::len);
        assert!((1000..=KEPT).contains(&room()));
        channel.rests();
        assert_eq!(room(), 0);
    }
}
