//! What every slot has done since the process began. A slot is live more than once, and each of its live periods counts for itself;
//! here they are added up, so that what is counted never goes back while the process lives.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crossbeam_utils::CachePadded;

use super::counters::{CoreCounters, Counters};
use super::outcomes::Outcomes;
use crate::model::slot::Slot;

/// The counters of one live period, one set for each core.
pub type PerCore = Arc<[CachePadded<CoreCounters>]>;

/// Whose counters they are.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Whose {
    /// The environment's name.
    pub environment: Arc<str>,
    /// The service's name.
    pub service: Arc<str>,
    /// The slot.
    pub slot: Slot,
}

/// The totals of all slots. A clone is another handle of the same ones.
#[derive(Debug, Clone)]
pub struct Totals {
    cores: usize,
    slots: Arc<Mutex<BTreeMap<Whose, Total>>>,
}

/// Of one slot.
#[derive(Debug, Default)]
struct Total {
    /// What live periods have counted that nothing belongs to any more.
    over: Counters,
    /// Likewise, if anything was asked of it.
    over_in_detail: Option<Box<Outcomes>>,
    /// Those to which something may still belong.
    open: Vec<PerCore>,
}

impl Total {
    /// Adds up what is over: nobody else has these counters, so that nothing can be counted there any more.
    fn fold(&mut self) {
        for mut counters in std::mem::take(&mut self.open) {
            if Arc::get_mut(&mut counters).is_some() {
                self.over.merge(&sum(&counters));
                for outcomes in counters.iter().filter_map(|core| core.outcomes()) {
                    self.over_in_detail.get_or_insert_default().add(outcomes);
                }
            } else {
                self.open.push(counters);
            }
        }
    }

    fn read(&self) -> Counters {
        let mut all = self.over.clone();
        for counters in &self.open {
            all.merge(&sum(counters));
        }
        all
    }

    fn read_in_detail(&self) -> Outcomes {
        let mut all = self.over_in_detail.as_deref().cloned().unwrap_or_default();
        let open = self.open.iter().flat_map(|counters| counters.iter());
        open.filter_map(|core| core.outcomes()).for_each(|core| all.add(core));
        all
    }
}

impl Totals {
    /// Those of a data plane with so many cores.
    #[must_use]
    pub fn new(cores: usize) -> Self {
        Self {
            cores,
            slots: Arc::default(),
        }
    }

    /// Counters for a new live period; they count for the slot until nobody has them any more.
    #[must_use]
    pub fn open(&self, whose: Whose) -> PerCore {
        let counters: PerCore = (0..self.cores).map(|_| CachePadded::default()).collect();
        let mut slots = self.slots();
        let total = slots.entry(whose).or_default();
        // An environment that is paused every night would otherwise keep every night's.
        total.fold();
        total.open.push(counters.clone());
        counters
    }

    /// Of every slot that was live, in the order of their names.
    #[must_use]
    pub fn read(&self) -> Vec<(Whose, Counters)> {
        let slots = self.slots();
        let read = slots.iter().map(|(whose, total)| (whose.clone(), total.read()));
        read.collect()
    }

    /// The same, with how exchanges have ended.
    #[must_use]
    pub fn read_in_detail(&self) -> Vec<(Whose, Counters, Outcomes)> {
        let slots = self.slots();
        let read = slots
            .iter()
            .map(|(whose, total)| (whose.clone(), total.read(), total.read_in_detail()));
        read.collect()
    }

    /// Forgets slots that are not in the configuration any more, once nothing belongs to them.
    pub fn keep(&self, is_known: impl Fn(&Whose) -> bool) {
        self.slots().retain(|whose, total| {
            total.fold();
            !total.open.is_empty() || is_known(whose)
        });
    }

    fn slots(&self) -> MutexGuard<'_, BTreeMap<Whose, Total>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn sum(counters: &PerCore) -> Counters {
    Counters::sum(counters.iter().map(|padded| &**padded))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::outcomes::Ended;

    fn whose(service: &str, slot: Slot) -> Whose {
        Whose {
            environment: "prod".into(),
            service: service.into(),
            slot,
        }
    }

    fn requests(totals: &Totals) -> Vec<(String, Slot, u64)> {
        let read = totals.read().into_iter();
        read.map(|(whose, counters)| (whose.service.to_string(), whose.slot, counters.requests))
            .collect()
    }

    #[test]
    fn a_slot_that_is_live_again_counts_on() {
        let totals = Totals::new(2);
        let first = totals.open(whose("web", Slot::Blue));
        first[0].answered(&Ended::good(b"GET", 200, 10));
        first[1].answered(&Ended::good(b"GET", 200, 10));
        let other = totals.open(whose("web", Slot::Green));
        other[1].answered(&Ended::good(b"GET", 200, 10));
        let again = totals.open(whose("web", Slot::Blue));
        again[0].answered(&Ended::good(b"GET", 200, 10));
        // What was begun in the first period may end in the second.
        first[0].answered(&Ended::good(b"GET", 200, 10));
        let now = vec![("web".to_owned(), Slot::Blue, 4), ("web".to_owned(), Slot::Green, 1)];
        assert_eq!(requests(&totals), now);
        drop((first, again));
        assert_eq!(requests(&totals), now);
    }

    #[test]
    fn periods_that_are_over_take_no_room() {
        let totals = Totals::new(1);
        for _ in 0..1000 {
            totals.open(whose("web", Slot::Blue))[0].answered(&Ended::good(b"GET", 200, 10));
        }
        assert_eq!(requests(&totals), [("web".to_owned(), Slot::Blue, 1000)]);
        let slots = totals.slots();
        assert_eq!(slots[&whose("web", Slot::Blue)].open.len(), 1);
    }

    #[test]
    fn what_left_the_configuration_is_forgotten_when_its_last_request_has_ended() {
        let totals = Totals::new(1);
        let (web, api) = (
            totals.open(whose("web", Slot::Blue)),
            totals.open(whose("api", Slot::Blue)),
        );
        let is_known = |whose: &Whose| &*whose.service == "api";
        totals.keep(is_known);
        assert_eq!(requests(&totals).len(), 2);
        drop((web, api));
        totals.keep(is_known);
        assert_eq!(requests(&totals), [("api".to_owned(), Slot::Blue, 0)]);
    }
}
