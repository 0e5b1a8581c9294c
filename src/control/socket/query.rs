//! What stands behind the `?` of a request to the control socket.

use crate::config::parse_duration;
use crate::model::api::{Blame, Range};
use crate::model::log_filter::{LogFilter, parse_status};
use crate::telemetry::RECENT_LINES;

/// Entries of history, unless `limit` says otherwise.
const HISTORY: usize = 50;

/// What is wanted of the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::control) struct HistoryQuery {
    /// Only this environment.
    pub(in crate::control) environment: Option<String>,
    /// At most so many entries.
    pub(in crate::control) limit: usize,
    /// Whether what commands wrote is wanted too.
    pub(in crate::control) output: bool,
}

/// Reads `env=NAME&limit=N&output=true`; each may be missing.
pub(super) fn history_query(query: &str) -> Result<HistoryQuery, String> {
    let (mut environment, mut limit, mut output) = (None, HISTORY, false);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match name {
            "env" => environment = Some(percent_decoded(value)),
            "output" => {
                output = value
                    .parse()
                    .map_err(|_| format!("`output` is neither true nor false: `{}`", value.escape_debug()))?
            }
            "limit" => {
                limit = value
                    .parse()
                    .map_err(|_| format!("`limit` is no number: `{}`", value.escape_debug()))?
            }
            _ => return Err(format!("`{}` is no parameter of the history", name.escape_debug())),
        }
    }
    Ok(HistoryQuery {
        environment,
        limit,
        output,
    })
}

/// Lines of the log, and requests of each kind, unless `limit` says otherwise.
const NEWEST: u64 = 50;

/// What is wanted of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::control) struct LogsQuery {
    /// Only such lines.
    pub(in crate::control) filter: LogFilter,
    /// At most so many that are there already.
    pub(in crate::control) limit: u64,
    /// Whether what comes is wanted too.
    pub(in crate::control) follow: bool,
}

/// Reads `env=NAME&service=NAME&status=5xx&slower=1s&path=/api&fault=app&limit=N&follow=true`; each may be missing.
pub(super) fn logs_query(query: &str) -> Result<LogsQuery, String> {
    let (mut filter, mut limit, mut follow) = (LogFilter::default(), NEWEST, false);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = percent_decoded(value);
        let wrong = |why: String| format!("`{name}` is `{}`: {why}", value.escape_debug());
        match name {
            "env" => filter.environment = Some(value),
            "service" => filter.service = Some(value),
            "path" => filter.path = Some(value),
            "status" => filter.status = Some(parse_status(&value).map_err(wrong)?),
            "slower" => {
                let bound = parse_duration(&value).map_err(wrong)?;
                filter.slower_us = Some(u64::try_from(bound.as_micros()).unwrap_or(u64::MAX));
            }
            "fault" => {
                let one = Blame::ALL.into_iter().find(|blame| blame.as_str() == value);
                filter.fault = Some(one.ok_or_else(|| wrong("it is app, proxy or client".into()))?);
            }
            "follow" => follow = value.parse().map_err(|_| wrong("it is true or false".into()))?,
            "limit" => {
                let limits = |limit: &u64| (0..=RECENT_LINES).contains(limit);
                let read = value.parse().ok().filter(limits);
                limit = read.ok_or_else(|| wrong(format!("it is a number up to {RECENT_LINES}")))?;
            }
            _ => return Err(format!("`{}` is no parameter of the log", name.escape_debug())),
        }
    }
    Ok(LogsQuery { filter, limit, follow })
}

/// Which of the requests that failed or took long are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::control) struct RequestsQuery {
    /// Only those of this environment.
    pub(in crate::control) environment: Option<String>,
    /// At most so many of each kind.
    pub(in crate::control) limit: usize,
}

/// Reads `env=NAME&limit=N`; each may be missing.
pub(super) fn requests_query(query: &str) -> Result<RequestsQuery, String> {
    let (mut environment, mut limit) = (None, usize::try_from(NEWEST).unwrap_or(usize::MAX));
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match name {
            "env" => environment = Some(percent_decoded(value)),
            "limit" => {
                limit = value
                    .parse()
                    .map_err(|_| format!("`limit` is no number: `{}`", value.escape_debug()))?;
            }
            _ => return Err(format!("`{}` is no parameter of requests", name.escape_debug())),
        }
    }
    Ok(RequestsQuery { environment, limit })
}

/// Reads `a=NAME&b=NAME`: two environments.
pub(super) fn parity_query(query: &str) -> Result<(String, String), String> {
    let (mut a, mut b) = (None, None);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match name {
            "a" => a = Some(percent_decoded(value)),
            "b" => b = Some(percent_decoded(value)),
            _ => return Err(format!("`{}` is no parameter of a comparison", name.escape_debug())),
        }
    }
    match (a, b) {
        (Some(a), Some(b)) => Ok((a, b)),
        _ => Err("a comparison is of two environments: `a` and `b`".into()),
    }
}

/// Reads `range=1m`; the last ten minutes where nothing is said.
pub(super) fn series_query(query: &str) -> Result<Range, String> {
    let mut range = Range::TenMinutes;
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let known = || Range::ALL.into_iter().find(|range| range.as_str() == value);
        match (name, known()) {
            ("range", Some(known)) => range = known,
            ("range", None) => {
                let ranges = Range::ALL.map(Range::as_str).join(", ");
                return Err(format!("`range` is none of {ranges}: `{}`", value.escape_debug()));
            }
            _ => return Err(format!("`{}` is no parameter of the series", name.escape_debug())),
        }
    }
    Ok(range)
}

/// What is no valid escape stays as it is: at worst it names no environment.
fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escape = bytes.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        let value = escape.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        decoded.push(value.unwrap_or(bytes[at]));
        at += if value.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&decoded).into_owned()
}
