//! What may be typed for `completions`.

use clap::{Args, ValueEnum};

use super::help::{TEMPLATE, examples};

/// `completions`.
#[derive(Debug, Args)]
#[command(help_template = TEMPLATE, before_help = examples![
    "source <(proxyctl completions bash)        for this shell alone",
    "proxyctl completions zsh > ~/.zfunc/_proxyctl",
    "proxyctl completions fish > ~/.config/fish/completions/proxyctl.fish",
], after_help = "The Debian package brings all three.")]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "bash|zsh|fish", hide_possible_values = true)]
    pub shell: Shell,
}

/// Whose language the script is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    /// GNU's.
    Bash,
    /// Z shell.
    Zsh,
    /// The friendly one.
    Fish,
}
