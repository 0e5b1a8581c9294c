//! Shows an operation's events as they come: as JSON lines, or as people read them.

use crate::cli::client::EventLine;
use crate::cli::output::text::escape;
use crate::cli::output::{self, Line, Screen, Words};
use crate::model::api::Event;

/// What an event adds to the screen for good.
type Render = Box<dyn FnMut(&Event) -> Vec<Line>>;

/// The screen of one operation.
pub(super) struct Watcher {
    json: bool,
    screen: Screen,
    render: Render,
}

impl Watcher {
    /// A watcher of events that `render` can say.
    pub(super) fn new(json: bool, render: impl FnMut(&Event) -> Vec<Line> + 'static) -> Self {
        Self {
            json,
            screen: Screen::of_process(),
            render: Box::new(render),
        }
    }

    /// A watcher of a reload, a pause or of maintenance; `nothing` is what a refusal leaves: `Nothing was reloaded.`
    pub(super) fn of_upkeep(json: bool, nothing: &'static str) -> Self {
        let words = Words {
            out: output::out_style(),
            err: output::err_style(),
            nothing,
        };
        Self::new(json, move |event| output::render_upkeep(event, words))
    }

    /// Shows one event.
    pub(super) fn see(&mut self, line: &EventLine) {
        if self.json {
            return output::out(&line.raw);
        }
        let Some(event) = &line.event else {
            return output::err(&format!("  {}", escape(&line.raw)));
        };
        self.screen.lines(&(self.render)(event));
        if let Some(text) = output::progress(event) {
            self.screen.progress(&text);
        }
    }

    /// Takes the live line away: the operation is over, or somebody else is about to write to the terminal.
    pub(super) fn step_aside(&mut self) {
        self.screen.clear();
    }
}
