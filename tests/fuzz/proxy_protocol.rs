//! PROXY headers, versions 1 and 2.

use greengate::model::proxy_protocol::{Parsed, V2_MAX, parse};
use std::net::{IpAddr, SocketAddr};

use crate::fuzz;

const WORDS: &[&[u8]] = &[
    b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n",
    b"PROXY TCP6 ",
    b"PROXY UNKNOWN",
    b"2001:db8::1 ",
    b"::ffff:192.0.2.1 ",
    b"\r\n",
    b"\r\n\r\n\0\r\nQUIT\n",
    b"\x21\x11\x00\x0c",
    b"\x20\x00\x00\x00",
    b"\x21\x21\x00\x24",
    b"\x21\x31\x00\xd8",
    b"65535",
    b"65536",
];

#[test]
fn a_header_is_the_same_in_any_parts_and_read_again_as_written() {
    fuzz("proxy_protocol", WORDS, |bytes| {
        let whole = parse(bytes);
        let long = bytes.len().min(V2_MAX + 1);
        // The first verdict of any kind is the last, whatever comes behind it.
        for end in (0..long).step_by(1 + long / 600) {
            match parse(&bytes[..end]) {
                Ok(Parsed::Partial) => {}
                verdict => assert_eq!(verdict, whole, "after {end} bytes"),
            }
        }
        match whole {
            Ok(Parsed::Partial) => assert!(bytes.len() < V2_MAX, "a header of {} bytes is waited for", bytes.len()),
            Ok(Parsed::Header {
                len,
                source,
                destination,
            }) => {
                assert!(len <= bytes.len() && len <= V2_MAX);
                assert_eq!(source.is_some(), destination.is_some());
                if let (Some(source), Some(destination)) = (source, destination) {
                    assert_eq!(source.is_ipv4(), destination.is_ipv4());
                    for written in [version_1(source, destination), version_2(source, destination)] {
                        let len = written.len();
                        let (source, destination) = (Some(source), Some(destination));
                        assert_eq!(
                            parse(&written),
                            Ok(Parsed::Header {
                                len,
                                source,
                                destination
                            })
                        );
                    }
                }
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    });
}

fn version_1(source: SocketAddr, destination: SocketAddr) -> Vec<u8> {
    let family = if source.is_ipv4() { "TCP4" } else { "TCP6" };
    let (from, to) = (source.ip(), destination.ip());
    let ports = (source.port(), destination.port());
    format!("PROXY {family} {from} {to} {} {}\r\n", ports.0, ports.1).into_bytes()
}

fn version_2(source: SocketAddr, destination: SocketAddr) -> Vec<u8> {
    let octets = |ip: IpAddr| match ip {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    };
    let (family, len) = if source.is_ipv4() { (0x11, 12) } else { (0x21, 36) };
    let mut bytes = b"\r\n\r\n\0\r\nQUIT\n\x21".to_vec();
    bytes.extend([family, 0, len]);
    bytes.extend(octets(source.ip()));
    bytes.extend(octets(destination.ip()));
    bytes.extend(source.port().to_be_bytes());
    bytes.extend(destination.port().to_be_bytes());
    bytes
}
