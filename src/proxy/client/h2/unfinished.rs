//! How long a client may take for what it has begun to say: a frame that is read whole, or a head in several of them (E22).

use std::task::Context;
use std::time::Duration;

use crate::proxy::stock::deadline::Deadline;

/// What of the input is not whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// The beginning of a frame.
    Frame,
    /// The head of this stream.
    Head(u32),
}

/// What the client has begun and not ended, and by when it has to.
#[derive(Debug, Default)]
pub(crate) struct Unfinished(Option<(Part, Deadline)>);

impl Unfinished {
    /// Behind a read, by which `part` is still not whole; `went_on` says that frames before it have become whole. A head has its time for
    /// all of its frames.
    pub(crate) fn read(&mut self, part: Option<Part>, went_on: bool, time: Duration) {
        let Some(part) = part else {
            self.0 = None;
            return;
        };
        match (&mut self.0, part) {
            (Some((begun, _)), _) if *begun == part && (!went_on || part != Part::Frame) => {}
            // The frame may have been the first of the head.
            (Some((begun @ Part::Frame, _)), Part::Head(_)) => *begun = part,
            (Some((begun, deadline)), _) => {
                *begun = part;
                deadline.set(time);
            }
            (none, _) => *none = Some((part, Deadline::after(time))),
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

    fn is_late(unfinished: &mut Unfinished) -> bool {
        unfinished.poll_late(&mut Context::from_waker(Waker::noop()))
    }

    #[tokio::test(start_paused = true)]
    async fn e22_a_head_has_its_time_for_all_of_its_frames_and_the_next_one_has_it_anew() {
        let mut unfinished = Unfinished::default();
        assert!(!is_late(&mut unfinished));
        unfinished.read(Some(Part::Frame), true, TIME);
        advance(MOST).await;
        for part in [Part::Frame, Part::Head(1), Part::Head(1)] {
            unfinished.read(Some(part), part != Part::Frame, TIME);
            assert!(!is_late(&mut unfinished));
        }
        advance(REST).await;
        assert!(is_late(&mut unfinished), "no frame of it adds to its time");
        unfinished.read(Some(Part::Head(3)), true, TIME);
        advance(MOST).await;
        assert!(!is_late(&mut unfinished), "another head");
        unfinished.read(Some(Part::Frame), true, TIME);
        advance(MOST).await;
        assert!(!is_late(&mut unfinished), "another frame");
        unfinished.waits(TIME);
        advance(MOST).await;
        assert!(!is_late(&mut unfinished), "nobody has read on");
        advance(REST).await;
        assert!(is_late(&mut unfinished));
        unfinished.read(None, true, TIME);
        assert!(!is_late(&mut unfinished));
    }
}
