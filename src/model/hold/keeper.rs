//! The keeper of a queue: the only one that tries to connect while an app is away, so that nobody storms it (N12).
//!
//! ```text
//! Looking → Connecting → Reached: the next are released as answers come in → Looking, when somebody finds the app away again
//!                      → Pausing: 10 ms, doubled up to 250 ms → Looking
//! ```
//!
//! It goes on while the app is away, whether somebody waits or not: that is how later requests know at once that there is no use
//! in trying. Whatever changes in the snapshot makes it look from the beginning.

use std::time::Duration;

use super::queue::{Queue, Refusal, Verdict};
use crate::model::clock::Moment;

/// How long a keeper waits for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// From a try to connect to the second.
    pub first_pause: Duration,
    /// Each pause is twice the one before it, up to this.
    pub longest_pause: Duration,
    /// Without any news for so long, the requests that are under way do not keep the next from going: an app that takes long to
    /// answer must not keep everybody waiting.
    pub batch: Duration,
}

impl Times {
    /// The times of the daemon.
    pub const USUAL: Self = Self {
        first_pause: Duration::from_millis(10),
        longest_pause: Duration::from_millis(250),
        batch: Duration::from_millis(250),
    };
}

/// What the snapshot says about the service of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outlook {
    /// Whom the requests wait for.
    pub app: App,
    /// Visitors see a maintenance page that they did not see at the last look.
    pub new_page: bool,
}

/// Whom the requests wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum App {
    /// Nobody: a reload has taken the service away.
    Gone,
    /// The end of the pause.
    Paused,
    /// An app that is to be reached.
    Live {
        /// The number of its activation.
        activation: u64,
        /// `hold.for`.
        period: Duration,
    },
}

/// Why the keeper is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// It begins, or the snapshot is another.
    Changed,
    /// A request that was released has its answer, or a request has found the app away.
    Room,
    /// The moment that the last step named has come.
    Time,
    /// The connection of [`Step::Connect`] was made.
    Connected,
    /// It could not be made.
    Failed,
}

/// What the keeper does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Let the requests that were just released have their turn, and look again.
    Yield,
    /// Connect to the app, or go on with the try that is under way to the same activation. Any other news are told as they
    /// come, this moment at the latest.
    Connect {
        /// Then it is [`News::Time`].
        until: Option<Duration>,
    },
    /// Wait for any news, until this moment at the latest.
    Wait {
        /// Then it is [`News::Time`].
        until: Option<Duration>,
    },
    /// Leave. The next who enters the queue needs another keeper.
    Rest,
}

/// What one look leads to.
#[derive(Debug)]
pub struct Turn<W> {
    /// Requests that wait no longer, in their order.
    pub told: Vec<(W, Verdict)>,
    /// What to do after they were told.
    pub step: Step,
}

/// Decides for the requests in a queue.
#[derive(Debug)]
pub struct Keeper {
    times: Times,
    phase: Phase,
    /// After the next try that fails.
    pause: Duration,
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    Looking,
    Connecting { activation: u64 },
    Pausing { activation: u64, until: Duration },
    Reached { activation: u64, forget_at: Duration },
}

impl Keeper {
    /// One that has not looked yet; its first news is [`News::Changed`].
    #[must_use]
    pub fn new(times: Times) -> Self {
        Self {
            times,
            phase: Phase::Looking,
            pause: times.first_pause,
        }
    }

    /// Looks at what there is now, and says what follows from it.
    pub fn look<W>(&mut self, queue: &mut Queue<W>, news: News, outlook: Outlook, now: Moment) -> Turn<W> {
        self.take_in(queue, news, now);
        if outlook.new_page && !queue.is_empty() {
            // Everybody asks again. A client that the page lets in comes back, and waits for the app like everybody else.
            let told = queue.release_all();
            return Turn {
                told,
                step: Step::Yield,
            };
        }
        match outlook.app {
            App::Gone => {
                self.begin_anew(queue);
                let told = queue.release_all();
                let step = if told.is_empty() { Step::Rest } else { Step::Yield };
                Turn { told, step }
            }
            App::Paused => {
                // The time of a pause is its operator's: no window runs.
                self.begin_anew(queue);
                let wait = Step::Wait { until: None };
                let step = if queue.is_at_rest() { Step::Rest } else { wait };
                Turn { told: Vec::new(), step }
            }
            App::Live { activation, period } => self.attend(queue, activation, period, now),
        }
    }

    fn take_in<W>(&mut self, queue: &mut Queue<W>, news: News, now: Moment) {
        match (news, self.phase) {
            (News::Connected, Phase::Connecting { activation }) => {
                queue.mark_reached();
                queue.forget_batch();
                self.pause = self.times.first_pause;
                self.phase = Phase::Reached {
                    activation,
                    forget_at: now.at,
                };
            }
            (News::Failed, Phase::Connecting { activation }) => {
                queue.mark_away(activation, now);
                let until = now.at.saturating_add(self.pause);
                self.pause = (self.pause * 2).min(self.times.longest_pause);
                self.phase = Phase::Pausing { activation, until };
            }
            (News::Time, Phase::Reached { forget_at, .. }) if forget_at <= now.at => queue.forget_batch(),
            (News::Changed, Phase::Pausing { .. } | Phase::Connecting { .. }) => {
                self.pause = self.times.first_pause;
                self.phase = Phase::Looking;
            }
            _ => {}
        }
    }

    /// There is no app to be reached now. The next one gets the patience of a first.
    fn begin_anew<W>(&mut self, queue: &mut Queue<W>) {
        queue.mark_reached();
        self.pause = self.times.first_pause;
        self.phase = Phase::Looking;
    }

    fn attend<W>(&mut self, queue: &mut Queue<W>, activation: u64, period: Duration, now: Moment) -> Turn<W> {
        let mut told = Vec::new();
        if queue.is_over(period, now.at) {
            told = queue.refuse(Refusal::Over);
        }
        // Those who wait are told when the window ends, and not at the try after it.
        let end = queue.window_end(period).filter(|end| *end > now.at);
        let step = match self.phase {
            Phase::Reached {
                activation: reached, ..
            } if reached == activation && queue.away().is_none() => {
                told.extend(queue.release());
                let forget_at = now.at.saturating_add(self.times.batch);
                self.phase = Phase::Reached { activation, forget_at };
                Step::Wait { until: Some(forget_at) }
            }
            Phase::Pausing {
                activation: tried,
                until,
            } if tried == activation && until > now.at => Step::Wait {
                until: Some(end.map_or(until, |end| end.min(until))),
            },
            _ => {
                self.phase = Phase::Connecting { activation };
                Step::Connect { until: end }
            }
        };
        let step = if queue.is_at_rest() { Step::Rest } else { step };
        Turn { told, step }
    }
}
