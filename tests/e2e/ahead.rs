//! Connections that are made to a side before it serves, so that the first requests after a switch find some.

use futures_util::future::join_all;
use greengate::model::api::exit;
use greengate::model::slot::Slot;

use crate::common::app::{App, Step, send};
use crate::common::door::{Door, QUICK_PLAIN, environment};
use crate::common::fixture::{PLAIN, Pair};
use crate::common::{eventually, holds, secs};

/// One core, so that it is known who makes them; both sides keep connections for longer than any of these tests takes.
const ONE_CORE: &str = "workers = 1\n";
const LONG: &str = "keepalive.idle = \"60s\"\n";
/// Nobody is waited for, and nothing is given up.
const PATIENT: &str = "connect_ahead=30000,unused=60000";

/// So many requests are with the app at the same time.
async fn together(door: &Door, app: &App, target: &'static str, number: usize) {
    app.answer_when(target, target, "ok");
    let clients = join_all((0..number).map(|_| async {
        let mut client = door.plain().await;
        let ask = format!("GET {target} HTTP/1.1\r\nHost: {PLAIN}\r\n\r\n");
        client.send(ask).await.unwrap();
        client
    }));
    let clients = clients.await;
    eventually(secs(20), || async {
        let seen = app.seen().iter().filter(|seen| seen.target == target).count();
        holds(seen == number, || {
            format!("{seen} of {number} requests reached the app")
        })
    })
    .await;
    app.release(target);
    for mut client in clients {
        assert_eq!(client.response("GET").await.unwrap().status, 200);
    }
}

/// So many connections are kept and of use: each has served two requests.
async fn in_use(door: &Door, app: &App, number: usize) {
    together(door, app, "/first", number).await;
    together(door, app, "/second", number).await;
}

/// A swap that comes as far as the disk, and no further.
async fn aborted(door: &Door) {
    let obstacle = door.state_dir().join(".state.json.new");
    std::fs::create_dir(&obstacle).unwrap();
    let failed = door.proxyctl(&["swap", "prod"]).await;
    failed.assert_code(exit::FAILED).assert_says(&["could not be saved"]);
    std::fs::remove_dir(&obstacle).unwrap();
}

/// So many that no health check has made, and no request on any of them.
async fn ahead(app: &App, wanted: u64) {
    eventually(secs(20), || async {
        let (accepted, probes) = (app.accepted(), app.probes());
        holds(accepted == probes + wanted, || {
            format!("{accepted} for {probes} probes")
        })
    })
    .await;
    assert_eq!(app.requests(), 0);
}

