//! One attempt to get an app's answer: connect or reuse, send, wait for the head, and the retry rule (N9–N11).
//!
//! Sending and reading go on side by side: an app may answer before it has read the whole request (N14), and a client may
//! wait for the answer before it sends on.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

use smallvec::SmallVec;
use tokio::time::Instant;

use super::client::{Client, Interim};
use super::exchange::Exchange;
use super::head::Failure;
use crate::proxy::message::connection_error;
use crate::proxy::message::error::ProxyError;
use crate::proxy::route::activation::Patience;
use crate::proxy::stock::clock;
use crate::proxy::stock::deadline::Deadline;

/// Why there is no response head.
pub(crate) enum Setback {
    /// The app broke off, and the request may be sent again.
    MayRetry(Option<io::Error>),
    /// What the client is to be told.
    Final(ProxyError),
}

impl From<ProxyError> for Setback {
    fn from(error: ProxyError) -> Self {
        Self::Final(error)
    }
}

impl Exchange {
    /// Sends the request and waits for the response head. A connection that had gone stale is replaced at once.
    ///
    /// # Errors
    /// When there is none; nothing has been sent to the client but interim responses.
    pub(crate) async fn respond(&mut self, client: &mut impl Client, deadline: &mut Deadline) -> Result<(), Setback> {
        // What the client has sent already leaves together with the head, and can then be sent again.
        if !self.sending.done && !self.sending.awaits_continue {
            let first = poll_fn(|cx| Poll::Ready(self.sending.poll_upload(cx, client))).await;
            if let Poll::Ready(taken) = first {
                taken?;
            }
        }
        let mut tried = SmallVec::<[usize; 4]>::new();
        let mut stale = false;
        loop {
            let reused = self.connect(&mut tried, stale).await?;
            match poll_fn(|cx| self.poll_head(cx, client, deadline)).await {
                Ok(()) => break,
                Err(Failure::Final(error)) => {
                    self.disconnect();
                    return Err(error.into());
                }
                Err(Failure::Connection {
                    error,
                    nothing_written,
                    nothing_read,
                }) => {
                    self.disconnect();
                    // N11: (b) nothing was written, or (c) idempotent, can be sent again, and not one byte came back.
                    let again =
                        self.sending.replayable && (nothing_written || (self.method.is_idempotent() && nothing_read));
                    if !again {
                        return Err(ProxyError::AppBrokeOff(error).into());
                    }
                    self.sending.out.rewind();
                    self.sending.broken = false;
                    if !reused {
                        return Err(Setback::MayRetry(error));
                    }
                    stale = true;
                }
            }
        }
        self.record.bytes_in = self.sending.received;
        self.record.head_came(self.head.status);
        Ok(self.take_head()?)
    }

    /// Gets a connection: an idle one if the request can be repeated (N10), else a new one; other instances when one refuses.
    /// Whether it is a reused one.
    async fn connect(&mut self, tried: &mut SmallVec<[usize; 4]>, stale: bool) -> Result<bool, ProxyError> {
        loop {
            let now = clock::now();
            let pool = &self.service.pool;
            let instance = pool.choose(tried, now);
            let seat = self.seat.insert(pool.enter(instance));
            self.record.instance = Some(instance);
            // A body that is not wholly here could not be sent again, whatever the method.
            if self.may_reuse
                && self.sending.done
                && !stale
                && let Some(upstream) = pool.take(instance, now)
            {
                seat.rides();
                self.upstream = Some(upstream);
                if !self.record.is_inside() {
                    self.counters().reused();
                }
                return Ok(true);
            }
            // While the app is known to be away, only the keeper of its queue tries, so that nobody storms it (N12).
            let holds = !self.service.config.hold.period.is_zero();
            if holds && self.service.queue.is_away(self.service.activation.id) && !self.record.is_inside() {
                self.disconnect();
                return Err(ProxyError::Unreachable(io::ErrorKind::NotConnected.into()));
            }
            let address = &self.service.activation.addresses[instance];
            let (timeout, reserve) = (self.policy().timeout.connect, &self.record.core().reserve);
            // Boxed: most requests find a connection, and should not carry the room for making one.
            match Box::pin(pool.connect(address, timeout, reserve)).await {
                Ok(upstream) => {
                    self.upstream = Some(upstream);
                    if !self.record.is_inside() {
                        self.counters().connected();
                    }
                    return Ok(false);
                }
                Err(error) => {
                    if !connection_error::is_ours(&error) {
                        self.counters().connect_failed();
                    }
                    self.disconnect();
                    self.tell_of_absence(instance, &error);
                    let pool = &self.service.pool;
                    pool.shun(instance, clock::now());
                    tried.push(instance);
                    if pool.all_tried(tried) {
                        return Err(ProxyError::Unreachable(error));
                    }
                    self.record.retries += 1;
                }
            }
        }
    }

