//! `proxyctl deploy` and a `rollback` with commands, as people see them: the real binary and real commands, with a scripted daemon
//! behind the socket.

use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use greengate::model::api::{
    CommonStep, DeployPlan, DeployRequest, DeployService, DeployStep, Deployed, Event, OperationRequest, Problem,
    ReleaseRequest, Step, StepRequest, SwapStep, exit,
};
use greengate::model::deploy::{Plain, Preset, Table, Words};
use greengate::model::slot::{Generation, Slot};
use serde::de::DeserializeOwned;

use crate::socket::{self, Asked};
use crate::{a_status, a_swap, report, side};

/// A daemon that holds `prod` for whom asks, and answers gates and swaps as it is told.
struct Daemon {
    folder: tempfile::TempDir,
    /// `begun start`, `ended start 0`, `gate`, `swap`, `release done`, in order.
    seen: Arc<Mutex<Vec<String>>>,
}

#[derive(Clone)]
struct Play {
    plan: DeployPlan,
    swap: Vec<Event>,
    /// Denies commands that contain this.
    denies: &'static str,
    protected: bool,
}

fn words(text: &str) -> Words {
    Words::parse(text).unwrap()
}

fn all(texts: &[&str]) -> Vec<Words> {
    texts.iter().map(|text| words(text)).collect()
}

fn play(start: &str, before: &[&str], after: &[&str]) -> Play {
    let plain = Plain {
        start: vec![words(start)],
        stop: vec![words("echo stopping {slot}")],
    };
    let service = DeployService {
        name: "web".into(),
        table: None,
        live: side(Slot::Blue, "127.0.0.1:3000"),
        idle: side(Slot::Green, "127.0.0.1:3010"),
        idle_answers: false,
    };
    let plan = DeployPlan {
        table: Some(Table {
            preset: Some(Preset::Plain(plain)),
            before: all(before),
            after: all(after),
            keep: Duration::ZERO,
            cwd: None,
        }),
        services: vec![service],
        names_version: true,
        protected: false,
        generation: Generation(117),
        live: Slot::Blue,
        idle: Slot::Green,
        deployed_live: None,
        deployed_idle: None,
        idle_since: None,
    };
    Play {
        plan,
        swap: a_swap(),
        denies: "no such command",
        protected: false,
    }
}

fn refused() -> Vec<Event> {
    let mut evidence = report("web", "127.0.0.1:3010", Some(503), 0, 117);
    evidence.last.reason = Some("answered 503".into());
    evidence.last.body = r#"{"db":"connection refused"}"#.into();
    vec![Event::Common(CommonStep::Refused {
        code: exit::REFUSED,
        reason: "web 127.0.0.1:3010 GET /health → 503 (117 probes in 60 s)".into(),
        evidence: vec![evidence],
        hint: None,
        live: Some(Slot::Blue),
        health: Vec::new(),
    })]
}

impl Daemon {
    fn start(play: Play) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("control.sock")).unwrap();
        let (seen, held) = (Arc::new(Mutex::default()), Arc::new(Mutex::default()));
        let mine = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (play, seen, held) = (play.clone(), Arc::clone(&mine), Arc::clone(&held));
                std::thread::spawn(move || answer(stream.unwrap(), &play, &seen, &held));
            }
        });
        Self { folder, seen }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_proxyctl"));
        command
            .args(args)
            .env_remove("NO_COLOR")
            .env("PROXYCTL_SOCKET", self.folder.path().join("control.sock"))
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

/// The connection of the deployment that holds the environment.
type Held = Arc<Mutex<Option<UnixStream>>>;

