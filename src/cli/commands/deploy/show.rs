//! What people and scripts see of a deployment: lines as it goes on, or the daemon's events alone with `--json`.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, interval};

use super::hold::Watch;
use crate::cli::client::EventLine;
use crate::cli::exit::Stop;
use crate::cli::output::deploy::{
    Subject, command_ended, command_running, command_said, deploy_ended, step_denied, step_tail, step_waits,
};
use crate::cli::output::text::{Style, escape, period};
use crate::cli::output::{self, Line, Screen, Stream, Transcript};
use crate::model::api::{CommandEnded, CommonStep, Event, Kind, Problem, Stage, SwapStep, millis};
use crate::model::course::{Ending, Fate, Reaction, Script, Task};
use crate::model::slot::Slot;

/// The screen of one deployment.
pub(super) struct Show {
    json: bool,
    environment: String,
    kind: Kind,
    out: Style,
    err: Style,
    screen: Rc<RefCell<Screen>>,
    transcript: RefCell<Transcript>,
    /// What the swap said when it was done or refused.
    done: RefCell<Option<Line>>,
    /// Whether there is something that stops the old side.
    stops: Cell<bool>,
    /// Whether it was said that a side still drains.
    waits: Cell<bool>,
}

impl Show {
    /// Nothing was said so far.
    pub(super) fn new(environment: &str, kind: Kind, json: bool) -> Self {
        let (out, err) = (output::out_style(), output::err_style());
        Self {
            json,
            environment: environment.to_owned(),
            kind,
            out,
            err,
            screen: Rc::new(RefCell::new(Screen::of_process())),
            transcript: RefCell::new(Transcript::new(environment, kind, false, out, err)),
            done: RefCell::default(),
            stops: Cell::default(),
            waits: Cell::default(),
        }
    }

    /// Says what is about to be done.
    pub(super) fn plan(&self, lines: &[String], script: &Script) {
        self.stops.set(!script.stop.is_empty());
        let lines: Vec<_> = lines
            .iter()
            .map(|text| Line {
                stream: Stream::Err,
                text: text.clone(),
            })
            .collect();
        self.lines(&lines);
    }

    /// Sees what the daemon says while the lock is waited for and held. The commands are said when they run.
    pub(super) fn lock(self: &Rc<Self>) -> Watch {
        let show = Rc::clone(self);
        Rc::new(RefCell::new(move |line: &EventLine| {
            if show.json {
                return output::out(&line.raw);
            }
            match &line.event {
                Some(event @ Event::Progress(_)) => show.progress(output::progress(event)),
                Some(event @ Event::Common(_)) => show.lines(&output::render(event, &mut show.transcript.borrow_mut())),
                Some(_) | None => {}
            }
        }))
    }

    /// Sees the same where only scripts want to know.
    pub(super) fn lines_alone(&self) -> Watch {
        let json = self.json;
        Rc::new(RefCell::new(move |line: &EventLine| {
            if json {
                output::out(&line.raw);
            }
        }))
    }

    /// What is found before the daemon is asked for anything is told as the daemon tells it.
    pub(super) fn event(&self, event: impl Into<Event>) {
        let event = event.into();
        if self.json {
            // An event is JSON.
            let _ = output::out_json(&event);
            return;
        }
        self.lines(&output::render(&event, &mut self.transcript.borrow_mut()));
    }

    /// A step that went well.
    pub(super) fn good(&self, name: &str, text: &str) {
        self.lines(&[output::deploy::good(name, text, self.err)]);
    }

    /// A step that somebody should look at, and that fails nothing.
    pub(super) fn look(&self, name: &str, text: &str) {
        self.lines(&[output::deploy::look(name, text, self.err)]);
    }

    /// What is waited for, until the next line.
    pub(super) fn progressing(&self, text: String) {
        self.progress(Some(text));
    }

    /// Sees what the swap says.
    pub(super) fn swap(&self, line: &EventLine) {
        if self.json {
            return output::out(&line.raw);
        }
        let Some(event) = &line.event else {
            return self.say(format!("  {}", escape(&line.raw)));
        };
        let mut lines = output::render(event, &mut self.transcript.borrow_mut());
        match event {
            // What moves was said before the first command.
            Event::Swap(SwapStep::Plan { .. } | SwapStep::Passed) => lines.clear(),
            Event::Swap(SwapStep::Done { .. }) => {
                let last = lines.pop();
                if !self.stops.get() {
                    *self.done.borrow_mut() = last;
                }
            }
            // That nothing was switched is said when the candidate is stopped.
            Event::Common(CommonStep::Refused { .. }) => *self.done.borrow_mut() = lines.pop(),
            _ => {}
        }
        self.lines(&lines);
        self.progress(output::progress(event));
    }

