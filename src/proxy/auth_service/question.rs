//! What an auth service is asked: a GET that describes the request in the ways that such services read (Traefik's and Caddy's
//! `X-Forwarded-Method` and `-Uri`, nginx' `X-Original-URL`). Pure: bytes in, bytes out.

use crate::config::Forward;
use crate::http1::head::{eq_ignore_case, list};
use crate::http1::write::field;
use crate::proxy::message::names::{is_same_to_apps, is_vouched};

/// What is said of a body, of a connection, and of an answer that is there already: a question has no body, and wants a whole answer.
/// Then what describes the request, which is said below, and what would say it in another way.
const NOT_ASKED: [&[u8]; 12] = [
    b"connection",
    b"expect",
    b"range",
    b"te",
    b"trailer",
    b"transfer-encoding",
    b"upgrade",
    b"x-forwarded-method",
    b"x-forwarded-prefix",
    b"x-forwarded-uri",
    b"x-original-method",
    b"x-original-url",
];
/// What begins like this describes a body, makes an answer depend on another one, or opens a WebSocket.
const NOT_ASKED_PREFIXES: [&[u8]; 3] = [b"content-", b"if-", b"sec-websocket-"];

/// A request that somebody has to be asked about.
pub(crate) struct Subject<'s> {
    /// As it was built for the app, before `headers.request` has changed it.
    pub(crate) head: &'s [u8],
    /// As the client wrote them.
    pub(crate) method: &'s [u8],
    pub(crate) target: &'s [u8],
    /// Whether the client speaks TLS.
    pub(crate) secure: bool,
}

/// The question whether a request may pass.
pub(crate) fn question(subject: &Subject<'_>, forward: &Forward) -> Vec<u8> {
    let mut out = Vec::with_capacity(subject.head.len() + 2 * subject.target.len() + 256);
    out.extend_from_slice(b"GET ");
    out.extend_from_slice(forward.target.as_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\n");
    let mut host: &[u8] = b"";
    // It was built here, so that each of its lines is one field.
    for line in subject.head.split_inclusive(|byte| *byte == b'\n').skip(1) {
        if line == b"\r\n" {
            break;
        }
        let (name, value) = line.split_at(memchr::memchr(b':', line).unwrap_or_default());
        if eq_ignore_case(name, b"x-forwarded-host") {
            host = list(value.get(1..).unwrap_or_default()).next().unwrap_or_default();
        }
        if is_asked(name, forward) {
            out.extend_from_slice(line);
        }
    }
    field(&mut out, b"x-forwarded-method", subject.method);
    field(&mut out, b"x-forwarded-uri", subject.target);
    field(&mut out, b"x-original-method", subject.method);
    let scheme: &[u8] = if subject.secure { b"https://" } else { b"http://" };
    field(
        &mut out,
        b"x-original-url",
        &[scheme, host.trim_ascii(), subject.target].concat(),
    );
    out.extend_from_slice(b"\r\n");
    out
}

/// Whether the auth service sees a field. What it would vouch for itself it does not hear from the client, but for what a client proves
/// itself with.
fn is_asked(name: &[u8], forward: &Forward) -> bool {
    let begins = |prefix: &&[u8]| {
        name.get(..prefix.len())
            .is_some_and(|start| eq_ignore_case(start, prefix))
    };
    if NOT_ASKED.iter().any(|other| eq_ignore_case(name, other)) || NOT_ASKED_PREFIXES.iter().any(begins) {
        return false;
    }
    let proves = [&b"authorization"[..], b"cookie"];
    !is_vouched(name, &forward.copy) || proves.iter().any(|other| is_same_to_apps(name, other))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::slot::Address;

    fn forward(copy: &[&str]) -> Forward {
        Forward {
            address: Address::Port(4180),
            target: "/verify?rd=1".into(),
            copy: copy.iter().map(|name| (*name).into()).collect(),
            timeout: Duration::from_secs(5),
        }
    }

    fn asked(head: &str, secure: bool, copy: &[&str]) -> String {
        let subject = Subject {
            head: head.as_bytes(),
            method: b"PUT",
            target: b"/a%20b?c=d",
            secure,
        };
        String::from_utf8(question(&subject, &forward(copy))).unwrap()
    }

    const HEAD: &str = "PUT /b HTTP/1.1\r\nhost: app.example:8443\r\nCookie: a=b\r\nAuthorization: Bearer x\r\nAccept: text/html\r\n\
        Remote-User: admin\r\nremote_user: admin\r\nContent-Type: text/plain\r\nRange: bytes=0-1\r\nIf-None-Match: \"a\"\r\n\
        Sec-WebSocket-Key: x\r\nSec-Fetch-Mode: navigate\r\nExpect: 100-continue\r\nX-Forwarded-Uri: /lie\r\n\
        x-forwarded-for: 192.0.2.1\r\nx-real-ip: 192.0.2.1\r\nx-forwarded-proto: https\r\n\
        x-forwarded-host: app.example:8443\r\nx-forwarded-prefix: /a\r\nx-request-id: 1\r\ncontent-length: 5\r\n\r\nbody: x\r\n";

    #[test]
    fn a_question_is_a_get_that_describes_the_request_and_has_no_body() {
        assert_eq!(
            asked(HEAD, true, &["remote-user"]),
            "GET /verify?rd=1 HTTP/1.1\r\nhost: app.example:8443\r\nCookie: a=b\r\nAuthorization: Bearer x\r\nAccept: text/html\r\n\
             Sec-Fetch-Mode: navigate\r\nx-forwarded-for: 192.0.2.1\r\nx-real-ip: 192.0.2.1\r\nx-forwarded-proto: https\r\n\
             x-forwarded-host: app.example:8443\r\nx-request-id: 1\r\nx-forwarded-method: PUT\r\n\
             x-forwarded-uri: /a%20b?c=d\r\nx-original-method: PUT\r\n\
             x-original-url: https://app.example:8443/a%20b?c=d\r\n\r\n"
        );
    }

    #[test]
    fn what_a_client_proves_itself_with_is_asked_about_even_where_the_answer_replaces_it() {
        let text = asked(HEAD, false, &["authorization", "cookie", "accept"]);
        assert!(
            text.contains("Authorization: Bearer x\r\n") && text.contains("Cookie: a=b\r\n"),
            "{text}"
        );
        assert!(!text.contains("Accept:"), "{text}");
        assert!(
            text.contains("x-original-url: http://app.example:8443/a%20b?c=d\r\n"),
            "{text}"
        );
    }
}
