//! `proxyctl demo`: the promise, to watch. A daemon, two apps and steady load on this machine, and one swap after the other;
//! the old side is killed with -9 the moment it is safe to stop.
//!
//! It needs no root, no file and no network: ports on 127.0.0.1, a temporary folder, the daemon's own local CA. The daemon
//! and the apps are this very binary, started again. The swaps go through the control socket like everybody's.

mod apps;
mod board;
mod histogram;
mod load;
mod rounds;
mod stage;
mod tally;
mod tasks;
mod verdict;

use std::cell::RefCell;
use std::ffi::OsString;
use std::process::ExitCode;
use std::rc::Rc;

use tokio::time::Instant;

use self::board::Board;
use self::load::{Front, Load};
use self::rounds::Report;
use self::stage::Stage;
use self::tally::Tally;
use crate::cli::args::DemoArgs;
use crate::cli::exit::{Outcome, Stop};
use crate::cli::host::Host;
use crate::cli::output;
use crate::cli::signals::stop_signal;
use crate::model::api::exit;

pub use self::tally::{Failure, RequestKind};
pub use self::verdict::{KindCount, Latency, Verdict};

/// Swaps of `--once`.
const SWAPS: u32 = 5;

/// The demo's daemon: this binary, started again.
pub fn daemon(host: &Host, args: &[OsString]) -> ExitCode {
    stage::die_with_parent();
    (host.daemon)(args)
}

/// One of the demo's apps: this binary, started again.
///
/// # Errors
/// When the port is taken.
pub async fn app(port: u16, version: String) -> Outcome {
    stage::die_with_parent();
    apps::serve(port, version).await
}

/// Runs the demo: exit 0 when no client saw a swap.
///
/// # Errors
/// When the stage cannot be set.
pub async fn run(args: &DemoArgs) -> Outcome {
    let stopped = stop_signal()?;
    let tally = Rc::new(Tally::default());
    let board = Board::new(Rc::clone(&tally), args.once.then_some(SWAPS));
    board.say(
        "A daemon, two apps and clients that never pause; the old side is killed with -9 once it is safe to stop.",
    );
    let mut stage = Stage::set(Rc::clone(&tally)).await?;
    let outcome = play(&mut stage, args, &tally, &board, stopped).await;
    // The daemon and the apps end before the folder goes.
    stage.clear().await;
    let verdict = outcome?;
    if args.json {
        output::out(&verdict.json().to_string());
    } else {
        for line in verdict.render(output::out_style()) {
            output::out(&line);
        }
    }
    Ok(if verdict.passed() { exit::DONE } else { exit::FAILED })
}

/// Load, swaps and the board, until the last swap or until somebody has seen enough.
async fn play(
    stage: &mut Stage,
    args: &DemoArgs,
    tally: &Rc<Tally>,
    board: &Board,
    stopped: impl Future<Output = ()>,
) -> Result<Verdict, Stop> {
    let front = Front::new(stage.https(), stage::HOST, stage.roots()?)?;
    let begun = Instant::now();
    let load = Load::start(front, Rc::clone(tally));
    let report = RefCell::new(Report::default());
    let swaps = if args.once { Some(SWAPS) } else { None };
    let finished = tokio::select! {
        () = rounds::run(stage, swaps, tally, board, &report) => true,
        () = board.draw() => false,
        () = stopped => false,
    };
    board.close();
    load.stop().await;
    stage.read_out().await;
    let mut report = report.into_inner();
    if args.once && !finished {
        report.trouble.push("stopped before the last swap".into());
    }
    Ok(Verdict::new(&report, tally, begun.elapsed()))
}
