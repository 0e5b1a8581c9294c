//! `[env.NAME]` and `[env.NAME.service.NAME]` as they were written: in the short form, with one service whose keys
//! stand in the environment's own table, or in the long form, with a table for each service.

use std::ops::Range;
use std::sync::Arc;

use super::deploy::{self, RawDeploy};
use super::keys::{Place, Section};
use super::parts::{self, RawPart};
use super::plain;
use super::settings::Settings;
use super::sleep::{self, RawSleep};
use super::unknown;
use crate::config::text::raw::{At, Entry, Kind, Value};
use crate::config::text::report::Diagnostic;
use crate::model::switch::Requires;

/// One `[env.NAME]`.
#[derive(Debug, Clone)]
pub(crate) struct RawEnvironment {
    pub(crate) name: At<Arc<str>>,
    pub(crate) protected: bool,
    /// The environment that has to be healthy before a swap.
    pub(crate) require_healthy: Option<At<String>>,
    /// The environment that it has to be of one shape with before a swap.
    pub(crate) require_parity: Option<At<String>>,
    pub(crate) extends: Option<At<String>>,
    /// `deploy` in the environment's own table.
    pub(crate) deploy: Option<RawDeploy>,
    /// `sleep`.
    pub(crate) sleep: Option<RawSleep>,
    /// The settings in the environment's own table.
    pub(crate) settings: Settings,
    /// `at` in the environment's own table, for the short form; `None` where it is not written.
    pub(crate) parts: Option<At<Vec<RawPart>>>,
    /// `None` in the short form.
    pub(crate) services: Option<Services>,
    /// Whether `extends` or `service` could not be read, so that nothing can be said about its services.
    pub(crate) broken: bool,
}

impl RawEnvironment {
    /// What a swap of it depends on.
    pub(crate) fn requires(&self) -> Requires {
        let name = |written: &Option<At<String>>| written.as_ref().map(|written| written.value.as_str().into());
        Requires {
            healthy: name(&self.require_healthy),
            parity: name(&self.require_parity),
        }
    }
}

/// `[env.NAME.service]`.
#[derive(Debug, Clone)]
pub(crate) struct Services {
    /// Where the word `service` stands first.
    pub(crate) span: Range<usize>,
    pub(crate) list: Vec<RawService>,
}

/// One `[env.NAME.service.NAME]`.
#[derive(Debug, Clone)]
pub(crate) struct RawService {
    pub(crate) name: At<Arc<str>>,
    pub(crate) deploy: Option<RawDeploy>,
    pub(crate) settings: Settings,
    /// `at`, where it is written.
    pub(crate) parts: Option<At<Vec<RawPart>>>,
}

/// Reads `[env]`.
pub(crate) fn read(value: &Value, problems: &mut Vec<Diagnostic>) -> Vec<RawEnvironment> {
    let Kind::Table(table) = &value.kind else {
        problems.push(plain::mismatch("env", value, "a table", "`[env.NAME]`"));
        return Vec::new();
    };
    table
        .entries
        .iter()
        .filter_map(|entry| {
            let name = name(&entry.key, "environment", problems);
            let environment = environment(name.clone(), &entry.key, &entry.value, problems)?;
            name.is_some().then_some(environment)
        })
        .collect()
}

