//! Reload, pause, maintenance and the table of `status --watch` as text; what may be typed for them.

use std::time::Duration;

use clap::Parser as _;
use greengate::cli::args::{Cli, Command as Typed, Toggle};
use greengate::cli::output::{self, Rates, Stream, Words};
use greengate::model::api::{
    Action, Change, ChangeKind, Event, Holder, MaintenanceStatus, PauseStep, PreviewLink, PreviewStep, ReloadStep,
    SleepState, SleepStatus, ValueChange, exit,
};
use greengate::model::slot::{Generation, Slot};
use tokio::time::Instant;

use crate::{PLAIN, a_status, report};

const WORDS: Words = Words {
    out: PLAIN,
    err: PLAIN,
    nothing: "Nothing was reloaded.",
};

fn rendered(event: &Event) -> Vec<(Stream, String)> {
    let lines = output::render_upkeep(event, WORDS);
    lines.into_iter().map(|line| (line.stream, line.text)).collect()
}

fn change(name: Option<&str>, kind: ChangeKind, values: &[(&str, Option<&str>, Option<&str>)]) -> Change {
    let value = |(key, from, to): &(&str, Option<&str>, Option<&str>)| ValueChange {
        key: (*key).into(),
        from: from.map(str::to_owned),
        to: to.map(str::to_owned),
    };
    Change {
        section: "prod".into(),
        name: name.map(str::to_owned),
        kind,
        values: values.iter().map(value).collect(),
    }
}

#[test]
fn a_diff_is_data_and_what_needs_a_restart_is_a_message() {
    let event = Event::Reload(ReloadStep::Reloading {
        operation: Some(7),
        changes: vec![
            change(
                Some("web"),
                ChangeKind::Changed,
                &[("health.path", Some("/health"), Some("/up\u{1b}[2J"))],
            ),
            change(
                Some("api"),
                ChangeKind::Added,
                &[("host", None, Some("api.example.com"))],
            ),
            change(Some("old"), ChangeKind::Removed, &[]),
        ],
        restart: vec!["server.http".into(), "server.workers".into()],
    });
    let lines = rendered(&event);
    let text: Vec<&str> = lines.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(
        text,
        [
            "~ prod/web",
            "    health.path  /health → /up\\u{1b}[2J",
            "+ prod/api",
            "    host  api.example.com",
            "- prod/old  drains and goes",
            "! restart takes effect at the next restart: server.http, server.workers",
        ]
    );
    let streams: Vec<Stream> = lines.iter().map(|(stream, _)| *stream).collect();
    assert_eq!(streams[..5], [Stream::Out; 5]);
    assert_eq!(streams[5], Stream::Err);
}

#[test]
fn a_file_that_cannot_be_used_is_shown_with_all_that_is_wrong() {
    let event = Event::Reload(ReloadStep::Invalid {
        report: "error: unknown key `grene`\n --> proxy.toml:4:1\n".into(),
        errors: 1,
    });
    assert_eq!(event.exit_code(), Some(exit::USAGE));
    let text: Vec<_> = rendered(&event).into_iter().map(|(_, text)| text).collect();
    assert_eq!(
        text,
        [
            "error: unknown key `grene`",
            " --> proxy.toml:4:1",
            "✗ refused the file has 1 error",
            "Nothing changed; the configuration that was served is served on.",
        ]
    );
}

#[test]
fn a_pause_says_what_is_held_and_why_it_ended() {
    let text = |event: &Event| {
        rendered(event)
            .into_iter()
            .map(|(_, text)| text)
            .collect::<Vec<_>>()
            .join("\n")
    };
    let pausing = Event::Pause(PauseStep::Pausing {
        operation: 7,
        environment: "prod".into(),
        limit_ms: 30_000,
        writes: false,
    });
    assert_eq!(
        text(&pausing),
        "✓ hold    new requests to prod are held, for at most 30 s"
    );
    let resumed = Event::Pause(PauseStep::Resumed {
        environment: "prod".into(),
        elapsed_ms: 2_300,
        reason: Some("whoever asked for it is gone".into()),
    });
    assert_eq!(
        text(&resumed),
        "✓ resume  prod serves again; requests were held for 2.3 s (whoever asked for it is gone)"
    );
    let lapsed = Event::Pause(PauseStep::Lapsed {
        reason: "web 127.0.0.1:3000 did not become healthy: answered 500 (9 probes in 30 s)".into(),
        evidence: vec![report("web", "3000", None, 0, 9)],
    });
    assert_eq!(lapsed.exit_code(), Some(exit::FAILED));
    assert_eq!(
        text(&lapsed),
        "✗ gate    web 127.0.0.1:3000 did not become healthy: answered 500 (9 probes in 30 s)"
    );
}

#[test]
fn n33_links_are_data_and_the_token_stands_nowhere_else() {
    let link = |host: &str, link: Option<&str>| PreviewLink {
        host: host.into(),
        link: link.map(str::to_owned),
    };
    let issued = Event::Preview(PreviewStep::Issued {
        token: "ggp_abc".into(),
        links: vec![
            link("a.test", Some("https://a.test/.well-known/greengate/preview/ggp_abc")),
            link("b.test", None),
        ],
    });
    let [(first, url), (second, hint)] = &rendered(&issued)[..] else {
        panic!("{:?}", rendered(&issued))
    };
    assert_eq!(
        (*first, url.as_str()),
        (Stream::Out, "https://a.test/.well-known/greengate/preview/ggp_abc")
    );
    assert_eq!(*second, Stream::Err);
    assert!(
        hint.contains("b.test has no link") && hint.contains("X-Greengate-Preview: ggp_abc"),
        "{hint}"
    );
    let opened = Event::Preview(PreviewStep::Opened {
        operation: 9,
        environment: "prod".into(),
        slot: Slot::Green,
        generation: Generation(118),
        until: "2026-11-21T11:00:00.000Z".into(),
        for_ms: 3_600_000,
    });
    let lines = rendered(&opened);
    assert!(lines.iter().all(|(stream, _)| *stream == Stream::Err), "{lines:?}");
    assert!(lines[0].1.contains("green of prod for 60 min"), "{lines:?}");
    assert!(lines[1].1.ends_with("proxyctl preview prod --end"), "{lines:?}");
}

