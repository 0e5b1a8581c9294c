//! One value of the file → what it means. Every reader says what it expected when the value is something else.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::keys;
use super::raw::{At, Kind, Value};
use super::report::Diagnostic;
use super::settings::RawTls;
use super::{Reuse, StatusRange, VersionSource, units};
use crate::model::slot::Address;

type Problems = Vec<Diagnostic>;

const DURATION: &str = "a number and a unit, as `\"500ms\"`, `\"5s\"`, `\"5m\"` or `\"1h 30m\"`";
const SIZE: &str = "a number and a unit, as `\"64KiB\"` or `\"100MiB\"`, or an integer of bytes";
const ADDRESS: &str = "a port (`3000`), `\"host:port\"`, `\"unix:/run/app.sock\"`, or a list of these";
const SHARE: &str = "a percentage (`\"5%\"`) or a share between 0.0 and 1.0";
const STATUS: &str = "a status (`204`), `\"2xx\"`, `\"200-299\"`, or a list of these";
const TLS: &str = "`\"acme\"`, `\"internal\"`, `\"off\"` or `{ cert = \"…\", key = \"…\" }`";

/// "`key` has to be …, not …".
pub(super) fn mismatch(key: &str, value: &Value, wanted: &str, expected: &str) -> Diagnostic {
    Diagnostic::error(
        &value.span,
        format!("`{key}` has to be {wanted}, not {}", value.found()),
    )
    .expected(format!("expected {expected}"))
}

pub(super) fn boolean(key: &str, value: &Value, problems: &mut Problems) -> Option<bool> {
    if let Kind::Boolean(boolean) = value.kind {
        return Some(boolean);
    }
    problems.push(mismatch(key, value, "a boolean", "`true` or `false`"));
    None
}

/// A text that is not empty.
pub(super) fn text(key: &str, value: &Value, problems: &mut Problems) -> Option<String> {
    match &value.kind {
        Kind::Text(text) if text.is_empty() => {
            problems.push(Diagnostic::error(&value.span, format!("`{key}` is empty")).expected("expected a text"));
            None
        }
        Kind::Text(text) => Some(text.clone()),
        Kind::Integer(_) | Kind::Float(_) | Kind::Boolean(_) | Kind::Date | Kind::List(_) | Kind::Table(_) => {
            problems.push(mismatch(key, value, "a text", "a text in quotes"));
            None
        }
    }
}

/// A text or a list of texts: the values, each to be read on its own.
pub(super) fn one_or_many<'v>(
    key: &str,
    value: &'v Value,
    expected: &str,
    problems: &mut Problems,
) -> Option<&'v [Value]> {
    match &value.kind {
        Kind::List(list) if list.is_empty() => {
            problems.push(
                Diagnostic::error(&value.span, format!("`{key}` is an empty list"))
                    .expected(format!("expected {expected}")),
            );
            None
        }
        Kind::List(list) => Some(list),
        Kind::Text(_) | Kind::Integer(_) | Kind::Float(_) | Kind::Boolean(_) | Kind::Date | Kind::Table(_) => {
            Some(std::slice::from_ref(value))
        }
    }
}

/// Reads every element and keeps nothing if one of them is wrong; two equal ones are an error.
pub(super) fn each<T: PartialEq>(
    key: &str,
    values: &[Value],
    problems: &mut Problems,
    mut read: impl FnMut(&Value, &mut Problems) -> Option<T>,
) -> Option<Vec<At<T>>> {
    let mut out: Vec<At<T>> = Vec::with_capacity(values.len());
    let mut complete = true;
    for value in values {
        let Some(one) = read(value, problems) else {
            complete = false;
            continue;
        };
        match out.iter().find(|earlier| earlier.value == one) {
            Some(earlier) => problems.push(
                Diagnostic::error(&value.span, format!("`{key}` names this twice"))
                    .related(&earlier.span, "first here"),
            ),
            None => out.push(value.at(one)),
        }
    }
    complete.then_some(out)
}

/// An integer within bounds.
pub(super) fn integer(key: &str, value: &Value, bounds: RangeInclusive<i64>, problems: &mut Problems) -> Option<i64> {
    let expected = if *bounds.end() == i64::MAX {
        format!("an integer, at least {}", bounds.start())
    } else {
        format!("an integer between {} and {}", bounds.start(), bounds.end())
    };
    match &value.kind {
        Kind::Integer(Some(integer)) if bounds.contains(integer) => Some(*integer),
        Kind::Integer(_) => {
            problems.push(
                Diagnostic::error(&value.span, format!("`{key}` is out of bounds"))
                    .expected(format!("expected {expected}")),
            );
            None
        }
        Kind::Text(_) | Kind::Float(_) | Kind::Boolean(_) | Kind::Date | Kind::List(_) | Kind::Table(_) => {
            problems.push(mismatch(key, value, "an integer", &expected));
            None
        }
    }
}

