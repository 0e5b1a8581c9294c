//! `proxyctl status --watch`: one reading a second, as a table that is drawn in place, as all there is to say of one environment, or as a
//! stream of JSON lines.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::time::{Instant, MissedTickBehavior};

use super::status::{healthy, only, render};
use crate::cli::args::StatusArgs;
use crate::cli::client::{Client, ClientError, percent_encode};
use crate::cli::exit::{Outcome, Stop};
use crate::cli::output::text::{Style, escape, fit_painted};
use crate::cli::output::{self, Frame, Rates, table};
use crate::cli::signals::stop_signal;
use crate::model::api::{Requests, Series, Status, exit};

const INTERVAL: Duration = Duration::from_secs(1);
/// Where the last minute is.
const LATELY: &str = "/v1/series?range=1m";
/// So many of the requests that failed are shown.
const FAILED: usize = 5;

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
        let status = only(status, args.only())?;
        if args.json {
            let line = serde_json::to_string(&status).map_err(|error| Stop::failed(error.to_string()))?;
            if !output::try_out(&line) {
                // Nobody reads any more.
                return Ok(exit::DONE);
            }
        } else {
            rates.read(&status, Instant::now());
            // A daemon of before has no series.
            let lately: Option<Series> = client.get(LATELY).await.ok();
            let (style, width) = (output::out_style(), output::out_width());
            let lines = match args.only() {
                Some(name) => {
                    let path = format!("/v1/requests?env={}&limit={FAILED}", percent_encode(name));
                    let requests: Option<Requests> = client.get(&path).await.ok();
                    let told = Told {
                        lately: lately.as_ref(),
                        requests: requests.unwrap_or_default(),
                    };
                    of_one(&status, name, &told, style, width)
                }
                None => of_all(&status, &rates, lately.as_ref(), style, width),
            };
            frame.draw(&lines);
        }
    }
}

/// All environments: a row for each service, and the last minute of each environment.
fn of_all(status: &Status, rates: &Rates, lately: Option<&Series>, style: Style, width: usize) -> Vec<String> {
    let mut lines = table(status, rates, Timestamp::now(), style, width);
    let minute = lately.map(|series| output::overview(series, style)).unwrap_or_default();
    if !minute.is_empty() {
        lines.push(String::new());
        lines.extend(minute);
    }
    lines
}

/// What is asked for beside the status.
struct Told<'t> {
    lately: Option<&'t Series>,
    requests: Requests,
}

/// One environment: everything that is known of it, its last minute second by second, and the newest requests that failed.
fn of_one(status: &Status, name: &str, told: &Told<'_>, style: Style, width: usize) -> Vec<String> {
    let text = render(status, Timestamp::now(), style);
    let mut lines: Vec<String> = text.iter().flat_map(|line| line.lines()).map(str::to_owned).collect();
    let minute = told.lately.map(|series| output::whole(series, name, style, width));
    lines.push(String::new());
    lines.extend(minute.into_iter().flatten());
    let failed = &told.requests.failed;
    if !failed.is_empty() {
        let view = output::Requests {
            zone: TimeZone::system(),
            style,
            width: Some(width.saturating_sub(2)),
            of_all: false,
        };
        lines.push(String::new());
        lines.push(style.dim("  the newest requests that failed"));
        lines.extend(failed.iter().map(|request| format!("  {}", view.noted(request))));
    }
    let lately = |series| output::has_failed(series, name);
    if !healthy(status) || told.lately.is_some_and(lately) || !failed.is_empty() {
        let logs = format!(
            "  which requests fail, and why: proxyctl logs {} --fault app",
            escape(name)
        );
        lines.push(style.dim(&logs));
    }
    lines.iter().map(|line| fit_painted(line, width).into_owned()).collect()
}
