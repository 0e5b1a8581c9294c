//! Which requests a directive is about: `*`, a path, or a matcher with a name.

use std::collections::BTreeMap;

use crate::import::directive::Directive;
use crate::import::pattern;

/// Which requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Matcher {
    All,
    /// Prefixes and endings, as `at` writes them.
    Paths(Vec<String>),
    /// Those to these hosts.
    Hosts(Vec<String>),
    /// Those of clients that are outside of these networks.
    Outside(Vec<String>),
    /// Those for all paths but these, of which there may be none that we can say.
    Except(Vec<String>),
    /// Some of those whose path matches one of these regular expressions.
    Around(Vec<String>),
    /// Some of those for these paths, or for all where there is none: of clients outside of these networks, if there is one.
    Some {
        paths: Vec<String>,
        outside: Vec<String>,
    },
    /// WebSockets.
    WebSockets,
    /// What we have no word for.
    More,
}

/// Networks that a home or a company has for itself (Caddy's `private_ranges`).
const PRIVATE: &[&str] = &[
    "192.168.0.0/16",
    "172.16.0.0/12",
    "10.0.0.0/8",
    "127.0.0.0/8",
    "fd00::/8",
    "::1",
];

/// The matchers of a site by their names, `@` included.
pub(super) type Named = BTreeMap<String, Matcher>;

/// Networks, with the words that stand for several.
pub(super) fn networks(words: &[String]) -> Vec<String> {
    let spelt = words.iter().flat_map(|word| match word.as_str() {
        "private_ranges" => PRIVATE.iter().map(|one| (*one).to_owned()).collect(),
        other => vec![other.to_owned()],
    });
    spelt.collect()
}

/// The matcher of a directive, and the words behind it.
pub(super) fn of<'d>(directive: &'d Directive, named: &Named) -> (Matcher, &'d [String]) {
    match directive.args.split_first() {
        Some((first, rest)) if first == "*" => (Matcher::All, rest),
        Some((first, rest)) if first.starts_with('@') => (named.get(first).cloned().unwrap_or(Matcher::More), rest),
        Some((first, rest)) if first.starts_with('/') => (paths(std::slice::from_ref(first)), rest),
        Some(_) | None => (Matcher::All, &directive.args),
    }
}

/// Reads `@name …`.
pub(super) fn read(directive: &Directive) -> Matcher {
    let lines: Vec<Directive> = match directive.block {
        Some(ref block) => block.clone(),
        None => match directive.args.split_first() {
            Some((name, args)) => vec![Directive {
                name: name.clone(),
                args: args.to_vec(),
                block: None,
                place: directive.place,
            }],
            None => Vec::new(),
        },
    };
    let is_upgrade = |line: &Directive| {
        line.name == "header" && matches!(line.arg(0).to_ascii_lowercase().as_str(), "upgrade" | "connection")
    };
    if !lines.is_empty() && lines.iter().all(is_upgrade) {
        return Matcher::WebSockets;
    }
    match lines.as_slice() {
        [only] => one(only),
        several if several.iter().all(|line| line.name == "path") => {
            paths(&several.iter().flat_map(|line| line.args.clone()).collect::<Vec<_>>())
        }
        several => some(several),
    }
}

/// Several that all have to be: as far as they are about paths and networks, these are more than they match.
fn some(lines: &[Directive]) -> Matcher {
    let (mut about, mut outside, mut around) = (Vec::new(), Vec::new(), None);
    for line in lines {
        match one(line) {
            Matcher::Paths(paths) if about.is_empty() => about = paths,
            Matcher::Outside(networks) if outside.is_empty() => outside = networks,
            found @ (Matcher::Around(_) | Matcher::Except(_)) => around = around.or(Some(found)),
            _ => {}
        }
    }
    match (around, about.is_empty() && outside.is_empty()) {
        (Some(around), true) => around,
        (None, true) => Matcher::More,
        (_, false) => Matcher::Some { paths: about, outside },
    }
}

