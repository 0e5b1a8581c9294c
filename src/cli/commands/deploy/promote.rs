//! `proxyctl promote FROM ENV`: a deploy of the version that another environment runs, once that has proven itself there.

use super::deploy::{Order, Which};
use super::proof::Promotion;
use crate::cli::args::PromoteArgs;
use crate::cli::client::Client;
use crate::cli::exit::{Outcome, Stop};
use crate::cli::output::text::escape;

/// Deploys what another environment runs.
///
/// # Errors
/// Everything that ends it before the first command.
pub async fn promote(client: &Client, args: &PromoteArgs) -> Outcome {
    if args.from == args.environment {
        let name = escape(&args.from).into_owned();
        return Err(Stop::usage(format!("`{name}` is promoted to itself")).hint("name two environments"));
    }
    let promotion = Promotion {
        from: &args.from,
        to: &args.environment,
        healthy_for: args.healthy_for,
    };
    let order = Order {
        environment: &args.environment,
        version: Which::Promoted(&promotion),
        wait: args.wait,
        common: &args.common,
    };
    order.carry_out(client).await
}
