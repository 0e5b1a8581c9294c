//! A raw HTTP/1.1 client: sends the bytes that it is given, reads answers strictly, and knows when an end is not clean.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

use super::incoming::{Broken, Ends, Fields, Head, Incoming};
use super::wire::Wire;

/// How long a client waits for the next byte: far above every deadline that a test configures.
const PATIENCE: Duration = Duration::from_secs(90);

/// How long a whole answer may take, however steadily it comes.
const WHOLE: Duration = Duration::from_secs(150);

/// The fields that ask for a WebSocket (RFC 6455 §1.2).
pub const WEB_SOCKET: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                              Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// A client's connection.
#[derive(Debug)]
pub struct Client {
    /// What arrives.
    pub incoming: Incoming,
}

/// A whole answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Response {
    /// The final status.
    pub status: u16,
    /// Its fields.
    pub fields: Fields,
    /// The body, without framing.
    pub body: Vec<u8>,
    /// Trailers.
    pub trailers: Fields,
    /// 1xx answers that came before, in order.
    pub interim: Vec<(u16, Fields)>,
}

impl Response {
    /// The first value of a field.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name)
    }

    /// Which app answered, by its own word; empty when the proxy did.
    pub fn app(&self) -> &str {
        self.field("x-app").unwrap_or_default()
    }

    /// The app's version, by its own word.
    pub fn version(&self) -> &str {
        self.field("x-version").unwrap_or_default()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Client {
    /// A connection over plain TCP.
    pub async fn plain(address: SocketAddr) -> Result<Self, Broken> {
        let tcp = connect(address).await?;
        Ok(Self {
            incoming: Incoming::new(Wire::Tcp(tcp), PATIENCE),
        })
    }

    /// A connection over plain TCP from one address of the loopback, by which the app can tell whose requests it sees.
    pub async fn plain_from(local: Ipv4Addr, address: SocketAddr) -> Result<Self, Broken> {
        let tcp = connect_from(local, address).await?;
        Ok(Self {
            incoming: Incoming::new(Wire::Tcp(tcp), PATIENCE),
        })
    }

    /// A connection over plain TCP whose kernel takes next to nothing that the client has not read.
    pub async fn narrow(address: SocketAddr) -> Result<Self, Broken> {
        Ok(Self {
            incoming: Incoming::new(Wire::Tcp(narrow(address).await?), PATIENCE),
        })
    }

    /// As [`Client::narrow`], over TLS.
    pub async fn narrow_tls(address: SocketAddr, name: &str, config: &Arc<ClientConfig>) -> Result<Self, Broken> {
        let wire = handshake(narrow(address).await?, name, config).await?;
        Ok(Self {
            incoming: Incoming::new(wire, PATIENCE),
        })
    }

    /// Over a connection that is there.
    pub fn over(wire: Wire) -> Self {
        Self {
            incoming: Incoming::new(wire, PATIENCE),
        }
    }

    /// A connection over TLS, by server name.
    pub async fn tls(address: SocketAddr, name: &str, config: &Arc<ClientConfig>) -> Result<Self, Broken> {
        let wire = tls(address, name, config).await?;
        Ok(Self {
            incoming: Incoming::new(wire, PATIENCE),
        })
    }

    /// A connection to a Unix socket.
    pub async fn unix(path: &Path) -> Result<Self, Broken> {
        let unix = UnixStream::connect(path)
            .await
            .map_err(|error| Broken::Connect(error.to_string()))?;
        Ok(Self {
            incoming: Incoming::new(Wire::Unix(unix), PATIENCE),
        })
    }

    /// Sends bytes as they are.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) -> Result<(), Broken> {
        self.incoming.send(bytes.as_ref()).await
    }

    /// Ends the own direction (FIN; over TLS close_notify too), and goes on reading.
    pub async fn half_close(&mut self) -> Result<(), Broken> {
        self.incoming
            .wire
            .shutdown()
            .await
            .map_err(|error| Broken::Reset(error.to_string()))
    }

    /// Takes the next head, 1xx or final: status, and the head.
    pub async fn head(&mut self) -> Result<(u16, Head), Broken> {
        let head = self.incoming.head().await?;
        let mut parts = head.start.splitn(3, ' ');
        let version = parts.next().unwrap_or_default();
        let status = parts.next().and_then(|digits| digits.parse().ok());
        match status {
            Some(status) if matches!(version, "HTTP/1.1" | "HTTP/1.0") && (100..1000).contains(&status) => {
                Ok((status, head))
            }
            _ => Err(Broken::Malformed(format!("status line {:?}", head.start))),
        }
    }

    /// Takes a whole answer to a request with this method. One that never ends is a failure, too.
    pub async fn response(&mut self, method: &str) -> Result<Response, Broken> {
        match tokio::time::timeout(WHOLE, self.whole_response(method)).await {
            Err(_) => Err(Broken::Timeout(format!("no end of the answer within {WHOLE:?}"))),
            Ok(answer) => answer,
        }
    }

    async fn whole_response(&mut self, method: &str) -> Result<Response, Broken> {
        let mut interim = Vec::new();
        let (status, head) = loop {
            match self.head().await? {
                (status @ 100..=199, head) if status != 101 => interim.push((status, head.fields)),
                last => break last,
            }
        };
        let ends = response_ends(method, status, &head.fields)?;
        let (body, trailers) = self.incoming.body(ends).await?;
        Ok(Response {
            status,
            fields: head.fields,
            body,
            trailers,
            interim,
        })
    }

    /// `GET`, and the whole answer.
    pub async fn get(&mut self, host: &str, target: &str) -> Result<Response, Broken> {
        self.request("GET", host, target, "", b"").await
    }

    /// `POST` with Content-Length, and the whole answer.
    pub async fn post(&mut self, host: &str, target: &str, body: &[u8]) -> Result<Response, Broken> {
        self.request("POST", host, target, "", body).await
    }

    /// Any request; `more` are field lines, each ended by CRLF. A body brings its Content-Length.
    pub async fn request(
        &mut self,
        method: &str,
        host: &str,
        target: &str,
        more: &str,
        body: &[u8],
    ) -> Result<Response, Broken> {
        let mut bytes = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\n{more}").into_bytes();
        if !body.is_empty() || matches!(method, "POST" | "PUT" | "PATCH") {
            bytes.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(body);
        self.send(bytes).await?;
        self.response(method).await
    }

    /// Reads on until the peer has ended the connection, cleanly or not; what was left over.
    pub async fn until_end(&mut self) -> Result<Vec<u8>, Broken> {
        loop {
            match self.incoming.fill().await {
                Ok(0) | Err(Broken::Reset(_) | Broken::Truncated(_)) => {
                    return Ok(self.incoming.buffer.split().to_vec());
                }
                Ok(_) => {}
                Err(broken) => return Err(broken),
            }
        }
    }
}

/// The framing of an answer; refuses what is ambiguous.
pub fn response_ends(method: &str, status: u16, fields: &Fields) -> Result<Ends, Broken> {
    let chunked = fields.has_token("transfer-encoding", "chunked");
    let lengths: Vec<&str> = fields.all("content-length").collect();
    if chunked && !lengths.is_empty() {
        return Err(Broken::Malformed("both Content-Length and Transfer-Encoding".into()));
    }
    if lengths.len() > 1 {
        return Err(Broken::Malformed("two Content-Length".into()));
    }
    if method == "HEAD" || status == 204 || status == 304 || status == 101 {
        return Ok(Ends::Empty);
    }
    match (chunked, lengths.first()) {
        (true, _) => Ok(Ends::Chunked),
        (false, Some(length)) => length
            .parse()
            .map(Ends::Length)
            .map_err(|_| Broken::Malformed(format!("Content-Length {length:?}"))),
        (false, None) => Ok(Ends::Close),
    }
}

/// A TLS connection as a bare wire.
pub async fn tls(address: SocketAddr, name: &str, config: &Arc<ClientConfig>) -> Result<Wire, Broken> {
    handshake(connect(address).await?, name, config).await
}

/// The same from one address of the loopback.
pub async fn tls_from(
    local: Ipv4Addr,
    address: SocketAddr,
    name: &str,
    config: &Arc<ClientConfig>,
) -> Result<Wire, Broken> {
    handshake(connect_from(local, address).await?, name, config).await
}

/// A TLS connection over one that is there.
pub async fn handshake(tcp: TcpStream, name: &str, config: &Arc<ClientConfig>) -> Result<Wire, Broken> {
    let name = ServerName::try_from(name.to_owned()).map_err(|error| Broken::Tls(error.to_string()))?;
    let handshake = TlsConnector::from(Arc::clone(config)).connect(name, tcp);
    match tokio::time::timeout(PATIENCE, handshake).await {
        Err(_) => Err(Broken::Timeout("the TLS handshake".into())),
        Ok(Err(error)) => Err(Broken::Tls(error.to_string())),
        Ok(Ok(stream)) => Ok(Wire::Tls(Box::new(stream))),
    }
}

async fn connect_from(local: Ipv4Addr, address: SocketAddr) -> Result<TcpStream, Broken> {
    let connect = async {
        let socket = TcpSocket::new_v4()?;
        socket.bind((local, 0).into())?;
        let tcp = socket.connect(address).await?;
        tcp.set_nodelay(true)?;
        io::Result::Ok(tcp)
    };
    connect.await.map_err(|error| Broken::Connect(error.to_string()))
}

/// A TCP connection whose kernel takes next to nothing that its client has not read.
pub async fn narrow(address: SocketAddr) -> Result<TcpStream, Broken> {
    let connect = async {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(4096)?;
        socket.connect(address).await
    };
    connect.await.map_err(|error| Broken::Connect(error.to_string()))
}

/// A TCP connection without delay.
pub async fn connect(address: SocketAddr) -> Result<TcpStream, Broken> {
    match tokio::time::timeout(PATIENCE, TcpStream::connect(address)).await {
        Err(_) => Err(Broken::Timeout("connect".into())),
        Ok(Err(error)) => Err(Broken::Connect(error.to_string())),
        Ok(Ok(tcp)) => {
            tcp.set_nodelay(true)
                .map_err(|error| Broken::Connect(error.to_string()))?;
            Ok(tcp)
        }
    }
}
