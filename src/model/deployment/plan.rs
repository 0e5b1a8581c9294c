//! What a deployment is told of both sides, or why there is nothing to deploy.

use crate::model::api::{
    CommonStep, DeployPlan, DeployRequest, DeployService, Event, Holder, Kind, Problem, Side, exit,
};
use crate::model::deploy::check_version;
use crate::model::slot::{Generation, Slot};
use crate::model::state::EnvironmentState;
use crate::model::switch::Rules;

/// The plan, as far as it can be known without looking; a refusal where there is nothing to deploy or it may not be. `switched` is what
/// a switch has published last, where that is known: a reload counts on.
pub(super) fn plan(
    rules: &Rules,
    state: &EnvironmentState,
    request: &DeployRequest,
    switched: Option<Generation>,
) -> Result<DeployPlan, Problem> {
    let name = &rules.name;
    if rules.protected && !request.dry_run && request.confirmed.as_deref() != Some(name) {
        let hint = format!("type its name, or say `--yes={name}`");
        return Err(problem(exit::USAGE, format!("`{name}` is protected"), Some(hint)));
    }
    if let Some(version) = &request.version {
        check_version(version).map_err(|flaw| problem(exit::USAGE, flaw.to_string(), None))?;
    }
    if rules.services.is_empty() {
        let reason = format!("`{name}` has no service with `blue` and `green`, so there is no other side to deploy to");
        let hint = "give a service `blue` and `green` in place of `upstream`".into();
        return Err(problem(exit::REFUSED, reason, Some(hint)));
    }
    if let Some(since) = request.since
        && since != state.generation
        && switched.is_none_or(|switched| switched > since)
    {
        let reason = format!(
            "`{name}` was switched meanwhile: generation {} is live, no longer {since}",
            state.generation
        );
        return Err(problem(exit::REFUSED, reason, None));
    }
    let idle = match (request.kind, &state.previous) {
        (Kind::Swap, _) => state.live.other(),
        (Kind::Rollback, Some(previous)) => previous.slot,
        (Kind::Rollback, None) => {
            let reason = format!("`{name}` has no previous side to go back to");
            return Err(problem(exit::REFUSED, reason, None));
        }
    };
    let services = rules.services.iter().map(|service| {
        let own = |slot: Slot| state.addresses(&service.name, slot, service.file(slot));
        let previous = || state.previous_addresses(&service.name, service.file(idle));
        let back = (request.kind == Kind::Rollback).then(previous).flatten();
        DeployService {
            name: service.name.clone(),
            table: None,
            live: Side {
                slot: state.live,
                addresses: own(state.live),
            },
            idle: Side {
                slot: idle,
                addresses: back.unwrap_or_else(|| own(idle)),
            },
            idle_answers: false,
        }
    });
    Ok(DeployPlan {
        table: None,
        services: services.collect(),
        names_version: rules.services.iter().any(|service| service.names_version),
        protected: rules.protected,
        generation: state.generation,
        live: state.live,
        idle,
        deployed_live: state.deployed.get(&state.live).cloned(),
        deployed_idle: state.deployed.get(&idle).cloned(),
        idle_since: state.previous.is_some().then(|| state.since.clone()),
    })
}

/// Another operation holds the environment (N5).
pub(super) fn busy(holder: &Holder, environment: &str) -> Problem {
    let hint = "`--wait 10m` waits for its turn".into();
    problem(exit::BUSY, holder.refusal(environment), Some(hint))
}

/// Why something is not done.
pub(super) fn problem(code: u8, reason: String, hint: Option<String>) -> Problem {
    Problem { code, reason, hint }
}

/// The only event of an operation that does not begin.
#[must_use]
pub fn refused(problem: Problem) -> Event {
    let Problem { code, reason, hint } = problem;
    Event::Common(CommonStep::Refused {
        code,
        reason,
        evidence: Vec::new(),
        hint,
        live: None,
        health: Vec::new(),
    })
}
