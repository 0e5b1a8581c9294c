//! The house is tidy: arrows between rooms point down only, files stay short, nothing is left to do, and every rule of the
//! promise has a test that carries its number.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests panic freely")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Lines that a source file may have.
const LINES: usize = 450;

/// Which rooms a room may see, beside itself. An arrow that is not here points up, or sideways.
const MAY_SEE: [(&str, &[&str]); 10] = [
    ("model", &[]),
    ("http1", &[]),
    ("tasks", &[]),
    ("durable", &["model"]),
    ("config", &["model", "http1"]),
    ("telemetry", &["config", "model", "http1"]),
    ("tls", &["telemetry", "config", "model", "http1", "tasks", "durable"]),
    ("proxy", &["telemetry", "config", "model", "http1", "tasks"]),
    (
        "control",
        &[
            "proxy",
            "tls",
            "telemetry",
            "config",
            "model",
            "http1",
            "tasks",
            "durable",
        ],
    ),
    ("cli", &["model"]),
];

/// The rules of the promise that are kept so far.
const RULES: [u32; 21] = [
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 14, 15, 16, 17, 18, 19, 20, 21, 22, 27,
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file under a folder of the crate, with its path from the crate's root.
fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir()
                && !path
                    .file_name()
                    .is_some_and(|name| name == ".venv" || name == "node_modules")
            {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path.strip_prefix(root()).unwrap().to_owned(), text));
            }
        }
    }
    found.sort();
    found
}

/// The room of a file under `src/`; `None` for the library's root and the binaries, which may see everything.
fn room(path: &Path) -> Option<String> {
    let first = path.strip_prefix("src").unwrap().components().next()?;
    let name = Path::new(first.as_os_str()).file_stem()?.to_str()?.to_owned();
    (!matches!(name.as_str(), "lib" | "bin")).then_some(name)
}

/// The code of a file: without comments, and without what stands in strings.
fn code(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    for line in text.lines() {
        let line = line.split("//").next().unwrap_or_default();
        // Every second part is inside of quotes; an escaped quote only makes a line's rest look quoted.
        code.extend(line.split('"').step_by(2));
        code.push('\n');
    }
    code
}

/// The rooms that a file names, each with the line: `crate::room`, `crate::{room, …}`, and `super::` where it leaves the room.
fn arrows(path: &Path, text: &str) -> Vec<(usize, String)> {
    let code = code(text);
    let mut found = Vec::new();
    for prefix in ["crate::", "greengate::"] {
        for (at, _) in code.match_indices(prefix) {
            let before = code[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '$') {
                continue;
            }
            let line = code[..at].matches('\n').count() + 1;
            found.extend(heads(&code[at + prefix.len()..]).into_iter().map(|name| (line, name)));
        }
    }
    // A room's own root is `src/room/mod.rs` or `src/room.rs`: one `super::` leaves it. In its files it takes one more for
    // each folder. Modules inside of files (`mod tests`) begin after the code that this looks at.
    let depth = path.components().count() - 2 - usize::from(path.ends_with("mod.rs")) + 1;
    let own = code.split("#[cfg(test)]").next().unwrap_or_default();
    let leaving = "super::".repeat(depth);
    for (at, _) in own.match_indices(&leaving) {
        if own[..at].ends_with("super::") {
            continue;
        }
        let line = own[..at].matches('\n').count() + 1;
        found.extend(heads(&own[at + leaving.len()..]).into_iter().map(|name| (line, name)));
    }
    found
}

/// The first names of a path, or of every path of a group: `a::b` → a; `{a::b, c::{d}}` → a, c.
fn heads(rest: &str) -> Vec<String> {
    let identifier = |text: &str| -> String {
        text.trim_start()
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect()
    };
    let Some(group) = rest.strip_prefix('{') else {
        return vec![identifier(rest)];
    };
    let (mut names, mut depth, mut start) = (Vec::new(), 0, 0);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                names.push(identifier(&group[start..at]));
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                names.push(identifier(&group[start..at]));
                start = at + 1;
            }
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

/// Arrows of one file that point up or sideways.
fn wrong_arrows(path: &Path, text: &str) -> Vec<String> {
    let Some(room) = room(path) else { return Vec::new() };
    let Some((_, may_see)) = MAY_SEE.iter().find(|(name, _)| *name == room) else {
        return vec![format!(
            "{}: `{room}` is a room that this test does not know: give it its place",
            path.display()
        )];
    };
    let rooms: BTreeSet<&str> = MAY_SEE.iter().map(|(name, _)| *name).collect();
    let wrong = arrows(path, text)
        .into_iter()
        .filter(|(_, seen)| *seen != room && rooms.contains(seen.as_str()) && !may_see.contains(&seen.as_str()));
    wrong
        .map(|(line, seen)| format!("{}:{line}: `{room}` sees `{seen}`", path.display()))
        .collect()
}

