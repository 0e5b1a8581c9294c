//! A block of directives: a site, a `handle`, or a `route`. What it sets, and which routes stand in it.

use super::matcher::{self, Matcher, Named};
use super::{plain, proxy};
use crate::import::closing;
use crate::import::directive::Directive;
use crate::import::draft::{Elsewhere, Kept, Note, Rank, Reach, Route, Settings, Slots, Target};
use crate::import::source::Place;
use crate::import::spell;

/// What a block comes to.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope {
    /// The paths that it is about; none are all.
    pub(super) paths: Vec<String>,
    pub(super) strip: bool,
    pub(super) settings: Settings,
    pub(super) notes: Vec<Note>,
    pub(super) carried: usize,
    pub(super) routes: Vec<Route>,
    pub(super) kept: Vec<Kept>,
    /// Hosts that have routes of their own, by a matcher.
    pub(super) hosts: Vec<(Place, Vec<String>, Scope)>,
    /// Where all of it leads.
    pub(super) whole: Option<(Place, String)>,
    pub(super) root: Option<String>,
    pub(super) fallback: Option<Tried>,
    pub(super) serves_files: Option<Place>,
    /// The file that is shown for what is not there.
    pub(super) missing: Option<(Place, String)>,
    named: Named,
}

/// What `try_files` ends in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Tried {
    Page(String),
    Nothing,
}

impl Scope {
    /// Reads the directives of a site.
    pub(super) fn of_site(directives: &[Directive]) -> Self {
        let mut scope = Self::default();
        scope.read(directives);
        scope
    }

    fn within(&self, paths: Vec<String>) -> Self {
        Self {
            paths: if paths.is_empty() { self.paths.clone() } else { paths },
            strip: self.strip,
            root: self.root.clone(),
            named: self.named.clone(),
            ..Self::default()
        }
    }

    fn read(&mut self, directives: &[Directive]) {
        for directive in directives.iter().filter(|one| one.name.starts_with('@')) {
            self.named.insert(directive.name.clone(), matcher::read(directive));
            self.carried += 1;
        }
        // What others rely on stands in any order: Caddy sorts.
        for directive in directives {
            match directive.name.as_str() {
                "root" => self.root(directive),
                "try_files" => self.try_files(directive),
                "uri" if directive.args.iter().any(|arg| arg == "strip_prefix") => {
                    self.strip = true;
                    self.carried += 1;
                }
                _ => {}
            }
        }
        let is_of_websockets = |directive: &&Directive| matcher::of(directive, &self.named).0 == Matcher::WebSockets;
        // They are known by the app that all others go to.
        let (last, first): (Vec<&Directive>, Vec<&Directive>) = directives.iter().partition(is_of_websockets);
        for directive in first.into_iter().chain(last) {
            self.take(directive);
        }
        self.files();
    }

    fn take(&mut self, directive: &Directive) {
        let (matcher, args) = matcher::of(directive, &self.named);
        let Some(matcher) = self.without_first_page(directive, matcher, args) else {
            return;
        };
        match directive.name.as_str() {
            "root" | "try_files" => {}
            name if name.starts_with('@') => {}
            "uri" if directive.args.iter().any(|arg| arg == "strip_prefix") => {}
            "handle" | "route" => self.inner(directive, matcher, false),
            "handle_path" => self.inner(directive, matcher, true),
            "reverse_proxy" => self.pass(directive, matcher, args),
            "php_fastcgi" => self.refused_target(directive, matcher),
            "file_server" => self.file_server(directive, matcher, args),
            "handle_errors" if page_for_missing(directive).is_some() => {
                self.missing = page_for_missing(directive).map(|page| (directive.place, page));
            }
            "redir" => self.redirect(directive, matcher, args),
            "rewrite" => self.rewrite(directive, matcher, args),
            "respond" | "abort" | "error" => self.respond(directive, matcher, args),
            "forward_auth" => self.forward(directive, matcher, args),
            "basic_auth" | "basicauth" => self.passwords(directive, matcher, args),
            "log" => self.carried += 1,
            "header" => self.header(directive, matcher, args),
            _ => {
                let mut settings = Settings::default();
                match plain::plain(directive, args, &mut settings) {
                    Ok(()) => self.set(directive, matcher, settings),
                    Err(nearest) => self.look(directive, &nearest),
                }
            }
        }
    }

