//! A `location`: which paths it is about, what it sets, and who answers.

use super::http::Http;
use super::level::Level;
use crate::import::closing;
use crate::import::directive::Directive;
use crate::import::draft::{Rank, Reach};
use crate::import::pattern;
use crate::import::source::Place;
use crate::import::spell;

/// A location as it is read, before it is known what stands around it.
#[derive(Debug)]
pub(super) struct Location<'d> {
    pub(super) place: Place,
    pub(super) shown: String,
    pub(super) on: On,
    pub(super) rank: Rank,
    goes_on: bool,
    /// The prefix of the location that it stands in.
    pub(super) within: Option<String>,
    /// Whether nginx answered itself that there is nothing.
    pub(super) answers_nothing: bool,
    pub(super) level: Level,
    /// The last directive that says who answers, of each kind.
    pub(super) pass: Option<&'d Directive>,
    pub(super) foreign: Option<&'d Directive>,
    pub(super) tries: Option<&'d Directive>,
    pub(super) returns: Option<&'d Directive>,
    pub(super) rewrites: Vec<&'d Directive>,
    pub(super) conditions: Vec<&'d Directive>,
    pub(super) nested: Vec<&'d Directive>,
}

/// The paths that a location is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum On {
    /// Everything below a prefix, which is kept as it was written: whether it ends with a slash matters to `proxy_pass`.
    Prefix(String),
    /// One path.
    Exact(String),
    /// What an expression comes to: prefixes, or endings.
    Several(Vec<String>),
    /// Where CAs look.
    Challenge,
    /// `@name`, which others refer to.
    Named(String),
    /// An expression that says more than that.
    Expression(String),
}

impl<'d> Location<'d> {
    pub(super) fn read(directive: &'d Directive, http: &Http, is_tls: bool, outer: &Level) -> Self {
        let mut level = Level::within(outer);
        level.carry();
        let mut location = Location {
            place: directive.place,
            shown: directive.shown(),
            on: on(&directive.args),
            rank: rank(&directive.args),
            goes_on: goes_on(&directive.args),
            within: None,
            answers_nothing: false,
            level: Level::default(),
            pass: None,
            foreign: None,
            tries: None,
            returns: None,
            rewrites: Vec::new(),
            conditions: Vec::new(),
            nested: Vec::new(),
        };
        for inner in directive.below() {
            match inner.name.as_str() {
                "proxy_pass" => location.pass = Some(inner),
                "fastcgi_pass" | "uwsgi_pass" | "scgi_pass" | "grpc_pass" | "memcached_pass" => {
                    location.foreign = Some(inner);
                }
                "try_files" => location.tries = Some(inner),
                "return" => location.returns = Some(inner),
                "rewrite" => location.rewrites.push(inner),
                "if" => location.conditions.push(inner),
                "location" => location.nested.push(inner),
                // They stand beside a `fastcgi_pass`, which is told once.
                name if name.starts_with("fastcgi_") || name.starts_with("uwsgi_") => {}
                "break" => level.carry(),
                _ => {
                    if !level.take(inner, http, is_tls) {
                        level.refuse(inner);
                    }
                }
            }
        }
        level.finish();
        // Nothing but nginx itself leads there.
        let is_internal = directive.below().iter().any(|inner| inner.name == "internal");
        if is_internal && !matches!(location.on, On::Named(_)) {
            closing::close(&mut level.settings, "nginx kept it from clients");
        }
        level.tell_of_pages();
        location.level = level;
        location
    }

    /// How much of what is below its path it is about.
    pub(super) fn reach(&self) -> Reach {
        match &self.on {
            On::Exact(_) => Reach::Alone,
            On::Prefix(path) if !path.ends_with('/') => Reach::From,
            _ => Reach::Below,
        }
    }

    /// Whether it is about names that go on behind its path, too.
    pub(super) fn goes_on(&self) -> bool {
        match self.on {
            On::Prefix(_) => self.reach() == Reach::From,
            _ => self.goes_on,
        }
    }

    /// Its paths as `path` and `at` write them.
    pub(super) fn paths(&self) -> Vec<String> {
        match &self.on {
            On::Prefix(path) | On::Exact(path) => vec![path.clone()],
            On::Several(paths) => paths.clone(),
            On::Challenge | On::Named(_) | On::Expression(_) => Vec::new(),
        }
    }

    /// The prefix that what stands in it is about, too.
    pub(super) fn prefix(&self) -> Option<String> {
        match self.paths().as_slice() {
            [path] if path.starts_with('/') => Some(spell::prefix(path)),
            _ => self.within.clone(),
        }
    }
}

/// The modifier and the path, which may be glued together.
fn words(args: &[String]) -> (&str, &str) {
    match args {
        [modifier, path, ..] => (modifier, path),
        [glued] => ["=", "^~", "~*", "~"]
            .into_iter()
            .find_map(|modifier| Some((modifier, glued.strip_prefix(modifier)?)))
            .unwrap_or(("", glued)),
        [] => ("", "/"),
    }
}

fn rank(args: &[String]) -> Rank {
    match words(args).0 {
        "=" | "^~" => Rank::First,
        "~" | "~*" => Rank::Over,
        _ => Rank::Longest,
    }
}

fn goes_on(args: &[String]) -> bool {
    let (modifier, path) = words(args);
    modifier.starts_with('~') && pattern::goes_on(path)
}

fn on(args: &[String]) -> On {
    let (modifier, path) = words(args);
    if path.contains("well-known/acme-challenge") || path.contains(r"well-known\/acme-challenge") {
        return On::Challenge;
    }
    match modifier {
        "=" => On::Exact(path.to_owned()),
        "~" | "~*" if pattern::is_first_page(path) => On::Exact("/".to_owned()),
        "~" | "~*" => pattern::paths(path).map_or_else(|| On::Expression(path.to_owned()), On::Several),
        _ if path.starts_with('@') => On::Named(path.to_owned()),
        _ => On::Prefix(path.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_about_a_prefix_one_path_endings_or_more_than_we_say() {
        let read = |words: &str| on(&words.split(' ').map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(read("/api/"), On::Prefix("/api/".into()));
        assert_eq!(read("^~ /static/"), On::Prefix("/static/".into()));
        assert_eq!(read("= /health"), On::Exact("/health".into()));
        assert_eq!(read("=/health"), On::Exact("/health".into()));
        assert_eq!(
            read(r"~* \.(js|css)$"),
            On::Several(vec!["*.js".into(), "*.css".into()])
        );
        assert_eq!(read(r"~ ^/$"), On::Exact("/".into()));
        assert_eq!(
            read(r"~ /\.(?!well-known)"),
            On::Expression(r"/\.(?!well-known)".into())
        );
        assert_eq!(read(r"~ ^/user/\d+"), On::Expression(r"^/user/\d+".into()));
        assert_eq!(read("@app"), On::Named("@app".into()));
        assert_eq!(read("^~ /.well-known/acme-challenge/"), On::Challenge);
    }
}
