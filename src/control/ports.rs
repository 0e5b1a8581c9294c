//! What the switcher needs from elsewhere: a place for the state, a journal, certificates, and the data plane. Its tests put
//! something in memory in the place of each.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::config::{Config, Server, Service};
use crate::model::api::KeptStatus;
use crate::model::handoff::{EarlierProcess, LiveService, Phase};
use crate::model::history::Entry;
use crate::model::hold::Refusal;
use crate::model::slot::Address;
pub(super) use crate::model::state::Durability;
use crate::model::state::State;
use crate::model::switch::Kept;
use crate::proxy::{Answer, Ask, DataPlane, Follower, Sign, Waiting};

/// Keeps the state: what is live after `kill -9` is what was saved last (N27).
pub(super) trait StateStore: Send {
    /// Replaces the saved state. Blocks until it is on disk.
    ///
    /// # Errors
    /// Why it could not be saved; the old state is still the saved one.
    fn save(&mut self, state: &State) -> Result<Durability, String>;

    /// What was saved last, by whichever process. Blocks.
    ///
    /// # Errors
    /// Why it cannot be read.
    fn saved(&self) -> Result<State, String>;
}

/// Keeps the history. Nothing is decided from it, so that the journal itself reports a failure.
pub(super) trait Journal: Send {
    /// Appends one entry.
    fn record(&mut self, entry: Entry);
}

/// Keeps certificates for the hosts that are served.
pub(super) trait Hosts {
    /// Serves the hosts of these configurations from now on; where two differ over a host, the first one is right. Hosts that
    /// stay keep their certificates. Returns what an operator should be told.
    ///
    /// # Errors
    /// Why not; nothing has changed then.
    fn serve(&self, configurations: &[&Config]) -> Result<Vec<String>, String>;
}

/// Listeners that are bound, and opened when that is published. Dropping it closes them.
pub(super) struct Opening(Box<dyn FnOnce()>);

impl Opening {
    pub(super) fn new(open: impl FnOnce() + 'static) -> Self {
        Self(Box::new(open))
    }

    /// Serves them from now on, and closes those that are not wanted any more.
    pub(super) fn open(self) {
        (self.0)();
    }
}

impl Debug for Opening {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Opening")
    }
}

/// What operators look at with other programs than `proxyctl`.
pub(super) trait Sites {
    /// Binds what a configuration wants and is not there yet.
    ///
    /// # Errors
    /// Which address cannot be had, and why.
    fn prepare(&self, server: &Server) -> Result<Opening, String>;
}

/// A process that has taken over.
#[derive(Debug, Clone)]
pub(super) struct Successor {
    /// Its process id.
    pub(super) pid: u32,
    /// Its version.
    pub(super) version: String,
}

/// What comes of a hand-over: the process that accepts now, or in which phase it failed, and why.
pub(super) type Handed = Result<Successor, (Phase, String)>;

/// Starts the process that comes after this one.
pub(super) trait Succession {
    /// Hands over, and returns when the other process accepts or is given up. `live` is what is live, `operations` are those that
    /// this process will end in the journal; `tell` hears of each phase.
    fn hand_over<'a>(
        &'a self,
        live: Vec<LiveService>,
        operations: Vec<u64>,
        tell: Box<dyn Fn(Phase) + 'a>,
    ) -> Pin<Box<dyn Future<Output = Handed> + 'a>>;
}

/// The processes before this one that still drain.
pub(super) trait Elders: Debug {
    /// What they wait for, oldest first.
    fn report(&self) -> Vec<EarlierProcess>;

    /// The requests and streams that they have inside of apps at these addresses; `None` when they have left.
    fn inside(&self, addresses: &[Address]) -> Option<(u64, u64)>;

    /// Resolves when none of them has anything inside of apps at these addresses, nor a connection by which more may come there.
    fn have_left(&self, addresses: Vec<Address>) -> Pin<Box<dyn Future<Output = ()>>>;

    /// Asks them to end politely what they still have at these addresses.
    fn hurry(&self, addresses: Vec<Address>) -> Pin<Box<dyn Future<Output = ()>>>;
}

/// Keeps files of sides that leave, for clients that still ask for them.
pub(super) trait Keeping {
    /// Fetches what clients asked for in the last day of a service from what runs at these addresses, within a bounded time.
    fn keep(&self, service: Arc<Service>, addresses: Vec<Address>) -> Pin<Box<dyn Future<Output = Kept>>>;

    /// What is kept of an environment; `None` is nothing.
    fn kept(&self, environment: &str) -> Option<KeptStatus>;
}

/// What is asked of the data plane.
pub(super) trait Plane {
    /// Wakes every core, which then looks at the snapshot and at what drains.
    fn poke(&self);

    /// Resolves when no core decides by a snapshot any more that was replaced before this was asked.
    fn settled(&self) -> Pin<Box<dyn Future<Output = ()> + '_>> {
        Box::pin(std::future::ready(()))
    }

    /// Every core connects to sides that are about to serve. Resolves when that is done or its short time is over.
    fn connect_ahead(&self, followers: Vec<Follower>) -> Pin<Box<dyn Future<Output = ()> + '_>> {
        let _ = followers;
        Box::pin(std::future::ready(()))
    }

    /// The requests of a service that wait now, and since when its app cannot be reached.
    fn waiting(&self, environment: &str, service: &str) -> Waiting {
        let _ = (environment, service);
        Waiting::default()
    }

    /// What a look at an instance has shown that serves, and is not away by its operator's will: for the log.
    fn looked(&self, environment: &str, service: &str, address: &Address, sign: &Sign) {
        let _ = (environment, service, address, sign);
    }

    /// Of the instances that are away, only these still matter to the log.
    fn keep(&self, environment: &str, service: &str, in_use: &[Address]) {
        let _ = (environment, service, in_use);
    }

    /// Answers every request of an environment that waits now with 503.
    fn turn_away(&self, environment: &str, why: Refusal) {
        let _ = (environment, why);
    }

    /// One request through the front door, inside the process.
    fn ask(&self, ask: Ask) -> Pin<Box<dyn Future<Output = Result<Answer, String>> + '_>>;
}

impl Plane for DataPlane {
    fn poke(&self) {
        Self::poke(self);
    }

    fn settled(&self) -> Pin<Box<dyn Future<Output = ()> + '_>> {
        Box::pin(Self::settled(self))
    }

    fn connect_ahead(&self, followers: Vec<Follower>) -> Pin<Box<dyn Future<Output = ()> + '_>> {
        Box::pin(Self::connect_ahead(self, followers))
    }

    fn waiting(&self, environment: &str, service: &str) -> Waiting {
        Self::waiting(self, environment, service)
    }

    fn looked(&self, environment: &str, service: &str, address: &Address, sign: &Sign) {
        Self::looked(self, environment, service, address, sign);
    }

    fn keep(&self, environment: &str, service: &str, in_use: &[Address]) {
        Self::keep(self, environment, service, in_use);
    }

    fn turn_away(&self, environment: &str, why: Refusal) {
        Self::turn_away(self, environment, why);
    }

    fn ask(&self, ask: Ask) -> Pin<Box<dyn Future<Output = Result<Answer, String>> + '_>> {
        Box::pin(Self::ask(self, ask))
    }
}
