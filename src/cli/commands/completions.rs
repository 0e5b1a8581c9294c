//! `proxyctl completions`: what a shell has to know to finish a word.

use clap::{Command, CommandFactory as _};
use clap_complete::{Shell as Language, generate};

use crate::cli::args::{Cli, CompletionsArgs, Shell};
use crate::cli::output;
use crate::model::api::exit;

/// Exit 0.
pub fn run(args: &CompletionsArgs) -> u8 {
    let language = match args.shell {
        Shell::Bash => Language::Bash,
        Shell::Zsh => Language::Zsh,
        Shell::Fish => Language::Fish,
    };
    let mut script = Vec::new();
    generate(language, &mut shown(Cli::command()), "proxyctl", &mut script);
    output::out(String::from_utf8_lossy(&script).trim_end());
    exit::DONE
}

/// The command without what `--help` does not show: the generator knows nothing of hidden commands.
fn shown(command: Command) -> Command {
    Command::new("proxyctl")
        .version(env!("CARGO_PKG_VERSION"))
        .disable_help_subcommand(true)
        .args(command.get_arguments().cloned())
        .subcommands(command.get_subcommands().filter(|one| !one.is_hide_set()).cloned())
}
