//! `proxyctl sleep` and `wake`: have the app of an environment stopped until somebody needs it, or started (N36).

use super::upkeep::ask;
use super::watcher::Watcher;
use crate::cli::args::{SleepArgs, WakeArgs};
use crate::cli::client::Client;
use crate::cli::exit::Outcome;
use crate::model::api::{SleepRequest, WakeRequest, millis};

/// Exit 0 when the app is stopped, or was before.
///
/// # Errors
/// When the daemon cannot be asked.
pub async fn sleep(client: &Client, args: &SleepArgs) -> Outcome {
    let request = SleepRequest {
        environment: args.environment.clone(),
        timeout_ms: millis(args.timeout),
    };
    ask(
        client,
        "/v1/sleep",
        &request,
        Watcher::of_upkeep(args.json, "Nothing changed."),
    )
    .await
}

/// Exit 0 when the app answers, or did before.
///
/// # Errors
/// When the daemon cannot be asked.
pub async fn wake(client: &Client, args: &WakeArgs) -> Outcome {
    let request = WakeRequest {
        environment: args.environment.clone(),
    };
    ask(
        client,
        "/v1/wake",
        &request,
        Watcher::of_upkeep(args.json, "Nothing changed."),
    )
    .await
}
