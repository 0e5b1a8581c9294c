//! The families of metrics, in the order in which they are read, and what each of their samples is. Pure.

use std::collections::BTreeMap;

use super::operations;
use super::readings::{Figures, Readings};
use super::text::{Format, Labels, Page, Value};
use crate::model::api::{Action, EnvironmentStatus, ServiceStatus};
use crate::model::slot::Slot;
use crate::telemetry::{self, Outcomes, TLS_VERSIONS, Whose};

/// Everything, as text.
pub(super) fn page(format: Format, readings: &Readings, figures: &Figures) -> String {
    let mut page = Page::new(format);
    exchanges(&mut page, readings, figures);
    slots(&mut page, readings, figures);
    services(&mut page, readings, figures);
    environments(&mut page, readings);
    certificates(&mut page, readings);
    door(&mut page, readings);
    process(&mut page, readings, figures);
    page.end()
}

/// Names of an environment, a service and a slot; all of them empty for requests that lead nowhere.
type Slotted<'s> = [(&'static str, &'s str); 3];

/// The labels of a slot.
fn slot(whose: &Whose) -> Slotted<'_> {
    [
        ("environment", &whose.environment),
        ("service", &whose.service),
        ("slot", whose.slot.as_str()),
    ]
}

fn both<'l>(some: Labels<'l>, more: Labels<'l>) -> Vec<(&'static str, &'l str)> {
    [some, more].concat()
}

