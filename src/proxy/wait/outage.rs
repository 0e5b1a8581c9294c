//! Tells the log when an app, or a folder in its place, goes away and when it is back (F6). What is told is decided in `model::outage`.

use std::time::Duration;

use tokio::time::Instant;

use super::queue::Queue;
use crate::model::outage::{Absence, Failure, Notice};
use crate::model::slot::Address;

/// What a look at an instance has shown.
#[derive(Debug, Clone)]
pub enum Sign {
    /// It gave no answer, and how that was seen.
    Unanswered(String),
    /// It answered what it was asked at this moment.
    Answered(Instant),
}

impl Queue {
    /// An instance that should be there could not be connected to, or it could.
    pub(crate) fn tried(&self, address: &Address, tried: Result<(), &str>) {
        let mut state = self.lock();
        let now = self.now();
        let notice = match tried {
            Ok(()) => state.outages.connected(address, now),
            Err(_) => state.outages.failed(address, Failure::Unreachable, now),
        };
        drop(state);
        self.report(address, notice, tried.err().unwrap_or_default());
    }

    /// The control plane has looked at an instance that should be there.
    pub(super) fn looked(&self, address: &Address, sign: &Sign) {
        let mut state = self.lock();
        let (now, outages) = (self.now(), &mut state.outages);
        let (notice, cause) = match sign {
            Sign::Unanswered(cause) => (outages.failed(address, Failure::Unanswered, now), cause.as_str()),
            Sign::Answered(asked) => (outages.answered(address, self.at(*asked), now), ""),
        };
        drop(state);
        self.report(address, notice, cause);
    }

    /// The instances that serve from now on.
    pub(super) fn keep(&self, in_use: &[Address]) {
        let gone = self.lock().outages.keep(in_use, self.now());
        for (address, notice) in gone {
            self.report(&address, Some(notice), "");
        }
    }

    /// A request that does not wait was answered with 503.
    pub(crate) fn refused_at_once(&self) {
        self.lock().outages.refused(1);
    }

    fn report(&self, address: &Address, notice: Option<Notice>, cause: &str) {
        let (environment, service) = (&*self.environment, &*self.service);
        let what = if address.folder().is_some() { "folder" } else { "app" };
        match notice {
            None => {}
            Some(Notice::Away { since, untold }) => {
                let since = since.written();
                tracing::warn!(environment, service, %address, since, untold, "the {what} is away: {cause}");
            }
            Some(Notice::Back(Absence { lasted, held, refused })) => {
                let after = seconds(lasted);
                tracing::info!(environment, service, %address, after, held, refused, "the {what} is back");
            }
            Some(Notice::Replaced(Absence { lasted, held, refused })) => {
                let after = seconds(lasted);
                tracing::info!(
                    environment,
                    service,
                    %address,
                    after,
                    held,
                    refused,
                    "the {what} that was away is not in use any more"
                );
            }
        }
    }
}

/// `0.4 s`, `185 s`.
fn seconds(time: Duration) -> String {
    if time < Duration::from_secs(10) {
        format!("{:.1} s", time.as_secs_f64())
    } else {
        format!("{} s", time.as_secs())
    }
}
