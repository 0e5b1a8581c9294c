//! What a head is made of: parts of a buffer, field lines, a version.

use std::ops::Range;

use super::names::Name;

/// A part of the buffer that a head was parsed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// Offset of the first byte.
    pub start: u32,
    /// Number of bytes.
    pub len: u32,
}

impl Span {
    /// The bytes themselves; `buffer` is the one that was parsed, from its first byte.
    #[must_use]
    #[inline]
    pub fn of<'b>(&self, buffer: &'b [u8]) -> &'b [u8] {
        &buffer[self.range()]
    }

    /// The part from `start` up to `end`, both offsets within a head and so below 4 GiB.
    #[inline]
    pub(crate) fn between(start: usize, end: usize) -> Self {
        Self {
            start: start as u32,
            len: (end - start) as u32,
        }
    }

    /// As a range of offsets.
    #[must_use]
    #[inline]
    pub fn range(&self) -> Range<usize> {
        self.start as usize..(self.start + self.len) as usize
    }
}

/// One field line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Which field it is.
    pub kind: Name,
    /// Its name, as it was written.
    pub name: Span,
    /// Its value, without surrounding white space.
    pub value: Span,
}

/// The versions that this codec speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs, reason = "each is the version of its name")]
pub enum Version {
    Http10,
    #[default]
    Http11,
}
