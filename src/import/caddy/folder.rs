//! Files of folders: `root`, `try_files`, `file_server`, and the page for what is missing.

use super::matcher::{self, Matcher};
use super::plain;
use super::scope::{Scope, Tried, prefixes};
use crate::import::directive::Directive;
use crate::import::draft::{Note, Settings, Slots, Why};
use crate::import::value::Value;

impl Scope {
    pub(super) fn root(&mut self, directive: &Directive) {
        // One word alone is the folder, although it looks as a path does.
        let folder = directive.args.last().filter(|folder| !folder.contains('{'));
        let matched = directive.args.len() > 1 && directive.arg(0) != "*";
        match folder {
            Some(folder) if !matched => {
                self.root = Some(folder.trim_end_matches('/').to_owned());
                self.carried += 1;
            }
            Some(_) | None => self.look(directive, "a folder has one name, for all of a service"),
        }
    }

    pub(super) fn try_files(&mut self, directive: &Directive) {
        let Some((last, before)) = directive.args.split_last() else {
            self.look(directive, "it names no file");
            return;
        };
        let known = |one: &String| matches!(one.as_str(), "{path}" | "{path}/" | "{path}/index.html");
        self.fallback = match last.as_str() {
            _ if !before.iter().all(known) => {
                self.look(
                    directive,
                    "a file is asked for by its whole name; `files.fallback` is the page of what is missing",
                );
                return;
            }
            "=404" | "{path}" | "{path}/" => Some(Tried::Nothing),
            page if page.starts_with('/') && !page.contains(['{', '?']) => Some(Tried::Page(page.to_owned())),
            page if !page.contains(['{', '?', '=']) => Some(Tried::Page(format!("/{page}"))),
            _ => {
                self.look(directive, "`files.fallback` is the page of what is missing");
                return;
            }
        };
        self.carried += 1;
    }

    pub(super) fn file_server(&mut self, directive: &Directive, matcher: Matcher, args: &[String]) {
        if args.iter().any(|arg| arg == "browse") {
            self.look(directive, "folders are not listed");
        }
        for inner in directive.below() {
            match inner.name.as_str() {
                "root" => self.root(inner),
                "index" if !inner.args.iter().any(|name| name == "index.html") => {
                    self.look(inner, "a folder shows its `index.html`");
                }
                "hide" => self.hide(inner),
                "index" | "precompressed" | "pass_thru" | "disable_canonical_uris" => self.carried += 1,
                _ => self.look(inner, "folders are not listed, and have `index.html`"),
            }
        }
        match matcher {
            Matcher::All => {
                self.serves_files = Some(directive.place);
                self.carried += 1;
            }
            Matcher::Paths(paths) => match self.root.clone() {
                Some(root) => {
                    self.carried += 1;
                    self.add(
                        directive.place,
                        prefixes(&paths),
                        Slots::Folder(root),
                        Settings::default(),
                    );
                }
                None => self.look(directive, "no `root` says where the files are"),
            },
            _ => self.look(directive, "`public` looks into a folder before the app"),
        }
    }

    /// The files of this block, once everything in it is known.
    pub(super) fn files(&mut self) {
        let missing = self.missing.take();
        let Some(place) = self.serves_files else {
            self.notes.extend(missing.map(|(place, _)| Note {
                place,
                what: "`handle_errors`".to_owned(),
                nearest: plain::nearest("handle_errors").to_owned(),
            }));
            return;
        };
        let Some(root) = self.root.clone() else {
            self.notes.push(Note {
                place,
                what: "`file_server`".to_owned(),
                nearest: "no `root` says where the files are".to_owned(),
            });
            return;
        };
        let paths = self.own_paths();
        let mut settings = Settings::default();
        self.carried += usize::from(missing.is_some());
        match (self.fallback.clone(), missing) {
            (Some(Tried::Page(page)), _) => settings.set("files.fallback", Value::Text(page)),
            (_, Some((_, page))) => settings.set("files.not_found", Value::Text(page)),
            (_, None) => {}
        }
        let passed = self.routes.iter_mut().find(|route| {
            route.paths == paths
                && route
                    .target
                    .as_ref()
                    .is_some_and(|target| !matches!(target.slots, Slots::Folder(_)))
        });
        match passed {
            Some(route) => route.settings.set("public", Value::Text(root)),
            None => self.add(place, paths, Slots::Folder(root), settings),
        }
    }

    /// Files that a folder does not give away: those of a name, wherever they lie, or of a path of this machine.
    fn hide(&mut self, directive: &Directive) {
        for word in &directive.args {
            let path = self.root.as_ref().and_then(|root| word.strip_prefix(root.as_str()));
            let expressions = match path.filter(|path| path.starts_with('/')) {
                Some(path) => vec![format!("^{}(/|$)", matcher::expression(path.trim_end_matches('/')))],
                // No folder gives these away.
                None if word.starts_with('.') && !word.starts_with("./") => {
                    self.carried += 1;
                    continue;
                }
                // A path of another folder.
                None if word.trim_start_matches("./").contains('/') => {
                    self.look(directive, "`auth.allow` of an `at` entry keeps clients from a path");
                    continue;
                }
                // A file, and a folder of the first level.
                None => {
                    let name = matcher::expression(word.trim_start_matches("./"));
                    let folder = Some(format!("^/{name}/")).filter(|_| !word.contains('*'));
                    std::iter::once(format!("/{name}$")).chain(folder).collect()
                }
            };
            self.keep(directive, &expressions, Why::Nothing);
        }
    }
}
