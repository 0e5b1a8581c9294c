//! Bodies that are larger than `limit.body` (E25): 413, whatever says how long they are, and not for a byte less.

use crate::common::client::Response;
use crate::common::fixture::{HOST, PLAIN, Pair};
use crate::common::frames::{DATA, Frames, HEADERS};

const LIMIT: usize = 100_000;
const SETTING: &str = "limit.body = 100000\n";

async fn post(pair: &Pair, framing: &str, body: &[u8]) -> Response {
    let mut client = pair.door.plain().await;
    let head = format!("POST /echo HTTP/1.1\r\nHost: {PLAIN}\r\n{framing}\r\n\r\n");
    client.send([head.as_bytes(), body].concat()).await.unwrap();
    client.response("POST").await.unwrap()
}

fn chunked(size: usize) -> Vec<u8> {
    let mut body = Vec::new();
    for piece in vec![b'x'; size].chunks(7000) {
        body.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        body.extend_from_slice(piece);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"0\r\n\r\n");
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn e25_a_body_of_exactly_the_limit_passes_and_one_byte_more_is_413() {
    let pair = Pair::plain(SETTING).await;
    for (size, status) in [(LIMIT, 200), (LIMIT + 1, 413), (50 * LIMIT, 413)] {
        let answer = post(&pair, &format!("Content-Length: {size}"), &vec![b'x'; size]).await;
        assert_eq!(answer.status, status, "Content-Length {size}");
        let answer = post(&pair, "Transfer-Encoding: chunked", &chunked(size)).await;
        assert_eq!(answer.status, status, "chunked {size}");
        if status == 200 {
            assert_eq!(answer.body.len(), LIMIT);
        }
    }
    pair.door.logged("\"client: body over the limit\"", 4).await;
    let whole = pair.blue.seen().iter().filter(|seen| seen.target == "/echo").count();
    assert!(
        whole <= 4,
        "a body that says that it is too long does not reach the app: {whole}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn e25_a_client_that_asks_first_gets_its_413_before_it_sends_the_body() {
    let pair = Pair::plain(SETTING).await;
    let mut client = pair.door.plain().await;
    let head =
        format!("POST /echo HTTP/1.1\r\nHost: {PLAIN}\r\nExpect: 100-continue\r\nContent-Length: 100001\r\n\r\n");
    client.send(head).await.unwrap();
    let answer = client.response("POST").await.unwrap();
    assert_eq!((answer.status, answer.interim.len()), (413, 0), "no 100 before it");
    assert_eq!(pair.blue.requests(), 0);
    // The length of a chunked body is not known before.
    let mut client = pair.door.plain().await;
    let head =
        format!("POST /echo HTTP/1.1\r\nHost: {PLAIN}\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n");
    client.send(head).await.unwrap();
    assert_eq!(client.head().await.unwrap().0, 100);
    client.send(chunked(2 * LIMIT)).await.unwrap();
    assert_eq!(client.response("POST").await.unwrap().status, 413);
}

#[tokio::test(flavor = "multi_thread")]
async fn e25_over_http2_with_and_without_a_content_length() {
    let pair = Pair::tls(SETTING).await;
    for size in [LIMIT, LIMIT + 1, 4 * LIMIT] {
        let h2 = pair.door.h2(HOST).await.unwrap();
        let answer = h2.post(HOST, "/echo", &vec![b'x'; size]).await.unwrap();
        assert_eq!(
            answer.status,
            if size > LIMIT { 413 } else { 200 },
            "content-length {size}"
        );

        // The status of a 413 is no byte of the table that `Frames` knows.
        let status = upload(&pair, size).await;
        assert_eq!(status, (size <= LIMIT).then_some(200), "no content-length, {size}");
    }
    pair.door.logged("\"client: body over the limit\"", 4).await;
}

/// Uploads so many bytes, without a word of how many they are: the status, if it is a usual one.
async fn upload(pair: &Pair, size: usize) -> Option<u16> {
    let mut frames = Frames::connect(&pair.door, HOST).await;
    let fields = [
        (":method", &b"POST"[..]),
        (":scheme", b"https"),
        (":authority", HOST.as_bytes()),
        (":path", b"/echo"),
    ];
    frames.request(1, &fields, false).await;
    let (mut left, mut window, mut ended) = (size, frames.stream_window(), false);
    loop {
        let sent = frames.data_up_to(1, &mut window, left).await;
        left -= sent;
        if sent > 0 {
            continue;
        }
        if left == 0 && !std::mem::replace(&mut ended, true) {
            frames.send(DATA, 1, 1, b"").await;
        }
        let frame = frames.next(&mut window).await.expect("an answer");
        if frame.kind == HEADERS && frame.stream == 1 {
            return frame.status();
        }
    }
}
