//! The locations of a server, each with who answers there.

use std::collections::BTreeMap;

use super::condition::{self, If};
use super::http::Http;
use super::known::FASTCGI;
use super::level::{Folder, Level};
use super::location::{Location, On};
use super::passing;
use super::redirect::{self, Leads, Rewrite};
use crate::import::closing::{self, Answer};
use crate::import::directive::Directive;
use crate::import::draft::{Kept, Note, Rank, Route, Settings, Slots, Target};
use crate::import::spell;
use crate::import::value::Value;

/// The locations of one server, while they are collected.
pub(super) struct Routes<'d> {
    pub(super) http: &'d Http,
    is_tls: bool,
    /// The server's own.
    pub(super) level: Level,
    /// `try_files` of the server.
    pub(super) tries: Option<&'d Directive>,
    pub(super) named: BTreeMap<String, Location<'d>>,
    found: Vec<Location<'d>>,
    /// Who is asked by `auth_request`, by the path of the location.
    asked: BTreeMap<String, &'d Directive>,
    rewritten: Vec<Route>,
    /// Who gets what is no file, as an `if` says.
    pub(super) missing: Option<Target>,
    /// What expressions have kept from folders, or from clients.
    pub(super) kept: Vec<Kept>,
    pub(super) whole: Option<(Leads, &'d Directive)>,
}

/// What the locations of a server come to.
pub(super) struct Found<'d> {
    /// The server's own.
    pub(super) level: Level,
    pub(super) routes: Vec<Route>,
    pub(super) kept: Vec<Kept>,
    /// Where all of it leads, if it leads elsewhere.
    pub(super) whole: Option<(Leads, &'d Directive)>,
}

impl<'d> Routes<'d> {
    pub(super) fn new(http: &'d Http, is_tls: bool, level: Level) -> Self {
        Self {
            http,
            is_tls,
            level,
            tries: None,
            named: BTreeMap::new(),
            found: Vec::new(),
            asked: BTreeMap::new(),
            rewritten: Vec::new(),
            missing: None,
            kept: Vec::new(),
            whole: None,
        }
    }

    /// Keeps a location that others refer to.
    pub(super) fn name(&mut self, location: Location<'d>) {
        if let On::Named(name) = &location.on {
            self.named.insert(name.clone(), location);
        }
    }

    /// Keeps a location, and those in it as its equals.
    pub(super) fn add(&mut self, mut location: Location<'d>) {
        for nested in &location.nested {
            let mut inner = Location::read(nested, self.http, self.is_tls, &location.level);
            inner.level.settings = location.level.settings.under(&inner.level.settings);
            inner.within = location.prefix();
            if inner.level.folder.is_none() {
                inner.level.folder.clone_from(&location.level.folder);
            }
            // Expressions of its own it does not win over.
            if inner.rank == Rank::Over {
                location.rank = Rank::Longest;
            }
            self.add(inner);
        }
        match location.on {
            On::Challenge => self.level.carried += location.level.carried,
            _ => self.found.push(location),
        }
    }

    /// `if (!-f $request_filename) { proxy_pass …; }` of the server.
    pub(super) fn pass_missing(&mut self, url: &str) {
        self.level.carry();
        self.missing = Some(self.http.target(url, false));
    }

    /// A `rewrite` of the server.
    pub(super) fn rewrite(&mut self, directive: &Directive, rewrite: &Rewrite) {
        self.level.carry();
        let mut settings = Settings::default();
        lead(&mut settings, &rewrite.leads, rewrite.status, &rewrite.prefix);
        self.rewritten.push(Route {
            settings,
            ..Route::new(directive.place, vec![rewrite.prefix.clone()])
        });
    }

