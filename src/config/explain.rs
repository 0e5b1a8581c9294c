//! What a file makes of a URL: who answers, which entries of `at` apply, and every key that holds with the line that it comes from.

use std::borrow::Cow;
use std::ops::Range;
use std::path::Path;
use std::time::SystemTime;

use super::build::merge::Merged;
use super::build::parts::matches;
use super::check::file::{Checked, check};
use super::check::map::{Map, Place};
use super::checked::{Service, Tls};
use super::policy::part_name;
use super::read::headers::Rules;
use super::read::keys;
use super::read::parts::RawPart;
use super::read::settings::Settings;
use super::reload::describe::{Values, of_policy, of_service};
use super::text::raw::At;
use super::text::report::LoadError;
use crate::model::api::{ExplainedEntry, ExplainedValue, Explanation};
use crate::model::host::canonical_host;
use crate::model::routes::Lookup;

/// Explains a URL by the text of a file. `None` when the URL names no host.
///
/// # Errors
/// Everything that is wrong with the text.
pub fn explain(file: &Path, text: &str, url: &str) -> Result<Option<Explanation>, LoadError> {
    let (checked, _) = check(file, text, SystemTime::now())?;
    Ok(Url::parse(url).map(|url| Explaining { text, checked }.url(&url)))
}

/// The parts of a URL that a request is routed by.
struct Url {
    is_plain: bool,
    host: String,
    target: String,
}

impl Url {
    /// Reads `https://host/path`, `http://host/path` or `host/path`.
    fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://").unwrap_or(("https", text));
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let target = path.split('#').next().unwrap_or_default();
        let slash = if target.starts_with('/') { "" } else { "/" };
        Some(Self {
            is_plain: scheme.eq_ignore_ascii_case("http"),
            host: canonical_host(authority.as_bytes()).ok()?.into_owned(),
            target: format!("{slash}{target}"),
        })
    }

    fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }
}

struct Explaining<'t> {
    text: &'t str,
    checked: Checked,
}

