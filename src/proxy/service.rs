//! From a request to what is done with it: route, claim, and build what leaves for the app; or an answer of our own. Decides
//! without waiting, for HTTP/1 and HTTP/2 alike.

use std::rc::Rc;

use super::answer::Answer;
use super::core::{Core, CoreService, View};
use super::error::ProxyError;
use super::exchange::Exchange;
use super::headers;
use super::record::Record;
use super::request::{Fields, Peer, Request, path_of};
use super::routing::Destination;
use super::stock::Out;
use crate::config::{Reuse, Service, Tls};
use crate::http1::framing::Framing;
use crate::model::routes::Lookup;

/// Where ACME servers look for answers (RFC 8555 §8.3).
const CHALLENGE: &[u8] = b"/.well-known/acme-challenge/";

/// What is done with a request.
pub(super) enum Decision {
    /// It is forwarded; the exchange has claimed its activation.
    Forward(Box<Exchange>),
    /// We answer ourselves.
    Answer(Answer, Box<Record>),
}

/// Decides. The record comes back with an error too, so that it is answered and logged.
///
/// # Errors
/// What the client is to be told.
pub(super) fn decide<'r, F: Fields<'r>>(
    core: &Rc<Core>,
    peer: &Peer,
    request: &Request<'r, F>,
    mut record: Box<Record>,
) -> Result<Decision, (ProxyError, Box<Record>)> {
    if !peer.secure
        && let Some(answer) = challenge(core, request.path())
    {
        record.answered(answer.status);
        return Ok(Decision::Answer(answer, record));
    }
    // A closed gate means that a newer snapshot is published already, so this loop ends (N1).
    let (service, claim) = loop {
        let view = core.view();
        let place = match route(core, &view, peer, &request.host, request.target) {
            Ok(Found::Service(place)) => place,
            Ok(Found::Answer(answer)) => {
                record.describe(request);
                record.answered(answer.status);
                return Ok(Decision::Answer(answer, record));
            }
            Err(error) => {
                record.describe(request);
                return Err((error, record));
            }
        };
        let service = &view.services[place];
        let open = view.snapshot.services()[place].stance.is_open();
        if !open && !peer.inside {
            // Built without a claim: what is done with it is decided where requests wait, in `answering`.
            record.service = Some(service.clone());
            break (service.clone(), None);
        }
        if let Some(claim) = service.claim() {
            break (service.clone(), Some(claim));
        }
    };
    if service.service.log {
        record.describe(request);
    }
    record.claim = claim;
    if let Framing::Length(length) = request.framing
        && length > service.service.limit_body
    {
        return Err((ProxyError::BodyTooLarge, record));
    }
    service.retry_budget.earn();

    let strip = strip_of(&service.service);
    let reuses = reuses_for_all(&service);
    let mut out = Out::new();
    headers::request(&mut out.bytes, request, peer, strip, !service.pool.keeps(), record.id);
    let exchange = Exchange::new(record, service, request, out, reuses);
    Ok(Decision::Forward(Box::new(exchange)))
}

/// The path prefix that the app does not see.
pub(super) fn strip_of(service: &Service) -> &str {
    if service.strip_prefix { &service.path } else { "" }
}

/// Whether every method may ride a reused connection.
pub(super) fn reuses_for_all(service: &CoreService) -> bool {
    service.service.keepalive.reuse == Reuse::Always
}

/// What a host and path lead to.
pub(super) enum Found {
    /// The service at this place of the view.
    Service(usize),
    Answer(Answer),
}

/// Host and target → what they lead to.
pub(super) fn route(core: &Core, view: &View, peer: &Peer, host: &str, target: &[u8]) -> Result<Found, ProxyError> {
    let path = if target == b"*" { b"/" } else { path_of(target) };
    let destination = match view.snapshot.table().find(host, path) {
        Lookup::Found(destination) => *destination,
        Lookup::UnknownHost if peer.secure => return Err(ProxyError::Misdirected),
        Lookup::UnknownHost => return Err(ProxyError::UnknownHost),
        Lookup::NoPath => return Err(ProxyError::UnknownPath),
        Lookup::Ambiguous => return Err(ProxyError::BadRequest("the path could be read in two ways")),
    };
    let plain = *view.snapshot.tls_of(destination) == Tls::Off;
    if peer.secure && !peer.inside && (plain || !fits_handshake(core, view, peer, host)) {
        return Err(ProxyError::Misdirected);
    }
    match destination {
        Destination::Redirect(index) => {
            let to = &view.snapshot.redirects()[index].to;
            Ok(Found::Answer(Answer::redirect(location(to, "", target))))
        }
        Destination::Service(_) if !plain && !peer.secure => {
            let port = core
                .shared
                .settings
                .https_port
                .map(|port| format!(":{port}"))
                .unwrap_or_default();
            let origin = format!("https://{host}");
            Ok(Found::Answer(Answer::redirect(location(&origin, &port, target))))
        }
        Destination::Service(index) => Ok(Found::Service(index)),
    }
}

/// Whether a host may be asked for on a connection that was made for another: only within one environment, and where the
/// certificate that was shown covers it (E19).
fn fits_handshake(core: &Core, view: &View, peer: &Peer, host: &str) -> bool {
    let Some(sni) = peer.sni.as_deref() else {
        // An IP address is never an SNI; the resolver shows a certificate for it only where that is unambiguous.
        return (core.shared.front.covers)("", host);
    };
    if sni == host {
        return true;
    }
    let environment_of = |name: &str| match view.snapshot.table().find(name, b"/") {
        Lookup::Found(Destination::Service(index)) => Some(view.services[*index].service.environment.clone()),
        Lookup::Found(Destination::Redirect(_)) | Lookup::UnknownHost | Lookup::Ambiguous => None,
        Lookup::NoPath => {
            let named = view
                .services
                .iter()
                .find(|service| service.service.hosts.iter().any(|host| **host == *name));
            named.map(|service| service.service.environment.clone())
        }
    };
    environment_of(sni).is_some_and(|environment| environment_of(host) == Some(environment))
        && (core.shared.front.covers)(sni, host)
}

/// Origin, port and target as one URL. The target came off the wire, but its grammar admits no line break.
fn location(origin: &str, port: &str, target: &[u8]) -> String {
    let target = if target == b"*" { b"/" } else { target };
    format!("{origin}{port}{}", String::from_utf8_lossy(target))
}

/// The answer to an ACME server that checks whether this host is ours.
fn challenge(core: &Core, path: &[u8]) -> Option<Answer> {
    let token = path.strip_prefix(CHALLENGE)?;
    (core.shared.front.acme)(str::from_utf8(token).ok()?).map(Answer::challenge)
}
