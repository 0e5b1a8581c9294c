//! One swap after the other: start the other colour afresh, swap, kill the old one the moment it is safe to stop.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::time::Duration;

use tokio::time::Instant;

use super::board::Board;
use super::stage::{ENVIRONMENT, Stage};
use super::tally::Tally;
use crate::cli::exit::Stop;
use crate::cli::output::text::period;
use crate::cli::output::{self, Transcript};
use crate::model::api::{CommonStep, Event, Kind, OperationRequest, SwapStep, exit, millis};
use crate::model::slot::Slot;

/// Time without a swap, before each of them: also what the swaps' latencies are compared with.
const CALM: Duration = Duration::from_millis(1_200);

/// What the swaps came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Report {
    /// Swaps that were done.
    pub(super) swaps: u32,
    /// Answers that the proxy had to make, by its own count.
    pub(super) proxy_errors: u64,
    /// Old sides that were killed.
    pub(super) killed: u32,
    /// What went wrong, other than what clients saw.
    pub(super) trouble: Vec<String>,
}

/// Swaps this often, or until the future is dropped; trouble ends it.
pub(super) async fn run(stage: &mut Stage, swaps: Option<u32>, tally: &Tally, board: &Board, report: &RefCell<Report>) {
    let mut live = Slot::Blue;
    board.live(live, "blue-1");
    let mut number = 1;
    while swaps.is_none_or(|swaps| number <= swaps) {
        board.step(format!("swap {number} comes in a moment"));
        tokio::time::sleep(CALM).await;
        tally.swapping(true);
        let done = round(stage, live, number, tally, board, report).await;
        tally.swapping(false);
        if let Err(stop) = done {
            let trouble = format!("swap {number}: {}", stop.message);
            board.say(&trouble);
            report.borrow_mut().trouble.push(trouble);
            return;
        }
        live = live.other();
        number += 1;
    }
    board.step("a last look at the clients".into());
    tokio::time::sleep(CALM).await;
}

/// One swap, away from `live`.
async fn round(
    stage: &mut Stage,
    live: Slot,
    number: u32,
    tally: &Tally,
    board: &Board,
    report: &RefCell<Report>,
) -> Result<(), Stop> {
    let next = live.other();
    let version = stage.start(next, number + 1)?;
    let request = OperationRequest {
        expect_version: Some(version.clone()),
        ..OperationRequest::new(ENVIRONMENT, Kind::Swap)
    };
    let style = output::err_style();
    let mut told = Transcript::new(ENVIRONMENT, Kind::Swap, false, style, style);
    let (begun, moved) = (Instant::now(), tally.moved.get());
    let (mut gate, mut drain, mut said) = (0, 0, Vec::new());
    let client = stage.client();
    let ended = client
        .operate(&request, |line| {
            let Some(event) = &line.event else {
                return ControlFlow::Continue(());
            };
            let lines = output::render(event, &mut told);
            said.extend(lines.into_iter().map(|line| line.text));
            if let Some(progress) = output::progress(event) {
                let words: Vec<_> = progress.trim_start_matches("… ").split_whitespace().collect();
                board.step(format!("swap {number}: {}", words.join(" ")));
            }
            match event {
                Event::Common(CommonStep::Gated { elapsed_ms, .. }) => gate = *elapsed_ms,
                Event::Swap(SwapStep::Switched { .. }) => {
                    board.live(next, &version);
                    board.step(format!(
                        "swap {number}: {next} serves; {live} finishes what it had begun"
                    ));
                }
                Event::Swap(SwapStep::Drained { elapsed_ms, .. }) => drain = *elapsed_ms,
                Event::Swap(SwapStep::Done { traffic, .. }) => report.borrow_mut().proxy_errors += traffic.proxy_errors,
                Event::Swap(_)
                | Event::Progress(_)
                | Event::Common(_)
                | Event::Reload(_)
                | Event::Pause(_)
                | Event::Maintenance(_)
                | Event::Upgrade(_)
                | Event::Deploy(_)
                | Event::Preview(_)
                | Event::Sleep(_) => {}
            }
            ControlFlow::Continue(())
        })
        .await;
    match ended {
        Ok(exit::DONE) => {}
        Ok(code) => {
            said.iter().for_each(|line| board.say(line));
            return Err(stage.trouble(&format!("ended with exit code {code}")).await);
        }
        Err(error) => return Err(stage.trouble(&error.to_string()).await),
    }
    // Safe to stop, so the worst stop there is, at once.
    let Some(killed) = stage.kill(live).await else {
        return Err(Stop::failed(format!("the {live} app had died by itself")));
    };
    let mut report = report.borrow_mut();
    report.swaps += 1;
    report.killed += 1;
    board.say(&format!(
        "{} swap {number}  {} → {}  in {}: gate {}, drain {}, {} WebSockets moved; {} (pid {}) killed with -9",
        style.green("✓"),
        style.slot(live),
        style.slot(next),
        period(millis(begun.elapsed())),
        period(gate),
        period(drain),
        tally.moved.get() - moved,
        killed.version,
        killed.pid,
    ));
    Ok(())
}
