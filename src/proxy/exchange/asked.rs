//! What a client has asked for, known again when its request has waited.

use std::net::IpAddr;

use super::exchange::Exchange;
use crate::http1::head::list;
use crate::model::routes::canonical_host;
use crate::proxy::core::shared::Shared;

/// What was asked for, read back from a head that we have built.
pub(crate) struct Asked {
    /// Canonical, without the port.
    pub(crate) host: String,
    /// Path and query as the client sent them.
    pub(crate) target: Vec<u8>,
    /// Where the target stands in the head.
    pub(crate) target_at: (usize, usize),
    /// `X-Forwarded-For`.
    forwarded_for: Vec<u8>,
}

impl Asked {
    pub(crate) fn of(exchange: &Exchange) -> Option<Self> {
        let bytes = &exchange.sending.out.bytes;
        let start = memchr::memchr(b' ', bytes)? + 1;
        let end = start + memchr::memchr(b' ', &bytes[start..])?;
        let mut lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end).skip(1);
        let host = canonical_host(lines.next()?.strip_prefix(b"host: ")?)
            .ok()?
            .into_owned();
        // The body that may follow the head can hold anything, but stands behind our own line.
        let forwarded_for = lines.find_map(|line| line.strip_prefix(b"x-forwarded-for: "))?.to_vec();
        let prefix = exchange.service.stripped();
        let mut target = Vec::new();
        if prefix != "/" && bytes[start] == b'/' {
            target.extend_from_slice(prefix.as_bytes());
        }
        target.extend_from_slice(&bytes[start..end]);
        Some(Self {
            host,
            target,
            target_at: (start, end),
            forwarded_for,
        })
    }

    /// The client behind the proxies that are trusted. The last of the list is the peer itself.
    pub(crate) fn client(&self, shared: &Shared, peer: IpAddr) -> IpAddr {
        let mut hops: Vec<_> = list(&self.forwarded_for).collect();
        while let Some(hop) = hops.pop() {
            let hop = str::from_utf8(hop).ok().and_then(|hop| hop.parse::<IpAddr>().ok());
            match hop.map(|hop| hop.to_canonical()) {
                Some(hop) if hops.is_empty() || !shared.is_trusted(hop) => return hop,
                Some(_) => {}
                None => break,
            }
        }
        peer
    }
}
