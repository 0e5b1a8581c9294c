//! When a certificate is due, and when one that could not be had is tried for again. Pure: times are unix seconds, chance is
//! passed in as a number from 0 to 1.
//!
//! Nothing here knows how long certificates live: everything is a share of the life that the CA gave.

use serde::{Deserialize, Serialize};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// A life below this is renewed at its half instead of its last third, as Let's Encrypt asks for short-lived certificates.
const SHORT_LIFE: i64 = 10 * DAY;
/// A certificate that ends within this time is worth a warning, unless its whole life is short.
const SOON: i64 = 7 * DAY;
/// The pause after the first failures in a row; after these it is a day.
const PAUSES: [i64; 3] = [MINUTE, 10 * MINUTE, 100 * MINUTE];
/// A pause is longer than said by up to this share, so that the hosts of many servers do not come at once.
const JITTER: f64 = 0.1;
/// No CA's word keeps a host from trying again for longer than this.
const LONGEST_HOLD: i64 = 8 * DAY;
/// No CA is asked about renewal more often than this, or less often than once a day, whatever it says.
const ASK_BOUNDS: (i64, i64) = (MINUTE, DAY);
/// Failed validations of one host within an hour; Let's Encrypt's own limit.
pub const VALIDATIONS_PER_HOUR: usize = 5;

/// From when until when a certificate is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Life {
    /// The first second.
    pub from: i64,
    /// The last second.
    pub until: i64,
}

/// What the CA suggests (ARI, RFC 9773 §4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Not before this.
    pub start: i64,
    /// Not after this.
    pub end: i64,
}

/// Why a certificate is due when it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// A share of its life is left.
    Life,
    /// The CA suggests it.
    Suggested,
}

impl Life {
    /// Seconds in all; never negative.
    #[must_use]
    pub fn length(self) -> i64 {
        self.until.saturating_sub(self.from).max(0)
    }

    /// How long before the end it is renewed: a third of the life, or half of a short one.
    #[must_use]
    pub fn lead(self) -> i64 {
        let length = self.length();
        if length < SHORT_LIFE { length / 2 } else { length / 3 }
    }

    /// Which share of its life is left when it is renewed without a suggestion of the CA.
    #[must_use]
    pub fn share_left(self) -> &'static str {
        if self.length() < SHORT_LIFE { "half" } else { "a third" }
    }

    /// When it is renewed. `window` is what the CA suggests, `chance` picks the moment in it and has to be the same every time
    /// one certificate is asked about. A suggestion never counts past the last third of our own lead: a CA that errs must not
    /// let a certificate end.
    #[must_use]
    pub fn due(self, window: Option<Window>, chance: f64) -> (i64, Reason) {
        let own = self.until.saturating_sub(self.lead());
        let Some(window) = window.filter(|window| window.end > window.start) else {
            return (own, Reason::Life);
        };
        let latest = self.until.saturating_sub(self.lead() / 3);
        let picked = window
            .start
            .saturating_add(share(window.end.saturating_sub(window.start), chance));
        if picked <= latest {
            (picked, Reason::Suggested)
        } else {
            (own, Reason::Life)
        }
    }

    /// Before this no renewal begins by itself, whatever clock and CA say: a certificate that was just obtained is kept for a
    /// while.
    #[must_use]
    pub fn floor(self, issued: i64) -> i64 {
        let length = self.length();
        let rest = if length == 0 { HOUR } else { (length / 4).min(HOUR) };
        issued.saturating_add(rest)
    }

    /// Whether its end is so near that a renewal has failed for long: within 7 days, or half of the lead of a short life.
    #[must_use]
    pub fn ends_soon(self, now: i64) -> bool {
        self.until.saturating_sub(now) < SOON.min(self.lead() / 2)
    }
}

