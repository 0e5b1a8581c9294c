//! The way to other servers: one connection over HTTP/1.1, in TLS or not, on which one request goes at a time. Nothing here retries,
//! follows a redirect or knows a deadline of a whole exchange: that is the caller's.

use std::fmt;
use std::future::Future;
use std::io;
use std::path::Path;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::RETRY_AFTER;
use http::{HeaderMap, Request, Response, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::ServerName;
use rustls::{CertificateError, ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::clock::unix_now;
use super::files;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What happened, without the name of who was asked.
    pub what: String,
    /// Whether it looks as if this machine's clock were wrong.
    pub clock: bool,
}

impl Failure {
    /// In words.
    pub fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            clock: false,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Failure {}

/// Whom we believe that they are who they say.
#[derive(Clone)]
pub struct Trust(TlsConnector);

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Trust")
    }
}

impl Trust {
    /// Trusts what the system trusts, and the roots in `root`. Reads files.
    ///
    /// # Errors
    /// When `root` cannot be read, or nothing at all is trusted.
    pub fn new(root: Option<&Path>) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        let system = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(system.certs);
        if let Some(path) = root {
            let own = files::certificates(path).map_err(|error| format!("the root of the CA: {error}"))?;
            for certificate in own {
                roots
                    .add(certificate)
                    .map_err(|error| format!("the root of the CA: {}: {error}", path.display()))?;
            }
        }
        if roots.is_empty() {
            return Err("this machine trusts no CA at all; hint: install `ca-certificates`".to_owned());
        }
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        let mut config = config.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }
}

/// Where a URL leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// A name or an address, without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// As it stands in a Host field.
    pub authority: String,
    /// Whether it is reached in TLS.
    pub secure: bool,
}

impl Origin {
    /// Of a URL with `http:` or `https:`.
    #[must_use]
    pub fn of(url: &Uri) -> Option<Self> {
        let secure = match url.scheme_str()? {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let authority = url.authority()?.as_str();
        // What stands before an `@` is a password, and no part of a host.
        let authority = authority.rsplit_once('@').map_or(authority, |(_, rest)| rest);
        let host = url.host()?.trim_start_matches('[').trim_end_matches(']');
        Some(Self {
            host: host.to_owned(),
            port: url.port_u16().unwrap_or(if secure { 443 } else { 80 }),
            authority: authority.to_owned(),
            secure,
        })
    }
}

/// How much of an answer is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Read {
    /// All of it; more than this is a failure.
    All(usize),
    /// Its beginning; then the connection is of no use any more.
    First(usize),
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A connection. Nobody polls it between two exchanges, so that it needs no task of its own.
pub struct Line {
    sender: SendRequest<Full<Bytes>>,
    connection: Pin<Box<dyn Future<Output = Result<(), hyper::Error>> + Send>>,
    over: bool,
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line").field("over", &self.over).finish_non_exhaustive()
    }
}

