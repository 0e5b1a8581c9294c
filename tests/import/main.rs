//! Configurations of other front doors, in the kinds that people publish, and the exact `proxy.toml` that is made of each: what
//! stands in a folder is imported by the real `proxyctl`, and compared with `proxy.toml` and `summary.txt` beside it. What is no
//! configuration is refused with exactly the report beside it.
//!
//! - `paths` which of two rules wins; `kept_out` nothing opens that was closed; `around` what no path says
//! - `ordinary` whole sites stay usable; `seen` what a stranger gets of them

#![expect(clippy::unwrap_used, reason = "helpers fail a test by panicking, too")]

mod around;
mod kept_out;
mod ordinary;
mod paths;
mod seen;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use greengate::config::{Config, Severity};
use greengate::model::api::exit;

/// The folder of the cases, from which their paths are relative.
fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/import")
}

/// What stands in a folder of the cases, sorted.
fn below(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(cases().join(folder)).unwrap();
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    found.sort();
    assert!(!found.is_empty(), "{folder} holds no case");
    found
}

fn imported(language: &str, file: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_proxyctl"))
        .current_dir(cases())
        .args(["import", language])
        .arg(file.strip_prefix(cases()).unwrap_or(file))
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// How a part that only this machine may reach is written.
const CLOSED: &str = r#"auth.allow = ["127.0.0.1", "::1"]"#;

/// What an import comes to.
struct Made {
    text: String,
    looks: u64,
}

impl Made {
    /// Whether something is said about this place.
    fn says(&self, place: &str) -> bool {
        self.text
            .lines()
            .any(|line| line.starts_with('#') && line.contains(place))
    }

    /// Whether this is said, wherever its lines break.
    fn tells(&self, what: &str) -> bool {
        self.text.replace("\n#   ", " ").contains(what)
    }

    /// The tables that hold, without comments, one text for each.
    fn tables(&self) -> Vec<String> {
        let lines = self.text.lines().filter(|line| !line.starts_with('#'));
        let lines: Vec<&str> = lines
            .map(|line| line.split(" #").next().unwrap_or(line).trim())
            .collect();
        let tables = lines.split(|line| line.is_empty()).filter(|table| !table.is_empty());
        tables.map(|table| table.join("\n")).collect()
    }

    /// Whether a table with this key is closed for all but this machine.
    fn closes(&self, key: &str) -> bool {
        let about = self.tables().into_iter().filter(|table| table.contains(key));
        let closed: Vec<bool> = about.map(|table| table.contains(CLOSED)).collect();
        !closed.is_empty() && closed.iter().all(|closed| *closed)
    }

    /// Whether anything is served.
    fn serves(&self) -> bool {
        self.tables().iter().any(|table| table.contains("host "))
    }
}

fn nginx(config: &str) -> Made {
    made("nginx", "nginx.conf", config)
}

fn caddy(config: &str) -> Made {
    made("caddy", "Caddyfile", config)
}

/// What is made of a configuration, which passes `check`.
fn made(language: &str, name: &str, config: &str) -> Made {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(name);
    fs::File::create(&file).unwrap().write_all(config.as_bytes()).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_proxyctl"))
        .args(["import", language, "--json"])
        .arg(&file)
        .output()
        .unwrap();
    let value: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = value["text"].as_str().unwrap().to_owned();
    let serves = text.lines().any(|line| line.starts_with("[env."));
    if let (true, Err(error)) = (serves, Config::parse(Path::new("proxy.toml"), &text)) {
        panic!("{error}\n{text}");
    }
    Made {
        text,
        looks: value["looks"].as_u64().unwrap(),
    }
}

/// How an import differs from what stands beside it; empty when it does not.
fn fault(language: &str, case: &Path) -> String {
    let name = if language == "nginx" { "nginx.conf" } else { "Caddyfile" };
    let output = imported(language, &case.join(name));
    let shown = case.display();
    if output.status.code() != Some(i32::from(exit::DONE)) {
        return format!("{shown} is not imported: {}", text(&output.stderr));
    }
    let mut faults = String::new();
    for (file, found) in [("proxy.toml", &output.stdout), ("summary.txt", &output.stderr)] {
        let expected = fs::read_to_string(case.join(file)).unwrap_or_default();
        if text(found) != expected {
            faults.push_str(&format!("{shown}/{file} differs; it is now:\n{}\n", text(found)));
        }
    }
    faults
}

fn faults(language: &str) -> String {
    below(language).iter().map(|case| fault(language, case)).collect()
}

#[test]
fn configurations_of_nginx_come_out_exactly_so() {
    assert_eq!(faults("nginx"), "");
}

#[test]
fn caddyfiles_come_out_exactly_so() {
    assert_eq!(faults("caddy"), "");
}

#[test]
fn there_are_twenty_of_the_kinds_that_people_publish() {
    assert!(below("nginx").len() + below("caddy").len() >= 20);
}

/// Files of certificates and users that are not on this machine are no fault of the import.
#[test]
fn what_comes_out_passes_check() {
    for case in below("nginx").into_iter().chain(below("caddy")) {
        let result = fs::read_to_string(case.join("proxy.toml")).unwrap();
        match Config::parse(&case.join("proxy.toml"), &result) {
            Ok((_, diagnostics)) => assert!(diagnostics.iter().all(|one| one.severity != Severity::Error)),
            // Where all of it is a comment there is nothing to serve yet.
            Err(error) => assert!(
                !result.lines().any(|line| line.starts_with("[env.")),
                "{}: {error}",
                case.display()
            ),
        }
    }
}

#[test]
fn every_case_is_imported_from_another_folder_as_well() {
    let output = Command::new(env!("CARGO_BIN_EXE_proxyctl"))
        .args(["import", "nginx"])
        .arg(cases().join("nginx/several-sites/nginx.conf"))
        .output()
        .unwrap();
    let expected = fs::read_to_string(cases().join("nginx/several-sites/proxy.toml")).unwrap();
    assert_eq!(text(&output.stdout), expected);
}

#[test]
fn what_is_no_configuration_is_refused_with_exactly_this_report() {
    let mut faults = String::new();
    for file in below("broken") {
        let language = match file.extension().and_then(|extension| extension.to_str()) {
            Some("conf") => "nginx",
            Some("caddy") => "caddy",
            _ => continue,
        };
        let output = imported(language, &file);
        let expected = fs::read_to_string(file.with_extension("txt")).unwrap_or_default();
        let report = text(&output.stderr);
        if output.status.code() != Some(i32::from(exit::USAGE)) || report != expected || !output.stdout.is_empty() {
            faults.push_str(&format!(
                "{} ends with {:?}:\n{report}\n",
                file.display(),
                output.status.code()
            ));
        }
    }
    assert_eq!(faults, "");
}

#[test]
fn a_file_that_is_not_there_is_exit_2_and_named() {
    let output = imported("nginx", &cases().join("nowhere.conf"));
    assert_eq!(output.status.code(), Some(i32::from(exit::USAGE)));
    assert_eq!(
        text(&output.stderr),
        "error: cannot read `nowhere.conf`: No such file or directory (os error 2)\n--> nowhere.conf\n"
    );
}

#[test]
fn a_pipe_a_folder_and_a_program_are_no_configuration_and_nothing_waits_for_them() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    let made = Command::new("mkfifo")
        .arg(&pipe)
        .status()
        .expect("mkfifo is part of coreutils");
    assert!(made.success());
    for (path, why) in [
        (pipe.as_path(), "it is no regular file"),
        (folder.path(), "is a directory"),
        (Path::new(env!("CARGO_BIN_EXE_proxyctl")), "it is larger than 1 MiB"),
    ] {
        let output = imported("caddy", path);
        assert_eq!(output.status.code(), Some(i32::from(exit::USAGE)));
        assert!(text(&output.stderr).contains(why), "{}", text(&output.stderr));
    }
}

