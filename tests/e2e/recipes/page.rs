//! `docs/recipes.md`, as its readers copy from it.

use crate::common::place::python;

const PAGE: &str = include_str!("../../../docs/recipes.md");

/// Every fenced block: how it is written, and its text.
pub(super) fn blocks() -> Vec<(&'static str, &'static str)> {
    let fenced = PAGE.split("```").skip(1).step_by(2);
    fenced
        .map(|block| block.split_once('\n').expect("a fence stands on a line of its own"))
        .collect()
}

/// The block that names this file in its first comment.
pub(super) fn block(name: &str) -> &'static str {
    let named = |text: &str| {
        let first = text.lines().find(|line| line.starts_with("# "));
        first.is_some_and(|line| line[2..].split(',').next() == Some(name))
    };
    let mut found = blocks().into_iter().filter(|(_, text)| named(text));
    let (_, text) = found.next().unwrap_or_else(|| panic!("no block is of `{name}`"));
    assert!(found.next().is_none(), "two blocks are of `{name}`");
    text
}

/// The only block in this language.
pub(super) fn only(language: &str) -> &'static str {
    let mut found = blocks().into_iter().filter(|(written, _)| *written == language);
    let (_, text) = found.next().expect("a block in this language");
    assert!(found.next().is_none(), "two blocks are in {language}");
    text
}

/// A block of YAML, as data.
pub(super) fn yaml(name: &str) -> serde_json::Value {
    let read = "import json, sys, yaml; print(json.dumps({str(k): v for k, v in yaml.safe_load(sys.argv[1]).items()}))";
    let output = python().args(["-c", read, block(name)]).output().expect("a Python");
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}
