//! One look at an idle side, and all that are open.

use serde::{Deserialize, Serialize};

use super::key::Key;
use super::token::{Terms, Token, issue};
use crate::model::slot::{Generation, Slot};

/// The longest that one may last, in seconds: a week.
pub const LONGEST: u64 = 7 * 24 * 60 * 60;
/// As many may be open in an environment at a time.
pub const MOST: usize = 16;

/// An open preview.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preview {
    /// The number of the operation that has opened it.
    pub number: u64,
    /// The environment's name.
    pub environment: String,
    /// The side that it shows.
    pub slot: Slot,
    /// The environment's generation: with the next one it is over.
    pub generation: Generation,
    /// Who has opened it.
    pub user: String,
    /// When, RFC 3339.
    pub since: String,
    /// When it ends, in seconds since 1970.
    pub until: u64,
    /// What its tokens are signed with.
    pub key: Key,
}

impl Preview {
    /// What its holder has to show.
    #[must_use]
    pub fn token(&self) -> String {
        issue(&self.key, &self.terms(self.until))
    }

    /// Whether a request for `environment` that shows this may see it; `now` is in seconds since 1970.
    #[must_use]
    pub fn admits(&self, environment: &str, shown: &[u8], now: u64) -> bool {
        let Some(token) = Token::parse(shown) else { return false };
        *self.environment == *environment
            && token.number == self.number
            && token.is_signed(&self.key, &self.terms(token.until))
            && now < token.until.min(self.until)
    }

    fn terms(&self, until: u64) -> Terms<'_> {
        Terms {
            environment: &self.environment,
            slot: self.slot,
            generation: self.generation,
            number: self.number,
            until,
        }
    }
}

/// All that are open.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Previews {
    /// In the order in which they were opened.
    #[serde(default)]
    pub open: Vec<Preview>,
    /// Until then, in seconds since 1970, browsers may send a cookie of one of them, whether it is open or not.
    #[serde(default)]
    pub around_until: u64,
}

impl Previews {
    /// Whether there never was one.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Those of an environment.
    pub fn of<'p>(&'p self, environment: &'p str) -> impl Iterator<Item = &'p Preview> {
        self.open.iter().filter(move |one| *one.environment == *environment)
    }

    /// One more is open.
    pub fn add(&mut self, preview: Preview) {
        self.around_until = self.around_until.max(preview.until);
        self.open.push(preview);
    }

    /// Those that were opened by these operations are over.
    pub fn remove(&mut self, numbers: &[u64]) {
        self.open.retain(|one| !numbers.contains(&one.number));
    }

    /// An environment is at this generation now: what was opened in another one is over.
    pub fn move_on(&mut self, environment: &str, generation: Generation) {
        self.open
            .retain(|one| *one.environment != *environment || one.generation == generation);
    }

    /// Whether any token that was ever given out has not run out by itself.
    #[must_use]
    pub fn are_around(&self, now: u64) -> bool {
        now < self.around_until
    }
}

#[cfg(test)]
mod tests;
