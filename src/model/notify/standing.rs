//! Which side of an environment serves, and whether it is well, in one line.

use crate::model::api::{EnvironmentStatus, HealthStatus, ServiceStatus};

/// `blue serves, and is well since 2026-01-01T00:00:00.000Z`.
#[must_use]
pub fn standing(environment: &EnvironmentStatus) -> String {
    let who = environment
        .live
        .map_or_else(|| "its app".to_owned(), |live| live.to_string());
    if let Some(maintenance) = &environment.maintenance {
        return format!(
            "visitors see the maintenance page since {}; behind it {who} is live",
            maintenance.since
        );
    }
    if environment.sleeps() {
        return format!("it sleeps; {who} is live, and the next request wakes it");
    }
    let ill: Vec<String> = environment.services.iter().filter_map(illness).collect();
    match (&environment.healthy_since, ill.as_slice()) {
        (_, [_, ..]) => format!("{who} is live, and is NOT well: {}", ill.join("; ")),
        (Some(since), []) => format!("{who} serves, and is well since {since}"),
        (None, []) => format!("{who} serves; whether it is well is not known yet"),
    }
}

/// What is wrong with a service; `None` where nothing is known to be.
fn illness(service: &ServiceStatus) -> Option<String> {
    let causes: Vec<String> = service.health.iter().filter_map(complaint).collect();
    let since = service.away_since.as_ref();
    match (since, causes.as_slice()) {
        (None, []) => None,
        (Some(since), []) => Some(format!("{} cannot be reached since {since}", service.name)),
        (Some(since), causes) => Some(format!("{} since {since}: {}", service.name, causes.join(", "))),
        (None, causes) => Some(format!("{}: {}", service.name, causes.join(", "))),
    }
}

/// Where an instance is, and what its last probe met; `None` for one that is well or was not looked at yet.
pub(super) fn complaint(health: &HealthStatus) -> Option<String> {
    if health.healthy != Some(false) {
        return None;
    }
    let last = health.last.as_ref()?;
    let what = match (last.status, last.reason.as_deref()) {
        (Some(status), Some(reason)) if reason != format!("answered {status}") => format!("{status}, {reason}"),
        (Some(status), _) => format!("answers {status}"),
        (None, Some(reason)) => reason.to_owned(),
        (None, None) => "no answer".to_owned(),
    };
    Some(format!("{} {what}", health.address))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::model::api::{MaintenanceStatus, ProbeReport, Side, Traffic};
    use crate::model::slot::{Generation, Slot};

    /// A service that was asked once: the status that it answered, or why there was none.
    pub(in super::super) fn service(name: &str, answer: Result<u16, &str>) -> ServiceStatus {
        let address = "3000".parse().unwrap();
        let passed = answer == Ok(200);
        let last = ProbeReport {
            passed,
            status: answer.ok(),
            reason: answer.err().map(str::to_owned),
            ..ProbeReport::none_yet(name, &address)
        };
        ServiceStatus {
            name: name.into(),
            routes: vec!["app.test".into()],
            live: Side {
                slot: Slot::Blue,
                addresses: vec![address.clone()],
            },
            health: vec![HealthStatus {
                address,
                healthy: Some(passed),
                since: None,
                checked: Some("t".into()),
                last: Some(last),
            }],
            names_version: false,
            requests: 0,
            streams: 0,
            web_sockets: 0,
            held: 0,
            away_since: None,
            traffic: Traffic::default(),
            tls: "off".into(),
            certificates: Vec::new(),
        }
    }

    /// `prod`, blue and well, with these services.
    pub(in super::super) fn environment(services: Vec<ServiceStatus>) -> EnvironmentStatus {
        EnvironmentStatus {
            name: "prod".into(),
            live: Some(Slot::Blue),
            generation: Generation(3),
            since: "t".into(),
            protected: false,
            operation: None,
            waiting: Vec::new(),
            deployed: std::collections::BTreeMap::new(),
            maintenance: None,
            sleep: None,
            previews: Vec::new(),
            kept: None,
            healthy_since: Some("12:00".into()),
            can_roll_back: true,
            draining: Vec::new(),
            services,
        }
    }

    #[test]
    fn it_says_who_serves_and_whether_that_is_well() {
        let well = environment(vec![service("web", Ok(200))]);
        assert_eq!(standing(&well), "blue serves, and is well since 12:00");
        let mut unknown = environment(vec![service("web", Ok(200))]);
        unknown.healthy_since = None;
        assert_eq!(standing(&unknown), "blue serves; whether it is well is not known yet");
        let ill = environment(vec![
            service("web", Ok(200)),
            service("api", Err("connection refused")),
            service("jobs", Ok(503)),
        ]);
        assert_eq!(
            standing(&ill),
            "blue is live, and is NOT well: api: 127.0.0.1:3000 connection refused; jobs: 127.0.0.1:3000 answers 503"
        );
        let mut away = environment(vec![service("web", Ok(200))]);
        away.services[0].away_since = Some("11:59".into());
        assert_eq!(
            standing(&away),
            "blue is live, and is NOT well: web cannot be reached since 11:59"
        );
        let mut closed = environment(Vec::new());
        closed.live = None;
        closed.maintenance = Some(MaintenanceStatus {
            since: "11:00".into(),
            user: "root".into(),
            message: None,
            page: false,
            allow: Vec::new(),
        });
        assert_eq!(
            standing(&closed),
            "visitors see the maintenance page since 11:00; behind it its app is live"
        );
    }
}
