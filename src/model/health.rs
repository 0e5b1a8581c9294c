//! Consecutive passes and failures → a verdict (N7): one lucky answer opens no gate, and any failure starts the count again.
//! What a probe saw is `control::evidence`'s to say.

use super::slot::Address;

/// `health.path`: what a probe asks for, with its query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthPath {
    app: String,
    folder: String,
}

impl HealthPath {
    /// One path for apps, and one for folders, which have no health check of their own.
    #[must_use]
    pub fn new(app: String, folder: String) -> Self {
        Self { app, folder }
    }

    /// The path that is asked for at an address.
    #[must_use]
    pub fn at(&self, address: &Address) -> &str {
        match address.folder() {
            Some(_) => &self.folder,
            None => &self.app,
        }
    }
}

impl From<&str> for HealthPath {
    /// The same path wherever it is asked for.
    fn from(path: &str) -> Self {
        Self::new(path.to_owned(), path.to_owned())
    }
}

/// What the answers of one instance amount to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Too few answers in a row to tell. Unknown is not healthy.
    Unknown,
    /// It passed often enough in a row.
    Healthy,
    /// It failed often enough in a row.
    Failing,
}

/// The answers of one instance so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    needed: u32,
    passes: u32,
    failures: u32,
    probes: u32,
}

impl Tally {
    /// No answer yet. `needed` answers of one kind in a row make a verdict; zero counts as one.
    #[must_use]
    pub fn new(needed: u32) -> Self {
        Self {
            needed: needed.max(1),
            passes: 0,
            failures: 0,
            probes: 0,
        }
    }

    /// Counts one answer.
    pub fn record(&mut self, passed: bool) {
        self.probes = self.probes.saturating_add(1);
        (self.passes, self.failures) = if passed {
            (self.passes.saturating_add(1), 0)
        } else {
            (0, self.failures.saturating_add(1))
        };
    }

    /// What the answers amount to.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        if self.passes >= self.needed {
            Verdict::Healthy
        } else if self.failures >= self.needed {
            Verdict::Failing
        } else {
            Verdict::Unknown
        }
    }

    /// Consecutive passes so far.
    #[must_use]
    pub fn passes(&self) -> u32 {
        self.passes
    }

    /// Answers of one kind in a row that make a verdict.
    #[must_use]
    pub fn needed(&self) -> u32 {
        self.needed
    }

    /// Answers in all.
    #[must_use]
    pub fn probes(&self) -> u32 {
        self.probes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(needed: u32, answers: &[bool]) -> Verdict {
        let mut tally = Tally::new(needed);
        for &passed in answers {
            tally.record(passed);
        }
        tally.verdict()
    }

    #[test]
    fn unknown_is_not_healthy() {
        assert_eq!(after(3, &[]), Verdict::Unknown);
        assert_eq!(after(0, &[]), Verdict::Unknown);
    }

    #[test]
    fn n7_one_lucky_answer_is_not_enough() {
        assert_eq!(after(3, &[true]), Verdict::Unknown);
        assert_eq!(after(3, &[true, true, true]), Verdict::Healthy);
    }

    #[test]
    fn n7_any_failure_resets_the_count() {
        assert_eq!(after(3, &[true, true, false, true, true]), Verdict::Unknown);
        assert_eq!(after(3, &[true, true, true, false]), Verdict::Unknown);
        assert_eq!(after(3, &[false, true, true, true]), Verdict::Healthy);
    }

    #[test]
    fn failing_takes_as_many_failures_in_a_row() {
        assert_eq!(after(2, &[false]), Verdict::Unknown);
        assert_eq!(after(2, &[false, false]), Verdict::Failing);
        assert_eq!(after(2, &[false, true, false]), Verdict::Unknown);
    }
}