impl Explaining<'_> {
    fn url(&self, url: &Url) -> Explanation {
        let map = Map::of(&self.checked.config);
        let explanation = Explanation {
            host: url.host.clone(),
            path: url.path().to_owned(),
            ..Explanation::default()
        };
        let answer = match map.find(&url.host, url.path()) {
            Lookup::Found(Place::Service(service)) => return self.service(service, url, explanation),
            Lookup::Found(Place::Redirect(index)) => return self.redirect(*index, url, explanation),
            Lookup::UnknownHost => "404: nobody answers to this host",
            Lookup::NoPath => "404: nobody answers to this path of the host",
            Lookup::Ambiguous => AMBIGUOUS,
        };
        Explanation {
            answer: Some(answer.to_owned()),
            ..explanation
        }
    }

    fn redirect(&self, index: usize, url: &Url, explanation: Explanation) -> Explanation {
        let (redirects, raw) = (&self.checked.config.redirects, &self.checked.redirects);
        let to = redirects
            .get(index)
            .map(|redirect| led(308, &redirect.target.of(url.target.as_bytes())));
        Explanation {
            line: raw.get(index).map(|redirect| self.line(&redirect.host.span)),
            answer: to,
            ..explanation
        }
    }

    fn service(&self, service: &Service, url: &Url, explanation: Explanation) -> Explanation {
        let same = |merged: &&Merged| merged.environment == service.environment && merged.name == service.name;
        let Some(merged) = self.checked.services.iter().find(same) else {
            return explanation;
        };
        let parts = merged.parts.iter().flat_map(|parts| &parts.value);
        let applying: Vec<&RawPart> = parts.filter(|part| matches(part, url.path())).collect();
        let laid = |below: Settings, part: &&RawPart| part.settings.over(&below);
        let settings = applying.iter().fold(merged.settings.clone(), laid);
        let place = service.parts.find(url.path().as_bytes());
        let policy = service.policy(place.unwrap_or_default());
        let answer = if place.is_none() {
            Some(AMBIGUOUS.to_owned())
        } else if url.is_plain && service.tls != Tls::Off {
            Some("308 to the same URL over https".to_owned())
        } else {
            let redirect = policy.redirect.as_ref();
            redirect.map(|redirect| led(redirect.status, &redirect.to.of(url.target.as_bytes())))
        };
        let mut defaults = of_policy(policy);
        defaults.extend(of_service(service));
        Explanation {
            environment: Some(service.environment.to_string()),
            service: Some(service.name.to_string()),
            line: Some(self.line(&merged.span)),
            entries: applying.iter().map(|part| self.entry(part)).collect(),
            answer,
            values: [
                self.values(&settings, &defaults),
                self.required(service),
                self.deployed(service),
            ]
            .concat(),
            ..explanation
        }
    }

    fn entry(&self, part: &RawPart) -> ExplainedEntry {
        let first = part.paths.first().map(|path| self.line(&path.span));
        ExplainedEntry {
            paths: part_name(part.paths.iter().map(|path| &path.value)),
            line: first.unwrap_or_default(),
        }
    }

    fn values(&self, settings: &Settings, defaults: &Values) -> Vec<ExplainedValue> {
        let mut values = Vec::new();
        for key in Settings::KEYS
            .iter()
            .filter(|key| key.places.contains(&keys::Place::Service))
        {
            match (key.path, settings.place(key.path)) {
                ("headers.request", Some(_)) => values.extend(self.rules(key.path, settings.headers_request.as_ref())),
                ("headers.response", Some(_)) => {
                    values.extend(self.rules(key.path, settings.headers_response.as_ref()))
                }
                (path, Some(span)) => values.push(self.written(path.to_owned(), span)),
                (path, None) => {
                    let default = defaults.iter().find(|(known, text)| known == path && !text.is_empty());
                    values.extend(default.map(|(_, text)| ExplainedValue {
                        key: path.to_owned(),
                        value: text.clone(),
                        line: None,
                    }));
                }
            }
        }
        values
    }

    /// What a swap of its environment depends on.
    fn required(&self, service: &Service) -> Vec<ExplainedValue> {
        let mut environments = self.checked.environments.iter();
        let Some(environment) = environments.find(|one| one.name.value == service.environment) else {
            return Vec::new();
        };
        let keys = [
            ("require_healthy", &environment.require_healthy),
            ("require_parity", &environment.require_parity),
        ];
        let written = keys.into_iter().filter_map(|(key, name)| Some((key, name.as_ref()?)));
        written
            .map(|(key, name)| self.written(key.to_owned(), &name.span))
            .collect()
    }

    /// How its sides are started and stopped, by its own table and by that of its environment.
    fn deployed(&self, service: &Service) -> Vec<ExplainedValue> {
        let mut environments = self.checked.environments.iter();
        let found = environments.find(|environment| environment.name.value == service.environment);
        let Some(environment) = found.filter(|_| service.slots.can_swap()) else {
            return Vec::new();
        };
        let services = environment.services.iter().flat_map(|services| &services.list);
        let own = services
            .filter(|one| one.name.value == service.name)
            .filter_map(|one| one.deploy.as_ref());
        let written: Vec<_> = own.chain(&environment.deploy).flat_map(|table| &table.values).collect();
        // The nearest folder is the one that commands are run in; all other keys add up.
        let folder = written.iter().position(|(key, _)| *key == "cwd");
        let holds = |(place, (key, _)): &(usize, &&(&str, _))| *key != "cwd" || Some(*place) == folder;
        written
            .iter()
            .enumerate()
            .filter(holds)
            .map(|(_, written)| written)
            .map(|(key, span)| self.written(format!("deploy.{key}"), span))
            .collect()
    }

    /// Names come from several tables, each from its own line.
    fn rules(&self, key: &str, rules: Option<&At<Rules>>) -> Vec<ExplainedValue> {
        let rules = rules.iter().flat_map(|rules| &rules.value);
        rules
            .map(|rule| self.written(format!("{key}.{}", rule.value.name), &rule.span))
            .collect()
    }

    fn written(&self, key: String, span: &Range<usize>) -> ExplainedValue {
        let typed = self.text.get(span.clone()).unwrap_or_default();
        ExplainedValue {
            key,
            value: one_line(typed).into_owned(),
            line: Some(self.line(span)),
        }
    }

    /// The line that a place in the text lies in.
    fn line(&self, span: &Range<usize>) -> usize {
        let before = self.text.as_bytes().get(..span.start).unwrap_or_default();
        before.iter().filter(|byte| **byte == b'\n').count() + 1
    }
}

const AMBIGUOUS: &str = "400: an app that decodes or collapses the path could find another one (E20)";

fn led(status: u16, to: &[u8]) -> String {
    format!("{status} to {}", String::from_utf8_lossy(to))
}

fn one_line(typed: &str) -> Cow<'_, str> {
    if typed.contains('\n') {
        Cow::Owned(typed.split_whitespace().collect::<Vec<_>>().join(" "))
    } else {
        Cow::Borrowed(typed)
    }
}