async fn none_is_open(app: &App) {
    eventually(secs(20), || async {
        let open = app.open_connections();
        holds(open == 0, || format!("{open} connections are open"))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn before_a_switch_as_many_connections_are_made_as_are_in_use_and_an_aborted_one_leaves_none() {
    let pair = Pair::plain_with(ONE_CORE, LONG).hasty("connect_ahead=30000").await;
    in_use(&pair.door, &pair.blue, 6).await;
    aborted(&pair.door).await;
    ahead(&pair.green, 6).await;
    none_is_open(&pair.green).await;
    assert_eq!(pair.serving().await, "blue");
}

#[tokio::test(flavor = "multi_thread")]
async fn over_unix_sockets_too() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let blue = App::start_unix("blue", "v1", &at("blue.sock")).await;
    let green = App::start_unix("green", "v2", &at("green.sock")).await;
    let config = format!("{QUICK_PLAIN}{}{LONG}", environment("prod", PLAIN, &blue, &green));
    let door = Door::start_with(ONE_CORE, &config).await;
    in_use(&door, &blue, 4).await;
    aborted(&door).await;
    ahead(&green, 4).await;
    none_is_open(&green).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_requests_after_a_switch_ride_the_connections_that_were_made_ahead() {
    let pair = Pair::plain_with(ONE_CORE, LONG).hasty(PATIENT).await;
    in_use(&pair.door, &pair.blue, 5).await;
    pair.door.swap("prod", &[]).await.assert_done();
    let accepted = pair.green.accepted();
    together(&pair.door, &pair.green, "/third", 5).await;
    assert_eq!(pair.green.accepted(), accepted, "somebody had to connect");
    // The way back is a switch like any other.
    pair.door.rollback("prod", &[]).await.assert_done();
    let accepted = pair.blue.accepted();
    together(&pair.door, &pair.blue, "/fourth", 5).await;
    assert_eq!(pair.blue.accepted(), accepted, "somebody had to connect");
}

#[tokio::test(flavor = "multi_thread")]
async fn none_is_made_where_the_app_keeps_none() {
    let pair = Pair::plain_with(ONE_CORE, LONG).hasty(PATIENT).await;
    for app in [&pair.blue, &pair.green] {
        app.every_answer("Connection: close\r\n");
    }
    for target in ["/first", "/second"] {
        let close = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
        pair.blue.on(target, vec![send(close), Step::Close]);
        for _ in 0..3 {
            pair.get(target).await;
        }
    }
    pair.door.swap("prod", &[]).await.assert_done();
    ahead(&pair.green, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn n10_none_is_made_for_requests_that_would_not_ride_it() {
    let pair = Pair::plain_with(ONE_CORE, LONG).hasty(PATIENT).await;
    let mut client = pair.door.plain().await;
    for _ in 0..5 {
        assert_eq!(client.post(PLAIN, "/echo", b"body").await.unwrap().status, 200);
    }
    assert!(pair.blue.open_connections() >= 5, "they are kept");
    pair.door.swap("prod", &[]).await.assert_done();
    ahead(&pair.green, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn there_are_at_most_thirty_two() {
    let pair = Pair::plain_with(ONE_CORE, LONG).hasty("connect_ahead=30000").await;
    in_use(&pair.door, &pair.blue, 40).await;
    aborted(&pair.door).await;
    ahead(&pair.green, 32).await;
    none_is_open(&pair.green).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_is_slow_to_accept_does_not_hold_the_switch() {
    let pair = Pair::plain_with(ONE_CORE, &format!("{LONG}warmup = [\"/warm\"]\n")).await;
    in_use(&pair.door, &pair.blue, 8).await;
    pair.green.answer_when("/warm", "warm", "warm");
    let door = &pair.door;
    let swap = tokio::spawn(door.watch(&["swap", "prod"]).finish());
    pair.green.reached("/warm").await;
    pair.green.stop_accepting().await;
    pair.green.release("warm");
    eventually(secs(20), || async {
        let live = door.environment("prod").await.live;
        holds(live == Some(Slot::Green), || format!("{live:?} is live"))
    })
    .await;
    pair.green.go_on_accepting();
    swap.await.unwrap().assert_done();
    assert_eq!(pair.serving().await, "green");
}

#[tokio::test(flavor = "multi_thread")]
async fn n11_one_that_the_app_closes_in_the_moment_of_its_first_request_is_replaced_at_once() {
    let pair = Pair::plain_with(ONE_CORE, LONG).hasty(PATIENT).await;
    in_use(&pair.door, &pair.blue, 3).await;
    pair.door.swap("prod", &[]).await.assert_done();
    // The check through the front door has used one of them: that one is busy now.
    pair.green.answer_when("/busy", "busy", "ok");
    let mut busy = pair.ask("/busy").await;
    pair.green.reached("/busy").await;
    let last = pair.green.accepted();
    let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    pair.green.on("/get", vec![Step::CloseUpTo(last), send(ok)]);
    assert_eq!(pair.get("/get").await.status, 200);
    let seen = pair.green.seen().into_iter().filter(|seen| seen.target == "/get");
    let seen: Vec<_> = seen.map(|seen| (seen.before, seen.connection > last)).collect();
    assert_eq!(seen, [(0, false), (0, true)]);
    // One that may not be repeated takes no chance (N10).
    let mut client = pair.door.plain().await;
    client.post(PLAIN, "/echo", b"body").await.unwrap();
    assert!(pair.green.last_seen("/echo").connection > last + 1);
    pair.green.release("busy");
    assert_eq!(busy.response("GET").await.unwrap().status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn n9_one_that_the_app_has_closed_is_noticed_before_it_is_used() {
    let pair = Pair::plain_with(ONE_CORE, LONG).hasty(PATIENT).await;
    in_use(&pair.door, &pair.blue, 3).await;
    pair.door.swap("prod", &[]).await.assert_done();
    pair.green.relaunch("v3").await;
    assert_eq!(pair.serving().await, "green");
    let mut client = pair.door.plain().await;
    assert_eq!(client.post(PLAIN, "/echo", b"body").await.unwrap().status, 200);
}
