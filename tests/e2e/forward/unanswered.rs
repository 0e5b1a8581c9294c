//! An auth service that is dead, slow, broken or lying: nobody passes, and the log says so once.

use super::{ANNA, Forwarded, LOGIN, assert_closed};
use crate::common::app::{Step, send};
use crate::common::client::Client;
use crate::common::fixture::{HOST, PLAIN};
use crate::common::{eventually, holds, secs};

const AWAY: &str = "the auth service does not answer: ";
const BACK: &str = "the auth service answers again";

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_auth_service_lets_nobody_pass_and_is_told_of_once() {
    let it = Forwarded::tls("auth.except = [\"/hooks\"]").await;
    it.auth.stop_hard().await;
    let mut client = it.pair.door.tls(HOST).await.unwrap();
    let h2 = it.pair.door.h2(HOST).await.unwrap();
    for _ in 0..5 {
        assert_closed(&client.get(HOST, "/x").await.unwrap(), "dead");
        assert_closed(&h2.post(HOST, "/x", b"a body").await.unwrap(), "dead over HTTP/2");
    }
    assert_eq!(
        client.get(HOST, "/hooks").await.unwrap().app(),
        "blue",
        "nobody is asked here"
    );
    let away = it.pair.door.the_line(AWAY).await;
    assert_eq!(away["level"], "WARN");
    assert_eq!(away["message"], "the auth service does not answer: connection refused");
    assert_eq!(away["address"], it.auth.address());
    let log = it.pair.door.logged("proxy: no answer of the auth service", 10).await;
    assert_eq!(log[0]["reason"], "connection refused");
    let traffic = it.pair.door.environment("prod").await.services[0].traffic;
    assert_eq!((traffic.app_errors, traffic.proxy_errors), (0, 10), "{traffic:?}");
    it.says(ANNA);
    it.auth.listen().await;
    assert_eq!(client.get(HOST, "/x").await.unwrap().app(), "blue");
    let back = it.pair.door.the_line(BACK).await;
    assert_eq!((&back["level"], &back["refused"]), (&"INFO".into(), &10.into()));
    assert_eq!(it.pair.blue.requests(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_one_has_its_time_and_no_more() {
    let it = Forwarded::plain("").await;
    it.pair.door.replace("timeout = \"2s\"", "timeout = \"100ms\"");
    it.pair.door.proxyctl(&["reload"]).await.assert_code(0);
    let mut client = it.pair.door.plain().await;
    let late = vec![
        vec![Step::Hang],
        vec![send("HTTP/1.1 200 OK\r\nRemote-User: an"), Step::Hang],
        vec![send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel"), Step::Hang],
        vec![
            send("HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 5\r\n\r\nhel"),
            Step::Hang,
        ],
    ];
    for steps in late {
        it.does(steps.clone());
        assert_closed(&client.get(PLAIN, "/x").await.unwrap(), &format!("{steps:?}"));
    }
    let log = it.pair.door.logged("proxy: no answer of the auth service", 4).await;
    assert!(
        log.iter()
            .all(|line| line["reason"] == "the auth service did not answer within its `timeout`")
    );
    it.pair.door.the_line(AWAY).await;
    it.says(ANNA);
    assert_eq!(client.get(PLAIN, "/x").await.unwrap().app(), "blue");
    it.pair.door.the_line(BACK).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lying_one_is_believed_in_nothing() {
    let it = Forwarded::plain("").await;
    let mut client = it.pair.door.plain().await;
    let ok = "HTTP/1.1 200 OK\r\nRemote-User: anna\r\n";
    for (lie, why) in [
        (
            format!("{ok}Remote-Groups: a\rb\r\nContent-Length: 0\r\n\r\n"),
            "bare carriage return",
        ),
        (
            format!("{ok}Remote-Groups: a\nX-Admin: 1\r\nContent-Length: 0\r\n\r\n"),
            "bare line feed",
        ),
        (
            format!("{ok}Remote-Groups: a\0b\r\nContent-Length: 0\r\n\r\n"),
            "null byte",
        ),
        (
            format!("{ok}Remote-Groups: a\r\n b\r\nContent-Length: 0\r\n\r\n"),
            "folded line",
        ),
        (
            format!("{ok}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
            "both Content-Length and Transfer-Encoding",
        ),
        (
            format!("{ok}Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
            "not a chunk size",
        ),
        (
            "HTTP/1.1 304 Not Modified\r\n\r\n".to_owned(),
            "304 of an auth service that was asked for no condition",
        ),
        (
            "HTTP/1.1 101 Go\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n".to_owned(),
            "101 of an auth service that was asked for no upgrade",
        ),
        (
            "HTTP/1.1 103 Hints\r\n\r\n".repeat(9),
            "too many interim responses of the auth service",
        ),
        ("HTTP/1.1 200\r\nnonsense\r\n\r\n".to_owned(), ""),
        ("SSH-2.0-OpenSSH\r\n".to_owned(), ""),
    ] {
        it.does(vec![send(&lie), Step::Hang]);
        let answer = client.get(PLAIN, "/x").await.unwrap();
        assert_closed(&answer, &lie);
        let log = it.pair.door.access_log();
        let last = eventually(secs(10), || async {
            let log = it.pair.door.access_log();
            let id = answer.field("x-request-id").unwrap().to_owned();
            let line = log.lines().find(|line| line.contains(&id)).map(str::to_owned);
            line.ok_or_else(|| log.clone())
        })
        .await;
        assert!(last.contains("proxy: no answer of the auth service"), "{lie:?}: {last}");
        assert!(last.contains(why) || why == "not a chunk size", "{lie:?}: {last} {log}");
    }
    it.does(vec![
        send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"),
        Step::Close,
    ]);
    assert_closed(&client.get(PLAIN, "/x").await.unwrap(), "cut inside its body");
    it.does(vec![send("HTTP/1.1 200 OK\r\nRemote-User: an"), Step::Close]);
    assert_closed(&client.get(PLAIN, "/x").await.unwrap(), "cut inside its head");
    it.does(vec![Step::Close]);
    assert_closed(&client.get(PLAIN, "/x").await.unwrap(), "nothing at all");
    it.does(vec![Step::Reset]);
    assert_closed(&client.get(PLAIN, "/x").await.unwrap(), "reset");
    assert_eq!(it.pair.blue.requests(), 0);
    assert_eq!(it.pair.door.lines(AWAY).len(), 1, "however often it lies");
    // A line of its own is a field of its own, and none that is copied.
    it.says("HTTP/1.1 200 OK\r\nRemote-User: anna\r\nX-Admin: 1\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(client.get(PLAIN, "/x").await.unwrap().status, 200);
    assert_eq!(it.pair.blue.last_seen("/x").head.fields.get("x-admin"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_behind_an_answer_are_an_answer_to_nobody() {
    let it = Forwarded::plain("").await;
    it.says(&format!("{LOGIN}{ANNA}"));
    let mut client = it.pair.door.plain().await;
    for _ in 0..5 {
        assert_eq!(client.get(PLAIN, "/x").await.unwrap().status, 302);
    }
    assert_eq!(it.pair.blue.requests(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_takes_its_question_along() {
    let it = Forwarded::plain("").await;
    it.does(vec![Step::UntilGone]);
    let client = it.pair.ask("/x").await;
    it.auth.reached(super::VERIFY).await;
    assert_eq!(it.auth.open_connections(), 1);
    client.incoming.wire.reset_on_drop();
    drop(client);
    eventually(secs(10), || async {
        holds(it.auth.open_connections() == 0, || {
            "the question is still open".to_owned()
        })
    })
    .await;
    let log = it.pair.door.logged("client: gone", 1).await;
    assert_eq!(log[0]["path"], "/x");
    // One that has only said everything still gets its answer (N17).
    it.does(vec![Step::Until("spoken"), send(ANNA)]);
    let mut client = Client::plain(it.pair.door.http()).await.unwrap();
    client
        .send(format!("GET /y HTTP/1.1\r\nHost: {PLAIN}\r\n\r\n"))
        .await
        .unwrap();
    client.half_close().await.unwrap();
    it.auth.release("spoken");
    assert_eq!(client.response("GET").await.unwrap().app(), "blue");
}
