//! A line, before it is printed: where it goes and what it says. Pure.

use super::text::Style;

/// Where a step's text begins: mark, space, name.
pub(super) const INDENT: &str = "          ";

/// Where a line goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Data.
    Out,
    /// Progress and messages.
    Err,
}

/// One line, without its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Where it goes.
    pub stream: Stream,
    /// What it says.
    pub text: String,
}

/// How a step went.
#[derive(Clone, Copy)]
pub(super) enum Mark {
    /// Well.
    Done,
    /// It went on, but somebody should look.
    Look,
    /// It failed.
    Bad,
}

/// A line of progress.
pub(super) fn err(text: String) -> Line {
    Line {
        stream: Stream::Err,
        text,
    }
}

/// How a step ended: `✓ gate    …`.
pub(super) fn step(style: Style, mark: Mark, name: &str, text: &str) -> Line {
    let mark = match mark {
        Mark::Done => style.green("✓"),
        Mark::Look => style.yellow("!"),
        Mark::Bad => style.red("✗"),
    };
    err(format!("{mark} {name:<8}{text}"))
}
