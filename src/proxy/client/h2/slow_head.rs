//! How long a client may take for a head, from the first of its frames to the last (E22).

use std::task::Context;
use std::time::Duration;

use crate::http2::connection::Unfinished;
use crate::proxy::stock::deadline::Deadline;

/// The head that the client has begun and not ended, and by when it has to.
#[derive(Debug, Default)]
pub(crate) struct SlowHead(Option<(Unfinished, Deadline)>);

impl SlowHead {
    /// Behind a read, by which `head` is still not whole; `went_on` says that frames before its last one have become whole.
    pub(crate) fn read(&mut self, head: Option<Unfinished>, went_on: bool, time: Duration) {
        let Some(head) = head else {
            self.0 = None;
            return;
        };
        match (&mut self.0, head) {
            (Some((begun, _)), _) if *begun == head && (!went_on || head != Unfinished::Frame) => {}
            // Its first frame was the one that had begun.
            (Some((begun @ Unfinished::Frame, _)), Unfinished::Block(_)) => *begun = head,
            (Some((begun, deadline)), _) => {
                *begun = head;
                deadline.set(time);
            }
            (none, _) => *none = Some((head, Deadline::after(time))),
        }
    }

    /// It is not read on, which is not the client's fault.
    pub(crate) fn waits(&mut self, time: Duration) {
        if let Some((_, deadline)) = &mut self.0 {
            deadline.set(time);
        }
    }

    /// Whether the time is over.
    pub(crate) fn poll_late(&mut self, cx: &mut Context<'_>) -> bool {
        self.0.as_mut().is_some_and(|(_, deadline)| deadline.poll_passed(cx))
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use tokio::time::advance;

    use super::*;

    const TIME: Duration = Duration::from_secs(10);
    const MOST: Duration = Duration::from_millis(9_999);
    const REST: Duration = Duration::from_millis(1);

    fn is_late(slow: &mut SlowHead) -> bool {
        slow.poll_late(&mut Context::from_waker(Waker::noop()))
    }

    #[tokio::test(start_paused = true)]
    async fn e22_a_head_has_its_time_for_all_of_its_frames_and_the_next_one_has_it_anew() {
        let mut slow = SlowHead::default();
        assert!(!is_late(&mut slow));
        slow.read(Some(Unfinished::Frame), true, TIME);
        advance(MOST).await;
        for head in [Unfinished::Frame, Unfinished::Block(1), Unfinished::Block(1)] {
            slow.read(Some(head), head != Unfinished::Frame, TIME);
            assert!(!is_late(&mut slow));
        }
        advance(REST).await;
        assert!(is_late(&mut slow), "no frame of it adds to its time");
        slow.read(Some(Unfinished::Block(3)), true, TIME);
        advance(MOST).await;
        assert!(!is_late(&mut slow), "another head");
        slow.read(Some(Unfinished::Frame), true, TIME);
        advance(MOST).await;
        assert!(!is_late(&mut slow), "the frame of another");
        slow.waits(TIME);
        advance(MOST).await;
        assert!(!is_late(&mut slow), "nobody has read on");
        advance(REST).await;
        assert!(is_late(&mut slow));
        slow.read(None, true, TIME);
        assert!(!is_late(&mut slow));
    }
}
