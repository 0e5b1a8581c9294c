//! `[acme]`: which CAs are asked for certificates, and how control over the hosts is proved to them.

use std::path::Path;

use super::keys::Unknown;
use super::plain;
use crate::config::checked::{Acme, Challenge, Eab};
use crate::config::text::raw::{Entry, Kind, Value};
use crate::config::text::report::Diagnostic;

/// Every key of `[acme]`.
pub(crate) const ACME_KEYS: &[&str] = &[
    "email",
    "directory",
    "profile",
    "eab.kid",
    "eab.key_file",
    "root",
    "challenge",
];

/// Reads the table, and returns the keys that it does not know. Paths are relative to `folder`, the one of the file.
pub(crate) fn read<'t>(value: &'t Value, folder: &Path, problems: &mut Vec<Diagnostic>) -> (Acme, Vec<Unknown<'t>>) {
    let mut acme = Acme::default();
    let mut unknown = Vec::new();
    let Kind::Table(table) = &value.kind else {
        problems.push(plain::mismatch("acme", value, "a table", "`[acme]`"));
        return (acme, unknown);
    };
    for entry in &table.entries {
        read_entry(&mut acme, entry, folder, &mut unknown, problems);
    }
    (acme, unknown)
}

fn read_entry<'t>(
    acme: &mut Acme,
    entry: &'t Entry,
    folder: &Path,
    unknown: &mut Vec<Unknown<'t>>,
    problems: &mut Vec<Diagnostic>,
) {
    let (key, value) = (entry.key.value.as_str(), &entry.value);
    match key {
        "email" => {
            let expected = "an address, as `\"ops@example.com\"`, or a list of these";
            if let Some(list) = texts(key, value, expected, problems, email) {
                acme.email = list;
            }
        }
        "directory" => {
            let expected = "the URL of an ACME directory, or a list of these";
            if let Some(list) = texts(key, value, expected, problems, directory) {
                acme.directories = list;
            }
        }
        "profile" => acme.profile = plain::text(key, value, problems),
        "eab" => acme.eab = eab(value, folder, unknown, problems),
        "root" => acme.root = plain::text(key, value, problems).map(|path| folder.join(path)),
        "challenge" => {
            if let Some(challenge) = challenge(value, folder, problems) {
                acme.challenge = challenge;
            }
        }
        _ => unknown.push(Unknown {
            prefix: String::new(),
            key: &entry.key,
        }),
    }
}

fn texts(
    key: &str,
    value: &Value,
    expected: &str,
    problems: &mut Vec<Diagnostic>,
    objection: fn(&str) -> Option<&'static str>,
) -> Option<Vec<String>> {
    let values = plain::one_or_many(key, value, expected, problems)?;
    let texts = plain::each(key, values, problems, |value, problems| {
        let text = plain::text(key, value, problems)?;
        let Some(objection) = objection(&text) else {
            return Some(text);
        };
        problems.push(
            Diagnostic::error(&value.span, format!("`{text}` {objection}")).expected(format!("expected {expected}")),
        );
        None
    })?;
    Some(texts.into_iter().map(|text| text.value).collect())
}

/// What is wrong with a mail address, which the file writes without `mailto:`. A CA would refuse it too, but only when
/// the first certificate is due.
fn email(text: &str) -> Option<&'static str> {
    let plain = |text: &str| !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || ":,?<>@".contains(c));
    match text.split_once('@') {
        Some((local, domain)) if plain(local) && plain(domain) && domain.contains('.') => None,
        Some(_) | None => Some("is no address"),
    }
}

/// What is wrong with the URL of a directory. It has to be HTTPS, because a CA's answers are not signed (RFC 8555
/// §6.1).
fn directory(text: &str) -> Option<&'static str> {
    match text.parse::<http::Uri>() {
        Ok(uri) if uri.scheme_str() == Some("https") && uri.host().is_some_and(|host| !host.is_empty()) => None,
        Ok(uri) if uri.scheme_str() == Some("http") => Some("is not safe: an ACME directory is reached by https"),
        Ok(_) | Err(_) => Some("is no URL of a directory"),
    }
}

