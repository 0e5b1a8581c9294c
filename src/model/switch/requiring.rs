//! What has to hold of other environments before a swap. `require_healthy` and `require_parity` of the file come first, then what a promotion
//! asks of the environment whose version it takes. Asked behind the gate, so that what is compared is the candidate, which would serve, and not
//! what it is there to replace.
//!
//! A rollback is exempt: the way back depends on nobody. `--force` is, too, as from the verdict of the gate.

use super::messages::{Effect, Found, Ticket, millis, tell};
use super::phase::{Asks, Phase};
use super::plan::{Plan, Requires};
use super::switch::{Current, Switch};
use crate::model::api::{CommonStep, Kind, SwapStep, exit};
use crate::model::clock::Moment;

impl Switch {
    /// Step 4: has the environments looked at that the swap depends on.
    pub(super) fn require(&mut self, current: Current, now: Moment, effects: &mut Vec<Effect>) {
        self.ask_for(Asks::File, current, now, effects);
    }

    fn ask_for(&mut self, asks: Asks, mut current: Current, now: Moment, effects: &mut Vec<Effect>) {
        let requires = self.requires(asks, &current.plan);
        if requires.is_nothing() {
            return self.next(asks, current, now, effects);
        }
        current.ticket = self.ticket();
        current.phase = Phase::Requiring { began: now.at, asks };
        let version = match asks {
            Asks::File => None,
            Asks::Promotion => current.plan.promoted().map(str::to_owned),
        };
        effects.push(Effect::Require {
            ticket: current.ticket,
            requires,
            version,
            moves: current.plan.moves.clone(),
        });
        self.current = Some(current);
    }

    /// What an operation depends on.
    fn requires(&self, asks: Asks, plan: &Plan) -> Requires {
        if plan.forced || plan.kind == Kind::Rollback {
            return Requires::default();
        }
        match asks {
            Asks::File => self.rules.requires.clone(),
            Asks::Promotion => Requires {
                healthy: plan.promotes.clone(),
                parity: plan.promotes.clone(),
            },
        }
    }

    pub(super) fn required(&mut self, ticket: Ticket, found: Found, now: Moment, effects: &mut Vec<Effect>) {
        let Some(current) = self.take(ticket) else {
            return;
        };
        let Phase::Requiring { began, asks } = current.phase else {
            self.current = Some(current);
            return;
        };
        let requires = self.requires(asks, &current.plan);
        let Some((reason, hint)) = self.objection(asks, &requires, &found, current.plan.deployed) else {
            let Requires { healthy, parity } = requires;
            let required = SwapStep::Required {
                healthy: healthy.map(|name| name.to_string()),
                parity: parity.map(|name| name.to_string()),
                elapsed_ms: millis(began, now.at),
            };
            tell(effects, current.operation, required);
            return self.next(asks, current, now, effects);
        };
        if let Some(other) = requires.parity.filter(|_| !found.differences.is_empty()) {
            let differs = SwapStep::Differs {
                environment: self.rules.name.clone(),
                other: other.to_string(),
                differences: found.differences,
            };
            tell(effects, current.operation, differs);
        }
        let refused = CommonStep::Refused {
            code: exit::REFUSED,
            reason,
            evidence: found.unhealthy,
            hint: Some(hint),
            live: Some(self.state.live),
            health: Vec::new(),
        };
        self.give_up(&current, refused, effects);
    }

    /// What was asked for holds.
    fn next(&mut self, asks: Asks, current: Current, now: Moment, effects: &mut Vec<Effect>) {
        match asks {
            Asks::File => self.ask_for(Asks::Promotion, current, now, effects),
            Asks::Promotion => self.admitted(current, now, effects),
        }
    }

    /// Nothing stands against the switch: an operation that only asks for this ends here.
    fn admitted(&mut self, current: Current, now: Moment, effects: &mut Vec<Effect>) {
        if current.plan.gate_only {
            return self.give_up(&current, SwapStep::Passed, effects);
        }
        self.warm(current, now, effects);
    }

    /// Why what was found keeps a swap back, and what to do about it.
    fn objection(&self, asks: Asks, requires: &Requires, found: &Found, deployed: bool) -> Option<(String, String)> {
        let name = &self.rules.name;
        let sick = requires.healthy.as_ref().filter(|_| !found.unhealthy.is_empty());
        let other = requires.parity.as_ref().filter(|_| !found.differences.is_empty());
        let things = match found.differences.len() {
            1 => "1 thing".to_owned(),
            many => format!("{many} things"),
        };
        let is_sick = |sick: &str| match asks {
            Asks::File => format!("`{sick}` is not healthy, and `require_healthy` asks for it"),
            Asks::Promotion => format!("`{sick}`, whose version is promoted, is not healthy under it"),
        };
        let differs = |other: &str| match asks {
            Asks::File => {
                format!("`{name}` would differ from `{other}` in {things}, and `require_parity` asks that it does not")
            }
            Asks::Promotion => {
                format!("`{name}` would differ from `{other}`, whose version is promoted, in {things}")
            }
        };
        // Whoever deploys or promotes does not force: a swap that does is another command.
        let force = match asks {
            Asks::File if !deployed => "; `--force` switches all the same",
            Asks::File | Asks::Promotion => "",
        };
        if let Some((why, hint)) = &found.nobody {
            return Some((format!("{why}, and `{name}` depends on it"), format!("{hint}{force}")));
        }
        match (sick, other) {
            (None, None) => None,
            (Some(sick), None) => Some((is_sick(sick), format!("`proxyctl status {sick}` shows why{force}"))),
            (None, Some(other)) => Some((
                differs(other),
                format!("make them alike (`proxyctl parity {name} {other}` compares what serves now){force}"),
            )),
            (Some(sick), Some(other)) => Some((
                format!("{}; {}", is_sick(sick), differs(other)),
                format!("begin with `proxyctl status {sick}`{force}"),
            )),
        }
    }

    /// What a forced swap does not ask for.
    pub(super) fn not_asked_for(&self, plan: &Plan) -> Vec<String> {
        let Requires { healthy, parity } = &self.rules.requires;
        if !plan.forced || plan.kind == Kind::Rollback {
            return Vec::new();
        }
        let healthy = healthy.as_ref().map(|name| format!("whether `{name}` is healthy"));
        let parity = parity
            .as_ref()
            .map(|name| format!("whether it is of one shape with `{name}`"));
        let told = healthy.into_iter().chain(parity);
        told.map(|what| format!("{what} is not asked for: --force")).collect()
    }
}
