//! Who opens a WebSocket on a stream of HTTP/2 (RFC 8441), which browsers do wherever it is offered.

use super::{ANNA, BASIC, DEV, Guarded, PROD, value};
use crate::common::frames::{DATA, Frames, Heads, field, text};

/// A connection whose handshake was for one host, with WebSockets that are asked for one after the other.
struct Browser {
    frames: Frames,
    heads: Heads,
    next: u32,
}

impl Browser {
    async fn connect(it: &Guarded, name: &str) -> Self {
        Self {
            frames: Frames::connect(&it.door, name).await,
            heads: Heads::default(),
            next: 1,
        }
    }

    /// Asks for one: the stream, and the head of the answer.
    async fn ask(&mut self, host: &str, authorization: Option<&str>) -> (u32, Vec<(String, String)>) {
        let stream = self.next;
        self.next += 2;
        let fields: Vec<_> = authorization
            .iter()
            .map(|value| ("authorization", value.as_bytes()))
            .collect();
        self.frames.web_socket(stream, host, "/ws", &fields).await;
        (stream, self.frames.head(&mut self.heads, stream).await)
    }

    /// It is the app's: what is said comes back.
    async fn echoes(&mut self, stream: u32) {
        self.frames.send(DATA, 0, stream, &text("hello")).await;
        loop {
            let frame = self.frames.next(&mut 0).await.expect("a frame");
            if frame.kind == DATA && frame.stream == stream {
                assert_eq!(frame.payload, b"\x81\x05hello");
                return;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_web_socket_over_http2_is_asked_for_a_password_before_it_opens() {
    let it = Guarded::tls(BASIC).await;
    let mut browser = Browser::connect(&it, DEV).await;
    let wrong = [
        None,
        Some(value("anna:wrong")),
        Some(value(ANNA).replace("Basic", "Bearer")),
    ];
    for wrong in &wrong {
        let (_, head) = browser.ask(DEV, wrong.as_deref()).await;
        assert_eq!(field(&head, ":status"), Some("401"), "{wrong:?}");
        let asked = "Basic realm=\"restricted\", charset=\"UTF-8\"";
        assert_eq!(field(&head, "www-authenticate"), Some(asked), "{head:?}");
        assert_eq!(field(&head, "x-app"), None, "{head:?}");
    }
    assert_eq!(it.dev.requests(), 0, "the app has heard of none of it");
    let (stream, head) = browser.ask(DEV, Some(&value(ANNA))).await;
    assert_eq!(
        (field(&head, ":status"), field(&head, "x-app")),
        (Some("200"), Some("dev"))
    );
    browser.echoes(stream).await;
    let seen = it.dev.last_seen("/ws").head;
    assert_eq!(seen.fields.get("authorization"), None, "they were for the proxy");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_web_socket_over_http2_opens_for_those_addresses_alone_that_may() {
    let it = Guarded::tls("auth.allow = [\"192.0.2.0/24\", \"127.0.0.2\"]").await;
    let mut browser = Browser::connect(&it, DEV).await;
    for authorization in [None, Some(value(ANNA))] {
        let (_, head) = browser.ask(DEV, authorization.as_deref()).await;
        assert_eq!((field(&head, ":status"), field(&head, "x-app")), (Some("403"), None));
    }
    assert_eq!(it.dev.requests(), 0);
    it.door.logged("client: not allowed", 2).await;
    let it = Guarded::tls("auth.allow = \"127.0.0.1\"").await;
    let mut browser = Browser::connect(&it, DEV).await;
    let (stream, head) = browser.ask(DEV, None).await;
    assert_eq!(field(&head, ":status"), Some("200"));
    browser.echoes(stream).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e19_the_handshake_of_prod_opens_no_web_socket_of_dev() {
    let it = Guarded::tls(BASIC).await;
    let mut browser = Browser::connect(&it, PROD).await;
    for authorization in [None, Some(value(ANNA))] {
        let (_, head) = browser.ask(DEV, authorization.as_deref()).await;
        assert_eq!(field(&head, ":status"), Some("421"), "{authorization:?}");
    }
    assert_eq!(it.dev.requests(), 0);
    // The connection is as good as before.
    let (stream, head) = browser.ask(PROD, None).await;
    assert_eq!(
        (field(&head, ":status"), field(&head, "x-app")),
        (Some("200"), Some("prod"))
    );
    browser.echoes(stream).await;
}
