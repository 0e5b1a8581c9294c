//! Refuses redirects that lead back to where they came from: a client would never arrive.

use std::ops::Range;
use std::sync::Arc;

use super::map::{Map, Place};
use crate::config::build::merge::Merged;
use crate::config::checked::Config;
use crate::config::policy::PathPattern;
use crate::config::read::redirects::RawRedirect;
use crate::config::text::report::Diagnostic;
use crate::model::routes::Lookup;

/// Redirects that are followed one behind the other; browsers give up at twenty.
const FOLLOWED: usize = 20;

/// Follows every redirect from where it begins.
pub(crate) fn check(config: &Config, services: &[Merged], redirects: &[RawRedirect], problems: &mut Vec<Diagnostic>) {
    let map = Map::of(config);
    for redirect in redirects {
        let (host, path) = (&redirect.host.value, &redirect.path);
        if begins(path).any(|path| map.leads_back(host, &path)) {
            let name = format!("{host}{}", if &**path == "/" { "" } else { path });
            problems.push(
                Diagnostic::error(&redirect.to.span, format!("the redirect of `{name}` leads back to it"))
                    .expected("expected another host"),
            );
        }
    }
    for service in services {
        let Some(host) = service.hosts().first() else { continue };
        // Any label will do.
        let host = host.value.replace('*', "x");
        for (span, paths) in written(service) {
            if paths.iter().any(|path| map.leads_back(&host, path)) {
                problems.push(
                    Diagnostic::error(span, "`redirect` leads back to where it came from")
                        .expected("expected a path that is not redirected, or another host"),
                );
            }
        }
    }
}

/// Where a service's redirects stand, with paths that each of them answers.
fn written(service: &Merged) -> Vec<(&Range<usize>, Vec<String>)> {
    let prefix = service.settings.path();
    let own = service
        .settings
        .redirect
        .as_ref()
        .filter(|it| it.value.as_ref().is_some());
    let own = own.map(|written| (&written.span, begins(&prefix).collect()));
    let parts = service.parts.iter().flat_map(|parts| &parts.value).filter_map(|part| {
        let written = part
            .settings
            .redirect
            .as_ref()
            .filter(|it| it.value.as_ref().is_some())?;
        let paths = part.paths.iter().flat_map(|path| match &path.value {
            PathPattern::Prefix(prefix) => begins(prefix).collect(),
            PathPattern::Ending(ending) => vec![format!("{}/x{ending}", prefix.trim_end_matches('/'))],
        });
        Some((&written.span, paths.collect()))
    });
    own.into_iter().chain(parts).collect()
}

/// A prefix as a path, and a path below it.
fn begins(prefix: &str) -> impl Iterator<Item = String> {
    [prefix.to_owned(), format!("{}/x", prefix.trim_end_matches('/'))].into_iter()
}

impl Map<'_> {
    /// Whether the redirect that answers here is met again on the way.
    fn leads_back(&self, host: &str, path: &str) -> bool {
        let Some((first, mut location)) = self.follow(host, path) else {
            return false;
        };
        let mut at = host.to_owned();
        for _ in 0..FOLLOWED {
            let path = match location.split_once("://") {
                None => location.clone(),
                Some((_, rest)) => {
                    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
                    at = authority.to_owned();
                    path.to_owned()
                }
            };
            let path = path.split('?').next().unwrap_or_default();
            // A port may be another server's: no host of the table has one.
            let Some((met, next)) = self.follow(&at, path) else {
                return false;
            };
            if met == first {
                return true;
            }
            location = next;
        }
        false
    }

    /// Which redirect answers here, and where it leads.
    fn follow(&self, host: &str, path: &str) -> Option<(Met, String)> {
        let (met, to) = match self.find(host, path) {
            Lookup::Found(Place::Redirect(index)) => {
                (Met::Redirect(*index), &self.config.redirects.get(*index)?.target)
            }
            Lookup::Found(Place::Service(service)) => {
                let policy = service.parts.find(path.as_bytes())?;
                let name = (service.environment.clone(), service.name.clone());
                (Met::Policy(name, policy), &service.policy(policy).redirect.as_ref()?.to)
            }
            Lookup::UnknownHost | Lookup::NoPath | Lookup::Ambiguous => return None,
        };
        Some((met, String::from_utf8_lossy(&to.of(path.as_bytes())).into_owned()))
    }
}

/// What sent a client elsewhere.
#[derive(Debug, PartialEq, Eq)]
enum Met {
    Redirect(usize),
    Policy((Arc<str>, Arc<str>), u16),
}
