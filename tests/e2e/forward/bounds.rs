//! What an auth service may take of the proxy, and its questions of each other.

use futures_util::future::join_all;

use super::{ANNA, Forwarded, assert_closed};
use crate::common::app::{Step, send};
use crate::common::fixture::{HOST, PLAIN};
use crate::common::{eventually, holds, secs};

#[tokio::test(flavor = "multi_thread")]
async fn heads_and_bodies_have_bounds() {
    let it = Forwarded::plain("").await;
    let mut client = it.pair.door.plain().await;
    let long = "x".repeat(70_000);
    let many = "X-A: 1\r\n".repeat(201);
    for (what, answer) in [
        (
            "a long value",
            format!("HTTP/1.1 200 OK\r\nX-A: {long}\r\nContent-Length: 0\r\n\r\n"),
        ),
        (
            "many fields",
            format!("HTTP/1.1 200 OK\r\n{many}Content-Length: 0\r\n\r\n"),
        ),
        ("a head without end", format!("HTTP/1.1 403 No\r\nX-A: {long}")),
    ] {
        it.does(vec![send(&answer), Step::Hang]);
        assert_closed(&client.get(PLAIN, "/x").await.unwrap(), what);
    }
    let log = it.pair.door.logged("proxy: no answer of the auth service", 3).await;
    assert!(log.iter().all(|line| line["reason"] == "head too large"), "{log:?}");
    let body = |size: usize| format!("HTTP/1.1 403 No\r\nContent-Length: {size}\r\n\r\n{}", "y".repeat(size));
    it.says(&body(256 * 1024));
    let answer = client.get(PLAIN, "/x").await.unwrap();
    assert_eq!((answer.status, answer.body.len()), (403, 256 * 1024));
    it.does(vec![send(body(256 * 1024 + 1)), Step::Hang]);
    assert_closed(&client.get(PLAIN, "/x").await.unwrap(), "a body over the bound");
    it.pair
        .door
        .logged("the answer of the auth service is too large", 1)
        .await;
    let fields = format!("Remote-Groups: {}\r\n", "g".repeat(60_000));
    it.says(&format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: 0\r\n\r\n"));
    assert_eq!(client.get(PLAIN, "/x").await.unwrap().status, 200);
    let seen = it.pair.blue.last_seen("/x").head;
    assert_eq!(seen.fields.get("remote-groups").map(str::len), Some(60_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_take_turns_and_more_than_may_wait_are_refused_at_once() {
    let auth = crate::common::app::App::start("auth", "v1").await;
    let lines = super::forward(&auth).replace("\"2s\"", "\"30s\"");
    let pair = crate::common::fixture::Pair::tls_with("workers = 1", &format!("{lines}\n")).await;
    let it = Forwarded { pair, auth };
    it.does(vec![Step::Until("spoken"), send(ANNA)]);
    // 64 are asked and 448 wait: of 530 that come at once, 18 are one too many.
    let connections = join_all((0..5).map(|_| it.pair.door.h2(HOST))).await;
    let connections: Vec<_> = connections.into_iter().map(Result::unwrap).collect();
    let all = (0..530).map(|number| {
        let h2 = connections[number % 5].clone();
        tokio::spawn(async move { h2.get(HOST, "/x").await.unwrap() })
    });
    let all: Vec<_> = all.collect();
    let refused = it
        .pair
        .door
        .logged("proxy: too many questions to the auth service", 18)
        .await;
    assert_eq!(
        refused[0]["reason"],
        "as many questions to the auth service are open as may"
    );
    eventually(secs(10), || async {
        let open = it.auth.open_connections();
        holds(open == 64, || format!("{open} questions are open"))
    })
    .await;
    it.auth.release("spoken");
    let answers: Vec<_> = join_all(all).await.into_iter().map(Result::unwrap).collect();
    let (passed, closed): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert_eq!((passed.len(), closed.len()), (512, 18));
    for answer in closed {
        assert_closed(answer, "one too many");
    }
    assert!(it.auth.accepted() <= 64, "{}", it.auth.accepted());
    assert!(
        it.pair.door.lines("the auth service").is_empty(),
        "that is no fault of the service"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_asks_no_more_often_than_its_rate_and_strangers_take_no_place_of_those_who_may() {
    let it = Forwarded::plain("limit.rate = \"5/h\"\nlimit.concurrent = 1\n").await;
    it.does(vec![
        Step::Until("spoken"),
        send("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"),
    ]);
    let waiting = join_all((0..4).map(|_| it.pair.ask("/x"))).await;
    eventually(secs(10), || async {
        holds(it.auth.requests() == 4, || format!("{} questions", it.auth.requests()))
    })
    .await;
    it.auth.release("spoken");
    for mut client in waiting {
        assert_eq!(
            client.response("GET").await.unwrap().status,
            403,
            "none is one too many in flight"
        );
    }
    it.says(ANNA);
    assert_eq!(it.pair.get("/x").await.status, 200);
    assert_eq!(
        (it.pair.get("/x").await.status, it.auth.requests()),
        (429, 5),
        "not asked about"
    );

    let it = Forwarded::plain("limit.concurrent = 1\n").await;
    it.says(ANNA);
    it.pair.blue.answer_when("/slow", "done", "slow");
    let mut first = it.pair.begin("/slow").await;
    assert_eq!(it.pair.get("/x").await.status, 503, "who passes is counted");
    it.pair.blue.release("done");
    assert_eq!(first.response("GET").await.unwrap().status, 200);
    assert_eq!(it.pair.get("/x").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn e25_a_body_over_the_limit_is_refused_once_the_client_may_pass_and_never_reaches_the_app() {
    let it = Forwarded::plain("limit.body = \"10B\"\n").await;
    it.says("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n");
    let mut client = it.pair.door.plain().await;
    assert_eq!(client.post(PLAIN, "/echo", &[b'x'; 11]).await.unwrap().status, 403);
    it.says(ANNA);
    let mut client = it.pair.door.plain().await;
    assert_eq!(client.post(PLAIN, "/echo", &[b'x'; 11]).await.unwrap().status, 413);
    let mut client = it.pair.door.plain().await;
    assert_eq!(client.post(PLAIN, "/echo", &[b'x'; 10]).await.unwrap().status, 200);
    assert_eq!(it.pair.blue.requests(), 1);
}
