//! What is remembered of one exchange until it ends, and then counted and logged. Ends by itself when it is dropped: no
//! exchange goes unrecorded.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::asked::Asked;
use crate::model::compress::Encoding;
use crate::model::log_query::LogQuery;
use crate::model::termination::{Termination, Who};
use crate::proxy::core::core::Core;
use crate::proxy::core::service::CoreService;
use crate::proxy::limit::Token;
use crate::proxy::message::end::End;
use crate::proxy::message::error::ProxyError;
use crate::proxy::message::request::{Fields, Peer, Request};
use crate::proxy::message::request_id::RequestId;
use crate::proxy::stock::clock;
use crate::telemetry::{Ended, ErrorFrom, Line, Origin};

/// One exchange, from its head to its last byte.
pub(crate) struct Record {
    core: Rc<Core>,
    peer: Rc<Peer>,
    pub(crate) id: RequestId,
    pub(crate) started: Instant,
    /// When its last byte was passed on, where somebody has looked at the clock then.
    over: Option<Instant>,
    /// What was asked for.
    pub(crate) asked: Asked,
    /// The client, behind the proxies that are trusted.
    pub(crate) client: IpAddr,
    /// Whether the client speaks TLS, with us or with a trusted proxy.
    pub(crate) secure: bool,
    /// Who asks, as a password has proved.
    pub(crate) user: Option<Rc<str>>,
    /// Whose request it is; `None` before that is known.
    pub(crate) service: Option<Rc<CoreService>>,
    /// The place of the policy that it is under there.
    pub(crate) policy: u16,
    /// The encoding that the client would like its answer to have, of those that the service offers.
    pub(crate) encoding: Option<Encoding>,
    /// What an auth service has said for the client beside its leave: values of `Set-Cookie`.
    pub(crate) cookies: Vec<Vec<u8>>,
    /// Whether it asks for a whole page, where pages have a ribbon.
    pub(crate) wants_page: bool,
    /// It is for a preview or for nobody.
    pub(crate) insists_on_preview: bool,
    /// What counts it among the requests in flight, from its head to its last byte, waits included.
    pub(crate) token: Option<Token>,
    /// The time that it has waited in the queue.
    pub(crate) held: Duration,
    /// Who answered, where it was not an instance of the service.
    pub(crate) answered_by: Option<Arc<str>>,
    pub(crate) status: u16,
    /// Whether the status is one that the proxy had to make.
    own_answer: bool,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    pub(crate) first_byte: Option<Duration>,
    pub(crate) instance: Option<usize>,
    pub(crate) retries: u32,
    end: Option<End>,
    protocol: &'static str,
}

impl Record {
    /// Boxed: it travels from the head's arrival to the last byte.
    pub(crate) fn new(core: &Rc<Core>, peer: &Rc<Peer>) -> Box<Self> {
        Box::new(Self {
            core: core.clone(),
            peer: peer.clone(),
            id: core.request_id(),
            started: clock::now(),
            over: None,
            asked: Asked::default(),
            client: peer.client,
            secure: peer.secure,
            user: None,
            service: None,
            policy: 0,
            encoding: None,
            cookies: Vec::new(),
            wants_page: false,
            insists_on_preview: false,
            token: None,
            held: Duration::ZERO,
            answered_by: None,
            status: 0,
            own_answer: false,
            bytes_in: 0,
            bytes_out: 0,
            first_byte: None,
            instance: None,
            retries: 0,
            end: None,
            protocol: "",
        })
    }

    /// A request was understood.
    pub(crate) fn describe<'r, F: Fields<'r>>(&mut self, request: &Request<'r, F>) {
        self.protocol = request.protocol;
        self.secure = request.is_secure(&self.peer);
        let shared = &self.core.shared;
        self.client = request.client(&self.peer, |hop| shared.is_trusted(hop));
        self.asked.note(request);
    }

    /// Remembers what the log says of the client; for a request that is logged.
    pub(crate) fn describe_client<'r, F: Fields<'r>>(&mut self, request: &Request<'r, F>) {
        self.asked.note_client(request);
    }

    /// A request was read, and is not one that is forwarded.
    pub(crate) fn describe_refused(&mut self, protocol: &'static str, method: &[u8], target: &[u8]) {
        self.protocol = protocol;
        self.asked.note_without_host(method, target);
    }

    /// The app's response head is there.
    pub(crate) fn head_came(&mut self, status: u16) {
        self.status = status;
        self.first_byte = Some(clock::now() - self.started);
    }

