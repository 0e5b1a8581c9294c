//! Plain values: texts, lists, numbers, durations, sizes, shares. Each function returns `None`, with a diagnostic that
//! says what was expected, when the value is something else.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::config::text::raw::{At, Kind, Value};
use crate::config::text::report::Diagnostic;
use crate::config::text::units;

pub(crate) type Problems = Vec<Diagnostic>;

const DURATION: &str = "a number and a unit, as `\"500ms\"`, `\"5s\"`, `\"5m\"` or `\"1h 30m\"`";
const SIZE: &str = "a number and a unit, as `\"64KiB\"` or `\"100MiB\"`, or an integer of bytes";
const SHARE: &str = "a percentage (`\"5%\"`) or a share between 0.0 and 1.0";

/// Says "`key` has to be …, not …".
pub(crate) fn mismatch(key: &str, value: &Value, wanted: &str, expected: &str) -> Diagnostic {
    Diagnostic::error(
        &value.span,
        format!("`{key}` has to be {wanted}, not {}", value.found()),
    )
    .expected(format!("expected {expected}"))
}

pub(crate) fn boolean(key: &str, value: &Value, problems: &mut Problems) -> Option<bool> {
    if let Kind::Boolean(boolean) = value.kind {
        return Some(boolean);
    }
    problems.push(mismatch(key, value, "a boolean", "`true` or `false`"));
    None
}

/// Reads a text that is not empty.
pub(crate) fn text(key: &str, value: &Value, problems: &mut Problems) -> Option<String> {
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

/// The elements of a list that is not empty, or the value itself when it is no list.
pub(crate) fn one_or_many<'v>(
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

/// Reads every element. `None` when one of them is wrong; two that are equal are an error, too.
pub(crate) fn each<T: PartialEq>(
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

/// Reads an integer within bounds.
pub(crate) fn integer(key: &str, value: &Value, bounds: RangeInclusive<i64>, problems: &mut Problems) -> Option<i64> {
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

pub(crate) fn duration(key: &str, value: &Value, problems: &mut Problems) -> Option<Duration> {
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

pub(crate) fn positive_duration(key: &str, value: &Value, problems: &mut Problems) -> Option<Duration> {
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

/// Reads a duration. `"off"` is zero.
pub(crate) fn duration_or_off(key: &str, value: &Value, problems: &mut Problems) -> Option<Duration> {
    if is_off(key, value, "a duration", DURATION, problems)? {
        return Some(Duration::ZERO);
    }
    duration(key, value, problems)
}

/// Whether a value is `"off"`. `false` is not, and is told what is.
pub(crate) fn is_off(key: &str, value: &Value, wanted: &str, expected: &str, problems: &mut Problems) -> Option<bool> {
    match &value.kind {
        Kind::Text(text) => Some(text == "off"),
        Kind::Boolean(false) => {
            problems.push(mismatch(key, value, wanted, expected).hint("write `\"off\"`"));
            None
        }
        Kind::Integer(_) | Kind::Float(_) | Kind::Boolean(true) | Kind::Date | Kind::List(_) | Kind::Table(_) => {
            Some(false)
        }
    }
}

pub(crate) fn body_limit(key: &str, value: &Value, problems: &mut Problems) -> Option<u64> {
    let hint = "bodies are streamed, so a high limit costs no memory: `\"10GiB\"`";
    positive_size(key, value, hint, problems)
}

/// Reads a number of bytes that may be kept in memory.
pub(crate) fn memory(key: &str, value: &Value, problems: &mut Problems) -> Option<u64> {
    let hint = "without memory nothing can be held; to hold nothing at all write `hold.for = \"off\"`";
    positive_size(key, value, hint, problems)
}

fn positive_size(key: &str, value: &Value, hint: &str, problems: &mut Problems) -> Option<u64> {
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
                    .hint(hint),
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

pub(crate) fn share(key: &str, value: &Value, problems: &mut Problems) -> Option<f64> {
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
