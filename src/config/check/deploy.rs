//! Whether what `deploy` says can be done: every side is started and stopped by something, and nothing is meant that belongs to another
//! side (N32).

use std::collections::HashMap;
use std::ops::Range;

use crate::config::build::merge::Merged;
use crate::config::checked::{Environment, Service};
use crate::config::read::deploy::RawDeploy;
use crate::config::read::environments::RawEnvironment;
use crate::config::text::report::Diagnostic;
use crate::config::text::words;
use crate::model::deploy::{Docker, Misfit, Placeholder, Preset, Table, Values};
use crate::model::slot::{Address, Slot};
use crate::model::template::Placeholders as _;

/// A table, and what it is for.
struct Scope<'a> {
    raw: &'a RawDeploy,
    table: &'a Table,
    environment: &'a Environment,
    /// The service that it stands in; `None` in an environment's own table.
    service: Option<&'a Service>,
    /// The services with two sides that it is for.
    swappable: Vec<&'a Service>,
}

/// Checks every table `deploy`. Environments of which a service could not be built are left out: what they lack is said already.
pub(crate) fn check(
    raw: &[RawEnvironment],
    merged: &[Option<Vec<Merged>>],
    built: &[Environment],
    problems: &mut Vec<Diagnostic>,
) {
    let mut scopes = Vec::new();
    for ((raw, merged), environment) in raw.iter().zip(merged).zip(built) {
        let is_whole = merged
            .as_ref()
            .is_some_and(|services| services.len() == environment.services.len());
        if !is_whole {
            continue;
        }
        let own: Vec<Scope<'_>> = self::scopes(raw, environment).collect();
        for scope in &own {
            scope.check(problems);
        }
        if let Some(first) = own.first() {
            check_coverage(&own, &first.raw.span, environment, problems);
        }
        scopes.extend(own.into_iter().filter(|scope| !scope.swappable.is_empty()));
    }
    check_parts(&scopes, problems);
}

fn scopes<'a>(raw: &'a RawEnvironment, environment: &'a Environment) -> impl Iterator<Item = Scope<'a>> {
    let swappable = |service: &&'a Service| service.slots.can_swap();
    let of_environment = raw.deploy.iter().filter_map(move |raw| {
        Some(Scope {
            raw,
            table: environment.deploy.table.as_ref()?,
            environment,
            service: None,
            swappable: services(environment).filter(swappable).collect(),
        })
    });
    let of_services = raw.services.iter().flat_map(|services| &services.list);
    let of_services = of_services.filter_map(move |named| {
        let service = services(environment).find(|service| service.name == named.name.value)?;
        Some(Scope {
            raw: named.deploy.as_ref()?,
            table: environment.deploy.services.get(&named.name.value)?,
            environment,
            service: Some(service),
            swappable: Some(service).into_iter().filter(swappable).collect(),
        })
    });
    of_environment.chain(of_services)
}

fn services(environment: &Environment) -> impl Iterator<Item = &Service> {
    environment.services.iter().map(|service| &**service)
}

