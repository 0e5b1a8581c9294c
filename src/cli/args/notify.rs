//! What may be typed for `notify`.

use clap::{Args, Subcommand};

use super::help::{TEMPLATE, examples};

/// `notify`.
#[derive(Debug, Args)]
#[command(help_template = TEMPLATE, before_help = examples![
    "proxyctl notify test                       send a message to everybody who is told",
    "proxyctl notify test --to hooks.slack.com",
], subcommand_value_name = "COMMAND", disable_help_subcommand = true)]
pub struct NotifyArgs {
    /// What to do
    #[command(subcommand)]
    pub command: NotifyCommand,
}

/// What to do with those who are told.
#[derive(Debug, Subcommand)]
pub enum NotifyCommand {
    /// Send a message to every destination of `[[notify]]`, and show what each answers
    Test(NotifyTestArgs),
}

/// `notify test`.
#[derive(Debug, Args)]
#[command(help_template = TEMPLATE, before_help = examples![
    "proxyctl notify test                       to everybody who is told",
    "proxyctl notify test --to 2                to the second `[[notify]]` of the file",
    "proxyctl notify test --to hooks.slack.com",
], after_help = TEST)]
pub struct NotifyTestArgs {
    /// One destination: its place in the file, or its host, file or program
    #[arg(long, value_name = "N|NAME")]
    pub to: Option<String>,
    /// Print what the daemon says as JSON
    #[arg(long)]
    pub json: bool,
}

const TEST: &str = "\
Exit 0 when every destination has taken it, 1 when one has not. The message is sent once, past what
waits for the destination; a destination gets it whatever its `events` name.";
