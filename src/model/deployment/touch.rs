//! Which side the commands of a deployment may touch (N32).

use super::held::Held;
use super::plan::problem;
use super::scene::{Scene, Surroundings};
use crate::model::api::{CommandBegun, Problem, exit};
use crate::model::slot::{Address, Slot};

/// Whether a command may touch the side that it names. With exit code 4 it never may; with 5 it may when something is over.
pub(super) fn allowed(begun: &CommandBegun, surroundings: &Surroundings, scene: &Scene<'_>) -> Result<(), Problem> {
    let (stage, slot) = match (begun.step, begun.slot) {
        (stage, _) if !stage.touches_a_side() => return Ok(()),
        (stage, Some(slot @ (Slot::Blue | Slot::Green))) => (stage, slot),
        (stage, Some(Slot::Upstream) | None) => {
            return Err(problem(exit::USAGE, format!("a {stage} names blue or green"), None));
        }
    };
    let refuse = |code, reason: String| Err(problem(code, format!("no {stage} of {slot}: {reason}"), None));
    let name = &scene.rules.name;
    if slot == scene.state.live {
        return refuse(exit::REFUSED, format!("it is live in `{name}`"));
    }
    let addresses = scene.addresses(slot);
    let among = |others: &[Address]| addresses.iter().find(|it| others.contains(it)).cloned();
    if let Some(address) = among(&surroundings.live) {
        return refuse(exit::REFUSED, format!("{address} is live"));
    }
    // In a bake window too: the old side may be live again at any moment.
    if let Some(holder) = &scene.switch {
        return refuse(exit::BUSY, holder.refusal(name));
    }
    if scene.draining.contains(&slot) {
        return refuse(exit::BUSY, "it still serves what it had begun".into());
    }
    if let Some(address) = among(&surroundings.inside) {
        return refuse(exit::BUSY, format!("{address} still serves what it had begun"));
    }
    Ok(())
}

/// Why nobody switches to a side that is being started or stopped.
pub(super) fn touched(held: &Held, environment: &str) -> Option<String> {
    let (stage, slot) = held.touches()?;
    let (action, operation, user) = (held.action(), held.operation, &held.caller.user);
    Some(format!(
        "{action} {operation} by {user} is at the {stage} of {slot} of `{environment}` just now"
    ))
}
