//! What is worth comparing of an app's answer: what runs there, and how it speaks. What the app calls its *own* version may differ;
//! the versions of what it runs on should not.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::shape::Fact;
use crate::model::api::About;

/// How deep a body is read.
const DEPTH: usize = 4;
/// How many of its values are looked at.
const MOST: usize = 256;
/// How much of a value is shown.
const SHOWN: usize = 200;
/// What apps call their own version, without what stands between words.
const OWN: [&str; 12] = [
    "version",
    "xversion",
    "appversion",
    "xappversion",
    "applicationversion",
    "buildversion",
    "xbuildversion",
    "releaseversion",
    "serviceversion",
    "infoversion",
    "gitversion",
    "packageversion",
];

/// An answer of an app.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// `HTTP/1.1`; `None` of a folder, which speaks none.
    pub protocol: Option<String>,
    /// The status, where it is that of the health check.
    pub status: Option<u16>,
    /// The fields of its head, names in lower case.
    pub fields: Vec<(String, String)>,
    /// The body of a health check.
    pub body: Vec<u8>,
}

/// Where an app says its own version: `health.version`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OwnVersion {
    /// Nowhere that is known.
    Unknown,
    /// In this field of the head.
    Field(String),
    /// In this field of a JSON body.
    Json(String),
}

/// What these answers of one service say, whichever of its instances has given them. One that differs between them counts as
/// all of its values.
#[must_use]
pub fn facts(answers: &[Answer], own: &OwnVersion) -> Vec<Fact> {
    let mut said: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut say = |key: &str, value: &str| {
        let value = value.chars().take(SHOWN).collect();
        said.entry(key.to_owned()).or_default().insert(value);
    };
    for answer in answers {
        if let Some(protocol) = &answer.protocol {
            say("protocol", protocol);
        }
        if let Some(status) = answer.status {
            say("health status", &status.to_string());
        }
        let is_own = |name: &str| matches!(own, OwnVersion::Field(own) if own.eq_ignore_ascii_case(name));
        for (name, value) in &answer.fields {
            match name.as_str() {
                "server" | "x-powered-by" => say(name, value),
                "content-encoding" => say("compression", &value.to_ascii_lowercase()),
                name if is_own(name) => say("says its version", "yes"),
                name if names_version(name) => say(name, value),
                _ => {}
            }
        }
        if let Ok(body) = serde_json::from_slice(&answer.body) {
            let mut found = Vec::new();
            versions(&body, "", DEPTH, &mut found);
            for (path, value) in found {
                match own {
                    OwnVersion::Json(own) if *own == path => say("says its version", "yes"),
                    OwnVersion::Json(_) | OwnVersion::Field(_) | OwnVersion::Unknown => {
                        if names_version(&path) {
                            say(&format!("health {path}"), &value);
                        }
                    }
                }
            }
        }
    }
    let fact = |(key, values): (String, BTreeSet<String>)| {
        let values: Vec<String> = values.into_iter().collect();
        Fact::new(About::Answers, key, values.join(", "))
    };
    said.into_iter().map(fact).collect()
}

/// Whether a name says a version, and not the app's own.
fn names_version(name: &str) -> bool {
    let letters: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    let letters = letters.to_ascii_lowercase();
    letters.contains("version") && !OWN.contains(&letters.as_str())
}

/// Texts and numbers of a body, by their dotted paths.
fn versions(of: &Value, path: &str, depth: usize, found: &mut Vec<(String, String)>) {
    if found.len() >= MOST {
        return;
    }
    match of {
        Value::String(text) => found.push((path.to_owned(), text.clone())),
        Value::Number(number) => found.push((path.to_owned(), number.to_string())),
        Value::Object(fields) if depth > 0 => {
            for (name, value) in fields {
                let below = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                versions(value, &below, depth - 1, found);
            }
        }
        Value::Object(_) | Value::Array(_) | Value::Bool(_) | Value::Null => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(own: &OwnVersion, fields: &[(&str, &str)], body: &str) -> Vec<String> {
        let answer = Answer {
            protocol: Some("HTTP/1.1".into()),
            status: Some(200),
            fields: fields
                .iter()
                .map(|(name, value)| ((*name).into(), (*value).into()))
                .collect(),
            body: body.into(),
        };
        let facts = facts(&[answer], own).into_iter();
        let told = facts.map(|fact| format!("{}={}", fact.key, fact.value));
        told.filter(|told| !told.starts_with("protocol") && !told.starts_with("health status"))
            .collect()
    }

    #[test]
    fn what_an_app_runs_on_is_compared_and_its_own_version_is_not() {
        let none = OwnVersion::Unknown;
        for (fields, body, expected) in [
            (&[("server", "gunicorn/20.1")][..], "ok", &["server=gunicorn/20.1"][..]),
            (
                &[("x-powered-by", "Express"), ("date", "now")],
                "",
                &["x-powered-by=Express"],
            ),
            (&[("x-aspnet-version", "4.0")], "", &["x-aspnet-version=4.0"]),
            (&[("x-version", "8b71ff7"), ("x-app-version", "1")], "", &[]),
            (&[("content-encoding", "GZIP")], "", &["compression=gzip"]),
            (&[], r#"{"status":"ok","version":"1.2","uptime":12}"#, &[]),
            (&[], r#"{"app":{"version":"1.2"}}"#, &[]),
            (
                &[],
                r#"{"versions":{"node":"18.2"},"db_version":15}"#,
                &["health db_version=15", "health versions.node=18.2"],
            ),
        ] {
            assert_eq!(said(&none, fields, body), expected, "{fields:?} {body}");
        }
    }

    #[test]
    fn that_an_app_says_its_version_is_compared_and_the_version_is_not() {
        let field = OwnVersion::Field("X-Db-Version".into());
        assert_eq!(said(&field, &[("x-db-version", "1")], ""), ["says its version=yes"]);
        assert_eq!(said(&field, &[], ""), [""; 0]);
        let json = OwnVersion::Json("build.number".into());
        assert_eq!(said(&json, &[], r#"{"build":{"number":42}}"#), ["says its version=yes"]);
        assert_eq!(said(&json, &[], r#"{"build":{}}"#), [""; 0]);
    }

    #[test]
    fn instances_that_disagree_are_told_together_and_bodies_are_read_within_bounds() {
        let of = |server: &str| Answer {
            fields: vec![("server".into(), server.into())],
            ..Answer::default()
        };
        let both = facts(&[of("b"), of("a"), of("b")], &OwnVersion::Unknown);
        assert_eq!(both, [Fact::new(About::Answers, "server", "a, b")]);
        let long = facts(&[of(&"x".repeat(1000))], &OwnVersion::Unknown);
        assert_eq!(long[0].value.len(), SHOWN);
        let many: Vec<String> = (0..1000).map(|number| format!("\"version_{number}\":\"1\"")).collect();
        let many = said(&OwnVersion::Unknown, &[], &format!("{{{}}}", many.join(",")));
        assert_eq!(many.len(), MOST);
        let deep = format!("{}1{}", "{\"version_of\":".repeat(100), "}".repeat(100));
        assert_eq!(said(&OwnVersion::Unknown, &[], &deep), [""; 0]);
    }
}