    /// Shows that a command is under way, until what it returns is dropped.
    pub(super) fn running(&self, task: &Task) -> JoinSet<()> {
        let mut ticking = JoinSet::new();
        if self.json {
            return ticking;
        }
        let (screen, task, began) = (Rc::clone(&self.screen), task.clone(), Instant::now());
        ticking.spawn_local(async move {
            let mut ticks = interval(Duration::from_secs(1));
            loop {
                ticks.tick().await;
                let text = command_running(&task, millis(began.elapsed()));
                screen.borrow_mut().progress(&text);
            }
        });
        ticking
    }

    /// A line that a command has written.
    pub(super) fn said(&self, task: &Task, text: &str) {
        self.lines(&[command_said(task.stage, text, self.err)]);
    }

    /// How a command ended.
    pub(super) fn ran(&self, task: &Task, ended: &CommandEnded) {
        self.waits.set(false);
        // Its log was asked for: that it could be read says nothing.
        if task.stage != Stage::Gate || ended.exit != Some(0) {
            self.lines(&[command_ended(ended, &task.command.to_string(), self.err)]);
        }
    }

    /// A command has left something behind that holds its output.
    pub(super) fn left_behind(&self, task: &Task) {
        let text = "it left a process that writes here; give that a log of its own, for nobody reads this once the deploy is over";
        self.lines(&[step_waits(task, text, self.err)]);
    }

    /// The end of what such a process has written.
    pub(super) fn tail(&self, lines: &[String]) {
        let lines: Vec<_> = lines.iter().map(|line| step_tail(line, self.err)).collect();
        self.lines(&lines);
    }

    /// A command waits for a side to drain.
    pub(super) fn waits(&self, task: &Task, why: &str) {
        if !self.waits.replace(true) {
            self.lines(&[step_waits(task, why, self.err)]);
        }
    }

    /// The daemon did not let a command begin.
    pub(super) fn denied(&self, task: &Task, problem: &Problem) {
        self.lines(&step_denied(task, problem, self.err));
    }

    /// The daemon could not be asked.
    pub(super) fn trouble(&self, stop: &Stop) {
        self.screen.borrow_mut().clear();
        output::message(stop);
    }

    /// Somebody wants it to end.
    pub(super) fn interrupted(&self, why: &str, reaction: Reaction, before: bool) {
        let text = match (reaction, before) {
            (Reaction::Wait, _) => {
                format!("{why}: what is being done comes to its end; a second Ctrl-C ends it at once")
            }
            (Reaction::End, true) => format!("{why}: what was begun is undone; a second Ctrl-C ends it at once"),
            (Reaction::End, false) => why.to_owned(),
        };
        self.say(text);
    }

    /// The old side runs on.
    pub(super) fn keeping(&self, time: Duration) {
        self.progress(Some(format!(
            "… keep    the old side runs on for {}",
            period(millis(time))
        )));
    }

    /// The last words.
    pub(super) fn ending(&self, ending: &Ending, live: Slot, idle: Slot) {
        let of = Subject {
            environment: &self.environment,
            kind: self.kind,
            live,
            idle,
        };
        let lines = deploy_ended(ending, of, self.done.borrow().as_ref(), self.out, self.err);
        if self.json {
            // Scripts have the daemon's events; what only we know is for people all the same.
            if ending.fate != Fate::Served {
                lines.iter().for_each(|line| output::err(&line.text));
            }
            return;
        }
        self.lines(&lines);
    }

    fn progress(&self, text: Option<String>) {
        if let Some(text) = text.filter(|_| !self.json) {
            self.screen.borrow_mut().progress(&text);
        }
    }

    fn say(&self, text: String) {
        let stream = Stream::Err;
        self.lines(&[Line { stream, text }]);
    }

    fn lines(&self, lines: &[Line]) {
        if !self.json {
            self.screen.borrow_mut().lines(lines);
        }
    }
}
