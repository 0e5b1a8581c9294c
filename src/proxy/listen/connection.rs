//! One client connection from accept to its end: PROXY header, handshake, protocol.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rustls::server::Acceptor;
use tokio::io::{AsyncWriteExt, DuplexStream};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tokio_rustls::{LazyConfigAcceptor, TlsAcceptor};

use crate::model::proxy_protocol::{self, Parsed};
use crate::proxy::client::h1::serve::ClientH1;
use crate::proxy::client::h2;
use crate::proxy::client::io::ClientIo;
use crate::proxy::core::core::Core;
use crate::proxy::message::request::Peer;

/// What rustls may hold of a response that the socket does not take; as large as a bulk buffer with its record headers.
const TLS_BUFFER: usize = 272 * 1024;

/// What the connections of a listening socket speak below HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Plain,
    Tls,
}

/// Serves an accepted connection, which is counted already.
pub(crate) async fn serve(core: Rc<Core>, tcp: TcpStream, address: SocketAddr, transport: Transport) {
    let _counted = Counted::new(&core);
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
        return;
    }
    let _admission = Admission { core: &core, client };
    match transport {
        Transport::Plain => {
            let peer = Peer {
                client,
                trusted,
                secure: false,
                inside: false,
                sni: None,
                tls_version: "",
            };
            ClientH1::new(core.clone(), Rc::new(peer), ClientIo::Plain(tcp))
                .serve()
                .await;
        }
        // Boxed, so that the handshake's state is gone when the connection waits.
        Transport::Tls => {
            let Some((tls, peer, h2)) = Box::pin(handshake(&core, tcp, client, trusted)).await else {
                return;
            };
            let (peer, io) = (Rc::new(peer), ClientIo::Tls(Box::new(tls)));
            if h2 {
                Box::pin(h2::serve::serve(core.clone(), peer, io)).await;
            } else {
                ClientH1::new(core.clone(), peer, io).serve().await;
            }
        }
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
    };
    ClientH1::new(core, Rc::new(peer), ClientIo::Inside(pipe)).serve().await;
}

/// `None` when there was no handshake within its time; what the client has to know, rustls has told it.
async fn handshake(
    core: &Core,
    tcp: TcpStream,
    client: IpAddr,
    trusted: bool,
) -> Option<(TlsStream<TcpStream>, Peer, bool)> {
    let front = &core.shared.front;
    let accepting = async {
        if front.challenge.pending.load(Ordering::Acquire) == 0 {
            return TlsAcceptor::from(front.tls.clone()).accept(tcp).await.map(Some);
        }
        accept_or_prove(core, tcp).await
    };
    let mut tls = match tokio::time::timeout(core.times().handshake, accepting).await {
        Ok(Ok(Some(tls))) => tls,
        Ok(Ok(None)) => return None,
        Ok(Err(error)) => {
            tracing::debug!(%client, "TLS handshake: {error}");
            return None;
        }
        Err(_) => return None,
    };
    let session = tls.get_mut().1;
    session.set_buffer_limit(Some(TLS_BUFFER));
    let h2 = session.alpn_protocol() == Some(b"h2");
    let tls_version = match session.protocol_version() {
        Some(rustls::ProtocolVersion::TLSv1_3) => "TLSv1.3",
        Some(rustls::ProtocolVersion::TLSv1_2) => "TLSv1.2",
        _ => "",
    };
    let sni = session
        .server_name()
        .map(|name| name.trim_end_matches('.').to_ascii_lowercase().into_boxed_str());
    Some((
        tls,
        Peer {
            client,
            trusted,
            secure: true,
            inside: false,
            sni,
            tls_version,
        },
        h2,
    ))
}

/// Looks at the name before it decides who answers: a CA that came to check a host is shown its certificate, and that was it
/// (RFC 8737 §3).
async fn accept_or_prove(core: &Core, tcp: TcpStream) -> io::Result<Option<TlsStream<TcpStream>>> {
    let front = &core.shared.front;
    let start = LazyConfigAcceptor::new(Acceptor::default(), tcp).await?;
    let hello = start.client_hello();
    let proves = hello
        .alpn()
        .is_some_and(|mut names| names.any(|name| name == b"acme-tls/1"));
    let challenge = hello
        .server_name()
        .filter(|_| proves)
        .and_then(|name| (front.challenge.lookup)(name));
    match challenge {
        Some(config) => {
            let mut tls = start.into_stream(config).await?;
            tls.shutdown().await?;
            Ok(None)
        }
        None => start.into_stream(front.tls.clone()).await.map(Some),
    }
}

/// Reads exactly the header: it is looked at first, and only then taken.
async fn read_proxy_header(tcp: &TcpStream) -> io::Result<Option<IpAddr>> {
    let mut bytes = vec![0; proxy_protocol::V2_MAX];
    let mut seen = 0;
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
            // `peek` shows the same bytes again: take a breath when nothing new has come.
            Parsed::Partial if n == seen => tokio::time::sleep(Duration::from_millis(5)).await,
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

/// Counts a connection until it ends, and whether it is from before the draining.
struct Counted {
    core: Rc<Core>,
    newcomer: bool,
}

impl Counted {
    fn new(core: &Rc<Core>) -> Self {
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