pub(super) fn passes(key: &str, value: &Value, problems: &mut Problems) -> Option<u32> {
    integer(key, value, 1..=100, problems).and_then(|passes| u32::try_from(passes).ok())
}

pub(super) fn duration(key: &str, value: &Value, problems: &mut Problems) -> Option<Duration> {
    match &value.kind {
        Kind::Text(text) => match units::parse_duration(text) {
            Ok(duration) => Some(duration),
            Err(why) => {
                problems.push(
                    Diagnostic::error(&value.span, format!("`{text}` is not a duration: {why}"))
                        .expected(format!("expected {DURATION}")),
                );
                None
            }
        },
        Kind::Integer(number) => {
            let example = number.filter(|number| *number >= 0).unwrap_or(5);
            problems.push(mismatch(key, value, "a duration", DURATION).hint(format!("write `\"{example}s\"`")));
            None
        }
        Kind::Float(_) | Kind::Boolean(_) | Kind::Date | Kind::List(_) | Kind::Table(_) => {
            problems.push(mismatch(key, value, "a duration", DURATION));
            None
        }
    }
}

pub(super) fn positive_duration(key: &str, value: &Value, problems: &mut Problems) -> Option<Duration> {
    let duration = duration(key, value, problems)?;
    if duration.is_zero() {
        problems.push(
            Diagnostic::error(&value.span, format!("`{key}` cannot be zero"))
                .expected("expected more than no time at all"),
        );
        return None;
    }
    Some(duration)
}

/// A duration; `"off"` is zero.
pub(super) fn duration_or_off(key: &str, value: &Value, problems: &mut Problems) -> Option<Duration> {
    match &value.kind {
        Kind::Text(text) if text == "off" => Some(Duration::ZERO),
        Kind::Text(_)
        | Kind::Integer(_)
        | Kind::Float(_)
        | Kind::Boolean(_)
        | Kind::Date
        | Kind::List(_)
        | Kind::Table(_) => duration(key, value, problems),
    }
}

pub(super) fn body_limit(key: &str, value: &Value, problems: &mut Problems) -> Option<u64> {
    let size = match &value.kind {
        Kind::Integer(Some(bytes)) => u64::try_from(*bytes).map_err(|_| "it is negative".to_owned()),
        Kind::Integer(None) => Err("it is too large".to_owned()),
        Kind::Text(text) => units::parse_size(text),
        Kind::Float(_) | Kind::Boolean(_) | Kind::Date | Kind::List(_) | Kind::Table(_) => {
            problems.push(mismatch(key, value, "a size", SIZE));
            return None;
        }
    };
    match size {
        Ok(0) => {
            problems.push(
                Diagnostic::error(&value.span, format!("`{key}` cannot be zero"))
                    .expected(format!("expected {SIZE}"))
                    .hint("bodies are streamed, so a high limit costs no memory: `\"10GiB\"`"),
            );
            None
        }
        Ok(size) => Some(size),
        Err(why) => {
            problems.push(
                Diagnostic::error(&value.span, format!("`{key}` is not a size: {why}"))
                    .expected(format!("expected {SIZE}")),
            );
            None
        }
    }
}

pub(super) fn share(key: &str, value: &Value, problems: &mut Problems) -> Option<f64> {
    match &value.kind {
        Kind::Float(share) if (0.0..=1.0).contains(share) => Some(*share),
        Kind::Float(_) => {
            problems.push(
                Diagnostic::error(&value.span, format!("`{key}` is out of bounds"))
                    .expected(format!("expected {SHARE}")),
            );
            None
        }
        Kind::Text(text) => match units::parse_share(text) {
            Ok(share) => Some(share),
            Err(why) => {
                problems.push(
                    Diagnostic::error(&value.span, format!("`{text}` is not a share: {why}"))
                        .expected(format!("expected {SHARE}")),
                );
                None
            }
        },
        Kind::Integer(number) => {
            let example = number.filter(|number| (0..=100).contains(number)).unwrap_or(5);
            problems.push(mismatch(key, value, "a share", SHARE).hint(format!("write `\"{example}%\"`")));
            None
        }
        Kind::Boolean(_) | Kind::Date | Kind::List(_) | Kind::Table(_) => {
            problems.push(mismatch(key, value, "a share", SHARE));
            None
        }
    }
}

