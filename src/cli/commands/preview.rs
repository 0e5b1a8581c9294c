//! `proxyctl preview`: asks for links to the idle side, or ends what was opened.

use std::ops::ControlFlow;

use super::watcher::Watcher;
use crate::cli::args::PreviewArgs;
use crate::cli::client::Client;
use crate::cli::exit::Outcome;
use crate::model::api::{PreviewRequest, millis};

/// Exit 0 when it is open, or when none is any more.
///
/// # Errors
/// When the daemon cannot be asked.
pub async fn run(client: &Client, args: &PreviewArgs) -> Outcome {
    let request = PreviewRequest {
        environment: args.environment.clone(),
        for_ms: (!args.end).then(|| millis(args.period)),
    };
    let mut watcher = Watcher::of_upkeep(args.json, "Nothing was opened.");
    let ended = client
        .ask("/v1/preview", &request, |line| {
            watcher.see(line);
            ControlFlow::Continue(())
        })
        .await;
    watcher.step_aside();
    Ok(ended?)
}
