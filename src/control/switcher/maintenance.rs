//! Maintenance, on and off. It is saved before it is seen, so that a restart changes nothing; the daemon's own checks pass.

use std::sync::Arc;

use ipnet::IpNet;

use super::owner::Owner;
use super::saves::{Save, Toggle};
use crate::control::ports::Durability;
use crate::model::api::{CommonStep, Event, MaintenanceRequest, MaintenanceStatus, MaintenanceStep, Notice, exit};
use crate::model::state::Maintenance;
use crate::proxy::MaintenancePage;
use crate::proxy::{Held, Stance};

/// When visitors should try again, in seconds; nobody knows how long it takes.
const RETRY_AFTER: u32 = 120;

impl Owner {
    pub(super) fn toggle(&mut self, operation: u64, request: MaintenanceRequest, user: String) {
        let MaintenanceRequest { environment, on } = request;
        if let Some(reason) = on.as_ref().and_then(objection) {
            let refused = Event::Common(CommonStep::Refused {
                code: exit::USAGE,
                reason,
                evidence: Vec::new(),
                hint: None,
                live: None,
                health: Vec::new(),
            });
            return self.notices.tell(Some(&environment), operation, refused);
        }
        let on = on.map(|notice| Maintenance {
            since: self.moment().written(),
            user,
            notice,
        });
        self.saves.push(Save::Maintenance(Toggle {
            operation,
            environment,
            on,
        }));
        self.saves.next(&self.errands);
    }

    /// It is on disk, or not.
    pub(super) fn maintenance_saved(&mut self, toggle: Toggle, result: Result<Durability, String>) {
        let Toggle {
            operation,
            environment,
            on,
        } = toggle;
        match result {
            Ok(Durability::Durable) => {}
            Ok(Durability::Uncertain(why)) => {
                let message = format!("durability uncertain: a power cut may undo it ({why})");
                let warning = Event::Common(CommonStep::Warning { message });
                self.notices.tell(Some(&environment), operation, warning);
            }
            Err(error) => {
                let reason = format!("the state could not be saved: {error}; nothing was changed");
                let failed = Event::Common(CommonStep::Failed { reason, live: None });
                return self.notices.tell(Some(&environment), operation, failed);
            }
        }
        self.publish_stance(&environment);
        let on = on.as_ref().map(Maintenance::status);
        let state = if on.is_some() { "on" } else { "off" };
        tracing::info!(environment, state, "maintenance");
        let maintained = Event::Maintenance(MaintenanceStep::Maintained {
            environment: environment.clone(),
            on,
        });
        self.notices.tell(Some(&environment), operation, maintained);
    }

    /// The proxy stops before it was heard whether it is on disk.
    pub(super) fn toggle_stopped(&mut self, toggle: &Toggle) {
        let reason = "the proxy stopped meanwhile; the next start says whether it was saved".into();
        let failed = Event::Common(CommonStep::Failed { reason, live: None });
        self.notices.tell(Some(&toggle.environment), toggle.operation, failed);
    }

    /// What an environment does with new requests.
    pub(super) fn stance(&self, environment: &str) -> Stance {
        let own = self.environments.iter().find(|it| *it.name == *environment);
        Stance {
            maintenance: self.saves.state().maintenance.get(environment).map(page),
            held: own.filter(|it| it.machines.is_paused()).map_or(Held::Nothing, |it| {
                match it.machines.is_paused_for_writes() {
                    true => Held::Writes,
                    false => Held::Everything,
                }
            }),
            sleep: own.and_then(|it| it.asleep(self.epoch)),
        }
    }

    /// Lets every core know.
    pub(super) fn publish_stance(&self, environment: &str) {
        let snapshot = self.publisher.snapshot();
        let snapshot = snapshot.with_stance(environment, &self.stance(environment));
        self.publisher.publish(snapshot, []);
    }

    pub(super) fn maintenance_status(&self, environment: &str) -> Option<MaintenanceStatus> {
        let maintenance = self.saves.state().maintenance.get(environment);
        maintenance.map(Maintenance::status)
    }
}

/// What is shown for a saved maintenance.
pub(super) fn page(maintenance: &Maintenance) -> Arc<MaintenancePage> {
    let Notice { message, page, allow } = &maintenance.notice;
    // Checked before it was saved; a state file that somebody edited lets nobody in by mistake.
    let allow = allow.iter().filter_map(|text| network(text));
    Arc::new(MaintenancePage {
        message: message.clone(),
        page: page.as_ref().map(|page| page.clone().into()),
        retry_after: RETRY_AFTER,
        allow: allow.collect(),
    })
}

fn objection(notice: &Notice) -> Option<String> {
    if let Some(page) = &notice.page
        && page.len() > Notice::PAGE
    {
        return Some(format!(
            "the page has {} bytes; {} are allowed",
            page.len(),
            Notice::PAGE
        ));
    }
    let wrong = notice.allow.iter().find(|text| network(text).is_none())?;
    Some(format!(
        "`{}` is neither a network nor an address",
        wrong.escape_debug()
    ))
}

fn network(text: &str) -> Option<IpNet> {
    let address = || text.parse::<std::net::IpAddr>().ok().map(IpNet::from);
    text.parse::<IpNet>().ok().or_else(address)
}