/// What is remembered of the attempts for one host; survives restarts.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Attempts {
    /// Failures since the last success.
    #[serde(default)]
    pub failures: u32,
    /// Not before this.
    #[serde(default)]
    pub not_before: i64,
    /// Not before this even when a person asks for it: the CA said so.
    #[serde(default)]
    pub held: i64,
    /// When validations failed within the last hour.
    #[serde(default)]
    pub failed_validations: Vec<i64>,
    /// The last failure, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Attempts {
    /// Counts a validation that the CA says has failed.
    pub fn validation_failed(&mut self, now: i64) {
        self.forget_validations(now);
        self.failed_validations.push(now);
    }

    /// When the next validation may fail without too many in an hour; `now` when it may right away.
    #[must_use]
    pub fn may_validate(&self, now: i64) -> i64 {
        let mut recent: Vec<i64> = self.recent_validations(now).collect();
        recent.sort_unstable();
        match recent.len().checked_sub(VALIDATIONS_PER_HOUR) {
            Some(index) => recent[index].saturating_add(HOUR).max(now),
            None => now,
        }
    }

    /// An attempt failed. `retry_after` is what the CA said, in seconds from now.
    pub fn failed(&mut self, now: i64, error: String, retry_after: Option<i64>, chance: f64) {
        self.forget_validations(now);
        let index = usize::try_from(self.failures).unwrap_or(usize::MAX);
        let pause = PAUSES.get(index).copied().unwrap_or(DAY);
        self.failures = self.failures.saturating_add(1);
        self.error = Some(error);
        let held = retry_after.map_or(0, |seconds| hold(now, seconds));
        self.held = held;
        self.not_before = now
            .saturating_add(pause)
            .saturating_add(share(pause, chance * JITTER))
            .max(held);
    }

    /// The configuration that the failures were about has changed: the next attempt need not wait for the pause. `held` is until
    /// when the CAs that are asked from now on want to be left alone; 0 when they did not say.
    pub fn reconsider(&mut self, held: i64) {
        (self.held, self.not_before) = (held, held);
    }

    /// An attempt succeeded.
    pub fn succeeded(&mut self) {
        let failed_validations = std::mem::take(&mut self.failed_validations);
        *self = Self {
            failed_validations,
            ..Self::default()
        };
    }

    /// Another program obtained a certificate: no failure counts any more, and what CAs asked for does.
    pub fn superseded(&mut self) {
        self.failures = 0;
        self.error = None;
        self.not_before = self.held;
    }

    /// When the next attempt may begin, for a certificate that is due at `due`. A clock that went back by more than the
    /// longest pause does not keep a host waiting for a time that is not to come.
    #[must_use]
    pub fn next(&self, due: i64, now: i64) -> i64 {
        due.max(sane(self.not_before, now))
            .max(self.may_validate(now).min(now + HOUR))
    }

    /// When a person may have an attempt: only what the CA said and the limit of validations count.
    #[must_use]
    pub fn next_forced(&self, now: i64) -> i64 {
        now.max(sane(self.held, now)).max(self.may_validate(now))
    }

    fn recent_validations(&self, now: i64) -> impl Iterator<Item = i64> + '_ {
        // Those from the future are of a clock that was wrong.
        let recent = move |time: &i64| *time <= now && now.saturating_sub(*time) < HOUR;
        self.failed_validations.iter().copied().filter(recent)
    }

    fn forget_validations(&mut self, now: i64) {
        self.failed_validations = self.recent_validations(now).collect();
    }
}

/// Until when a CA that asked to wait for so many seconds is left alone.
#[must_use]
pub fn hold(now: i64, seconds: i64) -> i64 {
    now.saturating_add(seconds.clamp(0, LONGEST_HOLD))
}

/// Whether a CA that asked to wait until then still has to be left alone.
#[must_use]
pub fn is_held(until: i64, now: i64) -> bool {
    sane(until, now) > now
}

/// When a CA is asked again about renewal that wants to be asked in so many seconds.
#[must_use]
pub fn next_question(now: i64, seconds: i64) -> i64 {
    now.saturating_add(seconds.clamp(ASK_BOUNDS.0, ASK_BOUNDS.1))
}

/// Whether a CA is asked about renewal now that was to be asked at `ask`. A time that lies further ahead than any may is of a
/// clock that was wrong, and counts as past.
#[must_use]
pub fn may_ask(ask: i64, now: i64) -> bool {
    ask <= now || ask.saturating_sub(now) > ASK_BOUNDS.1
}

/// A time that was written down, unless it lies further ahead than any may: then the clock went back since.
fn sane(time: i64, now: i64) -> i64 {
    if time.saturating_sub(now) > LONGEST_HOLD + DAY {
        now
    } else {
        time
    }
}

/// A share of a period; lengths here are far below the 2^53 that an f64 holds exactly.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "a moment in a window, to the second"
)]
fn share(length: i64, chance: f64) -> i64 {
    (length as f64 * chance.clamp(0.0, 1.0)) as i64
}

#[cfg(test)]
mod tests;
