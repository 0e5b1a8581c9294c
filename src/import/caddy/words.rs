//! Caddy's placeholders, times and addresses, as `proxy.toml` writes them.

use std::time::Duration;

use crate::import::draft::Slots;
use crate::import::spell;

/// A value of a field in our words; `None` where a placeholder has none.
pub(super) fn value(text: &str) -> Option<String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        let end = at + rest[at..].find('}')?;
        out.push_str(&rest[..at]);
        out.push_str(match &rest[at + 1..end] {
            "host" | "http.request.host" | "hostport" => "{host}",
            "remote_host" | "remote_ip" | "client_ip" | "http.request.remote.host" | "http.vars.client_ip" => {
                "{client}"
            }
            "path" | "http.request.uri.path" => "{path}",
            "http.request.uuid" | "uuid" => "{request_id}",
            "scheme" | "http.request.scheme" => "https",
            _ => return None,
        });
        rest = &rest[end + 1..];
    }
    out.push_str(rest);
    Some(out)
}

/// Whether an app is told this without a word in the file.
pub(super) fn is_sent_anyway(name: &str, value: &str) -> bool {
    let name = name.trim_start_matches('+').to_ascii_lowercase();
    match name.as_str() {
        "host" => matches!(value, "{host}" | "{http.request.host}" | "{hostport}"),
        "x-real-ip" | "x-forwarded-for" => matches!(
            value,
            "{remote_host}" | "{remote}" | "{client_ip}" | "{http.request.remote.host}" | "{remote_ip}"
        ),
        "x-forwarded-proto" => matches!(value, "{scheme}" | "{http.request.scheme}" | "https"),
        "x-forwarded-host" => matches!(value, "{host}" | "{http.request.host}"),
        "upgrade" | "connection" => true,
        _ => false,
    }
}

/// Reads `30s`, `1m30s`, `500ms` or `7d`, as Go has them.
pub(super) fn duration(text: &str) -> Option<String> {
    let mut rest = text;
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let end = rest.find(|char: char| !char.is_ascii_digit())?;
        let number: u64 = rest[..end].parse().ok()?;
        let behind = &rest[end..];
        let unit_end = behind.find(|char: char| char.is_ascii_digit()).unwrap_or(behind.len());
        let millis: u64 = match &behind[..unit_end] {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        total = total.checked_add(number.checked_mul(millis)?)?;
        rest = &behind[unit_end..];
    }
    (total > 0).then(|| spell::duration(Duration::from_millis(total)))
}

/// Where the upstreams of a `reverse_proxy` are.
pub(super) fn slots<'u>(upstreams: impl IntoIterator<Item = &'u String>) -> Slots {
    const VARIABLE: &str = "its address is a placeholder, which says where it runs";
    let mut all = Vec::new();
    for upstream in upstreams {
        let (scheme, rest) = upstream.split_once("://").unwrap_or(("http", upstream));
        let rest = match rest.strip_prefix("unix/") {
            Some(path) => format!("unix:{path}"),
            None => rest.to_owned(),
        };
        match (scheme, spell::address(&rest)) {
            ("https", _) => {
                return Slots::Nothing("apps over TLS are not supported: let the app listen for plain HTTP".to_owned());
            }
            ("http", Some(address)) => {
                if !all.contains(&address) {
                    all.push(address);
                }
            }
            ("http", None) => return Slots::Nothing(VARIABLE.to_owned()),
            (_, _) => return Slots::Nothing("apps speak HTTP/1.1".to_owned()),
        }
    }
    if all.is_empty() {
        return Slots::Nothing("it names no upstream".to_owned());
    }
    Slots::Upstream(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_our_words_or_none() {
        assert_eq!(value("a{host}b{path}").as_deref(), Some("a{host}b{path}"));
        assert_eq!(value("{remote_host}").as_deref(), Some("{client}"));
        assert_eq!(value("{header.X}"), None);
        assert_eq!(value("{host"), None);
    }

    #[test]
    fn times_and_upstreams_are_read_as_caddy_reads_them() {
        assert_eq!(duration("1m30s").as_deref(), Some("90s"));
        assert_eq!(duration("24h").as_deref(), Some("1d"));
        assert_eq!(duration("30"), None);
        let up = |text: &str| slots(&text.split(' ').map(str::to_owned).collect::<Vec<_>>());
        let upstream = |one: &str| Slots::Upstream(vec![one.to_owned()]);
        assert_eq!(up("localhost:3000"), upstream("3000"));
        assert_eq!(up("http://app:3000"), upstream("app:3000"));
        assert_eq!(up("unix//run/app.sock"), upstream("unix:/run/app.sock"));
        assert!(matches!(up("https://app"), Slots::Nothing(_)));
        assert!(matches!(up("{upstream}"), Slots::Nothing(_)));
    }
}
