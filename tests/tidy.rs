//! The house is tidy: arrows point down only, between rooms and between the floors of a room, and make no circle; files stay short,
//! nothing is left to do, every rule that is kept has a test whose name begins with its number, and whatever an operator can see of a
//! failure is explained.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests panic freely")]

#[path = "tidy/circles.rs"]
mod circles;
#[path = "tidy/file.rs"]
mod file;
#[path = "tidy/imports.rs"]
mod imports;
#[path = "tidy/made_up.rs"]
mod made_up;
#[path = "tidy/tokens.rs"]
mod tokens;
#[path = "tidy/troubles.rs"]
mod troubles;

use std::collections::BTreeSet;
use std::fs;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use circles::{circles, standing_in};
use imports::{Arrow, arrows};
use tokens::{Kind, tokens};

/// Lines that a source file may have.
const LINES: usize = 450;

/// Which rooms a room may see, beside itself. An arrow that is not here points up, or sideways.
const MAY_SEE: [(&str, &[&str]); 12] = [
    ("model", &[]),
    ("http1", &[]),
    ("http2", &["http1"]),
    ("tasks", &[]),
    ("durable", &["model"]),
    ("config", &["model", "http1"]),
    ("import", &["config", "model"]),
    ("telemetry", &["config", "model", "http1"]),
    ("tls", &["telemetry", "config", "model", "http1", "tasks", "durable"]),
    ("proxy", &["telemetry", "config", "model", "http2", "http1", "tasks"]),
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

/// The floors of the rooms that have some, from the top down: folders, and files of the room itself that have their place among
/// them. An arrow from one to another that stands before it points up.
const FLOORS: [(&str, &str); 8] = [
    (
        "model",
        "notify environment deployment hold reload switch pause sleep gate history state backup course promotion parity api deploy access files preview renewal",
    ),
    (
        "http2",
        "connection request streams window hpack list field settings frame error priority",
    ),
    ("config", "explain parity reload check build read text"),
    (
        "import",
        "arrange write nginx caddy fields draft directive source files pattern spell value",
    ),
    ("tls", "store acme resolver shelf files"),
    (
        "proxy",
        "data_plane worker inside listen client exchange core wait route auth_service upstream limit files message stock settings access assets",
    ),
    (
        "control",
        "backup daemon dashboard metrics socket notify certificates switcher kept_assets disk evidence served web ports",
    ),
    ("cli", "commands output client args"),
];

/// The rules that are kept so far: of the promise (N), of the edge (E) and of the field (F). Each has a test whose name begins with it.
const RULES: [(char, &[RangeInclusive<u32>]); 3] = [('n', &[1..=36]), ('e', &[1..=36]), ('f', &[1..=17])];

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
    let first = path.strip_prefix("src").unwrap().iter().next()?;
    let name = Path::new(first).file_stem()?.to_str()?.to_owned();
    (!matches!(name.as_str(), "lib" | "bin")).then_some(name)
}

/// Arrows between rooms that point up or sideways, and rooms without a place.
fn wrong_between_rooms(files: &[(PathBuf, String)]) -> Vec<String> {
    let may_see = |room: &str| MAY_SEE.iter().find(|(name, _)| *name == room).map(|(_, seen)| *seen);
    let unknown: BTreeSet<String> = files
        .iter()
        .filter_map(|(path, _)| room(path))
        .filter(|room| may_see(room).is_none())
        .collect();
    let unknown = unknown
        .iter()
        .map(|room| format!("`{room}` is a room that this test does not know: give it its place"));
    let wrong = arrows(files).into_iter().filter_map(|arrow| {
        let (from, to) = (room(&arrow.from)?, room(&arrow.to)?);
        (from != to && !may_see(&from)?.contains(&to.as_str())).then(|| shown(&arrow))
    });
    unknown.chain(wrong).collect()
}

/// The room and the floor of a file: the folder of the room that holds it, or its own name where it stands in the room itself.
fn floor(path: &Path) -> Option<(String, String)> {
    let room = room(path)?;
    let folder = Path::new("src").join(&room);
    let floor = path.starts_with(&folder).then(|| standing_in(&folder, path))?;
    Some((room, floor.file_name()?.to_str()?.to_owned()))
}

