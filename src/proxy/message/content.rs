//! The content of an answer of our own (RFC 9110 §6.4). A page that many clients are shown is in memory once.

use std::sync::Arc;

use bytes::Bytes;

use crate::model::error_pages::{Filling, Page};

/// Bytes, or a page with what belongs to one request.
#[derive(Debug)]
pub(crate) enum Content {
    Bytes(Bytes),
    Page(Arc<Page>, Filling),
}

impl Content {
    /// How many bytes leave.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Page(page, _) => page.len(),
        }
    }

    /// What is left behind `at` bytes, or the first part of it. Empty at the end, and only there.
    pub(crate) fn rest(&self, at: usize) -> &[u8] {
        match self {
            Self::Bytes(bytes) => bytes.get(at..).unwrap_or_default(),
            Self::Page(page, filling) => page.rest(at, filling),
        }
    }
}

impl Default for Content {
    fn default() -> Self {
        Self::Bytes(Bytes::new())
    }
}

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes.into())
    }
}
