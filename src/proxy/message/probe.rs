//! What a proxy says of a request, said of a probe: an app that tells its visitors by these fields takes it for one of them (F1).

use crate::config::{Service, Tls};

use super::request_id::RequestId;

/// The fields that a request for `host` gets on its way to an app, if this machine itself asks.
pub fn probe_fields(service: &Service, host: &str) -> Vec<(&'static str, String)> {
    let secure = service.tls != Tls::Off;
    let id = RequestId::new(fastrand::u64(..)).text();
    let mut fields = vec![
        ("x-forwarded-for", "127.0.0.1".to_owned()),
        ("x-real-ip", "127.0.0.1".to_owned()),
        ("x-forwarded-proto", if secure { "https" } else { "http" }.to_owned()),
        ("x-forwarded-host", host.to_owned()),
    ];
    if service.strip_prefix && &*service.path != "/" {
        fields.push(("x-forwarded-prefix", service.path.to_string()));
    }
    fields.push(("x-request-id", String::from_utf8_lossy(&id).into_owned()));
    fields
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Config;
    use crate::http1::head::{Limits, RequestHead};
    use crate::proxy::message::headers;
    use crate::proxy::message::request::{Peer, of_http1};

    /// Names and values of the fields that a plain request leaves with, without the one that differs each time.
    fn of_traffic(secure: bool, strip: &str) -> Vec<(String, String)> {
        let written = b"GET /api/health HTTP/1.1\r\nHost: app.test\r\n\r\n";
        let mut head = RequestHead::new();
        let limits = Limits {
            bytes: 1024,
            fields: 10,
        };
        head.parse(written, limits).unwrap();
        let local = "127.0.0.1".parse().unwrap();
        let mut peer = Peer::plain(local, false);
        peer.secure = secure;
        let request = of_http1(&head, written).unwrap();
        let mut out = Vec::new();
        headers::request(&mut out, &request, &peer, local, strip, false, RequestId::NONE);
        let lines = String::from_utf8(out).unwrap();
        let fields = lines.lines().filter_map(|line| line.split_once(": "));
        fields
            .filter(|(name, _)| !["host", "x-request-id"].contains(name))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }

    #[test]
    fn f1_a_probe_says_what_traffic_is_said_of() {
        for (more, secure, strip) in [
            ("tls = \"internal\"", true, ""),
            ("tls = \"off\"", false, ""),
            ("tls = \"off\"\npath = \"/api\"", false, ""),
            ("tls = \"off\"\npath = \"/api\"\nstrip_prefix = true", false, "/api"),
            ("tls = \"off\"\nstrip_prefix = true", false, "/"),
        ] {
            let text = format!("[env.prod]\nhost = \"app.test\"\nupstream = 3000\n{more}\n");
            let (config, _) = Config::parse(Path::new("proxy.toml"), &text).unwrap();
            let mut said = probe_fields(&config.environments[0].services[0], "app.test");
            let id = said.pop().unwrap();
            assert_eq!((id.0, id.1.len()), ("x-request-id", 16));
            let said: Vec<_> = said.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            assert_eq!(said, of_traffic(secure, strip), "{more}");
        }
    }
}
