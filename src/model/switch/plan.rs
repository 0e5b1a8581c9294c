//! Steps 1 and 2 of a swap: from what an operator asked for to what will move where, or to the reason why nothing will. [`Rules`]
//! are what a switch has to know of its environment.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::elsewhere::{self, Elsewhere};
use crate::model::api::{Deployed, Kind, Move, OperationRequest, Side, Target, exit};
use crate::model::bake;
use crate::model::deploy::check_version;
use crate::model::health::HealthPath;
use crate::model::probing::Candidate;
use crate::model::slot::{Address, Slot};
use crate::model::state::{EnvironmentState, Previous, Recorded, list};

/// What a switch has to know of its environment.
#[derive(Debug, Clone)]
pub struct Rules {
    /// The environment's name.
    pub name: String,
    /// Whether an operation has to repeat that name.
    pub protected: bool,
    /// The services with two sides, in the order of the file.
    pub services: Vec<Service>,
    /// Where the services with one side run.
    pub fixed: Vec<(String, Vec<Address>)>,
    /// What a swap of it depends on.
    pub requires: Requires,
}

/// `require_healthy`, `require_parity`: the environments that a swap depends on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Requires {
    /// The one that has to be healthy.
    pub healthy: Option<Arc<str>>,
    /// The one that it has to be of one shape with.
    pub parity: Option<Arc<str>>,
}

impl Requires {
    /// Whether a swap depends on nobody.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.healthy.is_none() && self.parity.is_none()
    }
}

impl Rules {
    /// The instances of one side of these moves, one for each service with two sides. `needed` overrides how many passes in a row
    /// a service asks for.
    pub(super) fn candidates<'a>(
        &'a self,
        moves: &'a [Move],
        side: impl Fn(&'a Move) -> &'a Side,
        needed: Option<u32>,
    ) -> Vec<Candidate> {
        let mut candidates = Vec::new();
        for (index, (service, step)) in self.services.iter().zip(moves).enumerate() {
            candidates.extend(side(step).addresses.iter().map(|address| Candidate {
                service: index,
                name: service.name.clone(),
                address: address.clone(),
                health_path: service.health_path.at(address).to_owned(),
                interval: service.interval,
                needed: needed.unwrap_or(service.passes),
                names_version: service.names_version,
            }));
        }
        candidates
    }
}

/// What a switch has to know of a service with two sides.
#[derive(Debug, Clone)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// Where blue runs, as the file says.
    pub blue: Vec<Address>,
    /// Where green runs, as the file says.
    pub green: Vec<Address>,
    /// The path that probes ask for.
    pub health_path: HealthPath,
    /// Whether its candidate can say which version it is.
    pub names_version: bool,
    /// Consecutive passes that open the gate.
    pub passes: u32,
    /// Time between two probes of one instance.
    pub interval: Duration,
    /// Time that one probe may take.
    pub timeout: Duration,
    /// Time that the gate may take.
    pub deadline: Duration,
    /// Whether there are paths to warm up.
    pub warms: bool,
    /// How the new side is watched after the switch.
    pub bake: Option<Bake>,
}

/// The bake window of a service.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bake {
    /// How long.
    pub period: Duration,
    /// What counts as worse.
    pub rule: bake::Rule,
}

impl Service {
    /// What the file says about a slot.
    #[must_use]
    pub fn file(&self, slot: Slot) -> &[Address] {
        match slot {
            Slot::Blue => &self.blue,
            Slot::Green => &self.green,
            Slot::Upstream => &[],
        }
    }
}

/// Why an operation does not begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: u8,
    pub(super) reason: String,
    pub(super) hint: Option<String>,
}

impl Refusal {
    fn usage(reason: impl Into<String>, hint: &str) -> Self {
        Self::new(exit::USAGE, reason.into(), hint)
    }

    fn rule(reason: impl Into<String>, hint: &str) -> Self {
        Self::new(exit::REFUSED, reason.into(), hint)
    }

    fn new(code: u8, reason: String, hint: &str) -> Self {
        let hint = (!hint.is_empty()).then(|| hint.into());
        Self { code, reason, hint }
    }
}

/// What an operation is going to do.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) kind: Kind,
    /// One for each service with two sides, in their order.
    pub(super) moves: Vec<Move>,
    /// The state once it is done; `since` is set when it is saved.
    pub(super) next: EnvironmentState,
    pub(super) forced: bool,
    /// What the candidate has to call itself.
    pub(super) expected: Option<String>,
    /// Time that the gate may take.
    pub(super) deadline: Duration,
    /// Whether it ends with the gate.
    pub(super) gate_only: bool,
    /// Whether it is a part of a deployment, which cannot be forced.
    pub(super) deployed: bool,
    /// The environment whose version is promoted.
    pub(super) promotes: Option<Arc<str>>,
    /// What is deployed, as far as somebody says so.
    version: Option<String>,
}

impl Plan {
    /// What is promoted.
    pub(super) fn promoted(&self) -> Option<&str> {
        self.version.as_deref().filter(|_| self.promotes.is_some())
    }

