//! Uploads over HTTP/2 that are answered before they were read (F9): the answer comes whole, the rest is discarded within bounds,
//! and only then the stream is reset.

use std::fs::File;

use serde_json::{Value, json};

use super::{HOST, Pair};
use crate::access;
use crate::common::app::{Step, send};
use crate::common::frames::{DATA, Frame, Frames, GOAWAY, RST_STREAM, WINDOW_UPDATE, body};
use crate::common::load::bytes;
use crate::common::operation::{run, run_with};
use crate::common::tool::{client, curl, good, tool, url};
use crate::common::{count, ms, secs};

/// What the clients upload: more than any window, and more than the kernel takes on its way to an app that reads nothing (4 MiB). What
/// it took whole would be a request that has ended, whose connection is used again.
const UPLOAD: usize = 5 << 20;
/// What is discarded of one connection's uploads.
const ALLOWED: usize = 64 << 20;
/// RFC 9113 §7.
const NO_ERROR: u32 = 0;

fn answer(status: &str, length: usize) -> Step {
    let body = "x".repeat(length);
    send(format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}"))
}

/// A door whose app answers early, in every way that apps have.
async fn early(times: &str) -> Pair {
    let pair = Pair::tls("limit.body = \"1GiB\"\n").hasty(times).await;
    let blue = &pair.blue;
    // It goes on reading; it closes; it does neither.
    blue.on("/reads-on", vec![answer("413 Content Too Large", 20)]);
    blue.on("/closes", vec![answer("401 Unauthorized", 20), Step::Close]);
    blue.on("/deaf", vec![answer("401 Unauthorized", 20), Step::Hang]);
    blue.on("/page", vec![answer("429 Too Many Requests", 100_000), Step::Hang]);
    blue.on("/fine", vec![answer("200 OK", 20), Step::Hang]);
    pair
}

/// Early answers of the app: where, and what comes.
const REFUSALS: [(&str, u16, usize); 4] = [
    ("/reads-on", 413, 20),
    ("/closes", 401, 20),
    ("/deaf", 401, 20),
    ("/page", 429, 100_000),
];

/// Uploads with curl over HTTP/2, its length known and not, again and again.
async fn curl_reads(pair: &Pair, target: &str, status: u16, more: &[&str]) {
    curl_reads_over("--http2", pair, target, status, more).await;
}

