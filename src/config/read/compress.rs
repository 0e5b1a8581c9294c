//! `compress`: whether answers are encoded, and how.

use super::plain::{self, Problems};
use crate::config::text::raw::{Kind, Value};
use crate::config::text::report::Diagnostic;
use crate::config::text::words;
use crate::model::compress::{Compress, Encoding};

const EXPECTED: &str = "`true`, `false`, a list of encodings, or `{ encodings = […], breach = \"strict\" }`";
const ENCODINGS: &str = "`\"zstd\"`, `\"br\"` or `\"gzip\"`";

/// Reads one of its forms. `None` within leaves answers as they are.
pub(crate) fn compress(key: &str, value: &Value, problems: &mut Problems) -> Option<Option<Compress>> {
    let of = |encodings| Compress {
        encodings,
        strict: false,
    };
    match &value.kind {
        Kind::Boolean(false) => Some(None),
        Kind::Boolean(true) => Some(Some(of(Encoding::ALL.to_vec()))),
        Kind::List(_) => Some(Some(of(encodings(key, value, problems)?))),
        Kind::Table(table) => {
            let mut read = of(Encoding::ALL.to_vec());
            let mut complete = true;
            for entry in &table.entries {
                match entry.key.value.as_str() {
                    "encodings" => match encodings("compress.encodings", &entry.value, problems) {
                        Some(encodings) => read.encodings = encodings,
                        None => complete = false,
                    },
                    "breach" => match strict(&entry.value, problems) {
                        Some(strict) => read.strict = strict,
                        None => complete = false,
                    },
                    other => {
                        complete = false;
                        let near = words::nearest(other, ["encodings", "breach"]);
                        let refusal = Diagnostic::error(&entry.key.span, format!("unknown key `compress.{other}`"));
                        problems.push(match near {
                            Some(near) => refusal.expected("unknown key").hint(format!("did you mean `{near}`?")),
                            None => refusal.expected("expected `encodings` or `breach`"),
                        });
                    }
                }
            }
            complete.then_some(Some(read))
        }
        Kind::Text(text) if text == "off" => {
            problems.push(plain::mismatch(key, value, "a boolean, a list or a table", EXPECTED).hint("write `false`"));
            None
        }
        Kind::Text(text) if Encoding::named(text).is_some() => {
            problems.push(
                plain::mismatch(key, value, "a boolean, a list or a table", EXPECTED)
                    .hint(format!("write `[\"{text}\"]`")),
            );
            None
        }
        Kind::Text(_) | Kind::Integer(_) | Kind::Float(_) | Kind::Date => {
            problems.push(plain::mismatch(key, value, "a boolean, a list or a table", EXPECTED));
            None
        }
    }
}

fn encodings(key: &str, value: &Value, problems: &mut Problems) -> Option<Vec<Encoding>> {
    let values = plain::one_or_many(key, value, &format!("a list of {ENCODINGS}"), problems)?;
    let read = plain::each(key, values, problems, |value, problems| {
        let name = plain::text(key, value, problems)?;
        let encoding = Encoding::named(&name);
        if encoding.is_none() {
            problems.push(
                Diagnostic::error(&value.span, format!("`{key}` cannot hold `{name}`"))
                    .expected(format!("expected {ENCODINGS}")),
            );
        }
        encoding
    })?;
    Some(read.into_iter().map(|encoding| encoding.value).collect())
}

fn strict(value: &Value, problems: &mut Problems) -> Option<bool> {
    match &value.kind {
        Kind::Text(text) if text == "strict" => Some(true),
        Kind::Text(text) if text == "off" => Some(false),
        Kind::Text(_)
        | Kind::Integer(_)
        | Kind::Float(_)
        | Kind::Boolean(_)
        | Kind::Date
        | Kind::List(_)
        | Kind::Table(_) => {
            let expected = "`\"strict\"` or `\"off\"`";
            problems.push(
                Diagnostic::error(&value.span, "`compress.breach` cannot be this")
                    .expected(format!("expected {expected}")),
            );
            None
        }
    }
}
