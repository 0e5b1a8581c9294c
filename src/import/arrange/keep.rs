//! What was kept from clients at paths that no prefix and no ending says: which paths are closed in its place, in which service, and what
//! is told of it. A folder never gives away what was denied, if all of it has to be closed for that; an app loses no more than a part.

use super::table::{self, Part, Service};
use crate::import::closing;
use crate::import::draft::{Kept, Note, Settings, Site, Slots, Why};
use crate::import::pattern::{Region, is_script};
use crate::import::spell;

/// What is closed of a service.
#[derive(Debug, Default)]
struct Plan {
    /// Parts, as `at` writes them.
    paths: Vec<String>,
    is_whole: bool,
    /// Prefixes behind whose names others go on.
    going_on: Vec<String>,
    /// Whether an app gets some of it as before.
    is_open: bool,
    /// Whether that are hidden files.
    is_open_to_hidden: bool,
}

/// What surely holds a region, of what we can say.
enum Choice {
    Prefix(String),
    Ending(String),
    /// Nothing but all of an app.
    Nothing,
}

/// Asks clients for what was asked of them at paths that we cannot say, and says of every part what is exempt around it.
pub(super) fn keep(site: &Site, services: &mut [Service]) {
    let mut wholes = Vec::new();
    for kept in site.kept.iter().filter(|kept| closing::is_restricted(&kept.settings)) {
        let plans = plans(kept, services);
        let note = note(kept, &plans, services);
        for (at, plan) in &plans {
            close_paths(kept, &site.settings, plan, &mut services[*at]);
            wholes.extend(plan.is_whole.then_some((kept, *at)));
        }
        let at = plans.iter().find(|(_, plan)| plan.is_told()).map_or(0, |(at, _)| *at);
        if let (Some(service), Some(note)) = (services.get_mut(at), note) {
            service.notes.push(note);
        }
    }
    // Last, so that no part of another rule opens any of it.
    for (kept, at) in wholes {
        close_whole(kept, &mut services[at]);
    }
    for service in services {
        for part in &mut service.parts {
            closing::hold(&mut part.settings, &service.settings);
        }
    }
}

/// What is closed for it of which service.
fn plans(kept: &Kept, services: &[Service]) -> Vec<(usize, Plan)> {
    let within = kept.within.as_deref().unwrap_or("/");
    let about = table::at_or_below(services, within);
    let is_about = |service: &Service| !service.is_first && (kept.why != Why::Source || service.serves_files());
    let mut plans = Vec::new();
    for at in about.into_iter().filter(|at| is_about(&services[*at])) {
        let service = &services[at];
        let mut plan = Plan::default();
        for region in &kept.around.regions {
            let is_told = kept.why == Why::Nothing && !region.is_exact && !service.serves_files();
            let choice = match is_told {
                true => Choice::Nothing,
                false => choice(region, within, service),
            };
            match choice {
                Choice::Prefix(path) if spell::is_below(&service.path, &path) => plan.is_whole = true,
                Choice::Prefix(path) => {
                    let around = table::enclosing(services, &path).map(|around| &around.path);
                    if around != Some(&service.path) {
                        continue;
                    }
                    if region.goes_on && service.serves_files() {
                        plan.going_on.push(path.clone());
                    }
                    plan.close(path);
                }
                Choice::Ending(ending) => plan.close(ending),
                Choice::Nothing => plan.is_open = true,
            }
        }
        plan.is_open_to_hidden = kept.around.is_hidden && kept.why != Why::Source && is_app(service);
        plans.push((at, plan));
    }
    plans
}

impl Plan {
    /// Whether there is something to tell of it.
    fn is_told(&self) -> bool {
        self.is_whole || self.is_open || self.is_open_to_hidden || !self.paths.is_empty()
    }

    fn close(&mut self, path: String) {
        if !self.paths.contains(&path) {
            self.paths.push(path);
        }
    }
}

