//! The harness against itself: what is to prove the product must be able to fail.

use crate::common::app::{App, Health, Step, send};
use crate::common::client::Client;
use crate::common::incoming::Broken;
use crate::common::ledger::{ID, Ledger};
use crate::common::load::{Kind, Load, MIXED_PLAIN, Target, next, open_web_socket};
use crate::common::{eventually, holds, ms, secs};
use tokio_tungstenite::tungstenite::Message;

async fn client(app: &App) -> Client {
    Client::plain(app.tcp()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_signs_its_answers_and_counts_them() {
    let app = App::start("blue", "v1").await;
    let mut client = client(&app).await;
    let answer = client.get("a", "/hello?n=1").await.unwrap();
    assert_eq!((answer.status, answer.app(), answer.version()), (200, "blue", "v1"));
    assert_eq!(answer.text(), "blue v1 /hello?n=1");
    assert_eq!(client.post("a", "/echo", b"body").await.unwrap().body, b"body");
    assert_eq!((app.requests(), app.probes(), app.accepted()), (2, 0, 1));
    assert_eq!(app.last_seen("/echo").before, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_body_is_truncated_and_a_reset_is_a_reset() {
    let app = App::start("blue", "v1").await;
    app.on(
        "/cut",
        vec![send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"), Step::Close],
    );
    let no_last_chunk = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n";
    app.on("/unfinished", vec![send(no_last_chunk), Step::Close]);
    app.on("/nothing", vec![Step::Close]);
    app.on("/reset", vec![Step::Reset]);
    for (path, kind) in [
        ("/cut", "truncated"),
        ("/unfinished", "truncated"),
        ("/nothing", "closed"),
        ("/reset", "reset"),
    ] {
        let broken = client(&app).await.get("a", path).await.unwrap_err();
        assert_eq!(broken.kind(), kind, "{path}: {broken}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ambiguous_framing_is_malformed() {
    let app = App::start("blue", "v1").await;
    for head in [
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX-Space : 1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4;ext=1\r\nbody\r\n0\r\n\r\n",
    ] {
        app.on("/bad", vec![send(head), Step::Close]);
        let broken = client(&app).await.get("a", "/bad").await.unwrap_err();
        assert_eq!(broken.kind(), "malformed", "{head:?}: {broken}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn interim_answers_and_trailers_are_read() {
    let app = App::start("blue", "v1").await;
    let bytes = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n\
                 HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nX-Sum: 7\r\n\r\n";
    app.on("/all", vec![send(bytes)]);
    let answer = client(&app).await.get("a", "/all").await.unwrap();
    assert_eq!(answer.interim[0].0, 103);
    assert_eq!(answer.interim[0].1.get("link"), Some("</a.css>"));
    assert_eq!(
        (answer.text().as_str(), answer.trailers.get("x-sum")),
        ("body", Some("7"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_app_resets_what_is_open_refuses_what_comes_and_starts_at_the_same_address() {
    let app = App::start("blue", "v1").await;
    app.on("/hang", vec![Step::Hang]);
    let mut hanging = client(&app).await;
    hanging.send("GET /hang HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    app.reached("/hang").await;
    app.stop_hard().await;
    assert_eq!(hanging.response("GET").await.unwrap_err().kind(), "reset");
    for _ in 0..50 {
        let broken = Client::plain(app.tcp()).await.unwrap_err();
        assert_eq!(broken.kind(), "connect", "{broken}");
    }
    app.listen().await;
    assert_eq!(client(&app).await.get("a", "/").await.unwrap().version(), "v1");
    app.relaunch("v2").await;
    assert_eq!(client(&app).await.get("a", "/").await.unwrap().version(), "v2");
}

#[tokio::test(flavor = "multi_thread")]
async fn health_answers_come_in_turn_and_the_last_one_stays() {
    let app = App::start("blue", "v1").await;
    app.health_script([Health::status(503), Health::status(200).body("fine")], false);
    let mut client = client(&app).await;
    for expected in [503, 200, 200] {
        assert_eq!(client.get("a", "/health").await.unwrap().status, expected);
    }
    app.health_script(
        [Health::status(500), Health::status(302).fields("Location: /login\r\n")],
        true,
    );
    for expected in [500, 302, 500] {
        assert_eq!(client.get("a", "/health").await.unwrap().status, expected);
    }
    assert_eq!((app.requests(), app.probes()), (0, 6));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_waits_for_its_release() {
    let app = App::start("blue", "v1").await;
    app.answer_when("/gate", "go", "");
    let mut waiting = client(&app).await;
    waiting.incoming.patience = ms(50);
    assert!(matches!(waiting.get("a", "/gate").await, Err(Broken::Timeout(_))));
    app.release("go");
    waiting.incoming.patience = secs(10);
    assert_eq!(waiting.response("GET").await.unwrap().status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unix_socket_and_a_raw_tunnel_work_like_tcp() {
    let folder = tempfile::tempdir().unwrap();
    let app = App::start_unix("blue", "v1", &folder.path().join("app.sock")).await;
    let mut client = Client::unix(&folder.path().join("app.sock")).await.unwrap();
    assert_eq!(client.get("a", "/").await.unwrap().app(), "blue");
    let upgrade = "GET /tunnel HTTP/1.1\r\nHost: a\r\nUpgrade: raw\r\nConnection: upgrade\r\n\r\n";
    client.send(upgrade).await.unwrap();
    assert_eq!(client.head().await.unwrap().0, 101);
    client.send("ping").await.unwrap();
    assert_eq!(client.incoming.exactly(4).await.unwrap(), b"ping");
    client.half_close().await.unwrap();
    assert!(client.until_end().await.unwrap().is_empty());
    assert_eq!(app.requests(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_web_socket_echoes_and_its_close_code_is_recorded() {
    let app = App::start("blue", "v1").await;
    let mut socket = open_web_socket(&Target::direct(app.tcp()), "/ws").await.unwrap();
    use futures_util::SinkExt;
    socket.send(Message::text("hi")).await.unwrap();
    assert_eq!(next(&mut socket).await.unwrap(), Message::text("hi"));
    socket.close(None).await.unwrap();
    assert!(matches!(next(&mut socket).await.unwrap(), Message::Close(_)));
    eventually(secs(10), || async {
        holds(app.closes() == [None], || format!("{:?}", app.closes()))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_on_a_good_app_has_no_failures() {
    let ledger = Ledger::default();
    let app = App::start_in("blue", "v1", &ledger).await;
    let load = Load::start(Target::direct(app.tcp()), &MIXED_PLAIN).await;
    load.more(300).await;
    let tally = load.stop().await;
    tally.assert_no_failures();
    ledger.assert_no_post_twice();
    assert_eq!(ledger.len() as u64, tally.good[&Kind::Post]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_counts_what_a_bad_app_does_by_kind() {
    let app = App::start("blue", "v1").await;
    app.on(
        "/hello",
        vec![
            send("HTTP/1.1 200 OK\r\nX-App: a\r\nContent-Length: 9\r\n\r\nhalf"),
            Step::Close,
        ],
    );
    app.on(
        "/fresh",
        vec![send("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")],
    );
    app.on(
        "/echo",
        vec![
            Step::ReadBody,
            send("HTTP/1.1 200 OK\r\nX-App: a\r\nContent-Length: 1\r\n\r\n?"),
        ],
    );
    app.on("/slow", vec![Step::Reset]);
    app.on("/ws", vec![send("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")]);
    let load = Load::start(Target::direct(app.tcp()), &MIXED_PLAIN).await;
    let causes = load.stop().await.by_cause();
    for expected in [
        (Kind::Get, "truncated"),
        (Kind::Fresh, "wrong"),
        (Kind::Post, "wrong"),
        (Kind::Slow, "reset"),
        (Kind::WebSocket, "wrong"),
    ] {
        assert!(
            causes.contains_key(&expected),
            "{expected:?} was not counted: {causes:?}"
        );
    }
    assert!(
        !causes
            .keys()
            .any(|(kind, _)| matches!(kind, Kind::Stream | Kind::Events)),
        "{causes:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_notices_an_app_that_is_killed() {
    let app = App::start("blue", "v1").await;
    let load = Load::start(Target::direct(app.tcp()), &MIXED_PLAIN).await;
    app.relaunch("v2").await;
    eventually(secs(10), || async {
        holds(!load.so_far().failures.is_empty(), || "no failure".into())
    })
    .await;
    let tally = load.stop().await;
    let panicked = std::panic::catch_unwind(|| tally.assert_no_failures());
    assert!(panicked.is_err(), "the assertion let {:?} pass", tally.by_cause());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_closes_at_random_fails_clients_that_trust_it() {
    let app = App::start("blue", "v1").await;
    app.close_within(ms(3));
    let load = Load::start(Target::direct(app.tcp()), &[(Kind::Get, 8)]).await;
    eventually(secs(20), || async {
        holds(!load.so_far().failures.is_empty(), || "no failure".into())
    })
    .await;
    assert!(
        load.stop()
            .await
            .by_cause()
            .keys()
            .all(|(_, cause)| matches!(*cause, "closed" | "reset"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_tells_a_post_that_was_seen_twice() {
    let ledger = Ledger::default();
    let app = App::start_in("blue", "v1", &ledger).await;
    let mut client = client(&app).await;
    let id = format!("{ID}: 7\r\n");
    client.request("POST", "a", "/echo", &id, b"x").await.unwrap();
    ledger.assert_no_post_twice();
    client.request("POST", "a", "/echo", &id, b"x").await.unwrap();
    assert_eq!(ledger.times("7"), 2);
    assert!(std::panic::catch_unwind(|| ledger.assert_no_post_twice()).is_err());
}
