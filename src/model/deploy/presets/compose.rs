//! Services of a compose file: by `docker compose`, or by `docker-compose` where Docker does not know it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::model::deploy::command::{CommandLine, Condition, LOG_LINES, Met};
use crate::model::deploy::placeholders::{NoValue, Placeholder, Template, Values};

/// `compose`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compose {
    /// The file.
    pub file: Template,
    /// Names of services in it, at least one.
    pub services: Vec<Template>,
}

impl Compose {
    /// What the services depend on is left alone: to create a container anew is meant for the app, and not for its database.
    pub(in crate::model::deploy) fn start(&self, values: Values<'_>) -> Result<Vec<CommandLine>, NoValue> {
        self.commands(&["up", "--detach", "--no-deps", "--force-recreate"], values)
    }

    pub(in crate::model::deploy) fn stop(&self, values: Values<'_>) -> Result<Vec<CommandLine>, NoValue> {
        self.commands(&["stop"], values)
    }

    pub(in crate::model::deploy) fn log(&self, values: Values<'_>) -> Result<Vec<CommandLine>, NoValue> {
        self.commands(&["logs", "--no-color", "--tail", LOG_LINES], values)
    }

    pub(in crate::model::deploy) fn parts(
        &self,
        values: Values<'_>,
        cwd: Option<PathBuf>,
    ) -> Result<Vec<String>, NoValue> {
        let file = cwd.unwrap_or_default().join(self.file.fill(&values.together())?);
        let services = values.fill_all(&self.services)?;
        let named = services.iter();
        Ok(named
            .map(|name| format!("service `{name}` of `{}`", file.display()))
            .collect())
    }

    pub(in crate::model::deploy) fn names(&self, placeholder: Placeholder) -> bool {
        self.file.names(placeholder) || self.services.iter().any(|service| service.names(placeholder))
    }

    /// One by Docker's own compose, and one by the program that came before it; exactly one of them is run.
    fn commands(&self, verb: &[&str], values: Values<'_>) -> Result<Vec<CommandLine>, NoValue> {
        let instance = values.together();
        let file = self.file.fill(&instance)?;
        let services = values.fill_all(&self.services)?;
        let programs: [(&[&str], Met); 2] = [
            (&["docker", "compose"], Met::Succeeds),
            (&["docker-compose"], Met::Fails),
        ];
        let commands = programs.map(|(program, met)| {
            let options = ["--file", &file];
            let words = program.iter().chain(&options).chain(verb).copied();
            let argv = words.chain(services.iter().map(String::as_str));
            CommandLine::new(argv, &instance).only_if(Condition::new(met, ["docker", "compose", "version"]))
        });
        Ok(commands.into())
    }
}