#[test]
fn the_table_says_what_sleeps_and_asks_nobody_how_it_does() {
    let now = "2026-11-21T10:00:00Z".parse().unwrap();
    let mut status = a_status(Some(true), false);
    let mut asleep = |state| {
        status.environments[0].sleep = Some(SleepStatus {
            state,
            after_ms: Some(1_200_000),
            idle_ms: None,
            since: Some("2026-11-21T09:00:00Z".into()),
            woke: 3,
            waking_ms: Some(700),
            trouble: None,
        });
        output::table(&status, &Rates::default(), now, PLAIN, 80).join("\n")
    };
    let text = asleep(SleepState::Asleep);
    assert!(text.contains("prod/web         green :3010  asleep"), "{text}");
    assert!(
        text.contains("prod: asleep for 60 min: the next request starts it"),
        "{text}"
    );
    let text = asleep(SleepState::Waking);
    assert!(text.contains("prod: wakes: requests wait until it answers"), "{text}");
    let text = asleep(SleepState::Awake);
    assert!(text.contains("✓ 2 s") && !text.contains("prod: awake"), "{text}");
}

#[test]
fn the_table_has_a_row_for_each_service_and_fits_80_columns() {
    let now = "2026-11-21T10:00:00Z".parse().unwrap();
    let mut status = a_status(Some(true), false);
    let begin = Instant::now();
    let mut rates = Rates::default();
    rates.read(&status, begin);
    let service = &mut status.environments[0].services[0];
    service.traffic.requests += 260;
    (service.held, service.web_sockets) = (12, 3_412);
    rates.read(&status, begin + Duration::from_secs(2));
    let text = output::table(&status, &rates, now, PLAIN, 80).join("\n");
    assert_eq!(
        text,
        "proxyd 0.1.0  up 3 d  1,412 connections  28 MiB

SERVICE          LIVE         HEALTH REQ/S  APP  PRX     P50/P95 HELD   WS CERT
prod/web         green :3010  ✓ 2 s    130    0    2     12/39ms   12 3412   9d
  prod: web blue :3000 drains: 1 request, 12 streams

! swap 17 of prod was torn"
    );

    // A new live side counts from zero, and everything has a long name.
    let environment = &mut status.environments[0];
    environment.generation = Generation(119);
    environment.name = "a-very-long-environment".into();
    environment.operation = Some(Holder {
        operation: 9,
        kind: Action::Pause,
        user: "somebody-with-a-long-name".into(),
        since: "2026-11-21T09:59:50Z".into(),
        step: "paused".into(),
    });
    environment.maintenance = Some(MaintenanceStatus {
        since: "2026-11-21T09:00:00Z".into(),
        user: "alice".into(),
        message: None,
        page: false,
        allow: Vec::new(),
    });
    let service = &mut environment.services[0];
    service.traffic.requests = 1_234_567;
    service.traffic.app_errors = 123_456;
    service.traffic.p50_us = Some(950_000);
    service.traffic.p95_us = Some(61_250_000);
    service.away_since = Some("2026-11-21T09:59:48Z".into());
    status.warnings.push("x".repeat(200));
    rates.read(&status, begin + Duration::from_secs(3));
    let lines = output::table(&status, &rates, now, PLAIN, 80);
    let text = lines.join("\n");
    for words in [
        "pause by",
        "maintenance by alice for 60 min",
        "web cannot be reached for 12 s",
        "123k",
        "950ms/61s",
    ] {
        assert!(text.contains(words), "{words:?} is missing:\n{text}");
    }
    assert!(lines.iter().all(|line| line.chars().count() <= 80), "{text}");
}

#[test]
fn what_follows_two_dashes_is_the_command_and_nobody_elses_option() {
    let cli = Cli::try_parse_from([
        "proxyctl",
        "pause",
        "prod",
        "--",
        "npm",
        "restart",
        "--json",
        "--timeout",
    ])
    .unwrap();
    let Typed::Pause(args) = cli.command else {
        panic!("{:?}", cli.command)
    };
    assert_eq!(args.command, ["npm", "restart", "--json", "--timeout"]);
    assert!(!args.json && args.timeout == Duration::from_secs(30));
    let cli = Cli::try_parse_from([
        "proxyctl",
        "maintenance",
        "prod",
        "on",
        "--allow",
        "10.0.0.0/8,::1",
        "--allow",
        "a",
    ]);
    let Typed::Maintenance(args) = cli.unwrap().command else {
        panic!("no maintenance")
    };
    assert_eq!(
        (args.toggle, args.allow.join(" ")),
        (Toggle::On, "10.0.0.0/8 ::1 a".to_owned())
    );
    for args in [
        &["proxyctl", "pause"][..],
        &["proxyctl", "pause", "prod", "npm"],
        &["proxyctl", "pause", "prod", "--timeout", "30"],
        &["proxyctl", "maintenance", "prod"],
        &["proxyctl", "maintenance", "prod", "perhaps"],
        &["proxyctl", "reload", "prod"],
        &["proxyctl", "status", "--watch", "--exit-code"],
    ] {
        assert!(Cli::try_parse_from(args).is_err(), "{args:?}");
    }
}
