//! The table that handshakes read: name → certificate. Lock-free, and it never shows one host's certificate for another.

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::certificate::{Certificate, bare};

/// What rustls asks during a handshake. Publishing a table is one atomic store; handshakes under way keep theirs.
#[derive(Debug)]
pub(super) struct Resolver {
    table: ArcSwap<Table>,
}

impl Resolver {
    /// A resolver that refuses every handshake.
    pub(super) fn empty() -> Self {
        Self {
            table: ArcSwap::from_pointee(Table::default()),
        }
    }

    /// Replaces the table for the handshakes that begin from now on.
    pub(super) fn publish(&self, table: Table) {
        self.table.store(Arc::new(table));
    }

    /// Whether the certificate shown for `sni` (empty: none was sent) is good for `host` as well.
    pub(super) fn covers(&self, sni: &str, host: &str) -> bool {
        let table = self.table.load();
        let asked = if sni.is_empty() { None } else { Some(sni) };
        table
            .get(asked)
            .is_some_and(|shown| bare(sni).eq_ignore_ascii_case(bare(host)) || shown.covers(host))
    }
}

impl ResolvesServerCert for Resolver {
    /// `None` refuses the handshake: an unknown name is shown nobody's certificate.
    fn resolve(&self, client_hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.table
            .load()
            .get(client_hello.server_name())
            .map(|shown| Arc::clone(shown.key()))
    }
}

/// Name → certificate at one moment.
#[derive(Debug, Default)]
pub(super) struct Table {
    exact: HashMap<Box<str>, Arc<Certificate>>,
    /// `*.example.com`, by `example.com`.
    wildcard: HashMap<Box<str>, Arc<Certificate>>,
    /// For clients that send no name, because they connect to an address (RFC 6066 §3 has no names for those).
    unnamed: Option<Arc<Certificate>>,
}

impl Table {
    /// Takes hosts in lower case; one without a certificate takes part only in the count of addresses.
    pub(super) fn build<'a>(hosts: impl IntoIterator<Item = (&'a str, Option<&'a Arc<Certificate>>)>) -> Self {
        let mut table = Self::default();
        let mut addresses = 0_usize;
        for (host, certificate) in hosts {
            let is_address = host.parse::<IpAddr>().is_ok();
            addresses += usize::from(is_address);
            let Some(certificate) = certificate else { continue };
            if is_address {
                table.unnamed = Some(Arc::clone(certificate));
            } else if let Some(parent) = host.strip_prefix("*.") {
                table.wildcard.insert(parent.into(), Arc::clone(certificate));
            } else {
                table.exact.insert(host.into(), Arc::clone(certificate));
            }
        }
        // With two addresses, a client without a name could mean either: refuse rather than guess.
        if addresses > 1 {
            table.unnamed = None;
        }
        table
    }

    /// Exact name before wildcard.
    fn get(&self, sni: Option<&str>) -> Option<&Arc<Certificate>> {
        let Some(sni) = sni else { return self.unnamed.as_ref() };
        let name = lower(bare(sni));
        self.exact.get(&*name).or_else(|| {
            let (label, parent) = name.split_once('.')?;
            if label.is_empty() {
                None
            } else {
                self.wildcard.get(parent)
            }
        })
    }
}

/// Lower case; rustls hands names over that way, so that this copies nothing during handshakes.
fn lower(name: &str) -> Cow<'_, str> {
    if name.bytes().any(|b| b.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    }
}
