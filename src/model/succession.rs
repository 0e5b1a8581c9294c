//! Whether another process is about to be the front door, or is it (N25): what may begin meanwhile, and what has to end before an
//! upgrade begins. Nothing else is switched, held or saved during an upgrade, so that what the new process reads on disk is what is
//! served.

use std::time::Duration;

use super::api::{Action, CommonStep, Event, Holder, STOPPING, SwapStep, exit};
use super::clock::Moment;
use super::environment::Environment;
use super::state::EnvironmentState;

/// How a switch ended that was begun before process `pid` has taken over, by what that has saved of its environment since: a side that is
/// live again there is not safe to stop.
#[must_use]
pub fn as_it_stands(event: Event, saved: Option<&EnvironmentState>, pid: u32) -> Event {
    match (event, saved) {
        (Event::Swap(SwapStep::Done { live, generation, .. }), Some(now))
            if now.generation > generation && now.live != live =>
        {
            let reason = format!("process {pid}, which has taken over, moved it back while the old side still drained");
            let (live, generation) = (now.live, now.generation);
            SwapStep::RolledBack {
                reason,
                by: None,
                live,
                generation,
            }
            .into()
        }
        (event, _) => event,
    }
}

/// As many replaced processes may drain at once; the next upgrade waits for one of them.
pub const MAX_DRAINING: usize = 16;

/// Where an upgrade stands.
#[derive(Debug, Default)]
pub enum Succession {
    /// There is none.
    #[default]
    None,
    /// Another process is being started.
    UnderWay {
        /// What holds every environment meanwhile.
        holder: Holder,
        /// When it began.
        since: Duration,
    },
    /// None begins any more: this process ends.
    Stopping,
    /// Another process is the front door.
    Over {
        /// Its process id.
        pid: u32,
    },
}

impl Succession {
    /// Whether another process takes over, or has.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        !matches!(self, Self::None)
    }

    /// Why nothing can begin now.
    #[must_use]
    pub fn refusal(&self) -> Option<Event> {
        let (code, reason) = match self {
            Self::None => return None,
            Self::UnderWay { holder, .. } => {
                let (operation, user, since) = (holder.operation, &holder.user, &holder.since);
                let reason = format!("upgrade {operation} by {user} is under way since {since}");
                (exit::BUSY, reason)
            }
            Self::Stopping => {
                let (reason, live) = (STOPPING.into(), None);
                return Some(Event::Common(CommonStep::Failed { reason, live }));
            }
            Self::Over { pid } => (exit::FAILED, format!("process {pid} has taken over; ask again")),
        };
        Some(refused(code, reason, None))
    }

    /// Begins an upgrade that was not refused. Returns what holds every environment from now on.
    pub fn begin(&mut self, operation: u64, user: String, now: Moment) -> Holder {
        debug_assert!(matches!(self, Self::None), "another one is under way, or over");
        let holder = Holder {
            operation,
            kind: Action::Upgrade,
            user,
            since: now.written(),
            step: "hand-over".into(),
        };
        *self = Self::UnderWay {
            holder: holder.clone(),
            since: now.at,
        };
        holder
    }
}

/// What has to end before an upgrade: it is finished, and never torn. `reload` is the reload that is under way, `draining` the number
/// of processes that were replaced and are still there, and `unsaved` says why the state cannot be saved.
pub fn in_the_way<'e>(
    environments: impl Iterator<Item = &'e Environment>,
    reload: Option<u64>,
    draining: usize,
    unsaved: Option<&str>,
) -> Option<Event> {
    let mut held = None;
    for environment in environments {
        let name = &*environment.rules().name;
        if environment.is_paused() {
            let reason = format!("{name} is paused, and a new process would not hold its requests");
            return Some(refused(
                exit::REFUSED,
                reason,
                Some(format!("`proxyctl resume {name}`")),
            ));
        }
        let holder = environment.holder();
        held = held.or_else(|| holder.map(|it| refused(exit::BUSY, it.refusal(name), Some(it.hint(name)))));
    }
    if held.is_some() {
        return held;
    }
    if let Some(reload) = reload {
        return Some(refused(exit::BUSY, format!("reload {reload} is under way"), None));
    }
    if draining >= MAX_DRAINING {
        let reason = format!("{draining} earlier processes still drain");
        let hint = "`proxyctl status` shows what they wait for".into();
        return Some(refused(exit::REFUSED, reason, Some(hint)));
    }
    let unsaved = unsaved?;
    // A process that does not know its number would give it to something else.
    let reason = format!("the state cannot be saved, and a new process would read an old one: {unsaved}");
    Some(refused(exit::REFUSED, reason, None))
}

