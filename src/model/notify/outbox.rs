//! What waits for each destination, within bounds. Kept on disk by others, in the form that it has here.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::message::Message;

/// Messages that wait for one destination. Of more than that, the oldest are dropped.
pub const WAITING: usize = 256;

/// What waits, by destination. A message that waits for several is kept once.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Outbox {
    #[serde(default)]
    messages: BTreeMap<u64, Message>,
    #[serde(default)]
    boxes: BTreeMap<String, Mailbox>,
}

/// What waits for one destination, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Mailbox {
    #[serde(default)]
    waiting: VecDeque<u64>,
    /// Messages for which there was no room.
    #[serde(default)]
    dropped: u64,
    /// Messages that the destination did not take.
    #[serde(default)]
    given_up: u64,
}

/// A message that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Its place in the order of all messages.
    pub number: u64,
    /// What is to be sent.
    pub message: Message,
}

impl Outbox {
    /// A message for these destinations.
    pub fn put(&mut self, message: &Message, destinations: impl IntoIterator<Item = String>) {
        let number = self.messages.last_key_value().map_or(1, |(last, _)| last + 1);
        for destination in destinations {
            let mailbox = self.boxes.entry(destination).or_default();
            mailbox.waiting.push_back(number);
            if mailbox.waiting.len() > WAITING {
                mailbox.waiting.pop_front();
                mailbox.dropped += 1;
            }
            self.messages.entry(number).or_insert_with(|| message.clone());
        }
        self.sweep();
    }

    /// The oldest message for a destination.
    #[must_use]
    pub fn first(&self, destination: &str) -> Option<Letter> {
        let number = *self.boxes.get(destination)?.waiting.front()?;
        let message = self.messages.get(&number)?.clone();
        Some(Letter { number, message })
    }

    /// Whether a message still waits for a destination.
    #[must_use]
    pub fn waits(&self, destination: &str, number: u64) -> bool {
        let mailbox = self.boxes.get(destination);
        mailbox.is_some_and(|it| it.waiting.binary_search(&number).is_ok())
    }

    /// A message has arrived.
    pub fn delivered(&mut self, destination: &str, number: u64) {
        self.remove(destination, number);
    }

    /// A message will never arrive.
    pub fn give_up(&mut self, destination: &str, number: u64) {
        if self.remove(destination, number)
            && let Some(mailbox) = self.boxes.get_mut(destination)
        {
            mailbox.given_up += 1;
        }
    }

    /// Only these destinations are in the file. Returns how many messages nobody will get.
    pub fn keep(&mut self, destinations: &[String]) -> usize {
        let gone = self.boxes.extract_if(.., |key, _| !destinations.contains(key));
        let lost = gone.map(|(_, mailbox)| mailbox.waiting.len()).sum();
        self.sweep();
        lost
    }

    /// What was kept on disk comes before what has come since.
    pub fn follow(&mut self, before: Self) {
        let mut since = std::mem::replace(self, before);
        let begin = self.messages.last_key_value().map_or(0, |(last, _)| *last);
        for (number, message) in std::mem::take(&mut since.messages) {
            self.messages.insert(begin + number, message);
        }
        for (key, mailbox) in since.boxes {
            let own = self.boxes.entry(key).or_default();
            own.waiting.extend(mailbox.waiting.iter().map(|number| begin + number));
            own.dropped += mailbox.dropped;
            own.given_up += mailbox.given_up;
            while own.waiting.len() > WAITING {
                own.waiting.pop_front();
                own.dropped += 1;
            }
        }
        // A file that was damaged may name what it does not have.
        for mailbox in self.boxes.values_mut() {
            mailbox.waiting.retain(|number| self.messages.contains_key(number));
        }
        self.sweep();
    }

    /// Messages that wait for a destination, were dropped for want of room, and were not taken.
    #[must_use]
    pub fn counts(&self, destination: &str) -> (usize, u64, u64) {
        let mailbox = self.boxes.get(destination);
        mailbox.map_or((0, 0, 0), |it| (it.waiting.len(), it.dropped, it.given_up))
    }

    /// How old a message is, as far as clocks on walls can say.
    #[must_use]
    pub fn age(message: &Message, now: jiff::Timestamp) -> Duration {
        let time = message.time.parse::<jiff::Timestamp>();
        let age = time.map(|time| now.duration_since(time)).unwrap_or_default();
        Duration::try_from(age).unwrap_or_default()
    }