    /// The candidate calls itself so; what the operator said is believed first. What could not be a version is forgotten: a rollback
    /// may put it into commands.
    pub(super) fn called(&mut self, version: Option<&str>) {
        let version = version.filter(|version| check_version(version).is_ok());
        self.version = self.version.take().or_else(|| version.map(str::to_owned));
    }

    /// Remembers what is deployed. A side that a rollback comes back to is what it was; of one that a swap goes to nothing is known
    /// but what is said now.
    pub(super) fn deploy(&mut self, now: &str) {
        let deployed = &mut self.next.deployed;
        let before = deployed.remove(&self.next.live).filter(|_| self.kind == Kind::Rollback);
        let said = self.version.clone().map(|version| Deployed {
            version,
            since: now.to_owned(),
        });
        let same = |before: &Deployed| said.as_ref().is_none_or(|said| said.version == before.version);
        if let Some(is) = before.filter(same).or(said) {
            deployed.insert(self.next.live, is);
        }
    }
}

/// Makes the plan. `draining` are the slots that still serve what they had begun, `elsewhere` is what is live in other environments.
pub(super) fn plan(
    rules: &Rules,
    state: &EnvironmentState,
    draining: &[Slot],
    elsewhere: &[Elsewhere],
    request: &OperationRequest,
) -> Result<Plan, Refusal> {
    if rules.protected && !request.dry_run && request.confirmed.as_deref() != Some(&rules.name) {
        let hint = format!("type its name, or say `--yes={}`", rules.name);
        return Err(Refusal::usage(format!("`{}` is protected", rules.name), &hint));
    }
    if let Some(version) = &request.version {
        check_version(version).map_err(|flaw| Refusal::usage(flaw.to_string(), ""))?;
    }
    if rules.services.is_empty() {
        return Err(Refusal::rule(
            format!(
                "`{}` has no service with `blue` and `green`, so nothing can be switched",
                rules.name
            ),
            "give a service `blue` and `green` in place of `upstream`",
        ));
    }
    if let Some(source) = &request.promotes {
        promotable(rules, source, request)?;
    }
    if request.expect_version.is_some() && !rules.services.iter().any(|service| service.names_version) {
        return Err(Refusal::usage(
            format!("no service of `{}` says which version it is", rules.name),
            "set `health.version` to `header:NAME` or `json:FIELD`",
        ));
    }
    let (slot, candidates) = candidate(rules, state, request)?;
    let moves: Vec<Move> = rules
        .services
        .iter()
        .zip(candidates)
        .map(|(service, addresses)| Move {
            service: service.name.clone(),
            from: Side {
                slot: state.live,
                addresses: state.addresses(&service.name, state.live, service.file(state.live)),
            },
            to: Side { slot, addresses },
        })
        .collect();
    refuse_live_addresses(rules, &moves)?;
    if let Some(reason) = elsewhere::refusal(elsewhere, request, &moves) {
        return Err(Refusal::rule(reason, "start the new version at another address"));
    }
    if draining.contains(&slot) && request.kind == Kind::Swap && !request.force {
        return Err(Refusal::rule(
            format!("{slot} still serves what it had begun when it was live last"),
            "wait until it is drained (`proxyctl status`), or say `--force`",
        ));
    }
    let longest = rules.services.iter().map(|service| service.deadline).max();
    Ok(Plan {
        kind: request.kind,
        next: next(rules, state, slot, &moves),
        moves,
        forced: request.force,
        expected: request.expect_version.clone(),
        deadline: request
            .deadline_ms
            .map_or(longest.unwrap_or_default(), Duration::from_millis),
        gate_only: request.gate_only,
        deployed: request.within.is_some(),
        promotes: request.promotes.as_deref().map(Arc::from),
        version: request.version.clone(),
    })
}

/// Whether what is asked for can be a promotion.
fn promotable(rules: &Rules, source: &str, request: &OperationRequest) -> Result<(), Refusal> {
    let reason = if source == rules.name {
        format!("`{source}` is promoted to itself")
    } else if request.kind == Kind::Rollback {
        "a rollback promotes nothing".into()
    } else if request.force {
        "a promotion that is forced has proven nothing".into()
    } else if request.version.is_none() {
        "a promotion has to say which version it is of".into()
    } else {
        return Ok(());
    };
    Err(Refusal::usage(reason, ""))
}

