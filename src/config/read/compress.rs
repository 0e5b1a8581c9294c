//! `compress`: whether answers are encoded, and how.

use super::plain::{self, Problems};
use crate::config::text::raw::{At, Kind, Value};
use crate::config::text::report::Diagnostic;
use crate::config::text::words;
use crate::model::compress::{Compress, Encoding};

const EXPECTED: &str = "`true`, `false`, a list of encodings, or `{ encodings = […], breach = \"strict\" }`";
const ENCODINGS: &str = "`\"zstd\"`, `\"br\"` or `\"gzip\"`";

/// What one table says of it: a list says everything, a table of its own what stands in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RawCompress {
    encodings: Option<Vec<Encoding>>,
    strict: Option<bool>,
}

impl RawCompress {
    /// With what is said nowhere.
    pub(crate) fn complete(self) -> Compress {
        Compress {
            encodings: self.encodings.unwrap_or_else(|| Encoding::ALL.to_vec()),
            strict: self.strict.unwrap_or(false),
        }
    }
}

/// What a nearer table says over what one further away does, key by key. `None` within leaves answers as they are.
pub(crate) fn over(
    near: Option<&At<Option<RawCompress>>>,
    far: Option<&At<Option<RawCompress>>>,
) -> Option<At<Option<RawCompress>>> {
    let (Some(near), Some(far)) = (near, far) else {
        return near.or(far).cloned();
    };
    let value = near.value.clone().map(|near| match &far.value {
        Some(far) => RawCompress {
            encodings: near.encodings.or_else(|| far.encodings.clone()),
            strict: near.strict.or(far.strict),
        },
        None => near,
    });
    Some(At {
        value,
        span: near.span.clone(),
    })
}

/// Reads one of its forms. `None` within leaves answers as they are.
pub(crate) fn compress(key: &str, value: &Value, problems: &mut Problems) -> Option<Option<RawCompress>> {
    let of = |encodings| RawCompress {
        encodings: Some(encodings),
        strict: Some(false),
    };
    match &value.kind {
        Kind::Boolean(false) => Some(None),
        Kind::Boolean(true) => Some(Some(of(Encoding::ALL.to_vec()))),
        Kind::List(_) => Some(Some(of(encodings(key, value, problems)?))),
        Kind::Table(table) => {
            let mut read = RawCompress {
                encodings: None,
                strict: None,
            };
            let mut complete = true;
            for entry in &table.entries {
                match entry.key.value.as_str() {
                    "encodings" => match encodings("compress.encodings", &entry.value, problems) {
                        Some(encodings) => read.encodings = Some(encodings),
                        None => complete = false,
                    },
                    "breach" => match strict(&entry.value, problems) {
                        Some(strict) => read.strict = Some(strict),
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
