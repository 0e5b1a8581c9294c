//! What `proxyctl` prints and how it exits: rendering is tested on events, exit codes on the real binary, with a scripted
//! daemon behind the socket.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use clap::{CommandFactory as _, Parser as _};
use greengate::cli::args::{Cli, Command as Typed, parse_duration, parse_target};
use greengate::cli::client::find_socket;
use greengate::cli::commands::demo::{Kind as LoadKind, KindCount, Latency, Verdict};
use greengate::cli::commands::history::{self, Read};
use greengate::cli::commands::{status, swap};
use greengate::cli::output::text::{self, Style};
use greengate::cli::output::{self, State, Stream};
use greengate::model::api::{
    Check, DrainingStatus, EnvironmentStatus, Event, GateReport, HealthStatus, Kind, Move, ProbeReport, Problem,
    SafeToStop, ServiceStatus, Side, Status, Target, Traffic, exit,
};
use greengate::model::history::{Caller, Entry, Record};
use greengate::model::slot::{Address, Generation, Slot};

const PLAIN: Style = Style { color: false };

fn at(text: &str) -> Address {
    text.parse().unwrap()
}

fn side(slot: Slot, address: &str) -> Side {
    Side {
        slot,
        addresses: vec![at(address)],
    }
}

fn shift(service: &str, from: &str, to: &str) -> Move {
    Move {
        service: service.into(),
        from: side(Slot::Blue, from),
        to: side(Slot::Green, to),
    }
}

fn report(service: &str, address: &str, status: Option<u16>, passes: u32, probes: u32) -> GateReport {
    GateReport {
        last: ProbeReport {
            service: service.into(),
            address: at(address),
            passed: passes > 0,
            status,
            latency_us: 8_012,
            reason: status.is_none().then(|| "connection refused".into()),
            body: String::new(),
            version: None,
        },
        passes,
        needed: 3,
        probes,
    }
}

fn traffic(requests: u64) -> Traffic {
    Traffic {
        requests,
        app_errors: 0,
        proxy_errors: 0,
        p50_us: Some(12_000),
        p95_us: Some(39_000),
    }
}

fn plan(moves: Vec<Move>) -> Event {
    Event::Plan {
        operation: 7,
        kind: Kind::Swap,
        environment: "prod".into(),
        moves,
        forced: false,
    }
}

fn a_swap() -> Vec<Event> {
    vec![
        plan(vec![
            shift("web", "127.0.0.1:3000", "127.0.0.1:3010"),
            shift("api", "127.0.0.1:8001", "127.0.0.1:8011"),
        ]),
        Event::Gating {
            instances: vec![
                report("web", "3010", Some(200), 1, 1),
                report("api", "8011", None, 0, 4),
            ],
            elapsed_ms: 2_100,
        },
        Event::Gated {
            instances: vec![
                report("web", "3010", Some(200), 3, 3),
                report("api", "8011", Some(200), 3, 9),
            ],
            version: Some("8b71ff7".into()),
            elapsed_ms: 3_000,
        },
        Event::Switched {
            generation: Generation(118),
            services: vec!["web".into(), "api".into()],
            durability_uncertain: false,
        },
        Event::Verified {
            checks: vec![Check {
                service: "web".into(),
                target: "https://app.example.com/health".into(),
                status: Some(200),
                version: Some("8b71ff7".into()),
            }],
        },
        Event::Baked {
            traffic: traffic(1_204),
            before: Traffic {
                p95_us: Some(41_000),
                ..traffic(900)
            },
            elapsed_ms: 30_000,
        },
        Event::Drained {
            finished: 412,
            ended: 12,
            cut: 0,
            elapsed_ms: 300_000,
        },
        Event::Done {
            environment: "prod".into(),
            live: Slot::Green,
            generation: Generation(118),
            safe_to_stop: vec![
                SafeToStop {
                    service: "web".into(),
                    addresses: vec![at("3000")],
                },
                SafeToStop {
                    service: "api".into(),
                    addresses: vec![at("8001")],
                },
            ],
            traffic: Traffic::default(),
        },
    ]
}

fn rendered(events: &[Event], dry_run: bool) -> Vec<(Stream, String)> {
    let mut state = State::new("prod", Kind::Swap, dry_run, PLAIN, PLAIN);
    let lines = events.iter().flat_map(|event| output::render(event, &mut state));
    lines.map(|line| (line.stream, line.text)).collect()
}

