//! The PROXY header that a trusted peer sends before the first byte of a connection, versions 1 and 2
//! (<https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>).
//!
//! Bytes in, verdict out. Whether a peer is trusted, and how long it may take, is not decided here.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Longest version 1 header, CRLF included (§2.1).
pub const V1_MAX: usize = 107;

/// Longest version 2 header that is taken: its fixed part and 4096 bytes of addresses and extensions (TLVs).
pub const V2_MAX: usize = V2_FIXED + V2_VARIABLE_MAX;

const V1_START: &[u8] = b"PROXY ";
const V2_START: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
const V2_FIXED: usize = 16;
const V2_VARIABLE_MAX: usize = 4096;

/// What the bytes at the start of a connection are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parsed {
    /// The beginning of a header; more bytes are needed. Never for more than [`V2_MAX`] bytes.
    Partial,
    /// A whole header.
    Header {
        /// Its length in bytes; what follows belongs to the connection.
        len: usize,
        /// The client; `None` where the peer speaks for itself (`LOCAL`) or does not know (`UNKNOWN`, `UNSPEC`, unix sockets).
        source: Option<SocketAddr>,
        /// The address that the client connected to; present exactly when `source` is.
        destination: Option<SocketAddr>,
    },
}

/// Why bytes are not a PROXY header; the connection is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyProtocolError {
    /// They start like neither version.
    NotAHeader,
    /// Longer than [`V1_MAX`] or [`V2_MAX`].
    TooLong,
    /// They break the grammar of the version that they start like.
    Malformed(&'static str),
    /// A version, command, family or transport that no TCP connection has.
    Unsupported(&'static str),
}

impl fmt::Display for ProxyProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAHeader => f.write_str("no PROXY header"),
            Self::TooLong => f.write_str("PROXY header too long"),
            Self::Malformed(what) => write!(f, "malformed PROXY header: {what}"),
            Self::Unsupported(what) => write!(f, "unsupported PROXY header: {what}"),
        }
    }
}

impl std::error::Error for ProxyProtocolError {}

/// Reads the header at the start of a connection; call it again with all bytes so far while it is [`Parsed::Partial`].
///
/// # Errors
/// As soon as the bytes cannot become a header any more, without waiting for the rest.
pub fn parse(bytes: &[u8]) -> Result<Parsed, ProxyProtocolError> {
    if starts_alike(bytes, V1_START) {
        return v1(bytes);
    }
    if starts_alike(bytes, V2_START) {
        return v2(bytes);
    }
    Err(ProxyProtocolError::NotAHeader)
}

/// Whether the bytes start with `signature`, as far as both reach.
fn starts_alike(bytes: &[u8], signature: &[u8]) -> bool {
    bytes.iter().zip(signature).all(|(a, b)| a == b)
}

/// `PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n` (§2.1).
fn v1(bytes: &[u8]) -> Result<Parsed, ProxyProtocolError> {
    let window = &bytes[..bytes.len().min(V1_MAX)];
    let Some(end) = window.iter().position(|&b| b == b'\r' || b == b'\n') else {
        return if bytes.len() >= V1_MAX {
            Err(ProxyProtocolError::TooLong)
        } else {
            Ok(Parsed::Partial)
        };
    };
    if window[end] == b'\n' {
        return Err(ProxyProtocolError::Malformed("bare line feed"));
    }
    match window.get(end + 1) {
        Some(b'\n') => {}
        Some(_) => return Err(ProxyProtocolError::Malformed("bare carriage return")),
        None if window.len() == V1_MAX => return Err(ProxyProtocolError::TooLong),
        None => return Ok(Parsed::Partial),
    }
    let line = window.get(V1_START.len()..end).unwrap_or_default();
    let line = std::str::from_utf8(line).map_err(|_| ProxyProtocolError::Malformed("not ASCII"))?;
    let (family, rest) = line.split_once(' ').unwrap_or((line, ""));
    let len = end + 2;
    match family {
        // Whatever follows is to be ignored (§2.1).
        "UNKNOWN" => Ok(Parsed::Header {
            len,
            source: None,
            destination: None,
        }),
        "TCP4" => v1_addresses::<Ipv4Addr>(rest, len),
        "TCP6" => v1_addresses::<Ipv6Addr>(rest, len),
        _ => Err(ProxyProtocolError::Malformed("unknown family")),
    }
}

