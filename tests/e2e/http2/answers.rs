//! Interim answers (N19) and trailers, both ways (E6).

use crate::common::app::{Step, send};
use crate::common::fixture::{HOST, Pair};
use crate::common::frames::{DATA, END_HEADERS, END_STREAM, Frames, GOAWAY, HEADERS, Heads, block, body};
use crate::common::tool::{curl, good, url};
use crate::common::{ms, secs};

/// `METHOD TARGET`, and these fields.
fn head<'f>(method: &'f str, target: &'f str, more: &[(&'f str, &'f [u8])]) -> Vec<(&'f str, &'f [u8])> {
    let begin: [(&str, &[u8]); 4] = [
        (":method", method.as_bytes()),
        (":scheme", b"https"),
        (":authority", HOST.as_bytes()),
        (":path", target.as_bytes()),
    ];
    [&begin, more].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn n19_early_hints_pass_to_http2_clients_while_the_app_still_works() {
    let pair = Pair::tls("").await;
    let hints = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nContent-Length: 3\r\n\r\n";
    let rest = "HTTP/1.1 200 OK\r\nX-App: blue\r\nContent-Length: 4\r\n\r\nbody";
    pair.blue
        .on("/hints", vec![send(hints), Step::Until("rest"), send(rest)]);
    let (mut frames, mut heads) = (Frames::connect(&pair.door, HOST).await, Heads::default());
    frames.request(1, &head("GET", "/hints", &[]), true).await;
    let early = loop {
        let frame = frames.next(&mut 0).await.expect("a frame");
        if frame.kind == HEADERS {
            break frame;
        }
    };
    assert!(!early.ends_stream());
    let link = ("link".to_owned(), "</a.css>; rel=preload".to_owned());
    assert_eq!(heads.read(&early), [(":status".to_owned(), "103".to_owned()), link]);
    pair.blue.release("rest");
    let rest = frames.until_end(1).await;
    assert_eq!(heads.read(&rest[0])[0].1, "200");
    assert_eq!(body(&rest), b"body");
}

#[tokio::test(flavor = "multi_thread")]
async fn n19_an_upload_over_http2_that_waits_for_100_is_told_to_go_on_or_refused() {
    let pair = Pair::tls("limit.body = \"1MiB\"\n").await;
    let (mut frames, mut heads) = (Frames::connect(&pair.door, HOST).await, Heads::default());
    let waits = [("expect", &b"100-continue"[..]), ("content-length", b"4")];
    frames.request(1, &head("POST", "/echo", &waits), false).await;
    let go_on = loop {
        let frame = frames.next(&mut 0).await.expect("a frame");
        if frame.kind == HEADERS {
            break frame;
        }
    };
    assert_eq!(heads.read(&go_on), [(":status".to_owned(), "100".to_owned())]);
    frames.send(DATA, END_STREAM, 1, b"body").await;
    let answer = frames.until_end(1).await;
    assert_eq!((&*heads.read(&answer[0])[0].1, &*body(&answer)), ("200", &b"body"[..]));

    let large = [("expect", &b"100-continue"[..]), ("content-length", b"5000000")];
    frames.request(3, &head("POST", "/echo", &large), false).await;
    let refused = frames.until_end(3).await;
    assert_eq!(heads.read(&refused[0])[0].1, "413");
    // curl waits a second for it, if nobody says it.
    let began = std::time::Instant::now();
    let expect = [
        "--http2",
        "-H",
        "Expect: 100-continue",
        "--expect100-timeout",
        "20",
        "-d",
        "x",
    ];
    let output = good(curl(&pair, &[&expect[..], &[&url(&pair, "/echo")]].concat())).await;
    assert_eq!(output.stdout, "x");
    assert!(began.elapsed().as_secs() < 15, "curl has waited in vain");
}

