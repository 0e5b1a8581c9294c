//! The shape of an environment, for a comparison with another: what holds for its services, after `extends` and defaults, without
//! what may be otherwise in each environment.

use super::checked::{Config, Environment, Redirect, Service, Tls};
use super::policy::{HeaderRule, Part, Policy, part_name};
use super::reload::describe::{of_policy, of_service};
use super::reload::values::proves;
use super::slots::Public;
use crate::model::api::About;
use crate::model::error_pages::ErrorPages;
use crate::model::parity::{Fact, Manner, ServiceShape, Shape};

/// Keys that each environment has of its own: its domain, where its apps run, who may enter, how it is marked, started and put to
/// sleep. All other keys are compared, also those that there will be.
const OWN: [&str; 8] = [
    "host",
    "blue",
    "green",
    "upstream",
    "label",
    "label_ribbon",
    "deploy",
    "sleep",
];
/// The same for whole tables.
const OWN_TABLES: [&str; 3] = ["auth.", "deploy.", "sleep."];
/// Keys that are told in another way than a reload tells them.
const RETOLD: [&str; 7] = [
    "public",
    "public.blue",
    "public.green",
    "error_pages",
    "tls",
    "headers.request",
    "headers.response",
];

/// What is to be compared of an environment, as far as the file says it.
#[must_use]
pub fn shape(config: &Config, environment: &Environment) -> Shape {
    let is_of = |redirect: &&Redirect| {
        let mut hosts = environment.services.iter().flat_map(|service| &service.hosts);
        hosts.any(|host| *host == redirect.host)
    };
    let redirects = config.redirects.iter().filter(is_of);
    let mut facts: Vec<Fact> = redirects.map(redirect).collect();
    facts.extend(environment.error_pages.as_deref().map(error_pages));
    Shape {
        name: environment.name.clone(),
        facts,
        services: environment.services.iter().map(|service| of(service)).collect(),
    }
}

/// A redirect of a host that is served, under a path of it.
fn redirect(redirect: &Redirect) -> Fact {
    Fact::new(
        About::Configuration,
        format!("[redirect] {}", redirect.path),
        redirect.to.to_string(),
    )
}

fn of(service: &Service) -> ServiceShape {
    let is_folder = service.slots.all().any(|address| address.folder().is_some());
    let mut facts = vec![
        Fact::new(
            About::Configuration,
            "runs as",
            if is_folder { "a folder" } else { "an app" },
        ),
        Fact::new(About::Certificates, "tls", tls(&service.tls)),
    ];
    let told = of_service(service).into_iter();
    // Entries of `at` are told below.
    let told =
        told.filter(|(key, text)| !text.is_empty() && !is_own(key) && !RETOLD.contains(&&**key) && !is_of_part(key));
    facts.extend(told.map(|(key, text)| Fact::new(About::Configuration, key, text)));
    facts.extend(headers("", &service.policy));
    facts.extend(service.error_pages.as_deref().map(error_pages));
    facts.extend(service.public.as_ref().map(|public| {
        let what = match public {
            Public::Same(_) => "a folder",
            Public::Each { .. } => "a folder for each colour",
        };
        Fact::new(About::Configuration, "public", what)
    }));
    let parts = &service.parts.entries;
    if parts.len() > 1 {
        // The last one that matches wins.
        let names: Vec<String> = parts.iter().map(|part| part_name(&part.paths)).collect();
        facts.push(Fact::new(About::Configuration, "order of at", names.join("; ")));
    }
    facts.extend(parts.iter().flat_map(of_part));
    ServiceShape {
        name: service.name.clone(),
        hosts: service.hosts.clone(),
        facts,
    }
}

/// What an entry of `at` says, by its paths: the order of entries is another fact.
fn of_part(part: &Part) -> Vec<Fact> {
    let Part { paths, keys, policy } = part;
    let before = format!("at {} ", part_name(paths));
    let known = of_policy(policy);
    let mut facts = Vec::new();
    for key in keys.iter().filter(|key| !is_own(key)) {
        if key.starts_with("headers.") {
            let all = headers(&before, policy).into_iter();
            facts.extend(all.filter(|fact| fact.key[before.len()..].starts_with(key)));
            continue;
        }
        let text = known.iter().find(|(known, _)| known == key);
        let text = text.map_or_else(|| "off".to_owned(), |(_, text)| text.clone());
        facts.push(Fact::new(About::Configuration, format!("{before}{key}"), text));
    }
    facts
}

/// Each field by itself.
fn headers(before: &str, policy: &Policy) -> Vec<Fact> {
    let each = |table: &'static str, rules: &[HeaderRule]| -> Vec<Fact> {
        let fact = |HeaderRule { name, value }: &HeaderRule| {
            let text = value
                .as_ref()
                .map_or_else(|| "taken away".to_owned(), ToString::to_string);
            let is_secret = value.is_some() && proves(name);
            Fact::new(About::Configuration, format!("{before}{table}.{name}"), text).told(if is_secret {
                Manner::Secret
            } else {
                Manner::Plain
            })
        };
        rules.iter().map(fact).collect()
    };
    let mut facts = each("headers.request", &policy.request_headers);
    facts.extend(each("headers.response", &policy.response_headers));
    facts
}

/// Which pages there are; the folder may be another.
fn error_pages(pages: &ErrorPages) -> Fact {
    let names: Vec<String> = pages.pages.keys().map(ToString::to_string).collect();
    Fact::new(About::Configuration, "error_pages", names.join(", "))
}

fn tls(source: &Tls) -> &'static str {
    match source {
        Tls::Acme => "acme",
        Tls::Internal => "internal",
        Tls::Files { .. } => "files",
        Tls::Off => "off",
    }
}

fn is_own(key: &str) -> bool {
    OWN.contains(&key) || OWN_TABLES.iter().any(|table| key.starts_with(table))
}

fn is_of_part(key: &str) -> bool {
    key.starts_with("at ")
}
