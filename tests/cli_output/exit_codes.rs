//! How the real binary exits, with a scripted daemon behind the socket.

use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::net::UnixListener;
use std::process::{Command, Output, Stdio};

use greengate::model::api::{CommonStep, Event, Problem, Status, SwapStep, exit};
use greengate::model::slot::{Generation, Slot};

use crate::socket::{self, Asked};
use crate::{a_status, a_swap, plan, shift};

/// A daemon that answers `GET`s with a status, and operations with these lines, and then hangs up.
struct Daemon {
    folder: tempfile::TempDir,
}

impl Daemon {
    fn start(status: &Status, head: &'static str, lines: Vec<String>, hold: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("control.sock")).unwrap();
        let status = serde_json::to_string(status).unwrap();
        std::thread::spawn(move || {
            let mut held = Vec::new();
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                if Asked::read(&mut stream).method != "POST" {
                    socket::whole(&mut stream, "200 OK", &status);
                    continue;
                }
                socket::begin(&mut stream, head);
                lines.iter().for_each(|line| socket::line(&mut stream, line));
                if hold {
                    held.push(stream);
                } else {
                    socket::end(&mut stream);
                }
            }
        });
        Self { folder }
    }

    fn speaking(events: &[Event]) -> Self {
        Self::start(&a_status(Some(true), false), "200 OK", lines(events), false)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = proxyctl(args);
        command.env("PROXYCTL_SOCKET", self.folder.path().join("control.sock"));
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }
}

fn lines(events: &[Event]) -> Vec<String> {
    events
        .iter()
        .map(|event| serde_json::to_string(event).unwrap())
        .collect()
}

fn proxyctl(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_proxyctl"));
    command.args(args).env_remove("NO_COLOR").stdin(Stdio::null());
    command
}

