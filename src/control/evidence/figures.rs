//! Reads the counters for a swap: what the old side did before the switch, and what both sides did since.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::config::Service;
use crate::model::api::{Move, Traffic};
use crate::model::bake::Sample;
use crate::model::switch;
use crate::proxy::{Activation, Snapshot};
use crate::telemetry::Counters;

/// How many readings of one activation are kept: a longer bake window has coarser ones.
const READINGS: u32 = 64;

/// Readings of live sides, so that a bake window can be compared with as long a time before the switch.
#[derive(Debug, Default)]
pub(in crate::control) struct Past {
    readings: HashMap<u64, VecDeque<(Instant, Counters)>>,
}

impl Past {
    /// Reads the counters of everything that is live and would be baked; forgets what is not live any more.
    pub(in crate::control) fn read(&mut self, snapshot: &Snapshot, now: Instant) {
        let live = |id: &u64| snapshot.services().iter().any(|live| live.activation.id == *id);
        self.readings.retain(|id, _| live(id));
        for live in snapshot.services() {
            let Some(bake) = live.service.bake else {
                continue;
            };
            let readings = self.readings.entry(live.activation.id).or_default();
            let apart = bake.period / READINGS;
            if readings.back().is_none_or(|(at, _)| now.duration_since(*at) >= apart) {
                readings.push_back((now, live.activation.counters()));
            }
            // The youngest reading that is old enough is kept, to measure from.
            while readings
                .get(1)
                .is_some_and(|(at, _)| now.duration_since(*at) >= bake.period)
            {
                readings.pop_front();
            }
        }
    }

    /// What an activation did in about the last `period`, or since its start.
    fn last(&self, activation: &Activation, period: Duration, now: Instant) -> Counters {
        let counters = activation.counters();
        let readings = self.readings.get(&activation.id);
        let from =
            readings.and_then(|readings| readings.iter().rev().find(|(at, _)| now.duration_since(*at) >= period));
        match from {
            Some((_, then)) => counters.since(then),
            None => counters,
        }
    }
}

/// One published generation of an environment.
#[derive(Debug)]
pub(in crate::control) struct Publication {
    /// The new sides, in the order of the switch's services.
    new: Vec<Arc<Activation>>,
    /// The old sides before it.
    before: Vec<Counters>,
    /// Everything that serves the environment, with its counters of that moment.
    serving: Vec<(Arc<Activation>, Counters)>,
    /// The counters since then of activations that have drained.
    over: Counters,
}

impl Publication {
    /// Reads everything just before the switch. `fixed` are the services with one side.
    pub(in crate::control) fn new(
        past: &Past,
        services: &[Arc<Service>],
        (old, new): (&[Arc<Activation>], Vec<Arc<Activation>>),
        fixed: impl Iterator<Item = Arc<Activation>>,
        now: Instant,
    ) -> Self {
        let longest = services
            .iter()
            .filter_map(|service| service.bake)
            .map(|bake| bake.period)
            .max();
        let period = longest.unwrap_or_default();
        let before = old
            .iter()
            .map(|activation| past.last(activation, period, now))
            .collect();
        let serving = old.iter().chain(&new).cloned().chain(fixed);
        let serving = serving.map(|activation| {
            let counters = activation.counters();
            (activation, counters)
        });
        Self {
            serving: serving.collect(),
            new,
            before,
            over: Counters::default(),
        }
    }

    /// Counts an activation that serves the environment too, from now on.
    pub(in crate::control) fn also(&mut self, activation: &Arc<Activation>) {
        // An environment that is paused every night would otherwise keep every night's.
        let over = self.serving.extract_if(.., |(known, _)| known.is_drained());
        for (known, then) in over {
            self.over.merge(&known.counters().since(&then));
        }
        if !self.serving.iter().any(|(known, _)| Arc::ptr_eq(known, activation)) {
            self.serving.push((activation.clone(), activation.counters()));
        }
    }

    /// What each service's two sides did.
    pub(in crate::control) fn figures(&self) -> Vec<switch::Figures> {
        let pairs = self.new.iter().zip(&self.before);
        pairs
            .map(|(new, before)| switch::Figures {
                new: sample(&new.counters()),
                before: sample(before),
            })
            .collect()
    }

    /// What the new sides did since the switch.
    pub(in crate::control) fn traffic(&self) -> Traffic {
        sum(self.new.iter().map(|new| new.counters())).traffic()
    }

    /// What the old sides did before it.
    pub(in crate::control) fn before(&self) -> Traffic {
        sum(self.before.iter().cloned()).traffic()
    }

    /// What the whole environment did since it.
    pub(in crate::control) fn served(&self) -> Traffic {
        let since = self
            .serving
            .iter()
            .map(|(activation, then)| activation.counters().since(then));
        sum(since.chain([self.over.clone()])).traffic()
    }
}

/// The activations that are about to be replaced, in the order of the moves.
pub(in crate::control) fn activations_of(
    snapshot: &Snapshot,
    environment: &str,
    moves: &[Move],
) -> Vec<Arc<Activation>> {
    let find = |step: &Move| {
        let mut all = snapshot.services().iter().map(|live| &live.activation);
        all.find(|it| *it.environment == *environment && *it.service == *step.service)
            .cloned()
    };
    moves.iter().filter_map(find).collect()
}

fn sum(all: impl Iterator<Item = Counters>) -> Counters {
    let mut sum = Counters::default();
    for counters in all {
        sum.merge(&counters);
    }
    sum
}

fn sample(counters: &Counters) -> Sample {
    Sample {
        requests: counters.requests,
        app_errors: counters.app_errors,
        proxy_errors: counters.proxy_errors,
        absences: counters.absences,
        connect_failures: counters.connect_failures,
    }
}