/// Which slot, and where each service of it runs.
fn candidate(
    rules: &Rules,
    state: &EnvironmentState,
    request: &OperationRequest,
) -> Result<(Slot, Vec<Vec<Address>>), Refusal> {
    let own = |service: &Service, slot| state.addresses(&service.name, slot, service.file(slot));
    let all = |slot| rules.services.iter().map(|service| own(service, slot)).collect();
    let idle = state.live.other();
    if request.kind == Kind::Rollback {
        if request.to.is_some() {
            return Err(Refusal::usage(
                "a rollback goes to the side that was live before, not to one that is named",
                "leave `--to` out, or say `swap`",
            ));
        }
        let Some(previous) = &state.previous else {
            return Err(Refusal::rule(
                format!("`{}` has no previous side to go back to", rules.name),
                "",
            ));
        };
        let addresses = rules.services.iter().map(|service| {
            let file = service.file(previous.slot);
            state
                .previous_addresses(&service.name, file)
                .unwrap_or_else(|| own(service, previous.slot))
        });
        return Ok((previous.slot, addresses.collect()));
    }
    match &request.to {
        None => Ok((idle, all(idle))),
        Some(Target::Slot(slot)) if *slot == state.live => Err(Refusal::rule(format!("{slot} is live already"), "")),
        Some(Target::Slot(Slot::Upstream)) => Err(Refusal::usage(
            "`upstream` is no side to switch to",
            "say `--to blue` or `--to green`",
        )),
        Some(Target::Slot(slot @ (Slot::Blue | Slot::Green))) => Ok((*slot, all(*slot))),
        Some(Target::Address(address)) if rules.services.len() == 1 => Ok((idle, vec![vec![address.clone()]])),
        Some(Target::Address(address)) => {
            let names: Vec<_> = rules
                .services
                .iter()
                .map(|service| format!("{}=…", service.name))
                .collect();
            Err(Refusal::usage(
                format!(
                    "`{}` has {} services, so it is not clear whose address {address} is",
                    rules.name,
                    rules.services.len()
                ),
                &format!("say `--to {}`", names.join(",")),
            ))
        }
        Some(Target::Services(named)) => {
            known(rules, named)?;
            let addresses = rules.services.iter().map(|service| match named.get(&service.name) {
                Some(address) => vec![address.clone()],
                None => own(service, idle),
            });
            Ok((idle, addresses.collect()))
        }
    }
}

fn known(rules: &Rules, named: &BTreeMap<String, Address>) -> Result<(), Refusal> {
    for name in named.keys() {
        if rules.fixed.iter().any(|(fixed, _)| fixed == name) {
            return Err(Refusal::usage(
                format!("`{name}` has only an `upstream`, so it cannot be switched"),
                "",
            ));
        }
        if !rules.services.iter().any(|service| service.name == *name) {
            let names: Vec<_> = rules
                .services
                .iter()
                .map(|service| format!("`{}`", service.name))
                .collect();
            return Err(Refusal::usage(
                format!("`{}` has no service `{name}`", rules.name),
                &format!("its services are {}", names.join(", ")),
            ));
        }
    }
    Ok(())
}

/// A candidate that is live already would prove nothing, and its gate would be answered by the old version (N6).
fn refuse_live_addresses(rules: &Rules, moves: &[Move]) -> Result<(), Refusal> {
    let switched = moves.iter().map(|step| (&step.service, &step.from.addresses));
    let fixed = rules.fixed.iter().map(|(name, addresses)| (name, addresses));
    for (name, live) in switched.chain(fixed) {
        for step in moves {
            if let Some(address) = step.to.addresses.iter().find(|address| live.contains(address)) {
                let (what, hint) = match address.folder() {
                    Some(folder) => (
                        format!("folder {}", folder.display()),
                        "put the new version into another folder",
                    ),
                    None => (format!("address {address}"), "start the new version at another address"),
                };
                return Err(Refusal::rule(
                    format!("the candidate's {what} of `{}` is where `{name}` is live", step.service),
                    hint,
                ));
            }
        }
    }
    Ok(())
}

fn next(rules: &Rules, state: &EnvironmentState, slot: Slot, moves: &[Move]) -> EnvironmentState {
    let mut next = state.clone();
    next.generation = state.generation.next();
    next.live = slot;
    let mut services = BTreeMap::new();
    for (service, step) in rules.services.iter().zip(moves) {
        next.place(&service.name, slot, step.to.addresses.clone(), service.file(slot));
        let recorded = Recorded {
            addresses: step.from.addresses.clone(),
            file: service.file(state.live).to_vec(),
        };
        services.insert(service.name.clone(), recorded);
    }
    next.previous = Some(Previous {
        slot: state.live,
        services,
    });
    next
}

/// The state after a swap was undone by itself: as before, but newer. A previous side whose place the failed candidate has
/// taken is gone.
pub(super) fn undone(before: &EnvironmentState, now: &EnvironmentState, plan: &Plan) -> EnvironmentState {
    let mut next = before.clone();
    next.generation = now.generation.next();
    let taken = |previous: &Previous| {
        plan.moves
            .iter()
            .filter_map(|step| Some((step, previous.services.get(&step.service)?)))
            .any(|(step, recorded)| recorded.addresses.iter().any(|it| step.to.addresses.contains(it)))
    };
    if plan.kind == Kind::Swap {
        next.previous = next.previous.filter(|previous| !taken(previous));
    }
    next
}

/// `web 127.0.0.1:3000` for a message.
pub(super) fn place(service: &str, addresses: &[Address]) -> String {
    format!("{service} {}", list(addresses))
}
