//! `redirect` and `rewrite`: where a path is to be found instead.

use super::auth::Wanted;
use super::host;
use super::plain::{self, Problems};
use crate::config::text::raw::{At, Kind, Table, Value};
use crate::config::text::report::Diagnostic;
use crate::model::relocation::Relocation;

const REDIRECT: &str =
    "a path (`\"/new\"`), a URL (`\"https://example.com/x/*\"`), `{ to = …, status = 301 }`, or `\"off\"`";
const REWRITE: &str = "a path, as `\"/v2/*\"`, or `\"off\"`";
/// Statuses that send a client elsewhere (RFC 9110 §15.4).
const STATUSES: [i64; 5] = [301, 302, 303, 307, 308];

/// A target as it was written, without the asterisk at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    text: String,
    /// Whether the rest of the path follows.
    pub(crate) has_rest: bool,
}

impl Target {
    /// What it means behind this prefix.
    pub(crate) fn behind(&self, prefix: &str) -> Relocation {
        if self.has_rest {
            Relocation::prefix(&self.text, prefix)
        } else {
            Relocation::place(&self.text)
        }
    }
}

/// `redirect`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RawRedirection {
    pub(crate) to: Target,
    pub(crate) status: u16,
}

/// Reads `redirect`.
pub(crate) fn redirect(key: &str, value: &Value, problems: &mut Problems) -> Option<Wanted<RawRedirection>> {
    if let Kind::Table(table) = &value.kind {
        return redirect_table(key, value, table, problems).map(Wanted::This);
    }
    if plain::is_off(key, value, "a text or a table", REDIRECT, problems)? {
        return Some(Wanted::Nothing);
    }
    let to = destination(key, value, problems)?;
    Some(Wanted::This(RawRedirection { to, status: 308 }))
}

fn redirect_table(key: &str, value: &Value, table: &Table, problems: &mut Problems) -> Option<RawRedirection> {
    let (mut to, mut status, mut seen, mut complete) = (None, 308, false, true);
    for entry in &table.entries {
        match entry.key.value.as_str() {
            "to" => {
                seen = true;
                to = destination(&format!("{key}.to"), &entry.value, problems);
            }
            "status" => match &entry.value.kind {
                Kind::Integer(Some(number)) if STATUSES.contains(number) => {
                    status = u16::try_from(*number).unwrap_or(308);
                }
                _ => {
                    complete = false;
                    problems.push(
                        Diagnostic::error(&entry.value.span, format!("`{key}.status` leads nowhere else"))
                            .expected("expected 301, 302, 303, 307 or 308"),
                    );
                }
            },
            other => {
                complete = false;
                problems.push(
                    Diagnostic::error(&entry.key.span, format!("unknown key `{other}` in `{key}`"))
                        .expected("expected `to` or `status`"),
                );
            }
        }
    }
    if !seen {
        problems.push(
            Diagnostic::error(&value.span, format!("`{key}` has no `to`"))
                .expected("expected `{ to = \"/new\", status = 301 }`"),
        );
    }
    to.filter(|_| complete).map(|to| RawRedirection { to, status })
}

/// Reads `rewrite`.
pub(crate) fn rewrite(key: &str, value: &Value, problems: &mut Problems) -> Option<Wanted<Target>> {
    if plain::is_off(key, value, "a text", REWRITE, problems)? {
        return Some(Wanted::Nothing);
    }
    let text = plain::text(key, value, problems)?;
    let refuse =
        |what: &str| Diagnostic::error(&value.span, format!("`{text}` {what}")).expected(format!("expected {REWRITE}"));
    if !text.starts_with('/') {
        problems.push(refuse("is not a path"));
        return None;
    }
    if text.contains('?') {
        problems.push(refuse("has a query, and that of the request is kept"));
        return None;
    }
    target(&text, refuse, problems).map(Wanted::This)
}

/// Reads a path of the same host, or a URL.
fn destination(key: &str, value: &Value, problems: &mut Problems) -> Option<Target> {
    let text = plain::text(key, value, problems)?;
    let refuse = |what: &str| {
        Diagnostic::error(&value.span, format!("`{text}` {what}")).expected(format!("expected {REDIRECT}"))
    };
    if text.starts_with('/') {
        if text.starts_with("//") || text.starts_with("/\\") {
            problems.push(refuse("leads to another host without naming its scheme"));
            return None;
        }
        return target(&text, refuse, problems);
    }
    let (origin, path) = origin(&value.at(text.clone()), refuse, problems)?;
    let path = if path.is_empty() { "/" } else { &path };
    target(&format!("{origin}{path}"), refuse, problems)
}

/// Scheme and authority of a URL in their canonical form, and what follows them.
pub(crate) fn origin(
    url: &At<String>,
    refuse: impl Fn(&str) -> Diagnostic,
    problems: &mut Problems,
) -> Option<(String, String)> {
    let (scheme, rest) = match url.value.split_once("://") {
        Some((scheme @ ("http" | "https"), rest)) => (scheme, rest),
        Some(_) => {
            problems.push(refuse("has a scheme that is neither `http` nor `https`"));
            return None;
        }
        None => {
            problems.push(refuse("has no scheme").hint(format!("write `\"https://{}\"`", url.value)));
            return None;
        }
    };
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let (host, port) = match authority.rsplit_once(':') {
        // A colon inside brackets belongs to the address.
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        Some(_) | None => (authority, None),
    };
    if port.is_some_and(|port| !port.parse::<u16>().is_ok_and(|port| port != 0) || port.starts_with('+')) {
        problems.push(refuse("has no port between 1 and 65535"));
        return None;
    }
    let host = host::parsed(host, false, &url.span, problems)?;
    let port = port.map(|port| format!(":{port}")).unwrap_or_default();
    Some((format!("{scheme}://{host}{port}"), path.to_owned()))
}

/// Takes the asterisk off.
pub(crate) fn target(text: &str, refuse: impl Fn(&str) -> Diagnostic, problems: &mut Problems) -> Option<Target> {
    let (before, has_rest) = match text.strip_suffix('*') {
        Some(before) => (before, true),
        None => (text, false),
    };
    let wrong = if before.contains('*') || (has_rest && !before.ends_with('/')) {
        Some("has an asterisk that is not a last segment of its own")
    } else if has_rest && before.contains('?') {
        Some("has an asterisk in its query")
    } else if before.contains('#') {
        Some("has a fragment")
    } else if !before.bytes().all(|byte| byte.is_ascii_graphic()) || before.contains(['"', '<', '>', '\\']) {
        Some("has a character that stands in no URL")
    } else if before.split(['/', '?']).any(|segment| matches!(segment, "." | "..")) {
        Some("has a `.` or `..` segment")
    } else {
        None
    };
    if let Some(wrong) = wrong {
        problems.push(refuse(wrong));
        return None;
    }
    Some(Target {
        text: before.to_owned(),
        has_rest,
    })
}