fn code(output: &Output) -> u8 {
    u8::try_from(output.status.code().unwrap()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn refused(code: u8) -> Event {
    Event::Common(CommonStep::Refused {
        code,
        reason: "no".into(),
        evidence: Vec::new(),
        hint: None,
        live: Some(Slot::Blue),
        health: Vec::new(),
    })
}

#[test]
fn every_ending_has_its_exit_code() {
    let rolled_back = Event::Swap(SwapStep::RolledBack {
        reason: "bad".into(),
        by: None,
        live: Slot::Blue,
        generation: Generation(3),
    });
    let failed = Event::Common(CommonStep::Failed {
        reason: "worse".into(),
        live: None,
    });
    let done = a_swap().pop().unwrap();
    for (ending, expected) in [
        (done, exit::DONE),
        (Event::Common(CommonStep::Planned), exit::DONE),
        (failed, exit::FAILED),
        (refused(exit::USAGE), exit::USAGE),
        (refused(exit::REFUSED), exit::REFUSED),
        (refused(exit::BUSY), exit::BUSY),
        (rolled_back, exit::ROLLED_BACK),
    ] {
        let daemon = Daemon::speaking(&[plan(vec![shift("web", "3000", "3010")]), ending.clone()]);
        let output = daemon.run(&["swap", "prod"]);
        assert_eq!(code(&output), expected, "{ending:?}: {}", stderr(&output));
    }
}

#[test]
fn a_stream_that_ends_early_is_a_failure_that_says_where_to_look() {
    let daemon = Daemon::speaking(&a_swap()[..3]);
    let output = daemon.run(&["swap", "prod"]);
    assert_eq!(code(&output), exit::FAILED);
    assert!(stderr(&output).contains("proxyctl status prod"), "{}", stderr(&output));
}

#[test]
fn without_a_daemon_the_socket_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("none.sock");
    let output = proxyctl(&["status", "--socket", socket.to_str().unwrap()])
        .output()
        .unwrap();
    assert_eq!(code(&output), exit::UNREACHABLE);
    let text = stderr(&output);
    assert!(
        text.contains("none.sock") && text.contains("systemctl status greengate"),
        "{text}"
    );

    // A socket that nobody listens on any more.
    drop(UnixListener::bind(&socket).unwrap());
    let output = proxyctl(&["swap", "prod", "--socket", socket.to_str().unwrap()])
        .output()
        .unwrap();
    assert_eq!(code(&output), exit::UNREACHABLE);
    assert!(stderr(&output).contains("no daemon listens"), "{}", stderr(&output));
}

#[test]
fn stopping_to_wait_leaves_the_operation_to_the_daemon() {
    let status = a_status(Some(true), false);
    let daemon = Daemon::start(&status, "200 OK", lines(&a_swap()[..3]), true);
    let output = daemon.run(&["swap", "prod", "--timeout", "300ms"]);
    assert_eq!(code(&output), exit::STOPPED_WAITING);
    assert!(stderr(&output).contains("goes on in the daemon"), "{}", stderr(&output));

    // Interrupted once it watches: the third line is what it shows last.
    let mut child = daemon
        .command(&["swap", "prod"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut watched = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("✓ gate") {
        line.clear();
        assert_ne!(watched.read_line(&mut line).unwrap(), 0, "it ended early");
    }
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(i32::from(exit::STOPPED_WAITING)));
    let mut rest = String::new();
    watched.read_to_string(&mut rest).unwrap();
    assert!(
        rest.contains("stopped watching; the swap goes on in the daemon"),
        "{rest}"
    );
}

#[test]
fn no_wait_returns_once_the_new_side_serves() {
    let daemon = Daemon::start(&a_status(Some(true), false), "200 OK", lines(&a_swap()[..4]), true);
    let output = daemon.run(&["swap", "prod", "--no-wait"]);
    assert_eq!(code(&output), exit::DONE, "{}", stderr(&output));
}

#[test]
fn json_is_what_the_daemon_said_and_nothing_else() {
    let events = a_swap();
    let mut said = lines(&events);
    // A newer daemon may say more than we know.
    said.insert(1, r#"{"event":"from-the-future","n":1}"#.into());
    let daemon = Daemon::start(&a_status(Some(true), false), "200 OK", said.clone(), false);
    let output = daemon.run(&["swap", "prod", "--json"]);
    assert_eq!(code(&output), exit::DONE, "{}", stderr(&output));
    assert_eq!(stdout(&output).lines().collect::<Vec<_>>(), said);
    assert_eq!(stderr(&output), "");
}

#[test]
fn a_problem_is_told_with_its_own_exit_code() {
    let problem = Problem {
        code: exit::BUSY,
        reason: "bob holds it".into(),
        hint: Some("wait".into()),
    };
    let problem = serde_json::to_string(&problem).unwrap();
    let daemon = Daemon::start(&a_status(Some(true), false), "403 Forbidden", vec![problem], false);
    let output = daemon.run(&["rollback", "prod"]);
    assert_eq!(code(&output), exit::BUSY);
    assert_eq!(stderr(&output), "proxyctl: bob holds it\nhint: wait\n");
}

#[test]
fn nothing_is_asked_of_the_daemon_for_a_name_it_does_not_have_or_that_is_not_confirmed() {
    let daemon = Daemon::start(&a_status(Some(true), true), "500 No", Vec::new(), false);
    let output = daemon.run(&["swap", "prdo"]);
    assert_eq!(code(&output), exit::USAGE);
    assert!(stderr(&output).contains("did you mean `prod`?"), "{}", stderr(&output));
    let output = daemon.run(&["swap", "prod"]);
    assert_eq!(code(&output), exit::USAGE);
    assert!(stderr(&output).contains("--yes=prod"), "{}", stderr(&output));
}

#[test]
fn status_fails_on_request_when_something_is_not_healthy() {
    for (healthy, args, expected) in [
        (Some(true), &["status", "--exit-code"][..], exit::DONE),
        (None, &["status", "--exit-code"], exit::FAILED),
        (Some(false), &["status", "prod", "--exit-code", "--json"], exit::FAILED),
        (Some(false), &["status"], exit::DONE),
    ] {
        let daemon = Daemon::start(&a_status(healthy, false), "200 OK", Vec::new(), false);
        let output = daemon.run(args);
        assert_eq!(code(&output), expected, "{args:?}: {}", stderr(&output));
        assert!(stdout(&output).contains("prod") || stdout(&output).contains("PROD"));
    }
}

#[test]
fn help_begins_with_examples() {
    for args in [
        &["--help"][..],
        &["swap", "--help"],
        &["status", "-h"],
        &["demo", "--help"],
        &["completions", "--help"],
        &["backup", "--help"],
        &["restore", "--help"],
    ] {
        let output = proxyctl(args).output().unwrap();
        assert_eq!(code(&output), exit::DONE);
        let text = stdout(&output);
        let examples = text.find("Examples:").unwrap();
        assert!(examples < text.find("Usage:").unwrap(), "{text}");
        assert!(!text.contains('\u{1b}'), "no colour without a terminal: {text:?}");
        assert!(!text.contains("__"), "hidden commands stay hidden: {text}");
    }
}
