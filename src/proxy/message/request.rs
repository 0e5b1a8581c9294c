//! A client's request as both protocols hand it to `service`: borrowed, checked, and with one host.

use std::borrow::Cow;
use std::cell::Cell;
use std::net::{IpAddr, SocketAddr};

use super::end::End;
use super::error::ProxyError;
use crate::http1::framing;
use crate::http1::framing::Framing;
use crate::http1::head::{Field, Method, Name, RequestHead, Version, eq_ignore_case, list};
use crate::http2::field::{Pseudo, decimal};
use crate::http2::list::FieldList;
use crate::model::routes::canonical_host;

/// Where a connection comes from, and what it was promised.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    /// The client: the TCP peer, or whom a trusted peer's PROXY header names.
    pub(crate) client: IpAddr,
    /// Whether forwarding headers of this connection are believed: the client is a proxy that is trusted.
    pub(crate) trusted: bool,
    /// Whether the connection is TLS (or counts as such, from inside the process).
    pub(crate) secure: bool,
    /// Whether the daemon itself asks: no host check against the SNI, and no line in the access log.
    pub(crate) inside: bool,
    /// The name that the TLS handshake asked for.
    pub(crate) sni: Option<Box<str>>,
    /// `TLSv1.3`, `TLSv1.2`, or empty.
    pub(crate) tls_version: &'static str,
    /// Why its connection was ended with all its streams, if it was.
    pub(crate) ended: Cell<Option<End>>,
}

impl Peer {
    /// One that speaks no TLS.
    pub(crate) fn plain(client: IpAddr, trusted: bool) -> Self {
        Self {
            client,
            trusted,
            secure: false,
            inside: false,
            sni: None,
            tls_version: "",
            ended: Cell::new(None),
        }
    }
}

/// A request that may be forwarded.
pub(crate) struct Request<'r, F> {
    pub(crate) method: Method,
    pub(crate) method_text: &'r [u8],
    /// Path and query as the client sent them; `*` for `OPTIONS *`.
    pub(crate) target: &'r [u8],
    /// Lower case, without port and trailing dot.
    pub(crate) host: Cow<'r, str>,
    /// The client's port, where it named one: `:8443`.
    pub(crate) port: &'r [u8],
    /// Every field, in order: which, name, value.
    pub(crate) fields: F,
    pub(crate) framing: Framing,
    /// `websocket`, when that is asked for properly.
    pub(crate) upgrade: bool,
    pub(crate) expects_continue: bool,
    pub(crate) protocol: &'static str,
}

/// The fields of a request, in the order they came.
pub(crate) trait Fields<'r> {
    /// Which field, its name, its value.
    fn iter(&self) -> impl Iterator<Item = (Name, &'r [u8], &'r [u8])>;
}

/// Fields of a head that one of our codecs has read.
pub(crate) struct HeadFields<'r> {
    fields: &'r [Field],
    buffer: &'r [u8],
}

impl<'r> Fields<'r> for HeadFields<'r> {
    fn iter(&self) -> impl Iterator<Item = (Name, &'r [u8], &'r [u8])> {
        let buffer = self.buffer;
        self.fields
            .iter()
            .map(move |field| (field.kind, field.name.of(buffer), field.value.of(buffer)))
    }
}

impl<'r, F: Fields<'r>> Request<'r, F> {
    pub(crate) fn is_http2(&self) -> bool {
        self.protocol == "HTTP/2"
    }

    /// Whether it is CONNECT with `:protocol`, which any 2xx grants (RFC 8441 §5).
    pub(crate) fn is_extended_connect(&self) -> bool {
        self.upgrade && self.is_http2()
    }

    /// The path without the query.
    pub(crate) fn path(&self) -> &'r [u8] {
        path_of(self.target)
    }

    /// The client behind the proxies that are trusted: the last address of `X-Forwarded-For` that is not one of theirs. Where
    /// the proxy in front sends no such field, it may name the client in `X-Real-IP`.
    pub(crate) fn client(&self, peer: &Peer, is_trusted: impl Fn(IpAddr) -> bool) -> IpAddr {
        let mut client = peer.client;
        if !peer.trusted {
            return client;
        }
        let fields = |kind| self.fields.iter().filter(move |field| field.0 == kind);
        let mut hops: Vec<_> = fields(Name::XForwardedFor)
            .flat_map(|(.., value)| list(value))
            .collect();
        if hops.is_empty() {
            hops.extend(fields(Name::XRealIp).map(|(.., value)| value).next());
        }
        while is_trusted(client) {
            let Some(hop) = hops.pop().and_then(address) else { break };
            client = hop;
        }
        client
    }

    /// Whether the client speaks TLS: with us, or with the trusted proxy in front, which says so.
    pub(crate) fn is_secure(&self, peer: &Peer) -> bool {
        let said = || {
            let proto = self.get(Name::XForwardedProto).and_then(|value| list(value).next());
            proto.is_some_and(|proto| eq_ignore_case(proto, b"https") || eq_ignore_case(proto, b"wss"))
        };
        peer.secure || (peer.trusted && said())
    }

    /// The first value of a field.
    pub(crate) fn get(&self, kind: Name) -> Option<&'r [u8]> {
        self.fields.iter().find(|field| field.0 == kind).map(|field| field.2)
    }
}

