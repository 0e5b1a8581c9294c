//! Clients that send wrong passwords, and how long each of them has to wait: a few times not at all, then twice as long every time.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

/// Wrong passwords that cost no wait. As many of a client's may be under way at a time.
const FREE: u32 = 5;
/// No wait is longer.
const LONGEST: Duration = Duration::from_secs(60);
/// What a client has done wrong is forgotten after this.
const FORGIVEN: Duration = Duration::from_secs(10 * 60);
/// Clients that are remembered. When there are more, the half that was wrong the longest time ago is forgotten.
const CLIENTS: usize = 4096;

/// What is remembered of clients.
#[derive(Debug)]
pub struct Attempts {
    clients: HashMap<IpAddr, Client, std::hash::BuildHasherDefault<std::hash::DefaultHasher>>,
    first_wait: Duration,
}

#[derive(Debug, Default)]
struct Client {
    wrong: u32,
    /// Checks of it that are under way.
    pending: u32,
    /// Until when it has to wait.
    until: Duration,
    /// When it was last heard of.
    last: Duration,
}

impl Attempts {
    /// Nobody yet; the first wait takes so long.
    #[must_use]
    pub fn new(first_wait: Duration) -> Self {
        Self {
            clients: HashMap::default(),
            first_wait,
        }
    }

    /// A client wants a password to be checked. What it begins has to be told of its end, by [`Attempts::ended`].
    ///
    /// # Errors
    /// How long it has to wait.
    pub fn begin(&mut self, client: IpAddr, now: Duration) -> Result<(), Duration> {
        if !self.clients.contains_key(&client) {
            self.make_room(now);
        }
        let entry = self.clients.entry(client).or_default();
        if entry.pending == 0 && now >= entry.last + FORGIVEN {
            entry.wrong = 0;
        }
        if now < entry.until {
            return Err(entry.until - now);
        }
        // Once all free ones are used up, one at a time: nobody wins by sending many before the first is found wrong.
        if entry.pending > 0 && entry.wrong + entry.pending >= FREE {
            return Err(self.first_wait);
        }
        entry.pending += 1;
        entry.last = now;
        Ok(())
    }

    /// A check that a client has begun is over.
    pub fn ended(&mut self, client: IpAddr, right: bool, now: Duration) {
        let Some(entry) = self.clients.get_mut(&client) else {
            return;
        };
        entry.pending = entry.pending.saturating_sub(1);
        entry.last = now;
        if right {
            entry.wrong = 0;
            entry.until = Duration::ZERO;
        } else {
            entry.wrong = entry.wrong.saturating_add(1);
            if let Some(doublings) = entry.wrong.checked_sub(FREE) {
                let wait = self.first_wait.saturating_mul(1 << doublings.min(16));
                entry.until = now + wait.min(LONGEST);
            }
        }
        if entry.wrong == 0 && entry.pending == 0 {
            self.clients.remove(&client);
        }
    }

    fn make_room(&mut self, now: Duration) {
        if self.clients.len() < CLIENTS {
            return;
        }
        self.clients
            .retain(|_, client| client.pending > 0 || now < client.last + FORGIVEN);
        if self.clients.len() < CLIENTS {
            return;
        }
        let mut lasts: Vec<Duration> = self.clients.values().map(|client| client.last).collect();
        let (_, median, _) = lasts.select_nth_unstable(CLIENTS / 2);
        let median = *median;
        self.clients
            .retain(|_, client| client.pending > 0 || client.last > median);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_secs(1);

    fn client(number: u32) -> IpAddr {
        IpAddr::V4(number.into())
    }

    fn wrong(attempts: &mut Attempts, client: IpAddr, now: Duration) {
        attempts.begin(client, now).unwrap();
        attempts.ended(client, false, now);
    }

    #[test]
    fn a_few_wrong_ones_are_free_and_then_each_wait_is_twice_as_long() {
        let mut attempts = Attempts::new(FIRST);
        let (me, mut now) = (client(1), Duration::ZERO);
        for _ in 0..FREE {
            wrong(&mut attempts, me, now);
        }
        for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
            let wait = Duration::from_secs(seconds);
            assert_eq!(attempts.begin(me, now), Err(wait));
            now += wait;
            wrong(&mut attempts, me, now);
        }
        assert_eq!(attempts.begin(client(2), now), Ok(()), "others do not wait");
    }

    #[test]
    fn many_at_once_win_nothing() {
        let mut attempts = Attempts::new(FIRST);
        let me = client(1);
        let begun = (0..100).filter(|_| attempts.begin(me, Duration::ZERO).is_ok()).count();
        assert_eq!(begun, FREE as usize);
        for _ in 0..begun {
            attempts.ended(me, false, Duration::ZERO);
        }
        assert_eq!(attempts.begin(me, Duration::ZERO), Err(FIRST));
        assert_eq!(attempts.begin(me, FIRST), Ok(()));
        assert_eq!(attempts.begin(me, FIRST), Err(FIRST), "from now on one at a time");
    }

    #[test]
    fn the_right_one_and_time_forgive() {
        let mut attempts = Attempts::new(FIRST);
        let me = client(1);
        for _ in 0..FREE {
            wrong(&mut attempts, me, Duration::ZERO);
        }
        attempts.begin(me, FIRST).unwrap();
        attempts.ended(me, true, FIRST);
        assert!(attempts.clients.is_empty());
        for _ in 0..FREE {
            wrong(&mut attempts, me, FIRST);
        }
        let later = FIRST + FORGIVEN;
        for _ in 0..FREE {
            wrong(&mut attempts, me, later);
        }
    }

    #[test]
    fn a_million_clients_fill_no_memory_and_the_latest_are_remembered() {
        let mut attempts = Attempts::new(FIRST);
        let mut now = Duration::ZERO;
        for number in 0..100_000 {
            now += Duration::from_millis(1);
            for _ in 0..FREE {
                wrong(&mut attempts, client(number), now);
            }
            assert!(attempts.clients.len() <= CLIENTS);
        }
        assert!(attempts.begin(client(99_000), now).is_err());
        assert_eq!(attempts.begin(client(1), now), Ok(()));
    }
}
