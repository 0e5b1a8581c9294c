//! What shells and `man` are given: scripts that complete the commands, and pages that describe them.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use clap::CommandFactory as _;
use greengate::cli::args::Cli;
use greengate::model::api::exit;

fn proxyctl(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_proxyctl"))
        .args(args)
        .output()
        .unwrap()
}

fn printed(args: &[&str]) -> String {
    let output = proxyctl(args);
    assert_eq!(output.status.code(), Some(i32::from(exit::DONE)), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The commands that `--help` shows.
fn shown() -> Vec<String> {
    let command = Cli::command();
    let shown = command.get_subcommands().filter(|one| !one.is_hide_set());
    shown.map(|one| one.get_name().to_owned()).collect()
}

/// Runs a program with a script on its standard input.
fn fed(program: &str, args: &[&str], script: &str) -> Output {
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}; `tests/run` installs it"));
    child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn a_completion_script_is_one_and_names_what_help_shows() {
    for shell in ["bash", "zsh", "fish"] {
        let script = printed(&["completions", shell]);
        let read = fed(shell, &["-n"], &script);
        assert!(read.status.success(), "{shell}: {read:?}");
        for command in shown() {
            assert!(script.contains(&command), "{shell}: {command}");
        }
        assert!(script.contains("expect-version"), "{shell}: options of a command");
        for hidden in ["__proxyd", "__demo-app", "man1"] {
            assert!(!script.contains(hidden), "{shell}: {hidden}");
        }
    }
}

#[test]
fn bash_finishes_commands_and_options() {
    let script = printed(&["completions", "bash"]);
    let finish = |words: &[&str]| {
        let last = words.last().unwrap();
        let script = format!(
            "{script}\nCOMP_WORDS=({})\nCOMP_CWORD={}\n_proxyctl proxyctl '{last}' ''\nprintf '%s\\n' \"${{COMPREPLY[@]}}\"\n",
            words.join(" "),
            words.len() - 1
        );
        let output = fed("bash", &[], &script);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(finish(&["proxyctl", "sw"]), "swap\n");
    assert_eq!(finish(&["proxyctl", "certs", "ren"]), "renew\n");
    assert_eq!(finish(&["proxyctl", "swap", "prod", "--expect"]), "--expect-version\n");
    assert_eq!(finish(&["proxyctl", "__"]), "\n", "hidden commands stay hidden");
}

#[test]
fn a_shell_that_is_not_known_is_a_usage_error() {
    let output = proxyctl(&["completions", "csh"]);
    assert_eq!(output.status.code(), Some(i32::from(exit::USAGE)));
}

#[test]
fn every_command_has_a_manual_page_with_its_examples_first() {
    let folder = tempfile::tempdir().unwrap();
    printed(&["man", folder.path().to_str().unwrap()]);
    let below = shown().into_iter().map(|command| format!("proxyctl-{command}.1"));
    let of_certs = ["list", "renew", "import"].map(|command| format!("proxyctl-certs-{command}.1"));
    let mut expected: Vec<String> = below
        .chain(of_certs)
        .chain(["proxyctl-notify-test.1".into(), "proxyctl.1".into()])
        .collect();
    expected.sort();
    assert_eq!(names(&folder.path().join("man1")), expected);
    assert_eq!(names(&folder.path().join("man5")), ["proxy.toml.5"]);
    assert_eq!(names(&folder.path().join("man8")), ["proxyd.8"]);

    let pages = (expected.iter().map(|name| format!("man1/{name}")))
        .chain(["man5/proxy.toml.5".into(), "man8/proxyd.8".into()]);
    for page in pages {
        let path = folder.path().join(&page);
        let lint = Command::new("mandoc")
            .args(["-T", "lint", "-W", "warning"])
            .arg(&path)
            .output()
            .unwrap_or_else(|error| panic!("mandoc: {error}; `tests/run` installs it"));
        // A page has no date, so that one version has one page.
        let said = String::from_utf8(lint.stdout).unwrap();
        let complaints: Vec<&str> = said.lines().filter(|line| !line.contains("missing date")).collect();
        assert!(complaints.is_empty(), "{complaints:?}");

        let source = fs::read_to_string(&path).unwrap();
        assert!(!source.contains('\u{1b}'), "{page}: no colours");
        assert!(!source.contains("__"), "{page}: hidden commands stay hidden");
        // Below `certs` the commands' own help has no examples, and a file is one.
        if !page.contains("proxyctl-certs-") && !page.starts_with("man5") {
            let examples = source
                .find(".SH EXAMPLES")
                .unwrap_or_else(|| panic!("{page}: no examples"));
            assert!(examples < source.find(".SH OPTIONS").unwrap(), "{page}");
        }
    }
    let proxyctl = fs::read_to_string(folder.path().join("man1/proxyctl.1")).unwrap();
    assert!(proxyctl.contains(".SH \"EXIT CODES\"\n.nf\n0  done\n"), "{proxyctl}");
}

#[test]
fn the_configuration_has_a_page_with_every_key_below_its_table() {
    let folder = tempfile::tempdir().unwrap();
    printed(&["man", folder.path().to_str().unwrap()]);
    let page = fs::read_to_string(folder.path().join("man5/proxy.toml.5")).unwrap();
    let at = |text: &str| {
        page.find(text)
            .unwrap_or_else(|| panic!("{text:?} is missing:\n{page}"))
    };
    let order = [
        at(".SH [server]\n"),
        at("\\fBtrusted_proxies = "),
        at(".SH [acme]\n"),
        at("Whom certificates are asked for"),
        at(".SH [defaults]\n"),
        at("\\fBhold.max_bytes = "),
        at(".SH [redirect]\n"),
    ];
    assert!(order.is_sorted(), "{order:?}\n{page}");
}

#[test]
fn a_folder_that_cannot_be_written_to_is_named() {
    let output = proxyctl(&["man", "/dev/null"]);
    assert_eq!(output.status.code(), Some(i32::from(exit::FAILED)));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("cannot write to `/dev/null/man1`"), "{said}");
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
