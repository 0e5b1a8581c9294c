//! From what was understood to the tables of a `proxy.toml`: which environments there are, which services they have, and what is said
//! once for several.
//!
//! - `names` what environments and services are called
//! - `service` the services of a site, `parts` their entries of `at`; `table` what both are
//! - `keep` what was kept from clients at paths that no entry says: the one place that decides what is closed for it
//! - `hoist` what is said once

mod hoist;
mod keep;
mod names;
mod parts;
mod service;
mod table;

use std::collections::BTreeMap;

use table::Service;

use super::draft::{Draft, Elsewhere, NO_TLS, Note, Setting, Settings, Site, Slots};
use super::value::{Value, quoted};
use super::write::{Block, Document, Key, Out};

/// An environment to be.
#[derive(Debug)]
struct Environment {
    name: &'static str,
    settings: Settings,
    services: Vec<(String, Service)>,
}

/// Says that slots are still to be given.
const SLOTS: &str = "Each app has one place, as before. To swap it, give it `blue` and `green` instead of `upstream`, and let it answer `GET /health`.";

/// The document of a draft that was read from a file of this name.
pub(super) fn document(draft: Draft, file: &str) -> Document {
    let mut notes = draft.notes;
    let mut redirects = draft.redirects;
    let mut environments: Vec<Environment> = Vec::new();
    let mut owners: BTreeMap<String, &'static str> = BTreeMap::new();
    for site in draft.sites.into_iter().flat_map(by_environment) {
        let wanted = site
            .hosts
            .first()
            .map_or(names::PRODUCTION, |host| names::environment(host));
        let label = site
            .hosts
            .first()
            .map_or_else(|| "web".to_owned(), |host| names::of_host(host));
        let place = site.place;
        let (services, elsewhere, said) = service::services(site);
        redirects.extend(elsewhere);
        notes.extend(said);
        let name = owner(&services, wanted, &mut owners);
        let at = environments.iter().position(|one| one.name == name).unwrap_or_else(|| {
            environments.push(Environment {
                name,
                settings: Settings::default(),
                services: Vec::new(),
            });
            environments.len() - 1
        });
        for (number, mut service) in services.into_iter().enumerate() {
            if name != wanted && number == 0 {
                service.notes.push(Note {
                    place,
                    what: format!("{} has an app of `{name}` behind it", service.hosts.join(" ")),
                    nearest: "an environment of its own needs an app of its own".to_owned(),
                });
            }
            add(&mut environments[at], &label, service, &mut notes, place);
        }
    }
    environments.retain(|environment| !environment.services.is_empty());
    environments.sort_by_key(|environment| environment.name != names::PRODUCTION);
    let all = || environments.iter().flat_map(|environment| &environment.services);
    let mut head = vec![format!(
        "Imported from {file}. A comment that names a file and a line needs a look: what stands there has no counterpart."
    )];
    if all().any(|(_, service)| matches!(service.target.slots, Slots::Upstream(_))) {
        head.push(SLOTS.to_owned());
    }
    head.extend(draft.remarks);
    let served: Vec<String> = all().flat_map(|(_, service)| service.hosts.clone()).collect();
    let redirects = leading(redirects, &served, &mut notes);
    let defaults = hoist(&mut environments, !redirects.is_empty());
    let mut blocks = Vec::new();
    push_table(&mut blocks, "[server]", &draft.server);
    push_table(&mut blocks, "[acme]", &draft.acme);
    push_table(&mut blocks, "[defaults]", &defaults);
    for environment in environments {
        push_environment(&mut blocks, environment);
    }
    push_table(&mut blocks, "[redirect]", &redirects);
    Document { head, notes, blocks }
}

/// A site whose hosts belong to several environments, as one site for each.
fn by_environment(site: Site) -> Vec<Site> {
    let mut sites: Vec<(&str, Site)> = Vec::new();
    for host in &site.hosts {
        let environment = names::environment(host);
        match sites.iter_mut().find(|(name, _)| *name == environment) {
            Some((_, known)) => {
                if !known.hosts.contains(host) {
                    known.hosts.push(host.clone());
                }
            }
            None => {
                let notes = if sites.is_empty() {
                    site.notes.clone()
                } else {
                    Vec::new()
                };
                let own = Site {
                    hosts: vec![host.clone()],
                    notes,
                    ..site.clone()
                };
                sites.push((environment, own));
            }
        }
    }
    sites.into_iter().map(|(_, site)| site).collect()
}

