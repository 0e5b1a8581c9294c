//! The order of a deployment's steps, and what undoes what: start → \[gate → before\] → swap → stop → after. It knows neither runtime
//! nor clock: it is told how each act ended, and says the next one.
//!
//! Before the switch, everything that goes wrong leads to the same end: the candidate is stopped and the lock is freed. Afterwards
//! nothing is undone: what is live then is the daemon's to decide.

use std::collections::VecDeque;
use std::time::Duration;

use super::ending::{Ending, Fate};
use super::messages::{Act, Input, Locked, Ran, Reaction, Swapped};
use super::script::{Script, Task};
use crate::model::api::{DeployOutcome, exit};
use crate::model::slot::Generation;

/// A deployment under way.
#[derive(Debug)]
pub struct Course {
    /// What is still to be started, with its place among the parts.
    start: VecDeque<(usize, Task)>,
    /// For each part: the commands that stop it, and those that show its log.
    candidate: Vec<Candidate>,
    before: VecDeque<Task>,
    stop: VecDeque<Task>,
    after: VecDeque<Task>,
    keep: Duration,
    phase: Phase,
    /// The generation that the lock was taken at; after the switch, the one that it published.
    generation: Generation,
    /// Whether the daemon holds the environment for us.
    locked: bool,
    /// Whether the swap was asked for.
    asked: bool,
    /// Why it ends, once that is known.
    fate: Option<Fate>,
    /// Stops that were due and were not done.
    standing: Vec<Task>,
}

/// A part of the candidate.
#[derive(Debug)]
struct Candidate {
    begun: bool,
    stop: Vec<Task>,
    log: Vec<Task>,
}

/// Where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Starting,
    Gating,
    Preparing,
    Swapping,
    /// The candidate's log is shown.
    Explaining,
    /// The lock is taken again, to stop the candidate.
    Returning,
    Undoing,
    Stopping,
    Following,
    /// The lock is freed, and the old side runs on.
    Freeing,
    Keeping,
    /// The lock is taken again, to stop the old side.
    Resuming,
    /// The lock is freed for good.
    Releasing,
    Over,
}

impl Course {
    /// A course under the lock that was taken at this generation, and its first act.
    #[must_use]
    pub fn begin(script: Script, generation: Generation) -> (Self, Act) {
        let mut start = VecDeque::new();
        let mut candidate = Vec::new();
        for (place, part) in script.start.into_iter().enumerate() {
            start.extend(part.start.into_iter().map(|task| (place, task)));
            candidate.push(Candidate {
                begun: false,
                stop: part.stop,
                log: part.log,
            });
        }
        let mut course = Self {
            start,
            candidate,
            before: script.before.into(),
            stop: script.stop.into(),
            after: script.after.into(),
            keep: script.keep,
            phase: Phase::Starting,
            generation,
            locked: true,
            asked: false,
            fate: None,
            standing: Vec::new(),
        };
        let act = course.start();
        (course, act)
    }

    /// Takes how the last act ended, and says the next one. An input that answers no act ends it, as if nothing could be relied on.
    pub fn handle(&mut self, input: Input) -> Act {
        match (self.phase, input) {
            (Phase::Starting, Input::Ran(ran)) => self.started(ran),
            (Phase::Gating, Input::Gated(Some(exit::DONE))) => self.prepare(),
            (Phase::Gating, Input::Gated(code)) => self.refused(code.map_or(Fate::Lost, Fate::Refused)),
            (Phase::Preparing, Input::Ran(Ran::Well)) => {
                self.before.pop_front();
                self.prepare()
            }
            (Phase::Preparing, Input::Ran(Ran::Badly | Ran::Denied)) => self.turn_back(Fate::Refused(exit::REFUSED)),
            (Phase::Swapping, Input::Swapped(swapped)) => self.swapped(swapped),
            (Phase::Explaining, Input::Shown) => self.turn_back(Fate::Refused(exit::REFUSED)),
            (Phase::Returning, Input::Locked(locked)) => self.returned(locked),
            (Phase::Undoing, Input::Ran(ran)) => self.undone(ran),
            (Phase::Stopping, Input::Ran(ran)) => self.stopped(ran),
            (Phase::Following, Input::Ran(ran)) => {
                if !self.is_to_be_asked_again(ran) {
                    self.after.pop_front();
                }
                self.follow()
            }
            (Phase::Freeing, Input::Released) => self.keep(),
            (Phase::Keeping, Input::Kept) => self.resume(),
            (Phase::Resuming, Input::Locked(locked)) => self.resumed(locked),
            (Phase::Releasing | Phase::Over, _) => self.end(),
            (_, _) => self.release(),
        }
    }

