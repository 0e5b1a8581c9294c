//! A data plane as the benches start it: one core, no TLS, the usual times.

use std::sync::Arc;

use greengate::proxy::{Front, Settings, Times, TlsChallenges};

/// One core, and limits that nothing here reaches.
pub(crate) fn settings() -> Settings {
    Settings {
        workers: 1,
        trusted_proxies: Vec::new(),
        proxy_protocol: false,
        max_connections: 1000,
        max_connections_per_client: 1000,
        https_port: None,
        times: Times::USUAL,
    }
}

/// Nothing here speaks TLS.
pub(crate) fn front() -> Front {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(rustls::server::ResolvesServerCertUsingSni::new()));
    Front {
        tls: Arc::new(tls),
        covers: Arc::new(|_, _| false),
        acme: Arc::new(|_| None),
        challenge: TlsChallenges::default(),
    }
}
