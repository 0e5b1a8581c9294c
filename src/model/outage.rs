//! Which instances of a service do not serve, and what the log is told of it (F6): one line when an instance goes away, one when it is
//! back, and no more than that in a minute.
//!
//! ```text
//! serving → failed, for certain → away, told → serves → back, told
//!                               → away, not told: another line came less than a minute ago; told when it lasts
//! ```
//!
//! Only failures that nobody has planned are to be brought here: what is paused or under maintenance is away by its operator's will.

use std::collections::BTreeMap;
use std::time::Duration;

use super::clock::Moment;
use super::slot::Address;

/// From one line about an instance that goes away to the next.
const APART: Duration = Duration::from_secs(60);
/// Looks in a row that have to go unanswered: one may only have come in a bad moment.
const UNANSWERED: u32 = 2;

/// How an instance fails to serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// No connection can be made.
    Unreachable,
    /// It gave no answer to what it was asked.
    Unanswered,
}

/// What the log is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// An instance is away.
    Away {
        /// Since when.
        since: Moment,
        /// Absences before this one that were not told, because they were short and close together.
        untold: u64,
    },
    /// It serves again.
    Back(Absence),
    /// It is in use no longer: another one has taken its place.
    Replaced(Absence),
}

/// An absence that is over, and what it meant to the requests of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Absence {
    /// How long the instance was away.
    pub lasted: Duration,
    /// Requests that waited for it.
    pub held: u64,
    /// Requests that were answered with 503 for it.
    pub refused: u64,
}

/// The instances of one service that are away, or were lately.
#[derive(Debug, Default)]
pub struct Outages {
    /// No more than there are instances in use: see [`Outages::keep`].
    instances: BTreeMap<Address, Instance>,
    held: u64,
    refused: u64,
}

#[derive(Debug, Default)]
struct Instance {
    away: Option<Away>,
    /// No line about it before this moment.
    quiet_until: Duration,
    untold: u64,
}

#[derive(Debug, Clone, Copy)]
struct Away {
    since: Moment,
    failure: Failure,
    seen: u32,
    told: bool,
}

impl Outages {
    /// An instance that should serve was seen failing.
    pub fn failed(&mut self, address: &Address, failure: Failure, now: Moment) -> Option<Notice> {
        if !self.instances.contains_key(address) {
            self.instances.insert(address.clone(), Instance::default());
        }
        let instance = self.instances.get_mut(address)?;
        let away = instance.away.get_or_insert(Away {
            since: now,
            failure,
            seen: 0,
            told: false,
        });
        if failure == Failure::Unreachable {
            away.failure = failure;
        }
        away.seen = away.seen.saturating_add(1);
        let certain = failure == Failure::Unreachable || away.seen >= UNANSWERED;
        if away.told || !certain || now.at < instance.quiet_until {
            return None;
        }
        away.told = true;
        instance.quiet_until = now.at.saturating_add(APART);
        Some(Notice::Away {
            since: away.since,
            untold: std::mem::take(&mut instance.untold),
        })
    }

    /// A connection could be made. Of an instance that only gave no answer that proves nothing.
    pub fn connected(&mut self, address: &Address, now: Moment) -> Option<Notice> {
        let instance = self.instances.get(address)?;
        let proves = instance.away.is_some_and(|away| away.failure == Failure::Unreachable);
        proves.then(|| self.serves(address, now)).flatten()
    }

    /// An instance has answered what it was asked at `asked`, on the clock of `now.at`.
    pub fn answered(&mut self, address: &Address, asked: Duration, now: Moment) -> Option<Notice> {
        let later = |away: Away| away.since.at > asked;
        let went_since = self.instances.get(address).and_then(|it| it.away).is_some_and(later);
        if went_since { None } else { self.serves(address, now) }
    }

    /// Forgets the instances that are not in use any more. Returns what is told of those that were away.
    pub fn keep(&mut self, in_use: &[Address], now: Moment) -> Vec<(Address, Notice)> {
        let gone: Vec<_> = self
            .instances
            .extract_if(.., |address, _| !in_use.contains(address))
            .collect();
        let told = gone.into_iter().filter_map(|(address, instance)| {
            let away = instance.away.filter(|away| away.told)?;
            let absence = self.end(away, now);
            Some((address, Notice::Replaced(absence)))
        });
        told.collect()
    }

    /// A request waits for an instance.
    pub fn held(&mut self) {
        self.held = self.held.saturating_add(1);
    }

    /// Requests were answered with 503, because no instance serves.
    pub fn refused(&mut self, requests: usize) {
        self.refused = self.refused.saturating_add(requests as u64);
    }

    /// Whether an instance is away, as far as was seen.
    #[must_use]
    pub fn is_anybody_away(&self) -> bool {
        self.instances.values().any(|instance| instance.away.is_some())
    }

    fn serves(&mut self, address: &Address, now: Moment) -> Option<Notice> {
        let instance = self.instances.get_mut(address);
        let away = instance.and_then(|instance| {
            let away = instance.away.take()?;
            instance.untold += u64::from(!away.told && away.failure == Failure::Unreachable);
            Some(away)
        });
        let notice = away
            .filter(|away| away.told)
            .map(|away| Notice::Back(self.end(away, now)));
        if !self.is_anybody_away() {
            (self.held, self.refused) = (0, 0);
        }
        notice
    }

