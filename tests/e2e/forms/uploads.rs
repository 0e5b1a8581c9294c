//! Uploads over HTTP/1.1 that are refused here, by each status that can be (N15): a client that writes all of it before it looks for an
//! answer is not broken off, and reads the whole of it.

use crate::common::client::Client;
use crate::common::count;
use crate::common::fixture::{HOST, PLAIN, Pair};
use crate::common::load::bytes;

/// More than the kernel takes for somebody who does not read.
const UPLOAD: usize = 8 << 20;

/// How its end is said.
const FRAMINGS: [&str; 2] = ["Content-Length", "chunked"];

/// The head's last lines, and the body.
fn body(framing: &str) -> (String, Vec<u8>) {
    let body = bytes(UPLOAD);
    match framing {
        "chunked" => {
            let chunk = [format!("{UPLOAD:x}\r\n").as_bytes(), &body, b"\r\n0\r\n\r\n"].concat();
            ("Transfer-Encoding: chunked\r\n\r\n".to_owned(), chunk)
        }
        _ => (format!("{framing}: {UPLOAD}\r\n\r\n"), body),
    }
}

/// The rest of an upload is taken, and this is its answer.
async fn is_answered(mut client: Client, rest: &[u8], status: u16, what: &str) {
    let sent = client.send(rest).await;
    sent.unwrap_or_else(|broken| panic!("{what}: the upload was broken off: {broken}"));
    let answer = client.response("POST").await;
    let answer = answer.unwrap_or_else(|broken| panic!("{what}: the answer was lost: {broken}"));
    assert_eq!((answer.status, answer.app()), (status, ""), "{what}");
    assert!(answer.fields.has_token("connection", "close"), "{what}: {answer:?}");
    assert_eq!(client.until_end().await.unwrap(), b"", "{what}");
}

/// Uploads with these first lines, again and again.
async fn refused(pair: &Pair, begin: &str, status: u16) {
    for framing in FRAMINGS {
        let (end, body) = body(framing);
        for round in 0..count(3, 50) {
            let mut client = pair.target().client().await.unwrap();
            client.send(format!("{begin}{end}")).await.unwrap();
            is_answered(client, &body, status, &format!("{status}, {framing}, round {round}")).await;
        }
    }
    assert!(!pair.blue.targets().contains(&"POST /echo".to_owned()), "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn n15_whatever_refuses_an_upload_is_read_by_who_sends_all_of_it_first() {
    let pair = Pair::plain("").await;
    let post = |host: &str| format!("POST /echo HTTP/1.1\r\nHost: {host}\r\n");
    refused(&pair, &post("unknown.test"), 404).await;
    refused(&pair, &format!("{}Expect: nothing\r\n", post(PLAIN)), 417).await;
    refused(&pair, &post(PLAIN).replace("POST", "TRACE"), 405).await;
    refused(&pair, &format!("{}X y: z\r\n", post(PLAIN)), 400).await;
    refused(&pair, &post(&format!("{PLAIN}\r\nHost: {PLAIN}")), 400).await;
    refused(&Pair::plain("auth.allow = \"192.0.2.1\"\n").await, &post(PLAIN), 403).await;
    refused(&Pair::tls("").await, &post("other.test"), 421).await;
    pair.door.proxyctl(&["maintenance", "prod", "on"]).await.assert_code(0);
    refused(&pair, &post(PLAIN), 503).await;
    let tls = Pair::tls("").await;
    tls.door.proxyctl(&["maintenance", "prod", "on"]).await.assert_code(0);
    refused(&tls, &post(HOST), 503).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn n15_an_upload_that_stood_still_goes_on_to_its_end_and_reads_its_408() {
    let pair = Pair::plain("timeout.idle = \"1s\"\n").hasty("linger=60000").await;
    for framing in FRAMINGS {
        let (end, body) = body(framing);
        let target = format!("/stands-still/{framing}");
        let mut client = pair.door.plain().await;
        let head = format!("POST {target} HTTP/1.1\r\nHost: {PLAIN}\r\n{end}");
        client.send([head.as_bytes(), &body[..1000]].concat()).await.unwrap();
        let line = &pair.door.logged(&target, 1).await[0];
        assert_eq!(
            (&line["status"], &line["termination"]),
            (&408.into(), &"client: slow body".into()),
            "{line}"
        );
        is_answered(client, &body[1000..], 408, framing).await;
        assert!(!pair.blue.whole(&target).await, "{framing}");
    }
}
