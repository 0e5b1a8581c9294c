//! One client connection from accept to its end: PROXY header, handshake, protocol.

use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;

use rustls::ServerConfig;
use rustls::server::Acceptor;
use tokio::io::{AsyncWriteExt, DuplexStream};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::breath::Breath;
use super::plain_http;
use crate::model::client::network;
use crate::model::proxy_protocol::{self, Parsed};
use crate::proxy::client::h1::serve::ClientH1;
use crate::proxy::client::h2;
use crate::proxy::client::io::ClientIo;
use crate::proxy::client::tls::stream::{TlsStream, accept};
use crate::proxy::core::core::Core;
use crate::proxy::message::error::ProxyError;
use crate::proxy::message::request::Peer;
use crate::proxy::stock::waiting::{For, Seat};

/// What is looked at of a connection to know whether it comes from a CA: their ClientHello is far smaller.
const HELLO: usize = 16 * 1024;

/// What the connections of a listening socket speak below HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Plain,
    Tls,
}

/// Serves an accepted connection, which is counted until then.
pub(crate) async fn serve(counted: Counted, tcp: TcpStream, address: SocketAddr, transport: Transport) {
    let core = counted.core.clone();
    let _ = tcp.set_nodelay(true);
    let mut client = address.ip().to_canonical();
    let mut trusted = core.shared.is_trusted(client);
    if trusted && core.shared.settings.proxy_protocol {
        let header = tokio::time::timeout(core.times().handshake, read_proxy_header(&tcp)).await;
        match header {
            // From here on the one that it names is the peer.
            Ok(Ok(Some(source))) => (client, trusted) = (source, core.shared.is_trusted(source)),
            Ok(Ok(None)) => {}
            Ok(Err(error)) => {
                tracing::debug!(%client, "PROXY header: {error}");
                return;
            }
            Err(_) => return,
        }
    }
    if !core.shared.admit(client) {
        tell_of_greed(&core, client);
        return;
    }
    let _admission = Admission { core: &core, client };
    match transport {
        Transport::Plain => {
            let peer = Peer::plain(client, trusted);
            ClientH1::new(core.clone(), Rc::new(peer), ClientIo::plain(&core, tcp))
                .serve()
                .await;
        }
        // Boxed, so that the handshake's state is gone when the connection waits.
        Transport::Tls => match Box::pin(handshake_or_room(&core, tcp, client, trusted)).await {
            Handshake::Done(tls, peer, true) => {
                Box::pin(h2::serve::serve(core.clone(), peer, ClientIo::tls(&core, tls))).await;
            }
            Handshake::Done(tls, peer, false) => {
                ClientH1::new(core.clone(), peer, ClientIo::tls(&core, tls))
                    .serve()
                    .await
            }
            Handshake::PlainHttp(tcp) => {
                let peer = Peer::plain(client, trusted);
                let http = ClientH1::new(core.clone(), Rc::new(peer), ClientIo::plain(&core, tcp));
                Box::pin(http.turn_away(ProxyError::PlainHttp)).await;
            }
            Handshake::None => {}
        },
    }
}

/// Serves a request of the daemon itself.
pub(crate) async fn serve_inside(core: Rc<Core>, pipe: DuplexStream, secure: bool) {
    let client = IpAddr::from([127, 0, 0, 1]);
    let peer = Peer {
        client,
        trusted: false,
        secure,
        inside: true,
        sni: None,
        tls_version: "",
        ended: Cell::new(None),
    };
    ClientH1::new(core, Rc::new(peer), ClientIo::inside(pipe)).serve().await;
}

/// What has come of a handshake.
enum Handshake {
    /// The connection, its peer, and whether it speaks HTTP/2.
    Done(Box<TlsStream>, Rc<Peer>, bool),
    /// The client speaks HTTP without TLS; nothing was read of it.
    PlainHttp(TcpStream),
    /// Nothing within its time; what the client has to know, rustls has told it.
    None,
}

/// What was read of a connection before it was TLS.
enum Beginning {
    /// The connection, and the host that the client asked for.
    Tls(Box<TlsStream>, Option<Box<str>>),
    PlainHttp(TcpStream),
    /// It has served to prove a host, and is over.
    Proof,
}

/// A client has its share.
fn tell_of_greed(core: &Core, client: IpAddr) {
    if let Some(untold) = core.shared.greed.happened() {
        tracing::warn!(
            client = %network(client),
            untold,
            "a client has as many connections as `max_connections_per_client` lets: further ones are closed"
        );
    }
}

/// A handshake is given up when a newcomer needs the place: one that takes its time is worth the least.
async fn handshake_or_room(core: &Core, tcp: TcpStream, client: IpAddr, trusted: bool) -> Handshake {
    let mut handshake = pin!(handshake(core, tcp, client, trusted));
    let mut seat = Seat::default();
    let done = poll_fn(|cx| {
        if let Poll::Ready(done) = handshake.as_mut().poll(cx) {
            return Poll::Ready(done);
        }
        let mut waiting = core.waiting.borrow_mut();
        waiting.register(&mut seat, cx.waker(), For::First);
        if waiting.is_closing(&seat) {
            return Poll::Ready(Handshake::None);
        }
        Poll::Pending
    })
    .await;
    core.waiting.borrow_mut().forget(&mut seat);
    done
}