/// A path prefix: `/` or `/api`, without the slash at the end.
pub(super) fn path_prefix(key: &str, value: &Value, problems: &mut Problems) -> Option<String> {
    let path = text(key, value, problems)?;
    let wrong = if !path.starts_with('/') {
        Some("does not start with `/`")
    } else if path.contains(['?', '#']) {
        Some("has a query or a fragment")
    } else if path.contains(['%', '\\']) {
        Some("has a `%` or a `\\`")
    } else if path.contains("//") {
        Some("has an empty segment")
    } else if path.split('/').any(|segment| matches!(segment, "." | "..")) {
        Some("has a `.` or `..` segment")
    } else if !path.bytes().all(|byte| byte.is_ascii_graphic()) {
        Some("has a character that stands in no path")
    } else {
        None
    };
    if let Some(wrong) = wrong {
        problems.push(
            Diagnostic::error(&value.span, format!("`{key}` {wrong}"))
                .expected("expected a path prefix, as `\"/api\"`"),
        );
        return None;
    }
    Some(match path.strip_suffix('/') {
        Some(shorter) if !shorter.is_empty() => shorter.to_owned(),
        Some(_) | None => path,
    })
}

/// A path that is asked for; it may have a query.
pub(super) fn request_path(key: &str, value: &Value, problems: &mut Problems) -> Option<String> {
    let path = text(key, value, problems)?;
    if path.starts_with('/') && !path.contains('#') && path.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Some(path);
    }
    let diagnostic = Diagnostic::error(&value.span, format!("`{path}` is not a path"))
        .expected("expected a path that starts with `/`, as `\"/health\"`");
    problems.push(if path.contains("://") {
        diagnostic.hint("the address is the candidate's own; write the path alone")
    } else {
        diagnostic
    });
    None
}

pub(super) fn request_paths(key: &str, value: &Value, problems: &mut Problems) -> Option<Vec<String>> {
    // An empty list takes an inherited warm-up away.
    if matches!(&value.kind, Kind::List(list) if list.is_empty()) {
        return Some(Vec::new());
    }
    let values = one_or_many(key, value, "a list of paths", problems)?;
    let paths = each(key, values, problems, |value, problems| {
        request_path(key, value, problems)
    })?;
    Some(paths.into_iter().map(|path| path.value).collect())
}

pub(super) fn addresses(key: &str, value: &Value, problems: &mut Problems) -> Option<Vec<At<Address>>> {
    let values = one_or_many(key, value, ADDRESS, problems)?;
    each(key, values, problems, |value, problems| address(key, value, problems))
}

fn address(key: &str, value: &Value, problems: &mut Problems) -> Option<Address> {
    let text = match &value.kind {
        Kind::Integer(Some(port)) => port.to_string(),
        Kind::Text(text) => text.clone(),
        Kind::Integer(None) | Kind::Float(_) | Kind::Boolean(_) | Kind::Date | Kind::List(_) | Kind::Table(_) => {
            problems.push(mismatch(key, value, "an address", ADDRESS));
            return None;
        }
    };
    let error = match text.parse() {
        Ok(address) => return Some(address),
        Err(error) => error,
    };
    let rest = text
        .split_once("://")
        .map(|(scheme, rest)| (scheme, rest.trim_end_matches('/')));
    let diagnostic = match rest {
        Some(("https", _)) => Diagnostic::error(&value.span, format!("`{text}`: apps over TLS are not supported"))
            .hint("let the app listen for plain HTTP, on this machine or on a network you trust"),
        Some((_, rest)) => {
            Diagnostic::error(&value.span, format!("`{text}` is a URL")).hint(format!("write `\"{rest}\"`"))
        }
        None => {
            let error = error.to_string();
            let what = error.split("; ").next().unwrap_or_default();
            Diagnostic::error(&value.span, what)
        }
    };
    problems.push(diagnostic.expected(format!("expected {ADDRESS}")));
    None
}

pub(super) fn statuses(key: &str, value: &Value, problems: &mut Problems) -> Option<StatusRange> {
    let values = one_or_many(key, value, STATUS, problems)?;
    let ranges = each(key, values, problems, |value, problems| {
        let range = match &value.kind {
            Kind::Integer(Some(status)) => status_range(&status.to_string()),
            Kind::Text(text) => status_range(text),
            Kind::Integer(None) | Kind::Float(_) | Kind::Boolean(_) | Kind::Date | Kind::List(_) | Kind::Table(_) => {
                None
            }
        };
        if range.is_none() {
            problems.push(
                Diagnostic::error(&value.span, format!("`{key}` is no HTTP status"))
                    .expected(format!("expected {STATUS}")),
            );
        }
        range
    })?;
    Some(StatusRange(ranges.into_iter().map(|range| range.value).collect()))
}

