//! How a connection ends, and how much of an upload is still read after an answer that did not wait for it, and for how long (N15). It
//! is discarded, so that the client gets to read the answer: many give up on an answer when they are cut off while they send.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::AsyncWrite;

use crate::proxy::client::io::ClientIo;
use crate::proxy::stock::buffers::{Buffer, SMALL};
use crate::proxy::stock::deadline::Deadline;

/// What a client may still send, in bytes, in all its streams together.
pub(crate) const ALLOWED: usize = 64 * 1024 * 1024;

/// The bounds of one upload that is discarded.
pub(crate) struct Lingering {
    left: Rc<Cell<usize>>,
    deadline: Deadline,
}

/// What the uploads that are discarded at the same time share.
#[derive(Default)]
pub(crate) struct Others(Cell<Weak<Cell<usize>>>);

impl Lingering {
    /// Of a client that sends nothing else, and may send so many bytes.
    fn alone(period: Duration, most: usize) -> Self {
        let lingering = Self::beside(&Others::default(), period);
        lingering.left.set(most);
        lingering
    }

    /// Of a client that may send more at the same time. When none of them lingers any more, all bytes may be discarded anew.
    pub(crate) fn beside(others: &Others, period: Duration) -> Self {
        let left = others.0.take().upgrade();
        let left = left.unwrap_or_else(|| Rc::new(Cell::new(ALLOWED)));
        others.0.set(Rc::downgrade(&left));
        Self {
            left,
            deadline: Deadline::after(period),
        }
    }

    /// So many bytes were discarded.
    pub(crate) fn discarded(&self, bytes: usize) {
        self.left.set(self.left.get().saturating_sub(bytes));
    }

    /// Whether enough was read; otherwise the task is woken when the time is over.
    pub(crate) fn is_over(&mut self, cx: &mut Context<'_>) -> bool {
        self.left.get() == 0 || self.deadline.poll_passed(cx)
    }
}

/// Reads and discards what the client still sends, for so long and at most so many bytes, so that it gets to read its answer instead of RST (N15).
pub(crate) async fn linger(io: &mut ClientIo, period: Duration, most: usize) {
    let mut lingering = Lingering::alone(period, most);
    poll_fn(|cx| match Pin::new(&mut *io).poll_flush(cx) {
        Poll::Pending if !lingering.is_over(cx) => Poll::Pending,
        Poll::Pending | Poll::Ready(_) => Poll::Ready(()),
    })
    .await;
    io.half_close();
    poll_fn(|cx| {
        while !lingering.is_over(cx) {
            match ready!(io.poll_discard(cx, Buffer::small().room(SMALL))) {
                Ok(n) if n > 0 => lingering.discarded(n),
                Ok(_) | Err(_) => break,
            }
        }
        Poll::Ready(())
    })
    .await;
}

/// Sends close_notify; gives up after so much time if the client does not read.
pub(crate) async fn close(io: &mut ClientIo, patience: Duration) {
    let mut deadline = Deadline::after(patience);
    poll_fn(|cx| match Pin::new(&mut *io).poll_shutdown(cx) {
        Poll::Pending if !deadline.poll_passed(cx) => Poll::Pending,
        Poll::Pending | Poll::Ready(_) => Poll::Ready(()),
    })
    .await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;

    const PERIOD: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn n15_streams_share_what_may_be_discarded_and_not_the_time() {
        let mut cx = Context::from_waker(Waker::noop());
        let others = Others::default();
        let mut first = Lingering::beside(&others, PERIOD);
        tokio::time::sleep(PERIOD / 2).await;
        let mut second = Lingering::beside(&others, PERIOD);
        tokio::time::sleep(PERIOD / 2).await;
        assert!(first.is_over(&mut cx));
        assert!(!second.is_over(&mut cx));
        first.discarded(ALLOWED - 1);
        assert!(!second.is_over(&mut cx));
        second.discarded(2);
        assert!(second.is_over(&mut cx));
        drop(first);
        assert!(Lingering::beside(&others, PERIOD).is_over(&mut cx));
        drop(second);
        assert!(!Lingering::beside(&others, PERIOD).is_over(&mut cx));
    }
}
