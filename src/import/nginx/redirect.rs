//! `return` and `rewrite`: where a request is led, in nginx's words and in ours.

use crate::import::closing::FIRST_PAGE;
use crate::import::directive::Directive;
use crate::import::pattern;
use crate::import::spell;
use crate::import::value::Value;

/// Where a request is led.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Leads {
    /// To the same URL over TLS, which the proxy does by itself.
    ToTls,
    /// To another host, with path and query kept: `https://example.com`.
    ToHost(String),
    /// To a path or URL; `*` at its end is the rest of the path.
    To(String),
}

/// A `rewrite` as far as it is a prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rewrite {
    /// What paths begin with.
    pub(super) prefix: String,
    pub(super) leads: Leads,
    /// Of the redirect; `None` where the request goes on inside.
    pub(super) status: Option<u16>,
}

/// What is said of a host that leads elsewhere for now.
pub(super) const FOR_GOOD: &str = "`[redirect]` leads elsewhere for good, with 308";

/// Whether a `return` or a `rewrite` leads elsewhere for good, so that browsers remember it.
pub(super) fn is_for_good(directive: &Directive) -> bool {
    match directive.name.as_str() {
        "rewrite" => directive.arg(2) == "permanent",
        _ => matches!(directive.arg(0), "301" | "308"),
    }
}

/// Whether a status is one of a redirect.
pub(super) fn is_redirect(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

/// The target of a `return`.
pub(super) fn target(text: &str) -> Option<Leads> {
    let text = without_query(text);
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme @ ("http" | "https"), rest)) => (scheme, rest),
        Some(("$scheme", rest)) => ("https", rest),
        Some(_) => return None,
        None => {
            return (text.starts_with('/') && !text.contains('$')).then(|| Leads::To(text.to_owned()));
        }
    };
    for own in ["$host", "$http_host", "$server_name"] {
        match rest.strip_prefix(own) {
            Some("$request_uri" | "$uri") if scheme == "https" => return Some(Leads::ToTls),
            Some(path) if path.starts_with('/') && !path.contains('$') => return Some(Leads::To(path.to_owned())),
            Some(_) | None => {}
        }
    }
    let kept = ["$request_uri", "$uri"].iter().find_map(|kept| rest.strip_suffix(kept));
    match kept {
        Some(host) if !host.contains(['$', '/']) => Some(Leads::ToHost(format!("{scheme}://{host}"))),
        Some(path) if !path.contains('$') => Some(Leads::To(format!("{scheme}://{}/*", path.trim_end_matches('/')))),
        Some(_) => None,
        None => (!rest.contains('$')).then(|| Leads::To(format!("{scheme}://{rest}"))),
    }
}

/// A `rewrite` with its words; `None` where it says more than a prefix.
pub(super) fn rewrite(expression: &str, replacement: &str, flag: &str) -> Option<Rewrite> {
    let is_url = replacement.contains("://");
    let status = match flag {
        "permanent" => Some(301),
        "redirect" => Some(302),
        _ if is_url => Some(302),
        _ => None,
    };
    let replacement = without_query(replacement.strip_suffix('?').unwrap_or(replacement));
    if matches!(expression, "^" | ".*" | "^.*$" | "^.*" | "(.*)") {
        let leads = target(&replacement.replace("$1", "$request_uri"))?;
        let prefix = "/".to_owned();
        return Some(Rewrite { prefix, leads, status });
    }
    if let Some(kept) = replacement.strip_suffix("$1") {
        let before = pattern::before_rest(expression)?;
        let prefix = spell::prefix(&before);
        if kept.contains('$') {
            let leads = target(&format!("{}$request_uri", kept.trim_end_matches('/')))?;
            return (prefix == "/").then_some(Rewrite { prefix, leads, status });
        }
        let leads = match kept.split_once("://") {
            Some((_, host)) if prefix == "/" && !host.trim_end_matches('/').contains('/') => {
                Leads::ToHost(kept.trim_end_matches('/').to_owned())
            }
            Some(_) => Leads::To(format!("{}/*", kept.trim_end_matches('/'))),
            None if kept.starts_with('/') => Leads::To(format!("{}/*", kept.trim_end_matches('/'))),
            None => return None,
        };
        return Some(Rewrite { prefix, leads, status });
    }
    if replacement.contains('$') {
        return None;
    }
    let [prefix] = pattern::paths(expression)?.try_into().ok()?;
    if prefix.starts_with('*') {
        return None;
    }
    let leads = target(replacement)?;
    let prefix = spell::prefix(&prefix);
    Some(Rewrite { prefix, leads, status })
}