/// An address as proxies write it: `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:4711`.
fn address(written: &[u8]) -> Option<IpAddr> {
    let written = str::from_utf8(written).ok()?;
    let bracketed = written.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let address = match bracketed {
        Some(v6) => IpAddr::V6(v6.parse().ok()?),
        None => match written.parse() {
            Ok(address) => address,
            Err(_) => written.parse::<SocketAddr>().ok()?.ip(),
        },
    };
    Some(address.to_canonical())
}

/// The part of a target before the query.
pub(crate) fn path_of(target: &[u8]) -> &[u8] {
    &target[..memchr::memchr(b'?', target).unwrap_or(target.len())]
}

/// Checks an HTTP/1 head (E1–E3, E7–E9, E12). `buffer` is what it was parsed from.
///
/// # Errors
/// What the client is to be told; the connection cannot be trusted after it.
pub(crate) fn of_http1<'r>(head: &'r RequestHead, buffer: &'r [u8]) -> Result<Request<'r, HeadFields<'r>>, ProxyError> {
    let framing = framing::of_request(head, buffer).map_err(ProxyError::Framing)?;
    check_method(head.method)?;
    let mut host = None;
    let (mut upgrade_named, mut websocket, mut expects_continue) = (false, false, false);
    let mut names_websocket = false;
    for field in &head.fields {
        let value = field.value.of(buffer);
        match field.kind {
            Name::Host if host.replace(value).is_some() => return Err(ProxyError::BadRequest("two Host fields")),
            Name::Connection => upgrade_named |= list(value).any(|option| eq_ignore_case(option, b"upgrade")),
            Name::Upgrade => {
                websocket = eq_ignore_case(value, b"websocket");
                names_websocket |= list(value).any(|protocol| eq_ignore_case(protocol, b"websocket"));
            }
            Name::Expect if eq_ignore_case(value, b"100-continue") => {
                // RFC 9110 §10.1.1: ignored in HTTP/1.0.
                expects_continue = head.version == Version::Http11;
            }
            Name::Expect => return Err(ProxyError::Expectation),
            _ => {}
        }
    }
    let host = host.ok_or(ProxyError::BadRequest("no Host field"))?;
    let written = head.target.of(buffer);
    if memchr::memchr(b'#', written).is_some() {
        return Err(ProxyError::BadRequest("a fragment in the request target"));
    }
    let target = match written {
        [b'/', ..] => written,
        b"*" if head.method == Method::Options => written,
        _ => match origin_form(written, host)? {
            // RFC 9112 §3.2.4.
            b"" if head.method == Method::Options => b"*",
            b"" => b"/",
            target => target,
        },
    };
    let upgrade = upgrade_named && websocket && head.method == Method::Get && head.version == Version::Http11;
    // RFC 9110 §7.8: HTTP/1.0 has no upgrades. Of any other, a reader that skips the body could take it for the new protocol (E7).
    if names_websocket && head.version == Version::Http11 && framing != Framing::None {
        return Err(ProxyError::BadRequest("an upgrade with a body"));
    }
    let (host, port) = host_and_port(host)?;
    Ok(Request {
        method: head.method,
        method_text: head.method_text.of(buffer),
        target,
        host,
        port,
        fields: HeadFields {
            fields: &head.fields,
            buffer,
        },
        framing,
        upgrade,
        expects_continue: expects_continue && framing != Framing::None,
        protocol: match head.version {
            Version::Http10 => "HTTP/1.0",
            Version::Http11 => "HTTP/1.1",
        },
    })
}

