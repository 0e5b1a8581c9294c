//! The head that leaves is *built*, never copied: hop-by-hop and nominated fields are left out first, then ours are added
//! (E6, E14–E16; RFC 9110 §7.6.1). Pure: fields in, bytes out.

use std::cell::Cell;
use std::io::Write;
use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use smallvec::SmallVec;

use super::prefix::{Inner, Stripped};
use super::request::{self, Fields, Peer, Request};
use super::request_id::RequestId;
use crate::http1::framing::Framing;
use crate::http1::head::{Field, Name, RequestHead, ResponseHead, eq_ignore_case, list};
use crate::http1::write::{decimal, field};
use crate::model::preview::{other_cookies, without_cookie};
use crate::proxy::stock::weakened::Weakened;

/// Names that a Connection field nominates to go no further, beyond those that always go no further.
type Nominated<'f> = SmallVec<[&'f [u8]; 4]>;

/// How a request leaves, beside what its client says.
#[derive(Default)]
pub(crate) struct Manner<'w> {
    /// The credentials were for us.
    pub(crate) ends_here: bool,
    /// The app is to close after its answer.
    pub(crate) close: bool,
    /// The app is to answer with bytes that can be appended to.
    pub(crate) unencoded: bool,
    /// Cookies of previews may come, and are not for the app.
    pub(crate) hides_previews: bool,
    /// Knows tags that the app has written in another form.
    pub(crate) weakened: Option<&'w Weakened>,
}

