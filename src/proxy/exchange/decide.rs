//! From a request to what is done with it: route, claim, and build what leaves for the app; or an answer of our own. Decides
//! without waiting, for HTTP/1 and HTTP/2 alike.

use std::rc::Rc;

use super::exchange::Exchange;
use super::record::Record;
use crate::http1::framing::Framing;
use crate::proxy::core::claim::Claim;
use crate::proxy::core::core::Core;
use crate::proxy::message::answer::Answer;
use crate::proxy::message::error::ProxyError;
use crate::proxy::message::headers;
use crate::proxy::message::request::{Fields, Peer, Request};
use crate::proxy::route::route::{Found, route};
use crate::proxy::stock::buffers::Out;

/// Where ACME servers look for answers (RFC 8555 §8.3).
const CHALLENGE: &[u8] = b"/.well-known/acme-challenge/";

/// What is done with a request.
pub(crate) enum Decision {
    /// It is forwarded; the exchange has claimed its activation.
    Forward(Box<Exchange>),
    /// We answer ourselves.
    Answer(Answer, Box<Record>),
}

/// Decides. The record comes back with an error too, so that it is answered and logged.
///
/// # Errors
/// What the client is to be told.
pub(crate) fn decide<'r, F: Fields<'r>>(
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
        let (settings, front) = (&core.shared.settings, &core.shared.front);
        let place = match route(&view.snapshot, settings, front, peer, &request.host, request.target) {
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
        if let Some(claim) = Claim::of(service) {
            break (service.clone(), Some(claim));
        }
    };
    if service.config.log {
        record.describe(request);
    }
    record.claim = claim;
    if let Framing::Length(length) = request.framing
        && length > service.config.limit_body
    {
        return Err((ProxyError::BodyTooLarge, record));
    }
    service.retry_budget.earn();

    let mut out = Out::new();
    headers::request(
        &mut out.bytes,
        request,
        peer,
        service.stripped(),
        !service.pool.keeps(),
        record.id,
    );
    let exchange = Exchange::new(record, service, request, out);
    Ok(Decision::Forward(Box::new(exchange)))
}

/// The answer to an ACME server that checks whether this host is ours.
fn challenge(core: &Core, path: &[u8]) -> Option<Answer> {
    let token = path.strip_prefix(CHALLENGE)?;
    (core.shared.front.acme)(str::from_utf8(token).ok()?).map(Answer::challenge)
}
