//! What there is to run in a deployment: the commands of each step, in order, with everything filled in.

use std::time::Duration;

use crate::model::api::{DeployPlan, DeployService, Kind, Side, Stage};
use crate::model::deploy::{CommandLine, NoValue, Table, Values};
use crate::model::slot::Slot;

/// What a side's version is called where nobody has told. Commands that stop a side rarely ask for it.
const UNKNOWN: &str = "unknown";

/// The commands of a deployment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Script {
    /// The candidate, part by part.
    pub start: Vec<Part>,
    /// Between gate and switch, one after the other.
    pub before: Vec<Task>,
    /// Stops the old side.
    pub stop: Vec<Task>,
    /// Behind the switch.
    pub after: Vec<Task>,
    /// How long the old side runs on; zero stops it when that is safe.
    pub keep: Duration,
}

/// What one table starts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Part {
    /// Starts it.
    pub start: Vec<Task>,
    /// Stops it again.
    pub stop: Vec<Task>,
    /// Shows the end of its log.
    pub log: Vec<Task>,
}

/// One command, and what it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// What it is for.
    pub stage: Stage,
    /// The service, where it is of one.
    pub service: Option<String>,
    /// The side that it starts, stops or shows.
    pub slot: Option<Slot>,
    /// What is run.
    pub command: CommandLine,
}

impl Script {
    /// The commands that deploy `version` by this plan; for a rollback, those that go back by it.
    ///
    /// # Errors
    /// A placeholder has no value.
    pub fn new(environment: &str, kind: Kind, version: Option<&str>, plan: &DeployPlan) -> Result<Self, NoValue> {
        let mut script = Self::default();
        for unit in units(plan) {
            let new = unit.values(environment, plan.idle, |service| &service.idle, version);
            let left = plan
                .deployed_live
                .as_ref()
                .map_or(UNKNOWN, |deployed| &deployed.version);
            let old = unit.values(environment, plan.live, |service| &service.live, Some(left));
            let (table, idle) = (unit.table, Some(plan.idle));
            if kind == Kind::Swap || !unit.services.iter().all(|service| service.idle_answers) {
                let stop = unit.tasks(table.stop(&new)?, Stage::Stop, idle);
                let mut start = unit.tasks(table.start(&new)?, Stage::Start, idle);
                if !table.replaces() && unit.services.iter().any(|service| service.idle_answers) {
                    // What answers there already would answer in place of what is started.
                    start.splice(0..0, stop.iter().cloned());
                }
                let log = unit.tasks(table.log(&new)?, Stage::Gate, idle);
                script.start.push(Part { start, stop, log });
            }
            let stop = table.stop(&old)?;
            script.stop.extend(unit.tasks(stop, Stage::Stop, Some(plan.live)));
            if kind == Kind::Swap {
                script
                    .before
                    .extend(unit.tasks(table.before(&new)?, Stage::Before, None));
                script.after.extend(unit.tasks(table.after(&new)?, Stage::After, None));
            }
            script.keep = script.keep.max(table.keep);
        }
        Ok(script)
    }
}

/// A table, and what it is of.
struct Unit<'a> {
    table: &'a Table,
    service: Option<&'a str>,
    services: Vec<&'a DeployService>,
}

impl<'a> Unit<'a> {
    fn values<'v>(
        &'v self,
        environment: &'v str,
        slot: Slot,
        side: impl Fn(&'v DeployService) -> &'v Side,
        version: Option<&'v str>,
    ) -> Values<'v> {
        let addresses: &[_] = match self.services.as_slice() {
            [one] => &side(one).addresses,
            _ => &[],
        };
        Values {
            environment,
            service: self.service,
            slot,
            addresses,
            version,
        }
    }

    fn tasks(&self, commands: Vec<CommandLine>, stage: Stage, slot: Option<Slot>) -> Vec<Task> {
        let task = |command| Task {
            stage,
            service: self.service.map(str::to_owned),
            slot,
            command,
        };
        commands.into_iter().map(task).collect()
    }
}

/// The tables that have a say: the environment's own, then those of its services, in the order of the file.
fn units(plan: &DeployPlan) -> Vec<Unit<'_>> {
    let services: Vec<_> = plan.services.iter().collect();
    let only = match services.as_slice() {
        [one] => Some(one.name.as_str()),
        _ => None,
    };
    let own = plan.table.iter().map(|table| Unit {
        table,
        service: only,
        services: services.clone(),
    });
    let of_services = plan.services.iter().filter_map(|service| {
        Some(Unit {
            table: service.table.as_ref()?,
            service: Some(&service.name),
            services: vec![service],
        })
    });
    own.chain(of_services).collect()
}
