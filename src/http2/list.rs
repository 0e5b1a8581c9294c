//! A field list that was read from a field block: names and values as spans of one buffer, pseudo-header fields apart.

use super::field::{Fault, Key, Pseudo};
use crate::http1::head::{Field, Name, Span};

/// What each field adds to the size of a list, beside its name and value (RFC 9113 §6.5.2, RFC 7541 §4.1).
pub const OVERHEAD: usize = 32;

/// Bounds of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of names and values, and [`OVERHEAD`] for each field, pseudo-header fields included; fewer than 4 GiB.
    pub bytes: usize,
    /// Fields, pseudo-header fields included; all that Cookie comes in are one.
    pub fields: usize,
}

/// A field list. Kept and filled again, so that a connection allocates once.
#[derive(Debug, Clone)]
pub struct FieldList {
    /// What spans are parts of.
    pub bytes: Vec<u8>,
    /// Every field that is none of the pseudo-header fields, in order.
    pub fields: Vec<Field>,
    /// Which of `fields` must not be put into any compression context on their way (RFC 7541 §6.2.3), ascending.
    pub never_indexed: Vec<u32>,
    pseudo: [Option<Span>; 6],
    malformed: Option<&'static str>,
    limits: Limits,
    size: usize,
    count: usize,
    has_cookie: bool,
}

/// A list that would be so many times as large as it may be is no mistake.
const BOMB: usize = 16;

impl FieldList {
    /// An empty list, to be filled by [`super::hpack::Decoder::decode`].
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            bytes: Vec::new(),
            fields: Vec::new(),
            never_indexed: Vec::new(),
            pseudo: [None; 6],
            malformed: None,
            limits,
            size: 0,
            count: 0,
            has_cookie: false,
        }
    }

    /// Empties it.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.fields.clear();
        self.never_indexed.clear();
        self.pseudo = [None; 6];
        self.malformed = None;
        self.size = 0;
        self.count = 0;
        self.has_cookie = false;
    }

    /// A pseudo-header field's value. Each stands there at most once, or the list is malformed.
    #[must_use]
    #[inline]
    pub fn pseudo(&self, pseudo: Pseudo) -> Option<&[u8]> {
        let span = self.pseudo.get(pseudo as usize).copied().flatten();
        span.map(|span| span.of(&self.bytes))
    }

    /// Whether there is any of the pseudo-header fields.
    #[must_use]
    pub fn has_pseudo(&self) -> bool {
        self.pseudo.iter().any(Option::is_some)
    }

    /// The value of the first field of a kind.
    #[must_use]
    pub fn get(&self, kind: Name) -> Option<&[u8]> {
        let field = self.fields.iter().find(|field| field.kind == kind);
        field.map(|field| field.value.of(&self.bytes))
    }

    /// Name and value of every field, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let bytes = self.bytes.as_slice();
        self.fields
            .iter()
            .map(move |field| (field.name.of(bytes), field.value.of(bytes)))
    }

    /// The first thing that is wrong with it, by itself: a field that may not be there, or not at that place.
    #[must_use]
    pub fn malformed(&self) -> Option<&'static str> {
        self.malformed
    }

    /// Its size (RFC 9113 §6.5.2), what was beyond the limits included.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    /// Whether it went beyond the limits. Then only its beginning is there.
    #[must_use]
    pub fn is_too_large(&self) -> bool {
        self.size > self.limits.bytes || self.count > self.limits.fields
    }

    /// Whether it is so far beyond the limits that its block is not even read to its end: an index of one byte may stand for kilobytes.
    pub(super) fn is_bomb(&self) -> bool {
        self.size / BOMB > self.limits.bytes
    }

    /// Counts a field before it is written; whether there is room for it. A Cookie that comes in crumbs is one (RFC 9113 §8.2.3).
    #[inline]
    pub(super) fn admit(&mut self, key: Key, bytes: usize) -> bool {
        self.size = self.size.saturating_add(bytes + OVERHEAD);
        if key != Key::Field(Name::Cookie) || !std::mem::replace(&mut self.has_cookie, true) {
            self.count += 1;
        }
        !self.is_too_large()
    }

    /// Adds a field whose name and value stand at the end of `bytes`, from these offsets on.
    #[inline]
    pub(super) fn push(&mut self, key: Key, fault: Option<Fault>, name: usize, value: usize) {
        let value_span = Span::between(value, self.bytes.len());
        if let Some(fault) = fault {
            self.malformed.get_or_insert(fault.words());
        }
        match key {
            Key::Field(kind) => self.fields.push(Field {
                kind,
                name: Span::between(name, value),
                value: value_span,
            }),
            Key::Pseudo(pseudo) => self.push_pseudo(pseudo, value_span),
        }
    }

    /// RFC 9113 §8.3: before all other fields, and once each.
    fn push_pseudo(&mut self, pseudo: Pseudo, value: Span) {
        if !self.fields.is_empty() {
            self.malformed.get_or_insert("pseudo-header field behind another field");
        }
        let Some(slot) = self.pseudo.get_mut(pseudo as usize) else {
            return;
        };
        if slot.replace(value).is_some() {
            self.malformed.get_or_insert("the same pseudo-header field twice");
        }
    }

    /// The field that was added last must never be indexed.
    pub(super) fn mark_never_indexed(&mut self) {
        if let Some(last) = self.fields.len().checked_sub(1) {
            self.never_indexed.push(last as u32);
        }
    }
}
