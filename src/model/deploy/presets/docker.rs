//! Containers of Docker: one for each instance of a service, in the caller's own Docker (`DOCKER_HOST`).

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::model::deploy::command::{CommandLine, Condition, LOG_LINES, Met};
use crate::model::deploy::placeholders::{Instance, NoValue, Placeholder, Template, Values};
use crate::model::slot::Address;

/// `docker`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Docker {
    /// The image, as `docker run` takes it.
    pub image: Template,
    /// The port that the app listens on in its container; `None` where the side is a Unix socket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// What `docker run` is told beside.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<Template>,
}

/// Why no container can run at an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misfit {
    /// It is a folder.
    Folder,
    /// It is a socket, which has no port, and a port is given.
    PortOfSocket,
    /// It has a name that is resolved, and Docker publishes on addresses.
    Name,
    /// It is a port, and nobody says which one that is within the container.
    NoPort,
}

impl Docker {
    /// Why no container can take the place of what runs at an address, if so.
    ///
    /// # Errors
    /// What speaks against it.
    pub fn fits(&self, address: &Address) -> Result<(), Misfit> {
        match (address, self.port) {
            (Address::Folder(_), _) => Err(Misfit::Folder),
            (Address::Unix(_), Some(_)) => Err(Misfit::PortOfSocket),
            (Address::Unix(_), None) => Ok(()),
            (Address::Port(_) | Address::Tcp { .. }, _) if published(address).is_none() => Err(Misfit::Name),
            (Address::Port(_) | Address::Tcp { .. }, None) => Err(Misfit::NoPort),
            (Address::Port(_) | Address::Tcp { .. }, Some(_)) => Ok(()),
        }
    }

    /// A container that is left over from the last deployment has the name still, running or not.
    pub(in crate::model::deploy) fn start(&self, values: Values<'_>) -> Result<Vec<CommandLine>, NoValue> {
        let mut commands = Vec::new();
        for (name, instance) in containers(values) {
            let remove = ["docker", "rm", "--force", &name];
            commands.push(CommandLine::new(remove, &instance).only_if(exists(&name)));
            commands.push(CommandLine::new(self.run(&name, &instance)?, &instance));
        }
        Ok(commands)
    }

    /// Each is asked to end before it is removed, which would kill it.
    pub(in crate::model::deploy) fn stop(&self, values: Values<'_>) -> Result<Vec<CommandLine>, NoValue> {
        let commands = containers(values).flat_map(|(name, instance)| {
            ["stop", "rm"].map(|verb| CommandLine::new(["docker", verb, &name], &instance).only_if(exists(&name)))
        });
        Ok(commands.collect())
    }

    pub(in crate::model::deploy) fn log(&self, values: Values<'_>) -> Vec<CommandLine> {
        let commands = containers(values).map(|(name, instance)| {
            CommandLine::new(["docker", "logs", "--tail", LOG_LINES, &name], &instance).only_if(exists(&name))
        });
        commands.collect()
    }

    pub(in crate::model::deploy) fn parts(values: Values<'_>) -> Vec<String> {
        containers(values)
            .map(|(name, _)| format!("container `{name}`"))
            .collect()
    }

    pub(in crate::model::deploy) fn names(&self, placeholder: Placeholder) -> bool {
        self.image.names(placeholder) || self.args.iter().any(|argument| argument.names(placeholder))
    }

    fn run(&self, name: &str, instance: &Instance<'_>) -> Result<Vec<String>, NoValue> {
        let fixed = [
            "docker",
            "run",
            "--detach",
            "--name",
            name,
            "--restart",
            "unless-stopped",
        ];
        let mut argv: Vec<String> = fixed.map(str::to_owned).into();
        if let (Some(port), Some(host)) = (self.port, instance.address.and_then(published)) {
            argv.extend(["--publish".to_owned(), format!("{host}:{port}")]);
        }
        for (variable, value) in instance.variables() {
            // In its container the app has a port of its own.
            let value = match (&*variable, self.port) {
                ("PORT", Some(port)) => port.to_string(),
                _ => value,
            };
            argv.extend(["--env".to_owned(), format!("{variable}={value}")]);
        }
        for argument in &self.args {
            argv.push(argument.fill(instance)?);
        }
        argv.push(self.image.fill(instance)?);
        Ok(argv)
    }
}

/// The name of each instance's container. The names of the first ones do not change where others are added.
fn containers(values: Values<'_>) -> impl Iterator<Item = (String, Instance<'_>)> {
    values.apart().enumerate().map(move |(place, instance)| {
        let name = format!(
            "greengate-{}-{}-{}",
            values.environment,
            values.service.unwrap_or_default(),
            values.slot
        );
        match place {
            0 => (name, instance),
            _ => (format!("{name}-{}", place + 1), instance),
        }
    })
}

/// What a port of a container is published on. Docker wants an address, and no name for one.
fn published(address: &Address) -> Option<String> {
    match address {
        Address::Port(port) => Some(format!("127.0.0.1:{port}")),
        Address::Tcp { host, port } if host == "localhost" => Some(format!("127.0.0.1:{port}")),
        Address::Tcp { host, .. } => host.parse::<IpAddr>().ok().map(|_| address.to_string()),
        Address::Unix(_) | Address::Folder(_) => None,
    }
}

/// Whether there is a container of this name, running or not. `docker inspect` would fail as well where no Docker answers.
fn exists(name: &str) -> Condition {
    let filter = format!("name=^{}$", name.replace('.', r"\."));
    Condition::new(
        Met::Prints,
        ["docker", "container", "ls", "--all", "--quiet", "--filter", &filter],
    )
}
