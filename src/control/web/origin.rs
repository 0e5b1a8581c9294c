//! Who may ask (E33). A page of somebody else's that is open in the operator's browser can send requests here: under its own name that
//! it has pointed to 127.0.0.1 (DNS rebinding), from another origin, or as a picture or a script in its own text. None of them is answered.

use http::{HeaderMap, HeaderValue, Method, header};

/// Why a request is not answered, in a sentence for whoever has sent it.
pub(super) type Objection = &'static str;

/// What is said to a method that would change something.
pub(super) const READ_ONLY: Objection = "this page can only be read";
const HOST: Objection = "this name is not the one that is served here; use `localhost` or an IP address";
const ORIGIN: Objection = "another page may not read this one";
const BROWSER: Objection = "a browser reads this by `localhost` or an IP address alone";

/// The names by which a site is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::control) enum Names {
    /// `localhost` and IP addresses: nobody can point them elsewhere.
    Near,
    /// Any, because everybody who gets in has shown a password, which browsers send to the name alone that it was typed for.
    Any,
    /// Any, for programs: they ask for what they were told to ask for. A browser may come from a page that has pointed its own name here, and has to
    /// use a name that is near.
    AnyOfPrograms,
}

/// Looks at the head of a request to a site that has these names.
pub(super) fn look(method: &Method, headers: &HeaderMap, names: Names) -> Result<(), Objection> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return Err(READ_ONLY);
    }
    let host = only(headers, header::HOST).ok_or(HOST)?;
    let name = name_of(host).ok_or(HOST)?;
    match names {
        Names::Near if !is_near(name) => return Err(HOST),
        Names::AnyOfPrograms if !is_near(name) && is_of_browser(headers) => return Err(BROWSER),
        Names::Near | Names::Any | Names::AnyOfPrograms => {}
    }
    if headers.contains_key(header::ORIGIN) {
        let origin = only(headers, header::ORIGIN).ok_or(ORIGIN)?;
        let there = origin
            .strip_prefix("http://")
            .or_else(|| origin.strip_prefix("https://"));
        if !there.is_some_and(|there| there.eq_ignore_ascii_case(host)) {
            return Err(ORIGIN);
        }
    }
    // A link to the page from elsewhere is followed; anything that another page has loaded for itself is not answered.
    let site = only(headers, "sec-fetch-site").unwrap_or("none");
    let is_a_link =
        only(headers, "sec-fetch-mode") == Some("navigate") && only(headers, "sec-fetch-dest") == Some("document");
    if !matches!(site, "none" | "same-origin") && !is_a_link {
        return Err(ORIGIN);
    }
    Ok(())
}

/// Whether a request has what every browser sends and no page can take away, and no program that scrapes does. `Sec-Fetch-Site` alone would not
/// do: it is not sent over plain HTTP to other machines, nor `Origin` where the page and what it loads have one name.
fn is_of_browser(headers: &HeaderMap) -> bool {
    let marks = ["origin", "sec-fetch-site", "sec-fetch-mode", "accept-language"];
    let agent = headers.get(header::USER_AGENT).map_or(&b""[..], HeaderValue::as_bytes);
    marks.iter().any(|mark| headers.contains_key(*mark)) || agent.starts_with(b"Mozilla/")
}

/// The value of a field that is there once.
fn only(headers: &HeaderMap, name: impl header::AsHeaderName) -> Option<&str> {
    let mut all = headers.get_all(name).iter();
    let first = all.next()?.to_str().ok()?;
    all.next().is_none().then_some(first)
}

/// The name in a `Host`, without its port.
fn name_of(host: &str) -> Option<&str> {
    let (name, rest) = match host.strip_prefix('[') {
        Some(inside) => {
            let (address, rest) = inside.split_once(']')?;
            address.parse::<std::net::Ipv6Addr>().ok()?;
            (&host[..address.len() + 2], rest)
        }
        None => host.split_at(host.find(':').unwrap_or(host.len())),
    };
    let is_port = |port: &str| port.parse::<u16>().is_ok();
    (!name.is_empty() && (rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port))).then_some(name)
}

/// Names that nobody can point elsewhere: an IP address, and what browsers and resolvers keep on the machine itself.
fn is_near(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    let is_local = name.eq_ignore_ascii_case("localhost") || name.to_ascii_lowercase().ends_with(".localhost");
    is_local || name.starts_with('[') || name.parse::<std::net::Ipv4Addr>().is_ok()
}

