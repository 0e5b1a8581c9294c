//! `proxyctl swap` and `proxyctl rollback`: ask the daemon, and watch. Where there is something to start or to stop, `deploy` has a
//! rollback of its own.

use std::ops::ControlFlow;
use std::time::Duration;

use super::environment::unknown;
use super::watcher::Watcher;
use crate::cli::args::{OperationArgs, RollbackArgs, SwapArgs};
use crate::cli::client::{Client, ClientError};
use crate::cli::exit::{Outcome, Stop};
use crate::cli::output::text::{escape, period};
use crate::cli::output::{self, Transcript};
use crate::cli::signals::stop_signal;
use crate::model::api::{Event, Kind, OperationRequest, Status, SwapStep, exit, millis};

/// To the idle side, or to what `--to` names.
///
/// # Errors
/// Everything that is not a final event.
pub async fn swap(client: &Client, args: &SwapArgs) -> Outcome {
    let confirmed = asked(client, &args.common, Kind::Swap).await?;
    operate(client, args.request(confirmed), &args.common).await
}

/// To the previous side.
///
/// # Errors
/// Everything that is not a final event.
pub async fn rollback(client: &Client, args: &RollbackArgs) -> Outcome {
    let confirmed = asked(client, &args.common, Kind::Rollback).await?;
    operate(client, args.common.request(Kind::Rollback, confirmed), &args.common).await
}

/// The name that goes into the request; a dry run needs none.
async fn asked(client: &Client, args: &OperationArgs, kind: Kind) -> Result<Option<String>, Stop> {
    let yes = args
        .switch
        .yes
        .as_deref()
        .filter(|yes| !args.dry_run || !yes.is_empty());
    let yes = yes.or(args.dry_run.then_some(&args.environment));
    confirmed(client, &args.environment, yes, &kind.to_string(), || {}).await
}

/// Asks for a protected environment's name before the daemon would refuse. Who is asked is shown before what it is about.
///
/// # Errors
/// Exit 2 when there is no such environment, or a protected one was not named.
pub(super) async fn confirmed(
    client: &Client,
    name: &str,
    yes: Option<&str>,
    what: &str,
    show: impl FnOnce(),
) -> Result<Option<String>, Stop> {
    let status: Status = client.get("/v1/status").await?;
    let Some(environment) = status.environments.iter().find(|one| one.name == name) else {
        return Err(unknown(name, status.environments.iter().map(|one| one.name.as_str())));
    };
    let ask = output::interactive().then_some(|| {
        show();
        output::err_raw(&format!("{} is protected. Type its name to {what}: ", escape(name)));
        let mut typed = String::new();
        match std::io::stdin().read_line(&mut typed) {
            Ok(_) => typed,
            Err(_) => String::new(),
        }
    });
    confirm(name, environment.protected, yes, ask)
}

/// The name that goes into the request, or why it does not. `ask` is there when somebody can be asked.
///
/// # Errors
/// Exit 2 when a protected environment was not named.
pub fn confirm(
    environment: &str,
    protected: bool,
    yes: Option<&str>,
    ask: Option<impl FnOnce() -> String>,
) -> Result<Option<String>, Stop> {
    let hint = format!("`--yes={}` says it in a script", escape(environment));
    match (yes, ask) {
        (Some(name), _) if name == environment => Ok(Some(name.to_owned())),
        (Some(name), _) if !name.is_empty() => Err(Stop::usage(format!(
            "`--yes={}` does not name `{}`; nothing was switched",
            escape(name),
            escape(environment)
        ))),
        _ if !protected => Ok(None),
        (None, Some(ask)) => {
            let typed = ask();
            if typed.trim() == environment {
                Ok(Some(environment.to_owned()))
            } else {
                Err(Stop::usage("that is not its name; nothing was switched"))
            }
        }
        (Some(_), _) => Err(Stop::usage(format!(
            "`{}` is protected: `--yes` has to name it",
            escape(environment)
        ))
        .hint(hint)),
        (None, None) => Err(Stop::usage(format!(
            "`{}` is protected, and there is no terminal to ask for its name",
            escape(environment)
        ))
        .hint(hint)),
    }
}

/// Starts the operation and watches it until it ends, or until somebody wants us to stop watching.
async fn operate(client: &Client, request: OperationRequest, args: &OperationArgs) -> Outcome {
    let (out, err) = (output::out_style(), output::err_style());
    let mut told = Transcript::new(&request.environment, request.kind, request.dry_run, out, err);
    let mut watcher = Watcher::new(args.json, move |event| output::render(event, &mut told));
    let begun = std::cell::Cell::new(false);
    // Only from here on: before, Ctrl-C may simply end us.
    let stopped = stop_signal()?;
    let ended = tokio::select! {
        ended = client.operate(&request, |line| {
            begun.set(true);
            watcher.see(line);
            far_enough(line.event.as_ref(), args)
        }) => Ok(ended),
        () = stopped => Err("stopped watching".to_owned()),
        after = after(args.timeout) => Err(format!("stopped waiting after {}", period(millis(after)))),
    };
    watcher.step_aside();
    let (kind, name) = (request.kind, escape(&request.environment).into_owned());
    let look = format!("`proxyctl status {name}` shows where it is");
    match ended {
        Ok(Ok(code)) => Ok(code),
        Ok(Err(ClientError::Cut)) => Err(Stop::failed(format!(
            "the events ended before the {kind} did: the daemon has died, or it goes on without us"
        ))
        .hint(format!("{look}, `proxyctl history {name}` how it ended"))),
        Ok(Err(error)) => Err(error.into()),
        Err(why) if begun.get() => Err(Stop::new(
            exit::STOPPED_WAITING,
            format!("{why}; the {kind} goes on in the daemon"),
        )
        .hint(look)),
        Err(why) => Err(Stop::new(
            exit::STOPPED_WAITING,
            format!("{why}; the daemon has not answered yet, and may still {kind}"),
        )
        .hint(look)),
    }
}

/// Whether an event is as far as `--no-wait` waits, which is said.
fn far_enough(event: Option<&Event>, args: &OperationArgs) -> ControlFlow<u8> {
    match event {
        Some(Event::Swap(SwapStep::Switched { .. })) if args.no_wait => {
            if !args.json {
                output::err(&format!(
                    "The new side serves; the old one drains by itself: proxyctl status {}",
                    escape(&args.environment)
                ));
            }
            ControlFlow::Break(exit::DONE)
        }
        Some(_) | None => ControlFlow::Continue(()),
    }
}

/// Resolves after the time, or never.
async fn after(timeout: Option<Duration>) -> Duration {
    match timeout {
        Some(time) => {
            tokio::time::sleep(time).await;
            time
        }
        None => std::future::pending().await,
    }
}