/// The environment that these services go to: an app belongs to one, so it is that of the apps that are known already.
fn owner(services: &[Service], wanted: &'static str, owners: &mut BTreeMap<String, &'static str>) -> &'static str {
    let addresses: Vec<String> = services
        .iter()
        .flat_map(|service| addresses(&service.target.slots))
        .collect();
    let name = addresses
        .iter()
        .find_map(|address| owners.get(address).copied())
        .unwrap_or(wanted);
    for address in addresses {
        owners.entry(address).or_insert(name);
    }
    name
}

fn addresses(slots: &Slots) -> Vec<String> {
    match slots {
        Slots::Upstream(addresses) => addresses.clone(),
        Slots::Pair { blue, green } => [blue.clone(), green.clone()].concat(),
        Slots::Folder(folder) => vec![format!("files:{folder}")],
        Slots::Nothing(_) => Vec::new(),
    }
}

/// Adds a service under a free name, unless its hosts are answered at this path already.
fn add(
    environment: &mut Environment,
    label: &str,
    mut service: Service,
    notes: &mut Vec<Note>,
    place: super::source::Place,
) {
    let taken = |host: &String| {
        environment
            .services
            .iter()
            .any(|(_, other)| other.path == service.path && other.hosts.contains(host))
    };
    let twice: Vec<String> = service.hosts.iter().filter(|host| taken(host)).cloned().collect();
    service.hosts.retain(|host| !twice.contains(host));
    if !twice.is_empty() {
        notes.push(Note {
            place,
            what: format!("{} is served twice at `{}`", twice.join(" "), service.path),
            nearest: "the first one is taken, as before".to_owned(),
        });
    }
    if service.hosts.is_empty() {
        notes.append(&mut service.notes);
        return;
    }
    let is_twin = |other: &&mut (String, Service)| {
        let other = &other.1;
        (&other.path, &other.target, &other.settings, &other.parts)
            == (&service.path, &service.target, &service.settings, &service.parts)
    };
    if let Some((_, twin)) = environment.services.iter_mut().find(is_twin) {
        twin.hosts.append(&mut service.hosts);
        let notes = std::mem::take(&mut service.notes).into_iter();
        let unsaid: Vec<Note> = notes.filter(|note| !twin.notes.contains(note)).collect();
        twin.notes.extend(unsaid);
        return;
    }
    let wished = match service.path.as_str() {
        "/" => label.to_owned(),
        path => names::of_path(path),
    };
    let known: Vec<String> = environment.services.iter().map(|(name, _)| name.clone()).collect();
    environment
        .services
        .push((names::free(&wished, label, &known), service));
}

/// Says once what all services of an environment, and all environments, say.
fn hoist(environments: &mut [Environment], has_redirects: bool) -> Settings {
    for environment in environments.iter_mut() {
        let mut all: Vec<&mut Settings> = environment
            .services
            .iter_mut()
            .map(|(_, service)| &mut service.settings)
            .collect();
        environment.settings = hoist::common(&mut all);
    }
    let mut all: Vec<&mut Settings> = environments
        .iter_mut()
        .map(|environment| match environment.services.as_mut_slice() {
            [(_, only)] => &mut only.settings,
            _ => &mut environment.settings,
        })
        .collect();
    let mut defaults = hoist::common(&mut all);
    // Hosts that only lead elsewhere have the certificates that `[defaults]` says.
    let off = Value::text("off");
    if has_redirects
        && let [only] = all.as_mut_slice()
        && only.get("tls") == Some(&off)
    {
        only.remove("tls");
        defaults.set_with("tls", off, Some(NO_TLS.to_owned()));
    }
    defaults
}