fn texts(events: &[Event]) -> Vec<String> {
    rendered(events, false).into_iter().map(|(_, text)| text).collect()
}

#[test]
fn a_swap_reads_step_by_step() {
    assert_eq!(
        texts(&a_swap()),
        [
            " PROD  web  blue 127.0.0.1:3000 → green 127.0.0.1:3010   api  blue :8001 → green :8011",
            "✓ gate    web 200 in 8 ms (3/3)  api 200 in 8 ms (3/3)  version 8b71ff7",
            "✓ switch  generation 118, both services",
            "✓ verify  https://app.example.com/health 200, version 8b71ff7",
            "✓ bake    30 s: 1,204 requests, 0 proxy errors, app 5xx 0.0 %, p95 41 → 39 ms",
            "✓ drain   412 requests finished, 12 streams ended after 5 min",
            "green is live. Safe to stop: web :3000, api :8001.   Undo: proxyctl rollback prod",
        ]
    );
}

#[test]
fn only_the_result_is_data() {
    let lines = rendered(&a_swap(), false);
    let data: Vec<_> = lines.iter().filter(|(stream, _)| *stream == Stream::Out).collect();
    assert_eq!(data.len(), 1, "{data:?}");
    assert!(data[0].1.starts_with("green is live."));
    let dry = rendered(&[plan(vec![shift("web", "3000", "3010")]), Event::Planned], true);
    assert_eq!(dry[0].0, Stream::Out, "a dry run was asked for its plan");
    assert_eq!(dry[1].0, Stream::Err);
}

#[test]
fn a_refusal_shows_the_apps_own_words_and_what_still_serves() {
    let mut evidence = report("api", "8011", Some(503), 0, 117);
    evidence.last.body = r#"{"db":"connection refused"}"#.into();
    let events = [
        plan(vec![shift("api", "8001", "8011")]),
        Event::Gating {
            instances: vec![evidence.clone()],
            elapsed_ms: 60_000,
        },
        Event::Refused {
            code: exit::REFUSED,
            reason: "the candidate did not pass within 60 s".into(),
            evidence: vec![report("web", "3010", Some(200), 3, 3), evidence],
            hint: Some("look at its log".into()),
            live: Some(Slot::Blue),
        },
    ];
    assert_eq!(
        texts(&events)[1..],
        [
            "✗ gate    api 127.0.0.1:8011 → 503 (117 probes in 60 s)",
            r#"          {"db":"connection refused"}"#,
            "✗ refused the candidate did not pass within 60 s",
            "          hint: look at its log",
            "Nothing was switched; blue still serves.",
        ]
    );
}

#[test]
fn a_bad_new_side_is_told_with_the_step_that_found_it() {
    let rolled_back = |after: usize| {
        let mut events: Vec<_> = a_swap().into_iter().take(after).collect();
        events.push(Event::RolledBack {
            reason: "version 1 instead of 2".into(),
            live: Slot::Blue,
            generation: Generation(119),
        });
        texts(&events)
    };
    let lines = rolled_back(4);
    assert_eq!(lines[lines.len() - 2], "✗ verify  version 1 instead of 2");
    assert!(lines[lines.len() - 1].starts_with("blue is live again (generation 119)"));
    let lines = rolled_back(5);
    assert_eq!(lines[lines.len() - 2], "✗ bake    version 1 instead of 2");
}

#[test]
fn what_apps_say_cannot_steer_the_terminal() {
    let mut evidence = report("api\u{1b}[2J", "8011", None, 0, 1);
    evidence.last.body = "\u{1b}]0;owned\u{7}\r\nnext\u{9b}31m".into();
    evidence.last.reason = Some("evil\u{202e}txt".into());
    let events = [
        Event::Warning { message: "a\nb".into() },
        Event::Gated {
            instances: vec![evidence.clone()],
            version: Some("1\u{1b}[31m".into()),
            elapsed_ms: 1,
        },
        Event::Refused {
            code: exit::REFUSED,
            reason: "\u{8}".into(),
            evidence: vec![evidence],
            hint: Some("\u{7f}".into()),
            live: None,
        },
        Event::Failed {
            reason: "\u{0}".into(),
            live: None,
        },
    ];
    for text in texts(&events) {
        assert!(!text.contains(|c: char| c.is_control() || c == '\u{202e}'), "{text:?}");
    }
    assert_eq!(text::escape("\u{1b}[31m\n"), r"\u{1b}[31m\n");
    assert_eq!(text::escape("grün"), "grün");
}

