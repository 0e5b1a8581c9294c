//! Maintenance, on and off. It is saved before it is seen, so that a restart changes nothing; the daemon's own checks pass.

use std::sync::Arc;

use ipnet::IpNet;
use tokio::sync::mpsc::UnboundedSender;

use super::Owner;
use crate::control::ports::Durability;
use crate::model::api::{CommonStep, Event, MaintenanceRequest, MaintenanceStatus, MaintenanceStep, Notice, exit};
use crate::model::history::{Caller, Record};
use crate::model::state::{Maintenance, State};
use crate::proxy::{MaintenancePage, Stance};

/// When visitors should try again, in seconds; nobody knows how long it takes.
const RETRY_AFTER: u32 = 120;

/// Maintenance that is about to be saved.
#[derive(Debug)]
pub(super) struct Toggle {
    operation: u64,
    environment: String,
    on: Option<Maintenance>,
    stream: UnboundedSender<Event>,
}

impl Toggle {
    /// What the saved state is going to be.
    pub(super) fn apply(&self, state: &mut State) {
        match &self.on {
            Some(on) => drop(state.maintenance.insert(self.environment.clone(), on.clone())),
            None => drop(state.maintenance.remove(&self.environment)),
        }
    }
}

impl Owner {
    pub(super) fn toggle(
        &mut self,
        operation: u64,
        request: MaintenanceRequest,
        caller: &Caller,
        stream: UnboundedSender<Event>,
    ) {
        let MaintenanceRequest { environment, on } = request;
        if let Some(reason) = on.as_ref().and_then(objection) {
            let refused = Event::Common(CommonStep::Refused {
                code: exit::USAGE,
                reason,
                evidence: Vec::new(),
                hint: None,
                live: None,
            });
            return self.answer(&environment, operation, &stream, refused);
        }
        let on = on.map(|notice| Maintenance {
            since: self.moment().written(),
            user: caller.user.clone(),
            notice,
        });
        let toggle = Toggle {
            operation,
            environment,
            on,
            stream,
        };
        self.saving.maintenance(Box::new(toggle));
        self.save_next();
    }

    /// It is on disk, or not.
    pub(super) fn maintenance_saved(&mut self, toggle: Toggle, result: Result<Durability, String>) {
        let Toggle {
            operation,
            environment,
            on,
            stream,
        } = toggle;
        match result {
            Ok(Durability::Durable) => {}
            Ok(Durability::Uncertain(why)) => {
                let message = format!("durability uncertain: a power cut may undo it ({why})");
                let _ = stream.send(Event::Common(CommonStep::Warning {
                    message: message.clone(),
                }));
                let event = Box::new(Event::Common(CommonStep::Warning { message }));
                self.record(Some(&environment), operation, Record::Step { event });
            }
            Err(error) => {
                let reason = format!("the state could not be saved: {error}; nothing was changed");
                let failed = Event::Common(CommonStep::Failed { reason, live: None });
                return self.answer(&environment, operation, &stream, failed);
            }
        }
        self.publish_stance(&environment);
        let on = on.as_ref().map(Maintenance::status);
        let state = if on.is_some() { "on" } else { "off" };
        tracing::info!(environment, state, "maintenance");
        let event = Event::Maintenance(MaintenanceStep::Maintained {
            environment: environment.clone(),
            on,
        });
        self.answer(&environment, operation, &stream, event);
    }

    /// The proxy stops before it was heard whether it is on disk.
    pub(super) fn toggle_stopped(&mut self, toggle: Toggle) {
        let reason = "the proxy stopped meanwhile; the next start says whether it was saved".into();
        let failed = Event::Common(CommonStep::Failed { reason, live: None });
        self.answer(&toggle.environment, toggle.operation, &toggle.stream, failed);
    }

    /// What an environment does with new requests.
    pub(super) fn stance(&self, environment: &str) -> Stance {
        Stance {
            maintenance: self.saving.state().maintenance.get(environment).map(page),
            paused: self
                .rooms
                .iter()
                .any(|room| *room.name == *environment && room.pause.is_some()),
        }
    }

    /// Lets every core know.
    pub(super) fn publish_stance(&self, environment: &str) {
        let snapshot = self.routing.load();
        self.routing
            .publish(snapshot.with_stance(environment, &self.stance(environment)));
        self.plane.poke();
    }

    pub(super) fn maintenance_status(&self, environment: &str) -> Option<MaintenanceStatus> {
        let maintenance = self.saving.state().maintenance.get(environment);
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
        page: page.as_ref().map(|page| page.clone().into_bytes()),
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
