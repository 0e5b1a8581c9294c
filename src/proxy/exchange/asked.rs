//! What a client has asked for: kept for the log, and for a request whose route is resolved again after it has waited.

use smallvec::SmallVec;

use crate::http1::head::Name;
use crate::model::preview::hide;
use crate::proxy::message::request::{Fields, Request, path_of};
use crate::telemetry::LONGEST_VALUE;

/// As many bytes need no allocation: most requests are that short, with the name of their browser.
const SHORT: usize = 240;

/// Method, host and target, one behind the other, and what the log says of the client. Empty for a request that could not be
/// understood.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    text: SmallVec<[u8; SHORT]>,
    /// Where method and host end in `text`.
    ends: (usize, usize),
    /// How many bytes of the target stand before the query.
    path_len: usize,
    /// Where target and referer end in `text`.
    told: (usize, usize),
}

impl Asked {
    /// Remembers what a request asks for.
    pub(crate) fn note<'r, F: Fields<'r>>(&mut self, request: &Request<'r, F>) {
        self.begin(request.method_text, request.host.as_bytes(), request.target);
        self.path_len = request.path().len();
    }

    /// As [`Asked::note`], of a request whose host nobody can be sure of.
    pub(crate) fn note_without_host(&mut self, method: &[u8], target: &[u8]) {
        self.begin(method, b"", target);
        self.path_len = path_of(target).len();
    }

    /// Remembers what the log says of the client of this request, which was noted. No more of it than the log will show.
    pub(crate) fn note_client<'r, F: Fields<'r>>(&mut self, request: &Request<'r, F>) {
        // One byte more, so that what is cut can be told from what is not.
        let kept = |value: &'r [u8]| &value[..value.len().min(LONGEST_VALUE + 1)];
        let (mut referer, mut user_agent) = (&b""[..], &b""[..]);
        for (kind, _, value) in request.fields.iter() {
            match kind {
                Name::Referer => referer = kept(value),
                Name::UserAgent => user_agent = kept(value),
                _ => {}
            }
        }
        self.text.truncate(self.told.0);
        self.text.extend_from_slice(referer);
        self.told.1 = self.text.len();
        self.text.extend_from_slice(user_agent);
    }

    fn begin(&mut self, method: &[u8], host: &[u8], target: &[u8]) {
        self.text.clear();
        for part in [method, host, target] {
            self.text.extend_from_slice(part);
        }
        self.ends = (method.len(), method.len() + host.len());
        self.told = (self.text.len(), self.text.len());
    }

    /// Forgets what stands behind so many bytes of the target, and what the log says of the client.
    pub(crate) fn cut_target(&mut self, len: usize) {
        self.text.truncate(self.ends.1 + len);
        self.path_len = self.path_len.min(len);
        self.told = (self.text.len(), self.text.len());
    }

    /// Makes tokens of previews unreadable, wherever they stand.
    pub(crate) fn hide_tokens(&mut self) {
        hide(&mut self.text);
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
        &self.text[self.ends.1..self.told.0]
    }

    /// The path, as the client wrote it.
    pub(crate) fn path(&self) -> &[u8] {
        &self.target()[..self.path_len]
    }

    /// The page that led here, as the client says; empty where nobody logs it.
    pub(crate) fn referer(&self) -> &[u8] {
        &self.text[self.told.0..self.told.1]
    }

    /// The client's software, as it says; empty where nobody logs it.
    pub(crate) fn user_agent(&self) -> &[u8] {
        &self.text[self.told.1..]
    }

    /// Whether nothing was understood.
    pub(crate) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }
}
