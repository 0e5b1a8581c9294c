//! One exchange with an app: a request on its way, and the response on its way back. What is done with it stands in `attempt`
//! (send, and wait for the head), `head` and `pieces` (the body).

use std::rc::Rc;
use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

use super::body::Body;
use super::client::Client;
use super::fields;
use super::record::Record;
use super::sending::Sending;
use crate::config::Policy;
use crate::http1::framing::Framing;
use crate::http1::head::{Method, ResponseHead};
use crate::model::access::Credentials;
use crate::model::pace::Rule;
use crate::model::preview::hide;
use crate::proxy::auth_service::auth_service::AuthService;
use crate::proxy::core::claim::Claim;
use crate::proxy::core::service::CoreService;
use crate::proxy::files::response::Response;
use crate::proxy::message::error::ProxyError;
use crate::proxy::message::headers;
use crate::proxy::message::prefix::Stripped;
use crate::proxy::message::request::{Fields, Peer, Request};
use crate::proxy::message::rules;
use crate::proxy::settings::Times;
use crate::proxy::stock::buffers::Out;
use crate::proxy::stock::clock;
use crate::proxy::upstream::connection::Upstream;
use crate::proxy::upstream::pool::Seat;
use crate::proxy::upstream::retry::Retries;
use crate::proxy::wait::queue::Pass;
use crate::telemetry::CoreCounters;

/// A request on its way, and the response on its way back.
pub(crate) struct Exchange {
    pub(crate) record: Box<Record>,
    /// The hold on the activation that serves it; one that waits has none. Dropped behind the record, which counts there.
    pub(crate) claim: Option<Claim>,
    pub(crate) service: Rc<CoreService>,
    /// Where the head that was built for the app depends on the prefix that is stripped.
    stripped: Stripped,
    /// What the client was let in by, or will have to be; kept for a route that is resolved again.
    pub(crate) credentials: Option<Box<Credentials>>,
    /// What an auth service has said of the client, and which one; for the route as it was resolved last.
    pub(crate) vouched: Option<(Rc<AuthService>, Vec<u8>)>,
    /// Whether the client would rather read JSON than a page, should there be an answer of our own.
    pub(crate) wants_json: bool,
    /// The answer of a folder, where one answers in place of an app.
    pub(crate) file: Option<Box<Response>>,
    /// The response head; valid once [`Exchange::respond`] has succeeded.
    pub(crate) head: ResponseHead,
    pub(crate) method: Method,
    pub(crate) upgrade: bool,
    /// The client takes any 2xx for the switch of protocols that it has asked for.
    pub(crate) switches_at_2xx: bool,
    pub(crate) sending: Sending,
    /// The head as it was built, where `headers.request` or `auth.forward` changes it: another activation may want other values.
    built: Option<Vec<u8>>,
    pub(crate) body: Body,
    /// At the instance that it is sent to.
    pub(crate) seat: Option<Seat>,
    pub(crate) upstream: Option<Upstream>,
    /// Whether the request may ride a reused connection, if it can be sent again.
    pub(crate) may_reuse: bool,
    /// Its number in the queue of its service, once it has waited there.
    pub(crate) number: Option<u64>,
    /// Whether that is among the requests that write.
    pub(super) queues_for_writes: bool,
    /// It has just been released from there.
    pub(crate) pass: Option<Pass>,
    /// How often it was sent again.
    pub(crate) retries: Retries,
    /// How long the app keeps an idle connection, as its `Keep-Alive: timeout=` says.
    pub(crate) app_idle: Option<Duration>,
    /// Whether the connection may serve another exchange after this one.
    pub(crate) reusable: bool,
}

impl Exchange {
    /// Builds the head that leaves for the app.
    pub(crate) fn new<'r, F: Fields<'r>>(
        record: Box<Record>,
        service: Rc<CoreService>,
        claim: Option<Claim>,
        request: &Request<'r, F>,
        peer: &Peer,
        wants_json: bool,
        credentials: Option<Box<Credentials>>,
    ) -> Self {
        let mut out = Out::new();
        let policy = service.config.policy(record.policy);
        let manner = headers::Manner {
            ends_here: credentials.is_some(),
            close: !service.pool.keeps(),
            unencoded: record.wants_page,
            hides_previews: record.core().has_previews(),
            weakened: (policy.compress.is_some() || record.wants_page).then(|| &record.core().shared.weakened),
        };
        let (inner, limit_body) = (service.inner(record.policy), policy.limit_body);
        let (client, id) = (record.client, record.id);
        let stripped = headers::request(&mut out.bytes, request, peer, client, inner, &manner, id);
        if manner.hides_previews {
            hide(&mut out.bytes);
        }
        let may_reuse = service.reuses_for_all() || request.method.is_idempotent();
        let mut exchange = Self {
            record,
            claim,
            stripped,
            credentials,
            vouched: None,
            wants_json,
            file: None,
            head: ResponseHead::new(),
            method: request.method,
            upgrade: request.upgrade,
            switches_at_2xx: request.is_extended_connect(),
            sending: Sending::new(out, request.framing, limit_body, request.expects_continue),
            body: Body::none(),
            seat: None,
            upstream: None,
            may_reuse,
            service,
            number: None,
            queues_for_writes: false,
            pass: None,
            retries: Retries::default(),
            app_idle: None,
            reusable: false,
            built: None,
        };
        exchange.go_by_rules();
        exchange
    }

