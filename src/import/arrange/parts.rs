//! The parts of services: `at` entries for paths that differ only in their settings, and for endings, which belong to every service.

use super::table::{self, Part, Service};
use crate::import::closing;
use crate::import::draft::{Note, Rank, Reach, Route, Settings, Site, Slots};
use crate::import::spell;
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

/// Whether a route is about endings alone.
pub(super) fn is_of_endings(route: &Route) -> bool {
    route.paths.iter().all(|path| path.starts_with('*'))
}

/// The prefixes and the endings of a route, each as one of its own.
pub(super) fn apart(route: Route) -> Vec<Route> {
    let (endings, prefixes): (Vec<String>, Vec<String>) =
        route.paths.iter().cloned().partition(|path| path.starts_with('*'));
    if endings.is_empty() || prefixes.is_empty() || (route.target.is_none() && !closing::is_restricted(&route.settings))
    {
        return vec![route];
    }
    let endings = Route {
        paths: endings,
        notes: Vec::new(),
        ..route.clone()
    };
    let prefixes = Route {
        paths: prefixes,
        ..route
    };
    vec![prefixes, endings]
}

/// Adds entries to the services that their paths belong to: the later one wins.
pub(super) fn add(site: &Site, mut routes: Vec<Route>, services: &mut [Service]) {
    // Longer prefixes behind shorter ones, endings behind them, and what wins over those behind them all.
    routes.sort_by_key(|route| {
        let width = route.paths.first().map_or(0, String::len);
        match (is_of_endings(route), route.rank) {
            (false, Rank::First) => (2, width),
            (true, _) => (1, 0),
            (false, _) => (0, width),
        }
    });
    for route in routes {
        if is_of_endings(&route) {
            add_endings(route, services);
        } else {
            add_prefixes(site, route, services);
        }
    }
}

/// Adds the prefixes of a route, each to the service around it.
fn add_prefixes(site: &Site, route: Route, services: &mut [Service]) {
    if route.rank == Rank::Over {
        restrict_below(&route, services);
    }
    let mut notes = route.notes.clone();
    for (at, paths) in grouped(&route.paths, services) {
        let Some(service) = at.and_then(|at| services.get_mut(at)) else {
            // Where nobody answers, nobody enters.
            if closing::is_nothing_else(&route.settings) {
                continue;
            }
            notes.push(Note {
                place: route.place,
                what: format!("settings of `{}`, where nobody answers", paths.join(" ")),
                nearest: "a service says who answers".to_owned(),
            });
            continue;
        };
        if paths.iter().any(|path| HEALTH.contains(&path.as_str())) && service.settings.get("health.path").is_none() {
            service.settings.set("health.path", Value::text(paths[0].as_str()));
        }
        // For all of its paths it is no part.
        if paths == ["/"] {
            let before = service.settings.clone();
            service.settings = before.under(&route.settings);
            closing::ask_for(&mut service.settings, &before);
            if notes.is_empty() && closing::is_closed(&route.settings) {
                notes.push(Note {
                    place: route.place,
                    what: format!("all of `{}` is kept from clients", service.path),
                    nearest: "what answers there answers this machine alone".to_owned(),
                });
            }
            service.notes.append(&mut notes);
            continue;
        }
        let mut settings = route.settings.clone();
        if route.rank == Rank::First {
            win_over_endings(&mut settings, &paths, route.reach, &site.settings, service);
        }
        if route.reach == Reach::Alone && opens(&settings, &service.settings) {
            notes.push(Note {
                place: route.place,
                what: format!("`{}` is open, and so is what is below it", paths.join(" ")),
                nearest: "`path` of an `at` entry takes a prefix".to_owned(),
            });
        }
        if route.goes_on && service.serves_files() && closing::is_restricted(&settings) {
            notes.push(Note {
                place: route.place,
                what: format!(
                    "names that go on behind `{}`, as `{}x`, are given away",
                    paths.join(" "),
                    paths[0]
                ),
                nearest: "`path` ends where a segment does: name those that there are".to_owned(),
            });
        }
        service.parts.push(Part {
            paths,
            settings,
            notes: std::mem::take(&mut notes),
        });
    }
    if let Some(first) = services.first_mut() {
        first.notes.append(&mut notes);
    }
}

/// Paths by the service around them; endings go with the first of them.
fn grouped(paths: &[String], services: &[Service]) -> Vec<(Option<usize>, Vec<String>)> {
    let mut groups: Vec<(Option<usize>, Vec<String>)> = Vec::new();
    let (prefixes, endings): (Vec<&String>, Vec<&String>) = paths.iter().partition(|path| path.starts_with('/'));
    for path in prefixes {
        let around = table::enclosing(services, path).map(|service| &service.path);
        let at = services.iter().position(|service| Some(&service.path) == around);
        match groups.iter_mut().find(|(known, _)| *known == at) {
            Some((_, known)) => known.push(path.clone()),
            None => groups.push((at, vec![path.clone()])),
        }
    }
    if let Some((_, first)) = groups.first_mut() {
        first.extend(endings.into_iter().cloned());
    }
    groups
}

