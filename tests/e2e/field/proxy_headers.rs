//! The PROXY header of both versions, on both ports: it is read from proxies that are trusted, whole, and from nobody else (E14).

use std::net::{IpAddr, Ipv4Addr};

use tokio::net::TcpSocket;

use super::values;
use crate::common::client::{Client, handshake};
use crate::common::fixture::{HOST, PLAIN, Pair};
use crate::common::incoming::Broken;
use crate::common::wire::Wire;
use tokio::io::AsyncWriteExt as _;

/// One proxy of this machine is trusted, and one network.
const SERVER: &str = "trusted_proxies = [\"127.0.0.2\", \"192.0.2.0/24\"]\nproxy_protocol = true\n";
const TRUSTED: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const STRANGER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);

/// A header of the second version: command and family, addresses with ports, and what may stand behind them.
fn v2(command: u8, family: u8, addresses: &[u8], more: &[u8]) -> Vec<u8> {
    let len = (addresses.len() + more.len()) as u16;
    let head = [
        &b"\r\n\r\n\0\r\nQUIT\n"[..],
        &[0x20 | command, family],
        &len.to_be_bytes(),
    ]
    .concat();
    [&head, addresses, more].concat()
}

fn v2_from(client: IpAddr, more: &[u8]) -> Vec<u8> {
    let ports = [0x9c, 0x40, 0x01, 0xbb];
    match client {
        IpAddr::V4(client) => v2(
            1,
            0x11,
            &[&client.octets()[..], &[192, 0, 2, 200], &ports].concat(),
            more,
        ),
        IpAddr::V6(client) => v2(1, 0x21, &[&client.octets()[..], &[9; 16], &ports].concat(), more),
    }
}

fn v1_from(client: IpAddr) -> Vec<u8> {
    match client {
        IpAddr::V4(client) => format!("PROXY TCP4 {client} 192.0.2.200 40000 443\r\n").into_bytes(),
        IpAddr::V6(client) => format!("PROXY TCP6 {client} 2001:db8:ffff::1 40000 443\r\n").into_bytes(),
    }
}

/// A client that has sent this header from there, and speaks on behind it.
async fn behind(pair: &Pair, from: Ipv4Addr, header: &[u8]) -> Result<Client, Broken> {
    let target = pair.target();
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((from, 0).into()).unwrap();
    let mut tcp = socket.connect(target.address).await.unwrap();
    // In two pieces, and what follows may come with the second.
    let (first, rest) = header.split_at(header.len() / 2);
    for piece in [first, rest] {
        let _ = tcp.write_all(piece).await;
    }
    match &target.tls {
        None => Ok(Client::over(Wire::Tcp(tcp))),
        Some((h1, _)) => handshake(tcp, HOST, h1).await.map(Client::over),
    }
}

/// Whom app and log take for the client.
async fn known_as(pair: &Pair, from: Ipv4Addr, header: &[u8], n: usize) -> String {
    let mut client = behind(pair, from, header).await.unwrap();
    let target = format!("/head?header={n}-");
    let answer = client.get(&pair.target().host, &target).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    let head = answer.text();
    let real = values(&head, "x-real-ip");
    assert_eq!(real.len(), 1, "{head}");
    assert_eq!(values(&head, "x-forwarded-for"), real, "{head}");
    assert_eq!(pair.door.logged(&target, 1).await[0]["client"], real[0]);
    real[0].to_owned()
}

async fn both() -> [Pair; 2] {
    [Pair::plain_with(SERVER, "").await, Pair::tls_with(SERVER, "").await]
}

