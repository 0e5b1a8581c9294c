//! `proxyctl logs`: the newest requests, and those that come. The daemon picks them; here they are shown.

use std::ops::ControlFlow;
use std::time::Duration;

use jiff::tz::TimeZone;

use super::environment::{no_such, unknown};
use crate::cli::args::LogsArgs;
use crate::cli::client::{Client, ClientError, percent_encode};
use crate::cli::exit::{Outcome, Stop};
use crate::cli::output::{self, Requests};
use crate::cli::signals::stop_signal;
use crate::model::api::{Status, exit};

/// Between two looks at whether the daemon is back.
const PAUSE: Duration = Duration::from_millis(100);
/// All lines that a daemon may keep.
const ALL: u32 = 10_000;

/// Exit 0, also when there is nothing to show and when nobody reads any more.
///
/// # Errors
/// When the daemon cannot be asked, or has no such environment or service.
pub async fn run(client: &Client, args: &LogsArgs) -> Outcome {
    let stopped = stop_signal()?;
    tokio::select! {
        ended = show(client, args) => ended,
        () = stopped => Ok(exit::DONE),
    }
}

async fn show(client: &Client, args: &LogsArgs) -> Outcome {
    let mut pid = known(&client.get("/v1/status").await?, args)?;
    let mut limit = args.lines;
    let view = Requests {
        zone: TimeZone::system(),
        style: output::out_style(),
        width: output::out_room(),
        of_all: args.environment.is_none(),
    };
    let see = |line: &str| {
        let goes_on = match args.json {
            true => output::try_out(line),
            false => output::try_out(&view.line(line)),
        };
        if goes_on {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    };
    loop {
        match client.lines(&path(args, limit), see).await {
            Ok(ControlFlow::Break(())) => return Ok(exit::DONE),
            Ok(ControlFlow::Continue(())) if !args.follow => return Ok(exit::DONE),
            Ok(ControlFlow::Continue(())) => {}
            Err(error) if args.follow && is_passing(&error) => {}
            Err(error) => return Err(error.into()),
        }
        let now = back(client).await?.pid;
        // Of a daemon that has begun meanwhile nothing was seen; of the same one all was, up to here.
        limit = if now == pid { 0 } else { ALL };
        pid = now;
    }
}

/// Waits for a daemon that went away, as for a restart or an upgrade.
async fn back(client: &Client) -> Result<Status, Stop> {
    let mut is_told = false;
    loop {
        tokio::time::sleep(PAUSE).await;
        match client.get("/v1/status").await {
            Ok(status) => return Ok(status),
            Err(error) if is_passing(&error) => {
                if !is_told {
                    output::err(&format!("{}; waiting for it", Stop::from(error).message));
                    is_told = true;
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Whether it is what a daemon that goes away looks like.
fn is_passing(error: &ClientError) -> bool {
    matches!(
        error,
        ClientError::Unreachable { .. } | ClientError::Silent(_) | ClientError::Broken(_)
    )
}

/// The process of a daemon that has what was named.
fn known(status: &Status, args: &LogsArgs) -> Result<u32, Stop> {
    let mut environments = status.environments.iter();
    let names = environments.clone().map(|one| one.name.as_str());
    let mut of = environments.clone().collect::<Vec<_>>();
    if let Some(name) = &args.environment {
        of = vec![
            environments
                .find(|one| one.name == *name)
                .ok_or_else(|| unknown(name, names))?,
        ];
    }
    if let Some(name) = &args.service {
        let services = of.iter().flat_map(|one| &one.services).map(|one| one.name.as_str());
        if !services.clone().any(|one| one == name) {
            return Err(no_such("service", name, services));
        }
    }
    Ok(status.pid)
}

/// Where such lines are.
fn path(args: &LogsArgs, limit: u32) -> String {
    let mut path = format!("/v1/logs?limit={limit}&follow={}", args.follow);
    let slower = args.slower.map(|bound| format!("{}ms", bound.as_millis()));
    for (name, value) in [
        ("env", &args.environment),
        ("service", &args.service),
        ("status", &args.status),
        ("slower", &slower),
        ("path", &args.path),
        ("fault", &args.fault),
    ] {
        if let Some(value) = value {
            path += &format!("&{name}={}", percent_encode(value));
        }
    }
    path
}