/// What a route asks of clients it asks of them at longer prefixes, too.
pub(super) fn restrict_below(route: &Route, services: &mut [Service]) {
    for service in services.iter_mut().filter(|service| !service.is_first) {
        let is_below = |path: &String| service.path != *path && spell::is_below(&service.path, path);
        if route.paths.iter().any(is_below) {
            closing::ask_for(&mut service.settings, &route.settings);
        }
    }
}

/// Adds endings to the service of their app, and to every other one what keeps clients out.
fn add_endings(route: Route, services: &mut [Service]) {
    let restrictions = closing::restrictions(&route.settings);
    let is_other = |service: &Service| {
        route
            .target
            .as_ref()
            .is_some_and(|target| !service.is_first && service.target != *target)
    };
    let main = services
        .iter()
        .position(|service| !service.is_first && !is_other(service));
    let is_served = |service: &Service| !matches!(service.target.slots, Slots::Nothing(_));
    let mut notes = route.notes;
    if let Some(target) = &route.target
        && services.iter().any(|service| is_other(service) && is_served(service))
    {
        notes.push(Note {
            place: route.place,
            what: format!(
                "`{}` have an app of their own: {}",
                route.paths.join(" "),
                table::shown(&target.slots)
            ),
            nearest: "an app is chosen by host and prefix; no folder gives these away meanwhile".to_owned(),
        });
    }
    let around = route
        .within
        .as_deref()
        .map(|within| table::at_or_below(services, within));
    let is_about = |at: usize| around.as_ref().is_none_or(|around| around.contains(&at));
    let all = services.iter_mut().enumerate();
    for (at, service) in all.filter(|(at, service)| !service.is_first && is_about(*at)) {
        let mut settings = match Some(at) == main {
            true => route.settings.clone(),
            false => restrictions.clone(),
        };
        if is_other(service) && service.serves_files() {
            closing::close(&mut settings, "an app made something else of them");
        }
        if !settings.is_empty() {
            service.parts.push(Part {
                paths: route.paths.clone(),
                settings,
                notes: std::mem::take(&mut notes),
            });
        }
    }
    if let Some(first) = services.first_mut() {
        first.notes.append(&mut notes);
    }
}

/// Whether settings let in whom the ones around them keep out.
fn opens(settings: &Settings, around: &Settings) -> bool {
    let taken_away = closing::taken_away(settings);
    closing::asked(around).iter().any(|key| taken_away.contains(key))
}

/// What a part has to say that wins over endings, of which each that matches would apply.
fn win_over_endings(settings: &mut Settings, paths: &[String], reach: Reach, site: &Settings, service: &Service) {
    for part in &service.parts {
        let ends_so = |ending: &String| paths.iter().any(|path| path.ends_with(ending.trim_start_matches('*')));
        let is_about = part.paths.iter().all(|path| path.starts_with('*'))
            && (reach != Reach::Alone || part.paths.iter().any(ends_so));
        for setting in part.settings.iter().filter(|_| is_about) {
            if settings.get(&setting.key).is_none()
                && let Some(value) = site.get(&setting.key).cloned().or_else(|| off(&setting.key))
            {
                settings.set(&setting.key, value);
            }
        }
    }
}

/// Leaves out what takes away what nothing has set.
pub(super) fn leave_out_needless(service: &mut Service) {
    let of_service = closing::asked(&service.settings);
    let asked: Vec<(Vec<String>, Vec<String>)> = (service.parts.iter())
        .map(|part| (part.paths.clone(), closing::asked(&part.settings)))
        .collect();
    for part in &mut service.parts {
        let is_around = |other: &String| {
            other.starts_with('*')
                || part
                    .paths
                    .iter()
                    .any(|path| path.starts_with('*') || spell::is_below(path, other))
        };
        let around = asked.iter().filter(|(paths, _)| paths.iter().any(is_around));
        let around: Vec<String> = around.flat_map(|(_, keys)| keys.clone()).collect();
        let is_needed = |key: &str| around.iter().chain(&of_service).any(|one| one == key);
        for key in closing::taken_away(&part.settings) {
            if !is_needed(&key) {
                part.settings.remove(&key);
            }
        }
    }
    // A service says all that it has, so there is nothing around it.
    for key in closing::taken_away(&service.settings) {
        service.settings.remove(&key);
    }
}

/// What a part has to say so that it does not get what only the paths around it have.
pub(super) fn take_away(site: &Settings, service: &Settings, part: &mut Part) {
    // What is led on inside is served as the place is that it is led to.
    let is_led_on = part.settings.get("rewrite").is_some();
    for setting in service.iter() {
        let is_kept = is_led_on && closing::is_asked(&setting.key);
        if is_kept || site.get(&setting.key).is_some() || part.settings.get(&setting.key).is_some() {
            continue;
        }
        if let Some(off) = off(&setting.key) {
            part.settings.set(&setting.key, off);
        }
    }
}

/// The value that takes a key away.
fn off(key: &str) -> Option<Value> {
    match key {
        "auth.basic" | "auth.allow" | "auth.forward" | "limit.rate" | "limit.concurrent" | "cache" | "redirect"
        | "rewrite" => Some(Value::text("off")),
        "compress" => Some(Value::Flag(false)),
        "log" => Some(Value::Flag(true)),
        _ => None,
    }
}
