//! `proxyctl reload`, `resume` and `maintenance`, and what they share with `pause`: ask the daemon, show its events.

use std::ops::ControlFlow;

use serde::Serialize;

use crate::cli::args::{MaintenanceArgs, ReloadArgs, ResumeArgs, Switch};
use crate::cli::client::{Client, EventLine};
use crate::cli::exit::{Outcome, Stop};
use crate::cli::output::text::escape;
use crate::cli::output::{self, Screen, Words};
use crate::model::api::{Event, MaintenanceRequest, Notice, ReloadRequest, ResumeRequest};

/// The file as it is now, or not.
///
/// # Errors
/// When the daemon cannot be asked.
pub async fn reload(client: &Client, args: &ReloadArgs) -> Outcome {
    let request = ReloadRequest { dry_run: args.dry_run };
    ask(
        client,
        "/v1/reload",
        &request,
        Watcher::new("Nothing was reloaded.", args.json),
    )
    .await
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
    ask(
        client,
        "/v1/resume",
        &request,
        Watcher::new("Nothing changed.", args.json),
    )
    .await
}

/// On or off.
///
/// # Errors
/// When the page cannot be read, or the daemon cannot be asked.
pub async fn maintenance(client: &Client, args: &MaintenanceArgs) -> Outcome {
    let notice = match args.switch {
        Switch::On => Some(Notice {
            message: args.message.clone(),
            page: args.page.as_deref().map(page).transpose()?,
            allow: args.allow.clone(),
        }),
        Switch::Off if args.message.is_some() || args.page.is_some() || !args.allow.is_empty() => {
            return Err(Stop::usage("`off` shows nothing, so there is nothing to say with it"));
        }
        Switch::Off => None,
    };
    let request = MaintenanceRequest {
        environment: args.environment.clone(),
        on: notice,
    };
    ask(
        client,
        "/v1/maintenance",
        &request,
        Watcher::new("Nothing changed.", args.json),
    )
    .await
}

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

async fn ask(client: &Client, path: &str, request: &impl Serialize, mut watcher: Watcher) -> Outcome {
    let ended = client
        .ask(path, request, |line| {
            watcher.see(line);
            ControlFlow::Continue(())
        })
        .await;
    watcher.screen.clear();
    Ok(ended?)
}

/// Shows events as they come.
pub(super) struct Watcher {
    words: Words,
    screen: Screen,
    json: bool,
}

impl Watcher {
    pub(super) fn new(nothing: &'static str, json: bool) -> Self {
        let words = Words {
            out: output::out_style(),
            err: output::err_style(),
            nothing,
        };
        Self {
            words,
            screen: Screen::of_process(),
            json,
        }
    }

    pub(super) fn see(&mut self, line: &EventLine) {
        if self.json {
            return output::out(&line.raw);
        }
        let Some(event) = &line.event else {
            return output::err(&format!("  {}", escape(&line.raw)));
        };
        self.show(event);
    }

    fn show(&mut self, event: &Event) {
        self.screen.lines(&output::render_upkeep(event, self.words));
        if let Some(text) = output::progress(event) {
            self.screen.progress(&text);
        }
    }

    /// Somebody else is about to write to the terminal.
    pub(super) fn step_aside(&mut self) {
        self.screen.clear();
    }
}
