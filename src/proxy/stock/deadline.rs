//! One timer per connection, moved instead of made anew: pushing it back costs nothing, because it is only looked at when it
//! fires.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use super::clock;

/// A moment that something has to happen before.
#[derive(Debug)]
pub(crate) struct Deadline {
    at: Instant,
    timer: Pin<Box<Sleep>>,
}

impl Deadline {
    /// In so much time from now.
    pub(crate) fn after(period: Duration) -> Self {
        let at = clock::now() + period;
        Self {
            at,
            timer: Box::pin(sleep_until(at)),
        }
    }

    /// Moves it to so much time from now.
    pub(crate) fn set(&mut self, period: Duration) {
        self.set_at(clock::now() + period);
    }

    /// Moves it to a moment.
    pub(crate) fn set_at(&mut self, at: Instant) {
        self.at = at;
        if at < self.timer.deadline() {
            self.timer.as_mut().reset(at);
        }
    }

    /// The moment.
    pub(crate) fn at(&self) -> Instant {
        self.at
    }

    /// Whether it has passed; otherwise the task is woken when it does.
    pub(crate) fn poll_passed(&mut self, cx: &mut Context<'_>) -> bool {
        loop {
            match self.timer.as_mut().poll(cx) {
                Poll::Pending => return false,
                Poll::Ready(()) if clock::goes_on() >= self.at => return true,
                Poll::Ready(()) => self.timer.as_mut().reset(self.at),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_passes_at_the_last_moment_that_was_set() {
        let began = Instant::now();
        let mut deadline = Deadline::after(Duration::from_secs(1));
        deadline.set(Duration::from_secs(5));
        poll_fn(|cx| {
            if deadline.poll_passed(cx) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
        assert_eq!(began.elapsed().as_secs(), 5);
        deadline.set(Duration::from_secs(60));
        deadline.set(Duration::from_secs(2));
        poll_fn(|cx| {
            if deadline.poll_passed(cx) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
        assert_eq!(began.elapsed().as_secs(), 7);
    }
}