#[test]
fn files_that_multiply_by_including_each_other_are_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: String, content: String| {
        #[expect(clippy::disallowed_methods, reason = "a file of a test need not survive a crash")]
        fs::write(folder.path().join(name), content).unwrap();
    };
    for number in 0..12 {
        write(
            format!("{number}.conf"),
            format!("include {}.conf;\n", number + 1).repeat(8),
        );
        write(
            format!("{number}.caddy"),
            format!("import {}.caddy\n", number + 1).repeat(8),
        );
    }
    write("Caddyfile".into(), "a.example.com {\n\timport 0.caddy\n}\n".into());
    write("12.conf".into(), String::new());
    write("12.caddy".into(), String::new());
    let snippets = (0..30).map(|number| {
        format!(
            "(s{number}) {{\n{}}}\n",
            format!("\timport s{}\n", number + 1).repeat(4)
        )
    });
    write(
        "snippets".into(),
        format!(
            "{}(s30) {{\n}}\na.example.com {{\n\timport s0\n}}\n",
            snippets.collect::<String>()
        ),
    );
    for (language, name) in [("nginx", "0.conf"), ("caddy", "Caddyfile"), ("caddy", "snippets")] {
        let output = imported(language, &folder.path().join(name));
        assert_eq!(output.status.code(), Some(i32::from(exit::USAGE)), "{name}");
        let report = text(&output.stderr);
        assert!(
            report.contains("too many files") || report.contains("too much is imported"),
            "{report}"
        );
    }
}

#[test]
fn json_has_the_text_and_the_counts() {
    let output = Command::new(env!("CARGO_BIN_EXE_proxyctl"))
        .args(["import", "caddy", "--json"])
        .arg(cases().join("caddy/least/Caddyfile"))
        .output()
        .unwrap();
    let value: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let expected = fs::read_to_string(cases().join("caddy/least/proxy.toml")).unwrap();
    assert_eq!(value["text"], expected);
    assert_eq!(value["carried"], 5);
}

#[test]
fn names_that_are_wider_than_any_column_are_carried_over_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let wide = "w".repeat(70_000);
    for (language, file, config) in [
        (
            "caddy",
            "Caddyfile",
            format!("{wide}.com {{\n\tredir https://a.com{{uri}}\n}}\n"),
        ),
        (
            "nginx",
            "nginx.conf",
            format!(
                "server {{\n\tserver_name a.com;\n\tadd_header {wide} 1;\n\tlocation / {{ proxy_pass http://127.0.0.1:3000; }}\n}}\n"
            ),
        ),
    ] {
        let file = folder.path().join(file);
        fs::File::create(&file).unwrap().write_all(config.as_bytes()).unwrap();
        let output = imported(language, &file);
        let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
        assert!(
            said.contains(&wide) && !said.contains("panicked"),
            "{language}: {said:.2000}"
        );
    }
}
