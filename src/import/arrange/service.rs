//! The services of a site: one for each app and prefix, with an `at` entry for each part that differs only in its settings.

use crate::import::draft::{Elsewhere, Note, Route, Settings, Site, Slots, Target};
use crate::import::value::Value;

/// Paths that are probably the app's health check.
const HEALTH: &[&str] = &[
    "/healthz",
    "/healthcheck",
    "/health-check",
    "/_health",
    "/api/health",
    "/api/healthz",
    "/readyz",
    "/livez",
    "/ping",
    "/up",
];

/// A service to be.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) hosts: Vec<String>,
    pub(super) path: String,
    pub(super) target: Target,
    pub(super) settings: Settings,
    pub(super) notes: Vec<Note>,
    pub(super) parts: Vec<Part>,
}

/// An `at` entry.
#[derive(Debug, PartialEq)]
pub(super) struct Part {
    pub(super) paths: Vec<String>,
    pub(super) settings: Settings,
    pub(super) notes: Vec<Note>,
}

/// The services of a site, and what of it leads elsewhere where there is no service that could.
pub(super) fn services(mut site: Site) -> (Vec<Service>, Vec<Elsewhere>, Vec<Note>) {
    let routes = std::mem::take(&mut site.routes);
    let mut services = Vec::new();
    let mut rest = Vec::new();
    let mut with_target: Vec<Route> = Vec::new();
    for route in routes {
        let has_prefix = route.paths.iter().any(|path| path.starts_with('/'));
        match &route.target {
            Some(_) if has_prefix => with_target.push(route),
            Some(_) | None => rest.push(route),
        }
    }
    // Shorter prefixes first: what is below them may be a part of theirs.
    with_target.sort_by_key(|route| route.paths.first().map_or(0, String::len));
    for route in with_target {
        place(&site, route, &mut services, &mut rest);
    }
    if services.is_empty() {
        let (elsewhere, notes) = leading(&site, rest);
        return (services, elsewhere, notes);
    }
    // Longer prefixes behind shorter ones, and endings behind them all: the later one wins.
    let width = |path: &String| if path.starts_with('*') { usize::MAX } else { path.len() };
    rest.sort_by_key(|route| route.paths.first().map_or(0, width));
    for route in rest {
        add_part(route, &mut services);
    }
    let mut orphans = std::mem::take(&mut site.notes);
    if let Some(first) = services.first_mut() {
        orphans.append(&mut first.notes);
        first.notes = orphans;
    }
    for service in &mut services {
        finish(service);
    }
    (services, Vec::new(), Vec::new())
}

/// Makes services of a route, or leaves it for a part of one that is there.
fn place(site: &Site, route: Route, services: &mut Vec<Service>, rest: &mut Vec<Route>) {
    let Some(target) = route.target.clone() else { return };
    let of_service = |key: &str| key == "public" || key.starts_with("files.");
    let needs_service = target.strip || route.settings.iter().any(|setting| of_service(&setting.key));
    let mut parts = Vec::new();
    for path in route.paths.iter().filter(|path| path.starts_with('/')) {
        let around = enclosing(services, path);
        let is_same = around.is_some_and(|service: &Service| service.target == target);
        if is_same && !needs_service {
            parts.push(path.clone());
            continue;
        }
        if services.iter().any(|service| service.path == *path) {
            continue;
        }
        let is_first = services
            .iter()
            .all(|service| service.notes != route.notes || route.notes.is_empty());
        services.push(Service {
            hosts: site.hosts.clone(),
            path: path.clone(),
            target: target.clone(),
            settings: site.settings.under(&route.settings),
            notes: if is_first { route.notes.clone() } else { Vec::new() },
            parts: Vec::new(),
        });
    }
    if !parts.is_empty() {
        rest.push(Route { paths: parts, ..route });
    }
}

/// The service whose paths this one is among.
fn enclosing<'s>(services: &'s [Service], path: &str) -> Option<&'s Service> {
    let around = services.iter().filter(|service| is_below(path, &service.path));
    around.max_by_key(|service| service.path.len())
}

