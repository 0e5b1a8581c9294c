//! Counters of one live period, kept per core so that counting shares no cache line, and summed when someone asks.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use super::counter::add;
use super::latency::{CoreLatency, Latency};
use super::outcomes::{CoreOutcomes, Ended, ErrorFrom, Outcomes};
use crate::model::api::Traffic;

/// Makes the counters of a core and their sum out of one list: what is `counted` grows alone, of what is there `now` each is counted
/// when it begins and taken away when it ends.
macro_rules! counters {
    (counted { $($(#[$doc:meta])* $counted:ident,)* } now { $($(#[$current_doc:meta])* $current:ident,)* }) => {
        /// The counters of one core. One core writes, anyone reads: plain loads and stores, no locked instruction.
        #[derive(Debug, Default)]
        pub struct CoreCounters {
            $($counted: AtomicU64,)*
            $($current: AtomicU64,)*
            latency: CoreLatency,
            /// Made with the first exchange: most slots of most cores never have one.
            outcomes: OnceLock<Box<CoreOutcomes>>,
        }

        /// A sum over cores at one moment.
        #[derive(Debug, Clone, Default)]
        pub struct Counters {
            $($(#[$doc])* pub $counted: u64,)*
            $($(#[$current_doc])* pub $current: u64,)*
            latency: Latency,
        }

        impl Counters {
            /// The sum of some cores' counters.
            pub fn sum<'c>(cores: impl IntoIterator<Item = &'c CoreCounters>) -> Self {
                let mut sum = Self::default();
                for core in cores {
                    $(sum.$counted += core.$counted.load(Ordering::Relaxed);)*
                    $(sum.$current += core.$current.load(Ordering::Relaxed);)*
                    sum.latency.add(&core.latency);
                }
                sum
            }

            /// Adds another sum, as for the services of an environment.
            pub fn merge(&mut self, other: &Self) {
                $(self.$counted += other.$counted;)*
                $(self.$current += other.$current;)*
                self.latency.merge(&other.latency);
            }

            /// What happened since an earlier reading of the same counters; what is there now stays what it is.
            #[must_use]
            pub fn since(&self, earlier: &Self) -> Self {
                let mut difference = self.clone();
                $(difference.$counted -= earlier.$counted;)*
                difference.latency.subtract(&earlier.latency);
                difference
            }
        }
    };
}

counters! {
    counted {
        /// Exchanges that are over.
        requests,
        /// Requests that failed by the app's fault.
        app_errors,
        /// Requests that failed by the proxy's own.
        proxy_errors,
        /// Requests that failed by the client's.
        client_errors,
        /// Those of `app_errors` for which the app was not there.
        absences,
        /// Requests that a limit turned away; they are not among `requests`.
        limited,
        /// Times that the app could not be reached.
        connect_failures,
        /// Connections to the app that were made.
        connections,
        /// Requests that went over a connection which another one had used.
        reuses,
        /// Requests that were sent again.
        retries,
        /// What has kept an environment awake that may sleep: each claim, and whatever WebSockets move. Stands still where it may not.
        activity,
        /// Streams that were ended politely at the drain deadline.
        ended,
        /// Exchanges that were cut at the drain deadline.
        cut,
    }
    now {
        /// Streams that are open.
        streams,
        /// WebSockets that are open.
        web_sockets,
        /// Requests that write and are inside of the app now.
        writes,
    }
}

impl CoreCounters {
    /// An exchange is over, with an error of somebody or without.
    pub fn answered(&self, ended: &Ended<'_>) {
        add(&self.requests, 1);
        self.latency.count(ended.micros);
        match ended.error {
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

    /// How an exchange has ended, in all detail.
    pub fn note(&self, ended: &Ended<'_>) {
        self.outcomes.get_or_init(Box::default).count(ended);
    }

    /// A limit turned a request away.
    pub fn turned_away(&self) {
        add(&self.limited, 1);
    }

    /// The app could not be reached once.
    pub fn connect_failed(&self) {
        add(&self.connect_failures, 1);
    }

    /// A connection to the app was made.
    pub fn connected(&self) {
        add(&self.connections, 1);
    }

    /// A connection to the app is used again.
    pub fn reused(&self) {
        add(&self.reuses, 1);
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

    /// How exchanges have ended on these cores.
    pub fn in_detail<'c>(cores: impl IntoIterator<Item = &'c Self>) -> Outcomes {
        let mut all = Outcomes::default();
        let outcomes = cores.into_iter().filter_map(Self::outcomes);
        outcomes.for_each(|outcomes| all.add(outcomes));
        all
    }

    /// How exchanges have ended, if any has.
    pub(super) fn outcomes(&self) -> Option<&CoreOutcomes> {
        self.outcomes.get().map(|outcomes| &**outcomes)
    }
}

impl Counters {
    /// The latency below which a share (0.0 to 1.0) of the exchanges stayed, in microseconds; the upper end of its bucket.
    #[must_use]
    pub fn percentile(&self, share: f64) -> Option<u64> {
        self.latency.percentile(share)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::termination::Termination;

    #[test]
    fn a_difference_leaves_what_came_before_out() {
        let core = CoreCounters::default();
        let ended = |micros, error| Ended {
            error,
            ..Ended::good(b"GET", 200, micros)
        };
        core.answered(&ended(10, Some(ErrorFrom::App)));
        let before = Counters::sum([&core]);
        core.answered(&ended(20, Some(ErrorFrom::Proxy)));
        core.stream_began();
        core.stream_began();
        core.stream_over();
        let since = Counters::sum([&core]).since(&before);
        assert_eq!(
            (since.requests, since.app_errors, since.proxy_errors, since.streams),
            (1, 0, 1, 1)
        );
    }

    #[test]
    fn who_had_no_exchange_has_no_outcomes() {
        let core = CoreCounters::default();
        core.retried();
        assert!(core.outcomes().is_none());
        core.note(&Ended {
            termination: Termination::ClientGone,
            ..Ended::good(b"GET", 0, 1)
        });
        assert!(core.outcomes().is_some());
    }
}
