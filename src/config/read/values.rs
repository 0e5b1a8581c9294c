//! Values with a grammar of their own: paths, addresses, statuses, version sources, labels.

use std::net::Ipv6Addr;
use std::sync::Arc;
use std::time::Duration;

use super::plain::{self, Problems};
use crate::config::checked::{Reuse, StatusRange, VersionSource};
use crate::config::text::raw::{At, Kind, Value};
use crate::config::text::report::Diagnostic;
use crate::config::text::units;
use crate::model::slot::Address;

const ADDRESS: &str =
    "a port (`3000`), `\"host:port\"`, `\"unix:/run/app.sock\"`, a list of these, or a folder (`\"files:/srv/site\"`)";
const CONCURRENT: &str = "an integer between 1 and 1000000, or `\"off\"`";
const RATE: &str = "requests and a period, as `\"10/s\"`, `\"100/min\"` or `\"1000/h\"`, or `\"off\"`";
const STATUS: &str = "a status (`204`), `\"2xx\"`, `\"200-299\"`, or a list of these";

/// Reads a path prefix, as `/` or `/api`. A slash at the end is taken off.
pub(crate) fn path_prefix(key: &str, value: &Value, problems: &mut Problems) -> Option<Arc<str>> {
    let path = plain::text(key, value, problems)?;
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
        Some(shorter) if !shorter.is_empty() => shorter.into(),
        Some(_) | None => path.into(),
    })
}

