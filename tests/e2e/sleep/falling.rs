//! When an environment falls asleep, and when not.

use std::sync::Arc;

use futures_util::SinkExt;
use greengate::model::api::{SleepState, exit};
use tokio_tungstenite::tungstenite::Message;

use super::sleeper::{DEV, Made, Sleeper};
use crate::common::client::Client;
use crate::common::incoming::Broken;
use crate::common::load::{next, open_web_socket};
use crate::common::socket::{Socket, over_http2};
use crate::common::{eventually, holds, ms, secs};

#[tokio::test(flavor = "multi_thread")]
async fn n36_what_nobody_needs_for_long_enough_is_stopped_and_the_next_request_starts_it() {
    let dev = Sleeper::after("1s").await;
    assert_eq!(dev.get("/").await.status, 200);
    let began = std::time::Instant::now();
    let status = dev.is(SleepState::Asleep).await;
    assert!(began.elapsed() > ms(900), "{:?}", began.elapsed());
    assert!(status.since.is_some(), "{status:?}");
    assert_eq!(dev.ran(), ["stop"]);
    let said = dev.door.proxyctl(&["status"]).await;
    said.assert_code(0).assert_says(&["proxyctl wake dev"]);
    let history = dev.door.proxyctl(&["history", "dev"]).await;
    history
        .assert_says(&["dev sleep #1 by proxyd"])
        .assert_says(&["✓ asleep"]);
    assert_eq!(dev.get("/").await.status, 200);
    let history = dev.door.proxyctl(&["history", "dev"]).await;
    history
        .assert_says(&["dev wake #2 by proxyd"])
        .assert_says(&["✓ answers"]);
    dev.door.proxyctl(&["status"]).await.assert_says(&["woke 1 time"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn n36_an_open_request_keeps_it_awake_for_as_long_as_it_takes() {
    let dev = Sleeper::after("1s").await;
    dev.app.answer_when("/slow", "slow", "done");
    let slow = dev.ask("/slow");
    dev.app.reached("/slow").await;
    tokio::time::sleep(secs(3)).await;
    assert_eq!(dev.status().await.state, SleepState::Awake);
    dev.app.release("slow");
    assert_eq!(slow.await.unwrap().text(), "done");
    dev.is(SleepState::Asleep).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn n36_a_request_that_comes_before_the_stop_calls_it_off() {
    let dev = Sleeper::plain().await;
    dev.app.answer_when("/slow", "slow", "done");
    let slow = dev.ask("/slow");
    dev.app.reached("/slow").await;
    let mut sleep = dev.door.watch(&["sleep", "dev"]);
    sleep
        .until("falling asleep", |event| format!("{event:?}").contains("FallingAsleep"))
        .await;
    // It waits for the one that was begun; the next one is served at once.
    assert_eq!(dev.get("/next").await.status, 200);
    let ended = sleep.finish().await;
    ended.assert_code(exit::REFUSED);
    assert!(
        ended.refusal().contains("a request came before it was stopped"),
        "{ended:?}"
    );
    dev.app.release("slow");
    assert_eq!(slow.await.unwrap().status, 200);
    assert!(dev.ran().is_empty(), "{:?}", dev.ran());
}

#[tokio::test(flavor = "multi_thread")]
async fn n36_a_request_in_the_moment_of_stopping_waits_for_the_next_start() {
    let dev = Sleeper::plain().await;
    dev.set("hold-stop");
    let sleep = dev.door.watch(&["sleep", "dev"]);
    dev.begun(&["stop"]).await;
    let answers: Vec<_> = (0..5).map(|number| dev.ask(&format!("/{number}"))).collect();
    dev.door.held("dev", 5).await;
    assert_eq!(dev.ran(), ["stop"], "nothing is started while it is stopped");
    dev.clear("hold-stop");
    for answer in answers {
        assert_eq!(answer.await.unwrap().status, 200);
    }
    sleep.finish().await.assert_code(0);
    let log = std::fs::read_to_string(dev.file("log")).unwrap();
    assert_eq!(log, "stop\nstop done\nstart\nstart done\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn n36_it_is_stopped_only_behind_the_last_claim() {
    let dev = Sleeper::plain().await;
    dev.app.answer_when("/slow", "slow", "done");
    let slow = dev.ask("/slow");
    dev.app.reached("/slow").await;
    let sleep = dev.door.watch(&["sleep", "dev"]);
    dev.is(SleepState::FallingAsleep).await;
    tokio::time::sleep(ms(500)).await;
    assert!(dev.ran().is_empty(), "a claim is held");
    dev.app.release("slow");
    assert_eq!(slow.await.unwrap().text(), "done");
    sleep.finish().await.assert_code(0);
    assert_eq!(dev.ran(), ["stop"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn n36_what_does_not_end_in_time_keeps_it_awake() {
    let dev = Sleeper::plain().await;
    dev.app.answer_when("/slow", "slow", "done");
    let slow = dev.ask("/slow");
    dev.app.reached("/slow").await;
    let ended = dev.door.watch(&["sleep", "dev", "--timeout", "1s"]).finish().await;
    ended.assert_code(exit::REFUSED);
    assert!(
        ended
            .refusal()
            .contains("1 requests and streams did not end within 1 s"),
        "{ended:?}"
    );
    assert_eq!(dev.get("/next").await.status, 200);
    dev.app.release("slow");
    assert_eq!(slow.await.unwrap().status, 200);
    assert!(dev.ran().is_empty());
}

/// A WebSocket: over TLS on a stream, as browsers open it, and on a connection of its own else.
async fn open(dev: &Sleeper) -> Result<Socket, Broken> {
    let target = dev.target();
    match target.tls {
        Some(_) => over_http2(&target.h2().await?, DEV, "/ws").await,
        None => open_web_socket(&target, "/ws").await,
    }
}

/// Whether somebody who opens a WebSocket is let in.
async fn opens(dev: &Sleeper) -> bool {
    open(dev).await.is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn n36_a_web_socket_that_only_pings_is_closed_politely_and_does_not_wake_when_it_comes_back() {
    one_that_only_pings(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn n36_nor_does_one_on_a_stream_of_http2() {
    one_that_only_pings(true).await;
}

async fn one_that_only_pings(tls: bool) {
    let dev = Arc::new(
        Sleeper::made(Made {
            after: "1s",
            times: "sleep_web_socket=1000",
            tls,
            ..Made::default()
        })
        .await,
    );
    let mut socket = open(&dev).await.unwrap();
    // As the client of a dev server does.
    let closed = tokio::spawn(async move {
        loop {
            let ping = Message::text("{\"type\":\"ping\"}");
            if socket.send(ping).await.is_err() {
                return None;
            }
            match next(&mut socket).await {
                Ok(Message::Close(frame)) => return frame,
                Ok(_) => tokio::time::sleep(ms(50)).await,
                Err(_) => return None,
            }
        }
    });
    let frame = closed.await.unwrap().expect("a polite end");
    assert_eq!(u16::from(frame.code), 1012, "{frame:?}");
    dev.is(SleepState::Asleep).await;
    // It comes back, as such clients do, and somebody has to want a page.
    for _ in 0..3 {
        assert!(!opens(&dev).await);
    }
    assert_eq!(dev.ran(), ["stop"]);
    assert!(
        !dev.door
            .logged("client: came back to a sleeping app", 3)
            .await
            .is_empty()
    );
    assert_eq!(dev.get("/").await.status, 200);
    assert!(opens(&dev).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn n36_a_web_socket_that_moves_something_keeps_it_awake_and_one_that_is_new_wakes_it() {
    let dev = Sleeper::made(Made {
        after: "1s",
        times: "sleep_web_socket=1000",
        ..Made::default()
    })
    .await;
    let mut socket = open_web_socket(&dev.target(), "/ws").await.unwrap();
    for _ in 0..15 {
        let message = Message::text("x".repeat(200));
        socket.send(message.clone()).await.unwrap();
        assert_eq!(next(&mut socket).await.unwrap(), message);
        tokio::time::sleep(ms(200)).await;
    }
    assert_eq!(dev.status().await.state, SleepState::Awake);
    drop(socket);
    dev.is(SleepState::Asleep).await;
    // None was open when it fell asleep: whoever comes now means it.
    assert!(opens(&dev).await);
    assert_eq!(dev.ran(), ["stop", "start"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn n36_strangers_and_probes_do_not_keep_it_awake() {
    // Longer than from one look at its health to the next, every 5 s.
    let dev = Sleeper::made(Made {
        after: "6s",
        more: "auth.allow = [\"192.0.2.0/24\"]",
        ..Made::default()
    })
    .await;
    let mut client: Client = dev.target().client().await.unwrap();
    let probes = dev.app.probes();
    eventually(secs(30), || async {
        assert_eq!(dev.get("/").await.status, 403);
        let state = dev.status().await.state;
        holds(state == SleepState::Asleep, || format!("{state:?}"))
    })
    .await;
    assert!(dev.app.probes() > probes, "nobody has asked for its health");
    assert_eq!(client.get("nobody.test", "/").await.unwrap().status, 404);
    assert_eq!(dev.ran(), ["stop"]);
}
