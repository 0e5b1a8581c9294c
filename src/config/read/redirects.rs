//! `[redirect]`: hosts, and paths of hosts, whose requests are redirected elsewhere.

use std::sync::Arc;

use super::host;
use super::plain;
use super::targets;
use super::values;
use crate::config::text::raw::{At, Kind, Value};
use crate::config::text::report::Diagnostic;
use crate::model::relocation::Relocation;

const TARGET: &str = "a scheme and a host, as `\"https://example.com\"`";

/// One entry.
#[derive(Debug, Clone)]
pub(crate) struct RawRedirect {
    pub(crate) host: At<Arc<str>>,
    /// Path prefix: `/`, or one without a slash at its end.
    pub(crate) path: Arc<str>,
    /// The target as it was written, in its canonical form.
    pub(crate) to: At<Arc<str>>,
    /// Where a path leads.
    pub(crate) target: Relocation,
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
        let source = source(&entry.key, problems);
        let path = source.as_ref().map_or("/", |(_, path)| path);
        let to = target(&entry.key.value, &entry.value, path, problems);
        let (Some((host, path)), Some((to, target))) = (source, to) else {
            continue;
        };
        let same = |redirect: &&RawRedirect| redirect.host.value == host && redirect.path == path;
        if let Some(first) = redirects.iter().find(same) {
            let path = if &*path == "/" { "" } else { &path };
            problems.push(
                Diagnostic::error(&entry.key.span, format!("`{host}{path}` is redirected twice"))
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
            path,
            to: entry.value.at(to),
            target,
        });
    }
    redirects
}

/// Host and path prefix of a key, as `example.com`, `example.com/blog` or `example.com/blog/*`.
fn source(key: &At<String>, problems: &mut Vec<Diagnostic>) -> Option<(Arc<str>, Arc<str>)> {
    let (host, path) = match key.value.split_once('/') {
        // A URL is told what it is by what reads hosts.
        Some((host, path)) if !key.value.contains("://") => (host, Some(path)),
        Some(_) | None => (key.value.as_str(), None),
    };
    let host = host::parsed(host, false, &key.span, problems);
    let Some(path) = path else {
        return Some((host?, "/".into()));
    };
    let path = path
        .strip_suffix('*')
        .filter(|before| before.is_empty() || before.ends_with('/'))
        .unwrap_or(path);
    if path.contains('*') {
        problems.push(
            Diagnostic::error(
                &key.span,
                format!("`{}` has an asterisk that is not a last segment of its own", key.value),
            )
            .expected("expected a host with a path, as `\"example.com/blog/*\"`"),
        );
        return None;
    }
    let as_value = Value {
        kind: Kind::Text(format!("/{path}")),
        span: key.span.clone(),
    };
    let path = values::path_prefix("path", &as_value, problems);
    Some((host?, path?))
}

/// A target in its canonical form, and where paths behind the prefix lead. One without a path keeps that of the request.
fn target(key: &str, value: &Value, prefix: &str, problems: &mut Vec<Diagnostic>) -> Option<(Arc<str>, Relocation)> {
    let text = plain::text(key, value, problems)?;
    let refuse =
        |what: &str| Diagnostic::error(&value.span, format!("`{text}` {what}")).expected(format!("expected {TARGET}"));
    let (origin, path) = targets::origin(&value.at(text.clone()), refuse, problems)?;
    match path.as_str() {
        "" => {
            let relocation = Relocation::prefix(&format!("{origin}/"), "/");
            Some((origin.into(), relocation))
        }
        "/" => {
            let hint = format!("path and query of the request are kept: write `\"{origin}\"`");
            problems.push(refuse("has a path or a query").hint(hint));
            None
        }
        path => {
            let whole = format!("{origin}{path}");
            let relocation = targets::target(&whole, refuse, problems)?.behind(prefix);
            Some((whole.into(), relocation))
        }
    }
}
