//! What a client has asked for: kept for the log, and for a request whose route is resolved again after it has waited.

use smallvec::SmallVec;

use crate::proxy::message::request::{Fields, Request, path_of};

/// As many bytes need no allocation: most requests are that short.
const SHORT: usize = 80;

/// Method, host and target, one behind the other. Empty for a request that could not be understood.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    text: SmallVec<[u8; SHORT]>,
    /// Where method and host end in `text`.
    ends: (usize, usize),
    /// How many bytes of the target stand before the query.
    path_len: usize,
}

impl Asked {
    pub(crate) fn of<'r, F: Fields<'r>>(request: &Request<'r, F>) -> Self {
        let (method, host) = (request.method_text, request.host.as_bytes());
        let mut text = SmallVec::with_capacity(method.len() + host.len() + request.target.len());
        text.extend_from_slice(method);
        text.extend_from_slice(host);
        text.extend_from_slice(request.target);
        Self {
            text,
            ends: (method.len(), method.len() + host.len()),
            path_len: request.path().len(),
        }
    }

    /// Of a request whose host nobody can be sure of.
    pub(crate) fn without_host(method: &[u8], target: &[u8]) -> Self {
        let mut text = SmallVec::with_capacity(method.len() + target.len());
        text.extend_from_slice(method);
        text.extend_from_slice(target);
        Self {
            text,
            ends: (method.len(), method.len()),
            path_len: path_of(target).len(),
        }
    }

    /// As the client wrote it.
    pub(crate) fn method(&self) -> &[u8] {
        &self.text[..self.ends.0]
    }

    /// Lower case, without port and trailing dot.
    pub(crate) fn host(&self) -> &str {
        // It was text when it was put here.
        str::from_utf8(&self.text[self.ends.0..self.ends.1]).unwrap_or_default()
    }

    /// Path and query, as the client wrote them.
    pub(crate) fn target(&self) -> &[u8] {
        &self.text[self.ends.1..]
    }

    /// The path, as the client wrote it.
    pub(crate) fn path(&self) -> &[u8] {
        &self.target()[..self.path_len]
    }

    /// Whether nothing was understood.
    pub(crate) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }
}