#[tokio::test(flavor = "multi_thread")]
async fn e14_a_proxy_header_of_either_version_names_the_client_on_both_ports() {
    let v4: IpAddr = "203.0.113.7".parse().unwrap();
    let v6: IpAddr = "2001:db8::7".parse().unwrap();
    // PP2_TYPE_NOOP and PP2_TYPE_AUTHORITY, of which we take nothing.
    let more = [&[4, 0, 3, 0, 0, 0, 2, 0, 9][..], b"evil.test"].concat();
    let headers = [
        (v1_from(v4), "203.0.113.7"),
        (v1_from(v6), "2001:db8::7"),
        (v2_from(v4, b""), "203.0.113.7"),
        (v2_from(v6, b""), "2001:db8::7"),
        (v2_from(v4, &more), "203.0.113.7"),
        (v2_from(v6, &more), "2001:db8::7"),
        // A health check of the proxy's own, whatever addresses it brings; and a kind of connection that has none.
        (v2(0, 0, b"", b""), "127.0.0.2"),
        (
            v2(0, 0x11, &[203, 0, 113, 9, 192, 0, 2, 1, 0, 1, 0, 2], b""),
            "127.0.0.2",
        ),
        (v2(1, 0, b"", &more), "127.0.0.2"),
        (b"PROXY UNKNOWN\r\n".to_vec(), "127.0.0.2"),
    ];
    for pair in both().await {
        for (n, (header, client)) in headers.iter().enumerate() {
            assert_eq!(
                known_as(&pair, TRUSTED, header, n).await,
                *client,
                "{n} at {}",
                pair.target().host
            );
        }
    }
}

/// Nothing of it is served: it ends, or it is told that this is no request.
async fn is_refused(pair: &Pair, from: Ipv4Addr, header: &[u8]) {
    let Ok(mut client) = behind(pair, from, header).await else {
        return;
    };
    match client.get(&pair.target().host, "/refused").await {
        Ok(answer) => assert_eq!((answer.status, answer.app()), (400, ""), "{header:?}"),
        Err(broken) => assert!(matches!(broken.kind(), "closed" | "reset"), "{header:?}: {broken}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn e14_a_proxy_header_of_a_stranger_is_no_header_and_nobody_is_believed() {
    let claimed: IpAddr = "203.0.113.7".parse().unwrap();
    for pair in both().await {
        for header in [
            v1_from(claimed),
            v2_from(claimed, b""),
            v2(0, 0, b"", b""),
            b"PROXY UNKNOWN\r\n".to_vec(),
        ] {
            is_refused(&pair, STRANGER, &header).await;
        }
        // Without one it is a client like all others, and itself.
        assert_eq!(known_as(&pair, STRANGER, b"", 0).await, "127.0.0.3");
        assert_eq!(pair.blue.asked("/refused"), 0);
        assert!(
            !pair.door.access_log().contains("203.0.113.7"),
            "{}",
            pair.door.access_log()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn e14_a_trusted_proxy_that_sends_no_whole_header_is_refused() {
    let claimed: IpAddr = "203.0.113.7".parse().unwrap();
    let mut other_version = v2_from(claimed, b"");
    other_version[12] = 0x31;
    let mut short = v2_from(claimed, b"");
    (short[14], short[15]) = (0, 4);
    short.truncate(20);
    for pair in both().await {
        for header in [
            b"".to_vec(),
            b"PROXY TCP4 203.0.113.7 192.0.2.200 40000\r\n".to_vec(),
            b"PROXY TCP4 203.0.113.7 192.0.2.200 40000 443\n".to_vec(),
            b"PROXY TCP4 2001:db8::7 192.0.2.200 40000 443\r\n".to_vec(),
            b"proxy TCP4 203.0.113.7 192.0.2.200 40000 443\r\n".to_vec(),
            other_version.clone(),
            short.clone(),
        ] {
            is_refused(&pair, TRUSTED, &header).await;
        }
        assert_eq!(pair.blue.asked("/refused"), 0);
    }
}

/// Which address may enter, and whose rate is counted, is asked of the client that the header names.
#[tokio::test(flavor = "multi_thread")]
async fn e14_who_may_enter_is_whom_the_header_names() {
    let more = "auth.allow = \"203.0.113.0/24\"\nlimit.rate = \"1/min\"\n";
    let pair = Pair::plain_with(SERVER, more).await;
    let status = async |client: &str, from| {
        let header = v2_from(client.parse().unwrap(), b"");
        let mut client = behind(&pair, from, &header).await.unwrap();
        client.get(PLAIN, "/").await.unwrap().status
    };
    assert_eq!(status("203.0.113.7", TRUSTED).await, 200);
    assert_eq!(status("203.0.113.7", TRUSTED).await, 429);
    assert_eq!(status("203.0.113.8", TRUSTED).await, 200);
    assert_eq!(status("198.51.100.1", TRUSTED).await, 403);
    assert_eq!(status("203.0.113.9", STRANGER).await, 400);
    assert_eq!(pair.blue.requests(), 2);
}