/// Builds the request that leaves for the app. `client` is who asks, behind the proxies that are trusted; `inner` says what the app sees of the path, and what is returned is where
/// that shows.
pub(crate) fn request<'r, F: Fields<'r>>(
    out: &mut Vec<u8>,
    request: &Request<'r, F>,
    peer: &Peer,
    client: IpAddr,
    inner: Inner<'_>,
    manner: &Manner<'_>,
    id: RequestId,
) -> Stripped {
    out.extend_from_slice(request.method_text);
    out.push(b' ');
    let mut stripped = Stripped::push_target(out, request.target, inner);
    out.extend_from_slice(b" HTTP/1.1\r\nhost: ");
    out.extend_from_slice(request.host.as_bytes());
    out.extend_from_slice(request.port);
    out.extend_from_slice(b"\r\n");

    let nominated = nominated(
        request
            .fields
            .iter()
            .filter(|(kind, ..)| *kind == Name::Connection)
            .map(|(.., v)| v),
    );
    let (mut forwarded_for, mut request_id) = (SmallVec::<[&[u8]; 2]>::new(), None);
    let (mut proto, mut forwarded_host, mut prefix) = (None, None, None);
    let mut cookies = SmallVec::<[&[u8]; 4]>::new();
    let (is_http2, makes_key) = (request.is_http2(), request.is_extended_connect());
    for (kind, name, value) in request.fields.iter() {
        match kind {
            // Ours, below.
            Name::XForwardedFor => forwarded_for.push(value),
            Name::XForwardedProto => proto = proto.or(Some(value)),
            Name::XForwardedHost => forwarded_host = Some(value),
            Name::XForwardedPrefix => prefix = Some(value),
            Name::XRequestId => request_id = Some(value),
            // Ours, or nobody's.
            Name::Host
            | Name::Connection
            | Name::ContentLength
            | Name::Forwarded
            | Name::KeepAlive
            | Name::Proxy
            | Name::ProxyAuthorization
            | Name::ProxyConnection
            | Name::Te
            | Name::TransferEncoding
            | Name::Twin
            | Name::Upgrade
            | Name::XEnvironment
            | Name::XGreengatePreview
            | Name::XRealIp => {}
            // What a trusted proxy says; anybody else could say it too.
            Name::Forwarding => {
                if peer.trusted && !is_nominated(&nominated, name) {
                    field(out, name, value);
                }
            }
            Name::Expect => {
                if request.expects_continue {
                    field(out, name, value);
                }
            }
            Name::Authorization if manner.ends_here => {}
            Name::Cookie if is_nominated(&nominated, name) => {}
            // RFC 9113 §8.2.3: crumbs are joined before they leave for HTTP/1.1.
            Name::Cookie if is_http2 && manner.hides_previews => cookies.extend(other_cookies(value)),
            Name::Cookie if is_http2 => cookies.push(value),
            Name::Cookie if manner.hides_previews => {
                if let Some(left) = without_cookie(value) {
                    field(out, name, &left);
                }
            }
            Name::IfMatch | Name::IfNoneMatch if manner.weakened.is_some() && !is_nominated(&nominated, name) => {
                let value = manner
                    .weakened
                    .map_or(value.into(), |weakened| weakened.restored(value));
                field(out, name, &value);
            }
            Name::Accept
            | Name::Authorization
            | Name::ContentType
            | Name::Cookie
            | Name::Date
            | Name::IfMatch
            | Name::IfNoneMatch
            | Name::ProxyAuthenticate
            | Name::Referer
            | Name::RetryAfter
            | Name::Server
            | Name::Trailer
            | Name::UserAgent
            | Name::XRobotsTag
            | Name::Other => {
                let is_ours = (manner.unencoded && eq_ignore_case(name, b"accept-encoding"))
                    || (makes_key && name == b"sec-websocket-key");
                if is_ours || is_nominated(&nominated, name) {
                    continue;
                }
                field(out, name, value);
            }
        }
    }
    if manner.unencoded {
        field(out, b"accept-encoding", b"identity");
    }
    if !cookies.is_empty() {
        field(out, b"cookie", &cookies.join(&b"; "[..]));
    }

    out.extend_from_slice(b"x-forwarded-for: ");
    if peer.trusted {
        // One by one: what is sent has no empty elements (RFC 9110 §5.6.1.1).
        for hop in forwarded_for.into_iter().flat_map(list) {
            out.extend_from_slice(hop);
            out.extend_from_slice(b", ");
        }
    }
    push_ip(out, peer.client);
    out.extend_from_slice(b"\r\nx-real-ip: ");
    push_ip(out, client);
    out.extend_from_slice(b"\r\n");
    let believed = |value: Option<&'r [u8]>| value.filter(|_| peer.trusted);
    field(
        out,
        b"x-forwarded-proto",
        believed(proto).unwrap_or(if peer.secure { b"https" } else { b"http" }),
    );
    match believed(forwarded_host) {
        Some(value) => field(out, b"x-forwarded-host", value),
        None => {
            out.extend_from_slice(b"x-forwarded-host: ");
            out.extend_from_slice(request.host.as_bytes());
            out.extend_from_slice(request.port);
            out.extend_from_slice(b"\r\n");
        }
    }
    stripped.push_field(out, believed(prefix).unwrap_or_default(), inner);
    field(out, b"x-request-id", believed(request_id).unwrap_or(&id.text()));

    match request.framing {
        Framing::None => {
            // RFC 9110 §8.6: a method that usually has a body says that it has none.
            if matches!(request.method_text, b"POST" | b"PUT" | b"PATCH") {
                out.extend_from_slice(b"content-length: 0\r\n");
            }
        }
        Framing::Length(length) => push_length(out, length),
        Framing::Chunked | Framing::UntilClose => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
    }
    if request.upgrade {
        out.extend_from_slice(b"connection: upgrade\r\nupgrade: websocket\r\n");
        if makes_key {
            // Over HTTP/2 a client sends none (RFC 8441 §5), and an app over HTTP/1.1 wants one (RFC 6455 §4.1). It is no secret.
            let key = STANDARD.encode(fastrand::u128(..).to_ne_bytes());
            field(out, b"sec-websocket-key", key.as_bytes());
        }
    } else if manner.close {
        out.extend_from_slice(b"connection: close\r\n");
    }
    out.extend_from_slice(b"\r\n");
    stripped
}