    /// The proxy answers itself, because of an error.
    pub(crate) fn failed(&mut self, error: &ProxyError) {
        self.status = error.status();
        self.own_answer = true;
        self.ended(error.into());
        let Some(service) = &self.service else { return };
        if error.termination().who() != Some(Who::Client) {
            let activation = &service.activation;
            // Not louder: under load there is one for each request, and the access log names who failed.
            tracing::debug!(
                environment = &*activation.environment,
                service = &*activation.service,
                slot = activation.slot.as_str(),
                request_id = str::from_utf8(&self.id.text()).unwrap_or_default(),
                "{error}"
            );
        }
    }

    /// The proxy answers itself, and nothing is wrong.
    pub(crate) fn answered(&mut self, status: u16) {
        self.status = status;
        self.own_answer = true;
        self.ended(End::DONE);
    }

    /// Whether the daemon itself asks.
    pub(crate) fn is_inside(&self) -> bool {
        self.peer.inside
    }

    pub(crate) fn core(&self) -> &Rc<Core> {
        &self.core
    }

    pub(crate) fn peer(&self) -> &Rc<Peer> {
        &self.peer
    }

    /// Its last byte is passed on.
    pub(crate) fn is_over(&mut self, now: Instant) {
        self.over = Some(now);
    }

    /// Why it ended; the first word counts.
    pub(crate) fn ended(&mut self, end: End) {
        self.end.get_or_insert(end);
    }

    /// Why it ended, also when nobody has said so.
    fn end(&self) -> End {
        self.end.unwrap_or_else(|| {
            if let Some(end) = self.peer.ended.get() {
                end
            } else if self.core.is_stopping() {
                End::STOPPED
            } else {
                End::CLIENT_GONE
            }
        })
    }

    /// Whose error is counted, if any is. An answer that the app broke off is its error too: only the head that had left kept it
    /// from being answered with a 502.
    fn error(&self, termination: Termination) -> Option<ErrorFrom> {
        let is_error = (500..600).contains(&self.status);
        match termination.who() {
            Some(Who::App) if termination.is_absence() => Some(ErrorFrom::Absence),
            Some(Who::App) => Some(ErrorFrom::App),
            Some(Who::Proxy) if self.own_answer && is_error => Some(ErrorFrom::Proxy),
            Some(Who::Client | Who::Proxy) | None if is_error && !self.own_answer => Some(ErrorFrom::App),
            Some(Who::Client) => Some(ErrorFrom::Client),
            Some(Who::Proxy) | None => None,
        }
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        if self.peer.inside {
            return;
        }
        let over = self.over.unwrap_or_else(clock::now);
        let (duration, end) = (over - self.started, self.end());
        let micros = |duration: Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let service = self.service.as_ref();
        // What a CA asks is no exchange with a site; what could not be understood ends otherwise.
        let is_silent = self.asked.is_empty() && end == End::DONE;
        let ended = Ended {
            method: self.asked.method(),
            status: self.status,
            micros: micros(duration),
            held_micros: micros(self.held),
            error: self.error(end.termination),
            termination: end.termination,
        };
        match service {
            Some(service) => service.count(&ended, self.asked.path()),
            None if is_silent => {}
            None => self.core.shared.unserved[self.core.id].note(&ended),
        }
        if is_silent || service.is_some_and(|service| !service.config.policy(self.policy).log) {
            return;
        }
        if self.core.has_previews() {
            self.asked.hide_tokens();
        }
        let instance = service.zip(self.instance);
        let instance = instance.map(|(service, instance)| service.addresses()[instance].as_str());
        let view = service.is_none().then(|| self.core.view());
        let elsewhere = view.as_ref().map_or(&LogQuery::Keep, |view| view.snapshot.log_query());
        self.core.log.borrow_mut().write(&Line {
            time: SystemTime::now() - duration,
            origin: service.map_or(&Origin::NONE, |service| service.origin()),
            client: self.client,
            user: self.user.as_deref().unwrap_or_default(),
            method: self.asked.method(),
            host: self.asked.host().as_bytes(),
            path: self.asked.target(),
            query: service.map_or(elsewhere, |service| &service.config.log_query),
            referer: self.asked.referer(),
            user_agent: self.asked.user_agent(),
            status: self.status,
            bytes_in: self.bytes_in,
            bytes_out: self.bytes_out,
            duration_us: micros(duration),
            first_byte_us: self.first_byte.map(micros),
            upstream: self.answered_by.as_deref().or(instance).unwrap_or_default(),
            retries: self.retries,
            held_ms: u64::try_from(self.held.as_millis()).unwrap_or(u64::MAX),
            termination: end.termination.words(),
            reason: end.reason,
            request_id: str::from_utf8(&self.id.text()).unwrap_or_default(),
            protocol: self.protocol,
            tls: self.peer.tls_version,
        });
    }
}
