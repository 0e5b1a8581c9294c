//! No client and no app makes the figures grow: hosts, paths, methods and statuses are theirs to choose, series are not.

use std::collections::BTreeSet;

use super::{ON, place, read};
use crate::common::client::Client;
use crate::common::door::Door;
use crate::common::fixture::{PLAIN, Pair};
use crate::common::{eventually, holds, secs};

const REQUESTS: &str = "greengate_requests_total";

/// As `docs/metrics.md` bounds them: methods, and statuses with their classes.
const METHODS: usize = 10;
const STATUSES: usize = 94;

/// Asks for all of it, on as few connections as the door lets; how many were answered.
async fn all(door: &Door, requests: impl Iterator<Item = (String, String, String)>) -> f64 {
    let mut client: Option<Client> = None;
    let mut answered = 0;
    for (method, host, target) in requests {
        let mut now = match client.take() {
            Some(client) => client,
            None => door.plain().await,
        };
        let answer = now.request(&method, &host, &target, "", b"").await.unwrap();
        answered += 1;
        if !answer.fields.has_token("connection", "close") {
            client = Some(now);
        }
    }
    f64::from(answered)
}

/// What is there once so many requests are counted.
async fn series(door: &Door, wanted: f64) -> BTreeSet<String> {
    eventually(secs(20), || async {
        let now = read(door).await;
        let counted = now.sum(REQUESTS, &[]);
        // Handshakes, the process' own and the like are the same for all.
        holds(counted == wanted, || {
            format!("{counted} are counted instead of {wanted}")
        })
        .map(|()| now.series())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_hosts_and_paths_and_a_thousand_methods_add_no_series() {
    let pair = Pair::plain_with(ON, "").await;
    let door = &pair.door;
    let text = str::to_owned;
    let one_of_each = [
        (text("GET"), text(PLAIN), text("/")),
        (text("BREW"), text(PLAIN), text("/")),
        (text("GET"), text("nobody.test"), text("/")),
    ];
    let mut asked = all(door, one_of_each.into_iter()).await;
    let before = series(door, asked).await;
    asked += all(
        door,
        (0..5000).map(|n| (text("GET"), format!("host-{n}.test"), text("/"))),
    )
    .await;
    asked += all(
        door,
        (0..5000).map(|n| (text("GET"), text(PLAIN), format!("/path-{n}?query={n}"))),
    )
    .await;
    asked += all(door, (0..1000).map(|n| (format!("BREW{n}"), text(PLAIN), text("/")))).await;
    let after = series(door, asked).await;
    let new: Vec<_> = after.difference(&before).collect();
    assert!(new.is_empty(), "{new:?}");
    let now = read(door).await;
    let strangers = [("environment", ""), ("service", ""), ("slot", "")];
    assert_eq!(now.sum(REQUESTS, &strangers), 5001.0, "hosts of nobody");
    assert_eq!(now.sum(REQUESTS, &[("method", "_OTHER")]), 1001.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_an_app_answers_the_statuses_are_a_closed_list() {
    let pair = Pair::plain_with(ON, "").await;
    let door = &pair.door;
    let methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY", "get"];
    let targets = (200..1000).map(|status| format!("/status/{status}"));
    let requests =
        targets.flat_map(|target| methods.map(|method| (method.to_owned(), PLAIN.to_owned(), target.clone())));
    let asked = all(door, requests).await;
    series(door, asked).await;
    let now = read(door).await;
    let of_blue: Vec<_> = now.with(REQUESTS, &[("slot", "blue")]).collect();
    let most = METHODS * STATUSES;
    assert!((100..=most).contains(&of_blue.len()), "{} series", of_blue.len());
    // The sum of the page, for two sides of one service in one environment without certificates.
    let sum = 3 * (most + 7 * 17) + 2 * 60 + 2 * 3 + 6 + 240 + 240 + 20;
    assert!(now.samples.len() <= sum, "{} samples", now.samples.len());
    let statuses: BTreeSet<_> = of_blue.iter().map(|sample| &sample.labels["status"]).collect();
    assert!(statuses.len() <= STATUSES, "{statuses:?}");
    let methods: BTreeSet<_> = of_blue.iter().map(|sample| &*sample.labels["method"]).collect();
    assert_eq!(
        methods,
        ["DELETE", "GET", "OPTIONS", "PATCH", "POST", "PUT", "_OTHER"].into()
    );
    // A status that no list has counts by its class.
    for (status, class) in [("299", "2xx"), ("499", "499"), ("599", "5xx")] {
        assert!(
            now.sum(REQUESTS, &[("status", class)]) > 0.0,
            "{status} counts as {class}: {statuses:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_probes_nor_looks_at_the_figures_are_requests() {
    let pair = Pair::plain_with(ON, "").await;
    let before = pair.blue.probes();
    eventually(secs(20), || async {
        read(&pair.door).await;
        let probes = pair.blue.probes() - before;
        holds(probes >= 3, || format!("{probes} probes"))
    })
    .await;
    let now = read(&pair.door).await;
    assert_eq!(now.sum(REQUESTS, &[]), 0.0);
    assert_eq!(now.sum("http_server_request_duration_seconds_count", &[]), 0.0);
    assert_ne!(place(&pair.door), pair.door.http());
    // Beside the figures there is nothing.
    let mut client = Client::plain(place(&pair.door)).await.unwrap();
    assert_eq!(client.get("localhost", "/events").await.unwrap().status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_is_off_on_purpose_is_not_told_as_unhealthy() {
    let pair = Pair::plain_with(ON, "").await;
    let told = |wanted: &'static [f64]| {
        let door = &pair.door;
        eventually(secs(20), move || async move {
            let now = read(door).await;
            let healthy: Vec<f64> = now
                .with("greengate_upstream_healthy", &[])
                .map(|one| one.value)
                .collect();
            holds(healthy == wanted, || format!("{healthy:?}, and not {wanted:?}"))
        })
    };
    told(&[1.0]).await;
    for (on, off) in [
        (&["maintenance", "prod", "on"][..], &["maintenance", "prod", "off"][..]),
        (&["pause", "prod"], &["resume", "prod"]),
    ] {
        pair.door.proxyctl(on).await.assert_code(0);
        told(&[]).await;
        pair.door.proxyctl(off).await.assert_code(0);
        told(&[1.0]).await;
    }
}
