//! What both languages have in common, spelt as `proxy.toml` spells it: times, addresses, paths.

use std::time::Duration;

/// `90s`, `5m`, `1h`, `30d`: the largest unit that it is a whole number of.
pub(super) fn duration(duration: Duration) -> String {
    let millis = duration.as_millis();
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")];
    let whole = units
        .into_iter()
        .find(|(unit, _)| millis >= *unit && millis.is_multiple_of(*unit));
    match whole {
        Some((unit, name)) => format!("{}{name}", millis / unit),
        None => format!("{millis}ms"),
    }
}

/// An address of an app: a port of this machine is a bare port, and what names none has the port of its scheme.
pub(super) fn address(text: &str) -> Option<String> {
    let text = text.trim_end_matches('/');
    if let Some(path) = text.strip_prefix("unix:") {
        let path = path.trim_start_matches("//").trim_end_matches(':');
        return (!path.is_empty()).then(|| format!("unix:/{}", path.trim_start_matches('/')));
    }
    if text.is_empty() || text.contains(['$', '{', '/', '@', '*', ' ']) {
        return None;
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port),
        Some(_) | None => (text, "80"),
    };
    let port: u16 = port.parse().ok().filter(|port| *port != 0)?;
    Some(match host {
        "127.0.0.1" | "localhost" | "" => port.to_string(),
        _ => format!("{host}:{port}"),
    })
}

/// A prefix of paths, as `path` writes it: without the slash at its end.
pub(super) fn prefix(path: &str) -> String {
    let short = path.trim_end_matches('/');
    if short.is_empty() {
        "/".to_owned()
    } else {
        short.to_owned()
    }
}

/// Whether a path is a prefix, or among what is below it.
pub(super) fn is_below(path: &str, prefix: &str) -> bool {
    prefix == "/"
        || path
            .strip_prefix(prefix)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The URL of an auth service that listens at this address, and is asked for this.
pub(super) fn auth_service(address: &str, target: &str) -> String {
    if address.starts_with("unix:") {
        format!("{address}:{target}")
    } else if address.bytes().all(|byte| byte.is_ascii_digit()) {
        format!("http://127.0.0.1:{address}{target}")
    } else {
        format!("http://{address}{target}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_ports_where_they_are_of_this_machine() {
        for (text, expected) in [
            ("127.0.0.1:3000", Some("3000")),
            ("localhost:3000", Some("3000")),
            (":3000", Some("3000")),
            ("[::1]:3000", Some("[::1]:3000")),
            ("app", Some("app:80")),
            ("10.0.0.5:8080/", Some("10.0.0.5:8080")),
            ("unix:/run/app.sock:", Some("unix:/run/app.sock")),
            ("unix//run/app.sock", None),
            ("$backend", None),
            ("app:0", None),
        ] {
            assert_eq!(address(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn durations_take_the_largest_unit_that_fits() {
        for (seconds, expected) in [(90, "90s"), (300, "5m"), (3600, "1h"), (2_592_000, "30d")] {
            assert_eq!(duration(Duration::from_secs(seconds)), expected);
        }
        assert_eq!(duration(Duration::from_millis(1500)), "1500ms");
    }
}
