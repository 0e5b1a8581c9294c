//! What becomes of it when the daemon does: a restart begins anew and says so, an upgrade misses no look.

use super::{place, read, requests, set_back};
use crate::common::fixture::Pair;
use crate::common::load::{Load, MIXED};
use crate::common::prometheus::Prometheus;
use crate::common::{eventually, holds, secs};
use greengate::model::api::exit;

const STARTED: &str = "changes(process_start_time_seconds[1h])";

/// Some port that nobody has just now.
fn somewhere() -> String {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    format!("metrics = \"{}\"", free.local_addr().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_begins_anew_and_the_time_of_the_start_tells_it() {
    let pair = Pair::tls_with(&somewhere(), "").await;
    let door = &pair.door;
    let here = place(door);
    let prometheus = Prometheus::start(here).await;
    let load = Load::start(pair.target(), &MIXED).await;
    load.more(100).await;
    let before = load.stop().await;
    before.assert_no_failures();
    let counted = || async { prometheus.value("sum(greengate_requests_total)").await };
    eventually(secs(20), || async {
        prometheus.scraped().await;
        let counted = counted().await;
        holds(counted == requests(&before), || format!("{counted} of {before:?}"))
    })
    .await;
    assert_eq!(prometheus.value(STARTED).await, 0.0);
    door.sigterm();
    door.end(secs(30)).await;
    door.restart().await;
    assert_eq!(place(door), here);
    let load = Load::start(pair.target(), &MIXED).await;
    load.more(10).await;
    let after = load.stop().await;
    after.assert_no_failures();
    eventually(secs(20), || async {
        prometheus.scraped().await;
        let counted = counted().await;
        holds(counted == requests(&after), || format!("{counted} of {after:?}"))
    })
    .await;
    assert_eq!(prometheus.value(STARTED).await, 1.0);
    // Together they are both: Prometheus knows a process that began anew by its smaller figures.
    let all = "sum(max_over_time(greengate_requests_total[1h])) + sum(greengate_requests_total)";
    assert!(prometheus.value(all).await >= requests(&before) + requests(&after));
    let back = set_back(&prometheus, &read(door).await).await;
    assert!(
        back.iter().any(|(series, _)| series.contains("requests_total")),
        "{back:?}"
    );
    assert!(
        back.iter().all(|(_, times)| *times == 1.0),
        "once, with the process: {back:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_misses_no_look_and_is_told_by_the_time_of_the_start() {
    let pair = Pair::tls_with(&somewhere(), "").await;
    let door = &pair.door;
    let prometheus = Prometheus::start(place(door)).await;
    let load = Load::start(pair.target(), &MIXED).await;
    load.more(100).await;
    prometheus.scraped().await;
    for round in [1.0, 2.0] {
        door.watch(&["upgrade"]).finish().await.assert_code(exit::DONE);
        load.more(100).await;
        eventually(secs(20), || async {
            prometheus.scraped().await;
            let started = prometheus.value(STARTED).await;
            holds(started == round, || {
                format!("{started} new processes instead of {round}")
            })
        })
        .await;
    }
    load.stop().await.assert_no_failures();
    prometheus.scraped().await;
    assert_eq!(
        prometheus.value("min_over_time(up[1h])").await,
        1.0,
        "it was answered each time"
    );
    let back = set_back(&prometheus, &read(door).await).await;
    assert!(
        back.iter().all(|(_, times)| *times <= 2.0),
        "only with a process: {back:?}"
    );
    assert_eq!(prometheus.value("greengate_live_slot{slot=\"blue\"}").await, 1.0);
}
