//! What an environment asks of others before a swap: `require_healthy` and `require_parity`. Asked behind the gate, so that what is compared is
//! the candidate, which would serve, and not what it is there to replace.
//!
//! A rollback is exempt: the way back depends on nobody. `--force` is, too, as from the verdict of the gate.

use super::messages::{Effect, Found, Ticket, millis, tell};
use super::phase::Phase;
use super::plan::{Plan, Requires};
use super::switch::{Current, Switch};
use crate::model::api::{CommonStep, Kind, SwapStep, exit};
use crate::model::clock::Moment;

impl Switch {
    /// Step 4: has the environments looked at that the swap depends on.
    pub(super) fn require(&mut self, mut current: Current, now: Moment, effects: &mut Vec<Effect>) {
        let requires = self.rules.requires.clone();
        if requires.is_nothing() || current.plan.forced || current.plan.kind == Kind::Rollback {
            return self.admitted(current, now, effects);
        }
        current.ticket = self.ticket();
        current.phase = Phase::Requiring { began: now.at };
        effects.push(Effect::Require {
            ticket: current.ticket,
            requires,
            moves: current.plan.moves.clone(),
        });
        self.current = Some(current);
    }

    pub(super) fn required(&mut self, ticket: Ticket, found: Found, now: Moment, effects: &mut Vec<Effect>) {
        let Some(current) = self.take(ticket) else {
            return;
        };
        let Phase::Requiring { began } = current.phase else {
            self.current = Some(current);
            return;
        };
        let Requires { healthy, parity } = self.rules.requires.clone();
        let Some((reason, hint)) = self.objection(&found) else {
            let required = SwapStep::Required {
                healthy: healthy.map(|name| name.to_string()),
                parity: parity.map(|name| name.to_string()),
                elapsed_ms: millis(began, now.at),
            };
            tell(effects, current.operation, required);
            return self.admitted(current, now, effects);
        };
        if let Some(other) = parity.filter(|_| !found.differences.is_empty()) {
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
        };
        self.give_up(&current, refused, effects);
    }

    /// Nothing stands against the switch: an operation that only asks for this ends here.
    fn admitted(&mut self, current: Current, now: Moment, effects: &mut Vec<Effect>) {
        if current.plan.gate_only {
            return self.give_up(&current, SwapStep::Passed, effects);
        }
        self.warm(current, now, effects);
    }

    /// Why what was found keeps a swap back, and what to do about it.
    fn objection(&self, found: &Found) -> Option<(String, String)> {
        let Requires { healthy, parity } = &self.rules.requires;
        let name = &self.rules.name;
        let sick = healthy.as_ref().filter(|_| !found.unhealthy.is_empty());
        let other = parity.as_ref().filter(|_| !found.differences.is_empty());
        let things = match found.differences.len() {
            1 => "1 thing".to_owned(),
            many => format!("{many} things"),
        };
        let is_sick = |sick: &str| format!("`{sick}` is not healthy, and `require_healthy` asks for it");
        let differs = |other: &str| {
            format!("`{name}` would differ from `{other}` in {things}, and `require_parity` asks that it does not")
        };
        match (sick, other) {
            (None, None) => None,
            (Some(sick), None) => {
                let hint = format!("`proxyctl status {sick}` shows why; `--force` switches all the same");
                Some((is_sick(sick), hint))
            }
            (None, Some(other)) => {
                let hint = format!(
                    "make them alike (`proxyctl parity {name} {other}` compares what serves now); `--force` switches all the same"
                );
                Some((differs(other), hint))
            }
            (Some(sick), Some(other)) => {
                let hint = format!("begin with `proxyctl status {sick}`; `--force` switches all the same");
                Some((format!("{}; {}", is_sick(sick), differs(other)), hint))
            }
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
