//! Events, status, history and verdict as text.

use greengate::cli::commands::demo::{KindCount, Latency, RequestKind, Verdict};
use greengate::cli::commands::history::{self, Read};
use greengate::cli::commands::{certs, status};
use greengate::cli::output::text::{self, Style};
use greengate::cli::output::{self, Rates, Stream, Transcript};
use greengate::model::api::{
    Action, CertificateReport, CommonStep, Event, HealthStatus, Kind, Progress, SafeToStop, SwapStep, exit,
};
use greengate::model::history::{Caller, Entry, Record};
use greengate::model::slot::{Generation, Slot};

use crate::{PLAIN, a_status, a_swap, at, plan, report, shift, traffic};

fn rendered(events: &[Event], dry_run: bool) -> Vec<(Stream, String)> {
    let mut state = Transcript::new("prod", Kind::Swap, dry_run, PLAIN, PLAIN);
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
fn folders_are_called_by_their_path_and_are_safe_to_change() {
    let done = Event::Swap(SwapStep::Done {
        environment: "prod".into(),
        live: Slot::Green,
        generation: Generation(118),
        safe_to_stop: vec![
            SafeToStop {
                service: "site".into(),
                addresses: vec![at("files:/srv/site/blue")],
            },
            SafeToStop {
                service: "api".into(),
                addresses: vec![at("8001")],
            },
        ],
        traffic: traffic(0),
    });
    let moves = vec![
        shift("site", "files:/srv/site/blue", "files:/srv/site/green"),
        shift("api", "8001", "8011"),
    ];
    assert_eq!(
        texts(&[plan(moves), done]),
        [
            " PROD  site  blue /srv/site/blue → green /srv/site/green   api  blue :8001 → green :8011",
            "green is live. Safe to stop: api :8001. Safe to change: site /srv/site/blue.   Undo: proxyctl rollback prod",
        ]
    );
    let mut status = a_status(Some(true), false);
    let service = &mut status.environments[0].services[0];
    service.live.addresses = vec![at("files:/srv/site/green/dist")];
    let now = "2026-11-21T10:00:00Z".parse().unwrap();
    let lines = status::render(&status, now, PLAIN);
    let named = lines.iter().find(|line| line.contains("/srv/site/green/dist")).unwrap();
    assert!(named.contains("green /srv/site/green/dist"), "{named}");
    let table = output::table(&status, &Rates::default(), now, PLAIN, 80).join("\n");
    assert!(table.contains("prod/web         green …/dist ✓ 2 s"), "{table}");
}

#[test]
fn an_old_side_that_empties_before_the_new_one_is_verified_is_told_afterwards() {
    let in_order = texts(&a_swap());
    let mut events = a_swap();
    let is_drained = |event: &Event| matches!(event, Event::Swap(SwapStep::Drained { .. }));
    let drained = events.remove(events.iter().position(is_drained).unwrap());
    let verified = events
        .iter()
        .position(|event| matches!(event, Event::Swap(SwapStep::Verified { .. })));
    events.insert(verified.unwrap(), drained);
    let lines = texts(&events);
    assert_eq!(lines[3], in_order[3], "verify");
    assert_eq!(lines[4], in_order[5], "drain");
    assert_eq!(lines[5], in_order[4], "bake");
}

#[test]
fn only_the_result_is_data() {
    let lines = rendered(&a_swap(), false);
    let data: Vec<_> = lines.iter().filter(|(stream, _)| *stream == Stream::Out).collect();
    assert_eq!(data.len(), 1, "{data:?}");
    assert!(data[0].1.starts_with("green is live."));
    let dry = rendered(
        &[
            plan(vec![shift("web", "3000", "3010")]),
            Event::Common(CommonStep::Planned),
        ],
        true,
    );
    assert_eq!(dry[0].0, Stream::Out, "a dry run was asked for its plan");
    assert_eq!(dry[1].0, Stream::Err);
}

#[test]
fn a_refusal_says_whether_the_side_that_serves_is_well() {
    let with = |healthy: Option<bool>, reason: Option<&str>| {
        let mut last = report("web", "3000", None, 0, 1).last;
        last.reason = reason.map(str::to_owned);
        let health = HealthStatus {
            address: last.address.clone(),
            healthy,
            since: None,
            checked: None,
            last: Some(last),
        };
        let lines = texts(&[Event::Common(CommonStep::Refused {
            code: exit::REFUSED,
            reason: "the candidate is not well".into(),
            evidence: Vec::new(),
            hint: None,
            live: Some(Slot::Blue),
            health: vec![health],
        })]);
        lines.last().unwrap().clone()
    };
    assert_eq!(
        with(Some(true), None),
        "Nothing was switched; blue stays live, and is healthy."
    );
    assert_eq!(
        with(Some(false), Some("connection refused")),
        "Nothing was switched; blue stays live, and is not healthy (connection refused): proxyctl status prod."
    );
    assert_eq!(with(None, None), "Nothing was switched; blue stays live.");
}

#[test]
fn a_refusal_shows_the_apps_own_words_and_what_still_serves() {
    let mut failing = report("api", "8011", Some(503), 0, 117);
    failing.last.body = r#"{"db":"connection refused"}"#.into();
    let refused = |reason: &str| {
        texts(&[Event::Common(CommonStep::Refused {
            code: exit::REFUSED,
            reason: reason.into(),
            evidence: vec![
                report("web", "3010", Some(200), 3, 3),
                failing.clone(),
                report("api", "8012", None, 0, 117),
            ],
            hint: Some("look at its log".into()),
            live: Some(Slot::Blue),
            health: Vec::new(),
        })])
    };
    let (words, end) = (
        r#"          {"db":"connection refused"}"#,
        [
            "          hint: look at its log",
            "Nothing was switched; blue stays live.",
        ],
    );
    assert_eq!(
        refused("api 127.0.0.1:8011 did not pass /healthz: 503 (117 probes in 60 s)"),
        [
            "✗ gate    api 127.0.0.1:8011 did not pass /healthz: 503 (117 probes in 60 s)",
            words,
            "✗ gate    api 127.0.0.1:8012 → connection refused (117 probes)",
            end[0],
            end[1],
        ]
    );
    assert_eq!(
        refused("two instances did not pass"),
        [
            "✗ gate    api 127.0.0.1:8011 → 503 (117 probes)",
            words,
            "✗ gate    api 127.0.0.1:8012 → connection refused (117 probes)",
            "✗ refused two instances did not pass",
            end[0],
            end[1],
        ]
    );
}

#[test]
fn a_bad_new_side_is_told_with_the_step_that_found_it() {
    let rolled_back = |after: usize, by: Option<&str>| {
        let mut events: Vec<_> = a_swap().into_iter().take(after).collect();
        events.push(Event::Swap(SwapStep::RolledBack {
            reason: "version 1 instead of 2".into(),
            by: by.map(str::to_owned),
            live: Slot::Blue,
            generation: Generation(119),
        }));
        texts(&events)
    };
    let lines = rolled_back(4, None);
    assert_eq!(lines[lines.len() - 2], "✗ verify  version 1 instead of 2");
    let by_itself = "blue is live again (generation 119): it was switched, and rolled back by itself.";
    assert_eq!(lines[lines.len() - 1], by_itself);
    let lines = rolled_back(5, Some("ann"));
    assert!(lines[lines.len() - 1].ends_with("and rolled back by ann."), "{lines:?}");
    assert_eq!(lines[lines.len() - 2], "✗ bake    version 1 instead of 2");
}

#[test]
fn what_apps_say_cannot_steer_the_terminal() {
    let mut evidence = report("api\u{1b}[2J", "8011", None, 0, 1);
    evidence.last.body = "\u{1b}]0;owned\u{7}\r\nnext\u{9b}31m".into();
    evidence.last.reason = Some("evil\u{202e}txt".into());
    let events = [
        Event::Common(CommonStep::Warning { message: "a\nb".into() }),
        Event::Common(CommonStep::Gated {
            instances: vec![evidence.clone()],
            version: Some("1\u{1b}[31m".into()),
            elapsed_ms: 1,
        }),
        Event::Common(CommonStep::Refused {
            code: exit::REFUSED,
            reason: "\u{8}".into(),
            evidence: vec![evidence],
            hint: Some("\u{7f}".into()),
            live: None,
            health: Vec::new(),
        }),
        Event::Common(CommonStep::Failed {
            reason: "\u{0}".into(),
            live: None,
        }),
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
    let draining = Event::Progress(Progress::Draining {
        requests: 1,
        streams: 12,
        elapsed_ms: 14_000,
    });
    assert_eq!(
        output::progress(&draining).unwrap(),
        "… drain   1 request and 12 streams to go  14 s"
    );
    assert_eq!(output::progress(&Event::Common(CommonStep::Planned)), None);
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
fn a_certificate_says_what_is_left_what_is_next_and_what_went_wrong() {
    let now = "2026-11-21T10:00:00Z".parse().unwrap();
    let mut report = CertificateReport {
        host: "app.example.com".into(),
        issuer: "E7".into(),
        not_after: "2027-02-19T10:00:00Z".into(),
        note: None,
        obtained: true,
        challenge: Some("http-01".into()),
        imported: false,
        running: false,
        next: Some("2027-01-20T10:00:00Z".into()),
        why: "the CA suggests it".into(),
        failures: 0,
        error: None,
        unsaved: None,
    };
    let shown = |report: &CertificateReport| certs::render(report, now, PLAIN).join("\n");
    assert_eq!(
        shown(&report),
        "app.example.com  E7  90 days left\n  next attempt in 60 d: the CA suggests it"
    );
    report.not_after = "2026-11-21T16:00:00Z".into();
    report.next = Some("2026-11-21T10:01:00Z".into());
    report.why = "the last attempt failed".into();
    report.error = Some("the CA could not check `app.example.com`: \u{1b}[31mno".into());
    report.unsaved = Some("no space left on device".into());
    report.imported = true;
    assert_eq!(
        shown(&report),
        "app.example.com  E7  6 h left  imported
  next attempt in 60 s: the last attempt failed
  ✗ the CA could not check `app.example.com`: \\u{1b}[31mno
  ✗ it cannot be stored: no space left on device"
    );
    report.not_after = "2026-11-20T10:00:00Z".into();
    (report.next, report.error, report.unsaved) = (None, None, None);
    report.why = "a wildcard has to be proved in the DNS".into();
    assert_eq!(
        shown(&report),
        "app.example.com  E7  expired  imported\n  a wildcard has to be proved in the DNS"
    );
    (report.running, report.not_after) = (true, String::new());
    assert_eq!(
        shown(&report),
        "app.example.com  E7  no certificate  imported\n  one is being obtained"
    );
    // How long the stand-in is good for would only mislead.
    (report.running, report.imported) = (false, false);
    (report.issuer, report.not_after) = ("local CA".into(), "2027-02-19T10:00:00Z".into());
    report.note = Some("the local CA stands in".into());
    assert_eq!(
        shown(&report),
        "app.example.com  local CA  no certificate yet\n  a wildcard has to be proved in the DNS\n  ! the local CA stands in"
    );
    (report.note, report.why) = (None, "the local CA renews it by itself".into());
    assert_eq!(
        shown(&report),
        "app.example.com  local CA  90 days left\n  the local CA renews it by itself"
    );
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
    app.example.com by local CA
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
        place: 0,
        raw: serde_json::to_string(&entry).unwrap(),
        entry,
    }
}

/// A swap is asked for, by a deployment or by nobody else.
fn asked(within: Option<u64>) -> Record {
    Record::Asked {
        kind: Action::Swap,
        caller: Caller {
            uid: 1000,
            user: "alice".into(),
        },
        within,
    }
}

#[test]
fn the_last_of_history_comes_with_what_was_done_within_it() {
    let all = [
        (1, None),
        (2, Some(1)),
        (3, None),
        (4, Some(3)),
        (5, Some(3)),
        (7, Some(6)),
    ];
    for (limit, kept) in [
        (0, &[][..]),
        // What it was a part of is beyond what was read.
        (1, &[7]),
        (2, &[3, 4, 5, 7]),
        (3, &[1, 2, 3, 4, 5, 7]),
        (9, &[1, 2, 3, 4, 5, 7]),
    ] {
        let mut rows = history::group(
            all.iter()
                .map(|&(number, within)| entry("10:00:00", number, asked(within))),
        );
        history::keep_last(&mut rows, limit);
        let numbers: Vec<_> = rows.iter().filter_map(|row| row[0].entry.operation).collect();
        assert_eq!(numbers, kept, "{limit}");
    }
}

#[test]
fn history_for_scripts_is_in_the_order_of_the_journal_whatever_the_clock_said() {
    let planned = || Record::Step {
        event: Box::new(Event::Common(CommonStep::Planned)),
    };
    let lines = [
        entry("10:00:00", 1, asked(None)),
        entry("10:00:01", 2, asked(None)),
        // The clock was set back.
        entry("09:00:00", 1, planned()),
        entry("09:00:01", 2, planned()),
    ];
    let lines = lines
        .into_iter()
        .enumerate()
        .map(|(place, read)| Read { place, ..read });
    let ordered = history::in_order(history::group(lines));
    let places: Vec<_> = ordered.iter().map(|read| read.place).collect();
    assert_eq!(places, [0, 1, 2, 3]);
}

#[test]
fn history_tells_each_operation_once_and_names_the_torn() {
    let asked = |kind| Record::Asked {
        kind,
        caller: Caller {
            uid: 1000,
            user: "alice".into(),
        },
        within: None,
    };
    let step = |event| Record::Step { event: Box::new(event) };
    let swapped = a_swap();
    let rows = history::group(
        [
            // The beginning of this one is cut off by the limit.
            entry("09:00:00", 6, step(Event::Common(CommonStep::Planned))),
            entry("10:00:00", 7, asked(Action::Swap)),
            entry("10:00:00.1", 7, step(swapped[0].clone())),
            entry("10:00:01", 8, asked(Action::Rollback)),
            entry("10:00:34", 7, step(swapped[7].clone())),
            entry(
                "10:05:00",
                8,
                Record::Torn {
                    kind: Action::Rollback,
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
fn a_number_that_was_given_twice_has_two_rows_in_history_and_a_resume_none() {
    let asked = |kind, user: &str| Record::Asked {
        kind,
        caller: Caller {
            uid: 1000,
            user: user.into(),
        },
        within: None,
    };
    let rows = history::group(
        [
            entry("10:00:00", 7, asked(Action::Wake, "proxyd")),
            entry("10:00:01", 7, asked(Action::Pause, "alice")),
            entry("10:00:02", 7, asked(Action::Resume, "bob")),
        ]
        .into_iter(),
    );
    let lengths: Vec<_> = rows.iter().map(Vec::len).collect();
    assert_eq!(lengths, [1, 2]);
}

#[test]
fn the_verdict_is_good_only_if_everything_was_asked_and_nothing_failed() {
    let good = Verdict {
        swaps: 5,
        kinds: RequestKind::ALL
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
    bad.swaps = 0;
    assert!(!bad.passed(), "without a swap, nothing is shown");
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