    /// What all of them come to.
    pub(super) fn finish(mut self) -> Found<'d> {
        let found = std::mem::take(&mut self.found);
        let mut inside = self.inside(&found);
        inside.extend(self.error_pages(&found));
        let mut asked = BTreeMap::new();
        let (mut prefixes, mut expressions, mut first_pages) = (Vec::new(), Vec::new(), Vec::new());
        for location in found {
            match (
                &location.on,
                location.paths().first().filter(|path| inside.contains(path)),
            ) {
                (_, Some(path)) => {
                    self.level.carried += location.level.carried;
                    asked.extend(location.pass.map(|pass| (path.clone(), pass)));
                }
                (On::Exact(path), None) if path == "/" => first_pages.push(location),
                (On::Several(_), None) => expressions.push(location),
                _ => prefixes.push(location),
            }
        }
        self.asked = asked;
        if let Some(forward) = self.forward() {
            self.level.settings.set("auth.forward", forward);
        }
        // Of several expressions the first one counts, of several entries the last one.
        let mut routes = Vec::new();
        for location in prefixes.into_iter().chain(expressions.into_iter().rev()) {
            routes.extend(self.resolve(location));
        }
        routes.append(&mut self.rewritten);
        self.root(&mut routes);
        self.first_page(first_pages, &mut routes);
        if routes.iter().all(|route| route.target.is_none()) {
            routes.retain(|route| !route.is_empty());
        }
        Found {
            level: self.level,
            routes,
            kept: self.kept,
            whole: self.whole,
        }
    }

    /// The paths of locations that no client is meant to reach: `auth_request` asks them, or they are pages of errors.
    fn inside(&self, found: &[Location<'_>]) -> Vec<String> {
        let levels = || found.iter().map(|location| &location.level).chain([&self.level]);
        let asked = levels().filter_map(|level| level.asks.as_ref().map(|(path, _)| path.clone()));
        asked.chain(levels().flat_map(|level| level.pages.clone())).collect()
    }

    pub(super) fn resolve(&mut self, mut location: Location<'d>) -> Vec<Route> {
        if let Some((path, place)) = location.level.asks.take() {
            match passing::forwarded(self.http, &path, self.asked.get(&path).copied(), &mut location.level) {
                Some(forward) => location.level.settings.set("auth.forward", forward),
                None => location.level.notes.push(Note {
                    place,
                    what: format!("`auth_request {path}`"),
                    nearest: "`auth.forward = { url = \"http://…\" }` asks an app".to_owned(),
                }),
            }
        }
        let folder = location.level.folder.clone().or_else(|| self.level.folder.clone());
        let mut settings = std::mem::take(&mut location.level.settings);
        let mut paths = location.paths();
        let mut target = None;
        for condition in std::mem::take(&mut location.conditions) {
            match (condition::read(condition), &folder) {
                (If::ByItself, _) => location.level.carry(),
                (If::PassMissing(url), Some(folder)) => {
                    settings.set("public", Value::text(folder.path.as_str()));
                    target = Some(self.http.target(&url, false));
                    location.level.carry();
                }
                (If::Look(nearest), _) => location.level.look(condition, nearest),
                (If::HostTo(..) | If::PassMissing(_), _) => {
                    location.level.look(condition, "`[redirect]` leads a host elsewhere");
                }
            }
        }
        let mut strip = false;
        for rewrite in std::mem::take(&mut location.rewrites) {
            let found = redirect::rewrite(rewrite.arg(0), rewrite.arg(1), rewrite.arg(2));
            let own = paths.first().map(|path| spell::prefix(path));
            match found {
                Some(found)
                    if found.status.is_none()
                        && Some(&found.prefix) == own.as_ref()
                        && found.leads == Leads::To("/*".into()) =>
                {
                    strip = true;
                    location.level.carry();
                }
                Some(found) if Some(&found.prefix) == own.as_ref() => {
                    lead(&mut settings, &found.leads, found.status, &found.prefix);
                    location.level.carry();
                }
                Some(found) => self.rewrite(rewrite, &found),
                None => location.level.look(rewrite, redirect::nearest(rewrite.arg(0))),
            }
        }
        if let Some(returns) = location.returns.take() {
            self.returns(returns, &mut location, &mut settings);
        }
        if let Some(foreign) = location.foreign {
            target = Some(Target {
                slots: Slots::Nothing(FASTCGI.to_owned()),
                strip: false,
            });
            location.level.look(foreign, FASTCGI);
        } else if let Some(pass) = location.pass {
            target = Some(passing::pass(
                self.http,
                pass,
                &paths,
                strip,
                &mut location.level,
                &mut settings,
            ));
        } else if let Some(tries) = location.tries {
            match &folder {
                Some(folder) => {
                    let below = location
                        .paths()
                        .first()
                        .map(|path| spell::prefix(path))
                        .unwrap_or_default();
                    target = self.try_files(tries, (folder, &below), &mut settings, &mut location.level);
                }
                None => location.level.look(tries, "no `root` says where the files are"),
            }
        } else if target.is_none()
            && let Some(folder) = &location.level.folder
        {
            match (&location.on, folder.strip) {
                (On::Exact(path), true) => match folder.path.strip_suffix(path.as_str()) {
                    // The folder that has the file where the path says.
                    Some(above) => {
                        settings.set("health.path", Value::text(path.as_str()));
                        target = Some(files(&Folder {
                            path: above.to_owned(),
                            strip: false,
                        }));
                    }
                    None => location.level.notes.push(Note {
                        place: location.place,
                        what: format!("`{}` is a file of another name", location.shown),
                        nearest: "a folder has its files under the names that clients ask for".to_owned(),
                    }),
                },
                _ => target = Some(files(folder)),
            }
        }
        let is_of_endings = paths.iter().any(|path| path.starts_with('*'));
        if is_of_endings
            && target
                .as_ref()
                .is_some_and(|target| matches!(target.slots, Slots::Folder(_)))
        {
            target = None;
            if let Some(folder) = &location.level.folder {
                location.level.notes.push(Note {
                    place: location.place,
                    what: format!("`{}` has files of its own", location.shown),
                    nearest: format!(
                        "`public = \"{}\"` looks there before the app, for every file in it",
                        folder.path
                    ),
                });
            }
        }
        self.level.carried += location.level.carried;
        if paths.is_empty() {
            return self.unsaid(location, &settings, target);
        }
        for path in &mut paths {
            if !path.starts_with('*') {
                *path = spell::prefix(path);
            }
        }
        let route = Route {
            target,
            settings,
            reach: location.reach(),
            goes_on: location.goes_on(),
            rank: location.rank,
            within: location.within.clone(),
            notes: std::mem::take(&mut location.level.notes),
            ..Route::new(location.place, paths)
        };
        // That expressions do not hold there is something, too.
        let is_nothing = route.is_empty() && route.rank != Rank::First;
        if is_nothing { Vec::new() } else { vec![route] }
    }

    fn returns(&mut self, returns: &'d Directive, location: &mut Location<'d>, settings: &mut Settings) {
        let status: Option<u16> = returns.arg(0).parse().ok();
        let leads = redirect::target(returns.args.last().map_or("", String::as_str));
        let path = location
            .paths()
            .first()
            .map(|path| spell::prefix(path))
            .unwrap_or_default();
        match (status, leads) {
            (Some(status), Some(leads)) if redirect::is_redirect(status) => {
                location.level.carry();
                match leads {
                    Leads::ToTls => {
                        if path == "/" {
                            self.whole = Some((Leads::ToTls, returns));
                        }
                    }
                    Leads::ToHost(_) if path == "/" => self.whole = Some((leads, returns)),
                    // The whole path is kept, of which `*` is what stands behind the prefix.
                    Leads::To(to) if path != "/" && to.ends_with("/*") => {
                        let to = format!("{}{path}/*", to.trim_end_matches("/*"));
                        lead(settings, &Leads::To(to), Some(status), &path);
                    }
                    other => lead(settings, &other, Some(status), &path),
                }
            }
            (None, Some(leads)) => {
                location.level.carry();
                lead(settings, &leads, Some(302), &path);
            }
            _ => match Answer::of(returns.arg(0)) {
                Answer::Other => location.level.look(
                    returns,
                    "an answer of its own is the app's to give, or a file's in `public`",
                ),
                answer => {
                    location.answers_nothing = answer == Answer::Nothing && !closing::is_restricted(settings);
                    closing::close(settings, &format!("nginx answered {}", returns.arg(0)));
                    location.level.look(returns, "who may not enter gets 403");
                }
            },
        }
    }

    /// `auth.forward` of the server itself.
    fn forward(&mut self) -> Option<Value> {
        let (path, place) = self.level.asks.clone()?;
        let mut level = std::mem::take(&mut self.level);
        let forward = passing::forwarded(self.http, &path, self.asked.get(&path).copied(), &mut level);
        if forward.is_none() {
            level.notes.push(Note {
                place,
                what: format!("`auth_request {path}`"),
                nearest: "`auth.forward = { url = \"http://…\" }` asks an app".to_owned(),
            });
        }
        self.level = level;
        forward
    }
}

pub(super) fn files(folder: &Folder) -> Target {
    let path = match folder.path.trim_end_matches('/') {
        "" => "/",
        path => path,
    };
    Target {
        slots: Slots::Folder(path.to_owned()),
        strip: folder.strip,
    }
}

/// Sets `redirect`, or `rewrite` where the request goes on inside.
fn lead(settings: &mut Settings, leads: &Leads, status: Option<u16>, path: &str) {
    let to = match leads {
        Leads::ToTls => return,
        Leads::ToHost(host) if path == "/" => format!("{host}/*"),
        Leads::ToHost(host) => format!("{host}{path}/*"),
        Leads::To(to) => to.clone(),
    };
    match status {
        Some(status) => settings.set("redirect", redirect::value(&to, status)),
        None => settings.set("rewrite", Value::Text(to)),
    }
}
