//! What is told of how an environment is deployed. None of it serves, and none of it is touched where something of it changes.

use std::time::Duration;

use super::describe::{Values, named};
use super::values::differing;
use crate::config::checked::Environment;
use crate::config::text::units::format_duration;
use crate::model::api::ValueChange;
use crate::model::deploy::{Compose, Docker, Plain, Pm2, Preset, Systemd, Table};

/// What differs in how a service is deployed.
pub(super) fn of_services(old: Option<&Environment>, new: Option<&Environment>, service: &str) -> Vec<ValueChange> {
    let values = |of: Option<&Environment>| {
        let table = of.and_then(|environment| environment.deploy.services.get(service));
        table.map(of_table).unwrap_or_default()
    };
    differing(&values(old), &values(new))
}

/// Every value of a table `deploy`.
pub(super) fn of_table(table: &Table) -> Values {
    let Table {
        preset,
        before,
        after,
        keep,
        cwd,
    } = table;
    let mut values = match preset {
        None => Vec::new(),
        Some(Preset::Systemd(Systemd { units })) => named([("deploy.systemd", shown(units))]),
        Some(Preset::Pm2(Pm2 { names, ecosystem })) => named([
            ("deploy.pm2", shown(names)),
            ("deploy.ecosystem", shown(ecosystem.as_slice())),
        ]),
        Some(Preset::Docker(Docker { image, port, args })) => named([
            ("deploy.docker.image", image.to_string()),
            ("deploy.docker.port", shown(port.as_slice())),
            ("deploy.docker.args", shown(args)),
        ]),
        Some(Preset::Compose(Compose { file, services })) => named([
            ("deploy.compose.file", file.to_string()),
            ("deploy.compose.service", shown(services)),
        ]),
        Some(Preset::Plain(Plain { start, stop })) => {
            named([("deploy.start", shown(start)), ("deploy.stop", shown(stop))])
        }
    };
    values.extend(named([
        ("deploy.before", shown(before)),
        ("deploy.after", shown(after)),
        ("deploy.keep", time(*keep)),
        ("deploy.cwd", shown(cwd.as_slice())),
    ]));
    values.retain(|(_, text)| !text.is_empty());
    values
}

fn shown<T: ToString>(of: &[T]) -> String {
    of.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn time(keep: Duration) -> String {
    match keep.is_zero() {
        true => String::new(),
        false => format_duration(keep),
    }
}
