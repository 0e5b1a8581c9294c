//! Host and path of a request → where they lead to.

use super::snapshot::{Destination, Snapshot};
use crate::config::{Policy, Service, Tls};
use crate::model::relocation::Relocation;
use crate::model::routes::Lookup;
use crate::proxy::message::answer::Answer;
use crate::proxy::message::error::ProxyError;
use crate::proxy::message::request::{Peer, path_of};
use crate::proxy::settings::{Front, Settings};

/// What a host and path lead to.
pub(crate) enum Found {
    /// The service at this place of the snapshot.
    Service(usize),
    Answer(Answer),
}

/// Host and target → what they lead to. `secure` is whether the client speaks TLS, be it with the trusted proxy in front.
///
/// # Errors
/// What the client is to be told.
pub(crate) fn route(
    snapshot: &Snapshot,
    settings: &Settings,
    front: &Front,
    peer: &Peer,
    secure: bool,
    host: &str,
    target: &[u8],
) -> Result<Found, ProxyError> {
    let path = if target == b"*" { b"/" } else { path_of(target) };
    let destination = match snapshot.table().find(host, path) {
        Lookup::Found(destination) => *destination,
        Lookup::UnknownHost if peer.secure => return Err(ProxyError::Misdirected),
        Lookup::UnknownHost => return Err(ProxyError::UnknownHost),
        Lookup::NoPath => return Err(ProxyError::UnknownPath),
        Lookup::Ambiguous => return Err(ProxyError::AMBIGUOUS_PATH),
    };
    let plain = *snapshot.tls_of(destination) == Tls::Off;
    if peer.secure && !peer.inside && (plain || !fits_handshake(snapshot, front, peer, host)) {
        return Err(ProxyError::Misdirected);
    }
    match destination {
        Destination::Redirect(index) => {
            let to = snapshot.redirects()[index].target.of(target);
            Ok(Found::Answer(Answer::redirect(&to)))
        }
        Destination::Service(_) if !plain && !secure => {
            let port = settings.https_port.map(|port| format!(":{port}")).unwrap_or_default();
            let origin = format!("https://{host}");
            let to = Relocation::prefix(&format!("{origin}{port}/"), "/").of(target);
            Ok(Found::Answer(Answer::redirect(&to)))
        }
        Destination::Service(index) => Ok(Found::Service(index)),
    }
}

/// What holds for a request to a service.
pub(crate) struct Under {
    /// The place of its policy.
    pub(crate) policy: u16,
    /// What it is answered where it is not for the app; an error where two readers of its path would not agree (E20).
    pub(crate) answer: Result<Option<Answer>, ProxyError>,
}

/// Target → what holds for it. The daemon itself is led nowhere else: it asks for the app.
pub(crate) fn under(service: &Service, target: &[u8], is_inside: bool) -> Under {
    let path = path_of(target);
    let Some(policy) = service.parts.find(path) else {
        return Under {
            policy: 0,
            answer: Err(ProxyError::AMBIGUOUS_PATH),
        };
    };
    let Policy { redirect, rewrite, .. } = service.policy(policy);
    let answer = match (redirect, rewrite) {
        (Some(redirect), _) if !is_inside => Ok(Some(Answer {
            status: redirect.status,
            ..Answer::redirect(&redirect.to.of(target))
        })),
        (_, Some(rewrite)) if rewrite.is_climbed_out_of(path) => Err(ProxyError::AMBIGUOUS_PATH),
        (Some(_) | None, Some(_) | None) => Ok(None),
    };
    Under { policy, answer }
}

/// Whether a host may be asked for on a connection that was made for another: only within one environment, and where the
/// certificate that was shown covers it (E19).
fn fits_handshake(snapshot: &Snapshot, front: &Front, peer: &Peer, host: &str) -> bool {
    let Some(sni) = peer.sni.as_deref() else {
        // An IP address is never an SNI; the resolver shows a certificate for it only where that is unambiguous.
        return (front.covers)("", host);
    };
    if sni == host {
        return true;
    }
    let environment_of = |name: &str| match snapshot.table().find(name, b"/") {
        Lookup::Found(Destination::Service(index)) => Some(snapshot.services()[*index].service.environment.clone()),
        Lookup::Found(Destination::Redirect(_)) | Lookup::UnknownHost | Lookup::Ambiguous => None,
        Lookup::NoPath => {
            let named = snapshot
                .services()
                .iter()
                .find(|live| live.service.hosts.iter().any(|host| **host == *name));
            named.map(|live| live.service.environment.clone())
        }
    };
    environment_of(sni).is_some_and(|environment| environment_of(host) == Some(environment))
        && (front.covers)(sni, host)
}
