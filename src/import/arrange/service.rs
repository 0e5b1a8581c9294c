//! The services of a site: one for each app and prefix, with an `at` entry for each part that differs only in its settings.

use super::table::{Service, enclosing, shown};
use super::{hoist, keep, parts};
use crate::import::closing;
use crate::import::draft::{Elsewhere, Note, Rank, Route, Settings, Site, Slots, Target};
use crate::import::value::Value;

/// The services of a site, and what of it leads elsewhere where there is no service that could.
pub(super) fn services(mut site: Site) -> (Vec<Service>, Vec<Elsewhere>, Vec<Note>) {
    let mut with_target = Vec::new();
    let mut rest = Vec::new();
    for route in std::mem::take(&mut site.routes).into_iter().flat_map(parts::apart) {
        if route.target.is_some() && !parts::is_of_endings(&route) {
            with_target.push(route);
        } else {
            rest.push(route);
        }
    }
    let (mut services, same) = place(&site, with_target);
    rest.splice(0..0, same);
    if services.is_empty() {
        // Where nobody answers, nobody enters.
        let is_nothing = |route: &Route| route.notes.is_empty() && closing::is_nothing_else(&route.settings);
        rest.retain(|route| !is_nothing(route));
        let (elsewhere, notes) = leading(&site, rest);
        return (services, elsewhere, notes);
    }
    parts::add(&site, rest, &mut services);
    let mut orphans = std::mem::take(&mut site.notes);
    if let Some(first) = services.first_mut() {
        orphans.append(&mut first.notes);
        first.notes = orphans;
    }
    for service in &mut services {
        finish(service);
        for part in &mut service.parts {
            parts::take_away(&site.settings, &service.settings, part);
        }
    }
    // Behind all that opens something.
    keep::keep(&site, &mut services);
    (services, Vec::new(), Vec::new())
}

/// Makes services of routes; what remains are parts of those that are there.
fn place(site: &Site, routes: Vec<Route>) -> (Vec<Service>, Vec<Route>) {
    let of_service = |key: &str| key == "public" || key.starts_with("files.");
    let mut services: Vec<Service> = Vec::new();
    let mut notes: Vec<Vec<Note>> = routes.iter().map(|route| route.notes.clone()).collect();
    let mut same: Vec<Vec<String>> = vec![Vec::new(); routes.len()];
    let all = routes
        .iter()
        .enumerate()
        .flat_map(|(number, route)| route.paths.iter().map(move |path| (number, route, path)));
    let mut all: Vec<(usize, &Route, &String)> = all.collect();
    // Shorter prefixes first: what is below them may be a part of theirs.
    all.sort_by_key(|(_, route, path)| (path.len(), route.reach));
    for (number, route, path) in all {
        let Some(target) = route.target.clone() else { continue };
        let needs_service = target.strip || route.settings.iter().any(|setting| of_service(&setting.key));
        let around = enclosing(&services, path);
        if around.is_some_and(|service: &Service| service.target == target) && !needs_service {
            same[number].push(path.clone());
            continue;
        }
        if let Some(known) = services.iter_mut().find(|service| service.path == *path) {
            known.notes.append(&mut notes[number]);
            join(known, route, &target);
            continue;
        }
        services.push(Service {
            hosts: site.hosts.clone(),
            path: path.clone(),
            target,
            settings: site.settings.under(&route.settings),
            notes: std::mem::take(&mut notes[number]),
            parts: Vec::new(),
            is_first: route.rank == Rank::First,
        });
    }
    for route in routes.iter().filter(|route| route.rank == Rank::Over) {
        parts::restrict_below(route, &mut services);
    }
    let parts = routes.into_iter().zip(same).zip(notes);
    let parts = parts
        .filter(|((_, paths), _)| !paths.is_empty())
        .map(|((route, paths), notes)| Route { paths, notes, ..route });
    (services, parts.collect())
}

/// Keeps what a route sets whose path has a service already, and says so where its app is another one.
fn join(service: &mut Service, route: &Route, target: &Target) {
    let mut settings = Settings::default();
    for setting in route.settings.iter() {
        let is_own = hoist::is_own(&setting.key);
        if service.settings.get(&setting.key).is_none() && (service.target == *target || !is_own) {
            settings.put(setting.clone());
        }
    }
    closing::ask_for(&mut service.settings, &route.settings);
    service.settings = settings.under(&service.settings);
    if service.target != *target {
        service.notes.push(Note {
            place: route.place,
            what: format!("`{}` is another app's, too: {}", service.path, shown(&target.slots)),
            nearest: "a path and what is below it have one app".to_owned(),
        });
    }
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
    parts::leave_out_needless(service);
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
