//! An auth service as one core asks it: its connections, and how many questions may be open.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout};

use super::asking::{Answered, ask};
use super::standing::Standing;
use super::verdict::Verdict;
use crate::config::Forward;
use crate::proxy::message::unanswered::Unanswered;
use crate::proxy::stock::descriptors::Reserve;
use crate::proxy::stock::seats::Seats;
use crate::proxy::upstream::connection::Upstream;
use crate::proxy::upstream::pool::Pool;

/// Questions that one core may have open with the service of one policy, each on a connection of its own. An answer is kept until it is
/// whole: 320 KiB at most.
const OPEN: usize = 64;
/// Requests of one core that may wait for their turn to ask.
const WAITING: usize = 448;
/// For so long a connection without a question is kept, as those to apps are unless the file says otherwise (N9).
const IDLE: Duration = Duration::from_secs(4);
/// The service is one instance, and this its place in the pool.
const ONLY: usize = 0;

/// Who is asked whether requests may pass.
pub(crate) struct AuthService {
    pub(crate) forward: Arc<Forward>,
    pool: Pool,
    open: Semaphore,
    waiting: Seats,
    standing: Arc<Standing>,
}

impl AuthService {
    pub(crate) fn new(forward: Arc<Forward>, standing: Arc<Standing>) -> Self {
        Self {
            forward,
            pool: Pool::new(1, IDLE),
            open: Semaphore::new(OPEN),
            waiting: Seats::new(WAITING),
            standing,
        }
    }

    /// Asks, and waits for the answer. The time for that is the service's own, and begins with the wait for a turn.
    ///
    /// # Errors
    /// Why there is no answer. Then nobody passes.
    pub(crate) async fn ask(&self, question: &[u8], reserve: &Reserve) -> Result<Verdict, Unanswered> {
        let began = Instant::now();
        let asked = timeout(self.forward.timeout, self.take_turn(question, reserve)).await;
        let asked = asked.unwrap_or(Err(Unanswered::TimedOut));
        match &asked {
            Ok(_) => self.standing.answered(began),
            Err(why) if why.is_ours() => {}
            Err(why) => self.standing.failed(why),
        }
        asked
    }

    async fn take_turn(&self, question: &[u8], reserve: &Reserve) -> Result<Verdict, Unanswered> {
        let _turn = self.turn().await?;
        let now = Instant::now();
        let mut line = match self.pool.take(ONLY, now) {
            Some(upstream) => Line {
                upstream,
                _lent: Lent(None),
            },
            None => self.connect(reserve).await?,
        };
        let answered = match ask(&mut line.upstream, question, &self.forward).await {
            // The service has closed an idle connection in the moment that it was used (N9).
            Err(failure) if failure.nothing_read && line.upstream.reused => {
                line = self.connect(reserve).await?;
                ask(&mut line.upstream, question, &self.forward).await
            }
            answered => answered,
        };
        let Answered { verdict, terms } = answered.map_err(|failure| failure.why)?;
        if let Some(terms) = terms {
            self.pool.put(ONLY, line.upstream, terms.idle, Instant::now());
        }
        Ok(verdict)
    }

    async fn turn(&self) -> Result<SemaphorePermit<'_>, Unanswered> {
        if let Ok(turn) = self.open.try_acquire() {
            return Ok(turn);
        }
        let _waits = self.waiting.take().ok_or(Unanswered::TooMany)?;
        // It is never closed.
        self.open.acquire().await.map_err(|_| Unanswered::TooMany)
    }

    async fn connect<'r>(&self, reserve: &'r Reserve) -> Result<Line<'r>, Unanswered> {
        let connected = self.pool.connect(&self.forward.address, self.forward.timeout, reserve);
        let upstream = connected.await.map_err(Unanswered::Unreachable)?;
        let lent = upstream.lent.then_some(reserve);
        Ok(Line {
            upstream,
            _lent: Lent(lent),
        })
    }

    /// Closes connections that have been kept long enough, or were closed by the service.
    pub(crate) fn sweep(&self, now: Instant) {
        self.pool.sweep(now);
    }

    /// Keeps no connection any more.
    pub(crate) fn close(&self) {
        self.pool.close();
    }
}

/// A connection while a question is on it.
struct Line<'r> {
    upstream: Upstream,
    /// Dropped behind the connection.
    _lent: Lent<'r>,
}

/// The reserve whose descriptor a connection has, if it has one of that: what was lent comes back.
struct Lent<'r>(Option<&'r Reserve>);

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        if let Some(reserve) = self.0 {
            reserve.refill();
        }
    }
}
