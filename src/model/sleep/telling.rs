//! What is told of a sleep.

use std::time::Duration;

use super::messages::{Effect, refused};
use super::sleep::Sleep;
use crate::model::api::{Event, SleepStep, exit, millis};

impl Sleep {
    pub(super) fn cannot(&self, operation: u64) -> Effect {
        let name = &self.environment;
        let reason = format!("`{name}` has no `sleep`");
        let hint = format!(
            "write `sleep = {{ after = \"20m\", start = \"…\", stop = \"…\" }}` under `[env.{name}]`, then `proxyctl reload`"
        );
        refused(operation, exit::USAGE, reason, Some(hint))
    }

    pub(super) fn falling_asleep(&self, operation: u64, idle: Option<Duration>) -> Event {
        Event::Sleep(SleepStep::FallingAsleep {
            operation,
            environment: self.environment.clone(),
            idle_ms: idle.map(millis),
        })
    }

    pub(super) fn asleep(&self, elapsed: Duration, already: bool) -> Event {
        Event::Sleep(SleepStep::Asleep {
            environment: self.environment.clone(),
            since: self.slept.since.clone().unwrap_or_default(),
            elapsed_ms: millis(elapsed),
            already,
        })
    }

    pub(super) fn waking(&self, operation: u64) -> Event {
        Event::Sleep(SleepStep::Waking {
            operation,
            environment: self.environment.clone(),
        })
    }

    pub(super) fn awake(&self, elapsed: Duration, already: bool) -> Event {
        Event::Sleep(SleepStep::Awake {
            environment: self.environment.clone(),
            elapsed_ms: millis(elapsed),
            already,
        })
    }
}
