//! The file as it was typed: every key and every value with its byte range, in the order of the file.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::report::Diagnostic;

/// A value, and its byte range in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct At<T> {
    pub(crate) value: T,
    pub(crate) span: Range<usize>,
}

/// A TOML value, and its byte range in the text.
#[derive(Debug, Clone)]
pub(crate) struct Value {
    pub(crate) kind: Kind,
    pub(crate) span: Range<usize>,
}

/// The type of a TOML value, and what was typed.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Text(String),
    /// `None` when it does not fit into 64 bits.
    Integer(Option<i64>),
    Float(f64),
    Boolean(bool),
    Date,
    List(Vec<Value>),
    Table(Table),
}

/// A table. Its entries are sorted by where each key stands first in the file.
#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    pub(crate) entries: Vec<Entry>,
}

/// A key and its value.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: At<String>,
    pub(crate) value: Value,
}

impl Value {
    /// What was read from this value, with the value's place.
    pub(crate) fn at<T>(&self, value: T) -> At<T> {
        At {
            value,
            span: self.span.clone(),
        }
    }

    /// Its type, to follow the words "expected a text, not ".
    pub(crate) fn found(&self) -> &'static str {
        match self.kind {
            Kind::Text(_) => "a text",
            Kind::Integer(_) => "an integer",
            Kind::Float(_) => "a float",
            Kind::Boolean(_) => "a boolean",
            Kind::Date => "a date",
            Kind::List(_) => "a list",
            Kind::Table(_) => "a table",
        }
    }
}

/// Reads a document.
///
/// # Errors
/// Every syntax error that the parser found. The values that it could recover are dropped: half a line would read as a
/// wrong value.
pub(crate) fn parse(text: &str) -> Result<Table, Vec<Diagnostic>> {
    let (document, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        Ok(table(document.get_ref()))
    } else {
        Err(errors.iter().map(|error| syntax(text, error)).collect())
    }
}

fn table(from: &DeTable<'_>) -> Table {
    let mut entries: Vec<Entry> = from
        .iter()
        .map(|(key, entry)| Entry {
            key: At {
                value: key.get_ref().to_string(),
                span: key.span(),
            },
            value: value(entry.get_ref(), entry.span()),
        })
        .collect();
    entries.sort_by_key(|entry| entry.key.span.start);
    Table { entries }
}

fn value(from: &DeValue<'_>, span: Range<usize>) -> Value {
    let kind = match from {
        DeValue::String(text) => Kind::Text(text.to_string()),
        DeValue::Integer(integer) => Kind::Integer(i64::from_str_radix(integer.as_str(), integer.radix()).ok()),
        DeValue::Float(float) => Kind::Float(float.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(boolean) => Kind::Boolean(*boolean),
        DeValue::Datetime(_) => Kind::Date,
        DeValue::Array(list) => Kind::List(list.iter().map(|one| value(one.get_ref(), one.span())).collect()),
        DeValue::Table(inner) => Kind::Table(table(inner)),
    };
    Value { kind, span }
}

/// A syntax error in the parser's words, with its "expected …" beside the caret.
fn syntax(text: &str, error: &toml::de::Error) -> Diagnostic {
    let span = error.span().unwrap_or(text.len()..text.len());
    let (message, expected) = match error.message().split_once(", expected ") {
        Some((message, expected)) => (message, Some(expected)),
        None => (error.message(), None),
    };
    if message == "duplicate key" {
        let key = text.get(span.clone()).unwrap_or_default();
        return Diagnostic::error(&span, format!("`{key}` stands here twice")).expected("again here");
    }
    let diagnostic = Diagnostic::error(&span, message);
    if message.contains("must be quoted") {
        return diagnostic
            .expected("expected quotes around this")
            .hint("texts, durations and sizes stand in quotes: `\"5s\"`");
    }
    match expected {
        Some(expected) => diagnostic.expected(format!("expected {expected}")),
        None => diagnostic,
    }
}
