//! Whether auth services answer, for all cores, and what the log is told when one does not and when it does again. What is told is
//! decided in `model::outage`.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::model::clock::Moment;
use crate::model::outage::{Failure, Notice, Outages};
use crate::model::slot::Address;
use crate::proxy::message::unanswered::Unanswered;

/// Every auth service that the configuration names, by its address.
#[derive(Default)]
pub(crate) struct Standings(Mutex<HashMap<Address, Arc<Standing>>>);

/// Whether one of them answers.
pub(crate) struct Standing {
    address: Address,
    /// What moments are counted from.
    epoch: Instant,
    /// Whether `outages` has something to say: while there is nothing wrong, no question takes the lock.
    is_troubled: AtomicBool,
    outages: Mutex<Outages>,
}

impl Standings {
    /// That of the service at an address. Called where a view is made: no request waits for this.
    pub(crate) fn of(&self, address: &Address) -> Arc<Standing> {
        let mut standings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that nobody asks any more, since a reload.
        standings.retain(|_, kept| Arc::strong_count(kept) > 1);
        let standing = standings.entry(address.clone());
        let standing = standing.or_insert_with(|| Arc::new(Standing::new(address.clone())));
        standing.clone()
    }
}

impl Standing {
    fn new(address: Address) -> Self {
        Self {
            address,
            epoch: Instant::now(),
            is_troubled: AtomicBool::new(false),
            outages: Mutex::default(),
        }
    }

    /// A question was not answered, and its request is answered with 503.
    pub(super) fn failed(&self, why: &Unanswered) {
        let failure = if why.is_absence() {
            Failure::Unreachable
        } else {
            Failure::Unanswered
        };
        let mut outages = self.lock();
        self.is_troubled.store(true, Ordering::Relaxed);
        let notice = outages.failed(&self.address, failure, self.now());
        outages.refused(1);
        drop(outages);
        self.report(notice, why.reason());
    }

    /// A question that was asked at this moment was answered.
    pub(super) fn answered(&self, asked: Instant) {
        if !self.is_troubled.load(Ordering::Relaxed) {
            return;
        }
        let mut outages = self.lock();
        let asked = asked.saturating_duration_since(self.epoch);
        let notice = outages.answered(&self.address, asked, self.now());
        self.is_troubled.store(outages.is_anybody_away(), Ordering::Relaxed);
        drop(outages);
        self.report(notice, "");
    }

    fn report(&self, notice: Option<Notice>, cause: &str) {
        let address = &self.address;
        match notice {
            None => {}
            Some(Notice::Away { since, untold }) => {
                let since = since.written();
                tracing::warn!(%address, since, untold, "the auth service does not answer: {cause}");
            }
            Some(Notice::Back(absence) | Notice::Replaced(absence)) => {
                let (after, refused) = (seconds(absence.lasted), absence.refused);
                tracing::info!(%address, after, refused, "the auth service answers again");
            }
        }
    }

    fn now(&self) -> Moment {
        Moment {
            at: self.epoch.elapsed(),
            wall: jiff::Timestamp::now(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Outages> {
        self.outages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}
