//! One exchange, whole: early answers, lingering closes, large heads, half-closed clients, cuts, interim answers (N14 to N19).

use crate::common::app::{Step, send};
use crate::common::beside::Peak;
use crate::common::client::{Client, Response};
use crate::common::fixture::{HOST, PLAIN, Pair};
use crate::common::incoming::Broken;
use crate::common::load::bytes;
use crate::common::{count, ms, secs};

const MEGABYTE: usize = 1 << 20;

fn upload(target: &str, length: usize) -> String {
    format!("POST {target} HTTP/1.1\r\nHost: {PLAIN}\r\nContent-Length: {length}\r\n\r\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn n14_an_early_answer_reaches_the_client_that_still_uploads() {
    let pair = Pair::plain("").await;
    let early = "HTTP/1.1 401 Unauthorized\r\nX-App: blue\r\nContent-Length: 5\r\n\r\nlogin";
    pair.blue.on(
        "/polite",
        vec![send(early), Step::Wait(crate::common::ms(300)), Step::Close],
    );
    pair.blue.on("/rude", vec![send(early), Step::Close]);
    let body = bytes(5 * MEGABYTE);
    for target in ["/polite", "/rude"] {
        for round in 0..10 {
            let mut client = pair.door.plain().await;
            client.send(upload(target, body.len())).await.unwrap();
            // The answer comes while the client is in the middle of its body.
            let (_, answer) = exchange(&mut client, &body).await;
            let answer = answer.unwrap_or_else(|broken| panic!("{target}, round {round}: {broken}"));
            assert_eq!(
                (answer.status, answer.text().as_str()),
                (401, "login"),
                "{target}, round {round}"
            );
        }
    }
}

/// Sends what it can of a body, then takes the answer; an answer is owed even when the body could not be sent whole.
async fn exchange(client: &mut Client, body: &[u8]) -> (Result<(), Broken>, Result<Response, Broken>) {
    let sent = client.send(body).await;
    let answer = client.response("POST").await;
    (sent, answer)
}

#[tokio::test(flavor = "multi_thread")]
async fn n14_the_connection_of_an_early_answer_is_not_used_again() {
    let pair = Pair::plain_with("workers = 1", "keepalive.reuse = \"always\"\n").await;
    // Keeps the connection open, and would take the rest of the upload for the next request.
    let early = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 5\r\n\r\nlogin";
    pair.blue.on("/early", vec![send(early), Step::Wait(secs(2))]);
    let mut client = pair.door.plain().await;
    client.send(upload("/early", 4 * MEGABYTE)).await.unwrap();
    client.send(bytes(1000)).await.unwrap();
    assert_eq!(client.response("POST").await.unwrap().status, 401);
    let connection = pair.blue.last_seen("/early").connection;
    for _ in 0..5 {
        assert_eq!(pair.get("/").await.status, 200);
        assert_ne!(pair.blue.last_seen("/").connection, connection);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn n15_a_client_that_uploads_too_much_reads_its_413() {
    let pair = Pair::plain("limit.body = \"1MiB\"\n").await;
    let body = bytes(5 * MEGABYTE);
    for round in 0..count(100, 1000) {
        let mut client = pair.door.plain().await;
        client.send(upload("/echo", body.len())).await.unwrap();
        // Writes all of it before it looks for an answer, as many clients do.
        let (sent, answer) = exchange(&mut client, &body).await;
        sent.unwrap_or_else(|broken| panic!("round {round}: the upload was broken off: {broken}"));
        let answer = answer.unwrap_or_else(|broken| panic!("round {round}: the answer was lost: {broken}"));
        assert_eq!(answer.status, 413, "round {round}");
    }
    assert_eq!(
        pair.blue.requests(),
        0,
        "the app saw an upload that is larger than it may be"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn n15_over_tls_and_h2_too() {
    let pair = Pair::tls("limit.body = \"1MiB\"\n").await;
    let body = bytes(5 * MEGABYTE);
    for round in 0..count(20, 200) {
        let mut client = pair.door.tls(HOST).await.unwrap();
        client
            .send(upload("/echo", body.len()).replace(PLAIN, HOST))
            .await
            .unwrap();
        let (sent, answer) = exchange(&mut client, &body).await;
        sent.unwrap_or_else(|broken| panic!("round {round}: the upload was broken off: {broken}"));
        assert_eq!(
            answer.unwrap_or_else(|broken| panic!("round {round}: {broken}")).status,
            413
        );
        let h2 = pair.door.h2(HOST).await.unwrap();
        let answer = h2
            .post(HOST, "/echo", &body)
            .await
            .unwrap_or_else(|broken| panic!("h2, round {round}: {broken}"));
        assert_eq!(answer.status, 413);
        assert_eq!(h2.get(HOST, "/").await.unwrap().status, 200, "the connection goes on");
    }
}

/// RFC 9112 §9.6: to what comes behind the end of a connection, an RST answers, and takes away what was not read yet.
#[tokio::test(flavor = "multi_thread")]
async fn n15_the_last_answer_of_a_connection_arrives_whole_whatever_its_client_still_says() {
    let body = bytes(256 * 1024);
    for (pair, host) in [(Pair::plain(""), PLAIN), (Pair::tls(""), HOST)] {
        let pair = pair.hasty("parting=60000").await;
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        pair.blue.on("/large", vec![send(&head), Step::Send(body.clone())]);
        let mut client = if host == HOST {
            Client::narrow_tls(pair.door.https(), HOST, &pair.door.trust(&["http/1.1"])).await
        } else {
            Client::narrow(pair.door.http()).await
        }
        .unwrap();
        let ask = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        client.send(ask("/large")).await.unwrap();
        // The door is done with it; what the client has not read is the kernel's.
        pair.door.logged("/large", 1).await;
        for target in ["/behind", "/further"] {
            client.send(ask(target)).await.unwrap();
        }
        let answer = client.response("GET").await.unwrap();
        assert!(answer.body == body, "{} bytes", answer.body.len());
        assert_eq!(client.until_end().await.unwrap(), b"");
        assert_eq!(pair.blue.asked("/behind"), 0);
    }
}

/// RFC 9112 §9.8: over TLS a body whose end is the connection's is whole where close_notify says so.
#[tokio::test(flavor = "multi_thread")]
async fn n15_an_early_answer_of_unknown_length_ends_as_whole() {
    let pair = Pair::tls("").await;
    pair.blue
        .on("/early", vec![send("HTTP/1.1 200 OK\r\n\r\nwhole"), Step::Close]);
    let mut client = pair.door.tls(HOST).await.unwrap();
    let head = format!("POST /early HTTP/1.0\r\nHost: {HOST}\r\nContent-Length: 1000\r\n\r\nbegun");
    client.send(head).await.unwrap();
    assert_eq!(client.response("POST").await.unwrap().text(), "whole");
}

#[tokio::test(flavor = "multi_thread")]
async fn n15_a_chunked_upload_is_measured_while_it_comes() {
    let pair = Pair::plain("limit.body = \"1MiB\"\n").await;
    let mut client = pair.door.plain().await;
    client
        .send(format!(
            "POST /echo HTTP/1.1\r\nHost: {PLAIN}\r\nTransfer-Encoding: chunked\r\n\r\n"
        ))
        .await
        .unwrap();
    let mut body = Vec::new();
    for _ in 0..48 {
        body.extend_from_slice(format!("{:x}\r\n", 64 * 1024).as_bytes());
        body.extend_from_slice(&bytes(64 * 1024));
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"0\r\n\r\n");
    let (sent, answer) = exchange(&mut client, &body).await;
    sent.expect("the upload was broken off");
    assert_eq!(answer.expect("the answer was lost").status, 413);
}

#[tokio::test(flavor = "multi_thread")]
async fn n16_two_hundred_headers_and_48_kib_of_cookies_pass() {
    let mut head = "HTTP/1.1 200 OK\r\nX-App: blue\r\nContent-Length: 2\r\n".to_owned();
    for index in 0..200 {
        head.push_str(&format!("X-Header-{index}: value {index}\r\n"));
    }
    for index in 0..12 {
        head.push_str(&format!("Set-Cookie: c{index}={}\r\n", "x".repeat(4096)));
    }
    let (plain, tls) = (Pair::plain("").await, Pair::tls("").await);
    for pair in [&plain, &tls] {
        pair.blue.on("/large", vec![send(format!("{head}\r\nok"))]);
    }
    let h2 = tls.door.h2(HOST).await.unwrap().get(HOST, "/large").await.unwrap();
    for answer in [plain.get("/large").await, tls.get("/large").await, h2] {
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.field("x-header-199"), Some("value 199"));
        let cookies: Vec<_> = answer.fields.all("set-cookie").collect();
        assert_eq!(cookies.len(), 12);
        for (index, cookie) in cookies.iter().enumerate() {
            assert!(
                cookie.starts_with(&format!("c{index}=")) && cookie.len() > 4096,
                "cookie {index}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn n17_a_client_that_half_closes_after_its_request_is_answered() {
    let plain = Pair::plain("").await;
    let tls = Pair::tls("").await;
    for target in ["/", "/slow?ms=200", "/stream?chunks=20&size=100&ms=10"] {
        let mut client = plain.door.plain().await;
        client
            .send(format!("GET {target} HTTP/1.1\r\nHost: {PLAIN}\r\n\r\n"))
            .await
            .unwrap();
        client.half_close().await.unwrap();
        let answer = client
            .response("GET")
            .await
            .unwrap_or_else(|broken| panic!("{target}: {broken}"));
        assert_eq!(answer.status, 200, "{target}");

        let mut client = tls.door.tls(HOST).await.unwrap();
        client
            .send(format!("GET {target} HTTP/1.1\r\nHost: {HOST}\r\n\r\n"))
            .await
            .unwrap();
        client.half_close().await.unwrap();
        let answer = client
            .response("GET")
            .await
            .unwrap_or_else(|broken| panic!("{target} over TLS: {broken}"));
        assert_eq!(answer.status, 200, "{target} over TLS");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn n18_a_body_that_the_app_cut_is_cut_for_the_client() {
    let head = "HTTP/1.1 200 OK\r\nX-App: blue\r\n";
    let cuts = [
        ("/length", format!("{head}Content-Length: 100\r\n\r\nhalf"), Step::Close),
        (
            "/length-reset",
            format!("{head}Content-Length: 100\r\n\r\nhalf"),
            Step::Reset,
        ),
        (
            "/chunked",
            format!("{head}Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"),
            Step::Close,
        ),
        (
            "/in-chunk",
            format!("{head}Transfer-Encoding: chunked\r\n\r\n8\r\nhalf"),
            Step::Close,
        ),
        (
            "/no-trailer-end",
            format!("{head}Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\n"),
            Step::Close,
        ),
        (
            "/bad-chunk",
            format!("{head}Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nzz\r\n"),
            Step::Close,
        ),
        ("/until-close-reset", format!("{head}\r\nhalf"), Step::Reset),
    ];
    let (plain, tls) = (Pair::plain("").await, Pair::tls("").await);
    for (target, bytes, end) in cuts {
        // A pause, so that a head that was sent is a head that was seen.
        let steps = vec![send(bytes), Step::Wait(crate::common::ms(100)), end];
        plain.blue.on(target, steps.clone());
        tls.blue.on(target, steps);
        let broken = plain.door.plain().await.get(PLAIN, target).await;
        let broken = broken.expect_err(&format!("{target}: a cut body looked whole"));
        assert!(matches!(broken.kind(), "truncated" | "reset"), "{target}: {broken}");
        let broken = tls.door.tls(HOST).await.unwrap().get(HOST, target).await;
        let broken = broken.expect_err(&format!("{target} over TLS: a cut body looked whole"));
        assert!(
            matches!(broken.kind(), "truncated" | "reset"),
            "{target} over TLS: {broken}"
        );
        let h2 = tls.door.h2(HOST).await.unwrap();
        let broken = h2
            .get(HOST, target)
            .await
            .expect_err(&format!("{target} over h2: a cut body looked whole"));
        assert!(
            matches!(broken.kind(), "truncated" | "reset"),
            "{target} over h2: {broken}"
        );
        assert_eq!(
            h2.get(HOST, "/").await.unwrap().status,
            200,
            "{target}: only the stream ends, not the connection"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn n18_a_body_until_close_ends_cleanly_when_the_app_ends_cleanly() {
    let (plain, tls) = (Pair::plain("").await, Pair::tls("").await);
    for version in ["1.1", "1.0"] {
        let bytes = format!("HTTP/{version} 200 OK\r\nX-App: blue\r\n\r\nall of it");
        plain.blue.on("/until-close", vec![send(&bytes), Step::Close]);
        tls.blue.on("/until-close", vec![send(&bytes), Step::Close]);
        assert_eq!(plain.get("/until-close").await.text(), "all of it");
        assert_eq!(tls.get("/until-close").await.text(), "all of it");
        assert_eq!(
            tls.door
                .h2(HOST)
                .await
                .unwrap()
                .get(HOST, "/until-close")
                .await
                .unwrap()
                .text(),
            "all of it"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn n19_response_trailers_pass() {
    let bytes = "HTTP/1.1 200 OK\r\nX-App: blue\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n\
                 4\r\nbody\r\n0\r\nX-Sum: 1234\r\n\r\n";
    let (plain, tls) = (Pair::plain("").await, Pair::tls("").await);
    plain.blue.on("/trailers", vec![send(bytes)]);
    tls.blue.on("/trailers", vec![send(bytes)]);
    let h1 = plain
        .door
        .plain()
        .await
        .request("GET", PLAIN, "/trailers", "TE: trailers\r\n", b"")
        .await
        .unwrap();
    let h2 = tls.door.h2(HOST).await.unwrap().get(HOST, "/trailers").await.unwrap();
    for (name, answer) in [("h1", h1), ("h2", h2)] {
        assert_eq!(
            (answer.text().as_str(), answer.trailers.get("x-sum")),
            ("body", Some("1234")),
            "{name}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn n19_early_hints_pass_to_h1_clients() {
    let pair = Pair::plain("").await;
    let hints = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n";
    let rest = "HTTP/1.1 200 OK\r\nX-App: blue\r\nContent-Length: 4\r\n\r\nbody";
    pair.blue
        .on("/hints", vec![send(hints), Step::Until("rest"), send(rest)]);
    let mut client = pair.ask("/hints").await;
    // They are worth something only when they come early.
    let (status, head) = client.head().await.unwrap();
    assert_eq!((status, head.fields.get("link")), (103, Some("</a.css>; rel=preload")));
    pair.blue.release("rest");
    let answer = client.response("GET").await.unwrap();
    assert_eq!((answer.status, answer.text().as_str()), (200, "body"));
}

#[tokio::test(flavor = "multi_thread")]
async fn n19_no_upload_stalls_for_a_100_continue() {
    let pair = Pair::plain("").await;
    let hundred = send("HTTP/1.1 100 Continue\r\n\r\n");
    let done = send("HTTP/1.1 200 OK\r\nX-App: blue\r\nContent-Length: 4\r\n\r\ndone");
    pair.blue.on("/says-100", vec![hundred, Step::ReadBody, done.clone()]);
    pair.blue.on("/never-says-100", vec![Step::ReadBody, done]);
    for target in ["/says-100", "/never-says-100", "/echo"] {
        let mut client = pair.door.plain().await;
        client.incoming.patience = secs(10);
        let expect = "Expect: 100-continue\r\nContent-Length: 4\r\n";
        client
            .send(format!("POST {target} HTTP/1.1\r\nHost: {PLAIN}\r\n{expect}\r\n"))
            .await
            .unwrap();
        let (status, _) = client
            .head()
            .await
            .unwrap_or_else(|broken| panic!("{target} stalls: {broken}"));
        assert_eq!(status, 100, "{target}");
        client.send("body").await.unwrap();
        let answer = client
            .response("POST")
            .await
            .unwrap_or_else(|broken| panic!("{target}: {broken}"));
        assert_eq!(answer.status, 200, "{target}");
        assert!(
            answer.interim.len() <= 1,
            "{target}: {} more interim answers",
            answer.interim.len()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn n19_a_client_that_waits_for_100_hears_a_refusal_instead() {
    let pair = Pair::plain("limit.body = \"1MiB\"\n").await;
    let mut client = pair.door.plain().await;
    let expect = format!("Expect: 100-continue\r\nContent-Length: {}\r\n", 5 * MEGABYTE);
    client
        .send(format!("POST /echo HTTP/1.1\r\nHost: {PLAIN}\r\n{expect}\r\n"))
        .await
        .unwrap();
    assert_eq!(client.response("POST").await.unwrap().status, 413);
}

#[tokio::test(flavor = "multi_thread")]
async fn pipelined_requests_are_answered_in_order() {
    let pair = Pair::plain("").await;
    let mut client = pair.door.plain().await;
    let targets = [
        "/slow?ms=100",
        "/one",
        "/two",
        "/stream?chunks=3&size=10&ms=1",
        "/three",
    ];
    let all: String = targets
        .iter()
        .map(|t| format!("GET {t} HTTP/1.1\r\nHost: {PLAIN}\r\n\r\n"))
        .collect();
    client.send(all).await.unwrap();
    for target in targets {
        let answer = client.response("GET").await.unwrap();
        assert_eq!(answer.status, 200);
        assert!(
            target.starts_with("/stream") || answer.text().ends_with(target),
            "{target}: {}",
            answer.text()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn head_204_and_304_have_no_body() {
    let pair = Pair::plain("").await;
    pair.blue.on("/204", vec![send("HTTP/1.1 204 No Content\r\n\r\n")]);
    pair.blue
        .on("/304", vec![send("HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n")]);
    let mut client = pair.door.plain().await;
    for _ in 0..3 {
        let head = client.request("HEAD", PLAIN, "/", "", b"").await.unwrap();
        assert_eq!((head.status, head.body.len()), (200, 0));
        assert_eq!(
            head.field("content-length"),
            Some("9"),
            "the length of what GET would have had: `blue v1 /`"
        );
        assert_eq!(client.get(PLAIN, "/204").await.unwrap().status, 204);
        assert_eq!(client.get(PLAIN, "/304").await.unwrap().field("etag"), Some("\"a\""));
        assert_eq!(client.get(PLAIN, "/").await.unwrap().text(), "blue v1 /");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_stream_both_ways_and_are_never_whole_in_memory() {
    const SIZE: usize = 80 * MEGABYTE;
    let pair = Pair::tls("").await;
    let mut client = pair.door.tls(HOST).await.unwrap();
    client.get(HOST, "/").await.unwrap();
    let process = pair.door.process();
    let (before, peak) = (process.own_kib(), Peak::follow(&process));
    let target = format!("/stream?chunks=640&size={}&ms=0", 128 * 1024);
    client
        .send(format!("GET {target} HTTP/1.1\r\nHost: {HOST}\r\n\r\n"))
        .await
        .unwrap();
    // The client does not read at first: what the app sends has to wait at the app, not in the proxy.
    client.incoming.until(b"\r\n\r\n").await.unwrap();
    tokio::time::sleep(ms(300)).await;
    let answer = client.response("GET").await.unwrap();
    assert_eq!(answer.body.len(), SIZE);

    // Neither does the app: what the client sends has to wait at the client.
    let done = send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone");
    pair.blue.on("/late", vec![Step::Wait(ms(300)), Step::ReadBody, done]);
    client.send(upload("/late", SIZE).replace(PLAIN, HOST)).await.unwrap();
    let piece = vec![b'x'; MEGABYTE];
    for _ in 0..SIZE / MEGABYTE {
        client.send(&piece).await.unwrap();
    }
    assert_eq!(client.response("POST").await.unwrap().text(), "done");
    let grown = peak.stop().await.saturating_sub(before);
    assert!(
        grown < 24 * 1024,
        "80 MiB each way were {grown} KiB in the proxy at one moment"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn many_streams_of_one_h2_connection_are_served_at_once() {
    let pair = Pair::tls("").await;
    let h2 = pair.door.h2(HOST).await.unwrap();
    let mut requests = Vec::new();
    for index in 0..60 {
        let h2 = h2.clone();
        requests.push(tokio::spawn(async move {
            let target = format!("/slow?ms=100&n={index}");
            (h2.get(HOST, &target).await.unwrap().text(), target)
        }));
    }
    for request in requests {
        let (text, target) = request.await.unwrap();
        assert!(text.ends_with(&target), "{target} was answered with {text}");
    }
    let body = bytes(3 * MEGABYTE);
    assert_eq!(h2.post(HOST, "/echo", &body).await.unwrap().body, body);
}