impl Line {
    /// Connects to one of a host's addresses after the other, each for `patience`. TLS takes somebody's `trust`.
    ///
    /// # Errors
    /// Why there is no connection.
    pub async fn open(trust: Option<&Trust>, to: &Origin, patience: Duration) -> Result<Self, Failure> {
        let host = to.host.as_str();
        let addresses = tokio::net::lookup_host((host, to.port)).await;
        let addresses = addresses
            .map_err(|error| Failure::new(format!("`{host}` cannot be resolved: {}", files::io_reason(&error))))?;
        let mut last = Failure::new(format!("`{host}` has no address"));
        let mut tcp = None;
        for address in addresses {
            match tokio::time::timeout(patience, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    tcp = Some(stream);
                    break;
                }
                Ok(Err(error)) => last = Failure::new(files::io_reason(&error)),
                Err(_) => {
                    last = Failure::new(format!(
                        "no connection to {address} within {} s",
                        patience.as_secs_f32()
                    ));
                }
            }
        }
        let tcp = tcp.ok_or(last)?;
        let _ = tcp.set_nodelay(true);
        let stream: Box<dyn Stream> = match trust {
            Some(Trust(tls)) if to.secure => {
                let name = ServerName::try_from(host.to_owned()).map_err(|error| Failure::new(error.to_string()))?;
                Box::new(tls.connect(name, tcp).await.map_err(|error| untrusted(&error))?)
            }
            _ if to.secure => return Err(Failure::new("nobody is trusted")),
            _ => Box::new(tcp),
        };
        let (sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| broken(&error))?;
        Ok(Self {
            sender,
            connection: Box::pin(connection),
            over: false,
        })
    }

    /// Sends a request, which has a path and a Host field, and reads the answer.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn exchange(&mut self, request: Request<Bytes>, read: Read) -> Result<Response<Bytes>, Failure> {
        let Self {
            sender,
            connection,
            over,
        } = self;
        let asking = async {
            sender.ready().await.map_err(|error| broken(&error))?;
            let answer = sender.send_request(request.map(Full::new)).await;
            let (parts, mut body) = answer.map_err(|error| broken(&error))?.into_parts();
            let broke_off = |why: String| Failure::new(format!("the answer broke off: {why}"));
            let mut bytes = BytesMut::new();
            let mut cut = false;
            while let Some(frame) = body.frame().await {
                let frame = frame.map_err(|error| broke_off(error.to_string()))?;
                let Ok(data) = frame.into_data() else { continue };
                match read {
                    Read::All(most) if bytes.len() + data.len() > most => {
                        return Err(broke_off("length limit exceeded".into()));
                    }
                    Read::First(most) if bytes.len() + data.len() > most => {
                        bytes.extend_from_slice(&data[..most - bytes.len()]);
                        cut = true;
                        break;
                    }
                    Read::All(_) | Read::First(_) => bytes.extend_from_slice(&data),
                }
            }
            Ok((Response::from_parts(parts, bytes.freeze()), cut))
        };
        let mut asking = pin!(asking);
        let (answer, cut) = loop {
            tokio::select! {
                biased;
                answer = &mut asking => break answer?,
                // What it has read is still there for the asking.
                _ = &mut *connection, if !*over => *over = true,
            }
        };
        *over |= cut;
        Ok(answer)
    }

    /// Whether nothing more can be asked on it.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.over
    }
}

/// What a `Retry-After` asks for, in seconds; it may be a date (RFC 9110 §10.2.3).
#[must_use]
pub fn retry_after(headers: &HeaderMap) -> Option<i64> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse::<u32>() {
        return Some(i64::from(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(value).ok()?.timestamp().as_second();
    Some((date - unix_now()).max(0))
}

fn broken(error: &hyper::Error) -> Failure {
    Failure::new(
        if error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
            "the connection was cut".to_owned()
        } else {
            format!("the connection broke: {error}")
        },
    )
}

fn untrusted(error: &io::Error) -> Failure {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let clock = matches!(
        inner,
        Some(rustls::Error::InvalidCertificate(
            CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. }
        ))
    );
    let what = match inner {
        Some(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
            "its certificate is from a CA that this machine does not trust".to_owned()
        }
        Some(error) => error.to_string(),
        None => match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => "the connection was cut".to_owned(),
            _ => files::io_reason(error),
        },
    };
    Failure {
        clock,
        ..Failure::new(what)
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn retry_after_is_read_as_seconds_and_as_a_date() {
        let read = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_static(value));
            retry_after(&headers)
        };
        assert_eq!(read("120"), Some(120));
        assert_eq!(read("Fri, 31 Dec 1999 23:59:59 GMT"), Some(0));
        assert!(read("Fri, 31 Dec 2100 23:59:59 GMT").unwrap() > 1_000_000_000);
        assert_eq!(read("soon"), None);
        assert_eq!(read("-5"), None);
    }

    #[test]
    fn a_url_leads_to_a_host_without_its_password() {
        let origin = |url: &str| Origin::of(&url.parse().unwrap());
        let found = origin("https://me:pw@[::1]:8443/x").unwrap();
        assert_eq!(
            (found.host.as_str(), found.port, found.authority.as_str(), found.secure),
            ("::1", 8443, "[::1]:8443", true)
        );
        let found = origin("http://a.test/").unwrap();
        assert_eq!((found.port, found.secure), (80, false));
        assert_eq!(origin("ftp://a.test/"), None);
    }
}