fn answer(mut stream: UnixStream, play: &Play, seen: &Mutex<Vec<String>>, held: &Held) {
    let Asked { path, body, .. } = Asked::read(&mut stream);
    let see = |what: String| seen.lock().unwrap().push(what);
    match path.as_str() {
        "/v1/deploy" => {
            let request: DeployRequest = from(&body);
            let deploying = DeployStep::Deploying {
                operation: (!request.dry_run).then_some(12),
                environment: request.environment,
                kind: request.kind,
                version: request.version,
                plan: Box::new(play.plan.clone()),
            };
            if request.dry_run {
                return stream_of(stream, &[deploying.into(), Event::Common(CommonStep::Planned)]);
            }
            begin(&mut stream, &[deploying.into()]);
            *held.lock().unwrap() = Some(stream);
        }
        "/v1/deploy/step" => {
            let request: StepRequest = from(&body);
            let (what, command) = match request.step {
                Step::Begun(begun) => (format!("begun {}", begun.step), begun.command),
                Step::Ended(ended) => (
                    format!("ended {} {:?} {}", ended.step, ended.exit, ended.output.trim_end()),
                    ended.command,
                ),
            };
            if command.join(" ").contains(play.denies) {
                let problem = Problem {
                    code: exit::REFUSED,
                    reason: "127.0.0.1:3010 is live".into(),
                    hint: None,
                };
                return socket::whole(&mut stream, "409 Conflict", &serde_json::to_string(&problem).unwrap());
            }
            see(what);
            socket::whole(&mut stream, "200 OK", "{}");
        }
        "/v1/operations" => {
            let request: OperationRequest = from(&body);
            assert_eq!(request.within, Some(12));
            see(if request.gate_only { "gate" } else { "swap" }.into());
            if request.gate_only {
                return stream_of(stream, &[Event::Swap(SwapStep::Passed)]);
            }
            stream_of(stream, &play.swap);
        }
        "/v1/deploy/release" => {
            let request: ReleaseRequest = from(&body);
            see(format!("release {:?}", request.outcome));
            socket::whole(&mut stream, "200 OK", "{}");
            let released = DeployStep::Released {
                outcome: request.outcome,
                reason: None,
            };
            if let Some(mut held) = held.lock().unwrap().take() {
                more(&mut held, &[released.into()]);
                socket::end(&mut held);
            }
        }
        _ => {
            let status = serde_json::to_string(&a_status(Some(true), play.protected)).unwrap();
            socket::whole(&mut stream, "200 OK", &status);
        }
    }
}

fn from<T: DeserializeOwned>(body: &[u8]) -> T {
    serde_json::from_slice(body).unwrap()
}

fn begin(stream: &mut UnixStream, events: &[Event]) {
    socket::begin(stream, "200 OK");
    more(stream, events);
}

fn more(stream: &mut UnixStream, events: &[Event]) {
    for event in events {
        socket::line(stream, &serde_json::to_string(event).unwrap());
    }
}

fn stream_of(mut stream: UnixStream, events: &[Event]) {
    begin(&mut stream, events);
    socket::end(&mut stream);
}

/// What was printed, with every time as `N ms`.
fn said(bytes: &[u8]) -> String {
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let mut words: Vec<String> = Vec::new();
    for word in text.split_inclusive([' ', '\n']) {
        if word.trim_end().starts_with("ms")
            && let Some(number) = words
                .last_mut()
                .filter(|number| number.trim_end().parse::<f64>().is_ok())
        {
            *number = "N ".into();
        }
        words.push(word.to_owned());
    }
    words.concat()
}

fn code(output: &Output) -> u8 {
    u8::try_from(output.status.code().unwrap()).unwrap()
}

#[test]
fn a_deploy_reads_as_its_steps() {
    let daemon = Daemon::start(play("echo listening", &["echo three tables"], &["echo told {version}"]));
    let output = daemon.run(&["deploy", "prod", "--version", "8b71ff7"]);
    assert_eq!(
        said(&output.stderr),
        "\x20PROD  deploy 8b71ff7  web  blue 127.0.0.1:3000 → green 127.0.0.1:3010
  start   listening
✓ start   web@green in N ms  (echo listening)
  before  three tables
✓ before  echo three tables in N ms
✓ gate    web 200 in N ms (3/3)  api 200 in N ms (3/3)  version 8b71ff7
✓ switch  generation 118, both services
✓ verify  https://app.example.com/health 200, version 8b71ff7
✓ bake    30 s: 1,204 requests, 0 proxy errors, app 5xx 0.0 %, p95 41 → N ms
✓ drain   412 requests finished, 12 streams ended after 5 min
  stop    stopping blue
✓ stop    web@blue in N ms  (echo stopping blue)
  after   told 8b71ff7
✓ after   echo told 8b71ff7 in N ms
"
    );
    assert_eq!(said(&output.stdout), "green is live.   Undo: proxyctl rollback prod\n");
    assert_eq!(code(&output), exit::DONE);
    assert_eq!(
        daemon.seen(),
        [
            "begun start",
            "ended start Some(0) listening",
            "gate",
            "begun before",
            "ended before Some(0) three tables",
            "swap",
            "begun stop",
            "ended stop Some(0) stopping blue",
            "begun after",
            "ended after Some(0) told 8b71ff7",
            "release Done"
        ]
    );
}

