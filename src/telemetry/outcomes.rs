//! How exchanges have ended, in as much detail as metrics show: by method and status, by duration, and by reason where they failed.
//!
//! All of it is closed lists, so that no client and no app can make it grow: other methods count as one, and a status that no list
//! has counts by its class.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use super::counter::add;
use crate::model::termination::{Termination, Who};

/// The methods of RFC 9110 §9 and RFC 5789, and one for all others, as OpenTelemetry calls it.
const METHODS: [&str; 10] = [
    "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "TRACE", "_OTHER",
];

/// Statuses that are counted apart: those of IANA's registry, and those that servers and frameworks are known for.
const STATUSES: [u16; 87] = [
    100, 101, 102, 103, 104, 200, 201, 202, 203, 204, 205, 206, 207, 208, 218, 226, 300, 301, 302, 303, 304, 305, 306,
    307, 308, 400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417, 418, 419, 420,
    421, 422, 423, 424, 425, 426, 428, 429, 430, 431, 440, 444, 449, 450, 451, 495, 496, 497, 498, 499, 500, 501, 502,
    503, 504, 505, 506, 507, 508, 509, 510, 511, 520, 521, 522, 523, 524, 525, 526, 529, 530,
];
/// Behind them: no answer, the classes 1 to 5 for statuses in no list, and whatever is no status at all.
const CLASSES: [&str; 7] = ["none", "1xx", "2xx", "3xx", "4xx", "5xx", "_OTHER"];
const PLACES: usize = STATUSES.len() + CLASSES.len();

/// Upper ends of the buckets of durations, in microseconds: those of OpenTelemetry's `http.server.request.duration`.
pub const BOUNDS: [u64; 14] = [
    5_000, 10_000, 25_000, 50_000, 75_000, 100_000, 250_000, 500_000, 750_000, 1_000_000, 2_500_000, 5_000_000,
    7_500_000, 10_000_000,
];

/// Of an error that no termination tells: the app has answered with it.
const ANSWERED: usize = Termination::ALL.len();
const REASONS: usize = ANSWERED + 1;

/// By status from 0 to 999, its place.
const PLACE: [u8; 1000] = {
    let mut places = [0; 1000];
    let mut status = 0;
    while status < places.len() {
        #[expect(clippy::cast_possible_truncation, reason = "fewer than 256 places")]
        let place = STATUSES.len() as u8 + class_of(status);
        places[status] = place;
        status += 1;
    }
    let mut known = 0;
    while known < STATUSES.len() {
        #[expect(clippy::cast_possible_truncation, reason = "fewer than 256 places")]
        let place = known as u8;
        places[STATUSES[known] as usize] = place;
        known += 1;
    }
    places
};

/// By its place among [`CLASSES`].
const fn class_of(status: usize) -> u8 {
    match status {
        0 => 0,
        100..=199 => 1,
        200..=299 => 2,
        300..=399 => 3,
        400..=499 => 4,
        500..=599 => 5,
        _ => 6,
    }
}

/// Whose fault it is that a request failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorFrom {
    /// The app's: it answered with 500 to 599, gave no answer that could be used, or broke one off.
    App,
    /// The app's: it was not there to be asked.
    Absence,
    /// The proxy's own: it answered with 500 to 599 for a reason of its own.
    Proxy,
    /// The client's: what it sent, or that it went away.
    Client,
}

/// An exchange that has ended.
#[derive(Debug, Clone, Copy)]
pub struct Ended<'e> {
    /// As the client wrote it; empty when nobody could read it.
    pub method: &'e [u8],
    /// What the client was answered with; 0 when it was not.
    pub status: u16,
    /// From its head to its last byte, in microseconds.
    pub micros: u64,
    /// What of that it has waited for its app, in microseconds.
    pub held_micros: u64,
    /// Whose error it is, if it is one.
    pub error: Option<ErrorFrom>,
    /// How it has ended.
    pub termination: Termination,
}

impl<'e> Ended<'e> {
    /// As it was meant to.
    #[must_use]
    pub fn good(method: &'e [u8], status: u16, micros: u64) -> Self {
        Self {
            method,
            status,
            micros,
            held_micros: 0,
            error: None,
            termination: Termination::Done,
        }
    }

    /// The place of its reason, if it is an error.
    fn reason(&self) -> Option<usize> {
        let who = match self.error? {
            ErrorFrom::App | ErrorFrom::Absence => Who::App,
            ErrorFrom::Proxy => Who::Proxy,
            ErrorFrom::Client => Who::Client,
        };
        // Where somebody else ended it, its answer is what was wrong.
        let told = self.termination.who() == Some(who);
        Some(if told { self.termination as usize } else { ANSWERED })
    }
}

