//! The owner of every switch and the only writer of routing, as data: what it has, and how it looks things up.

use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Instant;

use super::environment::Environment;
use super::errands::Errands;
use super::message::Message;
use super::notice::Notices;
use super::opened::{Previews, after_start};
use super::plan::Reloading;
use super::publisher::Publisher;
use super::rules;
use super::saves::Saves;
use super::vigil::Vigil;
use crate::config::Config;
use crate::control::happenings::Happenings;
use crate::control::ports::{self, Elders, Hosts, Journal, Keeping, Plane, Sites, StateStore};
use crate::control::served::Current;
use crate::model::clock::Moment;
use crate::model::environment::Input;
use crate::model::sleep;
use crate::model::state::State;
use crate::model::succession::Succession;
use crate::proxy::Routing;
use crate::telemetry::Totals;

/// What an operator of an environment should know before an operation begins.
pub(in crate::control) type Warnings = Box<dyn Fn(&str) -> Vec<String>>;

/// What the switcher works with.
pub(in crate::control) struct Parts {
    /// The configuration that is served; a reload puts another one in.
    pub current: Current,
    /// Where it publishes; holds the snapshot of [`initial`](super::initial).
    pub routing: Arc<Routing>,
    /// The data plane.
    pub plane: Arc<dyn Plane>,
    /// What was remembered.
    pub state: State,
    /// Where it is kept.
    pub store: Box<dyn StateStore>,
    /// Where history is written.
    pub journal: Box<dyn Journal>,
    /// Told of what happens.
    pub happenings: Happenings,
    /// Keeps certificates for the hosts of a new configuration.
    pub hosts: Box<dyn Hosts>,
    /// What every slot has done.
    pub totals: Totals,
    /// Told before an operation begins, by the name of its environment: trouble with certificates.
    pub warnings: Warnings,
    /// Reads the files of users that a configuration names, before it is published.
    pub users: Box<dyn Fn(&Config)>,
    /// What operators look at.
    pub sites: Box<dyn Sites>,
    /// Starts the process that comes after this one.
    pub succession: Rc<dyn ports::Succession>,
    /// The processes before this one that still drain.
    pub elders: Rc<dyn Elders>,
    /// Files of sides that leave.
    pub keeping: Rc<dyn Keeping>,
    /// The port of https as clients know it; `None` stands for 443.
    pub https_port: Option<u16>,
    /// The times of sleeps that nobody configures.
    pub sleep_times: sleep::Times,
    /// Whether another process has given leave, or there is none: before, nothing is saved, and nothing begins by itself.
    pub has_leave: bool,
}

/// Whom a configuration concerns beside routing.
pub(super) struct Surroundings {
    pub(super) hosts: Box<dyn Hosts>,
    pub(super) warnings: Warnings,
    pub(super) users: Box<dyn Fn(&Config)>,
    pub(super) sites: Box<dyn Sites>,
}

/// The process that comes after this one, and how far it is.
pub(super) struct Upgrading {
    pub(super) next: Rc<dyn ports::Succession>,
    pub(super) succession: Succession,
}

pub(super) struct Owner {
    pub(super) current: Current,
    pub(super) surroundings: Surroundings,
    pub(super) epoch: Instant,
    /// In the order in which they came to be; one that is gone is kept, so that places stay.
    pub(super) environments: Vec<Environment>,
    /// Inputs that came up while another was handled.
    pub(super) inputs: VecDeque<(usize, Input)>,
    pub(super) reload: Reloading,
    pub(super) upgrade: Upgrading,
    pub(super) previews: Previews,
    pub(super) sleep_times: sleep::Times,
    pub(super) has_leave: bool,
    pub(super) saves: Saves,
    pub(super) vigil: Vigil,
    pub(super) notices: Notices,
    pub(super) publisher: Publisher,
    pub(super) errands: Errands,
}

impl Owner {
    pub(super) fn new(parts: Parts, mailbox: UnboundedSender<Message>) -> Self {
        let config = parts.current.load().config.clone();
        let (state, _) = rules::complete(&config, &parts.state);
        let known = config.environments.iter();
        let known = known.filter_map(|file| Some((file, state.environments.get(&*file.name)?)));
        let environments = known.enumerate();
        let slept = &state.sleep;
        Self {
            environments: environments
                .map(|(place, (file, state))| {
                    let slept = slept.get(&*file.name).cloned().unwrap_or_default();
                    Environment::new(place, file, state.clone()).sleeping(
                        file,
                        slept,
                        Duration::ZERO,
                        parts.sleep_times,
                    )
                })
                .collect(),
            current: parts.current,
            surroundings: Surroundings {
                hosts: parts.hosts,
                warnings: parts.warnings,
                users: parts.users,
                sites: parts.sites,
            },
            epoch: Instant::now(),
            inputs: VecDeque::new(),
            reload: Reloading::default(),
            upgrade: Upgrading {
                next: parts.succession,
                succession: Succession::None,
            },
            previews: Previews {
                opened: after_start(&config, &parts.routing.load()),
                draining: Vec::new(),
                https_port: parts.https_port,
            },
            sleep_times: parts.sleep_times,
            has_leave: parts.has_leave,
            saves: Saves::new(parts.store, state),
            vigil: Vigil::default(),
            notices: Notices::new(parts.journal, parts.happenings),
            publisher: Publisher::new(parts.routing, parts.plane, parts.elders, parts.keeping, parts.totals),
            errands: Errands::new(mailbox),
        }
    }

    /// The place of an environment of the file.
    pub(super) fn place(&self, name: &str) -> Option<usize> {
        self.environments.iter().position(|it| *it.name == *name && !it.gone)
    }

    pub(super) fn moment(&self) -> Moment {
        Moment {
            at: self.epoch.elapsed(),
            wall: jiff::Timestamp::now(),
        }
    }
}
