//! The passwords that are being checked: one check for all who wait for the same one, and within bounds for every client.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, DefaultHasher};
use std::net::IpAddr;
use std::time::Duration;

use smallvec::SmallVec;

use super::attempts::Attempts;
use super::refusal::Refusal;

/// Stands for a user name and a password of one file: keyed, so that nothing can be told from it.
pub type Digest = [u8; 32];

/// Checks that may be under way or wait. At the usual cost, one thread needs some seconds for so many.
const CHECKS: usize = 64;
/// Requests that may wait for one check.
const FOR_ONE: usize = 64;
/// Requests that may wait for all of them.
const WAITING: usize = 512;

/// Checks that are under way or wait. `J` is what is to be done, `W` is told how it ended.
#[derive(Debug)]
pub struct Checks<J, W> {
    /// The hasher needs no secret: digests are keyed, so nobody can choose them.
    checks: HashMap<Digest, Check<W>, BuildHasherDefault<DefaultHasher>>,
    /// Those that nobody has begun.
    line: VecDeque<(Digest, J)>,
    /// Requests that wait.
    waiting: usize,
    attempts: Attempts,
}

#[derive(Debug)]
struct Check<W> {
    waiters: Vec<W>,
    /// Who has asked for it, each once.
    clients: SmallVec<[IpAddr; 1]>,
}

impl<J, W> Checks<J, W> {
    /// None yet.
    #[must_use]
    pub fn new(attempts: Attempts) -> Self {
        Self {
            checks: HashMap::default(),
            line: VecDeque::new(),
            waiting: 0,
            attempts,
        }
    }

    /// A request of `client` waits for a check, which is begun where there is none yet. Whether it is a new one.
    ///
    /// # Errors
    /// Why it may not wait.
    pub fn ask(
        &mut self,
        digest: Digest,
        client: IpAddr,
        now: Duration,
        waiter: W,
        job: impl FnOnce() -> J,
    ) -> Result<bool, Refusal> {
        if self.waiting >= WAITING {
            return Err(Refusal::TooManyChecks);
        }
        let known = self.checks.get(&digest);
        match known {
            Some(check) if check.waiters.len() >= FOR_ONE => return Err(Refusal::TooManyChecks),
            None if self.checks.len() >= CHECKS => return Err(Refusal::TooManyChecks),
            Some(_) | None => {}
        }
        if !known.is_some_and(|check| check.clients.contains(&client)) {
            self.attempts.begin(client, now).map_err(Refusal::TooManyWrong)?;
        }
        let is_new = known.is_none();
        let check = self.checks.entry(digest).or_insert_with(|| Check {
            waiters: Vec::new(),
            clients: SmallVec::new(),
        });
        check.waiters.push(waiter);
        if !check.clients.contains(&client) {
            check.clients.push(client);
        }
        self.waiting += 1;
        if is_new {
            self.line.push_back((digest, job()));
        }
        Ok(is_new)
    }

    /// The check that is to be begun next.
    pub fn begin(&mut self) -> Option<(Digest, J)> {
        self.line.pop_front()
    }

    /// Whether there is one that nobody has begun.
    #[must_use]
    pub fn has_more(&self) -> bool {
        !self.line.is_empty()
    }

    /// A check is over. Returns those who waited for it.
    pub fn ended(&mut self, digest: &Digest, right: bool, now: Duration) -> Vec<W> {
        let Some(check) = self.checks.remove(digest) else {
            return Vec::new();
        };
        for client in check.clients {
            self.attempts.ended(client, right, now);
        }
        self.waiting -= check.waiters.len();
        check.waiters
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checks() -> Checks<u32, u32> {
        Checks::new(Attempts::new(Duration::from_secs(1)))
    }

    fn client(number: u32) -> IpAddr {
        IpAddr::V4(number.into())
    }

    fn digest(number: u32) -> Digest {
        let mut digest = [0; 32];
        digest[..4].copy_from_slice(&number.to_be_bytes());
        digest
    }

    const NOW: Duration = Duration::ZERO;

    #[test]
    fn all_requests_of_a_page_wait_for_one_check() {
        let mut checks = checks();
        for waiter in 0..10 {
            assert_eq!(checks.ask(digest(1), client(1), NOW, waiter, || 1), Ok(waiter == 0));
        }
        assert_eq!(checks.begin(), Some((digest(1), 1)));
        assert_eq!(checks.begin(), None);
        assert_eq!(
            checks.ask(digest(1), client(2), NOW, 10, || 1),
            Ok(false),
            "it is under way"
        );
        assert_eq!(checks.ended(&digest(1), true, NOW), Vec::from_iter(0..=10));
        assert_eq!(checks.waiting, 0);
        assert_eq!(checks.ask(digest(1), client(1), NOW, 0, || 1), Ok(true));
    }

    #[test]
    fn one_wrong_password_counts_once_for_each_client_however_many_wait() {
        let mut checks = checks();
        for round in 0..5 {
            for waiter in 0..10 {
                checks
                    .ask(digest(round), client(waiter % 2), NOW, waiter, || round)
                    .unwrap();
            }
            checks.ended(&digest(round), false, NOW);
        }
        let wait = Refusal::TooManyWrong(Duration::from_secs(1));
        assert_eq!(checks.ask(digest(9), client(0), NOW, 0, || 9), Err(wait));
        assert_eq!(checks.ask(digest(9), client(1), NOW, 0, || 9), Err(wait));
        assert_eq!(checks.ask(digest(9), client(2), NOW, 0, || 9), Ok(true));
    }

    #[test]
    fn the_bounds_hold_for_all_clients_and_all_passwords() {
        let mut checks = checks();
        let mut taken = 0;
        for number in 0..100_000 {
            let asked = checks.ask(digest(number), client(number), NOW, number, || number);
            taken += usize::from(asked.is_ok());
        }
        assert_eq!((taken, checks.line.len(), checks.waiting), (CHECKS, CHECKS, CHECKS));
        let mut joined = 1;
        while checks.ask(digest(0), client(0), NOW, 0, || 0).is_ok() {
            joined += 1;
        }
        assert_eq!(joined, FOR_ONE);
        for number in 0..100_000 {
            let _ = checks.ask(digest(number % 64), client(number % 64), NOW, number, || number);
        }
        assert_eq!(checks.waiting, WAITING);
    }
}
