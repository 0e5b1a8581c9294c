//! Counters of one activation, kept per core so that counting shares no cache line, and summed when someone asks.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::model::api::Traffic;

/// Buckets of the latency histogram: four for each power of two, from 1 µs to about 19 hours.
const BUCKETS: usize = 144;

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

/// The counters of one core. One core writes, anyone reads: plain loads and stores, no locked instruction.
#[derive(Debug)]
pub struct CoreCounters {
    requests: AtomicU64,
    app_errors: AtomicU64,
    proxy_errors: AtomicU64,
    client_errors: AtomicU64,
    absences: AtomicU64,
    limited: AtomicU64,
    connect_failures: AtomicU64,
    retries: AtomicU64,
    /// Streams that are open now: it goes up and down.
    streams: AtomicU64,
    /// WebSockets that are open now.
    web_sockets: AtomicU64,
    /// Requests that write and are inside of the app now.
    writes: AtomicU64,
    /// What keeps an environment awake that may sleep: each claim, and whatever WebSockets move.
    activity: AtomicU64,
    ended: AtomicU64,
    cut: AtomicU64,
    latency: [AtomicU64; BUCKETS],
}

fn add(counter: &AtomicU64, n: u64) {
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
}

impl Default for CoreCounters {
    fn default() -> Self {
        Self {
            requests: AtomicU64::new(0),
            app_errors: AtomicU64::new(0),
            proxy_errors: AtomicU64::new(0),
            client_errors: AtomicU64::new(0),
            absences: AtomicU64::new(0),
            limited: AtomicU64::new(0),
            connect_failures: AtomicU64::new(0),
            retries: AtomicU64::new(0),
            streams: AtomicU64::new(0),
            web_sockets: AtomicU64::new(0),
            writes: AtomicU64::new(0),
            activity: AtomicU64::new(0),
            ended: AtomicU64::new(0),
            cut: AtomicU64::new(0),
            latency: [const { AtomicU64::new(0) }; BUCKETS],
        }
    }
}

impl CoreCounters {
    /// An exchange is over: it took `micros`, and may have been answered with an error.
    pub fn answered(&self, micros: u64, error: Option<ErrorFrom>) {
        add(&self.requests, 1);
        add(&self.latency[bucket(micros)], 1);
        match error {
            None => {}
            Some(ErrorFrom::App) => add(&self.app_errors, 1),
            Some(ErrorFrom::Absence) => {
                add(&self.app_errors, 1);
                add(&self.absences, 1);
            }
            Some(ErrorFrom::Proxy) => add(&self.proxy_errors, 1),
            Some(ErrorFrom::Client) => add(&self.client_errors, 1),
        }
    }

    /// A limit turned a request away.
    pub fn turned_away(&self) {
        add(&self.limited, 1);
    }

    /// The app could not be reached once.
    pub fn connect_failed(&self) {
        add(&self.connect_failures, 1);
    }

    /// A request was sent again.
    pub fn retried(&self) {
        add(&self.retries, 1);
    }

    /// A response head was sent, and its body or tunnel goes on.
    pub fn stream_began(&self) {
        add(&self.streams, 1);
    }

    /// That stream is over.
    pub fn stream_over(&self) {
        add(&self.streams, 1_u64.wrapping_neg());
    }

    /// A request that writes enters the app.
    pub fn write_began(&self) {
        add(&self.writes, 1);
    }

    /// It has left.
    pub fn write_over(&self) {
        add(&self.writes, 1_u64.wrapping_neg());
    }

    /// Something that keeps an environment awake that may sleep.
    pub fn active(&self) {
        add(&self.activity, 1);
    }

    /// A WebSocket is open.
    pub fn web_socket_began(&self) {
        add(&self.web_sockets, 1);
    }

    /// It is closed.
    pub fn web_socket_over(&self) {
        add(&self.web_sockets, 1_u64.wrapping_neg());
    }

    /// A stream was ended politely at the drain deadline.
    pub fn stream_ended(&self) {
        add(&self.ended, 1);
    }

    /// An exchange was cut at the drain deadline.
    pub fn exchange_cut(&self) {
        add(&self.cut, 1);
    }
}

/// A sum over cores at one moment.
#[derive(Debug, Clone)]
pub struct Counters {
    /// Exchanges that are over.
    pub requests: u64,
    /// Requests that failed by the app's fault.
    pub app_errors: u64,
    /// Requests that failed by the proxy's own.
    pub proxy_errors: u64,
    /// Requests that failed by the client's.
    pub client_errors: u64,
    /// Those of `app_errors` for which the app was not there.
    pub absences: u64,
    /// Requests that a limit turned away; they are not among `requests`.
    pub limited: u64,
    /// Times that the app could not be reached.
    pub connect_failures: u64,
    /// Requests that were sent again.
    pub retries: u64,
    /// Streams that are open.
    pub streams: u64,
    /// WebSockets that are open.
    pub web_sockets: u64,
    /// Requests that write and are inside of the app now.
    pub writes: u64,
    /// What has kept an environment awake that may sleep; stands still where it may not.
    pub activity: u64,
    /// Streams that were ended politely at the drain deadline.
    pub ended: u64,
    /// Exchanges that were cut at the drain deadline.
    pub cut: u64,
    latency: [u64; BUCKETS],
}

impl Default for Counters {
    fn default() -> Self {
        Self::sum([])
    }
}