fn status_range(text: &str) -> Option<(u16, u16)> {
    let status = |text: &str| {
        let digits = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u16>()
            .ok()
            .filter(|status| digits && (100..=599).contains(status))
    };
    if let Some(class) = text.strip_suffix("xx") {
        let low = status(&format!("{class}00"))?;
        return Some((low, low + 99));
    }
    match text.split_once('-') {
        Some((low, high)) => {
            let (low, high) = (status(low.trim())?, status(high.trim())?);
            (low <= high).then_some((low, high))
        }
        None => status(text).map(|status| (status, status)),
    }
}

pub(super) fn version_source(key: &str, value: &Value, problems: &mut Problems) -> Option<VersionSource> {
    let text = text(key, value, problems)?;
    let token = |name: &str| {
        !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
    };
    let source = match text.split_once(':') {
        Some(("header", name)) if token(name) => Some(VersionSource::Header(name.to_owned())),
        Some(("json", field)) if field.split('.').all(|part| !part.is_empty()) => {
            Some(VersionSource::Json(field.to_owned()))
        }
        Some(_) | None => None,
    };
    if source.is_none() {
        problems.push(
            Diagnostic::error(&value.span, format!("`{text}` does not say where the version stands"))
                .expected("expected `\"header:NAME\"` or `\"json:FIELD\"`")
                .hint("`header:X-Version` reads a response header, `json:build.version` a field of the body"),
        );
    }
    source
}

pub(super) fn reuse(key: &str, value: &Value, problems: &mut Problems) -> Option<Reuse> {
    let text = text(key, value, problems)?;
    match text.as_str() {
        "safe" => Some(Reuse::Safe),
        "always" => Some(Reuse::Always),
        _ => {
            problems.push(
                Diagnostic::error(&value.span, format!("`{key}` cannot be `{text}`"))
                    .expected("expected `\"safe\"` or `\"always\"`"),
            );
            None
        }
    }
}

pub(super) fn label(key: &str, value: &Value, problems: &mut Problems) -> Option<String> {
    let label = text(key, value, problems)?;
    if label.len() <= 64 && label.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Some(label);
    }
    problems.push(
        Diagnostic::error(&value.span, "`label` cannot stand in a response header")
            .expected("expected up to 64 visible ASCII characters, as `\"staging\"`"),
    );
    None
}

pub(super) fn tls(key: &str, value: &Value, problems: &mut Problems) -> Option<RawTls> {
    match &value.kind {
        Kind::Text(text) => match text.as_str() {
            "acme" => Some(RawTls::Acme),
            "internal" => Some(RawTls::Internal),
            "off" => Some(RawTls::Off),
            _ => {
                let diagnostic = Diagnostic::error(&value.span, format!("`{key}` cannot be `{text}`"))
                    .expected(format!("expected {TLS}"));
                problems.push(match keys::nearest(text, ["acme", "internal", "off"]) {
                    Some(near) => diagnostic.hint(format!("did you mean `{near}`?")),
                    None => diagnostic,
                });
                None
            }
        },
        Kind::Table(table) => {
            let mut files: [Option<At<String>>; 2] = [None, None];
            let mut complete = true;
            for entry in &table.entries {
                let file = match entry.key.value.as_str() {
                    "cert" => &mut files[0],
                    "key" => &mut files[1],
                    other => {
                        complete = false;
                        problems.push(
                            Diagnostic::error(&entry.key.span, format!("unknown key `tls.{other}`"))
                                .expected("expected `cert` or `key`"),
                        );
                        continue;
                    }
                };
                match text(&format!("tls.{}", entry.key.value), &entry.value, problems) {
                    Some(path) => *file = Some(entry.value.at(path)),
                    None => complete = false,
                }
            }
            match files {
                [Some(cert), Some(key)] if complete => Some(RawTls::Files { cert, key }),
                [cert, _] => {
                    if complete {
                        let missing = if cert.is_none() { "cert" } else { "key" };
                        problems.push(
                            Diagnostic::error(&value.span, format!("`tls` has no `{missing}`"))
                                .expected("expected `{ cert = \"…\", key = \"…\" }`"),
                        );
                    }
                    None
                }
            }
        }
        Kind::Integer(_) | Kind::Float(_) | Kind::Boolean(_) | Kind::Date | Kind::List(_) => {
            problems.push(mismatch(key, value, "a text or a table", TLS));
            None
        }
    }
}
