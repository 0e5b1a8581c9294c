//! The floor: copies bytes between a client and an app, on the runtime and with the TLS that the front door has, and parses nothing.
//! Each client connection has a connection to the app, so that it is a floor for connections that last.

use std::net::Ipv4Addr;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional_with_sizes};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// What is copied at once.
const BUFFER: usize = 64 << 10;

pub(crate) fn acceptor(certificate: &str, key: &str) -> TlsAcceptor {
    let chain = CertificateDer::pem_file_iter(certificate).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            chain.map(Result::unwrap).collect(),
            PrivateKeyDer::from_pem_file(key).unwrap(),
        );
    TlsAcceptor::from(Arc::new(config.unwrap()))
}

/// Relays until it is ended: one thread for each worker, which share the listening sockets.
pub(crate) fn run(plain: u16, tls: u16, acceptor: TlsAcceptor, app: u16, workers: usize) {
    let bind = |port| {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
        listener.set_nonblocking(true).unwrap();
        listener
    };
    let (plain, tls) = (bind(plain), bind(tls));
    std::thread::scope(|scope| {
        for _ in 0..workers {
            let (plain, tls, acceptor) = (plain.try_clone().unwrap(), tls.try_clone().unwrap(), acceptor.clone());
            scope.spawn(move || {
                super::alone(async move {
                    tokio::task::spawn_local(accept(TcpListener::from_std(plain).unwrap(), None, app));
                    accept(TcpListener::from_std(tls).unwrap(), Some(acceptor), app).await;
                });
            });
        }
    });
}

async fn accept(listener: TcpListener, acceptor: Option<TlsAcceptor>, app: u16) {
    loop {
        let (tcp, _) = listener.accept().await.unwrap();
        tcp.set_nodelay(true).unwrap();
        let acceptor = acceptor.clone();
        // A client that goes away ends its own connection alone.
        tokio::task::spawn_local(async move {
            let _ = match acceptor {
                Some(acceptor) => match acceptor.accept(tcp).await {
                    Ok(tls) => copy(tls, app).await,
                    Err(error) => Err(error),
                },
                None => copy(tcp, app).await,
            };
        });
    }
}

async fn copy(mut client: impl AsyncRead + AsyncWrite + Unpin, app: u16) -> std::io::Result<()> {
    let mut app = TcpStream::connect((Ipv4Addr::LOCALHOST, app)).await?;
    app.set_nodelay(true)?;
    copy_bidirectional_with_sizes(&mut client, &mut app, BUFFER, BUFFER).await?;
    Ok(())
}