fn is_below(path: &str, prefix: &str) -> bool {
    prefix == "/"
        || path
            .strip_prefix(prefix)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Adds an entry to the service that its paths belong to.
fn add_part(route: Route, services: &mut [Service]) {
    let target = route.target.as_ref();
    let of_target = |service: &Service| target.is_some_and(|target| service.target == *target);
    let path = route.paths.iter().find(|path| path.starts_with('/'));
    let found = match path {
        Some(path) => enclosing(services, path).map(|service| service.path.clone()),
        None => services
            .iter()
            .find(|service| of_target(service))
            .map(|service| service.path.clone()),
    };
    let at = services
        .iter()
        .position(|service| Some(&service.path) == found.as_ref())
        .unwrap_or(0);
    let Some(service) = services.get_mut(at) else { return };
    if route.paths.iter().any(|path| HEALTH.contains(&path.as_str())) && service.settings.get("health.path").is_none() {
        service
            .settings
            .set("health.path", Value::text(route.paths[0].as_str()));
    }
    // For all of its paths it is no part.
    if route.paths == ["/"] {
        service.settings = service.settings.under(&route.settings);
        service.notes.extend(route.notes);
        return;
    }
    service.parts.push(Part {
        paths: route.paths,
        settings: route.settings,
        notes: route.notes,
    });
}

/// What becomes of parts inside of what the service says: nginx and Caddy do not hand it on from one path to another.
fn finish(service: &mut Service) {
    let is_folder = matches!(service.target.slots, Slots::Folder(_));
    if !is_folder {
        for key in ["files.not_found", "files.fallback"] {
            service.settings.remove(key);
        }
    }
    // Where all that is missing has a page, nothing is missing.
    if service.settings.get("files.fallback").is_some() {
        service.settings.remove("files.not_found");
    }
    for part in &mut service.parts {
        part.settings.remove("files.not_found");
        part.settings.remove("files.fallback");
        // Parts cannot have these; what is below a service has what the service has.
        if let Some(Value::Text(folder)) = part.settings.remove("public") {
            service.settings.set("public", Value::Text(folder));
        }
    }
    let notes = service.parts.iter_mut().filter(|part| part.settings.is_empty());
    let orphans: Vec<Note> = notes.flat_map(|part| std::mem::take(&mut part.notes)).collect();
    service.notes.extend(orphans);
    service.parts.retain(|part| !part.settings.is_empty());
}

/// Redirects of a site that has no app.
fn leading(site: &Site, routes: Vec<Route>) -> (Vec<Elsewhere>, Vec<Note>) {
    let mut elsewhere = Vec::new();
    let mut notes = site.notes.clone();
    for route in routes {
        notes.extend(route.notes);
        let to = match route.settings.get("redirect") {
            Some(Value::Text(to)) => Some(to.clone()),
            Some(Value::Table(entries)) => entries.iter().find_map(|(key, value)| match (key, value) {
                (&"to", Value::Text(to)) => Some(to.clone()),
                _ => None,
            }),
            Some(_) | None => None,
        };
        let Some(to) = to else {
            notes.push(Note {
                place: route.place,
                what: format!("settings of `{}`, where nobody answers", route.paths.join(" ")),
                nearest: "a service says who answers".to_owned(),
            });
            continue;
        };
        for (host, path) in site
            .hosts
            .iter()
            .flat_map(|host| route.paths.iter().map(move |path| (host, path)))
        {
            let rest = if to.ends_with("/*") { "/*" } else { "" };
            let to = if to.starts_with('/') {
                format!("https://{host}{to}")
            } else {
                to.clone()
            };
            let from = if path == "/" {
                host.clone()
            } else {
                format!("{host}{path}{rest}")
            };
            let to = if path == "/" {
                to.trim_end_matches("/*").to_owned()
            } else {
                to
            };
            elsewhere.push(Elsewhere {
                place: route.place,
                from,
                to,
            });
        }
    }
    (elsewhere, notes)
}

/// What a part has to say so that it does not get what only the paths around it have.
pub(super) fn take_away(site: &Settings, service: &Settings, part: &mut Part) {
    for setting in service.iter() {
        if site.get(&setting.key).is_some() || part.settings.get(&setting.key).is_some() {
            continue;
        }
        let off = match setting.key.as_str() {
            "auth.basic" | "auth.allow" | "auth.forward" | "limit.rate" | "limit.concurrent" | "cache" | "redirect"
            | "rewrite" => Value::text("off"),
            "compress" => Value::Flag(false),
            "log" => Value::Flag(true),
            _ => continue,
        };
        part.settings.set(&setting.key, off);
    }
}
