//! What a stranger gets of an imported site, as the configuration that was made says: path by path.

use std::path::Path;
use std::sync::Arc;

use greengate::config::{Config, Service};
use greengate::model::files::FilePath;

use crate::Made;

/// What a stranger gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    /// What an app answers.
    App,
    /// A file of a folder, if it is there.
    File,
    /// 403 or 401.
    Closed,
    /// 404, or the answer that there is no such host.
    Nobody,
    /// A redirect.
    Elsewhere,
}

impl Made {
    /// What a stranger gets of `a.com/x`.
    pub(crate) fn seen(&self, url: &str) -> Seen {
        let (host, path) = url.split_at(url.find('/').unwrap_or(url.len()));
        // Where nothing is served there is no configuration yet.
        let Ok((config, _)) = Config::parse(Path::new("proxy.toml"), &self.text) else {
            return Seen::Nobody;
        };
        let is_below = |path: &str, prefix: &str| {
            let rest = path.strip_prefix(prefix.trim_end_matches('/'));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let answers =
            |service: &&Arc<Service>| service.hosts.iter().any(|one| &**one == host) && is_below(path, &service.path);
        let Some(service) = config
            .services()
            .filter(answers)
            .max_by_key(|service| service.path.len())
        else {
            return Seen::Nobody;
        };
        let Some(policy) = service.parts.find(path.as_bytes()).map(|place| service.policy(place)) else {
            return Seen::Closed;
        };
        let auth = &policy.auth;
        let is_asked = auth.allow.is_some() || auth.basic.is_some() || auth.forward.is_some();
        if is_asked && !auth.except.iter().any(|prefix| is_below(path, prefix)) {
            return Seen::Closed;
        }
        match (policy.redirect.is_some(), service.slots.has_folder()) {
            (true, _) => Seen::Elsewhere,
            (false, false) => Seen::App,
            (false, true) if FilePath::of(path.as_bytes()).is_none() => Seen::Nobody,
            (false, true) => Seen::File,
        }
    }

    /// Fails where a stranger gets something else of these.
    pub(crate) fn shows(&self, expected: &[(&str, Seen)]) {
        for (url, seen) in expected {
            assert_eq!(self.seen(url), *seen, "{url}\n{}", self.text);
        }
    }
}
