//! How often each client has asked, over all cores: a table of fixed size, without locks.
//!
//! A client has a place in the row that its address leads to by a keyed hash, so nobody can choose whom to meet there. A place is
//! free again when its client would be as one that has never asked; forgetting it changes nothing. Where all places of a row are
//! taken, a further client shares the one that is the least in debt: so a row never lets more through than its places may have,
//! however many clients there are, and a newcomer is refused only where all of them are over their rate.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use crate::model::client::network;
use crate::model::rate::Rate;

/// Rows of the table.
const ROWS: usize = 4096;
/// Places of a row, which are as many as two cache lines hold. In all, 32,768 clients: 512 KiB.
const PLACES: usize = 8;
/// A place that another core has taken meanwhile is looked for again, so often.
const ATTEMPTS: usize = 4;

/// What the clients of one rate have asked so far.
pub(crate) struct Clients {
    hasher: RandomState,
    rows: Box<[Row]>,
    began: Instant,
}

#[derive(Default)]
#[repr(align(128))]
struct Row([Place; PLACES]);

/// What is kept of one client.
#[derive(Default)]
struct Place {
    /// The hash of its network; 0 in a place that nobody had yet.
    client: AtomicU64,
    /// See [`Rate::ask`].
    due: AtomicU64,
}

impl Clients {
    pub(crate) fn new() -> Self {
        Self {
            hasher: RandomState::new(),
            rows: (0..ROWS).map(|_| Row::default()).collect(),
            began: Instant::now(),
        }
    }

    /// Whether a request of this client may pass.
    ///
    /// # Errors
    /// The time after which it may.
    pub(crate) fn ask(&self, client: IpAddr, rate: &Rate) -> Result<(), Duration> {
        let now = u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.ask_at(client, rate, now.max(1))
    }

    fn ask_at(&self, client: IpAddr, rate: &Rate, now: u64) -> Result<(), Duration> {
        let name = self.hasher.hash_one(network(client)).max(1);
        let row = &self.rows[usize::try_from(name >> 32).unwrap_or(0) % ROWS];
        row.place_of(name, now).ask(rate, now)
    }
}

impl Row {
    /// The client's own place, a free one that becomes its own, or the one that it has to share.
    fn place_of(&self, name: u64, now: u64) -> &Place {
        for _ in 0..ATTEMPTS {
            let known = |place: &&Place| place.client.load(Ordering::Relaxed) == name;
            if let Some(place) = self.0.iter().find(known) {
                return place;
            }
            let free = |place: &&Place| place.due.load(Ordering::Relaxed) <= now;
            let Some(place) = self.0.iter().find(free) else { break };
            let before = place.client.load(Ordering::Relaxed);
            let taken = place
                .client
                .compare_exchange(before, name, Ordering::Relaxed, Ordering::Relaxed);
            if taken.is_ok() {
                return place;
            }
        }
        let mut least = &self.0[0];
        for place in &self.0[1..] {
            if place.due.load(Ordering::Relaxed) < least.due.load(Ordering::Relaxed) {
                least = place;
            }
        }
        least
    }
}

impl Place {
    fn ask(&self, rate: &Rate, now: u64) -> Result<(), Duration> {
        let mut due = self.due.load(Ordering::Relaxed);
        loop {
            let next = rate.ask(due, now)?;
            match self
                .due
                .compare_exchange_weak(due, next, Ordering::Relaxed, Ordering::Relaxed)
            {
                Ok(_) => return Ok(()),
                Err(meanwhile) => due = meanwhile,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const SECOND: u64 = 1_000_000_000;
    const RATE: Rate = Rate {
        requests: 1,
        period: Duration::from_secs(60),
        burst: 3,
    };

    fn client(number: usize) -> IpAddr {
        Ipv4Addr::from_bits(u32::try_from(number).unwrap()).into()
    }

    /// How many of these requests of a client pass.
    fn passed(clients: &Clients, client: IpAddr, asked: usize, now: u64) -> usize {
        (0..asked)
            .filter(|_| clients.ask_at(client, &RATE, now).is_ok())
            .count()
    }

    #[test]
    fn e30_each_client_has_its_own_rate_and_an_ipv6_customer_is_one_client() {
        let clients = Clients::new();
        assert_eq!(passed(&clients, client(1), 10, SECOND), 3);
        assert_eq!(passed(&clients, client(2), 10, SECOND), 3);
        let v6 = |text: &str| text.parse().unwrap();
        assert_eq!(passed(&clients, v6("2001:db8::1"), 2, SECOND), 2);
        assert_eq!(passed(&clients, v6("2001:db8::2"), 10, SECOND), 1, "the same /64");
        assert_eq!(passed(&clients, v6("2001:db8:0:1::1"), 10, SECOND), 3);
        assert_eq!(passed(&clients, client(1), 10, 61 * SECOND), 1);
    }

    #[test]
    fn e30_more_clients_than_there_are_places_get_no_more_than_the_places_may_have() {
        let clients = Clients::new();
        let places = ROWS * PLACES;
        let flood = (0..8 * places).map(|number| passed(&clients, client(number), 1, SECOND));
        let (asked, flood) = (8 * places, flood.sum::<usize>());
        assert!(flood <= 3 * places, "{flood} of {asked} passed");
        assert!(flood > 2 * places, "only {flood} passed: hardly a place was used up");
        // All places are over their rate, and whoever comes now is refused; when one may pass again, it may be a newcomer.
        assert_eq!(passed(&clients, client(usize::from(u16::MAX) << 12), 1, SECOND), 0);
        assert_eq!(
            passed(&clients, client(usize::from(u16::MAX) << 12), 9, 61 * SECOND + 1),
            PLACES
        );
        // When the flood is over, everybody begins anew.
        assert_eq!(passed(&clients, client(7), 10, 600 * SECOND), 3);
    }

    #[test]
    fn e30_a_full_row_refuses_no_newcomer_while_one_of_its_clients_keeps_to_the_rate() {
        let row = Row::default();
        for (name, place) in (1..).zip(&row.0) {
            place.client.store(name, Ordering::Relaxed);
            place
                .due
                .store(if name == 5 { SECOND + 1 } else { 1000 * SECOND }, Ordering::Relaxed);
        }
        assert!(row.place_of(99, SECOND).ask(&RATE, SECOND).is_ok());
        assert_eq!(row.0[4].client.load(Ordering::Relaxed), 5, "its client keeps the place");
        assert!(
            row.place_of(1, SECOND).ask(&RATE, SECOND).is_err(),
            "the flood is refused"
        );
    }

    #[test]
    fn e30_cores_that_count_at_the_same_time_lose_nothing() {
        let clients = Clients::new();
        let rate = Rate { burst: 1000, ..RATE };
        let passed = std::sync::atomic::AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let own = (0..1000).filter(|_| clients.ask_at(client(1), &rate, SECOND).is_ok());
                    passed.fetch_add(own.count(), Ordering::Relaxed);
                });
            }
        });
        assert_eq!(passed.into_inner(), 1000);
    }
}
