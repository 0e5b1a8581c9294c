//! Who may enter: `respond` and `abort` that keep clients out, `forward_auth`, `basic_auth`.

use super::matcher::Matcher;
use super::scope::{Scope, prefixes};
use super::words;
use crate::import::closing::{self, Answer};
use crate::import::directive::Directive;
use crate::import::draft::{Kept, Note, Route, Settings, Slots, Why};
use crate::import::pattern::{self, Around};
use crate::import::spell;
use crate::import::value::Value;

impl Scope {
    /// `respond`, `abort` and `error`: what keeps clients out is carried over, an answer is not.
    pub(super) fn respond(&mut self, directive: &Directive, matcher: Matcher, args: &[String]) {
        if answer(directive, args) == Answer::Other {
            self.look(
                directive,
                "an answer of its own is the app's to give, or a file's in `public`",
            );
            return;
        }
        let usual = ["401", "403", "404", "410"];
        let says_more = |arg: &String| !usual.contains(&arg.as_str()) && !arg.starts_with('@') && !arg.starts_with('/');
        if directive.name != "abort" && args.iter().any(says_more) {
            self.look(directive, "who may not enter gets 403");
        }
        let mut settings = Settings::default();
        closing::close(&mut settings, "for nobody but this machine");
        let (matcher, allowed) = match matcher {
            Matcher::Outside(networks) => (Matcher::All, networks),
            Matcher::Some { paths, outside } => {
                self.look(directive, "all that it may be about is kept from clients");
                match paths.is_empty() {
                    true => (Matcher::All, outside),
                    false => (Matcher::Paths(paths), outside),
                }
            }
            Matcher::Paths(paths) => (Matcher::Paths(paths), Vec::new()),
            Matcher::All => {
                self.close(directive);
                self.carried += 1;
                return;
            }
            Matcher::Except(paths) => {
                self.look(
                    directive,
                    "all of `/` is kept from clients but for what `auth.except` names",
                );
                (
                    self.asked_at(directive, Matcher::Except(paths), &mut settings),
                    Vec::new(),
                )
            }
            Matcher::Around(expressions) => {
                let why = match answer(directive, args) {
                    Answer::Nothing => Why::Nothing,
                    Answer::Denied | Answer::Other => Why::Denied,
                };
                self.keep(directive, &expressions, why);
                return;
            }
            Matcher::Hosts(_) | Matcher::WebSockets | Matcher::More => {
                self.look(directive, "who may enter is asked by path and network: `auth.allow`");
                return;
            }
        };
        if !allowed.is_empty() {
            let allowed = allowed.into_iter().map(Value::Text).collect();
            settings.set("auth.allow", Value::List(allowed));
        }
        self.set(directive, matcher, settings);
    }

    /// Keeps clients out of what some expressions match, wherever that is.
    pub(super) fn keep(&mut self, directive: &Directive, expressions: &[String], why: Why) {
        let mut settings = Settings::default();
        closing::close(&mut settings, "for nobody but this machine");
        let all = expressions.iter().map(|expression| pattern::around(expression));
        self.kept.push(Kept {
            place: directive.place,
            shown: directive.shown(),
            around: all.reduce(Around::and).unwrap_or_default(),
            within: self.paths.first().filter(|_| self.paths.len() == 1).cloned(),
            settings,
            why,
        });
        self.carried += 1;
    }

    /// Keeps clients out of what this block itself is about, and of none that stands in another one.
    fn close(&mut self, directive: &Directive) {
        let mut settings = Settings::default();
        closing::close(&mut settings, "for nobody but this machine");
        self.routes.push(Route {
            settings,
            ..Route::new(directive.place, self.own_paths())
        });
    }

    /// Whether a block does nothing but keep out those of its matcher, which is carried over then.
    pub(super) fn keeps_all_out(&mut self, directive: &Directive, matcher: &Matcher) -> bool {
        let [only] = directive.below() else { return false };
        let is_it = is_answer(only) && answer(only, &only.args) != Answer::Other;
        if is_it {
            self.respond(only, matcher.clone(), &only.args);
        }
        is_it
    }

    /// What is said of the first page alone is no rule about all that is below it; only what keeps clients out is held for all.
    pub(super) fn without_first_page(
        &mut self,
        directive: &Directive,
        matcher: Matcher,
        args: &[String],
    ) -> Option<Matcher> {
        let Matcher::Paths(mut paths) = matcher else {
            return Some(matcher);
        };
        // A single word of these is where they lead.
        let is_target =
            args.is_empty() && matches!(directive.name.as_str(), "redir" | "rewrite" | "root" | "try_files");
        if is_target || !paths.iter().any(|path| path == "/") {
            return Some(Matcher::Paths(paths));
        }
        if !protects(directive, args) {
            self.look(directive, closing::FIRST_PAGE);
        } else {
            self.look(
                directive,
                "a path is a prefix: all of `/` that no other rule is about is kept from clients so",
            );
            if directive.block.is_none() || !matches!(directive.name.as_str(), "handle" | "handle_path" | "route") {
                return Some(Matcher::All);
            }
            self.close(directive);
        }
        paths.retain(|path| path != "/");
        (!paths.is_empty()).then_some(Matcher::Paths(paths))
    }

