//! Leaving the old side: streams keep their time and end politely, and "safe to stop" means it (N20 to N22).

use crate::common::app::{App, Step, send};
use crate::common::client::WEB_SOCKET;
use crate::common::door::{Door, QUICK_PLAIN, environment};
use crate::common::fixture::{HOST, PLAIN, Pair};
use crate::common::frames::{Frames, RST_STREAM};
use crate::common::load::{next, open_web_socket};
use crate::common::socket::{ACCEPT, echo};
use crate::common::{eventually, holds, ms, secs};
use greengate::model::api::exit;
use greengate::model::slot::Slot;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

/// The longest that an end may take after the deadline: it is spread over a few seconds, and a WebSocket's echo gets two.
const AFTER: std::time::Duration = secs(12);

#[tokio::test(flavor = "multi_thread")]
async fn n20_a_web_socket_keeps_its_time_and_is_then_told_to_come_again() {
    let pair = Pair::plain("drain.streams = \"2s\"\n").await;
    let mut socket = open_web_socket(&pair.target(), "/ws").await.unwrap();
    echo(&mut socket, "before").await;
    let mut swap = pair.door.watch(&["swap", "prod"]);
    swap.switched().await;
    let switched = Instant::now();
    echo(&mut socket, "after the switch, still with blue").await;

    let frame = match next(&mut socket).await.unwrap() {
        Message::Close(Some(frame)) => frame,
        other => panic!("not a close with a code: {other:?}"),
    };
    let lived = switched.elapsed();
    assert_eq!(frame.code, CloseCode::Restart, "1012, service restart");
    // The switch was a moment before its event was read, hence the margin.
    assert!(
        lived > ms(1200),
        "the WebSocket was ended {lived:?} after the switch, and `drain.streams` is 2 s"
    );
    assert!(lived < secs(2) + AFTER, "the WebSocket lived for {lived:?}");
    let finished = swap.finish().await;
    finished.assert_done();
    assert_eq!(finished.drained(), (0, 1, 0), "(finished, ended, cut)");
    eventually(secs(10), || async {
        let closes = pair.blue.closes();
        holds(closes == [Some(1012)] || closes == [Some(1001)], || {
            format!("the app was not told, masked: {closes:?}")
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn n20_events_end_at_the_boundary_of_an_event() {
    let pair = Pair::plain("drain.streams = \"1s\"\n").await;
    let mut clients = Vec::new();
    for each in [1, 3, 1, 3, 7] {
        let mut client = pair.ask(&format!("/sse?n=0&ms=40&each={each}")).await;
        client.incoming.until(b"data: blue 1").await.unwrap();
        clients.push(client);
    }
    let finished = pair.door.swap("prod", &[]).await;
    finished.assert_done();
    for mut client in clients {
        let answer = client.response("GET").await.expect("a clean end");
        let text = answer.text();
        assert!(
            text.ends_with("\n\n"),
            "ended inside of an event: …{:?}",
            &text[text.len().saturating_sub(60)..]
        );
        for (index, event) in text.trim_end().split("\n\n").enumerate() {
            assert_eq!(event, format!("id: {index}\ndata: blue {index}"));
        }
    }
    assert_eq!(finished.drained(), (0, 5, 0), "(finished, ended, cut)");
}

/// The head of an event stream with more fields, and what its app has sent of it.
fn events(fields: &str, sent: &str) -> Step {
    let length = sent.len();
    send(format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n{fields}Transfer-Encoding: chunked\r\n\r\n{length:x}\r\n{sent}\r\n"
    ))
}

#[tokio::test(flavor = "multi_thread")]
async fn n20_events_may_end_with_any_kind_of_line() {
    let pair = Pair::plain("drain.streams = \"1s\"\n").await;
    let ends = ["\n\n", "\r\n\r\n", "\r\r"];
    let mut clients = Vec::new();
    for (n, end) in ends.iter().enumerate() {
        let target = format!("/events/{n}");
        pair.blue
            .on(&target, vec![events("", &format!("data: 1{end}")), Step::UntilGone]);
        let mut client = pair.ask(&target).await;
        client.incoming.until(b"data: 1").await.unwrap();
        clients.push(client);
    }
    let finished = pair.door.swap("prod", &[]).await;
    finished.assert_done();
    for (mut client, end) in clients.into_iter().zip(ends) {
        let answer = client.response("GET").await.expect("a clean end");
        assert_eq!(answer.text(), format!("data: 1{end}"));
    }
    assert_eq!(finished.drained(), (0, 3, 0), "(finished, ended, cut)");
}

#[tokio::test(flavor = "multi_thread")]
async fn n20_a_stream_that_stops_within_an_event_is_as_patient_as_ever_and_no_more() {
    let pair = Pair::plain("timeout.stream = \"2s\"\n").await;
    pair.blue
        .on("/half", vec![events("", "data: 1\n\ndata: h"), Step::UntilGone]);
    let mut client = pair.ask("/half").await;
    client.incoming.until(b"data: h").await.unwrap();
    let began = Instant::now();
    pair.door.proxyctl(&["pause", "prod"]).await.assert_code(exit::DONE);
    assert!(began.elapsed() > secs(1), "within {:?}", began.elapsed());
    let broken = client.response("GET").await.expect_err("half of an event looked whole");
    assert!(matches!(broken.kind(), "truncated" | "reset"), "{broken}");
    let line = &pair.door.logged("/half", 1).await[0];
    assert_eq!(line["termination"], "app: stopped sending", "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn n20_any_other_body_is_cut_and_never_given_a_false_end() {
    let pair = Pair::plain("drain.streams = \"1s\"\n").await;
    let length = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nfirst";
    pair.blue.on("/length", vec![send(length), Step::Hang]);
    // Nobody sees where the events end of a stream that the app itself has encoded.
    let encoded = events("Content-Encoding: gzip\r\n", "\u{1f}\u{8}\n\n");
    pair.blue.on("/encoded", vec![encoded, Step::UntilGone]);
    let mut clients = Vec::new();
    for target in ["/stream?chunks=100000&size=10&ms=20", "/length", "/encoded"] {
        let mut client = pair.ask(target).await;
        client.incoming.until(b"\r\n\r\n").await.unwrap();
        clients.push(client);
    }
    let finished = pair.door.swap("prod", &[]).await;
    finished.assert_done();
    for mut client in clients {
        let broken = client
            .response("GET")
            .await
            .expect_err("a body that was cut looked whole");
        assert!(matches!(broken.kind(), "truncated" | "reset"), "{broken}");
    }
    assert_eq!(finished.drained(), (0, 0, 3), "(finished, ended, cut)");
}

#[tokio::test(flavor = "multi_thread")]
async fn n20_a_body_whose_http2_client_does_not_read_is_cut_too() {
    let pair = Pair::tls("drain.streams = \"1s\"\n").await;
    let large = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n{}",
        "x".repeat(900_000)
    );
    pair.blue.on("/large", vec![send(large)]);
    let mut frames = Frames::narrow(&pair.door, HOST).await;
    frames
        .request(
            1,
            &[
                (":method", b"GET"),
                (":scheme", b"https"),
                (":authority", HOST.as_bytes()),
                (":path", b"/large"),
            ],
            true,
        )
        .await;
    pair.blue.reached("/large").await;
    let finished = pair.door.swap("prod", &[]).await;
    finished.assert_done();
    assert_eq!(
        frames.until_end(1).await.pop().map(|frame| frame.kind),
        Some(RST_STREAM)
    );
    assert_eq!(finished.drained(), (0, 0, 1), "(finished, ended, cut)");
    let line = &pair.door.logged("/large", 1).await[0];
    assert_eq!(line["termination"], "proxy: drain deadline");
}

#[tokio::test(flavor = "multi_thread")]
async fn n20_a_web_socket_that_is_stuck_inside_a_frame_ends_too() {
    let pair = Pair::plain("drain.streams = \"1s\"\n").await;
    // A text frame of 100 bytes, of which only four ever come.
    let stuck = vec![send(ACCEPT), send(b"\x81\x64half"), Step::Hang];
    pair.blue.on("/stuck", stuck);
    let mut client = pair.door.plain().await;
    client
        .send(format!("GET /stuck HTTP/1.1\r\nHost: {PLAIN}\r\n{WEB_SOCKET}\r\n"))
        .await
        .unwrap();
    assert_eq!(client.head().await.unwrap().0, 101);
    client.incoming.until(b"half").await.unwrap();
    pair.door.swap("prod", &[]).await.assert_done();
    while client.incoming.fill().await.expect("FIN, and no reset") > 0 {}
    assert_eq!(
        client.incoming.buffer[..],
        *b"\x81\x64half",
        "nothing may be written into the middle of a frame"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn n20_streams_of_other_environments_never_notice() {
    let [blue, green, dev] = [
        App::start("blue", "v1").await,
        App::start("green", "v2").await,
        App::start("dev", "v1").await,
    ];
    let dev_env = format!("[env.dev]\nhost = \"dev.test\"\nupstream = \"{}\"\n", dev.address());
    let prod = environment("prod", PLAIN, &blue, &green);
    let door = Door::start(&format!("{QUICK_PLAIN}{prod}drain.streams = \"1s\"\n{dev_env}")).await;
    let mut other = open_web_socket(&door.plain_target("dev.test"), "/ws").await.unwrap();
    let mut own = open_web_socket(&door.plain_target(PLAIN), "/ws").await.unwrap();
    echo(&mut own, "own").await;
    echo(&mut other, "other").await;
    door.swap("prod", &[]).await.assert_done();
    assert!(matches!(next(&mut own).await.unwrap(), Message::Close(_)));
    echo(&mut other, "still here").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn n20_a_request_without_an_answer_ends_at_its_own_deadline() {
    let pair = Pair::plain("drain.requests = \"1s\"\n").await;
    pair.blue.on("/never", vec![Step::Hang]);
    let mut client = pair.begin("/never").await;
    let finished = pair.door.swap("prod", &[]).await;
    finished.assert_done();
    assert_eq!(finished.drained().2, 1, "cut: {finished:#?}");
    // Nothing of an answer had been sent, so the client can still be told.
    let answer = client.response("GET").await.expect("an answer of the proxy's");
    assert_eq!(answer.status, 503, "{answer:?}");
    let line = &pair.door.logged("\"/never\"", 1).await[0];
    assert_eq!(line["termination"], "proxy: drain deadline", "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn n21_swap_returns_when_no_claim_is_left_and_says_what_is_safe_to_stop() {
    let pair = Pair::plain("").await;
    pair.blue.answer_when("/wait", "go", "ok");
    let mut client = pair.begin("/wait").await;

    let swap = pair.door.proxyctl(&["swap", "prod"]);
    let released = async {
        eventually(secs(20), || async {
            let env = pair.door.environment("prod").await;
            let requests: u64 = env.draining.iter().map(|side| side.requests).sum();
            holds(requests == 1 && env.live == Some(Slot::Green), || format!("{env:?}"))
        })
        .await;
        let moment = Instant::now();
        pair.blue.release("go");
        moment
    };
    let (output, released) = tokio::join!(
        async {
            let output = swap.await;
            (output, Instant::now())
        },
        released
    );
    let (output, returned) = output;
    assert!(
        returned > released,
        "swap returned while a request was with the old side"
    );
    output
        .assert_code(exit::DONE)
        .assert_says(&["safe to stop"])
        .assert_says(&["rollback prod"]);
    output.assert_says(&[&format!(":{}", pair.blue.tcp().port())]);
    assert_eq!(client.response("GET").await.unwrap().text(), "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn n21_an_idle_old_side_is_safe_to_stop_at_once() {
    // Long deadlines: a drain that is a fixed sleep would need them.
    let pair = Pair::plain("drain.requests = \"60s\"\ndrain.streams = \"60s\"\n").await;
    pair.get("/").await;
    let begin = Instant::now();
    pair.door.swap("prod", &[]).await.assert_done();
    assert!(begin.elapsed() < secs(15), "an idle side needed {:?}", begin.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn n22_a_drained_side_keeps_no_connection() {
    // Idle connections would live for a minute, were it not for the swap.
    let pair = Pair::plain("keepalive.idle = \"60s\"\n").await;
    let mut clients = Vec::new();
    for _ in 0..8 {
        clients.push(pair.door.plain().await);
    }
    let mut answers = Vec::new();
    for client in &mut clients {
        answers.push(client.get(PLAIN, "/slow?ms=50"));
    }
    for answer in futures_util::future::join_all(answers).await {
        assert_eq!(answer.unwrap().app(), "blue");
    }
    assert!(
        pair.blue.open_connections() > 0,
        "nothing was pooled, so nothing is proved"
    );
    pair.door.swap("prod", &[]).await.assert_done();
    eventually(secs(10), || async {
        let open = pair.blue.open_connections();
        holds(open == 0, || format!("{open} connections to the drained side are open"))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn n21_a_side_is_not_safe_to_stop_while_an_earlier_period_of_it_drains() {
    let pair = Pair::plain("").await;
    pair.blue.answer_when("/slow-one", "go", "slow");
    let mut client = pair.begin("/slow-one").await;
    pair.door.watch(&["swap", "prod"]).switched().await;
    pair.door.rollback("prod", &[]).await.assert_done();
    let mut swap = pair.door.watch(&["swap", "prod"]);
    swap.switched().await;
    swap.drains().await;
    pair.blue.release("go");
    assert_eq!(client.response("GET").await.unwrap().text(), "slow");
    swap.finish().await.assert_done();
}