    fn remove(&mut self, destination: &str, number: u64) -> bool {
        let Some(mailbox) = self.boxes.get_mut(destination) else {
            return false;
        };
        let before = mailbox.waiting.len();
        mailbox.waiting.retain(|waiting| *waiting != number);
        let was_there = mailbox.waiting.len() < before;
        self.sweep();
        was_there
    }

    /// Forgets what nobody waits for.
    fn sweep(&mut self) {
        let boxes = &self.boxes;
        // Each box is in order: what is older than all first ones waits nowhere, and there is seldom anything else to drop.
        self.messages
            .retain(|number, _| boxes.values().any(|it| it.waiting.binary_search(number).is_ok()));
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::{Draft, Severity, Topic};
    use super::*;

    fn message(id: u64) -> Message {
        let draft = Draft::new(Topic::Refused, Severity::Warning, "k", format!("title {id}"));
        draft.message(format!("msg_{id}"), "2026-01-01T00:00:00.000Z".into(), "web1")
    }

    fn keys(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn each_destination_gets_every_message_in_order_and_a_message_is_kept_once() {
        let mut outbox = Outbox::default();
        outbox.put(&message(1), keys(&["a", "b"]));
        outbox.put(&message(2), keys(&["a"]));
        assert_eq!(outbox.messages.len(), 2);
        let first = outbox.first("a").unwrap();
        assert_eq!(first.message.id, "msg_1");
        outbox.delivered("a", first.number);
        assert_eq!(outbox.first("a").unwrap().message.id, "msg_2");
        assert_eq!(outbox.first("b").unwrap().message.id, "msg_1");
        outbox.give_up("b", first.number);
        outbox.give_up("b", first.number);
        assert_eq!((outbox.counts("a"), outbox.counts("b")), ((1, 0, 0), (0, 0, 1)));
        assert_eq!(outbox.messages.len(), 1);
        assert_eq!(outbox.keep(&keys(&["b"])), 1);
        assert!(outbox.messages.is_empty());
    }

    #[test]
    fn ten_thousand_messages_at_once_leave_the_newest_and_a_count_of_the_others() {
        let mut outbox = Outbox::default();
        for id in 0..10_000 {
            outbox.put(&message(id), keys(&["a", "b"]));
        }
        assert_eq!(outbox.messages.len(), WAITING);
        assert_eq!(outbox.counts("a"), (WAITING, 10_000 - WAITING as u64, 0));
        assert_eq!(
            outbox.first("a").unwrap().message.id,
            format!("msg_{}", 10_000 - WAITING)
        );
        let kept = serde_json::to_string(&outbox).unwrap();
        assert!(kept.len() < 256 * 1024, "{}", kept.len());
    }

    #[test]
    fn what_was_kept_on_disk_comes_first_and_survives_being_written() {
        let mut before = Outbox::default();
        before.put(&message(1), keys(&["a"]));
        before.put(&message(2), keys(&["a", "b"]));
        let before: Outbox = serde_json::from_str(&serde_json::to_string(&before).unwrap()).unwrap();
        let mut outbox = Outbox::default();
        outbox.put(&message(3), keys(&["a"]));
        outbox.follow(before);
        let mut order = Vec::new();
        while let Some(letter) = outbox.first("a") {
            outbox.delivered("a", letter.number);
            order.push(letter.message.id);
        }
        assert_eq!(order, ["msg_1", "msg_2", "msg_3"]);
        assert_eq!(outbox.counts("b").0, 1);
    }

    #[test]
    fn a_damaged_file_names_nothing_that_is_not_there() {
        let damaged = r#"{"messages":{},"boxes":{"a":{"waiting":[7,8]}},"later":true}"#;
        let mut outbox = Outbox::default();
        outbox.follow(serde_json::from_str(damaged).unwrap());
        assert_eq!((outbox.first("a"), outbox.counts("a")), (None, (0, 0, 0)));
    }

    #[test]
    fn a_message_has_the_age_of_its_time_and_never_a_negative_one() {
        let at = |seconds: i64| jiff::Timestamp::from_second(1_767_225_600 + seconds).unwrap();
        assert_eq!(Outbox::age(&message(1), at(90)), Duration::from_secs(90));
        assert_eq!(Outbox::age(&message(1), at(-90)), Duration::ZERO);
    }
}
