//! `redir` and `rewrite`: where requests are led.

use super::matcher::Matcher;
use super::scope::{Scope, prefixes};
use crate::import::directive::Directive;
use crate::import::draft::Settings;
use crate::import::value::Value;

impl Scope {
    pub(super) fn redirect(&mut self, directive: &Directive, matcher: Matcher, args: &[String]) {
        // A single word is the target, although it looks as a path does.
        let (matcher, args) = match args {
            [] => (Matcher::All, directive.args.as_slice()),
            _ => (matcher, args),
        };
        let to = args.first().map_or("", String::as_str);
        let status: u16 = match args.get(1).map(String::as_str) {
            Some("permanent") => 301,
            Some("temporary") | None => 302,
            Some("html") => 0,
            Some(code) => code.parse().unwrap_or(0),
        };
        let base = to
            .strip_suffix("{uri}")
            .or_else(|| to.strip_suffix("{http.request.uri}"));
        if status < 300 || base.unwrap_or(to).contains('{') || to.is_empty() {
            self.look(directive, "`redirect` takes a path or a URL, and `*` for the rest");
            return;
        }
        let own = self.paths.is_empty();
        match (matcher, base) {
            (Matcher::All, Some(base)) if own && base.contains("://") && !base.trim_end_matches('/').contains("/:") => {
                self.carried += 1;
                self.whole = Some((directive.place, base.trim_end_matches('/').to_owned()));
                if !matches!(status, 301 | 308) {
                    self.look(directive, "`[redirect]` leads elsewhere for good, with 308");
                }
            }
            (Matcher::All, _) => self.lead(directive, self.own_paths(), base, to, status),
            (Matcher::Paths(paths), _) => self.lead(directive, prefixes(&paths), base, to, status),
            _ => self.look(directive, "`redirect` of an `at` entry is about paths"),
        }
    }

    /// Redirects paths, each to a place of its own where the URL is kept.
    fn lead(&mut self, directive: &Directive, paths: Vec<String>, base: Option<&str>, to: &str, status: u16) {
        for path in paths {
            let to = base.map_or_else(|| to.to_owned(), |base| kept(base, &path));
            let mut settings = Settings::default();
            let value = match status {
                308 => Value::Text(to),
                _ => Value::Table(vec![("to", Value::Text(to)), ("status", Value::Number(status.into()))]),
            };
            settings.set("redirect", value);
            self.set(directive, Matcher::Paths(vec![path]), settings);
        }
    }

    pub(super) fn rewrite(&mut self, directive: &Directive, matcher: Matcher, args: &[String]) {
        let (matcher, args) = match args {
            [] => (Matcher::All, directive.args.as_slice()),
            _ => (matcher, args),
        };
        let to = args.first().map_or("", String::as_str);
        let base = to.strip_suffix("{uri}").or_else(|| to.strip_suffix("{path}"));
        let paths = match matcher {
            Matcher::All => self.own_paths(),
            Matcher::Paths(paths) => prefixes(&paths),
            _ => Vec::new(),
        };
        if paths.is_empty() || !to.starts_with('/') || base.unwrap_or(to).contains(['{', '?']) {
            self.look(directive, "`rewrite` takes a path, and `*` for the rest");
            return;
        }
        for path in paths {
            let mut settings = Settings::default();
            settings.set(
                "rewrite",
                Value::Text(base.map_or_else(|| to.to_owned(), |base| kept(base, &path))),
            );
            self.set(directive, Matcher::Paths(vec![path]), settings);
        }
    }
}

/// Behind `base` the whole path again, of which `*` is what stands behind the prefix.
fn kept(base: &str, path: &str) -> String {
    let path = if path.starts_with('/') {
        path.trim_end_matches('/')
    } else {
        ""
    };
    format!("{}{path}/*", base.trim_end_matches('/'))
}
