//! What a client's system has taken of what was written to it, asked of the kernel (sock_diag(7)). A socket accepts more only when
//! a third of its buffer is free again, which may be a megabyte: a client that reads slowly looks for minutes as one that does not
//! read at all. It is asked of clients alone that have kept us waiting, so nothing is kept open for it.

use std::net::{IpAddr, SocketAddr};

use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, send, socket_with};

/// What the client's system has taken of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Taken {
    /// Bytes that it has acknowledged since the connection began.
    pub(crate) acked: u64,
    /// Whether more was written than it has room for.
    pub(crate) waits: bool,
}

/// A head of netlink's (RFC 3549 §2.3.2), and the structures of `linux/inet_diag.h`.
const HEAD: usize = 16;
const REQUEST: usize = HEAD + 56;
const MESSAGE: usize = HEAD + 72;
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const NLM_F_REQUEST: u16 = 1;
const INET_DIAG_INFO: u16 = 2;
const IPPROTO_TCP: u8 = 6;
/// Where `tcpi_bytes_acked` and `tcpi_notsent_bytes` stand in `struct tcp_info`.
const BYTES_ACKED: usize = 120;
const NOTSENT_BYTES: usize = 144;

impl Taken {
    /// Asks; `None` where the kernel does not say.
    pub(crate) fn of(ours: SocketAddr, theirs: SocketAddr) -> Option<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let kernel = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, Some(netlink::SOCK_DIAG));
        let kernel = kernel.ok()?;
        send(&kernel, &request(ours, theirs), SendFlags::empty()).ok()?;
        let mut answer = [0; 1024];
        // The kernel has answered before `send` returns.
        let (_, len) = recv(&kernel, &mut answer[..], RecvFlags::empty()).ok()?;
        understood(answer.get(..len)?)
    }
}

/// One connection is asked for, with its `tcp_info`.
fn request(ours: SocketAddr, theirs: SocketAddr) -> [u8; REQUEST] {
    let mut bytes = [0; REQUEST];
    let mut at = 0;
    let mut put = |field: &[u8]| {
        bytes[at..at + field.len()].copy_from_slice(field);
        at += field.len();
    };
    let (ours, theirs) = (canonical(ours), canonical(theirs));
    let family = if ours.is_ipv4() {
        AddressFamily::INET
    } else {
        AddressFamily::INET6
    };
    put(&u32::try_from(REQUEST).unwrap_or(0).to_ne_bytes());
    put(&SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    put(&NLM_F_REQUEST.to_ne_bytes());
    put(&[0; 8]);
    let family = u8::try_from(family.as_raw()).unwrap_or(0);
    put(&[family, IPPROTO_TCP, 1 << (INET_DIAG_INFO - 1), 0]);
    put(&u32::MAX.to_ne_bytes());
    put(&ours.port().to_be_bytes());
    put(&theirs.port().to_be_bytes());
    put(&octets(ours.ip()));
    put(&octets(theirs.ip()));
    put(&[0; 4]);
    // INET_DIAG_NOCOOKIE
    put(&[0xff; 8]);
    bytes
}

fn understood(answer: &[u8]) -> Option<Taken> {
    let number = |at: usize| Some(u16::from_ne_bytes(answer.get(at..at + 2)?.try_into().ok()?));
    if number(4)? != SOCK_DIAG_BY_FAMILY {
        return None;
    }
    let mut at = MESSAGE;
    loop {
        let len = usize::from(number(at)?);
        if number(at + 2)? == INET_DIAG_INFO {
            let info = answer.get(at + 4..at + len)?;
            let acked = info.get(BYTES_ACKED..BYTES_ACKED + 8)?;
            let notsent = info.get(NOTSENT_BYTES..NOTSENT_BYTES + 4)?;
            return Some(Taken {
                acked: u64::from_ne_bytes(acked.try_into().ok()?),
                waits: notsent.iter().any(|byte| *byte != 0),
            });
        }
        at += len.max(4).next_multiple_of(4);
    }
}

/// A connection of IPv4 over a socket of both families is one of IPv4.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

fn octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V6(v6) => v6.octets(),
        IpAddr::V4(v4) => {
            let mut octets = [0; 16];
            octets[..4].copy_from_slice(&v4.octets());
            octets
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::time::Duration;

    fn is_seen(listen: &str, connect: impl Fn(u16) -> SocketAddr) {
        let listener = TcpListener::bind(listen).unwrap();
        let mut client = TcpStream::connect(connect(listener.local_addr().unwrap().port())).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        server.set_nonblocking(true).unwrap();
        let ask = |server: &TcpStream| Taken::of(server.local_addr().unwrap(), server.peer_addr().unwrap()).unwrap();
        assert_eq!(ask(&server), Taken { acked: 0, waits: false });
        while server.write(&[7; 65536]).is_ok() {}
        let before = ask(&server);
        assert!(before.waits);
        // A third of the buffer is not free yet, and still it is seen that the client reads.
        let mut bytes = vec![0; 128 * 1024];
        client.read_exact(&mut bytes).unwrap();
        while ask(&server).acked == before.acked {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn e23_what_a_client_reads_is_seen_before_the_socket_takes_more() {
        is_seen("127.0.0.1:0", |port| ([127, 0, 0, 1], port).into());
        if TcpListener::bind("[::1]:0").is_ok() {
            is_seen("[::1]:0", |port| (std::net::Ipv6Addr::LOCALHOST, port).into());
            is_seen("[::]:0", |port| ([127, 0, 0, 1], port).into());
        }
    }

    #[test]
    fn nothing_is_made_of_an_answer_that_is_none() {
        assert_eq!(understood(&[]), None);
        assert_eq!(understood(&[0; 200]), None);
        let mut answer = [0; MESSAGE + 8];
        answer[4..6].copy_from_slice(&SOCK_DIAG_BY_FAMILY.to_ne_bytes());
        assert_eq!(understood(&answer), None, "no tcp_info in it");
        let nobody = ([127, 0, 0, 1], 1).into();
        assert_eq!(Taken::of(nobody, nobody), None);
    }
}
