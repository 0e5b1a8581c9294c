//! What the switcher works with in tests: a data plane that only answers, a disk and a journal in memory, and no other process.

use std::pin::Pin;
use std::sync::{Arc, Mutex};

use crate::config::{Config, Server, Service};
use crate::control::ports::{
    Durability, Elders, Handed, Hosts, Journal, Keeping, Opening, Plane, Sites, StateStore, Succession,
};
use crate::model::api::KeptStatus;
use crate::model::handoff::{EarlierProcess, LiveService, Phase};
use crate::model::history::Entry;
use crate::model::slot::Address;
use crate::model::state::State;
use crate::model::switch::Kept;
use crate::proxy::{Answer, Ask};

/// A front door that answers with one status, and remembers what it was asked.
#[derive(Default)]
pub(super) struct Door {
    pub(super) status: u16,
    pub(super) asked: Mutex<Vec<String>>,
}

impl Plane for Door {
    fn poke(&self) {}

    fn ask(&self, ask: Ask) -> Pin<Box<dyn Future<Output = Result<Answer, String>> + '_>> {
        self.asked.lock().unwrap().push(format!("{}{}", ask.host, ask.target));
        let answer = Answer {
            status: self.status,
            headers: Vec::new(),
            body: Vec::new(),
        };
        Box::pin(async { Ok(answer) })
    }
}

/// A disk that remembers every save, and fails from the n-th on.
#[derive(Clone, Default)]
pub(super) struct Disk {
    pub(super) saved: Arc<Mutex<Vec<State>>>,
    pub(super) room: usize,
}

impl StateStore for Disk {
    fn save(&mut self, state: &State) -> Result<Durability, String> {
        let mut saved = self.saved.lock().unwrap();
        if saved.len() >= self.room {
            return Err("no space left on device".into());
        }
        saved.push(state.clone());
        Ok(Durability::Durable)
    }

    fn saved(&self) -> Result<State, String> {
        Ok(self.saved.lock().unwrap().last().cloned().unwrap_or_else(State::new))
    }
}

#[derive(Clone, Default)]
pub(super) struct Book(pub(super) Arc<Mutex<Vec<Entry>>>);

impl Journal for Book {
    fn record(&mut self, entry: Entry) {
        self.0.lock().unwrap().push(entry);
    }
}

pub(super) struct NoCertificates;

/// There is none before, and none after.
#[derive(Debug)]
pub(super) struct NoProcess;

impl Succession for NoProcess {
    fn hand_over<'a>(
        &'a self,
        _: Vec<LiveService>,
        _: Vec<u64>,
        _: Box<dyn Fn(Phase) + 'a>,
    ) -> Pin<Box<dyn Future<Output = Handed> + 'a>> {
        Box::pin(async { Err((Phase::Starting, "there is none".into())) })
    }
}

impl Keeping for NoProcess {
    fn keep(&self, _: Arc<Service>, _: Vec<Address>) -> Pin<Box<dyn Future<Output = Kept>>> {
        Box::pin(std::future::ready(Kept::default()))
    }

    fn kept(&self, _: &str) -> Option<KeptStatus> {
        None
    }
}

impl Elders for NoProcess {
    fn report(&self) -> Vec<EarlierProcess> {
        Vec::new()
    }

    fn inside(&self, _: &[Address]) -> Option<(u64, u64)> {
        None
    }

    fn have_left(&self, _: Vec<Address>) -> Pin<Box<dyn Future<Output = ()>>> {
        Box::pin(std::future::ready(()))
    }

    fn hurry(&self, _: Vec<Address>) -> Pin<Box<dyn Future<Output = ()>>> {
        Box::pin(std::future::ready(()))
    }
}

impl Hosts for NoCertificates {
    fn serve(&self, _configurations: &[&Config]) -> Result<Vec<String>, String> {
        Ok(Vec::new())
    }
}

impl Sites for NoCertificates {
    fn prepare(&self, _server: &Server) -> Result<Opening, String> {
        Ok(Opening::new(|| {}))
    }
}
