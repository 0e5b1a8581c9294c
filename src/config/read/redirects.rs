//! `[redirect]`: hosts whose requests are redirected to another host.

use std::sync::Arc;

use super::host;
use super::plain;
use crate::config::text::raw::{At, Kind, Value};
use crate::config::text::report::Diagnostic;

const TARGET: &str = "a scheme and a host, as `\"https://example.com\"`";

/// One entry.
#[derive(Debug, Clone)]
pub(crate) struct RawRedirect {
    pub(crate) host: At<Arc<str>>,
    /// Scheme, host and port, without a path.
    pub(crate) to: At<Arc<str>>,
    /// The target's host, if no port is named. A port may be another server's, where a redirect cannot lead back.
    target: Option<Arc<str>>,
}

/// Reads the table.
pub(crate) fn read(value: &Value, problems: &mut Vec<Diagnostic>) -> Vec<RawRedirect> {
    let Kind::Table(table) = &value.kind else {
        problems.push(plain::mismatch(
            "redirect",
            value,
            "a table",
            "`[redirect]` with `\"HOST\" = \"https://HOST\"`",
        ));
        return Vec::new();
    };
    let mut redirects: Vec<RawRedirect> = Vec::new();
    for entry in &table.entries {
        // A host without quotes reads as nested tables, one for each label.
        if let Kind::Table(_) = entry.value.kind {
            problems.push(
                Diagnostic::error(&entry.key.span, "the host of a redirect stands in quotes")
                    .expected("expected a text in quotes")
                    .hint("write `\"www.example.com\" = \"https://example.com\"`"),
            );
            continue;
        }
        let host = host::parsed(&entry.key.value, false, &entry.key.span, problems);
        let to = target(&entry.key.value, &entry.value, problems);
        let (Some(host), Some((to, target))) = (host, to) else {
            continue;
        };
        if let Some(first) = redirects.iter().find(|redirect| redirect.host.value == host) {
            problems.push(
                Diagnostic::error(&entry.key.span, format!("`{host}` is redirected twice"))
                    .expected("again here")
                    .related(&first.host.span, "first here"),
            );
            continue;
        }
        redirects.push(RawRedirect {
            host: At {
                value: host,
                span: entry.key.span.clone(),
            },
            to: entry.value.at(to),
            target,
        });
    }
    refuse_circles(&redirects, problems);
    redirects
}

/// Where a redirect leads, and the host of that URL when it names no port.
fn target(key: &str, value: &Value, problems: &mut Vec<Diagnostic>) -> Option<(Arc<str>, Option<Arc<str>>)> {
    let text = plain::text(key, value, problems)?;
    let refuse =
        |what: &str| Diagnostic::error(&value.span, format!("`{text}` {what}")).expected(format!("expected {TARGET}"));
    let (scheme, authority) = match text.split_once("://") {
        Some((scheme @ ("http" | "https"), authority)) => (scheme, authority),
        Some(_) => {
            problems.push(refuse("has a scheme that is neither `http` nor `https`"));
            return None;
        }
        None => {
            problems.push(refuse("has no scheme").hint(format!("write `\"https://{text}\"`")));
            return None;
        }
    };
    if let Some(end) = authority.find(['/', '?', '#']) {
        problems.push(refuse("has a path or a query").hint(format!(
            "path and query of the request are kept: write `\"{scheme}://{}\"`",
            &authority[..end]
        )));
        return None;
    }
    let (host, port) = match authority.rsplit_once(':') {
        // A colon inside brackets belongs to the address.
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        Some(_) | None => (authority, None),
    };
    if port.is_some_and(|port| !port.parse::<u16>().is_ok_and(|port| port != 0) || port.starts_with('+')) {
        problems.push(refuse("has no port between 1 and 65535"));
        return None;
    }
    let host = host::parsed(host, false, &value.span, problems)?;
    Some(match port {
        Some(port) => (format!("{scheme}://{host}:{port}").into(), None),
        None => (format!("{scheme}://{host}").into(), Some(host)),
    })
}

/// Refuses redirects that lead back to their own host: a client would never arrive.
fn refuse_circles(redirects: &[RawRedirect], problems: &mut Vec<Diagnostic>) {
    for start in redirects {
        let mut at = start;
        for _ in redirects {
            if at.target.as_ref() == Some(&start.host.value) {
                problems.push(
                    Diagnostic::error(
                        &start.to.span,
                        format!("the redirect of `{}` leads back to it", start.host.value),
                    )
                    .expected("expected another host"),
                );
                break;
            }
            match redirects
                .iter()
                .find(|next| Some(&next.host.value) == at.target.as_ref())
            {
                Some(next) => at = next,
                None => break,
            }
        }
    }
}