#[test]
fn the_running_step_shows_what_it_waits_for() {
    let gating = &a_swap()[1];
    assert_eq!(
        output::progress(gating).unwrap(),
        "… gate    web 200 in 8 ms (1/3)  api connection refused (0/3, 4 probes)  2.1 s"
    );
    let draining = Event::Draining {
        requests: 1,
        streams: 12,
        elapsed_ms: 14_000,
    };
    assert_eq!(
        output::progress(&draining).unwrap(),
        "… drain   1 request and 12 streams to go  14 s"
    );
    assert_eq!(output::progress(&Event::Planned), None);
}

#[test]
fn a_plan_that_is_too_wide_takes_a_line_for_each_service() {
    let moves = (0..4).map(|n| shift(&format!("service-{n}"), "10.1.2.3:3000", "10.1.2.3:3010"));
    let lines = texts(&[plan(moves.collect())]);
    assert_eq!(lines.len(), 5);
    assert_eq!(lines[1], "  service-0  blue 10.1.2.3:3000 → green 10.1.2.3:3010");
}

#[test]
fn numbers_read_as_people_write_them() {
    for (number, shown) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
        assert_eq!(text::thousands(number), shown);
    }
    for (millis, shown) in [
        (8, "8 ms"),
        (1_000, "1 s"),
        (1_234, "1.2 s"),
        (30_000, "30 s"),
        (60_900, "60 s"),
        (300_000, "5 min"),
        (303_000, "5 min 3 s"),
        (7_380_000, "2 h 3 min"),
        (273_600_000, "3 d 4 h"),
    ] {
        assert_eq!(text::period(millis), shown);
    }
    for (micros, shown) in [
        (0, "0 ms"),
        (420, "0.4 ms"),
        (8_012, "8 ms"),
        (9_960, "10 ms"),
        (41_400, "41 ms"),
        (999_400, "999 ms"),
        (999_600, "1 s"),
        (1_250_000, "1.2 s"),
    ] {
        assert_eq!(text::latency(micros), shown);
    }
    assert_eq!(text::change("41 ms", "39 ms"), "41 → 39 ms");
    assert_eq!(text::change("900 ms", "1.2 s"), "900 ms → 1.2 s");
    assert_eq!(text::percent(1, 3), "33.3 %");
    assert_eq!(text::percent(0, 0), "0.0 %");
    assert_eq!(text::bytes(30 << 20), "30 MiB");
    assert_eq!(text::fit("abcdef", 4), "abc…");
}

#[test]
fn colour_needs_a_terminal_and_nobody_against_it() {
    let none = |_: &str| None;
    let no_color = |name: &str| (name == "NO_COLOR").then(|| "1".into());
    let dumb = |name: &str| (name == "TERM").then(|| "dumb".into());
    assert!(Style::of(true, &none).color);
    assert!(!Style::of(false, &none).color);
    assert!(!Style::of(true, &no_color).color);
    assert!(!Style::of(true, &dumb).color);
}

#[test]
fn durations_have_units() {
    for (typed, millis) in [("500ms", 500), ("90s", 90_000), ("5m", 300_000), ("1h", 3_600_000)] {
        assert_eq!(parse_duration(typed), Ok(Duration::from_millis(millis)));
    }
    for typed in [
        "",
        "90",
        "s",
        "-1s",
        "1.5s",
        "5 m",
        "0s",
        "5d",
        "99999999999999999999s",
        "9999999999999999h",
    ] {
        assert!(parse_duration(typed).is_err(), "{typed}");
    }
    assert!(parse_duration("90").unwrap_err().contains("`90s`"));
}