/// Arrows that point up between the floors of a room, and floors without a place.
fn wrong_between_floors(files: &[(PathBuf, String)], rooms: &[(&str, &str)]) -> Vec<String> {
    let place = |(room, floor): &(String, String)| {
        let (_, floors) = rooms.iter().find(|(name, _)| name == room)?;
        floors.split(' ').position(|name| name == floor)
    };
    let folders: BTreeSet<(String, String)> = files
        .iter()
        .filter(|(path, _)| path.iter().count() > 3)
        .filter_map(|(path, _)| floor(path))
        .filter(|floor| place(floor).is_none())
        .collect();
    let unknown = folders.iter().map(|(room, floor)| {
        format!("`{floor}` is a floor of `{room}` that this test does not know: give it its place")
    });
    let wrong = arrows(files)
        .into_iter()
        .filter(|arrow| !arrow.test)
        .filter_map(|arrow| {
            let (from, to) = (floor(&arrow.from)?, floor(&arrow.to)?);
            (from.0 == to.0 && place(&from)? > place(&to)?).then(|| shown(&arrow))
        });
    unknown.chain(wrong).collect()
}

/// Circles of imports, as `a → b → a`.
fn circles_of_imports(files: &[(PathBuf, String)]) -> Vec<String> {
    let arrows: Vec<Arrow> = arrows(files).into_iter().filter(|arrow| !arrow.test).collect();
    let shown = |way: Vec<PathBuf>| {
        let steps: Vec<_> = way.iter().map(|step| step.display().to_string()).collect();
        steps.join(" → ")
    };
    circles(&arrows).into_iter().map(shown).collect()
}

fn shown(arrow: &Arrow) -> String {
    format!("{}:{} sees {}", arrow.from.display(), arrow.line, arrow.to.display())
}

#[test]
fn an_arrow_between_rooms_points_down_only() {
    let wrong = wrong_between_rooms(&sources("src"));
    assert!(
        wrong.is_empty(),
        "arrows that point up or sideways:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn an_arrow_between_the_floors_of_a_room_points_down_only() {
    let wrong = wrong_between_floors(&sources("src"), &FLOORS);
    assert!(wrong.is_empty(), "arrows that point up:\n{}", wrong.join("\n"));
}

#[test]
fn imports_make_no_circle() {
    let circles = circles_of_imports(&sources("src"));
    assert!(circles.is_empty(), "circles of imports:\n{}", circles.join("\n"));
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
fn no_file_of_the_product_is_an_exception_to_safe_rust() {
    let mut found = Vec::new();
    for (path, text) in sources("src") {
        for token in tokens(&text) {
            if matches!(&token.kind, Kind::Name(name) if name == "unsafe" || name == "unsafe_code") {
                found.push(format!("{}:{}", path.display(), token.line));
            }
        }
    }
    assert!(found.is_empty(), "not safe:\n{}", found.join("\n"));
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

/// The names of all tests of a file: of functions behind an attribute that ends in `test`, with arguments or without.
fn tests(text: &str) -> Vec<String> {
    let (mut names, mut is_test) = (Vec::new(), false);
    let mut last = "";
    let tokens = tokens(text);
    for token in &tokens {
        match &token.kind {
            Kind::Name(word) if last == "fn" && std::mem::take(&mut is_test) => names.push(word.clone()),
            Kind::Name(word) => last = word,
            Kind::Mark(']' | '(') if last == "test" => is_test = true,
            _ => last = "",
        }
    }
    names
}

/// The rule that a word of a name is, as `n12` is N12.
fn rule(word: &str) -> Option<(char, u32)> {
    let kind = word.chars().next()?;
    let last = match kind {
        'n' | 'e' => 36,
        'f' => 17,
        _ => return None,
    };
    let number = word[1..].parse().ok()?;
    (1..=last).contains(&number).then_some((kind, number))
}

/// Whether a rule stands anywhere but at the beginning of a name, or in another spelling (`n05`).
fn is_misnamed(name: &str) -> bool {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default();
    let misspelt = rule(first).is_some_and(|(kind, number)| first != format!("{kind}{number}"));
    misspelt || words.any(|word| rule(word).is_some())
}

#[test]
fn every_rule_that_is_kept_has_a_test_whose_name_begins_with_it() {
    let names: Vec<String> = ["src", "tests"]
        .iter()
        .flat_map(|folder| sources(folder))
        .flat_map(|(_, text)| tests(&text))
        .collect();
    let kept: BTreeSet<(char, u32)> = names.iter().filter_map(|name| rule(name.split('_').next()?)).collect();
    let listed: BTreeSet<(char, u32)> = RULES
        .iter()
        .flat_map(|(kind, numbers)| numbers.iter().cloned().flatten().map(|number| (*kind, number)))
        .collect();
    assert_eq!(
        listed, kept,
        "the rules that are listed here, and those that tests carry"
    );
    let misnamed: Vec<_> = names.iter().filter(|name| is_misnamed(name)).collect();
    assert!(
        misnamed.is_empty(),
        "a rule stands at the beginning of a name: {misnamed:?}"
    );
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
