//! From a request to what is done with it: route, claim, and build what leaves for the app; or an answer of our own. Decides
//! without waiting, for HTTP/1 and HTTP/2 alike.

use std::rc::Rc;

use super::admission::{self, First};
use super::exchange::Exchange;
use super::preview;
use super::record::Record;
use super::reply::Reply;
use crate::http1::framing::Framing;
use crate::http1::head::{Method, Name, eq_ignore_case};
use crate::model::preview::{LINK, holds_token, token_of_link};
use crate::proxy::core::claim::Claim;
use crate::proxy::core::core::Core;
use crate::proxy::message::answer::{Answer, wants_json};
use crate::proxy::message::error::ProxyError;
use crate::proxy::message::request::{Fields, Peer, Request};
use crate::proxy::message::ribbon::asks_for_page;
use crate::proxy::route::route::{Found, Under, route, under};

/// Where ACME servers look for answers (RFC 8555 §8.3).
const CHALLENGE: &[u8] = b"/.well-known/acme-challenge/";

/// What is done with a request.
pub(crate) enum Decision {
    /// It is forwarded; the exchange has claimed its activation, or has to wait for one.
    Forward(Box<Exchange>),
    /// We answer ourselves.
    Reply(Reply),
}

/// Decides.
pub(crate) fn decide<'r, F: Fields<'r>>(
    core: &Rc<Core>,
    peer: &Peer,
    request: &Request<'r, F>,
    mut record: Box<Record>,
) -> Decision {
    let is_head = request.method == Method::Head;
    let own = |answer: Answer, mut record: Box<Record>| {
        record.answered(answer.status);
        Decision::Reply(Reply::own(answer, record, None, is_head))
    };
    if !peer.secure
        && let Some(answer) = challenge(core, request.path())
    {
        return own(answer, record);
    }
    record.describe(request);
    let wants_json = wants_json(request.get(Name::Accept));
    let fail =
        |error: &ProxyError, record, claim| Decision::Reply(Reply::error(error, record, claim, wants_json, is_head));
    if let Some(token) = token_of_link(request.path()) {
        record.asked.cut_target(LINK.len());
        record.describe_client(request);
        return match preview::redeem(core, peer, request, record.secure, token) {
            Ok(answer) => own(answer, record),
            Err(error) => fail(&error, record, None),
        };
    }
    // A closed gate means that a newer snapshot is published already, so this loop ends (N1).
    let (service, claim, entry) = loop {
        let view = core.view();
        if view.previews.is_some() && holds_token(request.target) {
            record.describe_client(request);
            return fail(&ProxyError::TOKEN_IN_URL, record, None);
        }
        let (settings, front) = (&core.shared.settings, &core.shared.front);
        let place = match route(
            &view.snapshot,
            settings,
            front,
            peer,
            record.secure,
            &request.host,
            request.target,
        ) {
            Ok(Found::Service(place)) => place,
            Ok(Found::Answer(answer)) => {
                record.describe_client(request);
                return own(answer, record);
            }
            Err(error) => {
                record.describe_client(request);
                return fail(&error, record, None);
            }
        };
        let service = match view.previews.as_deref().filter(|_| !peer.inside) {
            None => &view.services[place],
            Some(previews) => match preview::serving(&view, previews, place, &mut record, request) {
                Ok(shown) => shown.unwrap_or(&view.services[place]),
                Err(error) => {
                    record.describe_client(request);
                    return fail(&error, record, None);
                }
            },
        };
        let Under { policy, answer } = under(&service.config, request.target, peer.inside);
        record.policy = policy;
        record.wants_page = service.config.label_ribbon.is_some() && asks_for_page(request);
        if service.config.policy(policy).log {
            record.describe_client(request);
        }
        match answer {
            Ok(None) => {}
            Ok(Some(answer)) => {
                record.service = Some(service.clone());
                return own(answer, record);
            }
            Err(error) => {
                record.service = Some(service.clone());
                return fail(&error, record, None);
            }
        }
        let entry = match admission::enter(core, service, &mut record, request) {
            Ok(entry) => entry,
            Err(error) => {
                record.service = Some(service.clone());
                return fail(&error, record, None);
            }
        };
        let open = entry.first == First::Nothing && view.snapshot.services()[place].stance.is_open();
        if !open && !peer.inside {
            // Built without a claim: what is done with it is decided where requests wait, in `obtain`.
            break (service.clone(), None, entry);
        }
        if let Some(claim) = Claim::of(service, request.method) {
            break (service.clone(), Some(claim), entry);
        }
    };
    record.service = Some(service.clone());
    // To clients of HTTP/1.0 the end of a body of unknown length is the end of the connection.
    if let Some(compress) = &service.config.policy(record.policy).compress
        && request.protocol != "HTTP/1.0"
    {
        let fields = request.fields.iter();
        let accepted = fields.filter(|(_, name, _)| eq_ignore_case(name, b"accept-encoding"));
        record.encoding = compress.choose(accepted.map(|(.., value)| value));
    }
    if !peer.inside {
        let limits = &service.door(record.policy).limits;
        let admitted = match entry.first {
            First::Nothing => limits.admit(record.client).map(|token| record.token = token),
            // Guesses take no place of those who may enter: who is checked first is counted afterwards.
            First::Check => Ok(()),
            // Strangers take none either, but each of them asks no more often than a client may.
            First::Question => limits.count(record.client),
        };
        if let Err(error) = admitted {
            return fail(&error, record, claim);
        }
    }
    if let Framing::Length(length) = request.framing
        && length > service.config.policy(record.policy).limit_body
        && entry.first == First::Nothing
    {
        return fail(&ProxyError::BodyTooLarge, record, claim);
    }
    service.retry_budget.earn();
    let exchange = Exchange::new(record, service, claim, request, peer, wants_json, entry.credentials);
    Decision::Forward(Box::new(exchange))
}

/// The answer to an ACME server that checks whether this host is ours.
fn challenge(core: &Core, path: &[u8]) -> Option<Answer> {
    let token = path.strip_prefix(CHALLENGE)?;
    (core.shared.front.acme)(str::from_utf8(token).ok()?).map(Answer::challenge)
}
