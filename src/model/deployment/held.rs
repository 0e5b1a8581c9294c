//! The deployment that holds the environment.

use super::plan::problem;
use crate::model::api::{
    Action, CommandBegun, CommandEnded, DeployStep, Event, Holder, Kind, Problem, Stage, SwapStep, exit,
};
use crate::model::history::Caller;
use crate::model::slot::Slot;

/// Arguments of a command that are kept, and bytes of each: a command is shown, and not run again.
const ARGUMENTS: usize = 64;
const ARGUMENT: usize = 1024;

/// The deployment that holds the environment.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) operation: u64,
    pub(super) caller: Caller,
    pub(super) kind: Kind,
    pub(super) version: Option<String>,
    /// Since when, RFC 3339.
    pub(super) since: String,
    /// The command that runs.
    pub(super) command: Option<CommandBegun>,
    /// Number of the swap that is a part of it and not over.
    pub(super) swap: Option<u64>,
    /// Whether a swap that is a part of it has published, and was not undone.
    pub(super) switched: bool,
}

impl Held {
    /// What holds the environment, beside the operation that its switch is at.
    pub(super) fn holder(&self, switch: Option<&Holder>) -> Holder {
        Holder {
            operation: self.operation,
            kind: self.action(),
            user: self.caller.user.clone(),
            since: self.since.clone(),
            step: self.step(switch),
        }
    }

    pub(super) fn action(&self) -> Action {
        match self.kind {
            Kind::Swap => Action::Deploy,
            Kind::Rollback => Action::Rollback,
        }
    }

    /// What it is at.
    pub(super) fn step(&self, switch: Option<&Holder>) -> String {
        match (&self.command, self.swap) {
            (Some(command), _) => command.step.to_string(),
            (None, Some(swap)) => switch
                .filter(|holder| holder.operation == swap)
                .map_or("drain".into(), |holder| holder.step.clone()),
            (None, None) => "between two steps".into(),
        }
    }

    /// The slot that a command of it starts or stops just now.
    pub(super) fn touches(&self) -> Option<(Stage, Slot)> {
        let command = self.command.as_ref().filter(|command| command.step.touches_a_side())?;
        Some((command.step, command.slot?))
    }

    /// An operation says something: whether this is the swap that belongs to it.
    pub(super) fn hear(&mut self, operation: u64, event: &Event) {
        if self.swap != Some(operation) {
            return;
        }
        match event {
            Event::Swap(SwapStep::Switched { .. }) => self.switched = true,
            Event::Swap(SwapStep::RolledBack { .. }) => self.switched = false,
            _ => {}
        }
        if event.exit_code().is_some() {
            self.swap = None;
        }
    }

    /// A command is about to run. Returns what is written down.
    pub(super) fn begin(&mut self, mut begun: CommandBegun) -> Result<Event, Problem> {
        if let Some(command) = &self.command {
            let reason = format!("a command of step `{}` is still under way", command.step);
            return Err(problem(exit::REFUSED, reason, None));
        }
        shorten(&mut begun.command);
        self.command = Some(begun.clone());
        Ok(DeployStep::CommandBegun(begun).into())
    }

    /// A command has run. Returns what is written down.
    pub(super) fn end(&mut self, mut ended: CommandEnded) -> Result<Event, Problem> {
        let same = |begun: &mut CommandBegun| {
            (begun.step, &begun.service, begun.slot) == (ended.step, &ended.service, ended.slot)
        };
        if self.command.take_if(same).is_none() {
            let reason = format!("no such command of step `{}` is under way", ended.step);
            return Err(problem(exit::REFUSED, reason, None));
        }
        shorten(&mut ended.command);
        keep_the_end(&mut ended.output, CommandEnded::OUTPUT);
        Ok(DeployStep::CommandEnded(ended).into())
    }
}

/// What is shown of a command.
fn shorten(command: &mut Vec<String>) {
    command.truncate(ARGUMENTS);
    for argument in command.iter_mut().filter(|argument| argument.len() > ARGUMENT) {
        argument.truncate(argument.floor_char_boundary(ARGUMENT));
        argument.push('…');
    }
}

fn keep_the_end(text: &mut String, bytes: usize) {
    if let Some(over) = text.len().checked_sub(bytes) {
        text.drain(..text.ceil_char_boundary(over));
    }
}
