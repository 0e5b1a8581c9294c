//! Looks at the counters once a second, so that charts can show what was done lately (`telemetry::series`).

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use super::served::Current;
use crate::config;
use crate::model::api::{self, Range, SeriesStatus};
use crate::proxy::{DataPlane, Live, Routing};
use crate::telemetry::{Actor, Counters, Deeds, Series, Totals, Whose};

/// Between two looks.
const SECOND: Duration = Duration::from_secs(1);
/// After a longer pause, as of a machine that slept, the seconds of it are not made up for.
const MISSED: u32 = 60;

/// What was seen. A clone is another handle of the same.
#[derive(Debug, Clone)]
pub(super) struct Sampler {
    totals: Totals,
    routing: Arc<Routing>,
    plane: Arc<DataPlane>,
    current: Current,
    seen: Rc<RefCell<Seen>>,
    /// How many looks there were.
    looks: Rc<watch::Sender<u64>>,
}

#[derive(Debug, Default)]
struct Seen {
    /// What every slot had counted at the last look.
    before: BTreeMap<Whose, Counters>,
    series: Series,
}

impl Sampler {
    /// Nothing was seen yet.
    pub(super) fn new(totals: Totals, routing: Arc<Routing>, plane: Arc<DataPlane>, current: Current) -> Self {
        Self {
            totals,
            routing,
            plane,
            current,
            seen: Rc::default(),
            looks: Rc::default(),
        }
    }

    /// Looks once a second, for ever.
    pub(super) async fn look_every_second(self) {
        let mut ticks = tokio::time::interval(SECOND);
        // A late look is made up for, so that a minute has sixty steps.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        loop {
            let due = ticks.tick().await;
            if due.elapsed() > SECOND * MISSED {
                ticks.reset();
            }
            self.look();
        }
    }

    /// How many looks there were, each of which adds a step; for who wants to see every one.
    pub(super) fn looks(&self) -> watch::Receiver<u64> {
        self.looks.subscribe()
    }

    /// What was done lately.
    pub(super) fn series(&self, range: Range) -> api::Series {
        let now = jiff::Timestamp::now().as_second();
        self.seen.borrow().series.shown(range, now)
    }

    /// What that takes.
    pub(super) fn status(&self) -> SeriesStatus {
        self.seen.borrow().series.status()
    }

    fn look(&self) {
        let mut seen = self.seen.borrow_mut();
        let mut services = self.counted(&mut seen.before);
        for live in self.routing.load().services() {
            let deeds = services.entry(names(&live.service)).or_default();
            (deeds.held, deeds.in_flight) = self.now(live);
        }
        let served = self.current.load();
        let all = served.config.environments.iter().flat_map(|environment| {
            let own: Vec<_> = environment
                .services
                .iter()
                .map(|service| services.remove(&names(service)).unwrap_or_default())
                .collect();
            let mut whole = Deeds::default();
            own.iter().for_each(|deeds| whole.merge(deeds));
            let apart = environment.services.iter().zip(own);
            let apart = apart.filter(|_| environment.services.len() > 1);
            let apart = apart.map(|(service, deeds)| (actor(environment, Some(&service.name)), deeds));
            let whole = (actor(environment, None), whole);
            std::iter::once(whole).chain(apart).collect::<Vec<_>>()
        });
        let all = all.collect();
        seen.series.second(all);
        self.looks.send_modify(|looks| *looks += 1);
    }

    /// What every service has counted since the last look.
    fn counted(&self, before: &mut BTreeMap<Whose, Counters>) -> BTreeMap<(Arc<str>, Arc<str>), Deeds> {
        let mut services: BTreeMap<_, Deeds> = BTreeMap::new();
        let now: BTreeMap<_, _> = self.totals.read().into_iter().collect();
        for (whose, counters) in &now {
            let since = match before.get(whose) {
                // One that was forgotten and came back counts from zero.
                Some(then) if then.requests <= counters.requests => counters.since(then),
                Some(_) | None => counters.clone(),
            };
            let names = (whose.environment.clone(), whose.service.clone());
            services.entry(names).or_default().count(whose.slot, &since);
        }
        *before = now;
        services
    }

    /// Requests that wait, and what is under way.
    fn now(&self, live: &Live) -> (u64, u64) {
        let waiting = self.plane.waiting(&live.service.environment, &live.service.name);
        let (requests, streams) = live.activation.in_flight();
        (waiting.held as u64, requests + streams)
    }
}

fn names(service: &config::Service) -> (Arc<str>, Arc<str>) {
    (service.environment.clone(), service.name.clone())
}

fn actor(environment: &config::Environment, service: Option<&Arc<str>>) -> Actor {
    Actor {
        environment: environment.name.to_string(),
        service: service.map(ToString::to_string),
    }
}