fn environment(
    name: Option<At<Arc<str>>>,
    key: &At<String>,
    value: &Value,
    problems: &mut Vec<Diagnostic>,
) -> Option<RawEnvironment> {
    let title = format!("[env.{}]", key.value);
    let Kind::Table(table) = &value.kind else {
        let expected = format!("`{title}` with its keys");
        problems.push(plain::mismatch(
            &format!("env.{}", key.value),
            value,
            "a table",
            &expected,
        ));
        return None;
    };
    let mut protected = None;
    let (mut require_healthy, mut require_parity) = (None, None);
    let mut extends = None;
    let mut deployed = None;
    let mut sleeps = None;
    let mut services = None;
    let mut parts = None;
    let mut broken = false;
    let (settings, unknown) = Settings::read(table, Place::Environment, problems, |own, problems| {
        let value = &own.value;
        match own.key.value.as_str() {
            "protected" => protected = plain::boolean("protected", value, problems),
            "require_healthy" => require_healthy = read_name("require_healthy", value, problems),
            "require_parity" => require_parity = read_name("require_parity", value, problems),
            "extends" => {
                extends = plain::text("extends", value, problems).map(|name| value.at(name));
                broken |= extends.is_none();
            }
            "deploy" => deployed = deploy::deploy(own, problems),
            "sleep" => sleeps = sleep::sleep(own, problems),
            "at" => parts = read_parts(own, problems),
            "service" => {
                services = read_services(&key.value, &own.key, value, problems);
                broken |= services.is_none();
            }
            _ => return false,
        }
        true
    });
    let section = Section {
        place: Place::Environment,
        title: &title,
    };
    unknown::refuse(section, &unknown, problems);
    Some(RawEnvironment {
        name: name.unwrap_or_else(|| At {
            value: key.value.as_str().into(),
            span: key.span.clone(),
        }),
        protected: protected.unwrap_or(false),
        require_healthy,
        require_parity,
        extends,
        deploy: deployed,
        sleep: sleeps,
        settings,
        parts,
        services,
        broken,
    })
}

/// The name of an environment, with where it stands.
fn read_name(key: &str, value: &Value, problems: &mut Vec<Diagnostic>) -> Option<At<String>> {
    plain::text(key, value, problems).map(|name| value.at(name))
}

fn read_services(
    environment: &str,
    key: &At<String>,
    value: &Value,
    problems: &mut Vec<Diagnostic>,
) -> Option<Services> {
    let expected = format!("`[env.{environment}.service.NAME]`");
    let Kind::Table(table) = &value.kind else {
        problems.push(plain::mismatch("service", value, "a table", &expected));
        return None;
    };
    let mut list = Vec::new();
    for entry in &table.entries {
        let name = name(&entry.key, "service", problems);
        let title = format!("[env.{environment}.service.{}]", entry.key.value);
        let Kind::Table(table) = &entry.value.kind else {
            problems.push(plain::mismatch(
                &format!("service.{}", entry.key.value),
                &entry.value,
                "a table",
                &expected,
            ));
            continue;
        };
        let section = Section {
            place: Place::Service,
            title: &title,
        };
        let mut deployed = None;
        let mut parts = None;
        let (settings, unknown) = Settings::read(table, section.place, problems, |own, problems| {
            match own.key.value.as_str() {
                "deploy" => deployed = deploy::deploy(own, problems),
                "at" => parts = read_parts(own, problems),
                _ => return false,
            }
            true
        });
        unknown::refuse(section, &unknown, problems);
        if let Some(name) = name {
            list.push(RawService {
                name,
                deploy: deployed,
                settings,
                parts,
            });
        }
    }
    // Wrong entries were named above: "no services" would be one error too many.
    if list.is_empty() && !table.entries.is_empty() {
        return None;
    }
    Some(Services {
        span: key.span.clone(),
        list,
    })
}

/// The entries of `at`, with where the word stands.
fn read_parts(own: &Entry, problems: &mut Vec<Diagnostic>) -> Option<At<Vec<RawPart>>> {
    Some(At {
        value: parts::parts(&own.value, problems)?,
        span: own.key.span.clone(),
    })
}

/// The name of an environment or a service, short and plain, because it goes into logs, events and command lines.
fn name(key: &At<String>, what: &str, problems: &mut Vec<Diagnostic>) -> Option<At<Arc<str>>> {
    let valid = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-');
    if (1..=32).contains(&key.value.len()) && key.value.bytes().all(valid) {
        return Some(At {
            value: key.value.as_str().into(),
            span: key.span.clone(),
        });
    }
    problems.push(
        Diagnostic::error(
            &key.span,
            format!(
                "`{}` cannot name a{} {what}",
                key.value,
                if what == "environment" { "n" } else { "" }
            ),
        )
        .expected("expected 1 to 32 of `a` to `z`, `0` to `9`, `-` and `_`"),
    );
    None
}