    /// Somebody wants it to end, or `--timeout` is over.
    pub fn interrupt(&mut self) -> Reaction {
        match self.phase {
            Phase::Starting | Phase::Gating | Phase::Preparing => {
                self.fate.get_or_insert(Fate::Interrupted);
                Reaction::End
            }
            Phase::Keeping | Phase::Resuming => {
                self.fate.get_or_insert(Fate::Unkept);
                Reaction::End
            }
            Phase::Following => {
                // The one that runs is ended, and those behind it are left out.
                self.after.truncate(1);
                self.unkeep();
                Reaction::End
            }
            Phase::Freeing => {
                self.unkeep();
                Reaction::Wait
            }
            Phase::Swapping | Phase::Explaining => Reaction::End,
            Phase::Stopping => {
                self.after.clear();
                Reaction::Wait
            }
            Phase::Returning | Phase::Undoing | Phase::Releasing | Phase::Over => Reaction::Wait,
        }
    }

    /// The daemon went away, and the lock with it. What runs comes to its end first: a migration is not torn for that.
    pub fn lose(&mut self) {
        self.locked = false;
        if matches!(self.phase, Phase::Starting | Phase::Gating | Phase::Preparing) {
            self.fate.get_or_insert(Fate::Lost);
        }
    }

    /// Whether nothing has been switched so far, as far as we know.
    #[must_use]
    pub fn is_before_the_switch(&self) -> bool {
        matches!(
            self.phase,
            Phase::Starting | Phase::Gating | Phase::Preparing | Phase::Explaining | Phase::Returning | Phase::Undoing
        )
    }

    /// The next command of the candidate; behind the last one its gate, where something has to happen before the switch.
    fn start(&mut self) -> Act {
        self.phase = Phase::Starting;
        if let Some(fate) = self.fate {
            return self.turn_back(fate);
        }
        match self.start.front() {
            Some((_, task)) => Act::Run(task.clone()),
            None if self.before.is_empty() => self.swap(),
            None => {
                self.phase = Phase::Gating;
                Act::Gate
            }
        }
    }

    fn started(&mut self, ran: Ran) -> Act {
        let place = self.start.pop_front().map(|(place, _)| place);
        if let Some(part) = place.and_then(|place| self.candidate.get_mut(place)) {
            part.begun |= ran != Ran::Denied;
        }
        match ran {
            Ran::Well => self.start(),
            Ran::Badly => self.refused(Fate::Refused(exit::REFUSED)),
            Ran::Denied => self.turn_back(Fate::Refused(exit::REFUSED)),
        }
    }

    /// The next command that has to run before the switch. Both sides run meanwhile.
    fn prepare(&mut self) -> Act {
        self.phase = Phase::Preparing;
        if let Some(fate) = self.fate {
            return self.turn_back(fate);
        }
        match self.before.front() {
            Some(task) => Act::Run(task.clone()),
            None => self.swap(),
        }
    }

    fn swap(&mut self) -> Act {
        self.phase = Phase::Swapping;
        self.asked = true;
        Act::Swap
    }

    fn swapped(&mut self, swapped: Swapped) -> Act {
        match swapped {
            Swapped::Done(generation) => {
                self.generation = generation;
                self.go_on()
            }
            Swapped::Refused(code) => self.refused(Fate::Refused(code)),
            Swapped::RolledBack(generation) => {
                self.generation = generation;
                self.turn_back(Fate::RolledBack)
            }
            Swapped::Failed { switched: false } if !self.locked => self.turn_back(Fate::Lost),
            Swapped::Failed { switched: false } => self.turn_back(Fate::Refused(exit::FAILED)),
            Swapped::Failed { .. } => self.leave(Fate::Failed),
            Swapped::NotAwaited => self.leave(Fate::NotAwaited),
            Swapped::Unwatched => self.leave(Fate::GoesOn),
        }
    }

    /// The candidate did not come up: its own words first.
    fn refused(&mut self, fate: Fate) -> Act {
        let fate = *self.fate.get_or_insert(fate);
        if !matches!(fate, Fate::Refused(_)) {
            return self.turn_back(fate);
        }
        self.phase = Phase::Explaining;
        let begun = self.candidate.iter().filter(|part| part.begun);
        Act::Explain(begun.flat_map(|part| part.log.iter().cloned()).collect())
    }

    /// Stops what was begun, under the lock.
    fn turn_back(&mut self, fate: Fate) -> Act {
        self.fate.get_or_insert(fate);
        self.undo()
    }

    fn returned(&mut self, locked: Locked) -> Act {
        self.locked = locked == Locked::Ours;
        match locked {
            Locked::Ours => return self.undo(),
            // Our own swap may have been saved when the daemon died. Either side may serve, so neither is touched.
            Locked::Switched if self.asked => return self.leave(Fate::Failed),
            Locked::Switched => {}
            Locked::Changed | Locked::Held => self.forsake(),
            Locked::Unreachable => {
                self.fate = Some(Fate::Unreachable);
                self.forsake();
            }
        }
        self.release()
    }

