//! An app that cannot be reached keeps its requests waiting instead of failing them (N12), after a boot too (N31).

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "tests spawn, panic and print freely"
)]

mod common;

use std::time::Duration;

use common::app::App;
use common::client::{Client, Response};
use common::door::{Door, QUICK, QUICK_PLAIN, environment};
use common::fixture::{HOST, PLAIN, Pair};
use common::h2::H2;
use common::incoming::Broken;
use common::ledger::ID;
use common::load::{Kind, Load, MIXED};
use common::{count, eventually, full, holds, ms, secs};
use greengate::model::api::ServiceStatus;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// A request on a connection of its own, whose answer is waited for elsewhere.
fn request(pair: &Pair, method: &'static str, target: String) -> JoinHandle<Result<Response, Broken>> {
    let to = pair.target();
    tokio::spawn(async move {
        let mut client = to.client().await?;
        let body: &[u8] = if method == "POST" { b"a body" } else { b"" };
        let id = format!("{ID}: {target}\r\n");
        client.request(method, &to.host, &target, &id, body).await
    })
}

async fn service(door: &Door) -> ServiceStatus {
    door.environment("prod").await.services.remove(0)
}

/// Waits until exactly so many requests are held.
async fn held(door: &Door, wanted: u64) {
    eventually(secs(30), || async {
        let held = service(door).await.held;
        holds(held == wanted, || format!("{held} requests are held, not {wanted}"))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn n12_requests_of_an_app_that_is_away_wait_and_are_answered_when_it_is_back() {
    for pair in [Pair::plain("").await, Pair::tls("").await] {
        pair.blue.stop_hard().await;
        let waiting: Vec<_> = ["GET", "POST", "GET", "POST", "DELETE"]
            .into_iter()
            .enumerate()
            .map(|(n, method)| request(&pair, method, format!("/echo?n={n}")))
            .collect();
        held(&pair.door, 5).await;
        let status = service(&pair.door).await;
        assert!(status.away_since.is_some(), "{status:?}");
        let shown = pair.door.proxyctl(&["status"]).await;
        assert!(shown.stdout.contains("5 requests held"), "{}", shown.stdout);
        assert!(shown.stdout.contains("away for"), "{}", shown.stdout);
        assert_eq!(status.requests, 0, "a waiter owns no claim (N1)");

        pair.blue.listen().await;
        for one in waiting {
            let answer = one.await.unwrap().unwrap();
            assert_eq!((answer.status, answer.app()), (200, "blue"), "{}", answer.text());
        }
        let status = service(&pair.door).await;
        assert_eq!((status.held, status.away_since), (0, None));
        assert_eq!(status.traffic.proxy_errors, 0);
        pair.ledger.assert_no_post_twice();
        let log = eventually(secs(5), || async {
            let log = pair.door.access_log();
            holds(
                log.lines().filter(|line| line.contains("/echo?n=")).count() == 5,
                || log.clone(),
            )
            .map(|()| log)
        })
        .await;
        for line in log.lines().filter(|line| line.contains("/echo?n=")) {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            assert!(line["held_ms"].as_u64().unwrap() > 0, "{line}");
            assert_eq!(line["retries"], 0, "hold counts against nothing: {line}");
        }
    }
}
