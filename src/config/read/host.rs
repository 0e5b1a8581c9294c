//! Hosts: what the file writes becomes the form that the `Host` of a request is compared with.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;
use std::sync::Arc;

use super::plain;
use crate::config::text::raw::{At, Value};
use crate::config::text::report::Diagnostic;

const HOST: &str = "a host name, as `\"example.com\"` or `\"*.example.com\"`";

/// Reads one host or a list of hosts. Wildcards are allowed.
pub(crate) fn several(key: &str, value: &Value, problems: &mut Vec<Diagnostic>) -> Option<Vec<At<Arc<str>>>> {
    let values = plain::one_or_many(key, value, HOST, problems)?;
    plain::each(key, values, problems, |value, problems| {
        let host = plain::text(key, value, problems)?;
        parsed(&host, true, &value.span, problems)
    })
}

/// Reads one host that is no wildcard.
pub(crate) fn one(key: &str, value: &Value, problems: &mut Vec<Diagnostic>) -> Option<Arc<str>> {
    let host = plain::text(key, value, problems)?;
    parsed(&host, false, &value.span, problems)
}

/// The canonical form of `host`; `None`, with a diagnostic at `span`, when it is no host.
pub(crate) fn parsed(
    host: &str,
    wildcards: bool,
    span: &Range<usize>,
    problems: &mut Vec<Diagnostic>,
) -> Option<Arc<str>> {
    match parse(host, wildcards) {
        Ok(host) => Some(host.into()),
        Err((what, hint)) => {
            let expected = if wildcards {
                HOST
            } else {
                "a host name, as `\"example.com\"`"
            };
            let diagnostic =
                Diagnostic::error(span, format!("`{host}` {what}")).expected(format!("expected {expected}"));
            problems.push(match hint {
                Some(hint) => diagnostic.hint(hint),
                None => diagnostic,
            });
            None
        }
    }
}

/// The form that [`crate::model::routes::canonical_host`] gives the host of a request: lower case, without the trailing
/// dot, IPv6 in brackets.
///
/// # Errors
/// What is wrong, to follow the host, and a hint.
fn parse(host: &str, wildcards: bool) -> Result<String, (&'static str, Option<String>)> {
    if let Some((_, rest)) = host.split_once("://") {
        let name = rest.split(['/', '?', '#']).next().unwrap_or(rest);
        return Err(("is a URL", Some(format!("write `\"{name}\"`"))));
    }
    let literal = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    if let Ok(address) = literal.unwrap_or(host).parse::<Ipv6Addr>() {
        return Ok(format!("[{address}]"));
    }
    if let Some((name, path)) = host.split_once('/') {
        return Err((
            "has a path",
            Some(format!("write `host = \"{name}\"` and `path = \"/{path}\"`")),
        ));
    }
    if let Some((name, _)) = host.rsplit_once(':') {
        return Err((
            "has a port",
            Some(format!(
                "write `\"{name}\"`; ports are `[server].http` and `[server].https`"
            )),
        ));
    }
    if !host.is_ascii() {
        return Err((
            "is not in ASCII",
            Some("write an international name in punycode, as `\"xn--mnchen-3ya.de\"`".into()),
        ));
    }
    let lower = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    let name = match lower.strip_prefix("*.") {
        Some(_) if !wildcards => return Err(("is a wildcard", None)),
        Some(name) => name,
        None => &lower,
    };
    if name.contains('*') {
        return Err((
            "has a `*` that is not the whole first label",
            Some("a wildcard stands for exactly one label: `\"*.example.com\"`".into()),
        ));
    }
    if name.len() > 253 || name.split('.').any(|label| label.is_empty() || label.len() > 63) {
        return Err(("has an empty or too long label", None));
    }
    if !name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
    {
        return Err(("has a character that stands in no host name", None));
    }
    if name
        .split('.')
        .any(|label| label.starts_with('-') || label.ends_with('-'))
    {
        return Err(("has a label that starts or ends with `-`", None));
    }
    // To a browser, a host that ends in a number is an IPv4 address or invalid.
    let last = name.rsplit('.').next().unwrap_or(name);
    if last.bytes().all(|byte| byte.is_ascii_digit())
        && (name.len() != lower.len() || name.parse::<Ipv4Addr>().is_err())
    {
        return Err(("is no valid IP address", None));
    }
    Ok(lower)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_lower_case_without_the_trailing_dot() {
        for (text, host) in [
            ("example.com", "example.com"),
            ("Example.COM.", "example.com"),
            ("*.Example.com", "*.example.com"),
            ("my_app.local", "my_app.local"),
            ("localhost", "localhost"),
            ("127.0.0.1", "127.0.0.1"),
            ("::1", "[::1]"),
            ("[2001:DB8::1]", "[2001:db8::1]"),
            ("xn--mnchen-3ya.de", "xn--mnchen-3ya.de"),
            ("1.example.com", "1.example.com"),
        ] {
            assert_eq!(parse(text, true).as_deref(), Ok(host), "{text}");
        }
    }

    #[test]
    fn what_is_no_host_says_why() {
        for (text, why) in [
            ("https://example.com/x", "is a URL"),
            ("example.com/api", "has a path"),
            ("example.com:443", "has a port"),
            ("münchen.de", "is not in ASCII"),
            ("*", "has a `*` that is not the whole first label"),
            ("a.*.com", "has a `*` that is not the whole first label"),
            ("*.*.com", "has a `*` that is not the whole first label"),
            ("a..com", "has an empty or too long label"),
            (".", "has an empty or too long label"),
            ("*.", "has a `*` that is not the whole first label"),
            ("a b", "has a character that stands in no host name"),
            ("-a.com", "has a label that starts or ends with `-`"),
            ("1.2.3", "is no valid IP address"),
            ("*.0.0.1", "is no valid IP address"),
            ("256.0.0.1", "is no valid IP address"),
        ] {
            assert_eq!(parse(text, true).map_err(|(what, _)| what), Err(why), "{text}");
        }
        assert_eq!(parse("*.a.com", false).map_err(|(what, _)| what), Err("is a wildcard"));
    }
}