    /// Stops the parts of the candidate, the last one first.
    fn undo(&mut self) -> Act {
        self.phase = Phase::Undoing;
        let part = self.candidate.iter_mut().rev().find(|part| part.begun);
        match part {
            Some(part) if part.stop.is_empty() => {
                part.begun = false;
                self.undo()
            }
            Some(_) if !self.locked => {
                self.phase = Phase::Returning;
                Act::Lock {
                    since: self.generation,
                    switched: false,
                }
            }
            Some(part) => Act::Run(part.stop[0].clone()),
            None => self.release(),
        }
    }

    fn undone(&mut self, ran: Ran) -> Act {
        if self.is_to_be_asked_again(ran) {
            return self.undo();
        }
        let part = self.candidate.iter_mut().rev().find(|part| part.begun);
        if let Some(part) = part.filter(|part| !part.stop.is_empty()) {
            let task = part.stop.remove(0);
            if ran != Ran::Well {
                self.standing.push(task);
            }
        }
        self.undo()
    }

    /// What was begun stays as it is.
    fn forsake(&mut self) {
        for part in self.candidate.iter_mut().rev().filter(|part| part.begun) {
            self.standing.append(&mut part.stop);
        }
    }

    /// Ends without touching either side. Where the swap goes on in the daemon, the lock goes with our connection: the record says then
    /// that nobody was there any more.
    fn leave(&mut self, fate: Fate) -> Act {
        self.fate = Some(fate);
        self.standing.extend(self.stop.drain(..));
        match fate {
            Fate::GoesOn => self.end(),
            _ => self.release(),
        }
    }

    /// Behind the switch: the old side is stopped first, unless it is kept.
    fn go_on(&mut self) -> Act {
        if self.keep.is_zero() {
            self.stop()
        } else {
            self.follow()
        }
    }

    /// The next command that stops the old side.
    fn stop(&mut self) -> Act {
        self.phase = Phase::Stopping;
        match self.stop.front() {
            Some(_) if !self.locked => self.resume(),
            Some(task) => Act::Run(task.clone()),
            None => self.follow(),
        }
    }

    fn stopped(&mut self, ran: Ran) -> Act {
        if self.is_to_be_asked_again(ran) {
            return self.stop();
        }
        // A failure is no more than a warning: what runs there may never have been started by a deployment.
        if let Some(task) = self.stop.pop_front()
            && ran != Ran::Well
        {
            self.standing.push(task);
            if ran == Ran::Denied {
                self.fate = Some(Fate::Unstopped);
            }
        }
        self.stop()
    }

    /// The next command that runs behind the switch. How it ends changes nothing.
    fn follow(&mut self) -> Act {
        self.phase = Phase::Following;
        match self.after.front() {
            Some(_) if !self.locked => self.resume(),
            Some(task) => Act::Run(task.clone()),
            None if self.stop.is_empty() => self.release(),
            None if !self.locked => self.keep(),
            None => {
                self.phase = Phase::Freeing;
                Act::Release(DeployOutcome::Done)
            }
        }
    }

    /// Nobody is going to wait for the end of `keep`.
    fn unkeep(&mut self) {
        if !self.stop.is_empty() {
            self.fate.get_or_insert(Fate::Unkept);
        }
    }

    /// The old side runs on for a while, for an instant way back. Nothing holds the environment meanwhile.
    fn keep(&mut self) -> Act {
        self.locked = false;
        if self.fate.is_some() {
            return self.resume();
        }
        self.phase = Phase::Keeping;
        Act::Keep(std::mem::take(&mut self.keep))
    }

    fn resume(&mut self) -> Act {
        if self.fate.is_some() {
            self.standing.extend(self.stop.drain(..));
            return self.release();
        }
        self.phase = Phase::Resuming;
        Act::Lock {
            since: self.generation,
            switched: true,
        }
    }

    fn resumed(&mut self, locked: Locked) -> Act {
        self.locked = locked == Locked::Ours;
        if self.locked && self.fate != Some(Fate::Unkept) {
            return self.go_on();
        }
        let fate = match locked {
            Locked::Ours | Locked::Switched | Locked::Changed | Locked::Held => Fate::Overtaken,
            Locked::Unreachable => Fate::Unstopped,
        };
        // What may be live by now is nobody's to stop.
        if locked != Locked::Switched {
            self.standing.extend(self.stop.drain(..));
        }
        self.fate.get_or_insert(fate);
        self.release()
    }

    /// Whether a command was not begun because the daemon was away.
    fn is_to_be_asked_again(&self, ran: Ran) -> bool {
        ran == Ran::Denied && !self.locked
    }

    fn release(&mut self) -> Act {
        if !self.locked {
            return self.end();
        }
        self.phase = Phase::Releasing;
        Act::Release(self.fate.map_or(DeployOutcome::Done, Fate::outcome))
    }

    fn end(&mut self) -> Act {
        self.phase = Phase::Over;
        Act::End(Ending {
            fate: self.fate.unwrap_or(Fate::Served),
            standing: std::mem::take(&mut self.standing),
        })
    }
}