#[test]
fn targets_are_slots_addresses_or_services() {
    assert_eq!(parse_target("green"), Ok(Target::Slot(Slot::Green)));
    assert_eq!(parse_target("3005"), Ok(Target::Address(at("3005"))));
    assert_eq!(
        parse_target("unix:/run/a=b.sock"),
        Ok(Target::Address(at("unix:/run/a=b.sock")))
    );
    let services = [("web".to_owned(), at("3005")), ("api".to_owned(), at("8012"))].into();
    assert_eq!(parse_target("web=3005,api=8012"), Ok(Target::Services(services)));
    for typed in [
        "",
        "purple",
        "upstream",
        "0",
        "web=",
        "=3000",
        "web=3005,",
        "web=1,web=2",
        "web=3005,api",
    ] {
        assert!(parse_target(typed).is_err(), "{typed}");
    }
}

#[test]
fn the_command_line_becomes_the_request() {
    let cli = Cli::try_parse_from([
        "proxyctl",
        "swap",
        "prod",
        "--to",
        "web=3005",
        "--expect-version",
        "8b71ff7",
        "--force",
        "--deadline",
        "90s",
        "--yes=prod",
    ])
    .unwrap();
    let Typed::Swap(args) = cli.command else {
        panic!("{:?}", cli.command)
    };
    assert_eq!(args.common.yes.as_deref(), Some("prod"));
    let request = args.request(args.common.yes.clone());
    assert_eq!(request.deadline_ms, Some(90_000));
    assert_eq!(request.expect_version.as_deref(), Some("8b71ff7"));
    assert_eq!(request.kind, Kind::Swap);
    assert!(request.force && !request.dry_run);
    assert_eq!(request.confirmed.as_deref(), Some("prod"));

    // Without `=`, the next word is not the name.
    let cli = Cli::try_parse_from(["proxyctl", "rollback", "--yes", "prod", "--socket", "/s"]).unwrap();
    assert_eq!(cli.socket, Some("/s".into()));
    let Typed::Rollback(args) = cli.command else {
        panic!("{:?}", cli.command)
    };
    assert_eq!(
        (args.common.environment.as_str(), args.common.yes.as_deref()),
        ("prod", Some(""))
    );
}

#[test]
fn what_cannot_be_meant_is_a_usage_error() {
    Cli::command().debug_assert();
    for args in [
        &["proxyctl", "swop", "prod"][..],
        &["proxyctl", "swap"],
        &["proxyctl", "rollback", "prod", "--to", "3000"],
        &["proxyctl", "swap", "prod", "--deadline", "90"],
        &["proxyctl", "history", "--limit", "0"],
    ] {
        let error = Cli::try_parse_from(args).unwrap_err();
        assert_eq!(error.exit_code(), i32::from(exit::USAGE), "{args:?}");
    }
}

#[test]
fn a_protected_environment_has_to_be_named() {
    let ask = |typed: &'static str| Some(move || typed.to_owned());
    let nobody = || None::<fn() -> String>;
    assert_eq!(swap::confirm("prod", false, None, nobody()), Ok(None));
    assert_eq!(
        swap::confirm("prod", true, None, ask("prod\n")),
        Ok(Some("prod".into()))
    );
    assert_eq!(
        swap::confirm("prod", true, Some("prod"), nobody()),
        Ok(Some("prod".into()))
    );
    for (protected, yes, ask) in [
        (true, None, ask("dev\n")),
        (true, Some(""), ask("prod")),
        (true, Some("dev"), ask("prod")),
        (false, Some("dev"), ask("prod")),
    ] {
        assert_eq!(
            swap::confirm("prod", protected, yes, ask).unwrap_err().code,
            exit::USAGE
        );
    }
    let refused = swap::confirm("prod", true, None, nobody()).unwrap_err();
    assert_eq!(refused.code, exit::USAGE);
    assert!(refused.hint.unwrap().contains("--yes=prod"));
}

