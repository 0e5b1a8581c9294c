//! Values of `proxy.toml`, as TOML writes them.

use std::fmt;

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Text(String),
    Number(i64),
    Flag(bool),
    List(Vec<Value>),
    Table(Vec<(&'static str, Value)>),
}

impl Value {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A list of texts, or the text alone where there is one.
    pub(super) fn texts(texts: impl IntoIterator<Item = String>) -> Self {
        let mut texts: Vec<Value> = texts.into_iter().map(Value::Text).collect();
        match texts.len() {
            1 => texts.remove(0),
            _ => Value::List(texts),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(&quoted(text)),
            Self::Number(number) => number.fmt(f),
            Self::Flag(flag) => flag.fmt(f),
            Self::List(values) => {
                let values: Vec<String> = values.iter().map(ToString::to_string).collect();
                write!(f, "[{}]", values.join(", "))
            }
            Self::Table(entries) => {
                let entries: Vec<String> = entries.iter().map(|(key, value)| format!("{key} = {value}")).collect();
                write!(f, "{{ {} }}", entries.join(", "))
            }
        }
    }
}

/// A text in quotes: a literal one where that spares escapes.
pub(super) fn quoted(text: &str) -> String {
    let is_literal = text.contains(['"', '\\']) && !text.contains('\'') && !text.chars().any(char::is_control);
    if is_literal {
        return format!("'{text}'");
    }
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for char in text.chars() {
        match char {
            '"' | '\\' => out.extend(['\\', char]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            other if other.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(other))),
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

/// A dotted key whose last part is a name from elsewhere, quoted where TOML asks for it.
pub(super) fn dotted(table: &str, name: &str) -> String {
    let bare = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if !name.is_empty() && name.bytes().all(bare) {
        format!("{table}.{name}")
    } else {
        format!("{table}.{}", quoted(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_toml_reads_them() {
        let shown = |value: Value| value.to_string();
        assert_eq!(shown(Value::text("a b")), "\"a b\"");
        assert_eq!(shown(Value::text("a \"b\"")), "'a \"b\"'");
        assert_eq!(shown(Value::text("it's \"b\"\n")), "\"it's \\\"b\\\"\\n\"");
        assert_eq!(shown(Value::texts(["a".into()])), "\"a\"");
        assert_eq!(shown(Value::texts(["a".into(), "b".into()])), "[\"a\", \"b\"]");
        let table = Value::Table(vec![("to", Value::text("/x")), ("status", Value::Number(301))]);
        assert_eq!(shown(table), "{ to = \"/x\", status = 301 }");
        assert_eq!(dotted("headers.response", "X-A"), "headers.response.X-A");
        assert_eq!(dotted("headers.response", "X.A"), "headers.response.\"X.A\"");
    }
}