/// The nearest thing to a `rewrite` that says more than a prefix.
pub(super) fn nearest(expression: &str) -> &'static str {
    match expression {
        "^/$" | "^/?$" => FIRST_PAGE,
        _ => "`redirect` and `rewrite` of an `at` entry take a prefix, and `*` for the rest",
    }
}

/// The value of `redirect`: the target alone where the status is the usual one.
pub(super) fn value(to: &str, status: u16) -> Value {
    match status {
        308 => Value::text(to),
        _ => Value::Table(vec![("to", Value::text(to)), ("status", Value::Number(status.into()))]),
    }
}

/// Without the words that keep the query, which is kept anyway.
fn without_query(text: &str) -> &str {
    let kept = ["$is_args$args", "$is_args$query_string", "?$args", "?$query_string"];
    kept.iter().find_map(|kept| text.strip_suffix(kept)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_the_same_url_over_tls_another_host_or_a_path() {
        let to = |text: &str| Some(Leads::To(text.to_owned()));
        let host = |text: &str| Some(Leads::ToHost(text.to_owned()));
        for (text, expected) in [
            ("https://$host$request_uri", Some(Leads::ToTls)),
            ("https://$server_name$request_uri", Some(Leads::ToTls)),
            ("https://example.com$request_uri", host("https://example.com")),
            ("$scheme://example.com$request_uri", host("https://example.com")),
            ("https://example.com/new$request_uri", to("https://example.com/new/*")),
            ("https://example.com/", to("https://example.com/")),
            ("/new$is_args$args", to("/new")),
            ("https://$host/new", to("/new")),
            ("/new/$arg_id", None),
            ("https://$http_x$request_uri", None),
            ("ftp://a", None),
        ] {
            assert_eq!(target(text), expected, "{text}");
        }
    }

    #[test]
    fn rewrites_are_read_as_far_as_they_are_prefixes() {
        let read = |expression, replacement, flag| {
            rewrite(expression, replacement, flag).map(|one| (one.prefix, one.leads, one.status))
        };
        let to = |text: &str| Leads::To(text.to_owned());
        assert_eq!(
            read("^/old/(.*)$", "/new/$1", "permanent"),
            Some(("/old".into(), to("/new/*"), Some(301)))
        );
        assert_eq!(
            read("^/api/(.*)", "/$1", "break"),
            Some(("/api".into(), to("/*"), None))
        );
        assert_eq!(
            read("^/blog/(.*)$", "https://blog.example.com/$1", "redirect"),
            Some(("/blog".into(), to("https://blog.example.com/*"), Some(302)))
        );
        assert_eq!(
            read("^/(.*)$", "https://example.com/$1", "permanent"),
            Some(("/".into(), Leads::ToHost("https://example.com".into()), Some(301)))
        );
        assert_eq!(
            read("^", "https://$host$request_uri?", "permanent"),
            Some(("/".into(), Leads::ToTls, Some(301)))
        );
        assert_eq!(
            read("^(.*)$", "https://$host$1", "permanent"),
            Some(("/".into(), Leads::ToTls, Some(301)))
        );
        assert_eq!(
            read("^/feed$", "/rss.xml", "permanent"),
            Some(("/feed".into(), to("/rss.xml"), Some(301)))
        );
        assert_eq!(read("^/user/([0-9]+)$", "/u?id=$1", "last"), None);
    }
}
