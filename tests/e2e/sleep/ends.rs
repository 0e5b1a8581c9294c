//! Commands that fail, and processes that end in between.

use greengate::model::api::{SleepState, exit};

use super::sleeper::{Made, Sleeper};
use crate::common::{eventually, holds, secs};

#[tokio::test(flavor = "multi_thread")]
async fn n36_a_stop_that_fails_leaves_an_app_that_answers_awake() {
    let dev = Sleeper::plain().await;
    dev.set("fail-stop");
    let ended = dev.door.watch(&["sleep", "dev"]).finish().await;
    ended.assert_code(exit::FAILED);
    let status = dev.status().await;
    assert_eq!(status.state, SleepState::Awake);
    assert!(status.trouble.unwrap().contains("no luck with the stop"));
    assert_eq!(dev.get("/").await.status, 200);
    assert_eq!(dev.ran(), ["stop"], "nothing had to be started");
    dev.clear("fail-stop");
    dev.put_to_sleep().await;
    assert_eq!(dev.status().await.trouble, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn n36_a_stop_that_fails_behind_the_app_leaves_it_asleep() {
    let dev = Sleeper::plain().await;
    dev.set("fail-stop");
    dev.set("hold-stop");
    let sleep = dev.door.watch(&["sleep", "dev"]);
    dev.begun(&["stop"]).await;
    std::fs::remove_file(dev.file("wanted")).unwrap();
    eventually(secs(10), || async {
        holds(!dev.file("up").exists(), || "it still runs".into())
    })
    .await;
    dev.clear("hold-stop");
    sleep.finish().await.assert_code(0);
    assert_eq!(dev.status().await.state, SleepState::Asleep);
    assert_eq!(dev.get("/").await.status, 200);
    assert_eq!(dev.ran(), ["stop", "start"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn n36_what_sleeps_sleeps_on_after_a_restart_and_wakes_for_a_request() {
    let dev = Sleeper::plain().await;
    dev.put_to_sleep().await;
    let since = dev.status().await.since;
    dev.door.sigterm();
    dev.door.end(secs(30)).await;
    dev.door.restart().await;
    let status = dev.status().await;
    assert_eq!((status.state, &status.since), (SleepState::Asleep, &since));
    assert_eq!(dev.get("/").await.status, 200);
    assert_eq!(dev.ran(), ["stop", "start"]);
    // It serves before that is written down.
    eventually(secs(10), || async {
        let state = std::fs::read_to_string(dev.door.state_dir().join("state.json")).unwrap();
        holds(state.contains("\"woke\": 1"), || state)
    })
    .await;
    dev.door.kill9();
    dev.door.end(secs(30)).await;
    dev.door.restart().await;
    let status = dev.status().await;
    assert_eq!((status.state, status.woke), (SleepState::Awake, 1));
    assert!(status.waking_ms.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn n36_a_process_that_is_killed_in_a_stop_or_a_start_leaves_what_the_next_request_wakes() {
    let dev = Sleeper::plain().await;
    dev.set("hold-stop");
    let sleep = dev.door.watch(&["sleep", "dev"]);
    dev.begun(&["stop"]).await;
    dev.door.kill9();
    dev.door.end(secs(30)).await;
    assert_ne!(sleep.finish().await.code, 0);
    dev.clear("hold-stop");
    dev.door.restart().await;
    assert_eq!(dev.status().await.state, SleepState::Asleep);
    assert_eq!(dev.get("/").await.status, 200);
    assert_eq!(dev.ran(), ["stop", "start"]);

    dev.put_to_sleep().await;
    dev.set("hold-start");
    let lost = dev.ask("/lost");
    dev.begun(&["stop", "start", "stop", "start"]).await;
    dev.door.kill9();
    dev.door.end(secs(30)).await;
    assert!(lost.await.is_err(), "its connection ends with the process");
    dev.clear("hold-start");
    dev.door.restart().await;
    assert_eq!(dev.status().await.state, SleepState::Asleep);
    assert_eq!(dev.get("/").await.status, 200);
    // The number of an operation is given once.
    let mut numbers: Vec<_> = dev
        .door
        .history()
        .await
        .iter()
        .filter_map(|entry| entry.operation)
        .collect();
    let asked = numbers.len();
    numbers.dedup();
    assert!(numbers.len() < asked && numbers.is_sorted(), "{numbers:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn n36_a_stop_of_the_proxy_answers_those_who_wait() {
    let dev = Sleeper::made(Made {
        more: "drain.requests = \"3s\"",
        ..Made::default()
    })
    .await;
    dev.put_to_sleep().await;
    dev.set("hold-start");
    let waits = dev.ask("/");
    dev.door.held("dev", 1).await;
    dev.door.sigterm();
    assert_eq!(waits.await.unwrap().status, 503);
    dev.door.end(secs(30)).await;
    dev.clear("hold-start");
}