/// What leaves for an app when a client at `client` sends `head` over TLS: all that benches and property tests need of `headers`.
///
/// # Errors
/// The status with which the request is refused.
pub fn rewrite_head(head: &RequestHead, buffer: &[u8], client: IpAddr, out: &mut Vec<u8>) -> Result<(), u16> {
    let peer = Peer {
        client,
        trusted: false,
        secure: true,
        inside: false,
        sni: None,
        tls_version: "",
        ended: Cell::new(None),
    };
    let request = request::of_http1(head, buffer).map_err(|error| error.status())?;
    let whole = Inner::Stripped("");
    self::request(out, &request, &peer, client, whole, &Manner::default(), RequestId::NONE);
    Ok(())
}

/// Writes the fields of an app's response that reach the client: all that property tests need of `headers`.
pub fn pass_fields_on(head: &ResponseHead, buffer: &[u8], out: &mut Vec<u8>) {
    for (_, name, value) in response(&head.fields, buffer) {
        field(out, name, value);
    }
}

/// The credentials in a head that [`request`] has built, unless there are two.
pub(crate) fn authorization(head: &[u8]) -> Option<&[u8]> {
    let mut lines = head.split(|byte| *byte == b'\n').skip(1);
    let mut sent = lines.by_ref().take_while(|line| *line != b"\r").filter_map(|line| {
        let (name, value) = line.split_at(memchr::memchr(b':', line)?);
        eq_ignore_case(name, b"authorization").then(|| value[1..].trim_ascii())
    });
    match (sent.next(), sent.next()) {
        (one, None) => one,
        (_, Some(_)) => None,
    }
}

/// The fields of an app's response that reach the client, of whatever protocol: everything but framing, hop-by-hop and
/// nominated ones.
pub(crate) fn response<'b>(fields: &'b [Field], buffer: &'b [u8]) -> impl Iterator<Item = (Name, &'b [u8], &'b [u8])> {
    let connection = fields
        .iter()
        .filter(|field| field.kind == Name::Connection)
        .map(|field| field.value.of(buffer));
    let nominated = nominated(connection);
    fields
        .iter()
        .map(|field| (field.kind, field.name.of(buffer), field.value.of(buffer)))
        .filter(move |(kind, name, _)| match kind {
            Name::Connection
            | Name::ContentLength
            | Name::KeepAlive
            | Name::ProxyAuthenticate
            | Name::ProxyConnection
            | Name::Te
            | Name::TransferEncoding
            | Name::Upgrade => false,
            Name::Accept
            | Name::Authorization
            | Name::ContentType
            | Name::Cookie
            | Name::Date
            | Name::Expect
            | Name::Forwarded
            | Name::Forwarding
            | Name::Host
            | Name::IfMatch
            | Name::IfNoneMatch
            | Name::Proxy
            | Name::ProxyAuthorization
            | Name::Referer
            | Name::RetryAfter
            | Name::Server
            | Name::Trailer
            | Name::Twin
            | Name::UserAgent
            | Name::XEnvironment
            | Name::XForwardedFor
            | Name::XForwardedHost
            | Name::XForwardedPrefix
            | Name::XForwardedProto
            | Name::XGreengatePreview
            | Name::XRealIp
            | Name::XRequestId
            | Name::XRobotsTag
            | Name::Other => nominated.is_empty() || !is_nominated(&nominated, name),
        })
}

/// Appends `content-length`.
pub(crate) fn push_length(out: &mut Vec<u8>, length: u64) {
    out.extend_from_slice(b"content-length: ");
    decimal(out, length);
    out.extend_from_slice(b"\r\n");
}

fn nominated<'f>(connection: impl Iterator<Item = &'f [u8]>) -> Nominated<'f> {
    connection
        .flat_map(list)
        .filter(|option| {
            ![&b"keep-alive"[..], b"close", b"upgrade"]
                .iter()
                .any(|known| eq_ignore_case(option, known))
        })
        .collect()
}

fn is_nominated(nominated: &Nominated<'_>, name: &[u8]) -> bool {
    nominated.iter().any(|option| eq_ignore_case(option, name))
}

