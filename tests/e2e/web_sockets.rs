//! WebSockets over HTTP/1.1 whose client reads slowly, or whose app never rests: how they end.

use std::time::Duration;

use crate::common::app::{Step, send};
use crate::common::client::{Client, WEB_SOCKET};
use crate::common::fixture::{HOST, PLAIN, Pair};
use crate::common::ms;
use crate::common::socket::{ACCEPT, ECHO, MESSAGE, NORMAL, RESTART, messages, whole};

/// How long a client that reads slowly rests behind each part that it has read.
const REST: Duration = ms(2);

/// A WebSocket whose client has next to no room for what it has not read.
async fn open(pair: &Pair, path: &str) -> Client {
    let (mut client, host) = if pair.target().tls.is_some() {
        let trust = pair.door.trust(&["http/1.1"]);
        let client = Client::narrow_tls(pair.door.https(), HOST, &trust).await;
        (client.unwrap(), HOST)
    } else {
        (Client::narrow(pair.door.http()).await.unwrap(), PLAIN)
    };
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{WEB_SOCKET}\r\n");
    client.send(request).await.unwrap();
    assert_eq!(client.head().await.unwrap().0, 101);
    client
}

/// Reads slowly until `is_over`, or the end: whether it ended.
async fn read_slowly(client: &mut Client, is_over: impl Fn(&[u8]) -> bool) -> bool {
    let mut rested = 0;
    while !is_over(&client.incoming.buffer) {
        if client.incoming.fill().await.unwrap() == 0 {
            return true;
        }
        if client.incoming.buffer.len() - rested > 64 * 1024 {
            rested = client.incoming.buffer.len();
            tokio::time::sleep(REST).await;
        }
    }
    false
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_app_says_last_arrives_however_slowly_its_client_reads() {
    for pair in [Pair::plain("").await, Pair::tls("").await] {
        let all = [&messages(80), NORMAL].concat();
        pair.blue.on("/far", vec![send(ACCEPT), Step::Send(all), Step::Close]);
        let mut client = open(&pair, "/far").await;
        // Over TLS the end is one that nobody on the way can make.
        assert!(read_slowly(&mut client, |_| false).await);
        assert_eq!(whole(&client.incoming.buffer), (80, NORMAL));
        client.half_close().await.unwrap();
        let line = &pair.door.logged("\"/far\"", 1).await[0];
        assert_eq!(line["termination"], "done", "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn n20_one_that_never_rests_is_told_to_come_again_between_two_messages() {
    for pair in [
        Pair::plain("drain.streams = \"300ms\"\n").hasty("spread=100").await,
        Pair::tls("drain.streams = \"300ms\"\n").hasty("spread=100").await,
    ] {
        pair.blue
            .on("/busy", vec![send(ACCEPT), Step::Send(messages(400)), Step::Hang]);
        let mut client = open(&pair, "/busy").await;
        read_slowly(&mut client, |bytes| bytes.len() > MESSAGE).await;
        let swap = pair.door.watch(&["swap", "prod"]);
        let ended = read_slowly(&mut client, |bytes| bytes.ends_with(RESTART)).await;
        let (count, rest) = whole(&client.incoming.buffer);
        assert!(
            !ended && rest == RESTART,
            "{} bytes behind {count} messages, ended: {ended}",
            rest.len()
        );
        assert!((1..400).contains(&count));
        client.send(ECHO).await.unwrap();
        assert_eq!(whole(&client.until_end().await.unwrap()), (count, RESTART));
        swap.finish().await.assert_done();
    }
}