#[tokio::test(flavor = "multi_thread")]
async fn e6_trailers_of_an_upload_reach_the_app_but_those_that_would_be_believed() {
    let pair = Pair::tls("").await;
    let mut frames = Frames::connect(&pair.door, HOST).await;
    frames.request(1, &head("POST", "/head", &[]), false).await;
    frames.send(DATA, 0, 1, b"body").await;
    let trailers = block(&[
        ("x-sum", b"1234"),
        ("host", b"evil.test"),
        ("authorization", b"Basic eA=="),
        ("x-forwarded-for", b"192.0.2.1"),
        ("content-length", b"5"),
    ]);
    frames.send(HEADERS, END_HEADERS | END_STREAM, 1, &trailers).await;
    let saw = String::from_utf8(body(&frames.until_end(1).await))
        .unwrap()
        .to_lowercase();
    let trailers: Vec<_> = saw.lines().filter(|line| line.starts_with("trailer ")).collect();
    assert_eq!(trailers, ["trailer x-sum: 1234"], "{saw}");
    assert!(
        !["evil.test", "basic ea==", "192.0.2.1"]
            .iter()
            .any(|word| saw.contains(word)),
        "{saw}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn n26_the_last_answer_of_a_connection_arrives_whole_whatever_its_client_still_sends() {
    const LARGE: usize = 2 * 1024 * 1024;
    let pair = Pair::tls("").await;
    let large = format!(
        "HTTP/1.1 200 OK\r\nX-App: blue\r\nContent-Length: {LARGE}\r\n\r\n{}",
        "x".repeat(LARGE)
    );
    pair.blue.on("/large", vec![Step::Until("go"), send(&large)]);
    let mut frames = Frames::connect(&pair.door, HOST).await;
    frames.request(1, &head("GET", "/large", &[]), true).await;
    pair.blue.reached("/large").await;
    pair.door.sigterm();
    let mut goodbyes = 0;
    while goodbyes < 2 {
        goodbyes += usize::from(frames.next(&mut 0).await.expect("a frame").kind == GOAWAY);
    }
    // It reads nothing, so the kernel has all of it; then nothing is left to be said, and the connection ends.
    pair.blue.release("go");
    pair.door.logged("\"/large\"", 1).await;
    for _ in 0..3 {
        frames.grant(1).await;
    }
    let seen = frames.until_end(1).await;
    assert_eq!(body(&seen).len(), LARGE);
    drop(frames);
    assert_eq!(pair.door.end(secs(30)).await.code(), Some(0));
}

/// RFC 9113 §8.2.3: browsers send each cookie in a field of its own.
#[tokio::test(flavor = "multi_thread")]
async fn e24_a_request_with_many_cookies_is_one_with_one_long_field() {
    let pair = Pair::tls("").await;
    let mut frames = Frames::connect(&pair.door, HOST).await;
    let crumbs: Vec<_> = (0..180).map(|number| format!("c{number}=v")).collect();
    let fields: Vec<_> = crumbs.iter().map(|crumb| ("cookie", crumb.as_bytes())).collect();
    frames.request(1, &head("GET", "/who", &fields), true).await;
    assert_eq!(frames.until_end(1).await[0].status(), Some(200));
    let seen = pair.blue.last_seen("/who").head;
    assert_eq!(seen.fields.get("cookie"), Some(&crumbs.join("; ")[..]));
}

#[tokio::test(flavor = "multi_thread")]
async fn events_begin_when_a_client_reads_on_that_has_left_downloads_unread() {
    let pair = Pair::tls("").hasty("look_after_client=200").await;
    let large = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: 20000000\r\n\r\n{}",
        "x".repeat(20_000_000)
    );
    pair.blue.on("/large", vec![send(&large)]);
    let mut frames = Frames::connect(&pair.door, HOST).await;
    for stream in [1, 3] {
        frames.request(stream, &head("GET", "/large", &[]), true).await;
    }
    // Its system takes nothing more, and the head of the events has to wait.
    tokio::time::sleep(ms(500)).await;
    frames.request(5, &head("GET", "/sse?n=1&ms=1&each=1", &[]), true).await;
    pair.blue.reached("/sse").await;
    tokio::time::sleep(ms(1000)).await;
    let seen = frames.until_end(5).await;
    assert_eq!(seen[0].status(), Some(200), "{:?}", seen[0]);
    assert!(body(&seen).starts_with(b"id: 0"), "{seen:?}");
}