/// Whether a client has this already, by an entity tag of it (RFC 9110 §13.1.2).
pub(in crate::control) fn is_same(headers: &HeaderMap, tag: &str) -> bool {
    let tags = headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let mut tags = tags.flat_map(|value| value.split(',')).map(str::trim);
    tags.any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag)
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    fn asked(method: &Method, fields: &[(&str, &str)], names: Names) -> Result<(), Objection> {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            let name: HeaderName = name.parse().unwrap();
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        look(method, &headers, names)
    }

    #[test]
    fn e33_a_name_that_somebody_else_can_point_here_is_not_answered() {
        for host in [
            "localhost:9146",
            "localhost",
            "LOCALHOST.:8000",
            "gate.localhost:1",
            "127.0.0.1:9146",
            "10.1.2.3",
            "[::1]:9146",
        ] {
            assert_eq!(asked(&Method::GET, &[("host", host)], Names::Near), Ok(()), "{host}");
        }
        for host in [
            "evil.example:9146",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "evil.example@localhost",
            "localhost:x",
            "localhost:1:2",
            "[::1].evil.example",
            "[localhost]",
            "",
        ] {
            assert_eq!(asked(&Method::GET, &[("host", host)], Names::Near), Err(HOST), "{host}");
        }
        assert_eq!(asked(&Method::GET, &[], Names::Near), Err(HOST));
        let twice = [("host", "localhost"), ("host", "evil.example")];
        assert_eq!(asked(&Method::GET, &twice, Names::Near), Err(HOST));
        assert_eq!(asked(&Method::GET, &[("host", "ops.example.com")], Names::Any), Ok(()));
    }

    #[test]
    fn e33_a_program_asks_by_any_name_and_a_page_that_has_pointed_its_own_here_by_none() {
        let asks = |host, fields: &[(&str, &str)]| {
            let all: Vec<_> = [("host", host)].iter().chain(fields).copied().collect();
            asked(&Method::GET, &all, Names::AnyOfPrograms)
        };
        let prometheus = [
            ("user-agent", "Prometheus/3.1.0"),
            ("accept", "application/openmetrics-text"),
            ("accept-encoding", "gzip"),
        ];
        for host in ["gate.internal:9147", "10.1.2.3:9147", "localhost"] {
            assert_eq!(asks(host, &prometheus), Ok(()), "{host}");
        }
        // What a page has loaded under its own name, over plain HTTP: there is no `Origin` then, and no `Sec-Fetch-Site`.
        for mark in [
            ("accept-language", "en"),
            ("user-agent", "Mozilla/5.0 (X11)"),
            ("origin", "http://evil.example:9147"),
            ("sec-fetch-site", "same-origin"),
        ] {
            assert_eq!(asks("evil.example:9147", &[mark]), Err(BROWSER), "{mark:?}");
        }
        let reader = [("accept-language", "en"), ("user-agent", "Mozilla/5.0 (X11)")];
        assert_eq!(asks("10.1.2.3:9147", &reader), Ok(()));
        assert_eq!(asks("10.1.2.3:9147", &[("origin", "http://evil.example")]), Err(ORIGIN));
    }

    #[test]
    fn e33_a_page_of_another_origin_reads_nothing() {
        let from = |fields: &[(&str, &str)]| {
            let all: Vec<_> = [("host", "localhost:9146")].iter().chain(fields).copied().collect();
            asked(&Method::GET, &all, Names::Near)
        };
        assert_eq!(from(&[("origin", "http://localhost:9146")]), Ok(()));
        for origin in [
            "null",
            "http://localhost:3000",
            "http://evil.example",
            "localhost:9146",
            "https://localhost",
        ] {
            assert_eq!(from(&[("origin", origin)]), Err(ORIGIN), "{origin}");
        }
        for site in ["cross-site", "same-site"] {
            assert_eq!(from(&[("sec-fetch-site", site)]), Err(ORIGIN));
            let picture = [
                ("sec-fetch-site", site),
                ("sec-fetch-mode", "no-cors"),
                ("sec-fetch-dest", "image"),
            ];
            assert_eq!(from(&picture), Err(ORIGIN));
            let frame = [
                ("sec-fetch-site", site),
                ("sec-fetch-mode", "navigate"),
                ("sec-fetch-dest", "iframe"),
            ];
            assert_eq!(from(&frame), Err(ORIGIN));
            let link = [
                ("sec-fetch-site", site),
                ("sec-fetch-mode", "navigate"),
                ("sec-fetch-dest", "document"),
            ];
            assert_eq!(from(&link), Ok(()));
        }
        assert_eq!(from(&[("sec-fetch-site", "same-origin")]), Ok(()));
    }

    #[test]
    fn e33_nothing_can_be_posted() {
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
            assert_eq!(
                asked(&method, &[("host", "localhost")], Names::Any),
                Err(READ_ONLY),
                "{method}"
            );
        }
    }

    #[test]
    fn a_client_that_has_the_same_is_told_so() {
        let has = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.append(header::IF_NONE_MATCH, HeaderValue::from_str(value).unwrap());
            is_same(&headers, "\"a\"")
        };
        assert!(has("\"a\"") && has("W/\"a\"") && has("\"b\", \"a\"") && has("*"));
        assert!(!has("\"b\"") && !has("a"));
        assert!(!is_same(&HeaderMap::new(), "\"a\""));
    }
}