    fn end(&self, away: Away, now: Moment) -> Absence {
        Absence {
            lasted: now.at.saturating_sub(away.since.at),
            held: self.held,
            refused: self.refused,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Moment {
        let wall = jiff::Timestamp::from_millisecond(1_800_000_000_000 + i64::try_from(millis).unwrap()).unwrap();
        Moment {
            at: Duration::from_millis(millis),
            wall,
        }
    }

    fn app(port: u16) -> Address {
        port.to_string().parse().unwrap()
    }

    fn away(since: u64, untold: u64) -> Option<Notice> {
        Some(Notice::Away {
            since: at(since),
            untold,
        })
    }

    fn absence(millis: u64, held: u64, refused: u64) -> Absence {
        Absence {
            lasted: Duration::from_millis(millis),
            held,
            refused,
        }
    }

    #[test]
    fn f6_an_absence_has_one_line_at_its_beginning_and_one_at_its_end() {
        let (mut outages, app) = (Outages::default(), app(3000));
        outages.held();
        assert_eq!(outages.failed(&app, Failure::Unreachable, at(10)), away(10, 0));
        for millis in 20..5_000 {
            assert_eq!(outages.failed(&app, Failure::Unreachable, at(millis)), None);
        }
        outages.held();
        outages.refused(3);
        assert_eq!(
            outages.connected(&app, at(180_010)),
            Some(Notice::Back(absence(180_000, 2, 3)))
        );
        assert_eq!(outages.connected(&app, at(180_020)), None);
        assert_eq!(
            outages.failed(&app, Failure::Unreachable, at(190_000)),
            away(190_000, 0)
        );
        assert_eq!(
            outages.answered(&app, at(190_500).at, at(191_000)),
            Some(Notice::Back(absence(1_000, 0, 0))),
            "every absence is counted by itself"
        );
    }

    #[test]
    fn f6_an_app_that_comes_and_goes_has_two_lines_a_minute() {
        let (mut outages, app) = (Outages::default(), app(3000));
        let mut lines = 0;
        for second in 0..600 {
            let now = at(second * 1_000);
            lines += u64::from(outages.failed(&app, Failure::Unreachable, now).is_some());
            lines += u64::from(outages.connected(&app, at(second * 1_000 + 500)).is_some());
        }
        assert_eq!(lines, 20);
        assert_eq!(
            outages.failed(&app, Failure::Unreachable, at(600_000)),
            away(600_000, 59)
        );
    }

    #[test]
    fn f6_an_absence_that_lasts_is_told_although_it_came_soon_after_another() {
        let (mut outages, app) = (Outages::default(), app(3000));
        assert!(outages.failed(&app, Failure::Unreachable, at(0)).is_some());
        assert!(outages.connected(&app, at(1_000)).is_some());
        assert_eq!(outages.failed(&app, Failure::Unreachable, at(2_000)), None);
        assert_eq!(outages.failed(&app, Failure::Unreachable, at(59_999)), None);
        assert_eq!(outages.failed(&app, Failure::Unreachable, at(60_000)), away(2_000, 0));
    }

    #[test]
    fn f6_one_look_without_an_answer_is_no_absence_and_a_connection_is_no_answer() {
        let (mut outages, app) = (Outages::default(), app(3000));
        assert_eq!(outages.failed(&app, Failure::Unanswered, at(0)), None);
        assert_eq!(outages.answered(&app, at(4_000).at, at(5_000)), None);
        assert_eq!(outages.failed(&app, Failure::Unanswered, at(10_000)), None);
        assert_eq!(outages.failed(&app, Failure::Unanswered, at(15_000)), away(10_000, 0));
        assert_eq!(outages.connected(&app, at(16_000)), None);
        assert_eq!(
            outages.answered(&app, at(19_000).at, at(20_000)),
            Some(Notice::Back(absence(10_000, 0, 0)))
        );
    }

    #[test]
    fn f6_an_answer_from_before_the_absence_does_not_end_it() {
        let (mut outages, app) = (Outages::default(), app(3000));
        assert!(outages.failed(&app, Failure::Unreachable, at(100)).is_some());
        assert_eq!(outages.answered(&app, at(99).at, at(101)), None);
        assert!(outages.answered(&app, at(101).at, at(102)).is_some());
    }

    #[test]
    fn f6_instances_go_and_come_by_themselves_and_one_that_is_replaced_is_told_of() {
        let (mut outages, one, two) = (Outages::default(), app(3000), app(3001));
        assert!(outages.failed(&one, Failure::Unreachable, at(0)).is_some());
        assert!(outages.failed(&two, Failure::Unreachable, at(0)).is_some());
        outages.refused(1);
        assert_eq!(
            outages.connected(&one, at(1_000)),
            Some(Notice::Back(absence(1_000, 0, 1)))
        );
        assert_eq!(outages.keep(&[one.clone(), two.clone()], at(2_000)), []);
        assert_eq!(
            outages.keep(std::slice::from_ref(&one), at(3_000)),
            [(two, Notice::Replaced(absence(3_000, 0, 1)))]
        );
        assert_eq!(outages.instances.len(), 1);
        assert_eq!(outages.keep(&[], at(4_000)), []);
        assert!(outages.instances.is_empty());
    }
}