/// Those of one core.
#[derive(Debug)]
pub(super) struct CoreOutcomes {
    /// By method; made when one is first seen.
    methods: [OnceLock<Box<[AtomicU64; PLACES]>>; METHODS.len()],
    classes: [CoreDurations; CLASSES.len()],
    reasons: [AtomicU64; REASONS],
    held_micros: AtomicU64,
}

/// Durations of the answers of a class.
#[derive(Debug)]
struct CoreDurations {
    /// Those within each bound, and behind them those beyond the last.
    buckets: [AtomicU64; BOUNDS.len() + 1],
    micros: AtomicU64,
}

impl Default for CoreOutcomes {
    fn default() -> Self {
        Self {
            methods: [const { OnceLock::new() }; METHODS.len()],
            classes: [const {
                CoreDurations {
                    buckets: [const { AtomicU64::new(0) }; BOUNDS.len() + 1],
                    micros: AtomicU64::new(0),
                }
            }; CLASSES.len()],
            reasons: [const { AtomicU64::new(0) }; REASONS],
            held_micros: AtomicU64::new(0),
        }
    }
}

impl CoreOutcomes {
    pub(super) fn count(&self, ended: &Ended<'_>) {
        let statuses =
            self.methods[method(ended.method)].get_or_init(|| Box::new([const { AtomicU64::new(0) }; PLACES]));
        add(&statuses[place(ended.status)], 1);
        let durations = &self.classes[class(ended.status)];
        let bucket = BOUNDS
            .iter()
            .position(|bound| ended.micros <= *bound)
            .unwrap_or(BOUNDS.len());
        add(&durations.buckets[bucket], 1);
        add(&durations.micros, ended.micros);
        if let Some(reason) = ended.reason() {
            add(&self.reasons[reason], 1);
        }
        if ended.held_micros > 0 {
            add(&self.held_micros, ended.held_micros);
        }
    }
}

fn method(text: &[u8]) -> usize {
    let known = METHODS.iter().position(|known| known.as_bytes() == text);
    known.unwrap_or(METHODS.len() - 1)
}

fn place(status: u16) -> usize {
    let place = PLACE.get(usize::from(status)).copied();
    place.map_or(PLACES - 1, usize::from)
}

fn class(status: u16) -> usize {
    usize::from(class_of(usize::from(status)))
}

/// What was seen of a method and a status, by their places.
fn status_words(place: usize) -> String {
    match STATUSES.get(place) {
        Some(status) => status.to_string(),
        None => CLASSES[place - STATUSES.len()].to_owned(),
    }
}

/// A sum at one moment.
#[derive(Debug, Clone)]
pub struct Outcomes {
    methods: [Option<Box<[u64; PLACES]>>; METHODS.len()],
    classes: [Durations; CLASSES.len()],
    reasons: [u64; REASONS],
    /// The time that requests have waited for their app, in microseconds.
    pub held_micros: u64,
}

/// How long the answers of a class have taken.
#[derive(Debug, Clone, Copy, Default)]
pub struct Durations {
    /// Those within each of [`BOUNDS`] and no smaller one, and behind them those beyond the last.
    pub buckets: [u64; BOUNDS.len() + 1],
    /// All of them together, in microseconds.
    pub micros: u64,
}

impl Default for Outcomes {
    fn default() -> Self {
        Self {
            methods: [const { None }; METHODS.len()],
            classes: [Durations::default(); CLASSES.len()],
            reasons: [0; REASONS],
            held_micros: 0,
        }
    }
}

impl Outcomes {
    /// Adds what a core has counted.
    pub(super) fn add(&mut self, core: &CoreOutcomes) {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        for (sum, statuses) in self.methods.iter_mut().zip(&core.methods) {
            let Some(statuses) = statuses.get() else { continue };
            let sum = sum.get_or_insert_with(|| Box::new([0; PLACES]));
            for (sum, counter) in sum.iter_mut().zip(statuses.iter()) {
                *sum += read(counter);
            }
        }
        for (sum, durations) in self.classes.iter_mut().zip(&core.classes) {
            for (sum, counter) in sum.buckets.iter_mut().zip(&durations.buckets) {
                *sum += read(counter);
            }
            sum.micros += read(&durations.micros);
        }
        for (sum, counter) in self.reasons.iter_mut().zip(&core.reasons) {
            *sum += read(counter);
        }
        self.held_micros += read(&core.held_micros);
    }

    /// Requests by method and status, of those that there were.
    pub fn requests(&self) -> impl Iterator<Item = (&'static str, String, u64)> {
        METHODS.iter().zip(&self.methods).flat_map(|(method, statuses)| {
            let statuses = statuses.iter().flat_map(|statuses| statuses.iter().enumerate());
            statuses
                .filter(|(_, count)| **count > 0)
                .map(|(place, count)| (*method, status_words(place), *count))
        })
    }

