//! The figures that were accepted, as `baseline.toml` has them, and the verdict on others.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;

use serde::Deserialize;

/// So many more instructions are let pass: that much another C library or another month may bring.
const TOLERANCE: f64 = 0.03;

/// The same where another compiler has made the instructions.
const TOLERANCE_OF_COMPILERS: f64 = 0.25;

/// And so many whatever the piece: hash tables have other seeds in each process, and look at one more group of entries, or not.
const SEEDS: f64 = 400.0;

/// Of system calls, allocations and looks at the clock: the last request may not be counted as a whole, and one that was slow is marked in
/// the log. One more for each request would be news.
const FEW: f64 = 0.5;

/// And so many for each round of chores, of which a slow machine has more between two requests.
const OF_CHORES: f64 = 10.0;

/// Asks to write the figures down.
const ACCEPT: &str = "GREENGATE_COST";

/// What a request has cost.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Figures {
    /// By piece.
    pub(super) instructions: BTreeMap<String, u64>,
    pub(super) system_calls: f64,
    /// The same by name, as far as the C library tells.
    #[serde(skip)]
    pub(super) named: BTreeMap<String, f64>,
    pub(super) allocations: f64,
    pub(super) looks_at_the_clock: f64,
    /// Rounds of chores that came in between.
    #[serde(skip)]
    pub(super) chores: f64,
}

/// What was accepted for one profile of the build.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Section {
    compiler: String,
    target: String,
    work: BTreeMap<String, Figures>,
}

/// Compares, and panics with all that has become dearer; or writes the figures down where that was asked for.
pub(super) fn judge(work: &[(String, Figures)]) {
    let toolchain = toolchain();
    let text = std::fs::read_to_string(file()).unwrap_or_default();
    let mut sections: BTreeMap<String, Section> = toml::from_str(&text).expect("baseline.toml can be read");
    if std::env::var(ACCEPT).is_ok_and(|value| value == "accept") {
        let (compiler, target) = toolchain;
        let work = work.iter().cloned().collect();
        sections.insert(profile().to_owned(), Section { compiler, target, work });
        std::fs::write(file(), written(&sections)).expect("baseline.toml can be written");
        return;
    }
    // Calls are the same in both profiles: where one has no figures of its own yet, they are compared with the other's.
    let (own, section) = match (sections.get(profile()), sections.get("debug")) {
        (Some(section), _) => (true, section),
        (None, Some(section)) => (false, section),
        (None, None) => panic!("baseline.toml has no figures\n{}", how_to_accept()),
    };
    let (compiler, target) = (&toolchain.0, &toolchain.1);
    let same_compiler = section.compiler == *compiler;
    let same_target = section.target == *target;
    let mut dearer = String::new();
    for (name, now) in work {
        let Some(before) = section.work.get(name) else {
            let _ = writeln!(dearer, "  {name}: new to the baseline");
            continue;
        };
        let mut found = of_calls(before, now);
        // Another processor has other instructions.
        if same_target && own {
            found.extend(of_instructions(before, now, same_compiler));
        }
        for what in found {
            let _ = writeln!(dearer, "  {name}: {what}");
        }
    }
    if !same_compiler || !same_target {
        let _ = writeln!(
            dearer,
            "  (the baseline was made by {} for {}, and this is {compiler} for {target})",
            section.compiler, section.target
        );
    }
    let is_dearer = dearer.lines().any(|line| !line.starts_with("  ("));
    assert!(
        !is_dearer,
        "a steady request costs more than it did:\n{dearer}{}",
        how_to_accept()
    );
}

fn of_instructions(before: &Figures, now: &Figures, same_compiler: bool) -> Vec<String> {
    let tolerance = if same_compiler {
        TOLERANCE
    } else {
        TOLERANCE_OF_COMPILERS
    };
    let pieces: BTreeSet<_> = before.instructions.keys().chain(now.instructions.keys()).collect();
    let dearer = pieces.into_iter().filter_map(|piece| {
        match (before.instructions.get(piece), now.instructions.get(piece)) {
            (Some(&before), Some(&now)) => {
                let is_dearer = now as f64 > before as f64 * (1.0 + tolerance) + SEEDS;
                let more = (now as f64 / before as f64 - 1.0) * 100.0;
                is_dearer.then(|| format!("{piece}: {now} instructions, before {before} (+{more:.1} %)"))
            }
            // Which functions are left is up to a compiler that optimises.
            _ if !same_compiler && !cfg!(debug_assertions) => None,
            (None, _) => Some(format!("{piece}: new to the baseline")),
            (_, None) => Some(format!("{piece}: not seen any more")),
        }
    });
    dearer.collect()
}

fn of_calls(before: &Figures, now: &Figures) -> Vec<String> {
    // Without what happened once: the order to write everything down interrupts the thread wherever it is.
    let often = now.named.iter().filter(|(_, calls)| **calls >= 0.05);
    let named: Vec<_> = often.map(|(name, calls)| format!("{name} {calls:.2}")).collect();
    let named = format!(" ({})", named.join(", "));
    let kinds = [
        ("system calls", before.system_calls, now.system_calls, named.as_str()),
        ("allocations", before.allocations, now.allocations, ""),
        (
            "looks at the clock",
            before.looks_at_the_clock,
            now.looks_at_the_clock,
            "",
        ),
    ];
    let few = FEW + now.chores * OF_CHORES;
    let dearer = kinds.into_iter().filter(|(_, before, now, _)| *now > before + few);
    dearer
        .map(|(what, before, now, named)| format!("{now:.2} {what}{named}, before {before:.1}"))
        .collect()
}

/// Which part of the file is about this build.
fn profile() -> &'static str {
    if cfg!(debug_assertions) { "debug" } else { "release" }
}

fn how_to_accept() -> String {
    let release = if cfg!(debug_assertions) { "" } else { "--profile long " };
    format!(
        "hint: where the change is worth that, `{ACCEPT}=accept cargo test --locked {release}--test e2e cost::` writes the new figures into {}",
        file().display()
    )
}

fn file() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "e2e", "cost", "baseline.toml"]
        .iter()
        .collect()
}

/// The compiler, and what it compiles for.
fn toolchain() -> (String, String) {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc)
        .arg("-vV")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output();
    let text = String::from_utf8(output.expect("rustc can be asked").stdout).expect("a text");
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    let compiler = text.lines().next().unwrap_or_default().to_owned();
    (compiler, host.unwrap_or_default().to_owned())
}

fn written(sections: &BTreeMap<String, Section>) -> String {
    let mut text = "# What a steady request costs: instructions, and calls. benches/README.md says how to read this; a test writes it.\n".to_owned();
    for (profile, section) in sections {
        let _ = write!(
            text,
            "\n[{profile}]\ncompiler = \"{}\"\ntarget = \"{}\"\n",
            section.compiler, section.target
        );
        for (name, figures) in &section.work {
            let _ = writeln!(text, "\n[{profile}.work.\"{name}\"]");
            for (what, calls) in [
                ("system_calls", figures.system_calls),
                ("allocations", figures.allocations),
                ("looks_at_the_clock", figures.looks_at_the_clock),
            ] {
                let _ = writeln!(text, "{what} = {calls:.1}");
            }
            let _ = writeln!(text, "[{profile}.work.\"{name}\".instructions]");
            let mut pieces: Vec<_> = figures.instructions.iter().collect();
            pieces.sort_by_key(|(_, instructions)| std::cmp::Reverse(**instructions));
            for (piece, instructions) in pieces {
                let _ = writeln!(text, "\"{piece}\" = {instructions}");
            }
        }
    }
    text
}