/// An upgrade that was refused.
#[must_use]
pub fn refused(code: u8, reason: String, hint: Option<String>) -> Event {
    Event::Common(CommonStep::Refused {
        code,
        reason,
        evidence: Vec::new(),
        hint,
        live: None,
        health: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::api::PauseRequest;
    use crate::model::environment::Input;
    use crate::model::pause;
    use crate::model::state::EnvironmentState;
    use crate::model::switch::{Requires, Rules};

    const NOW: Moment = Moment {
        at: Duration::ZERO,
        wall: jiff::Timestamp::UNIX_EPOCH,
    };

    fn environment(name: &str) -> Environment {
        let rules = Rules {
            name: name.into(),
            protected: false,
            services: Vec::new(),
            fixed: Vec::new(),
            requires: Requires::default(),
        };
        Environment::new(rules, EnvironmentState::first(String::new()))
    }

    fn paused(name: &str) -> Environment {
        let mut environment = environment(name);
        let request = PauseRequest {
            environment: name.into(),
            timeout_ms: 30_000,
            attached: false,
            writes: false,
        };
        let ask = pause::Input::Ask {
            operation: 1,
            request,
            user: "ann".into(),
        };
        environment.handle(Input::Pause(ask), NOW);
        assert!(environment.is_paused());
        environment
    }

    fn held(name: &str) -> Environment {
        let mut environment = environment(name);
        environment.take(Holder {
            operation: 2,
            kind: Action::Reload,
            user: "ann".into(),
            since: String::new(),
            step: "gate".into(),
        });
        environment
    }

    fn words(event: &Event) -> (u8, String) {
        match event {
            Event::Common(CommonStep::Refused { code, reason, .. }) => (*code, reason.clone()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn n25_nothing_is_torn_by_an_upgrade_and_what_is_in_the_way_is_named() {
        let full = Some("no space left");
        for (environments, reload, draining, unsaved, expected) in [
            (
                vec![held("dev"), paused("prod")],
                None,
                0,
                None,
                (exit::REFUSED, "prod is paused"),
            ),
            (
                vec![environment("dev"), held("prod")],
                None,
                0,
                None,
                (exit::BUSY, "reload 2 by ann holds `prod`"),
            ),
            (
                vec![environment("prod")],
                Some(3),
                0,
                None,
                (exit::BUSY, "reload 3 is under way"),
            ),
            (
                Vec::new(),
                None,
                MAX_DRAINING,
                None,
                (exit::REFUSED, "16 earlier processes"),
            ),
            (Vec::new(), None, 0, full, (exit::REFUSED, "cannot be saved")),
        ] {
            let (code, reason) = words(&in_the_way(environments.iter(), reload, draining, unsaved).unwrap());
            assert_eq!(code, expected.0, "{reason}");
            assert!(reason.contains(expected.1), "{reason}");
        }
        let fine = in_the_way([environment("prod")].iter(), None, MAX_DRAINING - 1, None);
        assert_eq!(fine, None);
    }

    #[test]
    fn n25_one_upgrade_at_a_time_and_none_by_a_process_that_was_replaced() {
        let mut succession = Succession::None;
        assert!(succession.refusal().is_none(), "there is none");
        let holder = succession.begin(7, "ci".into(), NOW);
        assert_eq!((holder.operation, holder.kind), (7, Action::Upgrade));
        let (code, reason) = words(&succession.refusal().unwrap());
        assert_eq!(code, exit::BUSY);
        assert!(
            reason.starts_with("upgrade 7 by ci is under way since 1970"),
            "{reason}"
        );
        let (code, reason) = words(&Succession::Over { pid: 42 }.refusal().unwrap());
        assert_eq!(code, exit::FAILED);
        assert!(reason.contains("process 42 has taken over"), "{reason}");
    }
}
