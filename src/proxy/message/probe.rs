//! The request of a probe: what would reach the app if a client on this machine asked for it through the front door. An app that
//! forces https, or knows its hosts, answers it as it answers traffic.

use std::net::{IpAddr, Ipv4Addr};

use super::prefix::Inner;
use super::request::{Peer, of_http1, path_of};
use super::request_id::RequestId;
use super::{headers, rules};
use crate::config::{Service, Tls};
use crate::http1::head::{Limits, RequestHead};
use crate::model::header_value::Placeholder;

/// Far more than any path that fits into a configuration.
const LIMITS: Limits = Limits {
    bytes: 1 << 20,
    fields: 1000,
};

/// A GET for `path`, as the app knows it: by the code, and with the fields, of any request for this service.
///
/// # Errors
/// Why there is no such request, in words.
pub fn probe_request(service: &Service, path: &str) -> Result<http::Request<()>, String> {
    let asked = format!(
        "GET {} HTTP/1.1\r\nhost: {}\r\nuser-agent: greengate-health\r\naccept: */*\r\n\r\n",
        service.outer_path(path),
        service.health.host
    );
    let head = parsed(asked.as_bytes())?;
    let request = of_http1(&head, asked.as_bytes()).map_err(|error| error.to_string())?;
    let client = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let peer = Peer {
        secure: service.tls != Tls::Off,
        ..Peer::plain(client, false)
    };
    let (mut sent, id) = (Vec::new(), RequestId::new(fastrand::u64(..)));
    headers::request(
        &mut sent,
        &request,
        &peer,
        client,
        Inner::Stripped(service.stripped()),
        &headers::Manner {
            close: true,
            ..headers::Manner::default()
        },
        id,
    );
    let sent = ruled(service, path, client, id, sent);
    let head = parsed(&sent)?;
    let mut probe = http::Request::get(head.target.of(&sent));
    for field in &head.fields {
        probe = probe.header(field.name.of(&sent), field.value.of(&sent));
    }
    probe.body(()).map_err(|error| error.to_string())
}

/// The head with what `headers.request` says for traffic to this path (F1). A `health.host` that is none of the service's hosts has the last
/// word about `Host`, and of slot and version nothing is known yet.
fn ruled(service: &Service, path: &str, client: IpAddr, id: RequestId, head: Vec<u8>) -> Vec<u8> {
    let outer = service.outer_path(path);
    let outer = path_of(outer.as_bytes());
    let written = &service
        .policy(service.parts.find(outer).unwrap_or_default())
        .request_headers;
    if written.is_empty() {
        return head;
    }
    let is_own = service.hosts.iter().any(|host| **host == *service.health.host);
    let written: Vec<_> = written
        .iter()
        .filter(|rule| is_own || *rule.name != *"host")
        .cloned()
        .collect();
    rules::apply(
        &head,
        &rules::Written::rules(&written),
        |placeholder, out| match placeholder {
            Placeholder::Client => out.extend_from_slice(client.to_string().as_bytes()),
            Placeholder::Host => out.extend_from_slice(service.health.host.as_bytes()),
            Placeholder::Path => out.extend_from_slice(outer),
            Placeholder::RequestId => out.extend_from_slice(&id.text()),
            Placeholder::Environment => out.extend_from_slice(service.environment.as_bytes()),
            Placeholder::Service => out.extend_from_slice(service.name.as_bytes()),
            Placeholder::Slot | Placeholder::Version => {}
        },
    )
}

fn parsed(bytes: &[u8]) -> Result<RequestHead, String> {
    let mut head = RequestHead::new();
    head.parse(bytes, LIMITS).map_err(|error| error.to_string())?;
    Ok(head)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Config;

    fn probe(service: &str, path: &str) -> http::Request<()> {
        let text = format!("[env.prod]\nupstream = 4000\n{service}");
        let (config, _) = Config::parse(Path::new("proxy.toml"), &text).unwrap();
        probe_request(&config.environments[0].services[0], path).unwrap()
    }

    fn said<'p>(probe: &'p http::Request<()>, name: &str) -> Option<&'p str> {
        let mut values = probe.headers().get_all(name).iter();
        let value = values.next().map(|value| value.to_str().unwrap());
        assert_eq!(values.next(), None, "{name} stands there once");
        value
    }

    #[test]
    fn f1_a_probe_says_what_traffic_says() {
        let probe = probe("host = \"a.example\"\ntls = \"internal\"\n", "/up?deep=1");
        assert_eq!(probe.uri(), "/up?deep=1");
        for (name, value) in [
            ("host", Some("a.example")),
            ("x-forwarded-host", Some("a.example")),
            ("x-forwarded-proto", Some("https")),
            ("x-forwarded-for", Some("127.0.0.1")),
            ("x-real-ip", Some("127.0.0.1")),
            ("x-forwarded-prefix", None),
            ("user-agent", Some("greengate-health")),
            ("connection", Some("close")),
        ] {
            assert_eq!(said(&probe, name), value, "{name}");
        }
        assert_eq!(said(&probe, "x-request-id").unwrap().len(), 16);
    }

    #[test]
    fn f1_the_scheme_of_a_probe_is_the_one_that_its_service_is_served_by() {
        for (tls, proto) in [("internal", "https"), ("acme", "https"), ("off", "http")] {
            let probe = probe(&format!("host = \"a.example\"\ntls = \"{tls}\"\n"), "/up");
            assert_eq!(said(&probe, "x-forwarded-proto"), Some(proto), "{tls}");
        }
    }

    #[test]
    fn f1_a_probe_says_which_prefix_is_stripped() {
        for (path, strip, said_prefix) in [
            ("/api", true, Some("/api")),
            ("/api", false, None),
            ("/", true, None),
            ("/", false, None),
        ] {
            let service =
                format!("host = \"a.example\"\ntls = \"internal\"\npath = \"{path}\"\nstrip_prefix = {strip}\n");
            for asked in ["/up", "/", "/api/up", "/api"] {
                let probe = probe(&service, asked);
                assert_eq!(probe.uri(), asked, "{service}");
                assert_eq!(said(&probe, "x-forwarded-prefix"), said_prefix, "{service}");
            }
        }
    }

    #[test]
    fn f1_a_probe_has_the_fields_that_are_set_for_traffic() {
        let service = "host = \"a.example\"\ntls = \"internal\"\nheaders.request = { X-Tenant = \"{service}\", X-Slot = \"{slot}\", Host = \"b\" }\n\
                       [[env.prod.at]]\npath = \"/up\"\nheaders.request = { X-Real-IP = \"\", X-Asked = \"{host}{path}\" }\n";
        let probe = probe(service, "/up?deep=1");
        for (name, value) in [
            ("x-tenant", Some("prod")),
            ("x-asked", Some("a.example/up")),
            ("x-real-ip", None),
            ("x-slot", None),
            ("host", Some("b")),
        ] {
            assert_eq!(said(&probe, name), value, "{name}");
        }
        let named = format!("health.host = \"c.example\"\n{service}");
        assert_eq!(said(&self::probe(&named, "/up"), "host"), Some("c.example"));
    }

    #[test]
    fn f1_the_host_of_a_probe_is_the_one_of_health_host() {
        for host in ["www.a.example", "[2001:db8::1]", "127.0.0.1"] {
            let service = format!("host = \"*.a.example\"\ntls = \"internal\"\nhealth.host = \"{host}\"\n");
            let probe = probe(&service, "/up");
            assert_eq!(said(&probe, "host"), Some(host));
            assert_eq!(said(&probe, "x-forwarded-host"), Some(host));
        }
    }
}
