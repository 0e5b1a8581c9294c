//! A client of rustls' own, and the server, with every byte between them in our hands.

use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::task::Poll;

use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{PrivatePkcs8KeyDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, Error, RootCertStore, ServerConfig, SupportedProtocolVersion};
use tokio::io::ReadBuf;

use crate::proxy::client::tls::session::{Came, Session};

pub(super) const VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

pub(super) struct Pair {
    pub(super) client: ClientConnection,
    pub(super) server: Session,
    /// Bytes of the client that are given to the server at a time.
    pub(super) piece: usize,
}

pub(super) fn configs(version: &'static SupportedProtocolVersion) -> (ClientConfig, ServerConfig) {
    let made = rcgen::generate_simple_self_signed(["app.example".to_owned()]).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let server = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())
        .unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let mut client = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    client.resumption = Resumption::disabled();
    client.enable_secret_extraction = true;
    (client, server)
}

impl Pair {
    pub(super) fn new(version: &'static SupportedProtocolVersion, piece: usize) -> Self {
        let (client, server) = configs(version);
        let name = ServerName::try_from("app.example").unwrap();
        Self {
            client: ClientConnection::new(Arc::new(client), name).unwrap(),
            server: Session::new(Arc::new(server)).unwrap(),
            piece,
        }
    }

    /// Behind its handshake.
    pub(super) fn open(version: &'static SupportedProtocolVersion, piece: usize) -> Self {
        let mut pair = Self::new(version, piece);
        while pair.client.is_handshaking() || !pair.server.shake_hands().unwrap() {
            for piece in pair.sent().chunks(pair.piece) {
                give_all(&mut pair.server, piece);
                pair.server.shake_hands().unwrap();
            }
            pair.answer().unwrap();
        }
        pair.answer().unwrap();
        pair
    }

    /// What the client sends.
    pub(super) fn sent(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        while self.client.wants_write() {
            self.client.write_tls(&mut bytes).unwrap();
        }
        bytes
    }

    /// Gives the client what the server sends. What it reads.
    pub(super) fn answer(&mut self) -> Result<Vec<u8>, Error> {
        let out = self.server.out().to_vec();
        self.server.sent(out.len());
        hear(&mut self.client, &out)
    }

    /// What the client says, as the server reads it with so much room.
    pub(super) fn say(&mut self, data: &[u8], room: usize) -> Vec<u8> {
        let mut read = Vec::new();
        for part in data.chunks(32 * 1024) {
            self.client.writer().write_all(part).unwrap();
            for mut piece in self.sent().chunks(self.piece) {
                while !piece.is_empty() {
                    piece = give(&mut self.server, piece).unwrap();
                    read.extend(read_all(&mut self.server, room).unwrap());
                }
            }
        }
        read
    }

    pub(super) fn holds_nothing(&self) -> bool {
        self.server.inbox.is_none() && self.server.plain.is_none() && self.server.out.is_none()
    }
}

pub(super) fn hear(client: &mut ClientConnection, mut bytes: &[u8]) -> Result<Vec<u8>, Error> {
    let mut heard = Vec::new();
    while !bytes.is_empty() {
        client.read_tls(&mut bytes).unwrap();
        client.process_new_packets()?;
        let mut part = [0; 32 * 1024];
        while let Ok(n) = client.reader().read(&mut part) {
            if n == 0 {
                break;
            }
            heard.extend_from_slice(&part[..n]);
        }
    }
    Ok(heard)
}

/// One read of a socket. What there was no room for.
pub(super) fn give<'b>(server: &mut Session, bytes: &'b [u8]) -> std::io::Result<&'b [u8]> {
    let mut rest = bytes;
    let received = server.receive(|room| {
        let (now, later) = bytes.split_at(bytes.len().min(room.remaining()));
        room.put_slice(now);
        rest = later;
        Poll::Ready(Ok(()))
    });
    let Poll::Ready(received) = received else {
        panic!("nothing was received")
    };
    received.map(|_| rest)
}

/// As many bytes as are received at once.
pub(super) fn give_all(server: &mut Session, bytes: &[u8]) {
    assert!(give(server, bytes).unwrap().is_empty());
}

/// Whether the server has had enough before it has seen all of it.
pub(super) fn is_too_much(server: &mut Session, mut bytes: &[u8]) -> bool {
    while !bytes.is_empty() {
        let Ok(rest) = give(server, bytes) else { return true };
        bytes = rest;
        if server.shake_hands().is_err() || read_all(server, 100).is_err() {
            return true;
        }
    }
    false
}

/// Reads until there is no more, as a stream does.
pub(super) fn read_all(server: &mut Session, room: usize) -> Result<Vec<u8>, Error> {
    let mut all = Vec::new();
    let mut bytes = vec![0; room];
    loop {
        let mut buffer = ReadBuf::new(&mut bytes);
        match server.read(&mut buffer)? {
            Came::Bytes => all.extend_from_slice(buffer.filled()),
            Came::End | Came::Nothing => return Ok(all),
        }
    }
}

pub(super) fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 31 % 251) as u8).collect()
}
