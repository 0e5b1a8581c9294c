//! What the log says of an app that is away: once when it goes, once when it is back, and nothing that its operator knows (F6).

use futures_util::future::join_all;
use serde_json::Value;
use tokio::task::JoinHandle;

use super::{PLAIN, Pair};
use crate::common::app::Health;
use crate::common::client::Response;
use crate::common::{eventually, holds, secs};
use greengate::model::api::exit;

const AWAY: &str = "the app is away: ";
const BACK: &str = "the app is back";
const REPLACED: &str = "the app that was away is not in use any more";

/// Requests on connections of their own, which may be held.
fn ask(pair: &Pair, requests: usize) -> Vec<JoinHandle<Response>> {
    let one = |_| {
        let place = pair.target();
        tokio::spawn(async move {
            let mut client = place.client().await.unwrap();
            client.get(PLAIN, "/held").await.unwrap()
        })
    };
    (0..requests).map(one).collect()
}

async fn answered(asked: Vec<JoinHandle<Response>>) {
    for one in asked {
        assert_eq!(one.await.unwrap().status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f6_an_app_that_is_away_has_one_line_when_it_goes_and_one_when_it_is_back() {
    let pair = Pair::plain("hold.max_requests = 5\n").await;
    pair.get("/").await;
    pair.blue.stop_hard().await;
    let asked = ask(&pair, 5);
    pair.door.held("prod", 5).await;
    for _ in 0..3 {
        assert_eq!(pair.get("/one-too-many").await.status, 503);
    }
    let away = pair.door.the_line(AWAY).await;
    assert_eq!(
        (&away["level"], &away["message"]),
        (&"WARN".into(), &"the app is away: connection refused".into())
    );
    assert_eq!(
        (&away["environment"], &away["service"]),
        (&"prod".into(), &"prod".into())
    );
    assert_eq!(away["address"], pair.blue.address());
    let since: jiff::Timestamp = away["since"].as_str().unwrap().parse().unwrap();
    assert!(jiff::Timestamp::now().duration_since(since).unsigned_abs() < secs(60));

    pair.blue.listen().await;
    answered(asked).await;
    let back = pair.door.the_line(BACK).await;
    assert_eq!(back["level"], "INFO");
    assert_eq!((&back["held"], &back["refused"]), (&5.into(), &3.into()), "{back}");
    assert_eq!(back["address"], pair.blue.address());
    assert!(back["after"].as_str().unwrap().ends_with(" s"), "{back}");
    assert_eq!(pair.door.lines(AWAY).len(), 1);
    let status = pair.door.environment("prod").await;
    let traffic = &status.services[0].traffic;
    assert_eq!(
        (traffic.app_errors, traffic.proxy_errors),
        (0, 3),
        "the bounds are ours"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn f6_without_a_hold_the_lines_are_the_same() {
    let pair = Pair::plain("hold.for = \"off\"\n").await;
    pair.blue.stop_hard().await;
    for _ in 0..20 {
        assert_eq!(pair.get("/now").await.status, 503);
    }
    let away = pair.door.the_line(AWAY).await;
    assert_eq!(away["message"], "the app is away: connection refused");
    let line = pair.door.logged("/now", 20).await.remove(0);
    assert_eq!(
        (&line["termination"], &line["reason"]),
        (&"app: unreachable".into(), &"connection refused".into())
    );
    pair.blue.listen().await;
    let back = pair.door.the_line(BACK).await;
    assert_eq!((&back["held"], &back["refused"]), (&0.into(), &20.into()), "{back}");
    let traffic = &pair.door.environment("prod").await.services[0].traffic;
    assert_eq!((traffic.app_errors, traffic.proxy_errors), (20, 0), "{traffic:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn f6_an_app_that_nobody_asks_for_is_missed_too_and_one_that_does_not_answer() {
    let silent = Pair::plain("health.timeout = \"200ms\"\n").await;
    let gone = Pair::plain("").await;
    silent.blue.health(Health::status(200).after(secs(600)));
    gone.blue.stop_hard().await;
    let away = gone.door.the_line(AWAY).await;
    assert_eq!(away["message"], "the app is away: connection refused");
    let away = silent.door.the_line(AWAY).await;
    assert_eq!(away["message"], "the app is away: no answer within 200 ms");
    // An answer is one, even if it is no healthy one.
    silent.blue.health(Health::status(500));
    gone.blue.listen().await;
    for pair in [&silent, &gone] {
        let back = pair.door.the_line(BACK).await;
        assert_eq!((&back["held"], &back["refused"]), (&0.into(), &0.into()), "{back}");
    }
}

/// Waits until the door has looked at the app anew.
async fn look(pair: &Pair) {
    let checked = || async {
        pair.door.environment("prod").await.services[0].health[0]
            .checked
            .clone()
    };
    let before = checked().await;
    eventually(secs(30), || async {
        let last = checked().await;
        holds(last != before, || "no look since".into())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f6_what_the_operator_has_planned_is_not_told() {
    let plans: [[&[&str]; 2]; 2] = [
        [&["pause", "prod"], &["resume", "prod"]],
        [&["maintenance", "prod", "on"], &["maintenance", "prod", "off"]],
    ];
    // The looks are seconds apart.
    let told = plans.map(async |[begin, end]| {
        let pair = Pair::plain("").await;
        pair.get("/").await;
        pair.door.proxyctl(begin).await.assert_code(exit::DONE);
        pair.blue.stop_hard().await;
        // An app that nobody asks for is missed at the second look.
        look(&pair).await;
        look(&pair).await;
        look(&pair).await;
        pair.blue.listen().await;
        pair.door.proxyctl(end).await.assert_code(exit::DONE);
        assert_eq!(pair.get("/after").await.status, 200, "{begin:?}");
        assert_eq!(pair.door.lines(AWAY), Vec::<Value>::new(), "{begin:?}");
        // Nothing is planned any more.
        pair.blue.stop_hard().await;
        let asked = ask(&pair, 1);
        pair.door.the_line(AWAY).await;
        pair.blue.listen().await;
        answered(asked).await;
    });
    join_all(told).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f6_a_side_that_is_away_and_is_swapped_out_is_told_of() {
    let pair = Pair::plain("").await;
    pair.blue.stop_hard().await;
    let asked = ask(&pair, 2);
    pair.door.the_line(AWAY).await;
    pair.door.held("prod", 2).await;
    pair.door.swap("prod", &[]).await;
    answered(asked).await;
    let replaced = pair.door.the_line(REPLACED).await;
    assert_eq!(replaced["address"], pair.blue.address());
    assert_eq!((&replaced["held"], &replaced["refused"]), (&2.into(), &0.into()));
    assert_eq!(pair.door.lines(BACK), Vec::<Value>::new());
    assert_eq!(pair.serving().await, "green");
}
