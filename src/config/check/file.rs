//! The whole file → [`Config`], or everything that is wrong with it at once.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use super::{
    addresses, auth_services, certificates, deploy, folders, hosts, labels, loops, notify, requires, sleep, users,
};
use crate::config::build::error_pages::Folders;
use crate::config::build::merge::Merged;
use crate::config::build::policy::Surroundings;
use crate::config::build::{deploy as deployments, merge, service};
use crate::config::checked::{Acme, Challenge, Config, Environment, Redirect, Service};
use crate::config::read::environments::RawEnvironment;
use crate::config::read::keys::{Place, Section, Unknown};
use crate::config::read::notify::{self as destinations, RawNotify};
use crate::config::read::redirects::RawRedirect;
use crate::config::read::server::RawServer;
use crate::config::read::settings::Settings;
use crate::config::read::{acme, environments, plain, redirects, server, unknown};
use crate::config::text::raw;
use crate::config::text::raw::{At, Kind, Table};
use crate::config::text::report::{self, Diagnostic, LoadError, Severity};

impl Config {
    /// Reads and checks a file. The diagnostics beside the configuration are warnings, and files of certificates, users and error
    /// pages and folders that are missing or wrong: none keeps it from being used.
    ///
    /// # Errors
    /// Everything that is wrong with the file, or why it cannot be read.
    pub fn load(path: &Path) -> Result<(Self, Vec<Diagnostic>), LoadError> {
        Self::load_with_text(path).map(|(config, diagnostics, _)| (config, diagnostics))
    }

    /// Reads and checks a file as [`Config::load`] does, and also returns its text.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn load_with_text(path: &Path) -> Result<(Self, Vec<Diagnostic>, String), LoadError> {
        let unreadable = |why: String| {
            let problem = Diagnostic::error(&(0..0), format!("cannot read `{}`: {why}", path.display()));
            LoadError::new(path, "", vec![problem])
        };
        let bytes = std::fs::read(path).map_err(|error| unreadable(error.to_string()))?;
        let text = String::from_utf8(bytes).map_err(|error| unreadable(error.utf8_error().to_string()))?;
        let (config, diagnostics) = Self::parse(path, &text)?;
        Ok((config, diagnostics, text))
    }

    /// Checks `text` as the content of the file at `path`. Reads nothing but the files of certificates, users and
    /// error pages that it names, and looks whether its folders are there.
    ///
    /// # Errors
    /// Everything that is wrong with the text.
    pub fn parse(path: &Path, text: &str) -> Result<(Self, Vec<Diagnostic>), LoadError> {
        let (checked, diagnostics) = check(path, text, SystemTime::now())?;
        Ok((checked.config, diagnostics))
    }
}

const ROOT: Section<'static> = Section {
    place: Place::Root,
    title: "",
};
const DEFAULTS: Section<'static> = Section {
    place: Place::Defaults,
    title: "[defaults]",
};
const ACME: Section<'static> = Section {
    place: Place::Acme,
    title: "[acme]",
};
const SERVER: Section<'static> = Section {
    place: Place::Server,
    title: "[server]",
};

/// The tables of the file, each read on its own.
#[derive(Default)]
struct Tables {
    defaults: Settings,
    environments: Vec<RawEnvironment>,
    server: RawServer,
    redirects: Vec<RawRedirect>,
    acme: Acme,
    notify: Vec<RawNotify>,
}

/// A configuration, and what it was built from.
pub(crate) struct Checked {
    pub(crate) config: Config,
    pub(crate) environments: Vec<RawEnvironment>,
    pub(crate) services: Vec<Merged>,
    pub(crate) redirects: Vec<RawRedirect>,
}

/// Reads `text` as the content of `file`; `now` decides which certificates have expired.
///
/// # Errors
/// Everything that is wrong with the text.
pub(crate) fn check(file: &Path, text: &str, now: SystemTime) -> Result<(Checked, Vec<Diagnostic>), LoadError> {
    let folder = file.parent().unwrap_or_else(|| Path::new(""));
    let root = raw::parse(text).map_err(|mut problems| {
        report::tidy(&mut problems);
        LoadError::new(file, text, problems)
    })?;
    let mut problems = Vec::new();
    let tables = Tables::read(&root, folder, &mut problems);
    let merged = merge::merge(&tables.defaults, &tables.environments, &mut problems);
    let checked = tables.checked(file, folder, merged, now, &mut problems);
    report::tidy(&mut problems);
    if problems.iter().any(|problem| problem.severity == Severity::Error) {
        return Err(LoadError::new(file, text, problems));
    }
    Ok((checked, problems))
}

