//! Environments as the daemon tells them, and what is found of each.

use super::*;
use crate::model::api::{ProbeReport, ServiceStatus, Side};
use crate::model::slot::{Generation, Slot};

const NOW: &str = "2026-01-01T12:00:00Z";
const MINUTE: Duration = Duration::from_secs(60);

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

/// One instance that answers so; `None` is one that was not asked yet.
fn instance(service: &str, answer: Option<(bool, Option<&str>)>) -> HealthStatus {
    let address = "127.0.0.1:3000".parse().unwrap();
    let last = answer.map(|(passed, version)| ProbeReport {
        passed,
        status: Some(if passed { 200 } else { 503 }),
        reason: None,
        version: version.map(str::to_owned),
        ..ProbeReport::none_yet(service, &address)
    });
    HealthStatus {
        since: None,
        address,
        healthy: last.as_ref().map(|last| last.passed),
        checked: None,
        last,
    }
}

fn service(name: &str, names_version: bool, answers: &[Option<(bool, Option<&str>)>]) -> ServiceStatus {
    ServiceStatus {
        name: name.into(),
        routes: Vec::new(),
        live: Side {
            slot: Slot::Upstream,
            addresses: Vec::new(),
        },
        health: answers.iter().map(|answer| instance(name, *answer)).collect(),
        names_version,
        requests: 0,
        streams: 0,
        web_sockets: 0,
        held: 0,
        away_since: None,
        traffic: Default::default(),
        tls: "off".into(),
        certificates: Vec::new(),
    }
}

fn dev(since: Option<&str>, services: Vec<ServiceStatus>) -> EnvironmentStatus {
    let text = r#"{"name":"dev","generation":1,"since":"2026-01-01T00:00:00Z","protected":false,"can_roll_back":false,"services":[]}"#;
    let mut dev: EnvironmentStatus = serde_json::from_str(text).unwrap();
    assert_eq!(dev.generation, Generation(1));
    dev.healthy_since = since.map(str::to_owned);
    dev.services = services;
    dev
}

fn found(dev: &EnvironmentStatus) -> Result<Finding, Refusal> {
    let wanted = Wanted {
        healthy_for: 2 * MINUTE,
        version: None,
    };
    judge(dev, wanted, now())
}

/// Why it is refused, and with which code.
fn refused(dev: &EnvironmentStatus) -> (u8, String) {
    let refusal = found(dev).unwrap_err();
    (refusal.code, refusal.reason)
}

const WELL: Option<(bool, Option<&str>)> = Some((true, Some("v2")));

#[test]
fn a_version_that_was_healthy_for_long_enough_is_proven_and_not_a_moment_before() {
    let of = |since| found(&dev(Some(since), vec![service("web", true, &[WELL, WELL])]));
    let (version, healthy) = ("v2".to_owned(), 2 * MINUTE);
    assert_eq!(of("2026-01-01T11:58:00Z"), Ok(Finding::Proven { version, healthy }));
    let early = |healthy| {
        let version = Some("v2".into());
        Ok(Finding::Early { version, healthy })
    };
    assert_eq!(of("2026-01-01T11:59:00Z"), early(MINUTE));
    assert_eq!(of("2026-01-01T12:05:00Z"), early(Duration::ZERO), "the clock went back");
}

#[test]
fn what_was_not_looked_at_yet_is_not_proven() {
    let unseen = Ok(Finding::Early {
        version: None,
        healthy: Duration::ZERO,
    });
    let half = dev(Some("2026-01-01T00:00:00Z"), vec![service("web", true, &[WELL, None])]);
    assert_eq!(found(&half), unseen);
    assert_eq!(found(&dev(None, vec![service("web", true, &[WELL])])), unseen);
}

#[test]
fn an_instance_that_is_not_well_refuses_with_what_it_has_answered() {
    let services = vec![
        service("web", true, &[WELL]),
        service("api", false, &[Some((false, None))]),
    ];
    let Refusal { reason, evidence, .. } = found(&dev(None, services)).unwrap_err();
    assert_eq!(reason, "`dev` is not healthy");
    assert_eq!((evidence.len(), evidence[0].last.status), (1, Some(503)));
}

#[test]
fn a_version_that_nobody_tells_cannot_be_promoted() {
    let since = Some("2026-01-01T00:00:00Z");
    let (code, reason) = refused(&dev(since, vec![service("web", false, &[Some((true, None))])]));
    assert_eq!(code, exit::USAGE);
    assert!(reason.contains("does not say how `dev` tells"), "{reason}");
    let (code, reason) = refused(&dev(since, vec![service("web", true, &[Some((true, None))])]));
    assert_eq!(code, exit::REFUSED);
    assert!(reason.contains("`web` of `dev` does not say which version"), "{reason}");
    let (_, reason) = refused(&dev(since, vec![service("web", true, &[Some((true, Some("$(id)")))])]));
    assert!(reason.contains("cannot be deployed"), "{reason}");
}

#[test]
fn services_that_say_no_version_go_with_those_that_do_which_have_to_agree() {
    let since = Some("2026-01-01T00:00:00Z");
    let plain = || service("files", false, &[Some((true, None))]);
    let one = dev(since, vec![service("web", true, &[WELL]), plain()]);
    assert!(matches!(found(&one), Ok(Finding::Proven { .. })), "{:?}", found(&one));
    let api = service("api", true, &[Some((true, Some("v3")))]);
    let (_, reason) = refused(&dev(since, vec![service("web", true, &[WELL]), api]));
    assert_eq!(
        reason,
        "`dev` does not run one version: `web` runs `v2`, `api` runs `v3`"
    );
}

#[test]
fn a_version_that_has_changed_since_the_first_look_is_another() {
    let dev = dev(Some("2026-01-01T00:00:00Z"), vec![service("web", true, &[WELL])]);
    let judged = |version| {
        let healthy_for = MINUTE;
        judge(
            &dev,
            Wanted {
                healthy_for,
                version: Some(version),
            },
            now(),
        )
    };
    assert!(matches!(judged("v2"), Ok(Finding::Proven { .. })));
    assert_eq!(
        judged("v1").unwrap_err().reason,
        "`dev` runs `v2` by now, and no longer `v1`"
    );
}

#[test]
fn an_environment_runs_a_version_when_all_that_say_one_say_this_one() {
    let of = |services| runs(&dev(None, services), "v2");
    assert!(of(vec![
        service("web", true, &[WELL, WELL]),
        service("files", false, &[Some((true, None))])
    ]));
    for other in [
        vec![],
        vec![service("files", false, &[Some((true, None))])],
        vec![service("web", true, &[WELL, None])],
        vec![service("web", true, &[WELL, Some((true, Some("v1")))])],
        vec![service("web", true, &[Some((false, Some("v2")))])],
    ] {
        assert!(!of(other));
    }
}

#[test]
fn n36_what_sleeps_is_promoted_nowhere_until_it_is_woken() {
    let mut source = dev(None, vec![service("web", true, &[None])]);
    source.sleep = serde_json::from_str(r#"{"state":"asleep","since":"2026-01-01T00:00:00Z","woke":0}"#).unwrap();
    let wanted = Wanted {
        version: None,
        healthy_for: Duration::ZERO,
    };
    let refusal = judge(&source, wanted, Timestamp::UNIX_EPOCH).unwrap_err();
    assert_eq!(refusal.hint.as_deref(), Some("`proxyctl wake dev` starts it"));
}
