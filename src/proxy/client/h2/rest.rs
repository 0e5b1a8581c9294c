//! How long an HTTP/2 connection may do nothing: before its preface, without a stream, and after its client was told that it ends.

use std::task::Context;

use crate::proxy::client::io::ClientIo;
use crate::proxy::settings::Times;
use crate::proxy::stock::deadline::Deadline;
use crate::proxy::stock::waiting::For;

/// How long a connection may stay without a stream.
pub(crate) struct Rest {
    deadline: Deadline,
    times: Times,
    /// The preface has come, with its settings.
    begun: bool,
    served: bool,
    last: Last,
    /// What the client's system had taken at the last look.
    acked: u64,
}

/// When it had a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Last {
    Now,
    /// The next may come at any moment.
    Lately,
    LongAgo,
}

/// What becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resting {
    /// It stays.
    No,
    /// It stays, without what its streams had.
    Cool,
    /// Long enough: it is told that the connection ends.
    Leave,
    /// It was told, or never began, and does nothing.
    End,
}

impl Rest {
    /// Of a connection that begins.
    pub(crate) fn new(times: &Times) -> Self {
        Self {
            deadline: Deadline::after(times.head),
            times: *times,
            begun: false,
            served: false,
            last: Last::LongAgo,
            acked: 0,
        }
    }

    /// What a connection with so many streams waits for.
    pub(crate) fn waits_for(&self, streams: usize) -> For {
        match (streams, self.served) {
            (1.., _) => For::Nothing,
            (0, true) => For::Next,
            (0, false) => For::First,
        }
    }

    /// The connection has begun, with a preface and a frame of settings (RFC 9113 §3.4).
    pub(crate) fn begins(&mut self) {
        if !std::mem::replace(&mut self.begun, true) {
            self.deadline.set(self.times.idle);
        }
    }

    /// The client was told that the connection ends.
    pub(crate) fn leaves(&mut self) {
        self.last = Last::LongAgo;
        self.deadline.set(self.times.head);
    }

    /// Looks at the clock, when there are so many streams. `leaving` says that the client was told.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, io: &ClientIo, streams: usize, leaving: bool) -> Resting {
        if streams > 0 {
            self.served = true;
            self.last = Last::Now;
            // Once it was told, what is left of it is short.
            self.deadline
                .set(if leaving { self.times.head } else { self.times.idle });
        } else if self.last == Last::Now && !leaving {
            self.last = Last::Lately;
            self.deadline.set(self.times.warm.min(self.times.idle));
        }
        while self.deadline.poll_passed(cx) {
            if !self.begun {
                return Resting::End;
            }
            if self.last == Last::Lately {
                self.last = Last::LongAgo;
                self.deadline.set(self.times.idle.saturating_sub(self.times.warm));
                return Resting::Cool;
            }
            let acked = io.taken().map_or(self.acked, |taken| taken.acked);
            let reads = acked > std::mem::replace(&mut self.acked, acked);
            if !leaving {
                return Resting::Leave;
            }
            self.deadline.set(self.times.head);
            // Whether it knows of the end, or has all of its answers, is not waited for any longer.
            if !reads {
                return Resting::End;
            }
        }
        Resting::No
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;
    use std::time::Duration;

    use tokio::time::advance;

    use super::*;

    const MILLISECOND: Duration = Duration::from_millis(1);

    #[tokio::test(start_paused = true)]
    async fn a_connection_cools_down_and_leaves_when_it_has_been_idle() {
        let io = ClientIo::inside(tokio::io::duplex(1).0);
        let (times, mut cx) = (Times::USUAL, Context::from_waker(Waker::noop()));
        let mut rest = Rest::new(&times);
        rest.begins();
        let mut look = |streams, leaving| rest.poll(&mut cx, &io, streams, leaving);
        for _ in 0..3 {
            assert_eq!(look(1, false), Resting::No);
            advance(times.warm).await;
            assert_eq!(look(0, false), Resting::No, "the next stream may come at any moment");
            advance(times.warm - MILLISECOND).await;
            assert_eq!(look(0, false), Resting::No);
        }
        advance(MILLISECOND).await;
        assert_eq!(look(0, false), Resting::Cool);
        assert_eq!(look(0, false), Resting::No);
        advance(times.idle - times.warm - MILLISECOND).await;
        assert_eq!(look(0, false), Resting::No);
        advance(MILLISECOND).await;
        assert_eq!(look(0, false), Resting::Leave);
        rest.leaves();
        advance(times.head - MILLISECOND).await;
        assert_eq!(
            rest.poll(&mut cx, &io, 0, true),
            Resting::No,
            "its client has time to answer"
        );
        advance(MILLISECOND).await;
        assert_eq!(rest.poll(&mut cx, &io, 0, true), Resting::End);
    }
}
