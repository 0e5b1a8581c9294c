//! How much of an upload is still read after an answer that did not wait for it, and for how long (N15). It is discarded, so that the
//! client gets to read the answer: many give up on an answer when they are cut off while they send.

use std::cell::Cell;
use std::rc::{Rc, Weak};
use std::task::Context;
use std::time::Duration;

use crate::proxy::stock::deadline::Deadline;

/// What a client may still send, in bytes, in all its streams together.
const ALLOWED: usize = 64 * 1024 * 1024;

/// The bounds of one upload that is discarded.
pub(crate) struct Lingering {
    left: Rc<Cell<usize>>,
    deadline: Deadline,
}

/// What the uploads that are discarded at the same time share.
#[derive(Default)]
pub(crate) struct Others(Cell<Weak<Cell<usize>>>);

impl Lingering {
    /// Of a client that sends nothing else.
    pub(crate) fn alone(period: Duration) -> Self {
        Self::beside(&Others::default(), period)
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
