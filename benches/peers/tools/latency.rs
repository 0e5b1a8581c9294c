//! What a load tells of its answers.

use std::time::Duration;

/// Says that what is measured begins now: connections are open.
pub(crate) fn ready() {
    println!("ready");
}

/// How long each answer took, and how many there were none of.
#[derive(Default)]
pub(crate) struct Answers {
    pub(crate) took: Vec<Duration>,
    pub(crate) failed: usize,
    /// Those on a session that was resumed.
    pub(crate) resumed: usize,
}

impl Answers {
    pub(crate) fn add(&mut self, other: Self) {
        self.took.extend(other.took);
        self.failed += other.failed;
        self.resumed += other.resumed;
    }

    /// One line of JSON, in microseconds.
    pub(crate) fn print(mut self) {
        self.took.sort_unstable();
        let at = |share: usize| {
            let place = self.took.len() * share / 100;
            self.took.get(place).map(|took| took.as_secs_f64() * 1e6)
        };
        let said = serde_json::json!({
            "requests": self.took.len(),
            "failed": self.failed,
            "resumed": self.resumed,
            "p50": at(50),
            "p99": at(99),
        });
        println!("{said}");
    }
}
