//! Host and path of a request → where they lead to.

use super::snapshot::{Destination, Snapshot};
use crate::config::Tls;
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
            let to = &snapshot.redirects()[index].to;
            Ok(Found::Answer(Answer::redirect(location(to, "", target))))
        }
        Destination::Service(_) if !plain && !secure => {
            let port = settings.https_port.map(|port| format!(":{port}")).unwrap_or_default();
            let origin = format!("https://{host}");
            Ok(Found::Answer(Answer::redirect(location(&origin, &port, target))))
        }
        Destination::Service(index) => Ok(Found::Service(index)),
    }
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

/// Origin, port and target as one URL. The target came off the wire, but its grammar admits no line break.
fn location(origin: &str, port: &str, target: &[u8]) -> String {
    let target = if target == b"*" { b"/" } else { target };
    format!("{origin}{port}{}", String::from_utf8_lossy(target))
}
