//! What the configuration says of a deployment, and the commands that follow from it for one side.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::command::CommandLine;
use super::placeholders::{NoValue, Placeholder, Template, Values};
use super::presets::{Compose, Docker, Plain, Pm2, Systemd};
use super::words::Words;

/// The table `deploy` of an environment or of one of its services.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// How a side is started and stopped. An environment may leave it to its services.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<Preset>,
    /// Commands that are run once, after the gate and before the switch.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<Words>,
    /// Commands that are run once, after the old side has been stopped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<Words>,
    /// How long the old side runs on; zero stops it when that is safe.
    #[serde(default, rename = "keep_ms", with = "milliseconds")]
    pub keep: Duration,
    /// Where commands are run; `None` is where the caller is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<Template>,
}

/// Who starts and stops a side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// Units of systemd.
    Systemd(Systemd),
    /// Processes of PM2.
    Pm2(Pm2),
    /// Containers, one for each instance.
    Docker(Docker),
    /// Services of a compose file.
    Compose(Compose),
    /// Commands.
    Plain(Plain),
}

impl Preset {
    /// The key that it stands behind.
    #[must_use]
    pub fn key(&self) -> &'static str {
        match self {
            Self::Systemd(_) => "systemd",
            Self::Pm2(_) => "pm2",
            Self::Docker(_) => "docker",
            Self::Compose(_) => "compose",
            Self::Plain(_) => "start",
        }
    }
}

impl Table {
    /// The commands that start a side, in order. Empty where the table leaves that to others.
    ///
    /// # Errors
    /// A placeholder has no value.
    pub fn start(&self, values: &Values<'_>) -> Result<Vec<CommandLine>, NoValue> {
        let commands = match &self.preset {
            None => Vec::new(),
            Some(Preset::Systemd(systemd)) => systemd.start(*values)?,
            Some(Preset::Pm2(pm2)) => pm2.start(*values)?,
            Some(Preset::Docker(docker)) => docker.start(*values)?,
            Some(Preset::Compose(compose)) => compose.start(*values)?,
            Some(Preset::Plain(plain)) => Plain::commands(&plain.start, *values)?,
        };
        self.placed(commands, values)
    }

    /// The commands that stop a side, in order. Empty where there is nothing to stop.
    ///
    /// # Errors
    /// A placeholder has no value.
    pub fn stop(&self, values: &Values<'_>) -> Result<Vec<CommandLine>, NoValue> {
        let commands = match &self.preset {
            None => Vec::new(),
            Some(Preset::Systemd(systemd)) => systemd.stop(*values)?,
            Some(Preset::Pm2(pm2)) => pm2.stop(*values)?,
            Some(Preset::Docker(docker)) => docker.stop(*values)?,
            Some(Preset::Compose(compose)) => compose.stop(*values)?,
            Some(Preset::Plain(plain)) => Plain::commands(&plain.stop, *values)?,
        };
        self.placed(commands, values)
    }

    /// The commands that print the last lines of a side's log. Empty where nobody keeps one for it.
    ///
    /// # Errors
    /// A placeholder has no value.
    pub fn log(&self, values: &Values<'_>) -> Result<Vec<CommandLine>, NoValue> {
        let commands = match &self.preset {
            None | Some(Preset::Plain(_)) => Vec::new(),
            Some(Preset::Systemd(systemd)) => systemd.log(*values)?,
            Some(Preset::Pm2(pm2)) => pm2.log(*values)?,
            Some(Preset::Docker(docker)) => docker.log(*values),
            Some(Preset::Compose(compose)) => compose.log(*values)?,
        };
        self.placed(commands, values)
    }

    /// The commands that are run once, after the gate and before the switch.
    ///
    /// # Errors
    /// A placeholder has no value.
    pub fn before(&self, values: &Values<'_>) -> Result<Vec<CommandLine>, NoValue> {
        self.placed(once(&self.before, *values)?, values)
    }

    /// The commands that are run once, after the old side has been stopped.
    ///
    /// # Errors
    /// A placeholder has no value.
    pub fn after(&self, values: &Values<'_>) -> Result<Vec<CommandLine>, NoValue> {
        self.placed(once(&self.after, *values)?, values)
    }

    /// What a side is made of, by names that nothing else on the machine may have. Empty for commands, which may do anything.
    ///
    /// # Errors
    /// A placeholder has no value.
    pub fn parts(&self, values: &Values<'_>) -> Result<Vec<String>, NoValue> {
        match &self.preset {
            None | Some(Preset::Plain(_)) => Ok(Vec::new()),
            Some(Preset::Systemd(systemd)) => systemd.parts(*values),
            Some(Preset::Pm2(pm2)) => pm2.parts(*values),
            Some(Preset::Docker(_)) => Ok(Docker::parts(*values)),
            Some(Preset::Compose(compose)) => compose.parts(*values, self.cwd(values)?),
        }
    }

    /// Where commands are run; `None` is where the caller is.
    ///
    /// # Errors
    /// A placeholder has no value.
    pub fn cwd(&self, values: &Values<'_>) -> Result<Option<PathBuf>, NoValue> {
        let cwd = self.cwd.as_ref().map(|cwd| cwd.fill(&values.once())).transpose()?;
        Ok(cwd.map(PathBuf::from))
    }

    /// Whether what starts a side also ends what runs there. Otherwise it has to be stopped before.
    #[must_use]
    pub fn replaces(&self) -> bool {
        !matches!(self.preset, Some(Preset::Plain(_)))
    }

    /// Whether a version has to be known.
    #[must_use]
    pub fn needs_version(&self) -> bool {
        self.names(Placeholder::Version)
    }

    /// Whether `placeholder` stands anywhere in it.
    #[must_use]
    pub fn names(&self, placeholder: Placeholder) -> bool {
        let in_preset = match &self.preset {
            None => false,
            Some(Preset::Systemd(systemd)) => systemd.names(placeholder),
            Some(Preset::Pm2(pm2)) => pm2.names(placeholder),
            Some(Preset::Docker(docker)) => docker.names(placeholder),
            Some(Preset::Compose(compose)) => compose.names(placeholder),
            Some(Preset::Plain(plain)) => plain.names(placeholder),
        };
        let mut commands = self.before.iter().chain(&self.after);
        in_preset || commands.any(|words| words.names(placeholder)) || self.cwd.iter().any(|cwd| cwd.names(placeholder))
    }

    fn placed(&self, commands: Vec<CommandLine>, values: &Values<'_>) -> Result<Vec<CommandLine>, NoValue> {
        Ok(match self.cwd(values)? {
            None => commands,
            Some(cwd) => commands.into_iter().map(|command| command.within(&cwd)).collect(),
        })
    }
}

fn once(commands: &[Words], values: Values<'_>) -> Result<Vec<CommandLine>, NoValue> {
    let instance = values.once();
    commands
        .iter()
        .map(|words| CommandLine::of_words(words, &instance))
        .collect()
}

/// A duration as whole milliseconds.
mod milliseconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
        u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        u64::deserialize(from).map(Duration::from_millis)
    }
}
