//! Clients that read their answer slowly or not at all (E23), and those that only have a slow app.

use tokio::io::AsyncReadExt;
use tokio::time::Instant;

use super::nothing_is_left;
use crate::common::app::{App, Step, send};
use crate::common::client::Client;
use crate::common::fixture::{HOST, PLAIN, Pair};
use crate::common::{ms, secs};

const TIMES: &str = "pace=1000,look_after_client=50";
/// More than all buffers on the way hold together.
const SIZE: usize = 24 << 20;

fn serve_much(app: &App) {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\n\r\n");
    app.on("/much", vec![send(head), Step::Send(vec![b'x'; SIZE])]);
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunk = [format!("{SIZE:x}\r\n").as_bytes(), &vec![b'x'; SIZE], b"\r\n0\r\n\r\n"].concat();
    app.on("/chunked", vec![send(head), Step::Send(chunk)]);
}

async fn ask(client: &mut Client, host: &str, path: &str) {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
    client.send(request).await.unwrap();
}

/// Reads so many bytes every 50 ms, for so long. Whether the connection was still there at the end.
async fn sip(client: &mut Client, bytes: usize, millis: u64) -> bool {
    let until = Instant::now() + ms(millis);
    let mut room = vec![0; bytes];
    while Instant::now() < until {
        match tokio::time::timeout(secs(5), client.incoming.wire.read_exact(&mut room)).await {
            Ok(Ok(_)) => {}
            Ok(Err(_)) => return false,
            Err(_) => panic!("nothing came"),
        }
        tokio::time::sleep(ms(50)).await;
    }
    true
}

#[tokio::test(flavor = "multi_thread")]
async fn e23_a_client_that_reads_nothing_is_given_up_and_nothing_is_kept_for_it() {
    let (plain, tls) = tokio::join!(
        async { Pair::plain("timeout.idle = \"700ms\"\n").hasty(TIMES).await },
        async { Pair::tls("timeout.idle = \"700ms\"\n").hasty(TIMES).await },
    );
    serve_much(&plain.blue);
    serve_much(&tls.blue);
    let mut deaf = Vec::new();
    for path in ["/much", "/chunked"] {
        let mut client = Client::narrow(plain.door.http()).await.unwrap();
        ask(&mut client, PLAIN, path).await;
        let trust = tls.door.trust(&["http/1.1"]);
        let mut over_tls = Client::narrow_tls(tls.door.https(), HOST, &trust).await.unwrap();
        ask(&mut over_tls, HOST, path).await;
        deaf.extend([client, over_tls]);
    }
    for pair in [&plain, &tls] {
        let lines = pair.door.logged("\"client: stopped reading\"", 2).await;
        assert_eq!(lines[0]["reason"], "the client read nothing of the answer in time");
        nothing_is_left(&pair.door, 0).await;
    }
    drop(deaf);
}

#[tokio::test(flavor = "multi_thread")]
async fn e23_a_client_that_reads_slowly_and_steadily_keeps_its_answer() {
    let (plain, tls) = tokio::join!(
        async { Pair::plain("timeout.idle = \"1s\"\n").hasty(TIMES).await },
        async { Pair::tls("timeout.idle = \"1s\"\n").hasty(TIMES).await },
    );
    serve_much(&plain.blue);
    serve_much(&tls.blue);
    let trust = tls.door.trust(&["http/1.1"]);
    let mut clients = [
        (Client::narrow(plain.door.http()).await.unwrap(), PLAIN),
        (Client::narrow(plain.door.http()).await.unwrap(), PLAIN),
        (Client::narrow_tls(tls.door.https(), HOST, &trust).await.unwrap(), HOST),
    ];
    for ((client, host), path) in clients.iter_mut().zip(["/much", "/chunked", "/much"]) {
        ask(client, host, path).await;
    }
    // Far less in all of this time than a third of what the kernel buffers.
    let [(one, _), (two, _), (three, _)] = &mut clients;
    let kept = tokio::join!(sip(one, 1000, 4000), sip(two, 1000, 4000), sip(three, 1000, 4000));
    assert_eq!(kept, (true, true, true));
    let log = plain.door.access_log() + &tls.door.access_log();
    assert!(!log.contains("client:"), "{log}");
}