/// `[redirect]`, without hosts that are served.
fn leading(redirects: Vec<Elsewhere>, served: &[String], notes: &mut Vec<Note>) -> Settings {
    let mut all = Settings::default();
    for one in redirects {
        let mut refuse = |nearest: &str| {
            notes.push(Note {
                place: one.place,
                what: format!("{} leads to {}", one.from, one.to),
                nearest: nearest.to_owned(),
            });
        };
        let is_itself = one.to.split_once("://").is_some_and(|(_, host)| host == one.from);
        let key = quoted(&one.from);
        if is_itself || all.get(&key) == Some(&Value::text(one.to.as_str())) {
            continue;
        }
        if one.from.starts_with('*') {
            refuse("`[redirect]` takes hosts by name");
        } else if served.contains(&one.from) {
            refuse("it is served, too; a host is served or leads elsewhere");
        } else if all.get(&key).is_some() {
            refuse("it leads elsewhere already");
        } else {
            all.set(&key, Value::Text(one.to));
        }
    }
    all
}

fn push_table(blocks: &mut Vec<Block>, title: &str, settings: &Settings) {
    if settings.is_empty() {
        return;
    }
    let mut block = Block::new(title);
    push_all(&mut block, settings);
    blocks.push(block);
}

fn push_all(block: &mut Block, settings: &Settings) {
    for setting in settings.iter() {
        block.push(setting.clone());
    }
}

fn push_environment(blocks: &mut Vec<Block>, environment: Environment) {
    let title = format!("env.{}", environment.name);
    let is_short = matches!(environment.services.as_slice(), [(_, only)] if only.parts.is_empty());
    if is_short {
        for (_, service) in environment.services {
            let mut block = block(&format!("[{title}]"), service.notes.clone(), &service);
            push_all(&mut block, &environment.settings);
            push_all(&mut block, &service.settings);
            blocks.push(block);
        }
        return;
    }
    push_table(blocks, &format!("[{title}]"), &environment.settings);
    for (name, service) in environment.services {
        let title = format!("{title}.service.{name}");
        let mut block = block(&format!("[{title}]"), service.notes.clone(), &service);
        push_all(&mut block, &service.settings);
        blocks.push(block);
        for part in service.parts {
            let mut block = Block::new(format!("[[{title}.at]]"));
            block.notes = part.notes;
            block.push(Setting::of("path", Value::texts(part.paths)));
            push_all(&mut block, &part.settings);
            blocks.push(block);
        }
    }
}

/// The table of a service, with what it answers to and where it runs.
fn block(title: &str, notes: Vec<Note>, service: &Service) -> Block {
    let mut block = Block::new(title);
    block.notes = notes;
    block.push(Setting::of("host", Value::texts(service.hosts.clone())));
    if service.hosts.iter().all(|host| host.starts_with("*.")) && service.settings.get("health.host").is_none() {
        let host = service.hosts.first().map(|host| host.replacen('*', "www", 1));
        block.keys.extend(host.map(|host| Key {
            setting: Setting {
                key: "health.host".to_owned(),
                value: Value::Text(host),
                remark: Some("a name that the app answers to".to_owned()),
            },
            out: None,
        }));
    }
    if service.path != "/" {
        block.push(Setting::of("path", Value::text(service.path.as_str())));
    }
    if service.target.strip {
        block.push(Setting::of("strip_prefix", Value::Flag(true)));
    }
    match &service.target.slots {
        Slots::Upstream(addresses) => block.push(Setting::of("upstream", slot(addresses))),
        Slots::Pair { blue, green } => {
            block.push(Setting::of("blue", slot(blue)));
            block.push(Setting::of("green", slot(green)));
        }
        Slots::Folder(folder) => block.push(Setting::of("upstream", Value::Text(format!("files:{folder}")))),
        Slots::Nothing(_) => {
            block.push(Setting::of("upstream", Value::text("PORT")));
            block.out = Some(Out::Said);
        }
    }
    block
}

/// A port, an address, or a list of these.
fn slot(addresses: &[String]) -> Value {
    let value = |address: &String| {
        address
            .parse()
            .map_or_else(|_| Value::text(address.as_str()), Value::Number)
    };
    match addresses {
        [only] => value(only),
        several => Value::List(several.iter().map(value).collect()),
    }
}
