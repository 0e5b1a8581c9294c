//! What the demo shows while it runs: a few lines that are redrawn in place, or a line now and then without a terminal.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use tokio::time::Instant;

use super::tally::{RequestKind, Tally};
use crate::cli::output;
use crate::cli::output::text::{Style, fit, latency, thousands};
use crate::model::api::millis;
use crate::model::slot::Slot;

/// How often the lines are redrawn.
const REDRAW: Duration = Duration::from_millis(250);
/// How often a line is said without a terminal.
const QUIET: Duration = Duration::from_secs(2);
/// Columns that the lines need.
const WIDTH: usize = 78;
/// Width of a full bar.
const BAR: u64 = 30;

/// The lines, and what they are made of.
pub(super) struct Board {
    tally: Rc<Tally>,
    style: Style,
    terminal: bool,
    width: usize,
    swaps: Option<u32>,
    live: RefCell<(Slot, String)>,
    step: RefCell<String>,
    /// Lines that are on the screen now.
    shown: Cell<usize>,
    closed: Cell<bool>,
}

/// Counters at one moment.
#[derive(Clone, Copy)]
struct Moment {
    at: Instant,
    total: u64,
    slots: [u64; 2],
}

/// Rates per second between two moments, and latencies in microseconds.
#[derive(Debug, Clone, Copy, Default)]
struct Rates {
    all: u64,
    slots: [u64; 2],
    latency: Option<(u64, u64)>,
}

impl Board {
    /// An empty one; `swaps` is how many there will be, if that is known.
    pub(super) fn new(tally: Rc<Tally>, swaps: Option<u32>) -> Self {
        // A line that wraps could not be taken back.
        let terminal = output::live() && output::width() >= WIDTH;
        Self {
            tally,
            style: output::err_style(),
            terminal,
            width: output::width().saturating_sub(1),
            swaps,
            live: RefCell::new((Slot::Blue, String::new())),
            step: RefCell::default(),
            shown: Cell::new(0),
            closed: Cell::new(false),
        }
    }

    /// A line that stays.
    pub(super) fn say(&self, line: &str) {
        self.wipe();
        output::err(line);
    }

    /// Which slot is live.
    pub(super) fn live(&self, slot: Slot, version: &str) {
        self.live.replace((slot, version.to_owned()));
    }

    /// What is going on.
    pub(super) fn step(&self, text: String) {
        self.step.replace(text);
    }

    /// Draws until it is dropped.
    pub(super) async fn draw(&self) {
        let mut ticks = tokio::time::interval(if self.terminal { REDRAW } else { QUIET });
        let mut then = self.moment();
        let mut rates = Rates::default();
        loop {
            ticks.tick().await;
            let now = self.moment();
            // Rates over a quarter of a second would flicker.
            if now.at - then.at >= Duration::from_millis(900) {
                rates = self.rates(then, now);
                then = now;
            }
            if self.terminal {
                self.redraw(rates);
            } else if rates.all > 0 {
                output::err(&self.summary(rates));
            }
        }
    }

    /// Takes the lines away for good.
    pub(super) fn close(&self) {
        self.wipe();
        self.closed.set(true);
    }

    fn moment(&self) -> Moment {
        Moment {
            at: Instant::now(),
            total: self.tally.total(),
            slots: self.tally.slots(),
        }
    }

    fn rates(&self, then: Moment, now: Moment) -> Rates {
        let millis = millis(now.at - then.at).max(1);
        let rate = |then: u64, now: u64| (now - then) * 1_000 / millis;
        Rates {
            all: rate(then.total, now.total),
            slots: [rate(then.slots[0], now.slots[0]), rate(then.slots[1], now.slots[1])],
            latency: self.tally.recent_latency(),
        }
    }

    /// Everything on one line.
    fn summary(&self, rates: Rates) -> String {
        let (live, _) = &*self.live.borrow();
        let step = self.step.borrow();
        format!(
            "  {live} is live  {} req/s{}  {} WebSockets  {} failures  {step}",
            thousands(rates.all),
            shown_latency(rates),
            self.tally.open.get(),
            thousands(self.tally.failed()),
        )
    }

    fn redraw(&self, rates: Rates) {
        if self.closed.get() {
            return;
        }
        let lines = self.lines(rates);
        // In one write, or it would flicker.
        let mut text = up(self.shown.get());
        for line in &lines {
            text += line;
            text.push('\n');
        }
        self.shown.set(lines.len());
        output::err_raw(&text);
    }

    fn lines(&self, rates: Rates) -> Vec<String> {
        let style = self.style;
        let (live, version) = &*self.live.borrow();
        let bar = |slot: Slot| {
            let rate = rates.slots[usize::from(slot == Slot::Green)];
            let full = (rate * BAR).div_ceil(rates.slots.iter().sum::<u64>().max(1)).min(BAR);
            let bar = "█".repeat(usize::try_from(full).unwrap_or(0));
            let bar = match slot {
                Slot::Green => style.green(&bar),
                Slot::Blue | Slot::Upstream => style.blue(&bar),
            };
            let pad = " ".repeat(usize::try_from(BAR - full).unwrap_or(0));
            let mark = if slot == *live {
                format!("live: {version}")
            } else {
                String::new()
            };
            format!("  {:<7}{bar}{pad} {:>6} req/s  {mark}", slot.as_str(), thousands(rate))
        };
        let failed = self.tally.failed();
        let failures = format!("{} failures", thousands(failed));
        let failures = if failed > 0 {
            style.red(&failures)
        } else {
            style.green(&failures)
        };
        let (_, twice) = self.tally.posts();
        let swaps = self.swaps.map_or(String::new(), |swaps| format!(" (of {swaps})"));
        let step = self.step.borrow();
        vec![
            String::new(),
            bar(Slot::Blue),
            bar(Slot::Green),
            format!(
                "  load   {} req/s{}  {} WebSockets",
                thousands(rates.all),
                shown_latency(rates),
                self.tally.open.get()
            ),
            format!(
                "  so far {} requests, {failures}, {} POSTs seen twice, {} slow answers",
                thousands(self.tally.total()),
                thousands(twice),
                thousands(self.tally.of(RequestKind::Slow)),
            ),
            format!(
                "  now    {}",
                fit(&format!("{step}{swaps}"), self.width.saturating_sub(9))
            ),
            style.dim("  Ctrl-C ends it, with a verdict"),
        ]
    }

    /// Takes the lines off the screen.
    fn wipe(&self) {
        let shown = self.shown.replace(0);
        if shown > 0 {
            output::err_raw(&up(shown));
        }
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        self.wipe();
    }
}

/// Back over this many lines, which are taken off the screen.
fn up(lines: usize) -> String {
    if lines == 0 {
        String::new()
    } else {
        format!("\x1b[{lines}A\r\x1b[J")
    }
}

fn shown_latency(rates: Rates) -> String {
    rates.latency.map_or(String::new(), |(p50, p99)| {
        format!("  p50 {}  p99 {}", latency(p50), latency(p99))
    })
}