impl Scope<'_> {
    fn title(&self) -> String {
        let environment = &self.environment.name;
        match self.service {
            Some(service) => format!("`{}` of `{environment}`", service.name),
            None => format!("`{environment}`"),
        }
    }

    fn check(&self, problems: &mut Vec<Diagnostic>) {
        if self.swappable.is_empty() {
            problems.push(
                Diagnostic::error(&self.raw.span, format!("{} has no side to deploy to", self.title()))
                    .expected("nothing can be switched here")
                    .hint("write `blue` and `green` in the place of `upstream`"),
            );
            return;
        }
        for placeholder in &self.raw.placeholders {
            problems.extend(self.wrong_placeholder(placeholder.value, &placeholder.span));
        }
        match &self.table.preset {
            Some(Preset::Docker(docker)) => problems.extend(self.wrong_docker(docker)),
            Some(Preset::Plain(plain)) if plain.stop.is_empty() && !self.swappable.iter().all(|one| is_folder(one)) => {
                problems.push(
                    Diagnostic::error(self.raw.place("start"), "`deploy.start` stands without `deploy.stop`")
                        .expected("expected `stop` beside this")
                        .hint("without it every old side would run on"),
                );
            }
            _ => {}
        }
    }

    /// The only service that is meant, or what there is in its place.
    fn only(&self) -> Result<&Service, String> {
        match self.swappable[..] {
            [only] => Ok(only),
            _ => Err(format!(
                "{} has {}",
                self.title(),
                words::all_of(self.swappable.iter().map(|service| &*service.name))
            )),
        }
    }

    fn move_it(&self) -> String {
        format!("write this under `[env.{}.service.NAME.deploy]`", self.environment.name)
    }

    fn wrong_placeholder(&self, placeholder: Placeholder, span: &Range<usize>) -> Option<Diagnostic> {
        let name = placeholder.name();
        if !placeholder.is_of_one_service() {
            return None;
        }
        let only = match self.only() {
            Ok(only) => only,
            Err(several) => {
                return Some(
                    Diagnostic::error(span, format!("`{{{name}}}` is of one service, and {several}"))
                        .expected("which one is not said")
                        .hint(self.move_it()),
                );
            }
        };
        let portless = |address: &&Address| matches!(address, Address::Unix(_) | Address::Folder(_));
        let address = only.slots.all().find(portless)?;
        (placeholder == Placeholder::Port).then(|| {
            Diagnostic::error(span, format!("`{{port}}` stands for nothing at `{address}`"))
                .expected("no port there")
                .hint("`{address}` is what stands behind `blue` and `green`")
        })
    }

    fn wrong_docker(&self, docker: &Docker) -> Option<Diagnostic> {
        let place = self.raw.place("docker");
        let only = match self.only() {
            Ok(only) => only,
            Err(several) => {
                return Some(
                    Diagnostic::error(place, format!("`deploy.docker` starts one service, and {several}"))
                        .expected("which one is not said")
                        .hint(self.move_it()),
                );
            }
        };
        let (address, misfit) = only
            .slots
            .all()
            .find_map(|address| Some((address, docker.fits(address).err()?)))?;
        let (what, hint) = match misfit {
            Misfit::Folder => ("is a folder, in which nothing runs", "a folder is filled by `start`"),
            Misfit::PortOfSocket => (
                "is a socket, which has no port",
                "take `port` away, and share the folder of the socket: `args = [\"--volume\", \"/run/web:/run/web\"]`",
            ),
            Misfit::Name => (
                "has a name, and Docker publishes on addresses",
                "write the address of this machine, as `\"10.0.0.2:3000\"`",
            ),
            Misfit::NoPort => (
                "has to lead to a port in the container, and none is given",
                "write `port = 3000`, the one that the app listens on there",
            ),
        };
        Some(Diagnostic::error(place, format!("`deploy.docker`: `{address}` {what}")).hint(hint))
    }

    /// What a slot is made of.
    fn parts(&self, slot: Slot) -> Vec<String> {
        let only = self.only().ok();
        let values = Values {
            environment: &self.environment.name,
            service: only.map(|service| &*service.name),
            slot,
            addresses: only.and_then(|service| service.slots.get(slot)).unwrap_or_default(),
            // Both sides may have the same.
            version: Some("version"),
        };
        // What has no value here was refused above.
        self.table.parts(&values).unwrap_or_default()
    }
}

fn is_folder(service: &Service) -> bool {
    service.slots.all().all(|address| address.folder().is_some())
}

/// Refuses an environment in which nothing is started, and warns of services that nothing starts.
fn check_coverage(
    scopes: &[Scope<'_>],
    span: &Range<usize>,
    environment: &Environment,
    problems: &mut Vec<Diagnostic>,
) {
    let starting = || scopes.iter().filter(|scope| scope.table.preset.is_some());
    if starting().next().is_none() {
        problems.push(
            Diagnostic::error(
                span,
                format!("nothing says how a side of `{}` is started", environment.name),
            )
            .expected("expected `systemd`, `pm2`, `docker`, `compose`, or `start` and `stop`"),
        );
        return;
    }
    // Services may share an app.
    let is_started = |address: &Address| {
        starting().any(|scope| {
            scope
                .swappable
                .iter()
                .any(|one| one.slots.all().any(|known| known == address))
        })
    };
    for service in services(environment).filter(|service| service.slots.can_swap() && !is_folder(service)) {
        if !service.slots.all().all(is_started) {
            problems.push(
                Diagnostic::warning(span, format!("nothing starts `{}` of `{}`", service.name, environment.name)).hint(
                    format!(
                        "write `[env.{}.service.{}.deploy]`; a deployment is refused where its other side does not run by itself",
                        environment.name, service.name
                    ),
                ),
            );
        }
    }
}

/// Refuses units, processes and containers that stand for more than one side: who starts the idle one would restart another.
fn check_parts(scopes: &[Scope<'_>], problems: &mut Vec<Diagnostic>) {
    let mut seen: HashMap<String, &Range<usize>> = HashMap::new();
    for scope in scopes {
        let Some(preset) = &scope.table.preset else { continue };
        let span = scope.raw.place(preset.key());
        let sides = [Slot::Blue, Slot::Green].map(|slot| scope.parts(slot));
        let [blue, green] = &sides;
        if let Some(part) = blue.iter().find(|part| green.contains(part)) {
            problems.push(
                Diagnostic::error(span, format!("{part} is the same for both sides"))
                    .expected("expected `{slot}` in its name")
                    .hint("to start the idle side would restart the live one"),
            );
            continue;
        }
        let mut told = false;
        for part in sides.iter().flatten() {
            match seen.get(part) {
                Some(first) if !told => {
                    told = true;
                    problems.push(
                        Diagnostic::error(span, format!("{part} is started twice"))
                            .expected("again here")
                            .related(first, "first here")
                            .hint("each side has names of its own; `{environment}` tells environments apart"),
                    );
                }
                Some(_) => {}
                None => {
                    seen.insert(part.clone(), span);
                }
            }
        }
    }
}