    /// Sets what holds for the requests of a matcher.
    pub(super) fn set(&mut self, directive: &Directive, matcher: Matcher, settings: Settings) {
        match matcher {
            Matcher::All => {
                let before = self.settings.clone();
                self.settings = before.under(&settings);
                closing::ask_for(&mut self.settings, &before);
            }
            Matcher::Paths(paths) => self.routes.push(Route {
                settings,
                rank: Rank::Over,
                ..Route::new(directive.place, prefixes(&paths))
            }),
            _ => {
                self.look(
                    directive,
                    "an `at` entry is about paths: prefixes, or endings as `*.js`",
                );
                return;
            }
        }
        self.carried += 1;
    }

    pub(super) fn look(&mut self, directive: &Directive, nearest: &str) {
        self.notes.push(Note {
            place: directive.place,
            what: format!("`{}`", directive.shown()),
            nearest: nearest.to_owned(),
        });
    }

    /// `header`, with one field, or a block of them.
    fn header(&mut self, directive: &Directive, matcher: Matcher, args: &[String]) {
        let mut settings = Settings::default();
        let lines: Vec<(&Directive, Vec<String>)> = match directive.block {
            Some(ref block) => {
                let words = |line: &Directive| std::iter::once(&line.name).chain(&line.args).cloned().collect();
                block.iter().map(|line| (line, words(line))).collect()
            }
            None => vec![(directive, args.to_vec())],
        };
        for (line, words) in lines {
            match plain::field(&words, &mut settings) {
                Ok(()) => {}
                Err(nearest) => self.look(line, &nearest),
            }
        }
        if !settings.is_empty() {
            self.set(directive, matcher, settings);
        }
    }

    pub(super) fn own_paths(&self) -> Vec<String> {
        if self.paths.is_empty() {
            vec!["/".to_owned()]
        } else {
            self.paths.clone()
        }
    }

    /// `handle`, `handle_path` and `route`: a scope of its own, with the paths of its matcher.
    fn inner(&mut self, directive: &Directive, matcher: Matcher, strip: bool) {
        let paths = match matcher {
            Matcher::All => Vec::new(),
            Matcher::Paths(paths) => prefixes(&paths),
            Matcher::Hosts(hosts) => {
                let mut inner = self.within(Vec::new());
                inner.read(directive.below());
                inner.carried += 1;
                self.hosts.push((directive.place, hosts, inner));
                return;
            }
            Matcher::Outside(_) | Matcher::Except(_) | Matcher::Around(_) | Matcher::Some { .. }
                if self.keeps_all_out(directive, &matcher) =>
            {
                return;
            }
            Matcher::Outside(_)
            | Matcher::Except(_)
            | Matcher::Around(_)
            | Matcher::Some { .. }
            | Matcher::WebSockets
            | Matcher::More => {
                self.look(
                    directive,
                    "an `at` entry is about paths: prefixes, or endings as `*.js`",
                );
                return;
            }
        };
        let is_all = paths.is_empty();
        let mut inner = self.within(paths);
        inner.strip |= strip;
        inner.read(directive.below());
        self.carried += 1 + inner.carried;
        self.whole = self.whole.take().or(inner.whole.take().filter(|_| is_all));
        let settings = std::mem::take(&mut inner.settings);
        let mut notes = std::mem::take(&mut inner.notes);
        if inner.routes.is_empty() && !settings.is_empty() {
            inner.routes.push(Route::new(directive.place, inner.own_paths()));
        }
        for mut route in inner.routes {
            route.settings = settings.under(&route.settings);
            route.notes.append(&mut notes);
            self.routes.push(route);
        }
        self.kept.append(&mut inner.kept);
        self.hosts.append(&mut inner.hosts);
        self.notes.append(&mut notes);
    }