fn v1_addresses<A: std::str::FromStr + Into<IpAddr>>(rest: &str, len: usize) -> Result<Parsed, ProxyProtocolError> {
    let mut fields = rest.split(' ');
    let (Some(source), Some(destination), Some(source_port), Some(destination_port), None) = (
        fields.next(),
        fields.next(),
        fields.next(),
        fields.next(),
        fields.next(),
    ) else {
        return Err(ProxyProtocolError::Malformed("not two addresses and two ports"));
    };
    let address = |text: &str| match text.parse::<A>() {
        Ok(address) => Ok(address.into()),
        Err(_) => Err(ProxyProtocolError::Malformed("address")),
    };
    Ok(Parsed::Header {
        len,
        source: Some(SocketAddr::new(address(source)?, v1_port(source_port)?)),
        destination: Some(SocketAddr::new(address(destination)?, v1_port(destination_port)?)),
    })
}

/// Digits only, no leading zero (§2.1); `u16::from_str` alone would take `+80`.
fn v1_port(text: &str) -> Result<u16, ProxyProtocolError> {
    let canonical = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    match text.parse() {
        Ok(port) if canonical => Ok(port),
        Ok(_) | Err(_) => Err(ProxyProtocolError::Malformed("port")),
    }
}

/// Signature, version and command, family and transport, length, addresses, extensions (§2.2).
fn v2(bytes: &[u8]) -> Result<Parsed, ProxyProtocolError> {
    let Some(&version_and_command) = bytes.get(12) else {
        return Ok(Parsed::Partial);
    };
    if version_and_command >> 4 != 2 {
        return Err(ProxyProtocolError::Unsupported("version"));
    }
    let local = match version_and_command & 0x0f {
        0 => true,
        1 => false,
        _ => return Err(ProxyProtocolError::Unsupported("command")),
    };
    let Some(&[family, high, low]) = bytes.get(13..V2_FIXED) else {
        return Ok(Parsed::Partial);
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length > V2_VARIABLE_MAX {
        return Err(ProxyProtocolError::TooLong);
    }
    let len = V2_FIXED + length;
    let Some(variable) = bytes.get(V2_FIXED..len) else {
        return Ok(Parsed::Partial);
    };

    // A LOCAL connection is the peer's own (a health check): its family is to be ignored (§2.2).
    let addresses = if local { None } else { v2_addresses(family, variable)? };
    Ok(Parsed::Header {
        len,
        source: addresses.map(|(source, _)| source),
        destination: addresses.map(|(_, to)| to),
    })
}

/// The addresses of a proxied connection; `None` for families without any that a TCP server could use.
fn v2_addresses(family: u8, variable: &[u8]) -> Result<Option<(SocketAddr, SocketAddr)>, ProxyProtocolError> {
    let short = ProxyProtocolError::Malformed("too short for its family");
    let port = |high: u8, low: u8| u16::from_be_bytes([high, low]);
    match family {
        0x00 => Ok(None),
        0x11 => {
            let &[ref ips @ .., a, b, c, d] = variable.first_chunk::<12>().ok_or(short)?;
            let (source, destination) = ips.split_first_chunk::<4>().ok_or(short)?;
            let destination = destination.first_chunk::<4>().ok_or(short)?;
            Ok(Some((
                SocketAddr::new(Ipv4Addr::from(*source).into(), port(a, b)),
                SocketAddr::new(Ipv4Addr::from(*destination).into(), port(c, d)),
            )))
        }
        0x21 => {
            let &[ref ips @ .., a, b, c, d] = variable.first_chunk::<36>().ok_or(short)?;
            let (source, destination) = ips.split_first_chunk::<16>().ok_or(short)?;
            let destination = destination.first_chunk::<16>().ok_or(short)?;
            Ok(Some((
                SocketAddr::new(Ipv6Addr::from(*source).into(), port(a, b)),
                SocketAddr::new(Ipv6Addr::from(*destination).into(), port(c, d)),
            )))
        }
        0x31 if variable.len() < 216 => Err(short),
        0x31 => Ok(None),
        _ => Err(ProxyProtocolError::Unsupported("family or transport")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn header(len: usize, source: &str, destination: &str) -> Result<Parsed, ProxyProtocolError> {
        Ok(Parsed::Header {
            len,
            source: Some(source.parse().unwrap()),
            destination: Some(destination.parse().unwrap()),
        })
    }

    fn without_addresses(len: usize) -> Result<Parsed, ProxyProtocolError> {
        Ok(Parsed::Header {
            len,
            source: None,
            destination: None,
        })
    }

    fn v2_bytes(version_and_command: u8, family: u8, variable: &[u8]) -> Vec<u8> {
        let length = u16::try_from(variable.len()).unwrap().to_be_bytes();
        [V2_START, &[version_and_command, family], &length, variable].concat()
    }

    const TCP4: &[u8] = &[192, 0, 2, 1, 198, 51, 100, 2, 0xdc, 0x04, 0x01, 0xbb];

    fn tcp6() -> Vec<u8> {
        let source: Ipv6Addr = "2001:db8::1".parse().unwrap();
        let destination: Ipv6Addr = "2001:db8::2".parse().unwrap();
        [&source.octets()[..], &destination.octets(), &[0xdc, 0x04, 0x01, 0xbb]].concat()
    }

    #[test]
    fn version_1_names_both_ends_and_leaves_what_follows() {
        let bytes = b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n\x16\x03\x01";
        assert_eq!(parse(bytes), header(45, "192.0.2.1:56324", "198.51.100.2:443"));
        let bytes = b"PROXY TCP6 2001:db8::1 2001:db8::2 56324 443\r\nGET / HTTP/1.1\r\n";
        assert_eq!(parse(bytes), header(46, "[2001:db8::1]:56324", "[2001:db8::2]:443"));
    }

    #[test]
    fn version_1_of_the_longest_kind_fits() {
        let address = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
        let line = format!("PROXY UNKNOWN {address} {address} 65535 65535\r\n");
        assert_eq!(line.len(), V1_MAX);
        assert_eq!(parse(line.as_bytes()), without_addresses(V1_MAX));
        assert_eq!(parse(b"PROXY UNKNOWN\r\n"), without_addresses(15));
    }

    #[test]
    fn version_1_without_an_end_is_not_waited_for() {
        let mut line = b"PROXY UNKNOWN ".to_vec();
        line.resize(V1_MAX - 1, b'x');
        assert_eq!(parse(&line), Ok(Parsed::Partial));
        line.push(b'x');
        assert_eq!(parse(&line), Err(ProxyProtocolError::TooLong));
        line[V1_MAX - 1] = b'\r';
        assert_eq!(parse(&line), Err(ProxyProtocolError::TooLong));
        line.extend_from_slice(b"\n");
        assert_eq!(parse(&line), Err(ProxyProtocolError::TooLong));
    }

    #[test]
    fn version_1_is_read_strictly() {
        for line in [
            "PROXY \r\n",
            "PROXY TCP4\r\n",
            "PROXY TCP4 \r\n",
            "PROXY TCP5 192.0.2.1 198.51.100.2 1 2\r\n",
            "PROXY tcp4 192.0.2.1 198.51.100.2 1 2\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.2 1\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.2 1 2 3\r\n",
            "PROXY TCP4  192.0.2.1 198.51.100.2 1 2\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.2 1 2 \r\n",
            "PROXY TCP4 192.0.2.01 198.51.100.2 1 2\r\n",
            "PROXY TCP4 192.0.2.1 2001:db8::2 1 2\r\n",
            "PROXY TCP6 192.0.2.1 198.51.100.2 1 2\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.2 +1 2\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.2 01 2\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.2 65536 2\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.2  2\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.2 1 2\n",
            "PROXY TCP4 192.0.2.1 198.51.100.2 1 2\rx\n",
        ] {
            assert!(
                matches!(parse(line.as_bytes()), Err(ProxyProtocolError::Malformed(_))),
                "{line:?}"
            );
        }
    }

    #[test]
    fn version_2_names_both_ends_and_skips_extensions() {
        assert_eq!(
            parse(&v2_bytes(0x21, 0x11, TCP4)),
            header(28, "192.0.2.1:56324", "198.51.100.2:443")
        );
        assert_eq!(
            parse(&v2_bytes(0x21, 0x21, &tcp6())),
            header(52, "[2001:db8::1]:56324", "[2001:db8::2]:443")
        );
        let with_alpn = [TCP4, &[0x01, 0, 2, b'h', b'2']].concat();
        let bytes = [v2_bytes(0x21, 0x11, &with_alpn), b"\x16\x03\x01".to_vec()].concat();
        assert_eq!(parse(&bytes), header(33, "192.0.2.1:56324", "198.51.100.2:443"));
    }

    #[test]
    fn version_2_without_a_client_names_nobody() {
        assert_eq!(parse(&v2_bytes(0x20, 0x00, &[])), without_addresses(16));
        assert_eq!(parse(&v2_bytes(0x20, 0x11, TCP4)), without_addresses(28));
        assert_eq!(parse(&v2_bytes(0x20, 0xff, &[])), without_addresses(16));
        assert_eq!(parse(&v2_bytes(0x21, 0x00, &[1, 2, 3])), without_addresses(19));
        assert_eq!(parse(&v2_bytes(0x21, 0x31, &[0; 216])), without_addresses(232));
    }

    #[test]
    fn version_2_refuses_what_no_tcp_connection_has() {
        for (version_and_command, family) in [(0x11, 0x11), (0x31, 0x11), (0x22, 0x11), (0x21, 0x12), (0x21, 0x41)] {
            let parsed = parse(&v2_bytes(version_and_command, family, TCP4));
            assert!(
                matches!(parsed, Err(ProxyProtocolError::Unsupported(_))),
                "{version_and_command:x} {family:x}"
            );
        }
        for (family, length) in [(0x11, 11), (0x21, 35), (0x31, 215)] {
            let parsed = parse(&v2_bytes(0x21, family, &vec![0; length]));
            assert!(matches!(parsed, Err(ProxyProtocolError::Malformed(_))), "{family:x}");
        }
    }

    #[test]
    fn version_2_beyond_its_bound_is_refused_by_its_fixed_part() {
        let mut longest = TCP4.to_vec();
        longest.resize(V2_VARIABLE_MAX, 0);
        let longest = v2_bytes(0x21, 0x11, &longest);
        assert_eq!(longest.len(), V2_MAX);
        assert_eq!(parse(&longest), header(V2_MAX, "192.0.2.1:56324", "198.51.100.2:443"));
        let beyond = [V2_START, &[0x21, 0x11, 0x10, 0x01]].concat();
        assert_eq!(parse(&beyond), Err(ProxyProtocolError::TooLong));
    }

    #[test]
    fn other_protocols_are_refused_at_their_first_odd_byte() {
        for bytes in [
            &b"G"[..],
            b"PO",
            b"PROXYTCP4",
            b"\x16\x03\x01",
            b"\r\n\r\n\r",
            b"\n",
            b"proxy ",
        ] {
            assert_eq!(parse(bytes), Err(ProxyProtocolError::NotAHeader), "{bytes:?}");
        }
    }

    #[test]
    fn every_beginning_of_a_header_is_partial() {
        let headers = [
            b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n".to_vec(),
            b"PROXY UNKNOWN\r\n".to_vec(),
            v2_bytes(0x21, 0x11, TCP4),
            v2_bytes(0x21, 0x21, &tcp6()),
            v2_bytes(0x20, 0x00, &[]),
        ];
        for header in headers {
            for cut in 0..header.len() {
                assert_eq!(parse(&header[..cut]), Ok(Parsed::Partial), "{:?}", &header[..cut]);
            }
        }
    }

    proptest! {
        #[test]
        fn whatever_arrives_ends_within_the_bounds(
            start in prop_oneof![Just(V1_START.to_vec()), Just(V2_START.to_vec()), Just(Vec::new())],
            rest in proptest::collection::vec(any::<u8>(), 0..5000),
        ) {
            let bytes = [start, rest].concat();
            match parse(&bytes) {
                Ok(Parsed::Partial) => prop_assert!(bytes.len() < V2_MAX),
                Ok(Parsed::Header { len, source, destination }) => {
                    prop_assert!(len <= bytes.len().min(V2_MAX));
                    prop_assert_eq!(source.is_some(), destination.is_some());
                }
                Err(_) => {}
            }
        }

        #[test]
        fn version_1_round_trips(
            source in any::<Ipv6Addr>(), destination in any::<Ipv6Addr>(), from in any::<u16>(), to in any::<u16>(),
        ) {
            let line = format!("PROXY TCP6 {source} {destination} {from} {to}\r\n");
            let expected = Parsed::Header {
                len: line.len(),
                source: Some(SocketAddr::new(source.into(), from)),
                destination: Some(SocketAddr::new(destination.into(), to)),
            };
            prop_assert_eq!(parse(line.as_bytes()), Ok(expected));
        }
    }
}