    /// Tells the log of an instance that is away, where no keeper does.
    fn tell_of_absence(&self, instance: usize, error: &io::Error) {
        let service = &self.service;
        if service.config.hold.period.is_zero() && !self.record.is_inside() && self.record.core().expects(service) {
            let address = &service.activation.addresses[instance];
            service.queue.tried(address, Err(connection_error::words(error)));
        }
    }

    pub(crate) fn poll_head(
        &mut self,
        cx: &mut Context<'_>,
        client: &mut impl Client,
        deadline: &mut Deadline,
    ) -> Poll<Result<(), Failure>> {
        if self.body.waits_since.is_none() {
            let now = clock::now();
            self.body.waits_since = Some(now);
            deadline.set_at(now + self.patience_for_head(now));
        }
        let before = self.sending.received;
        self.poll_send(cx, client)?;
        if self.sending.received != before {
            self.body.waits_since = Some(clock::now());
        }
        loop {
            match self.poll_read_head(cx, client) {
                Poll::Ready(Ok(true)) => {
                    self.body.waits_since = None;
                    return Poll::Ready(Ok(()));
                }
                Poll::Ready(Ok(false)) => {
                    // An interim response: the client may send on now.
                    if let Poll::Ready(Err(error)) = client.poll_flush_interim(cx) {
                        return Poll::Ready(Err(error.into()));
                    }
                    self.poll_send(cx, client)?;
                }
                Poll::Ready(Err(failure)) => {
                    self.body.waits_since = None;
                    return Poll::Ready(Err(failure));
                }
                Poll::Pending => break,
            }
        }
        while deadline.poll_passed(cx) {
            self.look_at_the_clock(client)?;
            let now = clock::now();
            deadline.set_at(now + self.patience_for_head(now));
            self.poll_send(cx, client)?;
        }
        match self.service.activation.patience() {
            Patience::Open | Patience::Polite => {
                if let Some(claim) = &self.claim {
                    claim.wake_when_impatient(cx.waker());
                }
                Poll::Pending
            }
            Patience::NoRequests | Patience::EndStreams | Patience::Cut => {
                self.counters().exchange_cut();
                Poll::Ready(Err(ProxyError::DrainedAway.into()))
            }
        }
    }

    /// How long to wait before looking at the clock again.
    fn patience_for_head(&self, now: Instant) -> Duration {
        let times = self.times();
        if self.sending.awaits_continue {
            return times.say_continue;
        }
        let waited = self.body.waits_since.map_or(Duration::ZERO, |since| now - since);
        self.time_for_head()
            .saturating_sub(waited)
            .clamp(Duration::from_millis(1), times.look_after_client)
    }

    fn time_for_head(&self) -> Duration {
        let timeout = &self.policy().timeout;
        if self.sending.done {
            timeout.response
        } else {
            timeout.idle
        }
    }

    fn look_at_the_clock(&mut self, client: &mut impl Client) -> Result<(), ProxyError> {
        if client.is_gone() {
            return Err(ProxyError::ClientGone);
        }
        if self.sending.awaits_continue {
            // The app says nothing: it may read the body without a word (N19).
            self.sending.awaits_continue = false;
            client.interim(Interim::Continue);
            return Ok(());
        }
        if self.sending.is_owed() {
            // The app need not answer what the client has not sent: its time begins when the client's ends.
            self.body.waits_since = Some(clock::now());
            let rule = self.rule();
            return self.sending.look(&rule).map(drop);
        }
        let waited = self.body.waits_since.map_or(Duration::ZERO, |since| since.elapsed());
        if waited < self.time_for_head() {
            return Ok(());
        }
        Err(ProxyError::AppTimedOut)
    }
}
