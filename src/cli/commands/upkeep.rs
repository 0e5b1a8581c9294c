//! `proxyctl reload`, `resume`, `maintenance` and `upgrade`: ask the daemon, show its events.

use std::ops::ControlFlow;

use serde::Serialize;

use super::watcher::Watcher;
use crate::cli::args::{MaintenanceArgs, ReloadArgs, ResumeArgs, Toggle, UpgradeArgs};
use crate::cli::client::Client;
use crate::cli::exit::{Outcome, Stop};
use crate::model::api::{MaintenanceRequest, Notice, ReloadRequest, ResumeRequest, UpgradeRequest};

/// Has the file served as it is now, or refused whole.
///
/// # Errors
/// When the daemon cannot be asked.
pub async fn reload(client: &Client, args: &ReloadArgs) -> Outcome {
    let request = ReloadRequest { dry_run: args.dry_run };
    let watcher = Watcher::of_upkeep(args.json, "Nothing was reloaded.");
    ask(client, "/v1/reload", &request, watcher).await
}

/// Has another process take over, or nothing changed.
///
/// # Errors
/// When the daemon cannot be asked.
pub async fn upgrade(client: &Client, args: &UpgradeArgs) -> Outcome {
    let watcher = Watcher::of_upkeep(args.json, "Nothing changed; the process that served serves on.");
    ask(client, "/v1/upgrade", &UpgradeRequest {}, watcher).await
}

/// Lets held requests go on.
///
/// # Errors
/// When the daemon cannot be asked.
pub async fn resume(client: &Client, args: &ResumeArgs) -> Outcome {
    let request = ResumeRequest {
        environment: args.environment.clone(),
        operation: None,
        force: args.force,
    };
    let watcher = Watcher::of_upkeep(args.json, "Nothing changed.");
    ask(client, "/v1/resume", &request, watcher).await
}

/// Turns maintenance on or off.
///
/// # Errors
/// When the page cannot be read, or the daemon cannot be asked.
pub async fn maintenance(client: &Client, args: &MaintenanceArgs) -> Outcome {
    let notice = match args.toggle {
        Toggle::On => Some(Notice {
            message: args.message.clone(),
            page: args.page.as_deref().map(page).transpose()?,
            allow: args.allow.clone(),
        }),
        Toggle::Off if args.message.is_some() || args.page.is_some() || !args.allow.is_empty() => {
            return Err(Stop::usage("`off` shows nothing, so there is nothing to say with it"));
        }
        Toggle::Off => None,
    };
    let request = MaintenanceRequest {
        environment: args.environment.clone(),
        on: notice,
    };
    let watcher = Watcher::of_upkeep(args.json, "Nothing changed.");
    ask(client, "/v1/maintenance", &request, watcher).await
}

/// The page that a file holds.
fn page(file: &std::path::Path) -> Result<String, Stop> {
    let failed = |why: String| Stop::usage(format!("the page `{}` cannot be used: {why}", file.display()));
    let bytes = std::fs::read(file).map_err(|error| failed(error.to_string()))?;
    if bytes.len() > Notice::PAGE {
        return Err(failed(format!("it has {} bytes", bytes.len())).hint(format!(
            "{} KiB are allowed; pictures can be inlined as SVG",
            Notice::PAGE / 1024
        )));
    }
    String::from_utf8(bytes).map_err(|_| failed("it is no UTF-8".into()))
}

/// Asks for an operation, and shows its events to the end.
pub(super) async fn ask(client: &Client, path: &str, request: &impl Serialize, mut watcher: Watcher) -> Outcome {
    let ended = client
        .ask(path, request, |line| {
            watcher.see(line);
            ControlFlow::Continue(())
        })
        .await;
    watcher.step_aside();
    Ok(ended?)
}
