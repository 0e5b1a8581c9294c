//! Processes of PM2, of the caller's own daemon (`PM2_HOME`).

use serde::{Deserialize, Serialize};

use crate::model::deploy::command::{CommandLine, Condition, LOG_LINES, Met};
use crate::model::deploy::placeholders::{Instance, NoValue, Placeholder, Template, Values};

/// `pm2`, with `ecosystem`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pm2 {
    /// Names of processes, at least one.
    pub names: Vec<Template>,
    /// The file that says how they are started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ecosystem: Option<Template>,
}

impl Pm2 {
    /// A restart keeps the script and the folder that a process was first started with, whatever its file says by now. Where there is a
    /// file, the process of the last deployment is therefore removed and started anew.
    pub(in crate::model::deploy) fn start(&self, values: Values<'_>) -> Result<Vec<CommandLine>, NoValue> {
        let Some(ecosystem) = &self.ecosystem else {
            return self.each(values, |name, instance| {
                vec![CommandLine::new(["pm2", "restart", name, "--update-env"], instance)]
            });
        };
        let ecosystem = ecosystem.fill(&values.together())?;
        self.each(values, |name, instance| {
            vec![
                where_known(CommandLine::new(["pm2", "delete", name], instance), name),
                CommandLine::new(["pm2", "start", &ecosystem, "--only", name], instance),
            ]
        })
    }

    pub(in crate::model::deploy) fn stop(&self, values: Values<'_>) -> Result<Vec<CommandLine>, NoValue> {
        self.each(values, |name, instance| {
            vec![where_known(CommandLine::new(["pm2", "stop", name], instance), name)]
        })
    }

    pub(in crate::model::deploy) fn log(&self, values: Values<'_>) -> Result<Vec<CommandLine>, NoValue> {
        self.each(values, |name, instance| {
            let argv = ["pm2", "logs", name, "--nostream", "--raw", "--lines", LOG_LINES];
            vec![where_known(CommandLine::new(argv, instance), name)]
        })
    }

    pub(in crate::model::deploy) fn parts(&self, values: Values<'_>) -> Result<Vec<String>, NoValue> {
        let names = values.fill_all(&self.names)?;
        Ok(names.iter().map(|name| format!("process `{name}`")).collect())
    }

    pub(in crate::model::deploy) fn names(&self, placeholder: Placeholder) -> bool {
        let mut texts = self.names.iter().chain(&self.ecosystem);
        texts.any(|text| text.names(placeholder))
    }

    fn each(
        &self,
        values: Values<'_>,
        commands: impl Fn(&str, &Instance<'_>) -> Vec<CommandLine>,
    ) -> Result<Vec<CommandLine>, NoValue> {
        let mut all = Vec::new();
        for name in &self.names {
            for instance in values.each(name.names_an_instance()) {
                all.extend(commands(&name.fill(&instance)?, &instance));
            }
        }
        Ok(all)
    }
}

/// A command for a process that PM2 knows. `describe` fails at one that it does not know, and would fail as well where there is no PM2
/// to be asked: that is a failure of the command.
fn where_known(command: CommandLine, name: &str) -> CommandLine {
    command
        .only_if(Condition::new(Met::Prints, ["pm2", "ping"]))
        .only_if(Condition::new(Met::Succeeds, ["pm2", "describe", name]))
}