impl Counters {
    /// The sum of some cores' counters.
    pub fn sum<'c>(cores: impl IntoIterator<Item = &'c CoreCounters>) -> Self {
        let mut sum = Self {
            requests: 0,
            app_errors: 0,
            proxy_errors: 0,
            client_errors: 0,
            absences: 0,
            limited: 0,
            connect_failures: 0,
            retries: 0,
            streams: 0,
            web_sockets: 0,
            writes: 0,
            activity: 0,
            ended: 0,
            cut: 0,
            latency: [0; BUCKETS],
        };
        for core in cores {
            let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
            sum.requests += read(&core.requests);
            sum.app_errors += read(&core.app_errors);
            sum.proxy_errors += read(&core.proxy_errors);
            sum.client_errors += read(&core.client_errors);
            sum.absences += read(&core.absences);
            sum.limited += read(&core.limited);
            sum.connect_failures += read(&core.connect_failures);
            sum.retries += read(&core.retries);
            sum.streams += read(&core.streams);
            sum.web_sockets += read(&core.web_sockets);
            sum.writes += read(&core.writes);
            sum.activity += read(&core.activity);
            sum.ended += read(&core.ended);
            sum.cut += read(&core.cut);
            for (total, counter) in sum.latency.iter_mut().zip(&core.latency) {
                *total += read(counter);
            }
        }
        sum
    }

    /// Adds another sum, as for the services of an environment.
    pub fn merge(&mut self, other: &Self) {
        self.requests += other.requests;
        self.app_errors += other.app_errors;
        self.proxy_errors += other.proxy_errors;
        self.client_errors += other.client_errors;
        self.absences += other.absences;
        self.limited += other.limited;
        self.connect_failures += other.connect_failures;
        self.retries += other.retries;
        self.streams += other.streams;
        self.web_sockets += other.web_sockets;
        self.writes += other.writes;
        self.ended += other.ended;
        self.cut += other.cut;
        for (total, n) in self.latency.iter_mut().zip(&other.latency) {
            *total += n;
        }
    }

    /// What happened since an earlier reading of the same counters; `streams` stays what is open now.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut difference = self.clone();
        difference.requests -= earlier.requests;
        difference.app_errors -= earlier.app_errors;
        difference.proxy_errors -= earlier.proxy_errors;
        difference.client_errors -= earlier.client_errors;
        difference.absences -= earlier.absences;
        difference.limited -= earlier.limited;
        difference.connect_failures -= earlier.connect_failures;
        difference.retries -= earlier.retries;
        difference.ended -= earlier.ended;
        difference.cut -= earlier.cut;
        for (n, before) in difference.latency.iter_mut().zip(&earlier.latency) {
            *n -= before;
        }
        difference
    }

    /// The latency below which a share (0.0 to 1.0) of the exchanges stayed, in microseconds; the upper end of its bucket.
    #[must_use]
    pub fn percentile(&self, share: f64) -> Option<u64> {
        let total: u64 = self.latency.iter().sum();
        if total == 0 {
            return None;
        }
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rank"
        )]
        let rank = ((total as f64 * share).ceil() as u64).clamp(1, total);
        let mut seen = 0;
        for (index, n) in self.latency.iter().enumerate() {
            seen += n;
            if seen >= rank {
                return Some(upper_end(index));
            }
        }
        None
    }

    /// The short form that people read.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        Traffic {
            requests: self.requests,
            app_errors: self.app_errors,
            proxy_errors: self.proxy_errors,
            limited: self.limited,
            p50_us: self.percentile(0.50),
            p95_us: self.percentile(0.95),
        }
    }
}

/// The bucket of a latency: its power of two, and the two bits behind the highest.
fn bucket(micros: u64) -> usize {
    let value = micros.max(1);
    let power = value.ilog2() as usize;
    let fraction = if power >= 2 {
        (value >> (power - 2)) & 3
    } else {
        (value << (2 - power)) & 3
    };
    (power * 4 + usize::try_from(fraction).unwrap_or(0)).min(BUCKETS - 1)
}

/// The largest latency that falls into a bucket.
fn upper_end(index: usize) -> u64 {
    let (power, fraction) = (index / 4, (index % 4) as u64);
    let width = 1_u64 << power;
    (width + (width * (fraction + 1)).div_ceil(4) - 1).max(width)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_latency_lies_within_its_bucket() {
        for micros in (0..5000).chain([1 << 20, (1 << 30) + 12345, u64::MAX]) {
            let index = bucket(micros);
            assert!(
                index == BUCKETS - 1 || upper_end(index) >= micros.max(1),
                "{micros} in {index}"
            );
            assert!(
                index == 0 || upper_end(index - 1) < micros.max(1) || micros < 8,
                "{micros} in {index}"
            );
        }
    }

    #[test]
    fn percentiles_are_of_all_cores_together() {
        let cores = [CoreCounters::default(), CoreCounters::default()];
        for micros in 1..=100 {
            cores[micros % 2].answered(micros as u64 * 1000, None);
        }
        let counters = Counters::sum(&cores);
        assert_eq!(counters.requests, 100);
        let p50 = counters.percentile(0.5).unwrap();
        assert!((50_000..=65_535).contains(&p50), "{p50}");
        assert_eq!(Counters::default().percentile(0.5), None);
    }

    #[test]
    fn a_difference_leaves_what_came_before_out() {
        let core = CoreCounters::default();
        core.answered(10, Some(ErrorFrom::App));
        let before = Counters::sum([&core]);
        core.answered(20, Some(ErrorFrom::Proxy));
        core.stream_began();
        core.stream_began();
        core.stream_over();
        let since = Counters::sum([&core]).since(&before);
        assert_eq!(
            (since.requests, since.app_errors, since.proxy_errors, since.streams),
            (1, 0, 1, 1)
        );
    }
}