#[test]
fn the_socket_is_looked_for_where_the_daemon_puts_it() {
    const SYSTEM: &str = "/run/greengate/control.sock";
    const MINE: &str = "/run/user/1000/greengate/control.sock";
    let world = |pairs: &'static [(&str, &str)]| {
        move |name: &str| {
            pairs
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| value.into())
        }
    };
    let find = |pairs, root, existing: &'static [&str]| {
        find_socket(None, world(pairs), root, |path: &Path| {
            existing.iter().any(|one| path == Path::new(one))
        })
        .unwrap()
    };
    assert_eq!(find(&[], true, &[]), Path::new(SYSTEM));
    assert_eq!(
        find(&[("RUNTIME_DIRECTORY", "/run/gg")], true, &[]),
        Path::new("/run/gg/control.sock")
    );
    assert_eq!(
        find(&[("XDG_RUNTIME_DIR", "/run/user/1000")], false, &[]),
        Path::new(MINE)
    );
    // A member of the control group is not root.
    assert_eq!(
        find(&[("XDG_RUNTIME_DIR", "/run/user/1000")], false, &[SYSTEM]),
        Path::new(SYSTEM)
    );
    assert_eq!(
        find(&[("XDG_RUNTIME_DIR", "/run/user/1000")], false, &[SYSTEM, MINE]),
        Path::new(MINE)
    );
    assert_eq!(
        find(&[("PROXYCTL_SOCKET", "/a"), ("RUNTIME_DIRECTORY", "/b")], true, &[]),
        Path::new("/a")
    );
    assert_eq!(find(&[("PROXYCTL_SOCKET", "")], true, &[]), Path::new(SYSTEM));
    let flag = find_socket(Some("/flag".into()), world(&[("PROXYCTL_SOCKET", "/a")]), true, |_| {
        true
    });
    assert_eq!(flag, Ok(PathBuf::from("/flag")));
}

fn a_status(healthy: Option<bool>, protected: bool) -> Status {
    Status {
        version: "0.1.0".into(),
        pid: 4711,
        started: "2026-11-18T06:00:00Z".into(),
        config: "/etc/greengate/proxy.toml".into(),
        resident_bytes: 28 << 20,
        connections: 1_412,
        dropped_log_lines: 0,
        environments: vec![EnvironmentStatus {
            name: "prod".into(),
            live: Some(Slot::Green),
            generation: Generation(118),
            since: "2026-11-21T08:00:00Z".into(),
            protected,
            operation: None,
            can_roll_back: true,
            draining: vec![DrainingStatus {
                service: "web".into(),
                slot: Slot::Blue,
                addresses: vec![at("3000")],
                requests: 1,
                streams: 12,
            }],
            services: vec![ServiceStatus {
                name: "web".into(),
                routes: vec!["app.example.com".into()],
                live: side(Slot::Green, "127.0.0.1:3010"),
                health: vec![HealthStatus {
                    address: at("3010"),
                    healthy,
                    checked: healthy.map(|_| "2026-11-21T09:59:58Z".into()),
                    last: healthy.map(|_| report("web", "3010", Some(200), 3, 3).last),
                }],
                requests: 3,
                streams: 0,
                traffic: Traffic {
                    proxy_errors: 2,
                    ..traffic(1_204)
                },
                tls: "internal".into(),
                certificates: vec![greengate::model::api::CertificateStatus {
                    host: "app.example.com".into(),
                    issuer: "local CA".into(),
                    not_after: "2026-11-30T10:00:00Z".into(),
                    note: Some("stands in until ACME is built".into()),
                }],
            }],
        }],
        warnings: vec!["swap 17 of prod was torn".into()],
    }
}

#[test]
fn status_is_read_at_a_glance_in_80_columns() {
    let now = "2026-11-21T10:00:00Z".parse().unwrap();
    let lines = status::render(&a_status(Some(true), true), now, PLAIN);
    let text = lines.join("\n");
    assert_eq!(
        text,
        "proxyd 0.1.0  pid 4711  up 3 d 4 h  1,412 connections  28 MiB

 PROD  green is live, generation 118 for 2 h  protected
  web  green 127.0.0.1:3010  app.example.com
    ✓ healthy: 200 in 8 ms, 2 s ago
    1,204 requests  5xx: app 0, proxy 2  p50 12 ms  p95 39 ms
    in flight: 3 requests, 0 streams
    app.example.com by local CA: 9 days left
      ! stands in until ACME is built
  drains web blue :3000: 1 request and 12 streams to go
  way back: proxyctl rollback prod

! swap 17 of prod was torn"
    );
    assert!(text.lines().all(|line| line.chars().count() <= 80));
}

#[test]
fn unknown_is_not_healthy() {
    assert!(status::healthy(&a_status(Some(true), false)));
    assert!(!status::healthy(&a_status(Some(false), false)));
    assert!(!status::healthy(&a_status(None, false)));
}

