//! WebSockets on a stream (RFC 8441), which browsers choose wherever they are offered.

use crate::common::app::send;
use crate::common::fixture::{HOST, Pair};
use crate::common::frames::{DATA, END_STREAM, Frame, Frames, HEADERS, Heads, RST_STREAM, body, text};

/// RFC 9113 §7.
const CANCEL: u32 = 8;

/// What asks for a WebSocket.
fn request(path: &str) -> [(&str, &[u8]); 7] {
    [
        (":method", b"CONNECT"),
        (":protocol", b"websocket"),
        (":scheme", b"https"),
        (":authority", HOST.as_bytes()),
        (":path", path.as_bytes()),
        ("sec-websocket-version", b"13"),
        ("origin", b"https://app.localhost"),
    ]
}

/// A WebSocket on stream `stream`, and the fields of the answer.
pub(super) async fn open(frames: &mut Frames, heads: &mut Heads, stream: u32, path: &str) -> Vec<(String, String)> {
    frames.request(stream, &request(path), false).await;
    frames.head(heads, stream).await
}

/// What comes on a stream until there are so many bytes, or its end.
pub(super) async fn receive(frames: &mut Frames, stream: u32, bytes: usize) -> (Vec<u8>, Option<Frame>) {
    let mut seen = Vec::new();
    loop {
        let frame = frames.next(&mut 0).await.expect("a frame");
        if frame.stream != stream || !matches!(frame.kind, DATA | RST_STREAM) {
            continue;
        }
        if frame.kind == DATA {
            seen.extend_from_slice(&frame.payload);
        }
        let is_over = frame.kind == RST_STREAM || frame.ends_stream();
        if is_over || seen.len() >= bytes {
            return (seen, Some(frame).filter(|_| is_over));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_web_socket_on_a_stream_is_the_apps_web_socket() {
    let pair = Pair::tls("").await;
    let (mut frames, mut heads) = (Frames::connect(&pair.door, HOST).await, Heads::default());
    let head = open(&mut frames, &mut heads, 1, "/ws").await;
    assert_eq!(head[0].1, "200");
    assert!(
        head.iter()
            .all(|(name, _)| !name.starts_with("sec-websocket") && name != "upgrade"),
        "{head:?}"
    );
    let seen = pair.blue.last_seen("/ws").head;
    assert_eq!(seen.fields.get("origin"), Some("https://app.localhost"));
    assert!(seen.fields.has_token("connection", "upgrade"));
    // In pieces of any size, beside another stream.
    let hello = text("hello");
    for byte in &hello[..4] {
        frames.send(DATA, 0, 1, &[*byte]).await;
    }
    frames.send(DATA, 0, 1, &hello[4..]).await;
    assert_eq!(receive(&mut frames, 1, 7).await.0, b"\x81\x05hello");
    let other = [
        (":method", &b"GET"[..]),
        (":scheme", b"https"),
        (":authority", HOST.as_bytes()),
        (":path", b"/who"),
    ];
    frames.request(3, &other, true).await;
    frames.until_end(3).await;
    // A close that the app answers, and both directions end.
    frames.send(DATA, 0, 1, &[0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8]).await;
    let (echo, end) = receive(&mut frames, 1, 100).await;
    assert_eq!(echo, b"\x88\x02\x03\xe8");
    assert!(end.is_some_and(|end| end.ends_stream()));
    frames.send(DATA, END_STREAM, 1, b"").await;
    let line = &pair.door.logged("\"/ws\"", 1).await[0];
    assert_eq!(
        (&line["status"], &line["termination"]),
        (&101.into(), &"done".into()),
        "{line}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn n20_a_web_socket_on_a_stream_is_told_to_come_again_when_its_side_is_drained() {
    let pair = Pair::tls("drain.streams = \"1s\"\n").await;
    let (mut frames, mut heads) = (Frames::connect(&pair.door, HOST).await, Heads::default());
    open(&mut frames, &mut heads, 1, "/ws").await;
    let mut swap = pair.door.watch(&["swap", "prod"]);
    swap.switched().await;
    frames.send(DATA, 0, 1, &text("still blue")).await;
    assert_eq!(receive(&mut frames, 1, 12).await.0, b"\x81\x0astill blue");
    assert_eq!(
        receive(&mut frames, 1, 4).await.0,
        b"\x88\x02\x03\xf4",
        "1012, service restart"
    );
    frames.send(DATA, 0, 1, &[0x88, 0x82, 0, 0, 0, 0, 0x03, 0xf4]).await;
    let finished = swap.finish().await;
    finished.assert_done();
    assert_eq!(finished.drained(), (0, 1, 0), "(finished, ended, cut)");
    // The next one is green's, on the same connection.
    open(&mut frames, &mut heads, 3, "/ws").await;
    assert_eq!(pair.green.last_seen("/ws").target, "/ws");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_web_socket_that_its_client_resets_or_its_app_refuses() {
    let pair = Pair::tls("").await;
    let (mut frames, mut heads) = (Frames::connect(&pair.door, HOST).await, Heads::default());
    open(&mut frames, &mut heads, 1, "/ws").await;
    frames.send(RST_STREAM, 0, 1, &CANCEL.to_be_bytes()).await;
    let line = &pair.door.logged("\"/ws\"", 1).await[0];
    assert_eq!(line["termination"], "client: gone", "{line}");
    pair.blue.on(
        "/no",
        vec![send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")],
    );
    assert_eq!(open(&mut frames, &mut heads, 3, "/no").await[0].1, "403");
    assert_eq!(receive(&mut frames, 3, 2).await.0, b"no");
    // What would open it over HTTP/2, where it has opened none (RFC 8441 §5).
    pair.blue.on(
        "/page",
        vec![send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n<!doctype")],
    );
    assert_eq!(open(&mut frames, &mut heads, 5, "/page").await[0].1, "502");
    let line = &pair.door.logged("\"/page\"", 1).await[0];
    assert_eq!(
        (&line["termination"], &line["reason"]),
        (
            &"app: no valid response".into(),
            &"2xx to a request for a WebSocket, and no switch".into()
        ),
        "{line}"
    );
    // Another protocol than WebSocket.
    let fields: [(&str, &[u8]); 5] = [
        (":method", b"CONNECT"),
        (":protocol", b"connect-udp"),
        (":scheme", b"https"),
        (":authority", HOST.as_bytes()),
        (":path", b"/udp"),
    ];
    frames.request(7, &fields, false).await;
    assert_eq!(heads.read(&frames.until_end(7).await[0])[0].1, "400");
}

#[tokio::test(flavor = "multi_thread")]
async fn e7_a_web_socket_on_a_stream_has_no_body_and_one_that_its_client_has_ended_is_over() {
    let pair = Pair::tls("").await;
    let (mut frames, mut heads) = (Frames::connect(&pair.door, HOST).await, Heads::default());
    for (stream, length) in [(1, &b"5"[..]), (3, b"0")] {
        let fields = [&request("/with-a-body")[..], &[("content-length", length)]].concat();
        frames.request(stream, &fields, false).await;
        frames
            .send(DATA, END_STREAM, stream, &b"hello"[..length[0] as usize % 16])
            .await;
        let seen = frames.until_end(stream).await;
        let head = seen.iter().find(|frame| frame.kind == HEADERS).expect("an answer");
        assert_eq!(heads.read(head)[0].1, "400", "{seen:?}");
    }
    let targets = pair.blue.targets();
    assert!(!targets.contains(&"GET /with-a-body".to_owned()), "{targets:?}");
    // END_STREAM is the end of what the client says (RFC 8441 §5): the app hears of it, and there is nothing left to be said.
    frames.request(5, &request("/ws"), true).await;
    let seen = frames.until_end(5).await;
    assert_eq!(heads.read(&seen[0])[0].1, "200", "{seen:?}");
    assert!(body(&seen).is_empty(), "{seen:?}");
    let line = &pair.door.logged("\"/ws\"", 1).await[0];
    assert_eq!(line["termination"], "done", "{line}");
    frames.request(7, &request("/ws"), false).await;
    let frame = loop {
        let frame = frames.next(&mut 0).await.expect("the connection goes on");
        if frame.kind == HEADERS {
            break frame;
        }
    };
    assert_eq!(heads.read(&frame)[0].1, "200");
}