async fn handshake(core: &Core, tcp: TcpStream, client: IpAddr, trusted: bool) -> Handshake {
    let front = &core.shared.front;
    let accepting = async {
        if plain_http::is_spoken(&tcp).await? {
            return Ok(Beginning::PlainHttp(tcp));
        }
        if front.challenge.pending.load(Ordering::Acquire) > 0
            && let Some(proof) = asks_for_proof(core, &tcp).await?
        {
            let mut tls = TlsAcceptor::from(proof).accept(tcp).await?;
            tls.shutdown().await?;
            return Ok(Beginning::Proof);
        }
        let accepted: io::Result<_> = accept(tcp, front.tls.clone()).await;
        accepted.map(|(tls, sni)| Beginning::Tls(tls, sni))
    };
    let (tls, sni) = match tokio::time::timeout(core.times().handshake, accepting).await {
        Ok(Ok(Beginning::Tls(tls, sni))) => (tls, sni),
        Ok(Ok(Beginning::PlainHttp(tcp))) => {
            tracing::debug!(%client, "TLS handshake: the client speaks plain HTTP on the TLS port");
            return Handshake::PlainHttp(tcp);
        }
        Ok(Ok(Beginning::Proof)) | Err(_) => return Handshake::None,
        Ok(Err(error)) => {
            tracing::debug!(%client, "TLS handshake: {error}");
            return Handshake::None;
        }
    };
    let agreed = tls.agreed();
    let h2 = agreed.alpn_protocol() == Some(b"h2");
    let tls_version = match agreed.protocol_version() {
        Some(rustls::ProtocolVersion::TLSv1_3) => "TLSv1.3",
        Some(rustls::ProtocolVersion::TLSv1_2) => "TLSv1.2",
        _ => "",
    };
    let resumed = agreed.handshake_kind() == Some(rustls::HandshakeKind::Resumed);
    core.shared.counted[core.id].shook_hands(tls_version, resumed);
    let peer = Peer {
        client,
        trusted,
        secure: true,
        inside: false,
        sni,
        tls_version,
        ended: Cell::new(None),
    };
    Handshake::Done(tls, Rc::new(peer), h2)
}

/// What a CA is shown that came to check a host: that certificate, and that was it (RFC 8737 §3). The client's first message is looked
/// at for that, and not taken.
async fn asks_for_proof(core: &Core, tcp: &TcpStream) -> io::Result<Option<Arc<ServerConfig>>> {
    let mut bytes = vec![0; HELLO];
    let mut breath = Breath::default();
    loop {
        let seen = tcp.peek(&mut bytes).await?;
        let mut acceptor = Acceptor::default();
        let mut shown = &bytes[..seen];
        while !shown.is_empty() {
            acceptor.read_tls(&mut shown)?;
        }
        match acceptor.accept() {
            Ok(None) if seen > 0 && seen < HELLO => breath.take().await,
            Ok(Some(accepted)) => {
                let hello = accepted.client_hello();
                let proves = hello
                    .alpn()
                    .is_some_and(|mut names| names.any(|name| name == b"acme-tls/1"));
                let name = hello.server_name().filter(|_| proves);
                return Ok(name.and_then(|name| (core.shared.front.challenge.lookup)(name)));
            }
            // No such client, and what is wrong with it, it is told by the handshake.
            Ok(None) | Err(_) => return Ok(None),
        }
    }
}

/// Reads exactly the header: it is looked at first, and only then taken.
async fn read_proxy_header(tcp: &TcpStream) -> io::Result<Option<IpAddr>> {
    let mut bytes = vec![0; proxy_protocol::V2_MAX];
    let mut seen = 0;
    let mut breath = Breath::default();
    loop {
        let n = tcp.peek(&mut bytes).await?;
        if n == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let parsed = proxy_protocol::parse(&bytes[..n]);
        match parsed.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))? {
            Parsed::Header { len, source, .. } => {
                read_exact(tcp, &mut bytes[..len]).await?;
                return Ok(source.map(|source| source.ip().to_canonical()));
            }
            Parsed::Partial if n == seen => breath.take().await,
            Parsed::Partial => seen = n,
        }
    }
}

async fn read_exact(tcp: &TcpStream, bytes: &mut [u8]) -> io::Result<()> {
    let mut filled = 0;
    while filled < bytes.len() {
        tcp.readable().await?;
        match tcp.try_read(&mut bytes[filled..]) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => filled += n,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Counts a connection from its accept to its end.
pub(crate) struct Counted {
    core: Rc<Core>,
    /// Whether it has come since draining began. Known from when it is counted: draining may begin before it is served.
    newcomer: bool,
}

impl Counted {
    /// Counts one more.
    pub(crate) fn one(core: &Rc<Core>) -> Self {
        core.shared.connections[core.id].fetch_add(1, Ordering::Relaxed);
        Self {
            core: core.clone(),
            newcomer: core.drain_began.get().is_some(),
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.core.shared.connections[self.core.id].fetch_sub(1, Ordering::Relaxed);
        if !self.newcomer && self.core.drain_began.get().is_some() {
            self.core
                .shared
                .connections_before_drain
                .fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// A client's place among the connections of its address.
struct Admission<'c> {
    core: &'c Core,
    client: IpAddr,
}

impl Drop for Admission<'_> {
    fn drop(&mut self) {
        self.core.shared.dismiss(self.client);
    }
}