/// Reads a byte every 50 ms, for as long as there is one.
async fn trickle(client: &mut Client) {
    while client.incoming.wire.read_u8().await.is_ok() {
        tokio::time::sleep(ms(50)).await;
    }
}

/// The kernel says nothing of single bytes: what it has room for, it tells in thousands of them.
#[tokio::test(flavor = "multi_thread")]
async fn e23_a_client_that_reads_a_few_bytes_a_second_is_given_up() {
    let (plain, tls) = tokio::join!(
        async { Pair::plain("timeout.idle = \"2s\"\n").hasty(TIMES).await },
        async { Pair::tls("timeout.idle = \"2s\"\n").hasty(TIMES).await },
    );
    serve_much(&plain.blue);
    serve_much(&tls.blue);
    let trust = tls.door.trust(&["http/1.1"]);
    let mut one = Client::narrow(plain.door.http()).await.unwrap();
    let mut two = Client::narrow(plain.door.http()).await.unwrap();
    let mut three = Client::narrow_tls(tls.door.https(), HOST, &trust).await.unwrap();
    ask(&mut one, PLAIN, "/much").await;
    ask(&mut two, PLAIN, "/chunked").await;
    ask(&mut three, HOST, "/much").await;
    // What their systems have of it, they go on reading for a while when it is over.
    let trickles = async { tokio::join!(trickle(&mut one), trickle(&mut two), trickle(&mut three)) };
    let given_up = async {
        plain.door.logged("\"client: stopped reading\"", 2).await;
        tls.door.logged("\"client: stopped reading\"", 1).await;
    };
    tokio::join!(given_up, async {
        let _ = tokio::time::timeout(secs(8), trickles).await;
    });
    for (app, path, number) in [
        (&plain.blue, "/much", 1),
        (&plain.blue, "/chunked", 1),
        (&tls.blue, "/much", 1),
    ] {
        assert_eq!(app.works_for_none(path).await, number, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn e23_an_app_that_sends_slowly_costs_no_client_its_answer() {
    let pair = Pair::plain("timeout.idle = \"1s\"\n")
        .hasty("pace=300,look_after_client=50")
        .await;
    let mut client = pair.door.plain().await;
    // 20 bytes a second.
    let answer = client.get(PLAIN, "/stream?chunks=8&size=10&ms=500").await.unwrap();
    assert_eq!((answer.status, answer.body.len()), (200, 80));
}

#[tokio::test(flavor = "multi_thread")]
async fn e23_event_streams_may_stand_still_over_tls_too() {
    const TIMES: &str = "pace=300,look_after_client=50";
    let (plain, tls) = tokio::join!(
        async { Pair::plain("timeout.idle = \"300ms\"\n").hasty(TIMES).await },
        async { Pair::tls("timeout.idle = \"300ms\"\n").hasty(TIMES).await },
    );
    let events = Step::Send(vec![b':'; SIZE]);
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
    let trust = tls.door.trust(&["http/1.1"]);
    let one = Client::narrow(plain.door.http()).await.unwrap();
    let two = Client::narrow_tls(tls.door.https(), HOST, &trust).await.unwrap();
    for (pair, mut client, host) in [(&plain, one, PLAIN), (&tls, two, HOST)] {
        pair.blue.on("/events", vec![send(head), events.clone(), Step::Hang]);
        ask(&mut client, host, "/events").await;
        assert!(sip(&mut client, 100, 100).await);
        tokio::time::sleep(secs(2)).await;
        // More than its system and TLS have had all the while.
        assert!(sip(&mut client, 100_000, 500).await, "{host}: it was cut");
        assert!(!pair.door.access_log().contains("reading"), "{host}");
        let streams = pair.door.environment("prod").await.services[0].streams;
        assert_eq!(streams, 1, "{host}");
    }
}
