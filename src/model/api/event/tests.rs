//! What each event is on the wire and in the journal, to the letter: scripts read it, and so do daemons of other versions.

mod steps;

use super::*;
use crate::model::api::{
    Action, Change, ChangeKind, CommandBegun, CommandEnded, CommonStep, DeployOutcome, DeployPlan, DeployStep, Holder,
    MaintenanceStep, PauseStep, ProbeReport, Progress, ReloadStep, Side, Stage, SwapStep, UpgradeStep, ValueChange,
};
use crate::model::handoff::Phase;

fn address() -> Address {
    "127.0.0.1:3010".parse().unwrap()
}

fn reports() -> Vec<GateReport> {
    vec![GateReport {
        last: ProbeReport {
            service: "web".into(),
            address: address(),
            reached: None,
            passed: true,
            status: Some(200),
            latency_us: 1500,
            reason: None,
            body: "ok".into(),
            version: Some("8b71ff7".into()),
        },
        passes: 3,
        needed: 3,
        probes: 4,
    }]
}

const REPORTS: &str = r#"[{"last":{"service":"web","address":"127.0.0.1:3010","passed":true,"status":200,"latency_us":1500,"body":"ok","version":"8b71ff7"},"passes":3,"needed":3,"probes":4}]"#;

fn traffic() -> Traffic {
    Traffic {
        requests: 12,
        app_errors: 1,
        proxy_errors: 2,
        limited: 0,
        p50_us: Some(800),
        p95_us: None,
    }
}

const TRAFFIC: &str = r#"{"requests":12,"app_errors":1,"proxy_errors":2,"p50_us":800}"#;

