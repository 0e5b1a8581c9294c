//! The keeper's task: wakes it as the daemon does, with permits that are not lost, and carries out what it decides.

use std::time::Duration;

use greengate::model::hold::{App, Keeper, News, Outlook, Refusal, Step, Times, Turn, Verdict};

use super::{Happening, World, moment};

/// Requests that may be on their way to an app which is just back.
const AT_A_TIME: usize = 64;

impl World {
    /// Starts a keeper, unless one is there.
    pub(super) fn keep(&mut self) {
        if self.keeper.is_none() {
            self.tally.keepers += 1;
            self.keeper = Some((Keeper::new(Times::USUAL), Step::Yield));
            self.begin(Step::Yield);
        }
    }

    pub(super) fn notify(&mut self, news: News) {
        match news {
            News::Changed => self.changed = true,
            _ => self.room = true,
        }
        if self.keeper.is_some() {
            self.soon(0, Happening::Wake(self.step));
        }
    }

    /// The keeper begins a step.
    pub(super) fn begin(&mut self, step: Step) {
        self.step += 1;
        match step {
            Step::Yield => self.schedule(self.now, Happening::Wake(self.step)),
            Step::Connect { until } | Step::Wait { until } => {
                if let Some(until) = until {
                    assert!(until > self.now, "waits for what is over");
                    self.schedule(until, Happening::Wake(self.step));
                }
                if self.changed || self.room {
                    self.schedule(self.now, Happening::Wake(self.step));
                }
                if matches!(step, Step::Wait { .. }) {
                    self.trying = None;
                } else if self.trying != Some(self.activation) {
                    self.trying = Some(self.activation);
                    self.tries += 1;
                    let within = if self.rng.u8(0..10) == 0 { 400 } else { 5 };
                    self.soon(within, Happening::Tried(self.tries));
                }
            }
            Step::Rest => {}
        }
    }

    pub(super) fn wake(&mut self) {
        let Some((_, step)) = &self.keeper else { return };
        let until = match *step {
            Step::Yield => return self.look(News::Changed),
            Step::Connect { until } | Step::Wait { until } => until,
            Step::Rest => return,
        };
        if std::mem::take(&mut self.changed) {
            self.look(News::Changed);
        } else if std::mem::take(&mut self.room) {
            self.look(News::Room);
        } else if until.is_some_and(|until| until <= self.now) {
            self.look(News::Time);
        }
    }

    /// The try has come to an end: a connection, or none.
    pub(super) fn tried(&mut self) {
        let Some(activation) = self.trying.take() else { return };
        let news = if self.reachable[&activation] {
            (self.away_since, self.connected_at) = (None, self.now);
            News::Connected
        } else {
            self.away_since.get_or_insert(self.now);
            News::Failed
        };
        self.look(news);
    }

    pub(super) fn look(&mut self, news: News) {
        let Some((mut keeper, _)) = self.keeper.take() else {
            return;
        };
        let app = match (self.gone, self.paused) {
            (true, _) => App::Gone,
            (_, true) => App::Paused,
            _ => App::Live {
                activation: self.activation,
                period: self.bounds.period,
            },
        };
        let new_page = std::mem::take(&mut self.new_page);
        let outlook = Outlook { app, new_page };
        let Turn { told, step } = keeper.look(&mut self.queue, news, outlook, moment(self.now));
        let sent_to_page = new_page && step == Step::Yield;
        if !(sent_to_page || matches!(app, App::Live { .. })) {
            self.away_since = None;
        }
        if matches!(app, App::Paused) {
            assert!(told.is_empty() || new_page, "released in a pause");
        }
        let released = self.tell(told, step == Step::Yield);
        assert!(!new_page || self.waiting.is_empty(), "somebody is not shown the page");
        if step == Step::Rest {
            assert!(self.waiting.is_empty(), "the keeper leaves, and somebody waits");
            assert_eq!(self.queue.away(), None, "the keeper leaves an app that is away");
            self.step += 1;
            self.trying = None;
        } else {
            self.keeper = Some((keeper, step));
            self.begin(step);
        }
        for one in released {
            self.ask(one);
        }
    }

    /// Everybody is told in the order of the numbers, and nobody is passed over. Returns who may try. `at_once` is without an app
    /// being asked.
    pub(super) fn tell(&mut self, told: Vec<(usize, Verdict)>, at_once: bool) -> Vec<usize> {
        let mut released = Vec::new();
        for (one, verdict) in told {
            let (_, first) = self.waiting.pop_first().expect("told, and nobody waits");
            assert_eq!(first, one, "out of order");
            assert_eq!(self.requests[one].claim, None, "a waiter owns a claim");
            match verdict {
                Verdict::Go { batch } => {
                    self.requests[one].pass = Some(batch);
                    released.push(one);
                }
                Verdict::Refused(why) => {
                    match why {
                        Refusal::PauseOver => self.tally.pause_over += 1,
                        _ => self.tally.over += 1,
                    }
                    self.end(one);
                }
            }
        }
        self.tally.released += released.len() as u64;
        if !at_once {
            self.tally.whole_batches += u64::from(released.len() == AT_A_TIME);
            self.under_way.extend(released.iter().map(|one| (*one, self.now)));
            // An app that has just come back does not know of those before; and nobody has to wait for a slow answer.
            let silent = self.now.saturating_sub(Times::USUAL.batch);
            let counts = |at: &&Duration| **at >= self.connected_at && (**at > silent || **at == self.now);
            let count = self.under_way.values().filter(counts).count();
            assert!(released.is_empty() || count <= AT_A_TIME, "{count} are under way");
        }
        released
    }
}