#[test]
fn an_arrow_between_rooms_points_down_only() {
    let wrong: Vec<_> = sources("src")
        .iter()
        .flat_map(|(path, text)| wrong_arrows(path, text))
        .collect();
    assert!(
        wrong.is_empty(),
        "arrows that point up or sideways:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn this_test_finds_the_arrows_that_it_looks_for() {
    let wrong = |path: &str, text: &str| wrong_arrows(Path::new(path), text).len();
    assert_eq!(wrong("src/model/drain.rs", "use crate::config::units::Duration;"), 1);
    assert_eq!(
        wrong(
            "src/model/drain.rs",
            "use crate::model::slot::Slot;\nuse super::slot::Slot;"
        ),
        0
    );
    assert_eq!(
        wrong("src/proxy/core.rs", "use crate::{config::Config, tls::{store, files}};"),
        1
    );
    assert_eq!(wrong("src/proxy/core.rs", "fn f() { crate::control::x() }"), 1);
    assert_eq!(wrong("src/tls/mod.rs", "use super::proxy::Error;"), 1);
    assert_eq!(wrong("src/tls/store.rs", "use super::super::proxy::Error;"), 1);
    assert_eq!(wrong("src/tls/store.rs", "use super::proxy::Error;"), 0);
    assert_eq!(wrong("src/control/switcher/mod.rs", "use super::super::cli::run;"), 1);
    assert_eq!(
        wrong("src/cli/output.rs", "// crate::control\nlet text = \"crate::control\";"),
        0
    );
    assert_eq!(wrong("src/cli/output.rs", "use crate::http1::head;"), 1);
    assert_eq!(wrong("src/bin/proxyd.rs", "use greengate::control::Daemon;"), 0);
    assert_eq!(wrong("src/cellar/mod.rs", ""), 1);
}

#[test]
fn a_file_holds_one_thing() {
    let long: Vec<_> = sources("src")
        .iter()
        .map(|(path, text)| (path.clone(), text.lines().count()))
        .filter(|(_, lines)| *lines > LINES)
        .map(|(path, lines)| format!("{}: {lines} lines", path.display()))
        .collect();
    assert!(
        long.is_empty(),
        "files of more than {LINES} lines usually hold two things:\n{}",
        long.join("\n")
    );
}

#[test]
fn nothing_is_left_to_do() {
    // In two parts, so that this file does not find itself.
    let marks = [
        ["to", "do!"],
        ["TO", "DO"],
        ["FIX", "ME"],
        ["unimple", "mented!"],
        ["X", "XX"],
    ]
    .map(|part| part.concat());
    let mut found = Vec::new();
    for (path, text) in ["src", "tests", "benches"].iter().flat_map(|folder| sources(folder)) {
        for (number, line) in text.lines().enumerate() {
            if marks.iter().any(|mark| line.contains(mark.as_str())) {
                found.push(format!("{}:{}: {}", path.display(), number + 1, line.trim()));
            }
        }
    }
    assert!(found.is_empty(), "left to do:\n{}", found.join("\n"));
}

#[test]
fn every_file_says_what_it_owns() {
    let silent: Vec<_> = ["src", "tests", "benches"]
        .iter()
        .flat_map(|folder| sources(folder))
        .filter(|(_, text)| !text.starts_with("//!"))
        .map(|(path, _)| path.display().to_string())
        .collect();
    assert!(silent.is_empty(), "these files do not open with `//!`: {silent:?}");
}

#[test]
fn every_rule_of_the_promise_has_a_test_with_its_number() {
    let texts: Vec<String> = ["src", "tests"]
        .iter()
        .flat_map(|folder| sources(folder))
        .map(|(_, text)| text)
        .collect();
    let has = |rule: &u32| texts.iter().any(|text| text.contains(&format!("fn n{rule}_")));
    let missing: Vec<_> = RULES
        .iter()
        .filter(|rule| !has(rule))
        .map(|rule| format!("N{rule}"))
        .collect();
    assert!(missing.is_empty(), "no test carries the number of {missing:?}");
}

#[test]
fn no_key_is_in_the_repository() {
    let folder = root().join("certs");
    let files: Vec<_> = fs::read_dir(&folder)
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    let ignored = fs::read_to_string(root().join(".gitignore")).unwrap();
    assert!(
        ignored.lines().any(|line| line == "/certs/*"),
        "certs/ may be committed, and {files:?} is in it"
    );
}
