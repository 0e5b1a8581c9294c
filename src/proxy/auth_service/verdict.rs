//! What an auth service's answer means: 2xx lets the request pass, any other one is the client's. Pure.

use crate::config::Forward;
use crate::http1::head::{Name, ResponseHead, eq_ignore_case};
use crate::http1::write::field;
use crate::proxy::message::answer::Answer;
use crate::proxy::message::headers;
use crate::proxy::message::unanswered::Unanswered;

/// What was answered.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// The request passes.
    Pass(Vouched),
    /// The client gets this.
    Refusal(Answer),
}

/// What the service says of a client that it lets pass.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Vouched {
    /// Fields for the app, as lines.
    pub(crate) fields: Vec<u8>,
    /// Values of `Set-Cookie` for the client: a session that was prolonged.
    pub(crate) cookies: Vec<Vec<u8>>,
}

impl Verdict {
    /// What a head says, which was parsed from `bytes`; of a refusal the body is still to come.
    ///
    /// # Errors
    /// It says nothing that could be passed on.
    pub(super) fn of(head: &ResponseHead, bytes: &[u8], forward: &Forward) -> Result<Self, Unanswered> {
        match head.status {
            200..300 => Ok(Self::Pass(Vouched::of(head, bytes, forward))),
            // Nothing was asked for under a condition: the client would show what it has kept of the app.
            304 => Err(Unanswered::Nonsense(
                "304 of an auth service that was asked for no condition",
            )),
            _ => Ok(Self::Refusal(refusal(head, bytes))),
        }
    }
}

impl Vouched {
    fn of(head: &ResponseHead, bytes: &[u8], forward: &Forward) -> Self {
        let mut vouched = Self::default();
        for (_, name, value) in headers::response(&head.fields, bytes) {
            if forward
                .copy
                .iter()
                .any(|copied| eq_ignore_case(name, copied.as_bytes()))
            {
                field(&mut vouched.fields, name, value);
            } else if eq_ignore_case(name, b"set-cookie") {
                vouched.cookies.push(value.to_vec());
            }
        }
        vouched
    }
}

/// The answer as the client gets it. Caches keep it only where the service says that they may (RFC 9111 §4.2.2 lets them guess).
fn refusal(head: &ResponseHead, bytes: &[u8]) -> Answer {
    let mut relayed = Vec::new();
    let mut says_cache = false;
    for (kind, name, value) in headers::response(&head.fields, bytes) {
        says_cache |= kind == Name::Other && eq_ignore_case(name, b"cache-control");
        field(&mut relayed, name, value);
    }
    if !says_cache {
        field(&mut relayed, b"cache-control", b"no-store");
    }
    Answer::relayed(head.status, relayed)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::http1::head::Limits;
    use crate::model::slot::Address;

    fn verdict(head: &str) -> Result<Verdict, Unanswered> {
        let forward = Forward {
            address: Address::Port(4180),
            target: "/".into(),
            copy: vec!["remote-user".into(), "remote-groups".into()],
            timeout: Duration::from_secs(5),
        };
        let limits = Limits {
            bytes: 4096,
            fields: 100,
        };
        let mut parsed = ResponseHead::new();
        parsed.parse(head.as_bytes(), limits).unwrap();
        Verdict::of(&parsed, head.as_bytes(), &forward)
    }

    #[test]
    fn any_2xx_passes_with_what_is_copied_and_with_cookies() {
        for status in [200, 202, 204, 299] {
            let head = format!(
                "HTTP/1.1 {status} x\r\nREMOTE-USER: anna\r\nRemote-Groups: a\r\nRemote-Groups: b\r\nremote_user: eve\r\n\
                 Remote-Email: a@b\r\nSet-Cookie: s=1\r\nSet-Cookie: t=2\r\n\r\n"
            );
            let Ok(Verdict::Pass(vouched)) = verdict(&head) else {
                panic!("{status} does not pass")
            };
            let fields = String::from_utf8(vouched.fields).unwrap();
            assert_eq!(fields, "REMOTE-USER: anna\r\nRemote-Groups: a\r\nRemote-Groups: b\r\n");
            assert_eq!(vouched.cookies, [b"s=1", b"t=2"]);
        }
    }

    #[test]
    fn any_other_status_is_the_clients_without_what_frames_it() {
        let head = "HTTP/1.1 302 Found\r\nLocation: /login\r\nSet-Cookie: s=1\r\nContent-Length: 5\r\nConnection: close, X-Hop\r\n\
                    X-Hop: 1\r\nKeep-Alive: timeout=5\r\n\r\n";
        let Ok(Verdict::Refusal(answer)) = verdict(head) else {
            panic!("it passes")
        };
        assert_eq!(answer.status, 302);
        let relayed = String::from_utf8(answer.relayed).unwrap();
        assert_eq!(
            relayed,
            "Location: /login\r\nSet-Cookie: s=1\r\ncache-control: no-store\r\n"
        );
        for status in [301, 401, 403, 404, 500, 503] {
            let head = format!("HTTP/1.1 {status} x\r\nCache-Control: private\r\n\r\n");
            let Ok(Verdict::Refusal(answer)) = verdict(&head) else {
                panic!("{status} passes")
            };
            assert_eq!(
                (answer.status, &*answer.relayed),
                (status, &b"Cache-Control: private\r\n"[..])
            );
        }
        assert!(verdict("HTTP/1.1 304 Not Modified\r\n\r\n").is_err());
    }
}