/// Checks an HTTP/2 head (E7, E8, E9, E11, E12), whose form is right (E10). `has_body` if the stream goes on behind it.
///
/// # Errors
/// What the client is to be told.
pub(crate) fn of_http2(list: &FieldList, has_body: bool) -> Result<Request<'_, HeadFields<'_>>, ProxyError> {
    let pseudo = |pseudo| list.pseudo(pseudo);
    let upgrade = match pseudo(Pseudo::Protocol) {
        None => false,
        Some(protocol) if eq_ignore_case(protocol, b"websocket") => true,
        Some(_) => return Err(ProxyError::BadRequest("`:protocol` is not `websocket`")),
    };
    // RFC 8441 §5: an app that speaks HTTP/1.1 knows it as an upgrade of GET.
    let method_text = if upgrade {
        b"GET"
    } else {
        pseudo(Pseudo::Method).unwrap_or_default()
    };
    let method = Method::of(method_text);
    check_method(method)?;
    let (mut named, mut expects_continue) = (None, false);
    for field in &list.fields {
        let value = field.value.of(&list.bytes);
        match field.kind {
            Name::Host if named.replace(value).is_some() => return Err(ProxyError::BadRequest("two Host fields")),
            Name::Expect if eq_ignore_case(value, b"100-continue") => expects_continue = true,
            Name::Expect => return Err(ProxyError::Expectation),
            _ => {}
        }
    }
    // What follows is the tunnel's own, and a length of it would be a body's (E7; RFC 9110 §9.3.6).
    if upgrade && list.get(Name::ContentLength).is_some() {
        return Err(ProxyError::BadRequest("an upgrade with a body"));
    }
    let default_port = match pseudo(Pseudo::Scheme) {
        Some(scheme) if eq_ignore_case(scheme, b"http") => HTTP_PORT,
        _ => HTTPS_PORT,
    };
    let host = match (pseudo(Pseudo::Authority), named) {
        (Some(authority), Some(named)) if !is_same_authority(authority, named, default_port) => {
            return Err(ProxyError::BadRequest("`:authority` differs from Host"));
        }
        (Some(host), _) | (None, Some(host)) => host,
        (None, None) => return Err(ProxyError::BadRequest("no `:authority`")),
    };
    let target = pseudo(Pseudo::Path).unwrap_or_default();
    if memchr::memchr(b'#', target).is_some() {
        return Err(ProxyError::BadRequest("a fragment in the request target"));
    }
    let framing = match list.get(Name::ContentLength).and_then(decimal) {
        _ if !has_body || upgrade => Framing::None,
        None => Framing::Chunked,
        Some(length) => Framing::Length(length),
    };
    let (host, port) = host_and_port(host)?;
    Ok(Request {
        method,
        method_text,
        target,
        host,
        port,
        fields: HeadFields {
            fields: &list.fields,
            buffer: &list.bytes,
        },
        framing,
        upgrade,
        expects_continue: expects_continue && framing != Framing::None,
        protocol: "HTTP/2",
    })
}

fn check_method(method: Method) -> Result<(), ProxyError> {
    match method {
        Method::Connect | Method::Trace => Err(ProxyError::Method),
        Method::Get
        | Method::Head
        | Method::Post
        | Method::Put
        | Method::Delete
        | Method::Options
        | Method::Patch
        | Method::Other => Ok(()),
    }
}

/// The canonical host, and the port as it was written (with its colon).
fn host_and_port(written: &[u8]) -> Result<(Cow<'_, str>, &[u8]), ProxyError> {
    let host = canonical_host(written).map_err(|_| ProxyError::BadRequest("Host is not a host name"))?;
    let after_brackets = memchr::memrchr(b']', written).unwrap_or(0);
    let port =
        memchr::memrchr(b':', &written[after_brackets..]).map_or(&b""[..], |colon| &written[after_brackets + colon..]);
    Ok((host, if port.len() > 1 { port } else { b"" }))
}

/// Ports that need not be written.
const HTTP_PORT: &[u8] = b":80";
const HTTPS_PORT: &[u8] = b":443";

/// Whether two authorities are the same: the default port of the scheme may be left out (RFC 9110 §4.2.3).
fn is_same_authority(one: &[u8], other: &[u8], default_port: &[u8]) -> bool {
    fn bare<'a>(authority: &'a [u8], default_port: &[u8]) -> &'a [u8] {
        let without = authority.strip_suffix(default_port);
        without.or(authority.strip_suffix(b":")).unwrap_or(authority)
    }
    eq_ignore_case(bare(one, default_port), bare(other, default_port))
}

/// The path and query of an absolute-form target, which has to name the same authority as Host (E12); empty where it has none.
fn origin_form<'r>(written: &'r [u8], host: &[u8]) -> Result<&'r [u8], ProxyError> {
    let differs = ProxyError::BadRequest("the request target is neither a path nor a URL of this host");
    let scheme = [(&b"http://"[..], HTTP_PORT), (b"https://", HTTPS_PORT)]
        .into_iter()
        .find(|(scheme, _)| {
            let start = written.get(..scheme.len());
            start.is_some_and(|start| eq_ignore_case(start, scheme))
        });
    let Some((scheme, port)) = scheme else {
        return Err(differs);
    };
    let rest = &written[scheme.len()..];
    let end = memchr::memchr2(b'/', b'?', rest).unwrap_or(rest.len());
    if !is_same_authority(&rest[..end], host, port) {
        return Err(differs);
    }
    match rest.get(end) {
        Some(b'/') => Ok(&rest[end..]),
        None => Ok(b""),
        Some(_) => Err(ProxyError::BadRequest("a URL with a query and no path")),
    }
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn f2_an_address_may_carry_a_port_and_brackets() {
        for (written, expected) in [
            ("192.0.2.1", "192.0.2.1"),
            ("192.0.2.1:4711", "192.0.2.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:4711", "2001:db8::1"),
        ] {
            assert_eq!(address(written.as_bytes()), expected.parse().ok(), "{written}");
        }
        for garbage in [
            "",
            "unknown",
            "_hidden",
            "192.0.2.1:",
            "192.0.2.1:x",
            "[192.0.2.1]",
            "[::1",
            "192.0.2.256",
            "a\u{e9}",
        ] {
            assert_eq!(address(garbage.as_bytes()), None, "{garbage}");
        }
    }
}
