//! Session tickets (RFC 5077, RFC 8446 §4.6.1) and the rotation of their keys.
//!
//! rustls' own ticketer cannot hand its keys to a next process; this one is built so that it can: everything that a
//! ticket depends on is a [`TicketKey`], made of a name and 32 bytes.

use std::fmt;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand;
use rustls::server::ProducesTickets;
use serde::{Deserialize, Serialize};

/// How long a key makes tickets; for as long again it only reads them.
pub(super) const PERIOD: Duration = Duration::from_secs(12 * 60 * 60);

const NAME_LEN: usize = 16;
const SECRET_LEN: usize = 32;

/// A ticket is the key's name, a random nonce, and the sealed session with its tag; the name is authenticated too.
const HEAD_LEN: usize = NAME_LEN + NONCE_LEN;

/// Makes and reads tickets without a lock and without a clock: [`Tickets::rotate`] is called from outside.
pub(super) struct Tickets {
    keys: ArcSwap<Keys>,
}

struct Keys {
    current: Arc<TicketKey>,
    previous: Option<Arc<TicketKey>>,
    /// When `current` began.
    since: SystemTime,
}

struct TicketKey {
    /// Not a secret: it says which key opens a ticket.
    name: [u8; NAME_LEN],
    /// What `aead` is made of, for the process that comes after this one.
    secret: [u8; SECRET_LEN],
    aead: RandomizedNonceKey,
}

impl Drop for TicketKey {
    fn drop(&mut self) {
        self.secret.fill(0);
        // Without this the compiler may drop the line above as a write that nobody reads.
        black_box(&self.secret);
    }
}

/// The keys as a next process gets them (N28).
#[derive(Serialize, Deserialize)]
struct Written {
    current: ([u8; NAME_LEN], [u8; SECRET_LEN]),
    previous: Option<([u8; NAME_LEN], [u8; SECRET_LEN])>,
    since: SystemTime,
}

impl fmt::Debug for Tickets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tickets").finish_non_exhaustive()
    }
}

impl Tickets {
    /// Starts with a random key.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub(super) fn new(now: SystemTime) -> Result<Self, Unspecified> {
        let keys = Keys {
            current: Arc::new(TicketKey::random()?),
            previous: None,
            since: now,
        };
        Ok(Self {
            keys: ArcSwap::from_pointee(keys),
        })
    }

    /// All that a next process needs to go on with these keys. It is secret: it goes from process to process, and nowhere else.
    pub(super) fn write(&self) -> String {
        let keys = self.keys.load();
        let pair = |key: &Arc<TicketKey>| (key.name, key.secret);
        let written = Written {
            current: pair(&keys.current),
            previous: keys.previous.as_ref().map(pair),
            since: keys.since,
        };
        serde_json::to_string(&written).unwrap_or_default()
    }

    /// Goes on with the keys of the process before this one (N28).
    ///
    /// # Errors
    /// When they are none; the keys stay as they are.
    pub(super) fn read(&self, written: &str) -> Result<(), Unspecified> {
        let Written {
            current,
            previous,
            since,
        } = serde_json::from_str(written).map_err(|_| Unspecified)?;
        let key = |(name, secret)| TicketKey::new(name, secret).map(Arc::new);
        self.keys.store(Arc::new(Keys {
            current: key(current)?,
            previous: previous.map(key).transpose()?,
            since,
        }));
        Ok(())
    }

    /// Begins a new key when the current one's period is over; only one thread may call this.
    ///
    /// # Errors
    /// When the system has no randomness to give; the current key stays.
    pub(super) fn rotate(&self, now: SystemTime) -> Result<(), Unspecified> {
        let keys = self.keys.load();
        // A clock that went back by more than a period says nothing about the key's age: begin anew.
        let age = now.duration_since(keys.since).unwrap_or_else(|error| error.duration());
        if age < PERIOD {
            return Ok(());
        }
        // After two periods without a call (a machine that slept) the current key is too old to read with.
        let previous = (age < PERIOD * 2).then(|| Arc::clone(&keys.current));
        self.keys.store(Arc::new(Keys {
            current: Arc::new(TicketKey::random()?),
            previous,
            since: now,
        }));
        Ok(())
    }
}

impl ProducesTickets for Tickets {
    fn enabled(&self) -> bool {
        true
    }

    /// What every ticket is good for at least, in seconds.
    fn lifetime(&self) -> u32 {
        u32::try_from(PERIOD.as_secs()).unwrap_or(u32::MAX)
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        self.keys.load().current.seal(plain)
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        let (name, _) = cipher.split_first_chunk::<NAME_LEN>()?;
        let keys = self.keys.load();
        let key = [Some(&keys.current), keys.previous.as_ref()]
            .into_iter()
            .flatten()
            .find(|key| key.name == *name)?;
        key.open(cipher)
    }
}

impl TicketKey {
    fn random() -> Result<Self, Unspecified> {
        let mut name = [0; NAME_LEN];
        rand::fill(&mut name)?;
        let mut secret = [0; SECRET_LEN];
        rand::fill(&mut secret)?;
        Self::new(name, secret)
    }

    fn new(name: [u8; NAME_LEN], secret: [u8; SECRET_LEN]) -> Result<Self, Unspecified> {
        Ok(Self {
            name,
            aead: RandomizedNonceKey::new(&AES_256_GCM, &secret)?,
            secret,
        })
    }

