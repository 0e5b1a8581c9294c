//! A disk that takes nothing any more: traffic goes on, the operator is told, and what has to be remembered is refused before it
//! is seen (N30).

use std::os::unix::fs::symlink;

use crate::common::door::Door;
use crate::common::fixture::Pair;
use crate::common::load::{Kind, Load};
use crate::common::{eventually, holds, secs};
use greengate::model::api::exit;

const KINDS: [(Kind, usize); 4] = [(Kind::Get, 3), (Kind::Post, 2), (Kind::H2, 1), (Kind::WebSocket, 1)];

async fn told(door: &Door, words: &str, wanted: bool) {
    eventually(secs(20), || async {
        let warnings = door.status().await.warnings;
        let said = warnings.iter().any(|warning| warning.contains(words));
        holds(said == wanted, || format!("{words:?}, wanted {wanted}: {warnings:?}"))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn n30_an_access_log_that_cannot_be_written_stops_nothing_and_is_told() {
    let pair = Pair::tls("").await;
    let load = Load::start(pair.target(), &KINDS).await;
    let log = pair.door.folder().join("access.log");
    std::fs::remove_file(&log).unwrap();
    // Every write to it fails as on a full disk: ENOSPC.
    symlink("/dev/full", &log).unwrap();
    told(&pair.door, "the access log cannot be written", true).await;
    pair.door.swap("prod", &[]).await.assert_done();
    load.more(100).await;
    assert!(pair.door.status().await.dropped_log_lines > 0);
    let status = pair.door.proxyctl(&["status"]).await;
    status.assert_says(&["No space left on device"]);
    std::fs::remove_file(&log).unwrap();
    told(&pair.door, "the access log cannot be written", false).await;
    load.more(50).await;
    load.stop().await.assert_no_failures();
    eventually(secs(10), || async {
        holds(pair.door.access_log().lines().count() > 10, || {
            "the log did not go on".into()
        })
    })
    .await;
    let whole = pair.door.access_log();
    for line in whole.lines() {
        assert!(
            serde_json::from_str::<serde_json::Value>(line).is_ok(),
            "a torn line: {line}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn n30_a_journal_that_cannot_be_written_stops_no_operation_and_is_told() {
    let pair = Pair::tls("").await;
    pair.door.kill9();
    let journal = pair.door.state_dir().join("journal.jsonl");
    std::fs::remove_file(&journal).unwrap();
    std::fs::create_dir(&journal).unwrap();
    pair.door.restart().await;
    let load = Load::start(pair.target(), &KINDS).await;
    pair.door.swap("prod", &[]).await.assert_done();
    told(&pair.door, "the history has a gap", true).await;
    pair.door.rollback("prod", &[]).await.assert_done();
    std::fs::remove_dir(&journal).unwrap();
    pair.door.swap("prod", &[]).await.assert_done();
    told(&pair.door, "the history has a gap", false).await;
    assert!(!pair.door.history().await.is_empty());
    load.stop().await.assert_no_failures();
}

#[tokio::test(flavor = "multi_thread")]
async fn n30_a_swap_that_cannot_be_saved_is_refused_before_it_publishes_and_nobody_notices() {
    let pair = Pair::tls("").await;
    let load = Load::start(pair.target(), &KINDS).await;
    let obstacle = pair.door.state_dir().join(".state.json.new");
    std::fs::create_dir(&obstacle).unwrap();
    let before = pair.door.unmoved("prod").await;
    for _ in 0..3 {
        let failed = pair.door.proxyctl(&["swap", "prod"]).await;
        failed
            .assert_code(exit::FAILED)
            .assert_says(&["could not be saved"])
            .assert_says(&["nothing was switched"]);
        assert_eq!(pair.door.unmoved("prod").await, before);
    }
    assert_eq!(pair.serving().await, "blue");
    told(&pair.door, "nothing can be switched until that is repaired", true).await;
    // A pause remembers nothing, so it needs no disk.
    let output = pair.door.proxyctl(&["pause", "prod", "--", "true"]).await;
    output.assert_code(exit::DONE);
    // What a restart finds is what was served all the time.
    pair.door.sigterm();
    pair.door.end(secs(30)).await;
    drop(load);
    std::fs::remove_dir(&obstacle).unwrap();
    pair.door.restart().await;
    assert_eq!(pair.serving().await, "blue");
    pair.door.swap("prod", &[]).await.assert_done();
    told(&pair.door, "nothing can be switched", false).await;
}
