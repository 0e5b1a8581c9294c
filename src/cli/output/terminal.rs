//! The streams of this process, and what is drawn on a terminal. What a line says is decided elsewhere.
//!
//! A reader that has gone away is no error: a swap goes on when somebody closes `less`.

use std::io::{IsTerminal, Write as _};
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use super::line::{Line, Stream};
use super::text::{Style, escape, fit};
use crate::cli::exit::Stop;

/// Without a terminal, progress is said at most this often.
const QUIET: Duration = Duration::from_secs(10);

/// The terminal, or what stands in for it: finished lines above, and one live line that is rewritten.
#[derive(Debug)]
pub struct Screen {
    live: bool,
    style: Style,
    width: usize,
    shown: bool,
    last: Option<Instant>,
}

impl Screen {
    /// The one that this process was started with.
    #[must_use]
    pub fn of_process() -> Self {
        Self {
            live: live(),
            style: err_style(),
            width: width(),
            shown: false,
            last: None,
        }
    }

    /// Prints finished lines; the live line makes room.
    pub fn lines(&mut self, lines: &[Line]) {
        if lines.is_empty() {
            return;
        }
        self.clear();
        for line in lines {
            match line.stream {
                Stream::Out => out(&line.text),
                Stream::Err => err(&line.text),
            }
        }
        // The next step's first progress is news, but the same step's is not.
        self.last = Some(Instant::now());
    }

    /// Shows what the running step is at.
    pub fn progress(&mut self, text: &str) {
        if self.live {
            let text = self.style.dim(&fit(text, self.width.saturating_sub(1)));
            err_raw(&format!("\r\x1b[K{text}"));
            self.shown = true;
        } else if self.last.is_none_or(|last| last.elapsed() >= QUIET) {
            self.last = Some(Instant::now());
            err(text);
        }
    }

    /// Takes the live line away.
    pub fn clear(&mut self) {
        if self.shown {
            err_raw("\r\x1b[K");
            self.shown = false;
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.clear();
    }
}

/// A picture on stdout that is drawn again and again, in place where there is a terminal.
#[derive(Debug)]
pub struct Frame {
    live: bool,
    drawn: usize,
}

impl Frame {
    /// The one that this process was started with.
    #[must_use]
    pub fn of_process() -> Self {
        Self {
            live: can_redraw(&std::io::stdout()),
            drawn: 0,
        }
    }

    /// Draws over what was drawn before; without a terminal, below it.
    pub fn draw(&mut self, lines: &[String]) {
        let mut text = String::new();
        // What has scrolled away cannot be drawn over.
        let lines = match rows(&std::io::stdout()).filter(|_| self.live) {
            Some(rows) => &lines[..lines.len().min(rows.saturating_sub(1))],
            None => lines,
        };
        if self.live && self.drawn > 0 {
            text.push_str(&format!("\x1b[{}F", self.drawn));
        }
        for line in lines {
            text.push_str(line);
            // What an earlier, longer line left behind.
            text.push_str(if self.live { "\x1b[K\n" } else { "\n" });
        }
        text.push_str(if self.live { "\x1b[J" } else { "\n" });
        self.drawn = lines.len();
        let mut stdout = std::io::stdout().lock();
        let _ = stdout.write_all(text.as_bytes());
        let _ = stdout.flush();
    }
}

/// Prints one line of data. Whether somebody still reads.
pub fn try_out(line: &str) -> bool {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{line}").and_then(|()| stdout.flush()).is_ok()
}

/// Prints one line of data.
pub fn out(line: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// Prints a value as one line of JSON.
///
/// # Errors
/// When it cannot be JSON.
pub fn out_json(value: &impl Serialize) -> Result<(), Stop> {
    out(&serde_json::to_string(value).map_err(no_json)?);
    Ok(())
}

/// Prints a value as JSON for people.
///
/// # Errors
/// When it cannot be JSON.
pub fn out_pretty_json(value: &impl Serialize) -> Result<(), Stop> {
    out(&serde_json::to_string_pretty(value).map_err(no_json)?);
    Ok(())
}

fn no_json(error: serde_json::Error) -> Stop {
    Stop::failed(error.to_string())
}

/// Prints one line of progress.
pub fn err(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// Prints without a line's end, for prompts and for what is drawn in place.
pub fn err_raw(text: &str) {
    let mut stderr = std::io::stderr().lock();
    let _ = stderr.write_all(text.as_bytes());
    let _ = stderr.flush();
}

/// Says why a command ended.
pub fn message(stop: &Stop) {
    let style = err_style();
    err(&format!("{} {}", style.red("proxyctl:"), escape(&stop.message)));
    if let Some(hint) = &stop.hint {
        err(&format!("{} {}", style.dim("hint:"), escape(hint)));
    }
}

/// How stdout wants it.
#[must_use]
pub fn out_style() -> Style {
    Style::of(std::io::stdout().is_terminal(), &|name| std::env::var_os(name))
}

/// How stderr wants it.
#[must_use]
pub fn err_style() -> Style {
    Style::of(std::io::stderr().is_terminal(), &|name| std::env::var_os(name))
}

/// Whether what is on stderr can be rewritten.
#[must_use]
pub fn live() -> bool {
    can_redraw(&std::io::stderr())
}

/// Whether a stream is a terminal that can move back.
fn can_redraw(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Whether somebody can be asked.
#[must_use]
pub fn interactive() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Columns of the terminal behind stderr; 80 where there is none.
#[must_use]
pub fn width() -> usize {
    columns(&std::io::stderr())
}

/// Columns of the terminal behind stdout; 80 where there is none.
#[must_use]
pub fn out_width() -> usize {
    columns(&std::io::stdout())
}

/// Columns that lines on stdout have; without a terminal they may be of any length.
#[must_use]
pub fn out_room() -> Option<usize> {
    std::io::stdout().is_terminal().then(out_width)
}

fn columns(stream: &impl std::os::fd::AsFd) -> usize {
    match rustix::termios::tcgetwinsize(stream) {
        Ok(size) if size.ws_col > 0 => usize::from(size.ws_col),
        Ok(_) | Err(_) => 80,
    }
}

/// Lines of a terminal; `None` where there is none.
fn rows(stream: &impl std::os::fd::AsFd) -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(stream).ok()?;
    (size.ws_row > 0).then(|| usize::from(size.ws_row))
}
