//! `proxyctl parity`: what differs between two environments, and should not.

use crate::cli::args::ParityArgs;
use crate::cli::client::{Client, ClientError, percent_encode};
use crate::cli::exit::Outcome;
use crate::cli::output;
use crate::model::api::{Parity, exit};

/// Exit 0 when they are alike, 1 when they differ.
///
/// # Errors
/// When the daemon cannot be asked, or has no such environment.
pub async fn run(client: &Client, args: &ParityArgs) -> Outcome {
    let parity = compare(client, &args.a, &args.b).await?;
    if args.json {
        output::out_pretty_json(&parity)?;
    } else {
        for line in output::parity(&parity, output::out_style()) {
            output::out(&line);
        }
    }
    Ok(if parity.differences.is_empty() {
        exit::DONE
    } else {
        exit::FAILED
    })
}

/// Asks the daemon to compare them.
///
/// # Errors
/// When it cannot be asked, or has no such environment.
pub(super) async fn compare(client: &Client, a: &str, b: &str) -> Result<Parity, ClientError> {
    let path = format!("/v1/parity?a={}&b={}", percent_encode(a), percent_encode(b));
    client.get(&path).await
}