    /// Durations by the class of the answer, of those that there were.
    pub fn durations(&self) -> impl Iterator<Item = (&'static str, &Durations)> {
        let classes = CLASSES.into_iter().zip(&self.classes);
        classes.filter(|(_, durations)| durations.buckets.iter().any(|count| *count > 0))
    }

    /// Errors by whose they are and why, of those that there were.
    pub fn errors(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
        let reasons = self.reasons.iter().enumerate().filter(|(_, count)| **count > 0);
        reasons.map(|(place, count)| {
            let termination = Termination::ALL.get(place);
            let (who, why) = match termination.and_then(|termination| termination.who().zip(Some(termination.reason())))
            {
                Some((who, why)) => (who.as_str(), why),
                None => (Who::App.as_str(), "answered with 5xx"),
            };
            (who, why, *count)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(all: &[Ended<'_>]) -> Outcomes {
        let core = CoreOutcomes::default();
        all.iter().for_each(|ended| core.count(ended));
        let mut sum = Outcomes::default();
        sum.add(&core);
        sum
    }

    fn requests(outcomes: &Outcomes) -> Vec<(&'static str, String, u64)> {
        outcomes.requests().collect()
    }

    #[test]
    fn requests_are_counted_by_method_and_status() {
        let good = |method, status| Ended::good(method, status, 10);
        let counted = seen(&[
            good(b"GET", 200),
            good(b"GET", 200),
            good(b"GET", 404),
            good(b"POST", 200),
            good(b"BREW", 418),
            good(b"get", 200),
            good(b"", 400),
            good(b"GET", 0),
        ]);
        let expected = [
            ("GET", "200", 2),
            ("GET", "404", 1),
            ("GET", "none", 1),
            ("POST", "200", 1),
            ("_OTHER", "200", 1),
            ("_OTHER", "400", 1),
            ("_OTHER", "418", 1),
        ];
        assert_eq!(
            requests(&counted),
            expected.map(|(method, status, count)| (method, status.to_owned(), count))
        );
    }

    #[test]
    fn statuses_that_no_list_has_count_by_their_class() {
        let all: Vec<_> = (0..=u16::MAX).map(|status| Ended::good(b"GET", status, 1)).collect();
        let counted = requests(&seen(&all));
        assert_eq!(counted.len(), PLACES, "and no more than these");
        let of = |words: &str| {
            counted
                .iter()
                .find(|(_, status, _)| status == words)
                .map(|found| found.2)
        };
        assert_eq!((of("200"), of("530"), of("none")), (Some(1), Some(1), Some(1)));
        let twos = STATUSES.iter().filter(|status| **status / 100 == 2).count() as u64;
        assert_eq!(of("2xx"), Some(100 - twos));
        assert_eq!(of("_OTHER"), Some(99 + 65_536 - 600));
        let total: u64 = counted.iter().map(|found| found.2).sum();
        assert_eq!(total, 65_536);
    }

    #[test]
    fn a_duration_falls_into_the_first_bucket_that_holds_it() {
        let counted = seen(&[
            Ended::good(b"GET", 200, 5_000),
            Ended::good(b"GET", 204, 5_001),
            Ended::good(b"GET", 200, 3_600_000_000),
            Ended::good(b"GET", 502, 1),
        ]);
        let classes: Vec<_> = counted.durations().collect();
        let [("2xx", good), ("5xx", bad)] = classes[..] else {
            panic!("{classes:?}");
        };
        assert_eq!(
            (good.buckets[0], good.buckets[1], good.buckets[BOUNDS.len()]),
            (1, 1, 1)
        );
        assert_eq!(good.micros, 3_600_010_001);
        assert_eq!((bad.buckets[0], bad.micros), (1, 1));
    }

    #[test]
    fn an_error_is_counted_with_whose_it_is_and_why() {
        let failed = |status, error, termination| Ended {
            error: Some(error),
            termination,
            ..Ended::good(b"GET", status, 1)
        };
        let counted = seen(&[
            failed(502, ErrorFrom::Absence, Termination::Unreachable),
            failed(500, ErrorFrom::App, Termination::Done),
            // It went away from an answer that was an error already.
            failed(500, ErrorFrom::App, Termination::ClientGone),
            failed(0, ErrorFrom::Client, Termination::ClientGone),
            failed(503, ErrorFrom::Proxy, Termination::HoldFull),
            Ended::good(b"GET", 200, 1),
        ]);
        let errors: Vec<_> = counted.errors().collect();
        assert_eq!(
            errors,
            [
                ("client", "gone", 1),
                ("app", "unreachable", 1),
                ("proxy", "hold is full", 1),
                ("app", "answered with 5xx", 2),
            ]
        );
    }
}