    /// The requests that clients are asked for something at: at least those of a matcher.
    pub(super) fn asked_at(&mut self, directive: &Directive, matcher: Matcher, settings: &mut Settings) -> Matcher {
        const MORE: &str = "who may enter is asked by path: it is asked of more requests so";
        match matcher {
            Matcher::All | Matcher::Paths(_) => matcher,
            Matcher::Except(mut paths) => {
                if paths.iter().any(|path| path == "/") {
                    self.look(directive, closing::FIRST_PAGE);
                    paths.retain(|path| path != "/");
                }
                if !paths.is_empty() {
                    let paths = prefixes(&paths).into_iter().map(Value::Text).collect();
                    settings.set("auth.except", Value::List(paths));
                }
                Matcher::All
            }
            Matcher::Some { paths, .. } if !paths.is_empty() => {
                self.look(directive, MORE);
                Matcher::Paths(paths)
            }
            Matcher::Some { .. }
            | Matcher::Outside(_)
            | Matcher::Around(_)
            | Matcher::Hosts(_)
            | Matcher::WebSockets
            | Matcher::More => {
                self.look(directive, MORE);
                Matcher::All
            }
        }
    }

    pub(super) fn forward(&mut self, directive: &Directive, matcher: Matcher, args: &[String]) {
        let slots = words::slots(args.iter().take(1));
        let uri = directive
            .below()
            .iter()
            .find(|inner| inner.name == "uri")
            .map_or("/", |uri| uri.arg(0));
        let address = match &slots {
            Slots::Upstream(addresses) => addresses.first().cloned().unwrap_or_default(),
            _ => {
                self.look(directive, "`auth.forward = { url = \"http://…\" }` asks an app");
                return;
            }
        };
        let mut table = vec![("url", Value::Text(spell::auth_service(&address, uri)))];
        let mut copied = Vec::new();
        for inner in directive.below() {
            match inner.name.as_str() {
                "uri" => {}
                "header_up" if is_told(inner) => self.carried += 1,
                "copy_headers" => {
                    let below = inner.below().iter().map(|line| &line.name);
                    copied.extend(inner.args.iter().chain(below).cloned());
                    self.carried += 1;
                }
                _ => self.look(
                    inner,
                    "the one that is asked is told method, scheme, host, URI and client",
                ),
            }
        }
        if copied.iter().any(|one| one.contains('>')) {
            self.look(directive, "`copy` of `auth.forward` keeps names");
            copied.retain(|one| !one.contains('>'));
        }
        if !copied.is_empty() {
            table.push(("copy", Value::List(copied.into_iter().map(Value::Text).collect())));
        }
        let mut settings = Settings::default();
        settings.set("auth.forward", Value::Table(table));
        let matcher = self.asked_at(directive, matcher, &mut settings);
        self.set(directive, matcher, settings);
    }

    /// Passwords stand in a file here, which is to be made of these lines.
    pub(super) fn passwords(&mut self, directive: &Directive, matcher: Matcher, _args: &[String]) {
        let mut settings = Settings::default();
        let users: Vec<&Directive> = directive.below().iter().filter(|line| !line.args.is_empty()).collect();
        settings.set_with(
            "auth.basic",
            Value::text("users.htpasswd"),
            Some("made by `proxyctl passwd users.htpasswd NAME`".to_owned()),
        );
        for user in users {
            self.notes.push(Note {
                place: user.place,
                what: format!("the password of `{}`", user.name),
                nearest: "its hash, if it is one of bcrypt, may stand in the file of `auth.basic` as `NAME:HASH`"
                    .to_owned(),
            });
        }
        let matcher = self.asked_at(directive, matcher, &mut settings);
        self.set(directive, matcher, settings);
    }
}

/// Whether a directive is an answer in place of all others.
fn is_answer(directive: &Directive) -> bool {
    matches!(directive.name.as_str(), "respond" | "abort" | "error")
}

/// What an answer says.
fn answer(directive: &Directive, args: &[String]) -> Answer {
    let mut said = args
        .iter()
        .map(|arg| Answer::of(arg))
        .filter(|said| *said != Answer::Other);
    match (said.next(), directive.name.as_str()) {
        (Some(said), _) => said,
        (None, "abort" | "error") => Answer::Denied,
        (None, _) => Answer::Other,
    }
}

/// Whether a directive keeps clients out, or one in its block does.
fn protects(directive: &Directive, args: &[String]) -> bool {
    match directive.name.as_str() {
        "basic_auth" | "basicauth" | "forward_auth" => true,
        _ if is_answer(directive) => answer(directive, args) == Answer::Denied,
        _ => directive.below().iter().any(|inner| protects(inner, &inner.args)),
    }
}

/// Whether an auth service is told this anyway.
fn is_told(header_up: &Directive) -> bool {
    let (name, value) = (header_up.arg(0).trim_start_matches('+'), header_up.arg(1));
    words::is_sent_anyway(name, value)
        || match name.to_ascii_lowercase().as_str() {
            "x-forwarded-uri" => matches!(value, "{uri}" | "{http.request.uri}"),
            "x-forwarded-method" => matches!(value, "{method}" | "{http.request.method}"),
            _ => false,
        }
}