/// The least of a service that surely holds a region. An app whose scripts are closed is closed as a whole.
fn choice(region: &Region, within: &str, service: &Service) -> Choice {
    let serves_files = service.serves_files();
    let of_scripts = region.ending.as_deref().is_some_and(is_script);
    let ending = region.ending.clone().map(Choice::Ending);
    let prefix = region
        .prefix
        .as_ref()
        .map(|prefix| match spell::is_below(within, prefix) {
            true => within.to_owned(),
            false => prefix.clone(),
        });
    let is_all_meant = region.is_exact && region.prefix.is_none() && region.ending.is_none();
    let around = Some(within.to_owned()).filter(|within| within != "/" || serves_files || is_all_meant);
    let mut choices = match (of_scripts, serves_files) {
        (true, true) => [ending, prefix.map(Choice::Prefix), around.map(Choice::Prefix)],
        (true, false) => [None, prefix.map(Choice::Prefix), around.map(Choice::Prefix)],
        (false, _) => [prefix.map(Choice::Prefix), ending, around.map(Choice::Prefix)],
    };
    let found = choices.iter_mut().find_map(Option::take);
    found.unwrap_or(Choice::Nothing)
}

fn is_app(service: &Service) -> bool {
    matches!(service.target.slots, Slots::Upstream(_) | Slots::Pair { .. })
}

fn close_whole(kept: &Kept, service: &mut Service) {
    closing::ask_for(&mut service.settings, &kept.settings);
    let parts = service.parts.iter_mut().map(|part| &mut part.settings);
    // What they say themselves would open them.
    for settings in parts.filter(|settings| closing::has_word(settings)) {
        closing::ask_for(settings, &kept.settings);
    }
}

fn close_paths(kept: &Kept, site: &Settings, plan: &Plan, service: &mut Service) {
    if plan.paths.is_empty() {
        return;
    }
    let mut settings = closing::restrictions(&kept.settings);
    let may_meet = |part: &&Part| meet(&part.paths, &plan.paths);
    for part in service.parts.iter().filter(may_meet) {
        // This entry is the last one, and so counts: what another one asks for there must not end by it.
        if !closing::taken_away(&part.settings).is_empty() {
            closing::ask_for(&mut settings, site);
        }
        let asked = closing::restrictions(&part.settings);
        let mut alike = Settings::default();
        for setting in asked.iter().filter(|asked| settings.get(&asked.key).is_some()) {
            alike.put(setting.clone());
        }
        closing::ask_for(&mut settings, &alike);
    }
    service.parts.push(Part {
        paths: plan.paths.clone(),
        settings,
        notes: Vec::new(),
    });
}

/// Whether a path may match both.
fn meet(some: &[String], others: &[String]) -> bool {
    let mut pairs = some.iter().flat_map(|one| others.iter().map(move |other| (one, other)));
    pairs.any(|(one, other)| {
        one.starts_with('*') || other.starts_with('*') || spell::is_below(one, other) || spell::is_below(other, one)
    })
}

/// What is told of it: what is closed, and what is not.
fn note(kept: &Kept, plans: &[(usize, Plan)], services: &[Service]) -> Option<Note> {
    let mut said = Vec::new();
    let of = |wanted: fn(&Plan) -> bool| {
        plans
            .iter()
            .filter(move |(_, plan)| wanted(plan))
            .map(|(at, _)| &services[*at])
    };
    let wholes: Vec<String> = of(|plan| plan.is_whole)
        .map(|service| format!("`{}`", service.path))
        .collect();
    if !wholes.is_empty() {
        said.push(format!(
            "all of {} is kept from clients, because no less surely holds it",
            wholes.join(" and ")
        ));
    }
    let mut paths: Vec<String> = Vec::new();
    for path in plans.iter().flat_map(|(_, plan)| &plan.paths) {
        if !paths.contains(path) {
            paths.push(path.clone());
        }
    }
    if !paths.is_empty() {
        said.push(format!("`{}` is kept from clients in its place", paths.join(" ")));
    }
    let going_on: Vec<String> = plans.iter().flat_map(|(_, plan)| plan.going_on.clone()).collect();
    if !going_on.is_empty() {
        said.push(format!(
            "names that go on behind `{}` are not kept from them",
            going_on.join(" ")
        ));
    }
    let open: Vec<String> = of(|plan| plan.is_open)
        .map(|service| table::shown(&service.target.slots))
        .collect();
    if !open.is_empty() {
        said.push(format!(
            "nothing but all of the app at {} would surely hold it, so it is not closed there: let the app refuse it, or name what \
             there is of it in an `at` entry with `auth.allow = [\"127.0.0.1\", \"::1\"]`",
            open.join(" and ")
        ));
    }
    if of(|plan| plan.is_open_to_hidden).next().is_some() {
        said.push("no folder gives dotfiles away; an app has to refuse them itself".to_owned());
    }
    (!said.is_empty()).then(|| Note {
        place: kept.place,
        what: format!("`{}`", kept.shown),
        nearest: said.join("; "),
    })
}