    /// The status of the answer; valid once there is one.
    pub(crate) fn status(&self) -> u16 {
        self.file.as_ref().map_or(self.head.status, |file| file.status)
    }

    /// The head as it was built, before `headers.request` and `auth.forward` have changed it.
    pub(crate) fn built_head(&self) -> &[u8] {
        self.built.as_deref().unwrap_or(&self.sending.out.bytes)
    }

    /// How many bytes of memory the request needs while it waits.
    pub(crate) fn kept(&self, client: &impl Client) -> u64 {
        let vouched = self.vouched.as_ref().map_or(0, |(_, fields)| fields.len());
        let ours = self.sending.out.bytes.len() + self.built.as_ref().map_or(0, Vec::len) + vouched;
        ours as u64 + client.keeps(self.sending.left())
    }

    /// Goes by the rules of the service that it is with: those of its head, once it has a claim there.
    fn go_by_rules(&mut self) {
        self.sending.without_trailers = !self.service.config.vouched.is_empty();
        if self.claim.is_some() {
            self.apply_rules();
        }
    }

    /// Applies `headers.request` to the head as it was built, and what an auth service vouches for.
    fn apply_rules(&mut self) {
        let has_rules = self.vouched.is_some() || fields::changes_requests(&self.service, self.record.policy);
        if !has_rules && self.built.is_none() {
            return;
        }
        let sent = rules::head_len(&self.sending.out.bytes);
        let built = self.built.take();
        let built = built.unwrap_or_else(|| self.sending.out.bytes[..sent].to_vec());
        let vouched = self.vouched.as_ref().map(|(by, fields)| (&*by.forward, &fields[..]));
        let ruled = fields::ruled_head(&built, &self.record, &self.service, vouched);
        let leaves = ruled.as_ref().unwrap_or(&built);
        self.sending.out.bytes.splice(..sent, leaves.iter().copied());
        self.built = ruled.is_some().then_some(built);
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
        let now = clock::now();
        self.record.is_over(now);
        let clean = self.reusable && self.sending.done && !self.sending.broken && self.body.is_over();
        if clean
            && self.sending.out.is_empty()
            && let (Some(mut upstream), Some(seat)) = (self.upstream.take(), &self.seat)
        {
            upstream.bodiless = self.body.framing == Framing::None;
            self.service.pool.put(seat.instance, upstream, self.app_idle, now);
        }
        self.disconnect();
    }

    /// Drops the connection, if it is still held, and leaves the instance.
    pub(crate) fn disconnect(&mut self) {
        if self.upstream.take().is_some_and(|upstream| upstream.lent) {
            self.record.core().reserve.refill();
        }
        self.body.inbox = None;
        self.seat = None;
    }

    /// From now on it is this service's, which may be another than before, and under the policy at this place of it.
    pub(crate) fn move_to(&mut self, service: &Rc<CoreService>, policy: u16, claim: Option<Claim>) {
        let (from, to) = (self.service.inner(self.record.policy), service.inner(policy));
        if from != to {
            let head = self.built.as_mut().unwrap_or(&mut self.sending.out.bytes);
            self.stripped.rewrite(head, self.record.asked.target(), from, to);
        }
        if !Arc::ptr_eq(&self.service.queue, &service.queue) {
            self.number = None;
        }
        self.may_reuse = service.reuses_for_all() || self.method.is_idempotent();
        self.sending.limit = service.config.policy(policy).limit_body;
        self.record.policy = policy;
        self.service = service.clone();
        self.record.service = Some(service.clone());
        self.claim = claim;
        self.go_by_rules();
    }

    /// Ends it without an answer of the app: what is still to be counted, and the claim that is held until it is.
    pub(crate) fn into_record(mut self: Box<Self>) -> (Box<Record>, Option<Claim>) {
        self.disconnect();
        self.record.bytes_in = self.sending.received;
        let Self { record, claim, .. } = *self;
        (record, claim)
    }

    /// How long the response's body may stand still: between bytes, or between events.
    pub(crate) fn silence(&self) -> Duration {
        let timeout = &self.policy().timeout;
        if self.body.is_event_stream {
            timeout.stream
        } else {
            timeout.idle
        }
    }

    /// What the client has to keep to while it owes bytes (E23).
    pub(crate) fn rule(&self) -> Rule {
        Rule {
            idle: self.policy().timeout.idle,
            period: self.times().pace,
        }
    }

    /// What it is under.
    pub(crate) fn policy(&self) -> &Policy {
        self.service.config.policy(self.record.policy)
    }

    pub(crate) fn times(&self) -> &Times {
        self.record.core().times()
    }

    pub(crate) fn counters(&self) -> &CoreCounters {
        self.service.counters()
    }
}