fn entry(time: &str, operation: u64, record: Record) -> Read {
    let entry = Entry {
        time: format!("2026-11-21T{time}Z"),
        environment: Some("prod".into()),
        operation: Some(operation),
        record,
    };
    Read {
        raw: serde_json::to_string(&entry).unwrap(),
        entry,
    }
}

#[test]
fn history_tells_each_operation_once_and_names_the_torn() {
    let asked = |kind| Record::Asked {
        kind,
        caller: Caller {
            uid: 1000,
            user: "alice".into(),
        },
    };
    let step = |event| Record::Step { event: Box::new(event) };
    let swapped = a_swap();
    let rows = history::group(
        [
            // The beginning of this one is cut off by the limit.
            entry("09:00:00", 6, step(Event::Planned)),
            entry("10:00:00", 7, asked(Kind::Swap)),
            entry("10:00:00.1", 7, step(swapped[0].clone())),
            entry("10:00:01", 8, asked(Kind::Rollback)),
            entry("10:00:34", 7, step(swapped[7].clone())),
            entry(
                "10:05:00",
                8,
                Record::Torn {
                    kind: Kind::Rollback,
                    live: "green".into(),
                },
            ),
        ]
        .into_iter(),
    );
    let lines: Vec<_> = rows
        .iter()
        .flat_map(|row| history::render(row, &jiff::tz::TimeZone::UTC, PLAIN))
        .collect();
    assert_eq!(
        lines,
        [
            "2026-11-21 10:00  prod swap #7 by alice  web blue → green :3010, api blue → green :8011",
            "                  ✓ green live after 34 s, generation 118",
            "2026-11-21 10:00  prod rollback #8 by alice",
            "                  ! torn: the daemon ended before it did; green is live",
        ]
    );
}

#[test]
fn the_verdict_is_good_only_if_everything_was_asked_and_nothing_failed() {
    let good = Verdict {
        swaps: 5,
        kinds: LoadKind::ALL
            .into_iter()
            .map(|kind| KindCount {
                kind,
                requests: 10,
                failures: 0,
            })
            .collect(),
        calm: Some(Latency {
            p50_us: 1_100,
            p99_us: 4_200,
        }),
        ..Verdict::default()
    };
    assert!(good.passed());
    assert!(good.render(PLAIN).last().unwrap().contains("no client saw a deploy"));
    assert!(!Verdict::default().passed(), "nothing asked is nothing shown");
    let mut bad = good.clone();
    bad.posts_twice = 1;
    assert!(!bad.passed());
    let mut bad = good.clone();
    bad.kinds[3].failures = 1;
    assert!(!bad.passed());
    let mut bad = good.clone();
    bad.kinds[3].requests = 0;
    assert!(!bad.passed(), "a kind that was never asked proves nothing");
    let mut bad = good;
    bad.trouble = vec!["swap 3: refused".into()];
    assert!(!bad.passed());
    assert_eq!(bad.json()["passed"], false);
}

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
                let posts = read_request(&mut stream);
                if !posts {
                    let length = status.len();
                    let _ = write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{status}");
                    continue;
                }
                let _ = write!(stream, "HTTP/1.1 {head}\r\ntransfer-encoding: chunked\r\n\r\n");
                for line in &lines {
                    let _ = write!(stream, "{:x}\r\n{line}\n\r\n", line.len() + 1);
                }
                if hold {
                    held.push(stream);
                } else {
                    let _ = write!(stream, "0\r\n\r\n");
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

/// Reads one request to its end; whether it is a POST.
fn read_request(stream: &mut UnixStream) -> bool {
    let mut reader = BufReader::new(stream);
    let (mut first, mut length) = (String::new(), 0);
    reader.read_line(&mut first).unwrap();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    first.starts_with("POST")
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
    Event::Refused {
        code,
        reason: "no".into(),
        evidence: Vec::new(),
        hint: None,
        live: Some(Slot::Blue),
    }
}

#[test]
fn every_ending_has_its_exit_code() {
    let rolled_back = Event::RolledBack {
        reason: "bad".into(),
        live: Slot::Blue,
        generation: Generation(3),
    };
    let failed = Event::Failed {
        reason: "worse".into(),
        live: None,
    };
    let done = a_swap().pop().unwrap();
    for (ending, expected) in [
        (done, exit::DONE),
        (Event::Planned, exit::DONE),
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
