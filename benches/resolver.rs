//! What a handshake costs with 500 hosts in the resolver, and with 5: the same.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, BenchmarkId, Criterion};
use greengate::config::Tls;
use greengate::tls::{Host, Store};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};

/// A store with so many hosts, and a client that trusts it. Certificates are the local CA's: what is measured is who is found.
fn store(hosts: usize) -> Option<(tempfile::TempDir, Arc<ServerConfig>, Arc<ClientConfig>)> {
    let folder = tempfile::tempdir().ok()?;
    let host = |number| Host {
        name: format!("host-{number}.example.com").into(),
        tls: Tls::Internal,
    };
    let (store, _) = Store::open((0..hosts).map(host).collect(), folder.path()).ok()?;
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(store.local_root_pem_path()).ok()?)
        .ok()?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .ok()?;
    let mut client = client.with_root_certificates(roots).with_no_client_auth();
    // A resumed session would not ask for a certificate.
    client.resumption = rustls::client::Resumption::disabled();
    Some((folder, store.server_config().ok()?, Arc::new(client)))
}

/// A whole handshake in memory; `None` when it fails.
fn handshake(server: &Arc<ServerConfig>, mut client: ClientConnection) -> Option<ServerConnection> {
    let mut server = ServerConnection::new(server.clone()).ok()?;
    let mut wire = Vec::with_capacity(4096);
    while client.is_handshaking() || server.is_handshaking() {
        wire.clear();
        while client.wants_write() {
            client.write_tls(&mut wire).ok()?;
        }
        let mut from = &wire[..];
        while !from.is_empty() {
            server.read_tls(&mut from).ok()?;
        }
        server.process_new_packets().ok()?;
        wire.clear();
        while server.wants_write() {
            server.write_tls(&mut wire).ok()?;
        }
        let mut from = &wire[..];
        while !from.is_empty() {
            client.read_tls(&mut from).ok()?;
        }
        client.process_new_packets().ok()?;
    }
    Some(server)
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("handshake");
    for hosts in [5, 500] {
        let Some((_folder, server, client)) = store(hosts) else {
            continue;
        };
        let name = format!("host-{}.example.com", hosts - 1);
        let Ok(name) = ServerName::try_from(name) else { continue };
        group.bench_with_input(BenchmarkId::new("full", hosts), &server, |bencher, server| {
            bencher.iter_batched(
                || ClientConnection::new(client.clone(), name.clone()).ok(),
                |client| black_box(client.and_then(|client| handshake(server, client))).is_some(),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
    criterion.final_summary();
}
