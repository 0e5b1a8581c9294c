//! Both sides over hundreds of random schedules: who says how much, how the bytes are cut on their way, who reads with how much room, when
//! keys are changed, and what is changed on the way by somebody who has no business there. A failure names its seed.

use std::io::Write as _;
use std::task::Poll;

use fastrand::Rng;
use rustls::Error;
use rustls::version::TLS13;
use tokio::io::ReadBuf;

use super::pair::{Pair, VERSIONS, bytes, give};
use crate::proxy::client::tls::session::Came;
use crate::proxy::stock::buffers::RECORDS;

const SCHEDULES: u64 = 300;
/// What is done in one.
const STEPS: usize = 60;
/// As much as is said or read at a time.
const MOST: usize = 70_000;

/// One schedule, and what has come of it.
struct Talk {
    rng: Rng,
    pair: Pair,
    changes_keys: bool,
    /// Bytes of the client on their way.
    flight: Vec<u8>,
    said: Vec<u8>,
    heard: Vec<u8>,
    answered: Vec<u8>,
    answers: Vec<u8>,
}

#[test]
fn on_every_schedule_both_sides_understand_each_other_and_of_changed_bytes_nothing_is_believed() {
    let mut refused = 0;
    for seed in 0..SCHEDULES {
        let told = std::panic::catch_unwind(|| Talk::new(seed).live(seed % 2 == 1));
        refused += u64::from(told.unwrap_or_else(|_| panic!("seed {seed}")));
    }
    assert!(refused > SCHEDULES / 10, "hardly anything was changed: {refused}");
}

impl Talk {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let version = VERSIONS[rng.usize(..VERSIONS.len())];
        Self {
            pair: Pair::open(version, 1 + rng.usize(..2_000)),
            changes_keys: version == &TLS13,
            rng,
            flight: Vec::new(),
            said: Vec::new(),
            heard: Vec::new(),
            answered: Vec::new(),
            answers: Vec::new(),
        }
    }

    /// Whether something was changed on its way, and refused.
    fn live(&mut self, is_attacked: bool) -> bool {
        let mut is_changed = false;
        for _ in 0..STEPS {
            match self.rng.u8(..10) {
                0..=2 => self.say(),
                3..=5 => {
                    let upto = self.rng.usize(..=self.flight.len());
                    if let Err(error) = self.deliver(upto) {
                        assert!(is_changed, "{error}");
                        self.is_of_no_more_use(&error);
                        return true;
                    }
                }
                6 => self.seal(),
                7 => self.hear(),
                8 if self.changes_keys => self.pair.client.refresh_traffic_keys().unwrap(),
                8 => {}
                _ if is_attacked && !self.flight.is_empty() => {
                    let place = self.rng.usize(..self.flight.len());
                    self.flight[place] ^= 1 << self.rng.u8(..8);
                    is_changed = true;
                }
                _ => assert!(self.pair.server.receive(|_| Poll::Pending).is_pending()),
            }
            // Whatever waits is no more than was received at once.
            let held = self.pair.server.inbox.as_ref().map_or(0, |inbox| inbox.filled().len());
            assert!(held <= RECORDS, "{held} bytes wait");
        }
        let rest = self.pair.sent();
        self.flight.extend(rest);
        let delivered = self.deliver(self.flight.len());
        if is_changed {
            // Of a record that has not come whole, nothing is known yet.
            assert!(
                self.said.starts_with(&self.heard),
                "other bytes were heard than were said"
            );
            return delivered.is_err();
        }
        delivered.unwrap();
        self.hear();
        assert!(self.heard == self.said && self.answered == self.answers);
        assert!(self.pair.holds_nothing());
        false
    }

    fn much(&mut self) -> usize {
        let most = [4, 400, MOST][self.rng.usize(..3)];
        self.rng.usize(..=most)
    }

    fn say(&mut self) {
        let said = bytes(self.much());
        for part in said.chunks(32 * 1024) {
            self.pair.client.writer().write_all(part).unwrap();
            let sent = self.pair.sent();
            self.flight.extend(sent);
        }
        self.said.extend(said);
    }

    /// So many bytes arrive, in as many reads of the socket as it takes; before each, all that has come is read.
    fn deliver(&mut self, upto: usize) -> Result<(), Error> {
        let arriving: Vec<_> = self.flight.drain(..upto).collect();
        let mut rest = &arriving[..];
        loop {
            self.read()?;
            if rest.is_empty() {
                return Ok(());
            }
            let piece = &rest[..rest.len().min(1 + self.rng.usize(..MOST))];
            let left = give(&mut self.pair.server, piece).unwrap();
            rest = &rest[piece.len() - left.len()..];
        }
    }

    fn read(&mut self) -> Result<(), Error> {
        loop {
            let mut room = vec![0; 1 + self.much()];
            let mut room = ReadBuf::new(&mut room);
            match self.pair.server.read(&mut room)? {
                Came::Bytes => self.heard.extend_from_slice(room.filled()),
                Came::End | Came::Nothing => return Ok(()),
            }
        }
    }

    fn seal(&mut self) {
        let answer = bytes(self.much());
        let mut rest = &answer[..];
        while !rest.is_empty() {
            let sealed = self.pair.server.seal(rest).unwrap();
            rest = &rest[sealed..];
        }
        self.answers.extend(answer);
    }

    fn hear(&mut self) {
        let heard = self.pair.answer().unwrap();
        self.answered.extend(heard);
    }

    /// What came before the change was heard, and nothing after it, whoever asks again.
    fn is_of_no_more_use(&mut self, error: &Error) {
        assert!(
            self.said.starts_with(&self.heard),
            "other bytes were heard than were said"
        );
        for _ in 0..3 {
            assert_eq!(self.read().as_ref(), Err(error));
            assert_eq!(self.pair.server.seal(b"more").as_ref(), Err(error));
        }
    }
}
