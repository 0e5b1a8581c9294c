//! How many entries `at` may have, how many paths they may name, and how many sets of rules they may make; and what is an ending.

use std::fmt::Write as _;
use std::path::Path;

use greengate::config::Config;

use super::{FILE, accepted};

const SITE: &str = "[env.prod]\nhost = \"example.com\"\nupstream = 3000\n";

/// A site with these entries: a path, and a rule of its own.
fn site(entries: impl Iterator<Item = (String, String)>) -> String {
    entries.fold(SITE.to_owned(), |mut text, (path, rule)| {
        write!(text, "\n[[env.prod.at]]\npath = \"{path}\"\n{rule}\n").unwrap();
        text
    })
}

/// So many prefixes beside so many endings: each pair of them is another set of rules.
fn crossed(prefixes: usize, endings: usize) -> String {
    let prefixes = (1..=prefixes).map(|number| (format!("/p{number}"), format!("limit.body = \"{number}KiB\"")));
    let endings = (1..=endings).map(|number| (format!("*.e{number}"), format!("timeout.response = \"{number}s\"")));
    site(prefixes.chain(endings))
}

fn refused(text: &str) -> String {
    Config::parse(Path::new(FILE), text).unwrap_err().to_string()
}

#[test]
fn two_hundred_entries_are_as_many_as_a_service_may_have() {
    let entries = |count: usize| site((0..count).map(|number| (format!("/p{number}"), "log = false".to_owned())));
    accepted(&entries(200));
    let error = refused(&entries(201));
    assert!(error.contains("`at` has more than 200 entries"), "{error}");
}

#[test]
fn a_thousand_paths_are_as_many_as_they_may_name() {
    let entry = |count: usize| {
        let paths: Vec<String> = (0..count).map(|number| format!("\"/p{number}\"")).collect();
        format!("{SITE}\n[[env.prod.at]]\npath = [{}]\nlog = false\n", paths.join(", "))
    };
    accepted(&entry(1000));
    let error = refused(&entry(1001));
    assert!(error.contains("name more than 1000 paths"), "{error}");
}

#[test]
fn a_thousand_sets_of_rules_are_as_many_as_they_may_make() {
    // Each prefix, each ending, each pair.
    accepted(&crossed(90, 10));
    let error = refused(&crossed(91, 10));
    assert!(error.contains("match paths in more than 1000 combinations"), "{error}");
}

#[test]
fn names_and_the_leftovers_of_editors_are_endings_too() {
    let endings = ["*/composer.json", "*readme.txt", "*~", "*#"];
    let entries = endings.map(|ending| (ending.to_owned(), "log = false".to_owned()));
    let config = accepted(&site(entries.into_iter()));
    let service = config.services().next().unwrap();
    for (path, is_logged) in [
        ("/composer.json", Some(false)),
        ("/x/composer.json", Some(false)),
        ("/xcomposer.json", Some(true)),
        ("/a/my-readme.txt", Some(false)),
        ("/readme.txt/x", Some(true)),
        ("/a.txt~", Some(false)),
        // E20: what is an ending to one reader alone is refused.
        ("/%23a.txt%23", None),
        ("/x%2fcomposer.json", None),
        ("/a.txt%7E", None),
        ("/a%23b", Some(true)),
    ] {
        let found = service
            .parts
            .find(path.as_bytes())
            .map(|place| service.policy(place).log);
        assert_eq!(found, is_logged, "{path}");
    }
    for ending in ["*", "*css", "*/", "*.", "*/a/b", "*#a", "*a%", "*/.", "*a?"] {
        let error = refused(&site(std::iter::once((ending.to_owned(), "log = false".to_owned()))));
        assert!(error.contains("is not an ending"), "{ending}: {error}");
    }
}
