//! `proxyctl status --watch`: one reading a second, as a table that is drawn in place, or as a stream of JSON lines.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, MissedTickBehavior};

use super::status::only;
use crate::cli::args::StatusArgs;
use crate::cli::client::{Client, ClientError};
use crate::cli::exit::{Outcome, Stop};
use crate::cli::output::{self, Frame, Rates, table};
use crate::cli::signals::stop_signal;
use crate::model::api::{Status, exit};

const INTERVAL: Duration = Duration::from_secs(1);

/// Until somebody has seen enough. A daemon that goes away, as for a restart, is waited for.
///
/// # Errors
/// When the daemon cannot be asked at all, or has no such environment.
pub async fn run(client: &Client, args: &StatusArgs) -> Outcome {
    let stopped = stop_signal()?;
    tokio::select! {
        ended = watch(client, args) => ended,
        () = stopped => Ok(exit::DONE),
    }
}

async fn watch(client: &Client, args: &StatusArgs) -> Outcome {
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut frame = Frame::of_process();
    let mut rates = Rates::default();
    let mut seen = false;
    loop {
        ticks.tick().await;
        let status: Status = match client.get("/v1/status").await {
            Ok(status) => status,
            Err(error @ (ClientError::Unreachable { .. } | ClientError::Silent(_) | ClientError::Broken(_)))
                if seen =>
            {
                let stop = Stop::from(error);
                if !args.json {
                    frame.draw(&[format!("{}; waiting for it", stop.message)]);
                }
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        seen = true;
        let status = only(status, args.environment.as_deref())?;
        if args.json {
            let line = serde_json::to_string(&status).map_err(|error| Stop::failed(error.to_string()))?;
            if !output::try_out(&line) {
                // Nobody reads any more.
                return Ok(exit::DONE);
            }
        } else {
            let now = Timestamp::now();
            rates.read(&status, Instant::now());
            frame.draw(&table(&status, &rates, now, output::out_style(), output::out_width()));
        }
    }
}