fn one(line: &Directive) -> Matcher {
    match line.name.as_str() {
        "path" => paths(&line.args),
        "path_regexp" => line
            .args
            .last()
            .map_or(Matcher::More, |regexp| match pattern::paths(regexp) {
                Some(paths) => Matcher::Paths(paths),
                None => Matcher::Around(vec![regexp.clone()]),
            }),
        "host" => Matcher::Hosts(line.args.iter().map(|host| host.to_ascii_lowercase()).collect()),
        "not" => {
            let (name, args) = match (line.args.split_first(), line.below()) {
                (Some((name, args)), _) => (name.as_str(), args),
                (None, [inner]) => (inner.name.as_str(), inner.args.as_slice()),
                (None, _) => return Matcher::More,
            };
            match (name, paths(args)) {
                ("remote_ip" | "client_ip", _) => {
                    let words: Vec<String> = args.iter().filter(|word| *word != "forwarded").cloned().collect();
                    Matcher::Outside(networks(&words))
                }
                ("path", Matcher::Paths(paths)) => Matcher::Except(paths),
                ("path" | "path_regexp", _) => Matcher::Except(Vec::new()),
                _ => Matcher::More,
            }
        }
        _ => Matcher::More,
    }
}

/// Caddy's paths: `/api/*` is a prefix, `*.js` an ending, `/api` one path, which here has what is below it, too.
fn paths(words: &[String]) -> Matcher {
    let mut all = Vec::new();
    for word in words {
        let found = match word.strip_suffix('*') {
            _ if word == "*" || word == "/*" => return Matcher::All,
            Some(prefix) if prefix.starts_with('/') && !prefix.contains('*') => prefix.to_owned(),
            None if word.starts_with('/') && !word.contains('*') => word.clone(),
            _ if word.starts_with("*.") && !word[1..].contains(['*', '/']) => word.clone(),
            _ => return Matcher::Around(words.iter().map(|word| format!("^{}$", expression(word))).collect()),
        };
        all.push(found);
    }
    if all.is_empty() {
        Matcher::More
    } else {
        Matcher::Paths(all)
    }
}

/// A text of Caddy's with asterisks as a regular expression.
pub(super) fn expression(path: &str) -> String {
    let mut all = String::new();
    for char in path.chars() {
        match char {
            '*' => all.push_str(".*"),
            char if char.is_alphanumeric() || char == '/' => all.push(char),
            char => all.extend(['\\', char]),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::source::Place;

    fn directive(text: &str) -> Directive {
        let mut words = text.split(' ').map(str::to_owned);
        Directive {
            name: words.next().unwrap(),
            args: words.collect(),
            block: None,
            place: Place {
                file: 0,
                start: 0,
                end: 0,
            },
        }
    }

    #[test]
    fn matchers_are_paths_hosts_networks_or_more_than_we_say() {
        let paths = |paths: &[&str]| Matcher::Paths(paths.iter().map(|one| (*one).to_owned()).collect());
        for (text, expected) in [
            ("@a path /api/* *.js", paths(&["/api/", "*.js"])),
            ("@a path /", paths(&["/"])),
            ("@a path *", Matcher::All),
            ("@a path /a/*/b", Matcher::Around(vec!["^/a/.*/b$".into()])),
            ("@a not path /a/*/b", Matcher::Except(Vec::new())),
            (r"@a path_regexp x ^/v\d+", Matcher::Around(vec![r"^/v\d+".into()])),
            (r"@a path_regexp x \.(js|css)$", paths(&["*.js", "*.css"])),
            ("@a host A.example.com", Matcher::Hosts(vec!["a.example.com".into()])),
            (
                "@a not remote_ip 10.0.0.0/8",
                Matcher::Outside(vec!["10.0.0.0/8".into()]),
            ),
            ("@a not path /hooks/*", Matcher::Except(vec!["/hooks/".into()])),
            ("@a header Upgrade websocket", Matcher::WebSockets),
            ("@a method GET", Matcher::More),
            ("@a", Matcher::More),
        ] {
            assert_eq!(read(&directive(text)), expected, "{text}");
        }
    }
}