    fn seal(&self, plain: &[u8]) -> Option<Vec<u8>> {
        let mut ticket = Vec::with_capacity(HEAD_LEN + plain.len() + AES_256_GCM.tag_len());
        ticket.extend_from_slice(&self.name);
        ticket.extend_from_slice(&[0; NONCE_LEN]);
        ticket.extend_from_slice(plain);
        let (head, body) = ticket.split_at_mut(HEAD_LEN);
        // The nonce is random: at 96 bits, a key may seal 2^32 tickets (NIST SP 800-38D §8.3), 99,000 a second for its life.
        let (nonce, tag) = self.aead.seal_in_place_separate_tag(Aad::from(self.name), body).ok()?;
        head[NAME_LEN..].copy_from_slice(nonce.as_ref());
        ticket.extend_from_slice(tag.as_ref());
        Some(ticket)
    }

    fn open(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        let (head, body) = ticket.split_at_checked(HEAD_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(&head[NAME_LEN..]).ok()?;
        let mut body = body.to_vec();
        let plain = self
            .aead
            .open_in_place(nonce, Aad::from(self.name), &mut body)
            .ok()?
            .len();
        body.truncate(plain);
        Some(body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: SystemTime = SystemTime::UNIX_EPOCH;

    #[test]
    fn a_ticket_comes_back_whole_and_no_two_are_alike() {
        let tickets = Tickets::new(START).unwrap();
        for plain in [&b""[..], b"session", &[7; 2000]] {
            let (one, two) = (tickets.encrypt(plain).unwrap(), tickets.encrypt(plain).unwrap());
            assert_ne!(one, two);
            assert_eq!(tickets.decrypt(&one).as_deref(), Some(plain));
            assert_eq!(tickets.decrypt(&two).as_deref(), Some(plain));
        }
    }

    #[test]
    fn a_ticket_that_was_touched_or_cut_is_refused() {
        let tickets = Tickets::new(START).unwrap();
        let ticket = tickets.encrypt(b"session").unwrap();
        for at in 0..ticket.len() {
            let mut touched = ticket.clone();
            touched[at] ^= 1;
            assert_eq!(tickets.decrypt(&touched), None, "byte {at}");
            assert_eq!(tickets.decrypt(&ticket[..at]), None, "cut at {at}");
        }
    }

    #[test]
    fn a_ticket_outlives_one_rotation_and_not_two() {
        let tickets = Tickets::new(START).unwrap();
        let ticket = tickets.encrypt(b"session").unwrap();
        tickets.rotate(START + PERIOD - Duration::from_secs(1)).unwrap();
        assert_eq!(
            tickets.encrypt(b"").unwrap()[..NAME_LEN],
            ticket[..NAME_LEN],
            "too early to rotate"
        );
        tickets.rotate(START + PERIOD).unwrap();
        assert_ne!(tickets.encrypt(b"").unwrap()[..NAME_LEN], ticket[..NAME_LEN]);
        assert_eq!(tickets.decrypt(&ticket).as_deref(), Some(&b"session"[..]));
        tickets.rotate(START + PERIOD * 2).unwrap();
        assert_eq!(tickets.decrypt(&ticket), None);
    }

    #[test]
    fn a_machine_that_slept_forgets_both_keys() {
        let tickets = Tickets::new(START).unwrap();
        let ticket = tickets.encrypt(b"session").unwrap();
        tickets.rotate(START + PERIOD * 5).unwrap();
        assert_eq!(tickets.decrypt(&ticket), None);
    }

    #[test]
    fn a_clock_that_went_back_does_not_keep_a_key_for_ever() {
        let tickets = Tickets::new(START + PERIOD * 100).unwrap();
        let ticket = tickets.encrypt(b"session").unwrap();
        tickets.rotate(START + PERIOD * 100 - Duration::from_secs(60)).unwrap();
        assert_eq!(
            tickets.encrypt(b"").unwrap()[..NAME_LEN],
            ticket[..NAME_LEN],
            "a small step is no reason"
        );
        tickets.rotate(START).unwrap();
        assert_ne!(tickets.encrypt(b"").unwrap()[..NAME_LEN], ticket[..NAME_LEN]);
    }

    #[test]
    fn n28_a_next_process_reads_the_tickets_of_the_one_before_and_turns_the_keys_when_their_time_comes() {
        let before = Tickets::new(START).unwrap();
        let old = before.encrypt(b"old").unwrap();
        before.rotate(START + PERIOD).unwrap();
        let new = before.encrypt(b"new").unwrap();
        let after = Tickets::new(START + PERIOD).unwrap();
        after.read(&before.write()).unwrap();
        assert_eq!(after.decrypt(&old).as_deref(), Some(&b"old"[..]));
        assert_eq!(after.decrypt(&new).as_deref(), Some(&b"new"[..]));
        assert_eq!(
            before.decrypt(&after.encrypt(b"back").unwrap()).as_deref(),
            Some(&b"back"[..])
        );
        after.rotate(START + PERIOD * 2).unwrap();
        assert_eq!(after.decrypt(&old), None);
        assert_eq!(after.decrypt(&new).as_deref(), Some(&b"new"[..]));
    }

    #[test]
    fn what_is_no_keys_changes_no_keys() {
        let tickets = Tickets::new(START).unwrap();
        let ticket = tickets.encrypt(b"session").unwrap();
        for written in ["", "{}", r#"{"current":[[1],[2]],"since":0}"#] {
            assert!(tickets.read(written).is_err());
        }
        assert_eq!(tickets.decrypt(&ticket).as_deref(), Some(&b"session"[..]));
    }

    #[test]
    fn no_key_material_is_printed() {
        assert_eq!(format!("{:?}", Tickets::new(START).unwrap()), "Tickets { .. }");
    }
}