#[test]
fn a_gate_that_stays_shut_is_told_in_the_apps_words_and_the_candidate_is_stopped() {
    let daemon = Daemon::start(Play {
        swap: refused(),
        ..play("echo listening", &[], &[])
    });
    let output = daemon.run(&["deploy", "prod", "--version", "2"]);
    assert_eq!(
        said(&output.stderr),
        "\x20PROD  deploy 2  web  blue 127.0.0.1:3000 → green 127.0.0.1:3010
  start   listening
✓ start   web@green in N ms  (echo listening)
✗ gate    web 127.0.0.1:3010 GET /health → 503 (117 probes in 60 s)
          {\"db\":\"connection refused\"}
  stop    stopping green
✓ stop    web@green in N ms  (echo stopping green)
Nothing was switched; blue stays live.
"
    );
    assert_eq!((code(&output), output.stdout.as_slice()), (exit::REFUSED, &b""[..]));
    assert_eq!(daemon.seen().last().unwrap(), "release Refused");
}

#[test]
fn a_command_that_fails_or_cannot_be_started_says_so() {
    let daemon = Daemon::start(play("./no-such-program", &[], &[]));
    let output = daemon.run(&["deploy", "prod", "--version", "2"]);
    let text = said(&output.stderr);
    let expected = "✗ start   web@green cannot be started: there is no `./no-such-program`  (./no-such-program)\n";
    assert!(text.contains(expected), "{text}");
    assert!(text.ends_with("Nothing was switched; blue stays live.\n"), "{text}");
    assert_eq!(code(&output), exit::REFUSED);

    let daemon = Daemon::start(play("true", &["sh -c 'printf \"bad\\033[31m\\n\"; kill -9 $$'"], &[]));
    let output = daemon.run(&["deploy", "prod", "--version", "2"]);
    let text = said(&output.stderr);
    assert!(text.contains("  before  bad\\u{1b}[31m\n"), "{text}");
    assert!(text.contains("was killed by signal 9 after"), "{text}");
    assert_eq!(code(&output), exit::REFUSED);
    assert!(!daemon.seen().contains(&"swap".to_owned()), "{:?}", daemon.seen());
}

#[test]
fn n32_what_the_daemon_denies_is_not_run() {
    let daemon = Daemon::start(Play {
        denies: "touch",
        ..play("touch begun", &[], &[])
    });
    let output = daemon.run(&["deploy", "prod", "--version", "2"]);
    let text = said(&output.stderr);
    assert!(
        text.contains("✗ start   web@green refused: 127.0.0.1:3010 is live\nNothing was switched"),
        "{text}"
    );
    assert_eq!(code(&output), exit::REFUSED);
    assert!(!daemon.folder.path().join("begun").exists());
    assert_eq!(daemon.seen(), ["release Refused"]);
}

#[test]
fn a_dry_run_prints_every_command_in_order_and_runs_none() {
    let daemon = Daemon::start(play("touch {slot}-{port}", &["./migrate"], &["./tell {version}"]));
    let output = daemon.run(&["deploy", "prod", "--version", "2", "--dry-run"]);
    assert_eq!(
        said(&output.stdout),
        "\x20PROD  deploy 2  web  blue 127.0.0.1:3000 → green 127.0.0.1:3010
  start   touch green-3010
  gate    the health checks of the new side
  before  ./migrate
  swap    health checks, switch, drain
  stop    echo stopping blue
  after   ./tell 2
"
    );
    assert_eq!(said(&output.stderr), "Nothing was run: this was a dry run.\n");
    assert_eq!(code(&output), exit::DONE);
    assert!(daemon.seen().is_empty());
    assert!(!daemon.folder.path().join("green-3010").exists());
    let json = daemon.run(&["deploy", "prod", "--version", "2", "--dry-run", "--json"]);
    let told: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(told["start"][0]["command"], serde_json::json!(["touch", "green-3010"]));
    assert_eq!(told["start"][0]["env"]["GREENGATE_SLOT"], "green");
    assert_eq!(told["version"], "2");
}

#[test]
fn a_rollback_starts_what_was_stopped_and_says_what_it_goes_back_to() {
    let mut play = play("echo starting {version}", &["./migrate"], &[]);
    play.plan.deployed_idle = Some(Deployed {
        version: "v1".into(),
        since: "2026-01-01T00:00:00Z".into(),
    });
    let daemon = Daemon::start(play.clone());
    let output = daemon.run(&["rollback", "prod"]);
    let text = said(&output.stderr);
    assert!(text.starts_with(" PROD  rollback  web  blue"), "{text}");
    assert!(text.contains("          green: version v1, first served "), "{text}");
    assert!(text.contains("  start   starting v1\n✓ start   web@green in"), "{text}");
    assert!(text.contains("✓ stop    web@blue in"), "{text}");
    assert!(!text.contains("migrate"), "{text}");
    assert_eq!(code(&output), exit::DONE);

    // It runs still: nothing is started, and nothing would be stopped.
    play.plan.services[0].idle_answers = true;
    let daemon = Daemon::start(Play {
        swap: refused(),
        ..play
    });
    let output = daemon.run(&["rollback", "prod"]);
    assert_eq!(daemon.seen(), ["swap", "release Refused"]);
    assert_eq!(code(&output), exit::REFUSED);
}

#[test]
fn what_answers_already_is_stopped_before_plain_commands_start_another() {
    let mut play = play("echo starting", &[], &[]);
    play.plan.services[0].idle_answers = true;
    let daemon = Daemon::start(play);
    assert_eq!(code(&daemon.run(&["deploy", "prod", "--version", "2"])), exit::DONE);
    let seen = daemon.seen();
    assert_eq!(
        seen[..3],
        ["begun stop", "ended stop Some(0) stopping green", "begun start"]
    );
}

#[test]
fn a_protected_environment_is_named_before_anything_is_begun() {
    let daemon = Daemon::start(Play {
        protected: true,
        ..play("touch begun", &[], &[])
    });
    let output = daemon.run(&["deploy", "prod", "--version", "2"]);
    assert_eq!(code(&output), exit::USAGE);
    assert!(said(&output.stderr).contains("`prod` is protected"));
    assert!(daemon.seen().is_empty());
    let output = daemon.run(&["deploy", "prod", "--version", "2", "--yes=prod"]);
    assert_eq!(code(&output), exit::DONE);
}

#[test]
fn a_version_is_named_or_asked_of_git_or_missing() {
    let daemon = Daemon::start(play("echo {version}", &[], &[]));
    let output = daemon.run(&["deploy", "prod"]);
    assert_eq!(code(&output), exit::USAGE, "{}", said(&output.stderr));
    assert!(said(&output.stderr).contains("`--version` names the version"));
    let output = daemon.run(&["deploy", "prod", "--version", "$(id)"]);
    assert_eq!(code(&output), exit::USAGE);
    let git = |args: &[&str]| {
        let mut git = Command::new("git");
        git.args(["-c", "user.name=me", "-c", "user.email=me@example.com"]);
        let done = git.args(args).current_dir(daemon.folder.path()).output().unwrap();
        assert!(done.status.success(), "{done:?}");
    };
    git(&["init", "-q"]);
    git(&["commit", "-q", "--allow-empty", "-m", "first"]);
    git(&["tag", "v1.4"]);
    let output = daemon.run(&["deploy", "prod", "--dry-run"]);
    let text = said(&output.stdout);
    assert!(
        text.contains("  start   echo ") && !text.contains("{version}"),
        "{text}"
    );
    assert_eq!(code(&output), exit::DONE);
}

#[test]
fn json_is_the_daemons_events_and_nothing_else() {
    let daemon = Daemon::start(play("echo listening", &[], &[]));
    let output = daemon.run(&["deploy", "prod", "--version", "2", "--json"]);
    let events: Vec<Event> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(matches!(events[0], Event::Deploy(DeployStep::Deploying { .. })));
    assert_eq!(events.last().unwrap().exit_code(), Some(exit::DONE));
    assert_eq!(output.stderr, b"");
}

#[test]
fn what_a_command_leaves_behind_does_not_hang_the_deploy() {
    let daemon = Daemon::start(Play {
        swap: refused(),
        ..play(
            "sh -c '(while [ ! -e go ]; do sleep 0.01; done; echo its last words; touch said; exec sleep 30) & echo $! > pid'",
            &["sh -c 'touch go; while [ ! -e said ]; do sleep 0.01; done'"],
            &[],
        )
    });
    let output = daemon.run(&["deploy", "prod", "--version", "2"]);
    let pid = std::fs::read_to_string(daemon.folder.path().join("pid")).unwrap();
    let _ = Command::new("kill").arg(pid.trim()).output();
    let text = said(&output.stderr);
    assert!(text.contains("! start   web@green: it left a process"), "{text}");
    assert!(text.contains("  gate    its last words\n"), "{text}");
    assert_eq!(code(&output), exit::REFUSED);
}
