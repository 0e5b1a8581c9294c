//! The floods of HTTP/1.1: requests whose answers nobody reads, and bodies of many small pieces. What is kept for a connection is
//! bounded, and what is not read of it stays in the client's own socket (E27).

use tokio::io::AsyncWriteExt;

use super::attack::Poured;
use crate::common::beside::{Allowed, beside_a_good_client};
use crate::common::client::Client;
use crate::common::fixture::Pair;
use crate::common::{ms, secs};

/// What one connection's flood may cost.
const LITTLE: Allowed = Allowed { mib: 6, cpu: secs(2) };

/// Writes until all is written, or nothing more is taken.
async fn pour(client: &mut Client, bytes: &[u8]) -> Poured {
    let wire = &mut client.incoming.wire;
    let written = async {
        wire.write_all(bytes).await?;
        wire.flush().await
    };
    match tokio::time::timeout(ms(500), written).await {
        Ok(Ok(())) => Poured::Taken,
        Ok(Err(_)) => Poured::Closed,
        Err(_) => Poured::Blocked,
    }
}

/// Requests of a client that reads no answer: it is held back long before all have reached the app.
async fn pipelined(pair: Pair) {
    let host = pair.target().host;
    pair.blue.remember_all();
    beside_a_good_client(&pair, LITTLE, async {
        let mut client = pair.target().client().await.unwrap();
        let padding = "x".repeat(1000);
        let request = format!("GET /pipelined?{padding} HTTP/1.1\r\nHost: {host}\r\n\r\n").repeat(100);
        let mut poured = Poured::Taken;
        for _ in 0..500 {
            poured = pour(&mut client, request.as_bytes()).await;
            if poured != Poured::Taken {
                break;
            }
        }
        assert_eq!(poured, Poured::Blocked);
    })
    .await;
    let reached = pair
        .blue
        .targets()
        .iter()
        .filter(|target| target.contains("/pipelined"))
        .count();
    // Answers as large as the requests fill the sockets in between.
    assert!(
        (1..30_000).contains(&reached),
        "{reached} requests have reached the app"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn e27_pipelined_requests_whose_answers_nobody_reads() {
    pipelined(Pair::plain("").await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e27_pipelined_requests_over_tls_whose_answers_nobody_reads() {
    pipelined(Pair::tls("").await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e27_pipelined_requests_are_answered_in_order() {
    let pair = Pair::plain("").await;
    let host = pair.target().host;
    let mut client = pair.target().client().await.unwrap();
    let requests: String = (0..2000)
        .map(|n| format!("GET /{n} HTTP/1.1\r\nHost: {host}\r\n\r\n"))
        .collect();
    beside_a_good_client(&pair, LITTLE, async {
        let wire = &mut client.incoming.wire;
        wire.write_all(requests.as_bytes()).await.unwrap();
        for n in 0..2000 {
            assert_eq!(client.response("GET").await.unwrap().text(), format!("blue v1 /{n}"));
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e27_a_body_of_chunks_of_one_byte() {
    let pair = Pair::plain("").await;
    let host = pair.target().host;
    beside_a_good_client(&pair, LITTLE, async {
        let mut client = pair.target().client().await.unwrap();
        let head = format!("POST /echo HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n");
        let body = [head.as_bytes(), &b"1\r\nx\r\n".repeat(50_000), b"0\r\n\r\n"].concat();
        client.send(&body).await.unwrap();
        assert_eq!(client.response("POST").await.unwrap().body, b"x".repeat(50_000));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e5_an_extension_or_a_trailer_without_end_is_cut_off() {
    let pair = Pair::plain("").await;
    let host = pair.target().host;
    let cases = [
        // One extension, extensions behind each byte of data, one trailer, trailers, digits, empty lines before a size.
        ("1;a=", "x".repeat(10_000)),
        ("", format!("1;{}\r\nx\r\n", "y".repeat(1000)).repeat(10)),
        ("0\r\nx-trailer: ", "x".repeat(10_000)),
        ("0\r\n", "x-trailer: value\r\n".repeat(500)),
        ("", "0".repeat(10_000)),
    ];
    for (n, (begin, more)) in cases.into_iter().enumerate() {
        let target = format!("/endless/{n}");
        let head = format!("POST {target} HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n");
        beside_a_good_client(&pair, LITTLE, async {
            let mut client = pair.target().client().await.unwrap();
            client.send(head).await.unwrap();
            pair.blue.reached(&target).await;
            client.send(begin).await.unwrap();
            // It is refused at its bound; what comes behind is discarded for a while, so that the answer is read.
            let mut sent = 0;
            while sent < 20 << 20 && pour(&mut client, more.as_bytes()).await == Poured::Taken {
                sent += more.len();
            }
            match client.response("POST").await {
                Ok(answer) => assert_eq!(answer.status, 400, "{begin:?}"),
                Err(broken) => assert!(matches!(broken.kind(), "closed" | "reset"), "{begin:?}: {broken}"),
            }
            client.until_end().await.expect("an end");
        })
        .await;
        assert!(!pair.blue.whole(&target).await, "{begin:?} looks whole to the app");
    }
}