    fn pass(&mut self, directive: &Directive, matcher: Matcher, args: &[String]) {
        let mut settings = Settings::default();
        let passed = proxy::read(directive, args, &mut settings);
        self.notes.extend(passed.notes);
        let mut reach = Reach::Below;
        let paths = match matcher {
            Matcher::All => self.own_paths(),
            Matcher::Paths(paths) => {
                reach = match paths.iter().all(|path| path.ends_with('/')) {
                    true => Reach::Below,
                    false => Reach::Alone,
                };
                prefixes(&paths)
            }
            Matcher::WebSockets => {
                let same = |route: &Route| route.target.as_ref().is_some_and(|target| target.slots == passed.slots);
                if self.routes.iter().any(same) {
                    self.carried += 1;
                } else {
                    self.look(directive, "WebSockets go where all requests of their path go");
                }
                return;
            }
            Matcher::Hosts(hosts) => {
                let mut inner = self.within(Vec::new());
                inner.add(directive.place, vec!["/".to_owned()], passed.slots, settings);
                inner.carried = passed.carried + 1;
                self.hosts.push((directive.place, hosts, inner));
                return;
            }
            Matcher::Outside(_) | Matcher::Except(_) | Matcher::Around(_) | Matcher::Some { .. } | Matcher::More => {
                self.look(directive, "`path` takes a prefix, and `host` a name");
                return;
            }
        };
        match &passed.slots {
            Slots::Nothing(why) => self.look(directive, why),
            _ => self.carried += 1,
        }
        self.carried += passed.carried;
        self.add(directive.place, paths, passed.slots, settings);
        if let Some(added) = self.routes.last_mut() {
            added.reach = reach;
        }
    }

    pub(super) fn add(&mut self, place: Place, paths: Vec<String>, slots: Slots, settings: Settings) {
        let strip = self.strip && paths != ["/"];
        self.routes.push(Route {
            target: Some(Target { slots, strip }),
            settings,
            ..Route::new(place, paths)
        });
    }

    fn refused_target(&mut self, directive: &Directive, matcher: Matcher) {
        let why = "apps speak HTTP: put a server on a port before it, which speaks this protocol to it";
        self.look(directive, why);
        let paths = match matcher {
            Matcher::Paths(paths) => prefixes(&paths),
            _ => self.own_paths(),
        };
        self.add(
            directive.place,
            paths,
            Slots::Nothing(why.to_owned()),
            Settings::default(),
        );
    }

    /// Hosts that lead elsewhere as a whole.
    pub(super) fn elsewhere(&self, hosts: &[String]) -> Vec<Elsewhere> {
        let whole = self.whole.iter();
        whole
            .flat_map(|(place, to)| {
                hosts.iter().map(|host| Elsewhere {
                    place: *place,
                    from: host.clone(),
                    to: to.clone(),
                })
            })
            .collect()
    }
}

/// The file that `handle_errors` shows for what is not there, where it does nothing else.
fn page_for_missing(directive: &Directive) -> Option<String> {
    let is_about_missing = directive.args.iter().all(|status| status == "404");
    let mut page = None;
    for inner in directive.below() {
        match (inner.name.as_str(), inner.args.last()) {
            ("rewrite", Some(path)) if path.starts_with('/') && !path.contains('{') => page = Some(path.clone()),
            ("file_server" | "root", _) => {}
            _ => return None,
        }
    }
    page.filter(|_| is_about_missing)
}

/// Prefixes without the slash at their end.
pub(super) fn prefixes(paths: &[String]) -> Vec<String> {
    let short = paths.iter().map(|path| match path.starts_with('/') {
        true => spell::prefix(path),
        false => path.clone(),
    });
    short.collect()
}
