//! Waiting for more of what was only looked at: `peek` shows the same bytes again, and readiness says nothing of new ones.

use std::time::Duration;

use tokio::time::sleep;

/// The first breath, and the longest: a client that sends one byte and no more must not keep a core busy.
const FIRST: Duration = Duration::from_millis(5);
const LONGEST: Duration = Duration::from_millis(320);

/// The next breath to take, each twice as long as the one before.
#[derive(Debug)]
pub(crate) struct Breath(Duration);

impl Default for Breath {
    fn default() -> Self {
        Self(FIRST)
    }
}

impl Breath {
    pub(crate) async fn take(&mut self) {
        let breath = self.0;
        self.0 = (breath * 2).min(LONGEST);
        sleep(breath).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::Instant;

    #[tokio::test(start_paused = true)]
    async fn e22_a_client_that_sends_no_more_is_looked_at_seldom() {
        let (mut breath, began) = (Breath::default(), Instant::now());
        let mut looks = 0;
        while began.elapsed() < Duration::from_secs(10) {
            breath.take().await;
            looks += 1;
        }
        assert!(looks < 50, "{looks} looks in ten seconds");
    }
}
