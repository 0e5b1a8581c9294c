//! Whatever is typed: an answer, never a panic.

use std::path::Path;

use greengate::config::{Config, render};
use proptest::prelude::*;

const EXAMPLE: &str = include_str!("../../proxy.toml.example");

/// What a slip of the hand puts into a file.
const SLIPS: &[&str] = &[
    "",
    "\"",
    "'",
    "[",
    "]",
    "{",
    "}",
    "=",
    ".",
    ",",
    "\n",
    "#",
    "é",
    "\0",
    "0",
    "-1",
    "true",
    "\\",
    "[env.x]\n",
];

#[test]
fn of_very_many_errors_the_first_hundred_are_shown_at_once() {
    let text = format!("[env.prod]\nhost {} \"a\"\n", "=".repeat(20_000));
    let error = Config::parse(Path::new("proxy.toml"), &text).unwrap_err();
    let rendered = error.render(false);
    assert_eq!(rendered.matches("error: ").count(), 100);
    let more = error.diagnostics.len() - 100;
    assert!(
        rendered.ends_with(&format!("\n… and {more} more; these are the first 100\n")),
        "{}",
        rendered.lines().last().unwrap()
    );
}

proptest! {
    #[test]
    fn any_slip_in_the_example_gets_an_answer(
        slips in prop::collection::vec((0..EXAMPLE.len(), 0..12_usize, 0..SLIPS.len()), 1..4)
    ) {
        let mut text = EXAMPLE.to_owned();
        for (at, length, slip) in slips {
            let start = (0..=at.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
            let end = (start + length..=text.len()).find(|&at| text.is_char_boundary(at)).unwrap_or(text.len());
            text.replace_range(start..end, SLIPS[slip]);
        }
        let rendered = match Config::parse(Path::new("proxy.toml"), &text) {
            Ok((_, diagnostics)) => render("proxy.toml", &text, &diagnostics, false),
            Err(error) => {
                prop_assert!(!error.diagnostics.is_empty());
                error.render(true)
            }
        };
        prop_assert!(rendered.is_empty() || rendered.contains("proxy.toml"));
    }

    #[test]
    fn any_text_gets_an_answer(text in "[ -~\\n\\té]{0,80}") {
        match Config::parse(Path::new("proxy.toml"), &text) {
            Ok((config, _)) => prop_assert!(!config.environments.is_empty() || !config.redirects.is_empty()),
            Err(error) => prop_assert!(error.render(false).starts_with("error: ")),
        }
    }
}
