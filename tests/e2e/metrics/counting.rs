//! What is counted, over swaps and reloads: every request once, and nothing is ever set back.

use super::{ON, place, read, requests, set_back};
use crate::common::fixture::Pair;
use crate::common::load::{Load, MIXED};
use crate::common::prometheus::Prometheus;
use crate::common::{eventually, holds, secs};

const REQUESTS: &str = "greengate_requests_total";

/// Waits until all that were asked are counted, and none twice: a request is counted behind its last byte.
async fn until_counted(prometheus: &Prometheus, asked: f64) {
    eventually(secs(20), || async {
        prometheus.scraped().await;
        let counted = prometheus.value(&format!("sum({REQUESTS})")).await;
        holds(counted == asked, || {
            format!("{asked} were asked, {counted} are counted")
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_request_is_counted_once_and_a_swap_is_seen_as_one_slot_that_ends_and_another_that_begins() {
    let pair = Pair::tls_with(ON, "").await;
    let prometheus = Prometheus::start(place(&pair.door)).await;
    let load = Load::start(pair.target(), &MIXED).await;
    load.more(100).await;
    prometheus.scraped().await;
    let live = |slot: &str| format!("greengate_live_slot{{environment=\"prod\", slot=\"{slot}\"}}");
    assert_eq!(prometheus.value(&live("blue")).await, 1.0);
    assert_eq!(prometheus.value(&live("green")).await, 0.0);
    pair.door.swap("prod", &[]).await.assert_done();
    prometheus.scraped().await;
    let of = |slot: &str| format!("sum({REQUESTS}{{environment=\"prod\", service=\"prod\", slot=\"{slot}\"}})");
    let blue = prometheus.value(&of("blue")).await;
    // As a chart shows it.
    let grown = format!("sum by (slot) (increase({REQUESTS}{{environment=\"prod\"}}[2s]))");
    eventually(secs(30), || async {
        let grown = prometheus.query(&grown).await;
        let by = |slot: &str| grown.iter().find(|one| one.labels["slot"] == slot).map(|one| one.value);
        holds(by("blue") == Some(0.0) && by("green") > Some(0.0), || {
            format!("{grown:?}")
        })
    })
    .await;
    load.more(100).await;
    let tally = load.stop().await;
    tally.assert_no_failures();
    let asked = requests(&tally);
    until_counted(&prometheus, asked).await;
    assert_eq!(prometheus.value(&of("blue")).await, blue, "blue has had no more");
    assert_eq!(prometheus.value(&of("green")).await, asked - blue);
    for family in ["_count", "_bucket{le=\"+Inf\"}"] {
        let timed = prometheus
            .value(&format!("sum(http_server_request_duration_seconds{family})"))
            .await;
        assert_eq!(timed, asked, "{family}");
    }
    assert_eq!(prometheus.value(&live("blue")).await, 0.0);
    assert_eq!(prometheus.value(&live("green")).await, 1.0);
    let now = read(&pair.door).await;
    let prod = [("environment", "prod")];
    let generation = pair.door.environment("prod").await.generation.to_string();
    assert_eq!(now.sum("greengate_generation", &prod).to_string(), generation);
    let swapped = now.sum("greengate_last_swap_timestamp_seconds", &prod);
    let since = prometheus.value("time()").await - swapped;
    assert!((0.0..120.0).contains(&since), "{since} s ago");
    for gauge in [
        "requests_in_flight",
        "streams_open",
        "web_sockets_open",
        "requests_held",
    ] {
        let family = format!("greengate_{gauge}");
        assert_eq!(now.with(&family, &prod).count(), 1, "{family}");
        assert_eq!(now.sum(&family, &prod), 0.0, "{family}: nobody asks any more");
    }
    assert_eq!(set_back(&prometheus, &now).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_swaps_there_and_back_nor_reloads_set_a_counter_back() {
    let pair = Pair::tls_with(ON, "").await;
    let door = &pair.door;
    let prometheus = Prometheus::start(place(door)).await;
    let load = Load::start(pair.target(), &MIXED).await;
    for passes in ["health.passes = 1", "health.passes = 2"] {
        load.more(60).await;
        prometheus.scraped().await;
        door.swap("prod", &[]).await.assert_done();
        load.more(60).await;
        prometheus.scraped().await;
        // One that changes the service, under which it goes on.
        let before = if passes.ends_with('1') {
            "health.passes = 2"
        } else {
            "health.passes = 1"
        };
        door.replace(before, passes);
        door.reload(&[]).await.assert_code(0);
        load.more(60).await;
        prometheus.scraped().await;
    }
    door.rollback("prod", &[]).await.assert_done();
    let tally = load.stop().await;
    tally.assert_no_failures();
    let asked = requests(&tally);
    until_counted(&prometheus, asked).await;
    let now = read(door).await;
    assert_eq!(set_back(&prometheus, &now).await, []);
    assert_eq!(prometheus.value("changes(process_start_time_seconds[1h])").await, 0.0);
    let of = |kind: &str| now.sum("greengate_operations_total", &[("environment", "prod"), ("kind", kind)]);
    assert_eq!((of("swap"), of("rollback")), (2.0, 1.0));
}