impl Tables {
    fn read(root: &Table, folder: &Path, problems: &mut Vec<Diagnostic>) -> Self {
        let mut tables = Self::default();
        let mut unknown = Vec::new();
        for entry in &root.entries {
            match entry.key.value.as_str() {
                "defaults" => match &entry.value.kind {
                    Kind::Table(table) => {
                        let (defaults, unknown) = Settings::read(table, Place::Defaults, problems, |_, _| false);
                        unknown::refuse(DEFAULTS, &unknown, problems);
                        tables.defaults = defaults;
                    }
                    Kind::Text(_)
                    | Kind::Integer(_)
                    | Kind::Float(_)
                    | Kind::Boolean(_)
                    | Kind::Date
                    | Kind::List(_) => {
                        problems.push(plain::mismatch("defaults", &entry.value, "a table", "`[defaults]`"));
                    }
                },
                "acme" => {
                    let (acme, unknown) = acme::read(&entry.value, folder, problems);
                    unknown::refuse(ACME, &unknown, problems);
                    tables.acme = acme;
                }
                "env" => tables.environments = environments::read(&entry.value, problems),
                "notify" => tables.notify = destinations::read(&entry.value, folder, problems),
                "redirect" => tables.redirects = redirects::read(&entry.value, problems),
                "server" => {
                    let (server, unknown) = server::read(&entry.value, folder, problems);
                    unknown::refuse(SERVER, &unknown, problems);
                    tables.server = server;
                }
                _ => unknown.push(Unknown {
                    prefix: String::new(),
                    key: &entry.key,
                }),
            }
        }
        unknown::refuse(ROOT, &unknown, problems);
        // Beside something that cannot be read, "no environment" would be one error too many.
        if problems.is_empty() && tables.environments.is_empty() && tables.redirects.is_empty() {
            problems.push(
                Diagnostic::error(&(0..0), "the file names no environment")
                    .hint("three lines serve a site: `[env.prod]`, `host = \"example.com\"`, `upstream = 3000`"),
            );
        }
        tables
    }

    fn checked(
        self,
        file: &Path,
        folder: &Path,
        merged: Vec<Option<Vec<Merged>>>,
        now: SystemTime,
        problems: &mut Vec<Diagnostic>,
    ) -> Checked {
        let error_pages = Folders::read(&self.defaults, &merged, folder, problems);
        let around = Surroundings {
            folder,
            acme: &self.acme,
            error_pages: &error_pages,
        };
        let environments = self.environments.iter().zip(&merged).map(|(raw, merged)| Environment {
            name: Arc::clone(&raw.name.value),
            protected: raw.protected,
            deploy: deployments::build(raw),
            sleep: raw.sleep.as_ref().and_then(|raw| raw.rules.clone()),
            requires: raw.requires(),
            error_pages: merged
                .iter()
                .flatten()
                .find_map(|service| error_pages.of(&service.of_environment.as_ref()?.value)),
            services: merged
                .iter()
                .flatten()
                .filter_map(|service| service::build(service, around, problems))
                .map(|service| Service {
                    sleeps: raw.sleep.is_some(),
                    ..service
                })
                .map(Arc::new)
                .collect(),
        });
        let environments: Vec<Environment> = environments.collect();
        deploy::check(&self.environments, &merged, &environments, problems);
        sleep::check(&self.environments, &environments, problems);
        let configured = environments.iter().flat_map(|environment| &environment.services);
        let log_query = configured.fold(self.defaults.log_query(), |all, service| all.and(&service.log_query));
        // Services that lack something are compared with the others too, so that every error is shown at once.
        let services: Vec<Merged> = merged.into_iter().flatten().flatten().collect();
        let tls: Option<&At<_>> = self.defaults.tls.as_ref();
        requires::check(&self.environments, problems);
        let names: Vec<&str> = self.environments.iter().map(|raw| &*raw.name.value).collect();
        notify::check(&self.notify, &names, problems);
        hosts::check(&services, &self.redirects, problems);
        addresses::check(&services, &self.server, problems);
        let is_served = |redirect: &&RawRedirect| {
            let mut hosts = services.iter().flat_map(Merged::hosts);
            hosts.any(|host| host.value == redirect.host.value)
        };
        // A host that is served has the certificate of its services.
        let unserved = self.redirects.iter().filter(|redirect| !is_served(redirect));
        let unserved: Vec<RawRedirect> = unserved.cloned().collect();
        certificates::check(&services, tls, &unserved, folder, now, problems);
        users::check(&self.server.users, &services, folder, problems);
        folders::check(&services, file, problems);
        auth_services::check(&services, &self.server, problems);
        labels::check(&services, &self.defaults, problems);
        let of_redirects = self.defaults.tls().in_folder(folder);
        hosts::warn_unsigned(&services, &unserved, &of_redirects, &self.acme, problems);
        if !matches!(self.acme.challenge, Challenge::Dns(_)) {
            hosts::warn_wildcards(&services, problems);
        }
        hosts::warn_addresses(&services, problems);
        let redirects = self.redirects.iter().map(|redirect| Redirect {
            host: Arc::clone(&redirect.host.value),
            path: Arc::clone(&redirect.path),
            to: Arc::clone(&redirect.to.value),
            target: redirect.target.clone(),
            tls: services
                .iter()
                .find(|service| service.hosts().iter().any(|host| host.value == redirect.host.value))
                .map_or_else(|| of_redirects.clone(), |service| service.tls(folder)),
        });
        let config = Config {
            file: file.to_path_buf(),
            redirects: redirects.collect(),
            environments,
            server: self.server.server,
            acme: self.acme,
            notify: self.notify.into_iter().filter_map(|raw| raw.destination).collect(),
            log_query,
            error_pages: error_pages.of(&self.defaults.error_pages()),
        };
        loops::check(&config, &services, &self.redirects, problems);
        Checked {
            config,
            environments: self.environments,
            services,
            redirects: self.redirects,
        }
    }
}