/// Reads a path that is requested. It may have a query.
pub(crate) fn request_path(key: &str, value: &Value, problems: &mut Problems) -> Option<String> {
    let path = plain::text(key, value, problems)?;
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

pub(crate) fn request_paths(key: &str, value: &Value, problems: &mut Problems) -> Option<Vec<String>> {
    // An empty list takes an inherited warm-up away.
    if matches!(&value.kind, Kind::List(list) if list.is_empty()) {
        return Some(Vec::new());
    }
    let values = plain::one_or_many(key, value, "a list of paths", problems)?;
    let paths = plain::each(key, values, problems, |value, problems| {
        request_path(key, value, problems)
    })?;
    Some(paths.into_iter().map(|path| path.value).collect())
}

/// Reads path prefixes of static files. A slash at the end stays: `/assets/` says that `/assets-old` is not meant.
pub(crate) fn asset_prefixes(key: &str, value: &Value, problems: &mut Problems) -> Option<Vec<Arc<str>>> {
    // An empty list takes inherited prefixes away.
    if matches!(&value.kind, Kind::List(list) if list.is_empty()) {
        return Some(Vec::new());
    }
    let values = plain::one_or_many(key, value, "a list of path prefixes", problems)?;
    let prefixes = plain::each(key, values, problems, |value, problems| {
        let prefix = request_path(key, value, problems)?;
        if prefix.contains('?') {
            problems.push(
                Diagnostic::error(&value.span, format!("`{key}` has a query"))
                    .expected("expected a path prefix, as `\"/assets/\"`"),
            );
            return None;
        }
        Some(Arc::from(prefix))
    })?;
    Some(prefixes.into_iter().map(|prefix| prefix.value).collect())
}

pub(crate) fn addresses(key: &str, value: &Value, problems: &mut Problems) -> Option<Vec<At<Address>>> {
    let values = plain::one_or_many(key, value, ADDRESS, problems)?;
    let read = plain::each(key, values, problems, |value, problems| address(key, value, problems))?;
    let folder = read.iter().find(|one| one.value.folder().is_some());
    if let (Some(folder), true) = (folder, read.len() > 1) {
        problems.push(
            Diagnostic::error(&folder.span, format!("`{}` is a folder beside others", folder.value))
                .expected("a folder is the whole of its slot")
                .hint("a list has the instances of one app; of a folder there is only one"),
        );
        return None;
    }
    Some(read)
}

fn address(key: &str, value: &Value, problems: &mut Problems) -> Option<Address> {
    let text = match &value.kind {
        Kind::Integer(Some(port)) => port.to_string(),
        Kind::Text(text) => text.clone(),
        Kind::Integer(None) | Kind::Float(_) | Kind::Boolean(_) | Kind::Date | Kind::List(_) | Kind::Table(_) => {
            problems.push(plain::mismatch(key, value, "an address", ADDRESS));
            return None;
        }
    };
    let error = match text.parse() {
        Ok(address) => return Some(address),
        Err(error) => error,
    };
    let diagnostic = match text.split_once("://") {
        Some(("https", _)) => Diagnostic::error(&value.span, format!("`{text}`: apps over TLS are not supported")),
        Some(_) => Diagnostic::error(&value.span, format!("`{text}` is a URL")),
        None => {
            let error = error.to_string();
            let what = error.split("; ").next().unwrap_or_default();
            Diagnostic::error(&value.span, what)
        }
    };
    let diagnostic = diagnostic.expected(format!("expected {ADDRESS}"));
    problems.push(match meant(&text) {
        Some(hint) => diagnostic.hint(hint),
        None => diagnostic,
    });
    None
}

/// What a text that is no address was probably meant to be.
fn meant(text: &str) -> Option<String> {
    let fits = |address: String| {
        address
            .parse::<Address>()
            .is_ok()
            .then(|| format!("write `\"{address}\"`"))
    };
    if ["fpm", "fcgi", "fastcgi", "uwsgi"]
        .iter()
        .any(|other| text.contains(other))
    {
        return Some("an app has to speak HTTP: put a server before it that speaks FastCGI or uwsgi to it".into());
    }
    if let Some((scheme, rest)) = text.split_once("://") {
        let rest = rest
            .split_once('/')
            .filter(|_| !matches!(scheme, "unix" | "file" | "files"))
            .map_or(rest, |(authority, _)| authority);
        return match scheme {
            "https" => Some("let the app listen for plain HTTP, on this machine or on a network you trust".into()),
            "unix" => fits(format!("unix:/{}", rest.trim_start_matches('/'))),
            "file" | "files" => fits(format!("files:/{}", rest.trim_start_matches('/'))),
            _ => fits(rest.to_owned()).or_else(|| fits(format!("{rest}:80"))),
        };
    }
    if text.starts_with('/') {
        let socket = fits(format!("unix:{text}"))?;
        return Some(match text.ends_with(".sock") {
            true => socket,
            false => format!("{socket} for a socket, or `\"files:{text}\"` for a folder"),
        });
    }
    if let Some(path) = text.strip_prefix("files:").or_else(|| text.strip_prefix("file:")) {
        return match path.starts_with('/') {
            true => fits(format!("files:{path}")),
            false => Some("write the whole path, as `\"files:/srv/site/dist\"`".into()),
        };
    }
    if let Some(path) = text.strip_prefix("unix:") {
        return fits(format!("unix:/{path}"));
    }
    if let Some(hint) = text.strip_prefix(':').and_then(|port| fits(port.to_owned())) {
        return Some(hint);
    }
    if let Some((address, _)) = text.split_once('/') {
        let hint = fits(address.to_owned())?;
        return Some(format!("{hint}; `path` and `strip_prefix` say which paths it gets"));
    }
    let v6 = |host: &str| host.parse::<Ipv6Addr>().is_ok();
    match text.rsplit_once(':') {
        Some((host, port)) if v6(host) => fits(format!("[{host}]:{port}")),
        _ if v6(text.trim_matches(['[', ']'])) => Some(format!("write `\"[{}]:PORT\"`", text.trim_matches(['[', ']']))),
        None => fits(format!("{text}:3000")).map(|_| format!("write `\"{text}:PORT\"`")),
        Some(_) => None,
    }
}

pub(crate) fn statuses(key: &str, value: &Value, problems: &mut Problems) -> Option<StatusRange> {
    let values = plain::one_or_many(key, value, STATUS, problems)?;
    let ranges = plain::each(key, values, problems, |value, problems| {
        let range = match &value.kind {
            Kind::Integer(Some(status)) => status_range(&status.to_string()),
            Kind::Text(text) => status_range(text),
            Kind::Integer(None) | Kind::Float(_) | Kind::Boolean(_) | Kind::Date | Kind::List(_) | Kind::Table(_) => {
                None
            }
        };
        match range {
            None => problems.push(
                Diagnostic::error(&value.span, format!("`{key}` is no HTTP status"))
                    .expected(format!("expected {STATUS}")),
            ),
            Some((from, _)) if from < 200 => {
                problems.push(
                    Diagnostic::error(&value.span, format!("`{key}` never comes: 1xx is no final answer"))
                        .expected("expected a status from 200 on")
                        .hint("an interim answer is skipped, and the one that follows it counts"),
                );
                return None;
            }
            Some(_) => {}
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

pub(crate) fn version_source(key: &str, value: &Value, problems: &mut Problems) -> Option<VersionSource> {
    let text = plain::text(key, value, problems)?;
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

pub(crate) fn reuse(key: &str, value: &Value, problems: &mut Problems) -> Option<Reuse> {
    let text = plain::text(key, value, problems)?;
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

pub(crate) fn label(key: &str, value: &Value, problems: &mut Problems) -> Option<Arc<str>> {
    let label = plain::text(key, value, problems)?;
    if label.len() <= 64 && label.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Some(label.into());
    }
    problems.push(
        Diagnostic::error(&value.span, "`label` cannot stand in a response header")
            .expected("expected up to 64 visible ASCII characters, as `\"staging\"`"),
    );
    None
}

pub(crate) fn passes(key: &str, value: &Value, problems: &mut Problems) -> Option<u32> {
    plain::integer(key, value, 1..=100, problems).and_then(|passes| u32::try_from(passes).ok())
}

pub(crate) fn held_requests(key: &str, value: &Value, problems: &mut Problems) -> Option<usize> {
    plain::integer(key, value, 1..=1_000_000, problems).and_then(|requests| usize::try_from(requests).ok())
}

/// Reads a number of requests. `"off"` is `None`.
pub(crate) fn concurrent(key: &str, value: &Value, problems: &mut Problems) -> Option<Option<usize>> {
    if plain::is_off(key, value, "a number of requests", CONCURRENT, problems)? {
        return Some(None);
    }
    if !matches!(value.kind, Kind::Integer(_)) {
        problems.push(plain::mismatch(key, value, "a number of requests", CONCURRENT));
        return None;
    }
    let requests = plain::integer(key, value, 1..=1_000_000, problems)?;
    usize::try_from(requests).ok().map(Some)
}

/// Reads a number of requests and a period, as `"10/s"`. `"off"` is `None`.
pub(crate) fn rate(key: &str, value: &Value, problems: &mut Problems) -> Option<Option<(u32, Duration)>> {
    if plain::is_off(key, value, "a rate", RATE, problems)? {
        return Some(None);
    }
    if let Kind::Integer(number) = &value.kind {
        let example = number.filter(|number| *number > 0).unwrap_or(10);
        problems.push(plain::mismatch(key, value, "a rate", RATE).hint(format!("write `\"{example}/s\"`")));
        return None;
    }
    let text = plain::text(key, value, problems)?;
    match units::parse_rate(&text) {
        Ok(rate) => Some(Some(rate)),
        Err(why) => {
            problems.push(
                Diagnostic::error(&value.span, format!("`{text}` is not a rate: {why}"))
                    .expected(format!("expected {RATE}")),
            );
            None
        }
    }
}

pub(crate) fn burst(key: &str, value: &Value, problems: &mut Problems) -> Option<u32> {
    plain::integer(key, value, 1..=1_000_000, problems).and_then(|requests| u32::try_from(requests).ok())
}
