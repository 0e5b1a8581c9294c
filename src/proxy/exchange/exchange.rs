//! One exchange with an app: a request on its way, and the response on its way back. What is done with it stands in `attempt`
//! (send, and wait for the head), `response_head` and `pieces` (the body).

use std::rc::Rc;
use std::task::Context;
use std::time::Duration;

use tokio::time::Instant;

use super::body::Body;
use super::client::Client;
use super::record::Record;
use super::sending::Sending;
use crate::http1::head::{Method, ResponseHead};
use crate::proxy::core::service::CoreService;
use crate::proxy::message::error::ProxyError;
use crate::proxy::message::request::{Fields, Request};
use crate::proxy::stock::buffers::Out;
use crate::proxy::stock::wakers::Ticket;
use crate::proxy::upstream::connection::Upstream;
use crate::proxy::upstream::retry::Retries;
use crate::proxy::wait::queue::LetGo;
use crate::telemetry::metrics::CoreCounters;

/// A request on its way, and the response on its way back.
pub(crate) struct Exchange {
    pub(crate) record: Box<Record>,
    pub(crate) service: Rc<CoreService>,
    /// The response head; valid once [`Exchange::respond`] has succeeded.
    pub(crate) head: ResponseHead,
    pub(crate) method: Method,
    pub(crate) upgrade: bool,
    pub(crate) sending: Sending,
    pub(crate) body: Body,
    /// Connected to this instance; it counts as in flight there.
    pub(crate) instance: Option<usize>,
    pub(crate) upstream: Option<Upstream>,
    /// Whether the request may ride a reused connection, if it can be sent again.
    pub(crate) may_reuse: bool,
    /// Its number in the queue of its service, once it has waited there.
    pub(crate) number: Option<u64>,
    /// It has just been let go from there.
    pub(crate) pass: Option<LetGo>,
    /// How often it was sent again.
    pub(crate) retries: Retries,
    /// How long the app keeps an idle connection, as its `Keep-Alive: timeout=` says.
    pub(crate) app_idle: Option<Duration>,
    /// Whether the connection may serve another exchange after this one.
    pub(crate) reusable: bool,
    pub(crate) ticket: Ticket,
}

impl Exchange {
    /// An exchange whose head is built in `out`.
    pub(crate) fn new<'r, F: Fields<'r>>(
        record: Box<Record>,
        service: Rc<CoreService>,
        request: &Request<'r, F>,
        out: Out,
    ) -> Self {
        let may_reuse = service.reuses_for_all() || request.method.is_idempotent();
        Self {
            record,
            service,
            head: ResponseHead::new(),
            method: request.method,
            upgrade: request.upgrade,
            sending: Sending::new(out, request.framing, request.expects_continue),
            body: Body::none(),
            instance: None,
            upstream: None,
            may_reuse,
            number: None,
            pass: None,
            retries: Retries::default(),
            app_idle: None,
            reusable: false,
            ticket: Ticket::default(),
        }
    }

    /// Sends what is there to be sent; see [`Sending::poll`].
    pub(crate) fn poll_send(&mut self, cx: &mut Context<'_>, client: &mut impl Client) -> Result<(), ProxyError> {
        match &mut self.upstream {
            Some(upstream) => self.sending.poll(cx, upstream, client),
            None => Ok(()),
        }
    }

    /// The response has been read to its end: the connection goes back to the pool if it may serve again.
    pub(crate) fn finish(&mut self) {
        let clean = self.reusable && self.sending.done && !self.sending.broken && self.body.is_over();
        if clean
            && self.sending.out.is_empty()
            && let (Some(upstream), Some(instance)) = (self.upstream.take(), self.instance)
        {
            self.service.pool.put(instance, upstream, self.app_idle, Instant::now());
        }
        self.let_go();
    }

    /// Drops the connection, if it is still held, and leaves the instance.
    pub(crate) fn let_go(&mut self) {
        if self.upstream.take().is_some_and(|upstream| upstream.lent) {
            self.record.core().reserve.refill();
        }
        self.body.inbox = None;
        if let Some(instance) = self.instance.take() {
            self.service.pool.leave(instance);
        }
    }

    pub(crate) fn counters(&self) -> &CoreCounters {
        self.service.counters()
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.let_go();
        if let Some(claim) = &self.record.claim {
            claim.forget_waker(&mut self.ticket);
        }
    }
}
