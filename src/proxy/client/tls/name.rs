//! The host that a client asks for in its handshake. rustls tells it nobody but the one who picks the certificate, so that one is
//! overheard: no second reading of the same bytes that could come to another name.

use std::cell::Cell;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

thread_local! {
    /// What was asked for last on this core. It is taken before another connection is looked at.
    static HEARD: Cell<Option<Box<str>>> = const { Cell::new(None) };
}

/// The same configuration, whose handshakes can be [`heard`].
pub(crate) fn overhear(config: &ServerConfig) -> Arc<ServerConfig> {
    let mut config = config.clone();
    config.cert_resolver = Arc::new(Overheard(config.cert_resolver));
    Arc::new(config)
}

/// The name in the ClientHello that rustls has just read on this thread, in lower case and without the dot at its end; `None` when it
/// has read none, or one without a name.
pub(super) fn heard() -> Option<Box<str>> {
    HEARD.take()
}

/// Who picks certificates, with an ear at the door.
#[derive(Debug)]
struct Overheard(Arc<dyn ResolvesServerCert>);

impl ResolvesServerCert for Overheard {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name();
        HEARD.set(name.map(|name| name.trim_end_matches('.').to_ascii_lowercase().into_boxed_str()));
        self.0.resolve(hello)
    }

    fn only_raw_public_keys(&self) -> bool {
        self.0.only_raw_public_keys()
    }
}
