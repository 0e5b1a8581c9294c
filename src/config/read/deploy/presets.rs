//! The values that say how a side is started, one function for each key.

use super::reading::Reading;
use crate::config::read::plain;
use crate::config::text::raw::{Entry, Kind, Value};
use crate::config::text::report::Diagnostic;
use crate::config::text::words;
use crate::model::deploy::{Compose, Docker, Pm2, Systemd, Template};

/// Reads names of units.
pub(super) fn systemd(value: &Value, reading: &mut Reading<'_>) -> Option<Systemd> {
    let expected = "a unit, as `\"web@{slot}\"`, or a list of these";
    let units = reading.names("deploy.systemd", value, expected)?;
    Some(Systemd { units })
}

/// Reads names of processes.
pub(super) fn pm2(value: &Value, reading: &mut Reading<'_>) -> Option<Pm2> {
    let expected = "a name, as `\"web-{slot}\"`, or a list of these";
    let names = reading.names("deploy.pm2", value, expected)?;
    Some(Pm2 { names, ecosystem: None })
}

/// Reads `{ image = "…", port = 3000, args = ["…"] }`.
pub(super) fn docker(value: &Value, reading: &mut Reading<'_>) -> Option<Docker> {
    const EXPECTED: &str = "`{ image = \"web:{version}\", port = 3000 }`, with `args = […]` where needed";
    let mut image = None;
    let mut port = None;
    let mut args = Some(Vec::new());
    let mut is_whole = true;
    for entry in entries("docker", value, EXPECTED, reading)? {
        match entry.key.value.as_str() {
            "image" => image = reading.name("deploy.docker.image", &entry.value),
            "port" => {
                let read = plain::integer("deploy.docker.port", &entry.value, 1..=65535, reading.problems);
                port = read.and_then(|port| u16::try_from(port).ok());
                is_whole &= port.is_some();
            }
            "args" => args = self::args(&entry.value, reading),
            _ => is_whole = refuse("docker", entry, &["image", "port", "args"], reading),
        }
    }
    needs("docker", "image", value, reading)?;
    let (image, args) = (image?, args?);
    is_whole.then_some(Docker { image, port, args })
}

/// Reads `{ file = "compose.yml", service = "web-{slot}" }`.
pub(super) fn compose(value: &Value, reading: &mut Reading<'_>) -> Option<Compose> {
    const EXPECTED: &str = "`{ file = \"compose.yml\", service = \"web-{slot}\" }`";
    let mut file = None;
    let mut services = None;
    let mut is_whole = true;
    for entry in entries("compose", value, EXPECTED, reading)? {
        match entry.key.value.as_str() {
            "file" => file = reading.template("deploy.compose.file", &entry.value),
            "service" => {
                let expected = "a service, as `\"web-{slot}\"`, or a list of these";
                services = reading.names("deploy.compose.service", &entry.value, expected);
            }
            _ => is_whole = refuse("compose", entry, &["file", "service"], reading),
        }
    }
    for key in ["file", "service"] {
        needs("compose", key, value, reading)?;
    }
    let (file, services) = (file?, services?);
    is_whole.then_some(Compose { file, services })
}

fn args(value: &Value, reading: &mut Reading<'_>) -> Option<Vec<Template>> {
    let key = "deploy.docker.args";
    let Kind::List(list) = &value.kind else {
        let expected = "expected each word by itself, as `[\"--env-file\", \"/etc/web.env\"]`";
        let refusal = plain::mismatch(key, value, "a list", "a list");
        reading.problems.push(refusal.expected(expected));
        return None;
    };
    let args: Vec<_> = list.iter().map(|value| reading.template(key, value)).collect();
    args.into_iter().collect()
}

fn entries<'v>(key: &str, value: &'v Value, expected: &str, reading: &mut Reading<'_>) -> Option<&'v [Entry]> {
    if let Kind::Table(table) = &value.kind {
        return Some(&table.entries);
    }
    let refusal = plain::mismatch(&format!("deploy.{key}"), value, "a table", expected);
    reading.problems.push(refusal);
    None
}

fn needs(preset: &str, key: &str, value: &Value, reading: &mut Reading<'_>) -> Option<()> {
    let Kind::Table(table) = &value.kind else { return None };
    if table.entries.iter().any(|entry| entry.key.value == key) {
        return Some(());
    }
    let refusal = Diagnostic::error(&value.span, format!("`deploy.{preset}` has no `{key}`"));
    reading
        .problems
        .push(refusal.expected(format!("expected `{key}` in here")));
    None
}

fn refuse(preset: &str, entry: &Entry, known: &[&str], reading: &mut Reading<'_>) -> bool {
    let key = &entry.key;
    let refusal = Diagnostic::error(&key.span, format!("unknown key `deploy.{preset}.{}`", key.value));
    reading
        .problems
        .push(match words::nearest(&key.value, known.iter().copied()) {
            Some(near) => refusal.expected("unknown key").hint(format!("did you mean `{near}`?")),
            None => refusal.expected(format!("expected {}", words::one_of(known))),
        });
    false
}
