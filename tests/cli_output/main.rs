//! What `proxyctl` prints, what may be typed, and how it exits.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod backup;
mod deploy;
mod exit_codes;
mod rendering;
mod shells;
mod socket;
mod typed;
mod upkeep;

use std::collections::BTreeMap;

use greengate::cli::output::text::Style;
use greengate::model::api::{
    CertificateStatus, Check, CommonStep, DrainingStatus, EnvironmentStatus, Event, GateReport, HealthStatus, Kind,
    LogsStatus, Move, ProbeReport, Progress, SafeToStop, SeriesStatus, ServiceStatus, Side, Status, SwapStep, Traffic,
};
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
            reached: None,
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
        limited: 0,
        p50_us: Some(12_000),
        p95_us: Some(39_000),
    }
}

fn plan(moves: Vec<Move>) -> Event {
    Event::Swap(SwapStep::Plan {
        operation: 7,
        kind: Kind::Swap,
        environment: "prod".into(),
        moves,
        forced: false,
    })
}

fn a_swap() -> Vec<Event> {
    vec![
        plan(vec![
            shift("web", "127.0.0.1:3000", "127.0.0.1:3010"),
            shift("api", "127.0.0.1:8001", "127.0.0.1:8011"),
        ]),
        Event::Progress(Progress::Gating {
            instances: vec![
                report("web", "3010", Some(200), 1, 1),
                report("api", "8011", None, 0, 4),
            ],
            elapsed_ms: 2_100,
        }),
        Event::Common(CommonStep::Gated {
            instances: vec![
                report("web", "3010", Some(200), 3, 3),
                report("api", "8011", Some(200), 3, 9),
            ],
            version: Some("8b71ff7".into()),
            elapsed_ms: 3_000,
        }),
        Event::Swap(SwapStep::Switched {
            generation: Generation(118),
            services: vec!["web".into(), "api".into()],
            durability_uncertain: false,
        }),
        Event::Swap(SwapStep::Verified {
            checks: vec![Check {
                service: "web".into(),
                target: "https://app.example.com/health".into(),
                status: Some(200),
                version: Some("8b71ff7".into()),
            }],
        }),
        Event::Swap(SwapStep::Baked {
            traffic: traffic(1_204),
            before: Traffic {
                p95_us: Some(41_000),
                ..traffic(900)
            },
            elapsed_ms: 30_000,
        }),
        Event::Swap(SwapStep::Drained {
            finished: 412,
            ended: 12,
            cut: 0,
            elapsed_ms: 300_000,
        }),
        Event::Swap(SwapStep::Done {
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
        }),
    ]
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
        series: SeriesStatus::default(),
        logs: LogsStatus::default(),
        notify: Vec::new(),
        configuration: None,
        earlier: Vec::new(),
        environments: vec![EnvironmentStatus {
            name: "prod".into(),
            live: Some(Slot::Green),
            generation: Generation(118),
            since: "2026-11-21T08:00:00Z".into(),
            protected,
            operation: None,
            waiting: Vec::new(),
            deployed: BTreeMap::new(),
            sleep: None,
            maintenance: None,
            previews: Vec::new(),
            kept: None,
            healthy_since: None,
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
                names_version: false,
                health: vec![HealthStatus {
                    since: None,
                    address: at("3010"),
                    healthy,
                    checked: healthy.map(|_| "2026-11-21T09:59:58Z".into()),
                    last: healthy.map(|_| report("web", "3010", Some(200), 3, 3).last),
                }],
                requests: 3,
                streams: 0,
                web_sockets: 0,
                held: 0,
                away_since: None,
                traffic: Traffic {
                    proxy_errors: 2,
                    ..traffic(1_204)
                },
                tls: "internal".into(),
                certificates: vec![CertificateStatus {
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