fn eab<'t>(
    value: &'t Value,
    folder: &Path,
    unknown: &mut Vec<Unknown<'t>>,
    problems: &mut Vec<Diagnostic>,
) -> Option<Eab> {
    let expected = "`{ kid = \"…\", key_file = \"…\" }`";
    let Kind::Table(table) = &value.kind else {
        problems.push(plain::mismatch("eab", value, "a table", expected));
        return None;
    };
    let (mut kid, mut key_file) = (None, None);
    let mut seen = Vec::new();
    for entry in &table.entries {
        seen.push(entry.key.value.as_str());
        match entry.key.value.as_str() {
            "kid" => kid = plain::text("eab.kid", &entry.value, problems),
            "key_file" => key_file = plain::text("eab.key_file", &entry.value, problems),
            _ => unknown.push(Unknown {
                prefix: "eab.".into(),
                key: &entry.key,
            }),
        }
    }
    for missing in ["kid", "key_file"].into_iter().filter(|key| !seen.contains(key)) {
        problems.push(
            Diagnostic::error(&value.span, format!("`eab` has no `{missing}`"))
                .expected(format!("expected {expected}")),
        );
    }
    Some(Eab {
        kid: kid?,
        key_file: folder.join(key_file?),
    })
}

fn challenge(value: &Value, folder: &Path, problems: &mut Vec<Diagnostic>) -> Option<Challenge> {
    let expected = "expected `\"http-01\"`, `\"tls-alpn-01\"` or `{ dns = \"COMMAND\" }`";
    match &value.kind {
        Kind::Text(text) => match text.as_str() {
            "http-01" => Some(Challenge::Http),
            "tls-alpn-01" => Some(Challenge::TlsAlpn),
            other => {
                let diagnostic =
                    Diagnostic::error(&value.span, format!("`{other}` is no challenge")).expected(expected);
                problems.push(if other.starts_with("dns") {
                    diagnostic.hint("the DNS is changed by a command of yours: `challenge = { dns = \"COMMAND\" }`")
                } else {
                    diagnostic
                });
                None
            }
        },
        Kind::Table(table) => {
            let mut command = None;
            for entry in &table.entries {
                match entry.key.value.as_str() {
                    "dns" => command = plain::text("challenge.dns", &entry.value, problems),
                    other => problems.push(
                        Diagnostic::error(&entry.key.span, format!("unknown key `challenge.{other}`"))
                            .expected("expected `dns`"),
                    ),
                }
            }
            if table.entries.is_empty() {
                problems.push(Diagnostic::error(&value.span, "`challenge` has no `dns`").expected(expected));
            }
            command.map(|command| Challenge::Dns(command_in(folder, &command)))
        }
        Kind::Integer(_) | Kind::Float(_) | Kind::Boolean(_) | Kind::Date | Kind::List(_) => {
            problems.push(
                Diagnostic::error(&value.span, format!("`challenge` cannot be {}", value.found())).expected(expected),
            );
            None
        }
    }
}

/// The command, with its program in `folder` if that is a relative path. A bare name is looked up in `PATH`.
fn command_in(folder: &Path, command: &str) -> String {
    match command.split_once(char::is_whitespace) {
        Some((program, rest)) if program.contains('/') => format!("{} {rest}", folder.join(program).display()),
        None if command.contains('/') => folder.join(command).display().to_string(),
        Some(_) | None => command.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relative_program_stands_in_the_folder_of_the_configuration() {
        let folder = Path::new("/etc/greengate");
        assert_eq!(
            command_in(folder, "hooks/dns.sh --zone a"),
            "/etc/greengate/hooks/dns.sh --zone a"
        );
        assert_eq!(command_in(folder, "./dns.sh"), "/etc/greengate/./dns.sh");
        assert_eq!(command_in(folder, "/opt/dns"), "/opt/dns");
        assert_eq!(command_in(folder, "lego-hook /a b"), "lego-hook /a b");
    }
}