/// The same over a version of HTTP. It waits for no word to go on: it is uploading when the answer comes.
async fn curl_reads_over(version: &str, pair: &Pair, target: &str, status: u16, more: &[&str]) {
    let file = pair.door.folder().join("upload");
    std::fs::write(&file, bytes(UPLOAD)).unwrap();
    let (name, url) = (file.display().to_string(), url(pair, target));
    let format = "%{http_code} %{http_version}";
    for from in [&name[..], "-"] {
        for round in 0..count(5, 50) {
            let mut args = vec![
                version,
                "-H",
                "Expect:",
                "-T",
                from,
                "-o",
                "/dev/null",
                "-w",
                format,
                &url,
            ];
            args.extend_from_slice(more);
            let output = run_with(curl(pair, &args), File::open(&file).unwrap()).await;
            let seen = (output.code, output.stdout.as_str());
            assert_eq!(
                seen,
                (0, &*format!("{status} {}", version.trim_start_matches("--http"))),
                "{target} from {from}, round {round}: {output:?}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f9_curl_reads_the_early_answer_of_an_app() {
    let pair = early("").await;
    for (target, status, _) in REFUSALS {
        curl_reads(&pair, target, status, &[]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn e36_curl_reads_an_answer_of_our_own_that_did_not_wait_for_its_upload() {
    let pair = Pair::tls("limit.body = \"1MiB\"\n").await;
    curl_reads(&pair, "/echo", 413, &[]).await;
    curl_reads(&pair, "/echo", 421, &["-H", "Host: other.test"]).await;
    let pair = Pair::tls("").await;
    pair.door.proxyctl(&["maintenance", "prod", "on"]).await.assert_code(0);
    curl_reads(&pair, "/echo", 503, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e36_curl_reads_the_whole_of_what_refuses_its_upload_over_both_protocols() {
    let folder = tempfile::tempdir().unwrap();
    access::users(folder.path(), &["anna:correct horse"], access::CHEAP);
    let users = folder.path().join(access::FILE);
    for (status, lines) in [
        (401, format!("auth.basic = \"{}\"\n", users.display())),
        (403, "auth.allow = \"192.0.2.1\"\n".to_owned()),
        (413, "limit.body = \"1MiB\"\n".to_owned()),
        (429, "limit.rate = \"1/h\"\n".to_owned()),
    ] {
        let pair = Pair::tls(&lines).await;
        if status == 429 {
            assert_eq!(pair.get("/").await.status, 200);
        }
        for version in ["--http1.1", "--http2"] {
            curl_reads_over(version, &pair, "/echo", status, &[]).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f9_nodes_pythons_and_nghttp2s_clients_read_it_and_go_on() {
    // `httpx` notices no reset while it waits for room, so that it has to be given all the time that it takes.
    let pair = early("linger=60000").await;
    let upload = UPLOAD.to_string();
    let file = pair.door.folder().join("upload");
    std::fs::write(&file, bytes(UPLOAD)).unwrap();
    for (target, status, size) in REFUSALS.into_iter().chain([("/fine", 200, 20)]) {
        for length in ["known", "unknown"] {
            for (script, more) in [
                ("upload.js", json!({ "whole": true, "reset": 0 })),
                ("upload.py", json!({})),
            ] {
                let output = good(client(script, &pair, &[target, &upload, length])).await;
                let mut expected = json!({ "status": status, "size": size, "after": 200 });
                expected
                    .as_object_mut()
                    .unwrap()
                    .extend(more.as_object().unwrap().clone());
                let seen: Value = serde_json::from_str(&output.stdout).unwrap();
                assert_eq!(seen, expected, "{script}: {target}, length {length}");
            }
        }
        let mut nghttp = tool("nghttp");
        nghttp.args([
            "--null-out",
            "--stat",
            &format!("--header=:authority: {HOST}"),
            "--data",
        ]);
        nghttp.arg(&file).arg(format!("https://{}{target}", pair.door.https()));
        let output = run(nghttp).await;
        assert!(output.stdout.contains(&format!(" {status} ")), "{target}: {output:?}");
    }
}

const POST: &[(&str, &[u8])] = &[
    (":method", b"POST"),
    (":scheme", b"https"),
    (":authority", HOST.as_bytes()),
];
const GET: &[(&str, &[u8])] = &[
    (":method", b"GET"),
    (":scheme", b"https"),
    (":authority", HOST.as_bytes()),
];

/// Begins a request of this shape on a stream.
async fn ask(frames: &mut Frames, stream: u32, shape: &[(&str, &[u8])], target: &str, end: bool) {
    let path = (":path", target.as_bytes());
    frames.request(stream, &[shape, &[path]].concat(), end).await;
}

/// Reads until a stream is reset; its frames.
async fn until_reset(frames: &mut Frames, stream: u32, window: &mut i64) -> Vec<Frame> {
    let mut seen = Vec::new();
    loop {
        let frame = frames.next(window).await.expect("the connection goes on");
        let is_reset = frame.kind == RST_STREAM;
        if frame.stream == stream {
            seen.push(frame);
        }
        if is_reset {
            return seen;
        }
    }
}

/// The answer is whole before the stream is reset, without an error.
fn assert_whole_before_reset(seen: &[Frame], answer: &[u8]) {
    assert_eq!(body(seen), answer);
    let end = seen.iter().position(Frame::ends_stream).expect("END_STREAM");
    assert!(
        seen[end..]
            .iter()
            .all(|frame| matches!(frame.kind, RST_STREAM | WINDOW_UPDATE) || frame.ends_stream())
    );
    let reset = seen.last().unwrap();
    assert_eq!((reset.kind, reset.code()), (RST_STREAM, NO_ERROR));
}

#[tokio::test(flavor = "multi_thread")]
async fn f9_a_client_that_stops_in_the_middle_of_its_upload_is_reset_after_a_time() {
    let pair = early("linger=300").await;
    let mut frames = Frames::connect(&pair.door, HOST).await;
    for (stream, target) in [(1, "/deaf"), (3, "/closes"), (5, "/fine")] {
        let began = std::time::Instant::now();
        ask(&mut frames, stream, POST, target, false).await;
        let mut window = 10_000;
        frames.data(stream, &mut window).await;
        let seen = until_reset(&mut frames, stream, &mut 0).await;
        assert_whole_before_reset(&seen, &[b'x'; 20]);
        assert!(began.elapsed() >= ms(300), "{target}: reset at once");
    }
    ask(&mut frames, 7, GET, "/who", true).await;
    assert!(body(&frames.until_end(7).await).starts_with(b"blue"));
}

#[tokio::test(flavor = "multi_thread")]
async fn f9_a_client_that_uploads_for_ever_is_reset_after_so_many_bytes_and_nobody_else_notices() {
    let pair = early("linger=60000").await;
    pair.blue.answer_when("/later", "cut", "later");
    let mut frames = Frames::connect(&pair.door, HOST).await;
    ask(&mut frames, 1, GET, "/later", true).await;
    ask(&mut frames, 3, POST, "/deaf", false).await;
    // What the settings allow is known before the first DATA.
    let mut window = 0;
    while window == 0 {
        frames.next(&mut window).await.unwrap();
    }
    window = frames.stream_window();
    let (mut sent, mut seen) = (0, Vec::new());
    while seen.last().is_none_or(|frame: &Frame| frame.kind != RST_STREAM) {
        let more = frames.data(3, &mut window).await;
        sent += more;
        if more == 0 {
            seen.extend(frames.next(&mut window).await.filter(|frame| frame.stream == 3));
        }
    }
    assert_whole_before_reset(&seen, &[b'x'; 20]);
    assert!(
        (ALLOWED..ALLOWED + (2 << 20)).contains(&sent),
        "{sent} bytes were taken"
    );
    pair.blue.release("cut");
    assert_eq!(body(&frames.until_end(1).await), b"later");
}

#[tokio::test(flavor = "multi_thread")]
async fn f9_an_upload_that_is_discarded_keeps_no_swap_waiting_and_a_stop_no_longer_than_it_may_take() {
    let pair = early("").await;
    let mut frames = Frames::connect(&pair.door, HOST).await;
    ask(&mut frames, 1, POST, "/deaf", false).await;
    let mut seen = frames.until_end(1).await;
    assert!(seen.pop().is_some_and(|frame| frame.ends_stream()));
    // The answer has left, and so has the claim.
    pair.door.swap("prod", &[]).await.assert_done();
    pair.door.sigterm();
    while frames.next(&mut 0).await.is_some() {}
    assert!(pair.door.end(secs(30)).await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn f9_a_client_that_reads_nothing_before_its_upload_has_ended_gets_the_whole_of_a_large_answer() {
    let pair = early("").await;
    pair.blue.on("/large", vec![answer("200 OK", 400_000)]);
    let mut frames = Frames::narrow(&pair.door, HOST).await;
    ask(&mut frames, 1, POST, "/large", false).await;
    let (mut window, mut sent, mut seen) = (10_000, 0, Vec::new());
    while sent < UPLOAD {
        let more = frames.data(1, &mut window).await;
        sent += more;
        if more == 0 {
            seen.extend(frames.next(&mut window).await);
        }
    }
    frames.send(DATA, 1, 1, b"").await;
    frames.grant(1).await;
    seen.extend(frames.until_end(1).await);
    assert!(seen.last().is_some_and(Frame::ends_stream), "{:?}", seen.last());
    assert_eq!(body(&seen).len(), 400_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_whose_client_stops_reading_is_given_up_and_its_connection_too_where_nothing_else_moves() {
    let pair = Pair::tls("timeout.idle = \"1s\"\n").await;
    pair.blue.on("/large", vec![answer("200 OK", 400_000)]);
    let mut frames = Frames::narrow(&pair.door, HOST).await;
    ask(&mut frames, 1, GET, "/large", true).await;
    let mut seen = Vec::new();
    while let Some(frame) = frames.next(&mut 0).await {
        seen.push(frame);
    }
    assert!(seen.iter().any(|frame| frame.kind == GOAWAY), "{seen:?}");
    assert!(!seen.iter().any(Frame::ends_stream), "a cut answer looks whole");
    let line = &pair.door.logged("/large", 1).await[0];
    assert_eq!(line["termination"], "client: stopped reading");
}