/// Every event, with all that it may have and with the least, beside its line.
fn lines() -> Vec<(Event, String)> {
    vec![
        (
            Event::Swap(SwapStep::Plan {
                operation: 7,
                kind: Kind::Swap,
                environment: "prod".into(),
                moves: vec![Move {
                    service: "web".into(),
                    from: Side {
                        slot: Slot::Blue,
                        addresses: vec!["unix:/run/web.sock".parse().unwrap()],
                    },
                    to: Side {
                        slot: Slot::Green,
                        addresses: vec![address()],
                    },
                }],
                forced: false,
            }),
            r#"{"event":"plan","operation":7,"kind":"swap","environment":"prod","moves":[{"service":"web","from":{"slot":"blue","addresses":["unix:/run/web.sock"]},"to":{"slot":"green","addresses":["127.0.0.1:3010"]}}],"forced":false}"#.into(),
        ),
        (Event::Common(CommonStep::Planned), r#"{"event":"planned"}"#.into()),
        (
            Event::Common(CommonStep::Warning { message: "one\ntwo".into() }),
            r#"{"event":"warning","message":"one\ntwo"}"#.into(),
        ),
        (
            Event::Progress(Progress::Gating {
                instances: reports(),
                elapsed_ms: 1200,
            }),
            format!(r#"{{"event":"gating","instances":{REPORTS},"elapsed_ms":1200}}"#),
        ),
        (
            Event::Common(CommonStep::Gated {
                instances: reports(),
                version: Some("8b71ff7".into()),
                elapsed_ms: 1200,
            }),
            format!(r#"{{"event":"gated","instances":{REPORTS},"version":"8b71ff7","elapsed_ms":1200}}"#),
        ),
        (
            Event::Common(CommonStep::Gated {
                instances: Vec::new(),
                version: None,
                elapsed_ms: 0,
            }),
            r#"{"event":"gated","instances":[],"elapsed_ms":0}"#.into(),
        ),
        (
            Event::Swap(SwapStep::Warmed {
                requests: 4,
                failed: 1,
                elapsed_ms: 90,
            }),
            r#"{"event":"warmed","requests":4,"failed":1,"elapsed_ms":90}"#.into(),
        ),
        (
            Event::Swap(SwapStep::Switched {
                generation: Generation(118),
                services: vec!["web".into(), "api".into()],
                durability_uncertain: true,
            }),
            r#"{"event":"switched","generation":118,"services":["web","api"],"durability_uncertain":true}"#.into(),
        ),
        (
            Event::Swap(SwapStep::Verified {
                checks: vec![
                    Check {
                        service: "web".into(),
                        target: "https://app.example.com/health".into(),
                        status: Some(200),
                        version: Some("8b71ff7".into()),
                    },
                    Check {
                        service: "api".into(),
                        target: "127.0.0.1:8012".into(),
                        status: None,
                        version: None,
                    },
                ],
            }),
            r#"{"event":"verified","checks":[{"service":"web","target":"https://app.example.com/health","status":200,"version":"8b71ff7"},{"service":"api","target":"127.0.0.1:8012"}]}"#.into(),
        ),
        (
            Event::Progress(Progress::Baking {
                traffic: traffic(),
                left_ms: 9000,
            }),
            format!(r#"{{"event":"baking","traffic":{TRAFFIC},"left_ms":9000}}"#),
        ),
        (
            Event::Swap(SwapStep::Baked {
                traffic: traffic(),
                before: Traffic::default(),
                elapsed_ms: 10_000,
            }),
            format!(
                r#"{{"event":"baked","traffic":{TRAFFIC},"before":{{"requests":0,"app_errors":0,"proxy_errors":0}},"elapsed_ms":10000}}"#
            ),
        ),
        (
            Event::Progress(Progress::Draining {
                requests: 1,
                streams: 2,
                elapsed_ms: 300,
            }),
            r#"{"event":"draining","requests":1,"streams":2,"elapsed_ms":300}"#.into(),
        ),
        (
            Event::Swap(SwapStep::Drained {
                finished: 5,
                ended: 1,
                cut: 0,
                elapsed_ms: 400,
            }),
            r#"{"event":"drained","finished":5,"ended":1,"cut":0,"elapsed_ms":400}"#.into(),
        ),
        (
            Event::Swap(SwapStep::Done {
                environment: "prod".into(),
                live: Slot::Green,
                generation: Generation(118),
                safe_to_stop: vec![SafeToStop {
                    service: "web".into(),
                    addresses: vec![address()],
                }],
                traffic: traffic(),
            }),
            format!(
                r#"{{"event":"done","environment":"prod","live":"green","generation":118,"safe_to_stop":[{{"service":"web","addresses":["127.0.0.1:3010"]}}],"traffic":{TRAFFIC}}}"#
            ),
        ),
        (
            Event::Common(CommonStep::Refused {
                code: exit::REFUSED,
                reason: "it is not healthy".into(),
                evidence: reports(),
                hint: Some("look at its log".into()),
                live: Some(Slot::Blue), health: Vec::new(),
            }),
            format!(
                r#"{{"event":"refused","code":4,"reason":"it is not healthy","evidence":{REPORTS},"hint":"look at its log","live":"blue"}}"#
            ),
        ),
        (
            Event::Common(CommonStep::Refused {
                code: exit::BUSY,
                reason: "busy".into(),
                evidence: Vec::new(),
                hint: None,
                live: None, health: Vec::new(),
            }),
            r#"{"event":"refused","code":5,"reason":"busy"}"#.into(),
        ),
        (
            Event::Swap(SwapStep::RolledBack {
                reason: "too many errors".into(),
                by: None,
                live: Slot::Blue,
                generation: Generation(119),
            }),
            r#"{"event":"rolled-back","reason":"too many errors","live":"blue","generation":119}"#.into(),
        ),
        (
            Event::Reload(ReloadStep::Reloading {
                operation: Some(8),
                changes: vec![Change {
                    section: "prod".into(),
                    name: Some("web".into()),
                    kind: ChangeKind::Changed,
                    values: vec![ValueChange {
                        key: "health.path".into(),
                        from: Some("/health".into()),
                        to: Some("/up".into()),
                    }],
                }],
                restart: vec!["server.http".into()],
            }),
            r#"{"event":"reloading","operation":8,"changes":[{"section":"prod","name":"web","kind":"changed","values":[{"key":"health.path","from":"/health","to":"/up"}]}],"restart":["server.http"]}"#.into(),
        ),
        (
            Event::Reload(ReloadStep::Reloading {
                operation: None,
                changes: Vec::new(),
                restart: Vec::new(),
            }),
            r#"{"event":"reloading","changes":[]}"#.into(),
        ),
        (
            Event::Reload(ReloadStep::Invalid {
                report: "error: no\n".into(),
                errors: 1,
            }),
            r#"{"event":"invalid","report":"error: no\n","errors":1}"#.into(),
        ),
        (
            Event::Reload(ReloadStep::Reloaded {
                changes: 2,
                durability_uncertain: false,
            }),
            r#"{"event":"reloaded","changes":2,"durability_uncertain":false}"#.into(),
        ),
        (
            Event::Pause(PauseStep::Pausing {
                operation: 9,
                environment: "prod".into(),
                limit_ms: 30_000,
                writes: false,
            }),
            r#"{"event":"pausing","operation":9,"environment":"prod","limit_ms":30000}"#.into(),
        ),
        (
            Event::Pause(PauseStep::Paused {
                elapsed_ms: 20,
                left_ms: 29_980,
                writes: false,
            }),
            r#"{"event":"paused","elapsed_ms":20,"left_ms":29980}"#.into(),
        ),
        (
            Event::Pause(PauseStep::Resumed {
                environment: "prod".into(),
                elapsed_ms: 900,
                reason: Some("its limit of 30 s was reached".into()),
            }),
            r#"{"event":"resumed","environment":"prod","elapsed_ms":900,"reason":"its limit of 30 s was reached"}"#.into(),
        ),
        (
            Event::Pause(PauseStep::Resumed {
                environment: "prod".into(),
                elapsed_ms: 900,
                reason: None,
            }),
            r#"{"event":"resumed","environment":"prod","elapsed_ms":900}"#.into(),
        ),
        (
            Event::Pause(PauseStep::Lapsed {
                reason: "the app did not come back".into(),
                evidence: reports(),
            }),
            format!(r#"{{"event":"lapsed","reason":"the app did not come back","evidence":{REPORTS}}}"#),
        ),
        (
            Event::Pause(PauseStep::Lapsed {
                reason: "too long".into(),
                evidence: Vec::new(),
            }),
            r#"{"event":"lapsed","reason":"too long"}"#.into(),
        ),
        (
            Event::Maintenance(MaintenanceStep::Maintained {
                environment: "prod".into(),
                on: Some(MaintenanceStatus {
                    since: "2026-01-01T00:00:00.000Z".into(),
                    user: "ann".into(),
                    message: Some("back at noon".into()),
                    page: false,
                    allow: vec!["10.0.0.0/8".into()],
                }),
            }),
            r#"{"event":"maintained","environment":"prod","on":{"since":"2026-01-01T00:00:00.000Z","user":"ann","message":"back at noon","page":false,"allow":["10.0.0.0/8"]}}"#.into(),
        ),
        (
            Event::Maintenance(MaintenanceStep::Maintained {
                environment: "prod".into(),
                on: None,
            }),
            r#"{"event":"maintained","environment":"prod"}"#.into(),
        ),
        (
            Event::Upgrade(UpgradeStep::Upgrading { operation: 9 }),
            r#"{"event":"upgrading","operation":9}"#.into(),
        ),
        (
            Event::Upgrade(UpgradeStep::Entered { phase: Phase::Gating }),
            r#"{"event":"entered","phase":"gating"}"#.into(),
        ),
        (
            Event::Upgrade(UpgradeStep::Upgraded {
                pid: 4711,
                version: "1.1.0".into(),
                before: "1.0.0".into(),
                elapsed_ms: 320,
            }),
            r#"{"event":"upgraded","pid":4711,"version":"1.1.0","before":"1.0.0","elapsed_ms":320}"#.into(),
        ),
        (Event::Swap(SwapStep::Passed), r#"{"event":"passed"}"#.into()),
        (
            Event::Progress(Progress::Queued {
                behind: Holder {
                    operation: 11,
                    kind: Action::Deploy,
                    user: "ann".into(),
                    since: "2026-01-01T00:00:00.000Z".into(),
                    step: "before".into(),
                },
                ahead: 1,
            }),
            r#"{"event":"queued","behind":{"operation":11,"kind":"deploy","user":"ann","since":"2026-01-01T00:00:00.000Z","step":"before"},"ahead":1}"#.into(),
        ),
        (
            Event::Deploy(DeployStep::Deploying {
                operation: Some(12),
                environment: "prod".into(),
                kind: Kind::Swap,
                version: Some("8b71ff7".into()),
                plan: Box::new(DeployPlan {
                    table: None,
                    services: Vec::new(),
                    names_version: false,
                    protected: true,
                    generation: Generation(118),
                    live: Slot::Blue,
                    idle: Slot::Green,
                    deployed_live: None,
                    deployed_idle: None,
                    idle_since: None,
                }),
            }),
            r#"{"event":"deploying","operation":12,"environment":"prod","kind":"swap","version":"8b71ff7","plan":{"services":[],"names_version":false,"protected":true,"generation":118,"live":"blue","idle":"green"}}"#.into(),
        ),
        (
            Event::Deploy(DeployStep::CommandBegun(CommandBegun {
                step: Stage::Stop,
                service: None,
                slot: Some(Slot::Blue),
                command: vec!["systemctl".into(), "stop".into(), "web@blue".into()],
            })),
            r#"{"event":"command-begun","step":"stop","slot":"blue","command":["systemctl","stop","web@blue"]}"#.into(),
        ),
        (
            Event::Deploy(DeployStep::CommandEnded(CommandEnded {
                step: Stage::After,
                service: Some("web".into()),
                slot: None,
                command: vec!["./tell".into()],
                exit: None,
                signal: None,
                error: Some("no such file".into()),
                output: String::new(),
                elapsed_ms: 2,
            })),
            r#"{"event":"command-ended","step":"after","service":"web","command":["./tell"],"error":"no such file","elapsed_ms":2}"#.into(),
        ),
        (
            Event::Deploy(DeployStep::Released {
                outcome: DeployOutcome::Done,
                reason: None,
            }),
            r#"{"event":"released","outcome":"done"}"#.into(),
        ),
        (
            Event::Deploy(DeployStep::Abandoned {
                step: "before".into(),
                live: Some(Slot::Blue),
            }),
            r#"{"event":"abandoned","step":"before","live":"blue"}"#.into(),
        ),
        (
            Event::Common(CommonStep::Failed {
                reason: "the disk is full".into(),
                live: Some(Slot::Blue),
            }),
            r#"{"event":"failed","reason":"the disk is full","live":"blue"}"#.into(),
        ),
        (
            Event::Common(CommonStep::Failed {
                reason: "the disk is full".into(),
                live: None,
            }),
            r#"{"event":"failed","reason":"the disk is full"}"#.into(),
        ),
    ]
}

#[test]
fn every_event_is_the_line_that_it_has_always_been() {
    for (event, line) in lines() {
        assert_eq!(serde_json::to_string(&event).unwrap(), line);
        assert_eq!(serde_json::from_str::<Event>(&line).unwrap(), event, "{line}");
    }
}

#[test]
fn a_line_with_keys_of_a_newer_version_is_still_read() {
    let line = r#"{"event":"paused","elapsed_ms":20,"left_ms":29980,"since":"noon"}"#;
    let expected = Event::Pause(PauseStep::Paused {
        elapsed_ms: 20,
        left_ms: 29_980,
        writes: false,
    });
    assert_eq!(serde_json::from_str::<Event>(line).unwrap(), expected);
    assert!(serde_json::from_str::<Event>(r#"{"event":"halted"}"#).is_err());
}
