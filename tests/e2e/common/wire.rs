//! One byte stream, whatever it runs over, and the TLS client configuration that trusts the local CA.

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::client::TlsStream;

/// A connection of the harness.
#[derive(Debug)]
pub enum Wire {
    /// Plain TCP.
    Tcp(TcpStream),
    /// A Unix stream socket.
    Unix(UnixStream),
    /// TLS over TCP, as a client.
    Tls(Box<TlsStream<TcpStream>>),
    /// A stream of an HTTP/2 connection, as a client.
    Stream(Box<TokioIo<Upgraded>>),
}

impl Wire {
    /// Makes the coming drop a RST instead of a FIN, where there is such a thing.
    pub fn reset_on_drop(&self) {
        match self {
            Self::Tcp(tcp) => drop(tcp.set_zero_linger()),
            Self::Tls(tls) => drop(tls.get_ref().0.set_zero_linger()),
            Self::Unix(_) | Self::Stream(_) => {}
        }
    }
}

macro_rules! each {
    ($wire:expr, $inner:ident => $call:expr) => {
        match $wire.get_mut() {
            Wire::Tcp($inner) => $call,
            Wire::Unix($inner) => $call,
            Wire::Tls($inner) => $call,
            Wire::Stream($inner) => $call,
        }
    };
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        each!(self, inner => Pin::new(inner).poll_read(cx, buf))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        each!(self, inner => Pin::new(inner).poll_write(cx, buf))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, inner => Pin::new(inner).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, inner => Pin::new(inner).poll_shutdown(cx))
    }
}

/// A client configuration that trusts the roots in `root` and nothing else, and offers `alpn` in this order.
pub fn trusting(root: &Path, alpn: &[&str]) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    let certificates =
        CertificateDer::pem_file_iter(root).unwrap_or_else(|error| panic!("cannot read {}: {error}", root.display()));
    for certificate in certificates {
        roots
            .add(certificate.expect("a certificate in PEM"))
            .expect("a root that can be trusted");
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider knows TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    Arc::new(config)
}
