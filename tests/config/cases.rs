//! Cases as files: each `NAME.toml` has the exact report about it beside it, in `NAME.txt`. Those in `refused` are no
//! configuration; those in `accepted` are one, with warnings or with nothing said.

use std::fs;
use std::path::{Path, PathBuf};

use greengate::config::{Config, render};

use super::{FILE, write};

#[test]
fn what_is_refused_is_refused_with_exactly_this_report() {
    assert_eq!(faults(&cases("refused"), true), "");
}

#[test]
fn what_is_accepted_is_accepted_with_exactly_this_report() {
    assert_eq!(faults(&cases("accepted"), false), "");
}

#[test]
fn a_case_that_differs_or_lacks_its_other_half_is_a_fault() {
    let folder = tempfile::tempdir().unwrap();
    assert!(faults(folder.path(), true).contains("holds no case"));
    write(&folder.path().join("typed.toml"), b"colour = 1");
    assert!(faults(folder.path(), true).contains("typed.toml has no report"));
    write(&folder.path().join("typed.txt"), b"another report");
    write(&folder.path().join("alone.txt"), b"");
    let both = faults(folder.path(), true);
    assert!(
        both.contains("alone.txt is about nothing") && both.contains("typed.toml is refused with:\nerror: "),
        "{both}"
    );
    write(
        &folder.path().join("alone.toml"),
        b"[redirect]\n\"a.com\" = \"https://b.com\"\n",
    );
    assert!(faults(folder.path(), true).contains("alone.toml is accepted with:"));
}

fn cases(verdict: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config").join(verdict)
}

/// What is wrong with the cases in a folder and in those below it; empty when nothing is.
fn faults(folder: &Path, refused: bool) -> String {
    let files = files(folder);
    let mut faults: Vec<String> = files.iter().filter_map(|file| fault(file, refused)).collect();
    if files.is_empty() {
        faults.push(format!("{} holds no case", folder.display()));
    }
    faults.join("\n")
}

fn fault(file: &Path, refused: bool) -> Option<String> {
    let name = file.display();
    if file.extension().is_none_or(|extension| extension != "toml") {
        return (!file.with_extension("toml").exists()).then(|| format!("{name} is about nothing"));
    }
    let text = fs::read_to_string(file).unwrap();
    let Ok(expected) = fs::read_to_string(file.with_extension("txt")) else {
        return Some(format!("{name} has no report"));
    };
    let (is_refused, report) = match Config::parse(Path::new(FILE), &text) {
        Ok((_, diagnostics)) => (false, render(FILE, &text, &diagnostics, false)),
        Err(error) => (true, error.render(false)),
    };
    let verdict = if is_refused { "refused" } else { "accepted" };
    (is_refused != refused || report != expected).then(|| format!("{name} is {verdict} with:\n{report}"))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let (folders, mut files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    files.extend(folders.iter().flat_map(|below| self::files(below)));
    files.sort();
    files
}
