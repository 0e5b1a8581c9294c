//! How long an old side is kept, and what is done when its time is up (N20, N21): requests are given up, streams are ended
//! politely, and what is then left is cut. Every drain ends. `control::switcher` acts on it.

use std::time::Duration;

/// Streams are ended spread over about 3 s, and a WebSocket's close is awaited for 2 s; what is left after that is cut.
const POLITE: Duration = Duration::from_millis(5500);
/// What was cut has this long to let go.
const LAST: Duration = Duration::from_secs(1);

/// `drain.*`: how long an old side is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// For requests that wait for their response head.
    pub requests: Duration,
    /// For streams: responses under way, event streams, tunnels.
    pub streams: Duration,
}

/// What is to be done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Nothing before this moment, unless the last claim is dropped.
    Wait(Duration),
    /// Give up the requests that still wait for their response head, and look again.
    GiveUpRequests,
    /// End streams politely, and look again.
    EndStreams,
    /// Cut whatever is left, and look again.
    Cut,
    /// No claim is left: the drain is over.
    Done,
    /// A claim is left that could not even be cut: the drain is over all the same.
    Abandoned,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Patient,
    Ending { since: Duration },
    Cutting { since: Duration },
    Over,
}

/// One activation on its way out. Moments are durations since any fixed one.
#[derive(Debug, Clone)]
pub struct Drain {
    limits: Limits,
    began: Duration,
    stage: Stage,
    gave_up: bool,
}

impl Drain {
    /// The gate was closed at `began`.
    #[must_use]
    pub fn new(limits: Limits, began: Duration) -> Self {
        Self {
            limits,
            began,
            stage: Stage::Patient,
            gave_up: false,
        }
    }

    /// What to do at `now`. `empty` says that no claim is left; `requests` still wait for their response head.
    pub fn look(&mut self, now: Duration, empty: bool, requests: u64) -> Step {
        if empty {
            self.stage = Stage::Over;
            return Step::Done;
        }
        let requests_until = self.began.saturating_add(self.limits.requests);
        let streams_until = self.began.saturating_add(self.limits.streams);
        match self.stage {
            Stage::Patient => {
                if now >= requests_until && !self.gave_up {
                    self.gave_up = true;
                    return Step::GiveUpRequests;
                }
                // To end streams is to give requests up as well, so it waits for whichever is later, if there are requests.
                if now >= streams_until && (self.gave_up || requests == 0) {
                    self.stage = Stage::Ending { since: now };
                    return Step::EndStreams;
                }
                Step::Wait(if self.gave_up {
                    streams_until
                } else if now >= streams_until {
                    requests_until
                } else {
                    requests_until.min(streams_until)
                })
            }
            Stage::Ending { since } if now >= since.saturating_add(POLITE) => {
                self.stage = Stage::Cutting { since: now };
                Step::Cut
            }
            Stage::Ending { since } => Step::Wait(since.saturating_add(POLITE)),
            Stage::Cutting { since } if now >= since.saturating_add(LAST) => {
                self.stage = Stage::Over;
                Step::Abandoned
            }
            Stage::Cutting { since } => Step::Wait(since.saturating_add(LAST)),
            Stage::Over => Step::Abandoned,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn drain(requests: u64, streams: u64) -> Drain {
        let limits = Limits {
            requests: s(requests),
            streams: s(streams),
        };
        Drain::new(limits, s(100))
    }

    #[test]
    fn n21_drained_is_when_nobody_is_inside() {
        let mut drain = drain(60, 300);
        assert_eq!(drain.look(s(100), false, 1), Step::Wait(s(160)));
        assert_eq!(drain.look(s(101), true, 0), Step::Done);
        assert_eq!(drain.look(s(102), true, 0), Step::Done);
    }

    #[test]
    fn n20_streams_outlive_requests_and_are_ended_before_they_are_cut() {
        let mut drain = drain(60, 300);
        assert_eq!(drain.look(s(160), false, 2), Step::GiveUpRequests);
        assert_eq!(drain.look(s(160), false, 2), Step::Wait(s(400)));
        assert_eq!(drain.look(s(400), false, 0), Step::EndStreams);
        assert_eq!(drain.look(s(400), false, 0), Step::Wait(s(400) + POLITE));
        assert_eq!(drain.look(s(406), false, 0), Step::Cut);
        assert_eq!(drain.look(s(406), false, 0), Step::Wait(s(406) + LAST));
        assert_eq!(drain.look(s(407), false, 0), Step::Abandoned);
    }

    #[test]
    fn a_short_patience_with_streams_takes_no_time_from_requests() {
        let mut drain = drain(60, 5);
        assert_eq!(drain.look(s(100), false, 1), Step::Wait(s(105)));
        assert_eq!(drain.look(s(105), false, 1), Step::Wait(s(160)));
        assert_eq!(drain.look(s(120), false, 0), Step::EndStreams);
    }

    #[test]
    fn every_drain_ends_whatever_happens_inside() {
        let mut drain = drain(0, 0);
        let mut now = s(100);
        for _ in 0..10 {
            match drain.look(now, false, u64::MAX) {
                Step::Wait(until) => now = until,
                Step::GiveUpRequests | Step::EndStreams | Step::Cut => {}
                Step::Done | Step::Abandoned => return,
            }
        }
        panic!("still draining at {now:?}");
    }
}
