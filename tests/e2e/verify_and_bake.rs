//! After the switch: verify through the front door, the bake window, and the way back without a person.

use crate::common::app::Health;
use crate::common::fixture::Pair;
use crate::common::load::{Kind, Load};
use crate::common::{count, secs};
use greengate::model::api::{CommonStep, Event, Progress, SwapStep, exit};
use greengate::model::slot::Slot;

/// Good for the gate's two probes, and never again.
fn good_twice() -> [Health; 3] {
    [
        Health::status(200),
        Health::status(200),
        Health::status(503).body("out of memory"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_asks_by_the_real_hostname_and_says_so() {
    let pair = Pair::tls("health.version = \"header:X-Version\"\n").await;
    let finished = pair.door.swap("prod", &["--expect-version", "v2"]).await;
    finished.assert_done();
    let checks = finished.find(|event| match event {
        Event::Swap(SwapStep::Verified { checks }) => Some(checks.clone()),
        _ => None,
    });
    let checks = checks.expect("a check per service");
    assert_eq!(
        (checks.len(), checks[0].status, checks[0].version.as_deref()),
        (1, Some(200), Some("v2"))
    );
    assert!(checks[0].target.contains("app.localhost"), "{checks:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_side_that_fails_verify_is_rolled_back_at_once() {
    let pair = Pair::tls("").await;
    pair.green.health_script(good_twice(), false);
    let finished = pair.door.swap("prod", &[]).await;
    finished.assert_code(exit::ROLLED_BACK);
    match finished.events.last() {
        Some(Event::Swap(SwapStep::RolledBack { live, reason, .. })) => {
            assert_eq!(*live, Slot::Blue);
            assert!(reason.contains("503"), "{reason}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(pair.serving().await, "blue");
    assert_eq!(pair.door.environment("prod").await.live, Some(Slot::Blue));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_side_that_fails_verify_stays_when_the_old_one_is_dead_too() {
    let pair = Pair::tls("health.deadline = \"1s\"\n").await;
    pair.green.health_script(good_twice(), false);
    pair.blue.stop_hard().await;
    let finished = pair.door.swap("prod", &[]).await;
    finished.assert_code(exit::FAILED);
    assert!(
        matches!(
            finished.events.last(),
            Some(Event::Common(CommonStep::Failed {
                live: Some(Slot::Green),
                ..
            }))
        ),
        "{:#?}",
        finished.events
    );
    assert_eq!(pair.serving().await, "green");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bake_window_that_ends_well_is_done() {
    let pair = Pair::tls("bake.for = \"1s\"\n").await;
    let load = Load::start(pair.target(), &[(Kind::Get, 4)]).await;
    let finished = pair.door.swap("prod", &[]).await;
    assert_eq!(finished.assert_done(), Slot::Green);
    load.stop().await.assert_no_failures();
    let traffic = finished.find(|event| match event {
        Event::Swap(SwapStep::Baked {
            traffic, elapsed_ms, ..
        }) => Some((*traffic, *elapsed_ms)),
        _ => None,
    });
    let (traffic, elapsed) = traffic.expect("`baked`");
    assert!(
        traffic.requests > 20 && traffic.app_errors == 0 && traffic.proxy_errors == 0,
        "{traffic:?}"
    );
    assert!(elapsed >= 1000, "the window was over after {elapsed} ms");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_side_that_fails_its_users_is_rolled_back_in_the_bake_window() {
    let pair = Pair::tls("bake.for = \"20s\"\nbake.max_error_rate = \"5%\"\n").await;
    pair.green.on(
        "/hello",
        vec![crate::common::app::send(
            "HTTP/1.1 500 Oops\r\nX-App: green\r\nContent-Length: 0\r\n\r\n",
        )],
    );
    let load = Load::start(pair.target(), &[(Kind::Get, 4)]).await;
    let finished = pair.door.swap("prod", &[]).await;
    finished.assert_code(exit::ROLLED_BACK);
    assert_eq!(pair.serving().await, "blue");
    let tally = load.stop().await;
    assert!(
        tally.by_cause().keys().all(|(_, cause)| *cause == "wrong"),
        "more than app errors: {:?}",
        tally.by_cause()
    );
    pair.door.quiet("prod").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_side_whose_health_fails_is_rolled_back_in_the_bake_window() {
    let pair = Pair::tls("bake.for = \"30s\"\n").await;
    let mut swap = pair.door.watch(&["swap", "prod"]);
    swap.until("`verified`", |event| {
        matches!(event, Event::Swap(SwapStep::Verified { .. }))
    })
    .await;
    pair.green.health(Health::status(503));
    let finished = swap.finish().await;
    finished.assert_code(exit::ROLLED_BACK);
    assert_eq!(pair.serving().await, "blue");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_pre_empts_the_bake_window() {
    let pair = Pair::tls("bake.for = \"60s\"\n").await;
    let mut swap = pair.door.watch(&["swap", "prod"]);
    swap.until("`baking`", |event| {
        matches!(event, Event::Progress(Progress::Baking { .. }))
    })
    .await;
    let rollback = pair.door.rollback("prod", &["--no-wait"]).await;
    rollback.assert_code(exit::DONE);
    assert_eq!(pair.serving().await, "blue");
    let finished = swap.finish().await;
    assert_ne!(
        finished.code,
        i32::from(exit::DONE),
        "a swap that was undone is not done: {finished:#?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn n20_the_old_side_is_kept_while_the_new_one_bakes() {
    let pair = Pair::tls("bake.for = \"1s\"\n").await;
    let load = Load::start(pair.target(), &[(Kind::Get, 4), (Kind::Post, 2)]).await;
    let finished = pair.door.swap("prod", &[]).await;
    assert_eq!(finished.assert_done(), Slot::Green);
    let at = |wanted: fn(&Event) -> bool| finished.events.iter().position(wanted).expect("its step");
    let verified = at(|event| matches!(event, Event::Swap(SwapStep::Verified { .. })));
    let baked = at(|event| matches!(event, Event::Swap(SwapStep::Baked { elapsed_ms, .. }) if *elapsed_ms >= 1000));
    let done = at(|event| matches!(event, Event::Swap(SwapStep::Done { .. })));
    assert!(
        verified < baked && baked < done,
        "the old side was let go before: {finished:#?}"
    );
    pair.door.rollback("prod", &["--no-wait"]).await.assert_code(exit::DONE);
    pair.door.quiet("prod").await;
    for _ in 0..count(1, 5) {
        let mut swap = pair.door.watch(&["swap", "prod"]);
        swap.until("`baking`", |event| {
            matches!(event, Event::Progress(Progress::Baking { .. }))
        })
        .await;
        assert_eq!(pair.door.environment("prod").await.live, Some(Slot::Green));
        pair.door.rollback("prod", &["--no-wait"]).await.assert_code(exit::DONE);
        drop(swap.finish().await);
        pair.door.quiet("prod").await;
    }
    tokio::time::timeout(secs(60), load.stop())
        .await
        .expect("the load ends")
        .assert_no_failures();
}
