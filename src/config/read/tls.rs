//! `tls`: where a certificate comes from, as the file writes it.

use std::path::Path;

use super::plain::{self, Problems};
use crate::config::checked::Tls;
use crate::config::text::raw::{At, Kind, Table, Value};
use crate::config::text::report::Diagnostic;
use crate::config::text::words;

const TLS: &str = "`\"acme\"`, `\"internal\"`, `\"off\"` or `{ cert = \"…\", key = \"…\" }`";

/// The value of `tls`, with files as they were written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RawTls {
    Acme,
    Internal,
    Off,
    Files { cert: At<String>, key: At<String> },
}

impl RawTls {
    /// The checked value, with relative paths in `folder`.
    pub(crate) fn in_folder(&self, folder: &Path) -> Tls {
        match self {
            Self::Acme => Tls::Acme,
            Self::Internal => Tls::Internal,
            Self::Off => Tls::Off,
            Self::Files { cert, key } => Tls::Files {
                cert: folder.join(&cert.value),
                key: folder.join(&key.value),
            },
        }
    }
}

/// Reads `"acme"`, `"internal"`, `"off"`, or a table with the files of a certificate and its key.
pub(crate) fn tls(key: &str, value: &Value, problems: &mut Problems) -> Option<RawTls> {
    match &value.kind {
        Kind::Text(text) => match text.as_str() {
            "acme" => Some(RawTls::Acme),
            "internal" => Some(RawTls::Internal),
            "off" => Some(RawTls::Off),
            _ => {
                let diagnostic = Diagnostic::error(&value.span, format!("`{key}` cannot be `{text}`"))
                    .expected(format!("expected {TLS}"));
                problems.push(match words::nearest(text, ["acme", "internal", "off"]) {
                    Some(near) => diagnostic.hint(format!("did you mean `{near}`?")),
                    None => diagnostic,
                });
                None
            }
        },
        Kind::Table(table) => files(value, table, problems),
        Kind::Integer(_) | Kind::Float(_) | Kind::Boolean(_) | Kind::Date | Kind::List(_) => {
            problems.push(plain::mismatch(key, value, "a text or a table", TLS));
            None
        }
    }
}

fn files(value: &Value, table: &Table, problems: &mut Problems) -> Option<RawTls> {
    let (mut cert, mut key) = (None, None);
    let mut complete = true;
    for entry in &table.entries {
        let file = match entry.key.value.as_str() {
            "cert" => &mut cert,
            "key" => &mut key,
            other => {
                complete = false;
                problems.push(
                    Diagnostic::error(&entry.key.span, format!("unknown key `tls.{other}`"))
                        .expected("expected `cert` or `key`"),
                );
                continue;
            }
        };
        match plain::text(&format!("tls.{}", entry.key.value), &entry.value, problems) {
            Some(path) => *file = Some(entry.value.at(path)),
            None => complete = false,
        }
    }
    // Beside something that is wrong, a missing file would be one error too many.
    if !complete {
        return None;
    }
    let missing = match (cert, key) {
        (Some(cert), Some(key)) => return Some(RawTls::Files { cert, key }),
        (None, _) => "cert",
        (Some(_), None) => "key",
    };
    problems.push(
        Diagnostic::error(&value.span, format!("`tls` has no `{missing}`"))
            .expected("expected `{ cert = \"…\", key = \"…\" }`"),
    );
    None
}
