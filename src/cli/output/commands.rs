//! The commands of a deployment, as they are told afterwards. Pure: what the journal has in, lines out.

use super::text::{Style, escape, period};
use crate::model::api::{CommandBegun, CommandEnded, DeployOutcome};

/// `✓ before  ./migrate  exit code 0 after 1.2 s`, and below it what the command wrote.
pub(crate) fn ended(command: &CommandEnded, style: Style) -> Vec<String> {
    let how = match (command.exit, command.signal, &command.error) {
        (Some(code), ..) => format!("exit code {code}"),
        (None, Some(signal), _) => format!("killed by signal {signal}"),
        (None, None, Some(error)) => format!("not started: {}", escape(error)),
        (None, None, None) => "ended".into(),
    };
    let mark = match command.exit {
        Some(0) => style.green("✓"),
        _ => style.red("✗"),
    };
    let mut lines = vec![format!(
        "{mark} {}  {how} after {}",
        named(&command.step.to_string(), command.service.as_deref(), &command.command),
        period(command.elapsed_ms)
    )];
    lines.extend(
        command
            .output
            .lines()
            .map(|line| style.dim(&format!("  {}", escape(line)))),
    );
    lines
}

/// A command whose end is not known.
pub(crate) fn unfinished(command: &CommandBegun, style: Style) -> String {
    let name = named(&command.step.to_string(), command.service.as_deref(), &command.command);
    format!("{} {name}  no end is known", style.yellow("!"))
}

/// How a deployment ended.
pub(crate) fn outcome(outcome: DeployOutcome, style: Style) -> String {
    let (mark, words) = match outcome {
        DeployOutcome::Done => (style.green("✓"), "done"),
        DeployOutcome::Refused => (style.red("✗"), "refused, nothing was switched"),
        DeployOutcome::RolledBack => (style.red("✗"), "rolled back"),
        DeployOutcome::Failed => (style.red("✗"), "failed"),
        DeployOutcome::Interrupted => (style.yellow("!"), "interrupted, and undone"),
    };
    format!("{mark} {words}")
}

fn named(step: &str, service: Option<&str>, command: &[String]) -> String {
    let service = service.map_or(String::new(), |service| format!(" {}", escape(service)));
    let command: Vec<_> = command.iter().map(|argument| escape(argument)).collect();
    format!("{step}{service}  {}", command.join(" "))
}