/// How requests have ended, those for no service too.
fn exchanges(page: &mut Page, readings: &Readings, figures: &Figures) {
    let served = figures.slots.iter().map(|(whose, _, outcomes)| (slot(whose), outcomes));
    let nobodys = [("environment", ""), ("service", ""), ("slot", "")];
    let all: Vec<(Slotted<'_>, &Outcomes)> = served.chain([(nobodys, &readings.unserved)]).collect();

    let mut requests = page.counter(
        "greengate_requests",
        "Requests that have ended, by the status that the client was answered with.",
    );
    for (labels, outcomes) in &all {
        for (method, status, count) in outcomes.requests() {
            requests.sample(&both(labels, &[("method", method), ("status", &status)]), count);
        }
    }
    let mut durations = page.histogram(
        "http_server_request_duration_seconds",
        "Time from a request's head to the last byte of its answer.",
    );
    for (labels, outcomes) in &all {
        for (class, taken) in outcomes.durations() {
            durations.buckets(
                &both(labels, &[("status_class", class)]),
                &telemetry::BOUNDS,
                &taken.buckets,
                taken.micros,
            );
        }
    }
    // The slots of a service together.
    let mut counted = BTreeMap::<_, u64>::new();
    for ([environment, service, _], outcomes) in &all {
        for (fault, reason, count) in outcomes.errors() {
            let labels = [*environment, *service, ("fault", fault), ("reason", reason)];
            *counted.entry(labels).or_default() += count;
        }
    }
    let mut errors = page.counter(
        "greengate_errors",
        "Requests that have failed, by whose fault it was and the reason that the access log gives.",
    );
    for (labels, count) in &counted {
        errors.sample(labels, *count);
    }
}

/// What slots have done with their app.
fn slots(page: &mut Page, readings: &Readings, figures: &Figures) {
    let mut connections = page.counter(
        "greengate_upstream_connections",
        "Connections to the app: those that were made, and how often one was used again.",
    );
    for (whose, counters, _) in &figures.slots {
        for (state, count) in [("new", counters.connections), ("reused", counters.reuses)] {
            connections.sample(&both(&slot(whose), &[("state", state)]), count);
        }
    }
    let mut retries = page.counter(
        "greengate_upstream_retries",
        "Requests that were sent to the app again.",
    );
    for (whose, counters, _) in &figures.slots {
        retries.sample(&slot(whose), counters.retries);
    }
    let mut healthy = page.gauge(
        "greengate_upstream_healthy",
        "Whether every instance of the live slot has passed its last health check; nothing while it is off on purpose.",
    );
    let expected = all_services(readings).filter(|(environment, _)| expects(environment));
    for (environment, service) in expected {
        let seen: Option<Vec<bool>> = service.health.iter().map(|health| health.healthy).collect();
        // Before the first look nobody knows, and of a folder nobody looks.
        let Some(seen) = seen.filter(|seen| !seen.is_empty()) else {
            continue;
        };
        let labels = [
            ("environment", environment.name.as_str()),
            ("service", service.name.as_str()),
            ("slot", service.live.slot.as_str()),
        ];
        healthy.sample(&labels, seen.iter().all(|well| *well));
    }
}

/// Whether the app is meant to be there: what is off on purpose is no reason to wake anybody.
fn expects(environment: &EnvironmentStatus) -> bool {
    let paused = environment
        .operation
        .as_ref()
        .is_some_and(|holder| holder.kind == Action::Pause);
    !paused && environment.maintenance.is_none() && !environment.sleeps()
}

fn all_services(readings: &Readings) -> impl Iterator<Item = (&EnvironmentStatus, &ServiceStatus)> {
    readings
        .environments
        .iter()
        .flat_map(|environment| environment.services.iter().map(move |service| (environment, service)))
}

/// What a service has under way now, on all its slots.
#[derive(Default)]
struct UnderWay {
    streams: u64,
    web_sockets: u64,
    held_micros: u64,
}

/// What services have under way now.
fn services(page: &mut Page, readings: &Readings, figures: &Figures) {
    let mut under_way = BTreeMap::<(&str, &str), UnderWay>::new();
    for (whose, counters, outcomes) in &figures.slots {
        let sum = under_way.entry((&whose.environment, &whose.service)).or_default();
        sum.streams += counters.streams;
        sum.web_sockets += counters.web_sockets;
        sum.held_micros += outcomes.held_micros;
    }
    let nothing = UnderWay::default();
    let all: Vec<_> = all_services(readings)
        .map(|(environment, service)| {
            let names = (environment.name.as_str(), service.name.as_str());
            let labels = [("environment", names.0), ("service", names.1)];
            let drained = environment.draining.iter().filter(|side| side.service == service.name);
            let waiting = service.requests + drained.map(|side| side.requests).sum::<u64>();
            (labels, under_way.get(&names).unwrap_or(&nothing), waiting, service.held)
        })
        .collect();
    let mut in_flight = page.gauge(
        "greengate_requests_in_flight",
        "Requests under way at the app: those that wait for its answer, and those whose answer is on its way.",
    );
    for (labels, own, waiting, _) in &all {
        in_flight.sample(labels, waiting + own.streams);
    }
    let mut streams = page.gauge(
        "greengate_streams_open",
        "Answers that are on their way, event streams and tunnels among them.",
    );
    for (labels, own, ..) in &all {
        streams.sample(labels, own.streams);
    }
    let mut web_sockets = page.gauge("greengate_web_sockets_open", "WebSockets that are open.");
    for (labels, own, ..) in &all {
        web_sockets.sample(labels, own.web_sockets);
    }
    let mut held = page.gauge(
        "greengate_requests_held",
        "Requests that wait, because the app cannot be reached or the environment is paused.",
    );
    for (labels, _, _, now) in &all {
        held.sample(labels, *now);
    }
    let mut seconds = page.counter("greengate_held_seconds", "Time that requests have waited so.");
    for (labels, own, ..) in &all {
        seconds.sample(labels, Value::Micros(own.held_micros));
    }
}

/// What was asked for, and what is live.
fn environments(page: &mut Page, readings: &Readings) {
    let mut operations = page.counter(
        "greengate_operations",
        "Swaps, rollbacks, reloads and whatever else was asked for, by how it has ended.",
    );
    for (environment, kind, result, count) in readings.operations.ended() {
        let labels = [("environment", environment), ("kind", kind), ("result", result)];
        operations.sample(&labels, count);
    }
    let mut took = page.histogram(
        "greengate_operation_seconds",
        "Time from the question to the end of an operation, with its gate and its drain.",
    );
    for (environment, kind, taken) in readings.operations.took() {
        let labels = [("environment", environment), ("kind", kind)];
        took.buckets(&labels, &operations::BOUNDS, &taken.buckets, taken.micros);
    }
    let mut generation = page.gauge("greengate_generation", "The number of what is published.");
    for environment in &readings.environments {
        generation.sample(&[("environment", &environment.name)], environment.generation.0);
    }
    let mut live = page.gauge("greengate_live_slot", "Whether a slot is the live one.");
    for environment in &readings.environments {
        let Some(slot) = environment.live else { continue };
        for one in [Slot::Blue, Slot::Green] {
            let labels = [("environment", environment.name.as_str()), ("slot", one.as_str())];
            live.sample(&labels, one == slot);
        }
    }
    let mut switched = page.gauge(
        "greengate_last_swap_timestamp_seconds",
        "When what is live was published, in unix seconds.",
    );
    for environment in &readings.environments {
        if let Some(at) = unix(&environment.since) {
            switched.sample(&[("environment", &environment.name)], at);
        }
    }
}

fn certificates(page: &mut Page, readings: &Readings) {
    let mut ends = page.gauge(
        "greengate_certificate_not_after_timestamp_seconds",
        "When the certificate ends that clients of a host are shown, in unix seconds.",
    );
    for certificate in &readings.certificates {
        let report = &certificate.report;
        if let Some(at) = unix(&report.not_after) {
            ends.sample(&[("host", &report.host), ("issuer", &report.issuer)], at);
        }
    }
    let mut renewals = page.counter(
        "greengate_certificate_renewals",
        "Attempts to obtain a certificate from a CA, by how they have ended.",
    );
    let obtained = readings.certificates.iter().filter(|one| one.report.next.is_some());
    for certificate in obtained {
        let report = &certificate.report;
        for (result, count) in [("obtained", certificate.renewed), ("failed", certificate.failed)] {
            let labels = [
                ("host", report.host.as_str()),
                ("issuer", &report.issuer),
                ("result", result),
            ];
            renewals.sample(&labels, count);
        }
    }
}

fn unix(time: &str) -> Option<Value> {
    let time: jiff::Timestamp = time.parse().ok()?;
    Some(Value::Seconds(time.as_duration().as_secs_f64()))
}

/// The connections of clients, and the log.
fn door(page: &mut Page, readings: &Readings) {
    let connections = &readings.connections;
    page.gauge("greengate_connections_open", "Connections of clients that are open.")
        .sample(&[], readings.open_connections);
    page.counter("greengate_connections", "Connections of clients that were accepted.")
        .sample(&[], connections.accepted);
    let mut handshakes = page.counter(
        "greengate_handshakes",
        "TLS handshakes with clients, by version, and whether a session was resumed.",
    );
    for (version, counts) in TLS_VERSIONS.into_iter().zip(connections.handshakes) {
        for (resumed, count) in ["no", "yes"].into_iter().zip(counts) {
            handshakes.sample(&[("version", version), ("resumed", resumed)], count);
        }
    }
    let mut bytes = page.counter(
        "greengate_bytes",
        "Bytes of HTTP from and to clients, without what TLS adds.",
    );
    for (direction, count) in [("in", connections.received), ("out", connections.sent)] {
        bytes.sample(&[("direction", direction)], count);
    }
    page.counter(
        "greengate_log_lines_dropped",
        "Lines of the access log that were dropped, because its target did not follow.",
    )
    .sample(&[], readings.dropped_log_lines);
}

fn process(page: &mut Page, readings: &Readings, figures: &Figures) {
    let process = &figures.process;
    page.gauge("greengate_build_info", "The version of the daemon, as a label of 1.")
        .sample(&[("version", env!("CARGO_PKG_VERSION"))], 1);
    page.counter("process_cpu_seconds", "Time that processors have spent on the process.")
        .sample(&[], Value::Seconds(process.cpu_seconds));
    page.gauge("process_open_fds", "Open files and sockets.")
        .sample(&[], process.open_files);
    page.gauge("process_max_fds", "Files and sockets that may be open.")
        .sample(&[], process.most_open_files);
    page.gauge("process_resident_memory_bytes", "Resident memory.")
        .sample(&[], process.resident_bytes);
    page.gauge("process_virtual_memory_bytes", "Virtual memory.")
        .sample(&[], process.virtual_bytes);
    if let Some(at) = unix(&readings.started) {
        page.gauge("process_start_time_seconds", "When the process began, in unix seconds.")
            .sample(&[], at);
    }
}