fn push_ip(out: &mut Vec<u8>, ip: IpAddr) {
    // Writing into a Vec cannot fail.
    let _ = match ip {
        IpAddr::V4(v4) => {
            let [a, b, c, d] = v4.octets();
            for (place, octet) in [a, b, c, d].into_iter().enumerate() {
                if place > 0 {
                    out.push(b'.');
                }
                decimal(out, octet.into());
            }
            Ok(())
        }
        IpAddr::V6(v6) => write!(out, "{v6}"),
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http1::head::Limits;
    use crate::proxy::message::request::of_http1;

    fn peer(trusted: bool) -> Peer {
        Peer {
            client: "203.0.113.7".parse().unwrap(),
            trusted,
            secure: true,
            inside: false,
            sni: None,
            tls_version: "",
            ended: Cell::new(None),
        }
    }

    fn forwarded(written: &str, peer: &Peer, strip: &str) -> String {
        let mut head = RequestHead::new();
        head.parse(
            written.as_bytes(),
            Limits {
                bytes: 65_536,
                fields: 100,
            },
        )
        .unwrap();
        let parsed = of_http1(&head, written.as_bytes()).unwrap();
        let mut out = Vec::new();
        request(
            &mut out,
            &parsed,
            peer,
            peer.client,
            Inner::Stripped(strip),
            &Manner::default(),
            RequestId::NONE,
        );
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn e14_spoofed_identity_is_replaced_by_the_truth() {
        let written = "GET / HTTP/1.1\r\nHost: Example.com.\r\nX-Forwarded-For: 1.1.1.1\r\nX-Real-IP: 1.1.1.1\r\n\
             X-Forwarded-Proto: gopher\r\nX-Forwarded-Host: evil\r\nForwarded: for=1.1.1.1\r\n\r\n";
        let sent = forwarded(written, &peer(false), "");
        assert!(sent.contains("x-forwarded-for: 203.0.113.7\r\n"), "{sent}");
        assert!(sent.contains("x-real-ip: 203.0.113.7\r\n"), "{sent}");
        assert!(sent.contains("x-forwarded-proto: https\r\n"), "{sent}");
        assert!(sent.contains("x-forwarded-host: example.com\r\n"), "{sent}");
        assert!(
            !sent.contains("1.1.1.1") && !sent.contains("evil") && !sent.contains("Forwarded:"),
            "{sent}"
        );
        let believed = forwarded(written, &peer(true), "");
        assert!(
            believed.contains("x-forwarded-for: 1.1.1.1, 203.0.113.7\r\n"),
            "{believed}"
        );
    }

    #[test]
    fn e15_twins_with_underscores_are_dropped() {
        let sent = forwarded(
            "GET / HTTP/1.1\r\nHost: a\r\nX_Forwarded_For: 1.1.1.1\r\nX_Other: kept\r\n\r\n",
            &peer(false),
            "",
        );
        assert!(
            !sent.contains("1.1.1.1") && sent.contains("X_Other: kept\r\n"),
            "{sent}"
        );
    }

    #[test]
    fn e16_nominated_fields_go_and_ours_stay() {
        let sent = forwarded(
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: X-Forwarded-For, x-secret\r\nX-Secret: 1\r\nX-Forwarded-For: 9.9.9.9\r\n\r\n",
            &peer(true),
            "",
        );
        assert!(
            sent.contains("203.0.113.7") && !sent.to_lowercase().contains("x-secret"),
            "{sent}"
        );
    }

    #[test]
    fn a_stripped_prefix_leaves_a_path() {
        for (target, expected) in [("/api", "/"), ("/api/x?y=1", "/x?y=1"), ("/api?y=1", "/?y=1")] {
            let sent = forwarded(
                &format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"),
                &peer(false),
                "/api",
            );
            assert!(sent.starts_with(&format!("GET {expected} HTTP/1.1\r\n")), "{sent}");
        }
    }

    #[test]
    fn names_keep_their_case_and_order_and_there_is_one_host() {
        let sent = forwarded(
            "GET /a HTTP/1.1\r\nX-One: 1\r\nHost: A:8080\r\nx-TWO: 2\r\n\r\n",
            &peer(false),
            "",
        );
        assert!(
            sent.starts_with("GET /a HTTP/1.1\r\nhost: a:8080\r\nX-One: 1\r\nx-TWO: 2\r\n"),
            "{sent}"
        );
        assert_eq!(sent.matches("\r\nhost:").count(), 1);
    }
}
