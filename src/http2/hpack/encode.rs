//! Field blocks, written (RFC 7541 §6). What is worth a place in the table, its caller knows.

use super::dynamic::Table;
use super::statics::{self, Found};
use super::{huffman, integer};
use crate::http2::settings::DEFAULT_TABLE_SIZE;

/// What becomes of a field in the tables of both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Indexing {
    /// It is likely to come again, and takes a place (RFC 7541 §6.2.1).
    Keep,
    /// It is not (RFC 7541 §6.2.2). Nothing is looked for but the static table.
    Pass,
    /// It is a secret that nobody on the way may put into a table (RFC 7541 §6.2.3).
    Never,
}

/// Writes the field blocks of one direction of a connection. Each is written whole and sent in the order of writing.
#[derive(Debug)]
pub struct Encoder {
    /// Each note is a hash of the name and the value.
    table: Table<u32>,
    /// The largest table that this side wants.
    most: u32,
    /// Sizes that the next block has to begin with: the smallest in between, and the one that holds.
    sizes: Option<(u32, u32)>,
}

impl Encoder {
    /// At the beginning of a connection. Its table takes at most so many bytes, whatever the other side would keep.
    #[must_use]
    pub fn new(most: u32) -> Self {
        let size = most.min(DEFAULT_TABLE_SIZE);
        Self {
            table: Table::new(size),
            most,
            sizes: (size < DEFAULT_TABLE_SIZE).then_some((size, size)),
        }
    }

    /// The other side keeps a table of at most this size from now on (RFC 7541 §4.2).
    pub fn set_limit(&mut self, limit: u32) {
        let size = limit.min(self.most);
        if size as usize == self.table.max() && self.sizes.is_none() {
            return;
        }
        let smallest = self.sizes.map_or(size, |(smallest, _)| smallest.min(size));
        self.sizes = Some((smallest, size));
        self.table.set_max(size);
    }

    /// Begins a block: appends what its reader has to know of the table.
    #[inline]
    pub fn begin(&mut self, out: &mut Vec<u8>) {
        if let Some((smallest, last)) = self.sizes.take() {
            if smallest < last {
                integer::write(out, 0x20, 5, smallest);
            }
            integer::write(out, 0x20, 5, last);
        }
    }

    /// Appends `:status`. Those without a place in the static table are not worth one in the other.
    pub fn status(&mut self, out: &mut Vec<u8>, status: u16) {
        debug_assert!((100..=999).contains(&status), "status has three digits");
        let index = match status {
            200 => 8,
            204 => 9,
            206 => 10,
            304 => 11,
            400 => 12,
            404 => 13,
            500 => 14,
            _ => {
                integer::write(out, 0, 4, statics::STATUS);
                let digits = [status / 100, status / 10 % 10, status % 10];
                string(out, &digits.map(|digit| b'0' + digit as u8));
                return;
            }
        };
        integer::write(out, 0x80, 7, index);
    }

    /// Appends a field; its name is in lower case.
    pub fn field(&mut self, out: &mut Vec<u8>, name: &[u8], value: &[u8], indexing: Indexing) {
        debug_assert!(!name.iter().any(u8::is_ascii_uppercase), "names are in lower case");
        let known = match statics::find(name, value) {
            Some(Found::Field(index)) if indexing != Indexing::Never => {
                return integer::write(out, 0x80, 7, index);
            }
            Some(Found::Field(index) | Found::Name(index)) => index,
            None => 0,
        };
        match indexing {
            Indexing::Keep => self.keep(out, name, value, known),
            Indexing::Pass => literal(out, (0, 4), known, name, value),
            Indexing::Never => literal(out, (0x10, 4), known, name, value),
        }
    }

    fn keep(&mut self, out: &mut Vec<u8>, name: &[u8], value: &[u8], known: u32) {
        let note = hash(name, value);
        let mut known = known;
        for (place, entry) in self.table.iter().enumerate() {
            let is_field = entry.note == note && self.table.has_name(entry, name) && self.table.has_value(entry, value);
            let index = (statics::LEN + 1 + place) as u32;
            if is_field {
                return integer::write(out, 0x80, 7, index);
            }
            if known == 0 && self.table.has_name(entry, name) {
                known = index;
            }
        }
        if name.len() + value.len() > self.table.max() / 2 {
            // It would drive out what comes more often.
            return literal(out, (0, 4), known, name, value);
        }
        literal(out, (0x40, 6), known, name, value);
        self.table.insert(name, value, note);
    }

    /// The size of its table (RFC 7541 §4.1).
    #[must_use]
    pub fn table_size(&self) -> usize {
        self.table.size()
    }
}

/// A field whose value is written out. The first byte has flags, and bits of the index of its name.
fn literal(out: &mut Vec<u8>, (flags, bits): (u8, u32), index: u32, name: &[u8], value: &[u8]) {
    integer::write(out, flags, bits, index);
    if index == 0 {
        string(out, name);
    }
    string(out, value);
}

/// A string, as code if that is shorter.
fn string(out: &mut Vec<u8>, text: &[u8]) {
    let coded = huffman::encoded_len(text);
    if coded < text.len() {
        integer::write(out, 0x80, 7, coded as u32);
        huffman::encode(text, out);
    } else {
        integer::write(out, 0, 7, text.len() as u32);
        out.extend_from_slice(text);
    }
}

/// Few fields are compared that are not the same. Eight bytes at a time: values are long.
fn hash(name: &[u8], value: &[u8]) -> u32 {
    let mix = |hash: u64, word: u64| (hash.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut hash = name.len() as u64;
    for text in [name, value] {
        let (words, rest) = text.as_chunks::<8>();
        for word in words {
            hash = mix(hash, u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        hash = mix(hash, u64::from_le_bytes(last));
    }
    (hash >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(encoder: &mut Encoder, name: &str, value: &str, indexing: Indexing) -> Vec<u8> {
        let mut out = Vec::new();
        encoder.begin(&mut out);
        encoder.field(&mut out, name.as_bytes(), value.as_bytes(), indexing);
        out
    }

    #[test]
    fn a_field_that_comes_again_is_a_byte() {
        let encoder = &mut Encoder::new(4096);
        assert_eq!(written(encoder, "server", "!", Indexing::Keep), b"\x76\x01!");
        assert_eq!(written(encoder, "server", "!", Indexing::Keep), [0xbe]);
        assert_eq!(written(encoder, "server", "#", Indexing::Keep), b"\x76\x01#");
        assert_eq!(written(encoder, "server", "!", Indexing::Keep), [0xbf]);
        // A name that the other table has.
        written(encoder, "x-y", "!", Indexing::Keep);
        assert_eq!(written(encoder, "x-y", "#", Indexing::Keep), b"\x7e\x01#");
    }

    /// RFC 7541 §7.1.3: a secret is never in a table, not even where it is a field of the static one.
    #[test]
    fn what_is_not_kept_leaves_no_trace() {
        let encoder = &mut Encoder::new(4096);
        assert_eq!(written(encoder, "set-cookie", "!", Indexing::Pass), b"\x0f\x28\x01!");
        assert_eq!(written(encoder, "set-cookie", "!", Indexing::Never), b"\x1f\x28\x01!");
        assert_eq!(written(encoder, "!", "#", Indexing::Never), b"\x10\x01!\x01#");
        assert_eq!(written(encoder, ":method", "GET", Indexing::Pass), [0x82]);
        assert_eq!(written(encoder, ":method", "GET", Indexing::Never)[0], 0x12);
        assert_eq!(encoder.table_size(), 0);
    }

    /// RFC 7541 §4.2: the smallest size in between is said, too.
    #[test]
    fn a_block_begins_with_the_sizes_that_its_reader_does_not_know() {
        let encoder = &mut Encoder::new(4096);
        assert_eq!(written(encoder, ":path", "/", Indexing::Pass), [0x84]);
        encoder.set_limit(65_536);
        assert_eq!(written(encoder, ":path", "/", Indexing::Pass), [0x84]);
        written(encoder, "a", "b", Indexing::Keep);
        encoder.set_limit(0);
        encoder.set_limit(20);
        encoder.set_limit(100);
        assert_eq!(encoder.table_size(), 0);
        assert_eq!(written(encoder, ":path", "/", Indexing::Pass), [0x20, 0x3f, 0x45, 0x84]);
        assert_eq!(written(encoder, ":path", "/", Indexing::Pass), [0x84]);
        encoder.set_limit(64);
        assert_eq!(written(encoder, ":path", "/", Indexing::Pass), [0x3f, 0x21, 0x84]);
        // Fewer than everybody keeps is said at the beginning.
        assert_eq!(
            written(&mut Encoder::new(0), "a", "b", Indexing::Keep),
            [0x20, 0x00, 0x01, b'a', 0x01, b'b']
        );
    }

    #[test]
    fn a_field_that_would_drive_out_half_of_the_table_takes_no_place() {
        let encoder = &mut Encoder::new(100);
        written(encoder, "a", &"x".repeat(50), Indexing::Keep);
        assert_eq!(encoder.table_size(), 0);
        written(encoder, "a", &"x".repeat(49), Indexing::Keep);
        assert_eq!(encoder.table_size(), 82);
    }

    #[test]
    fn statuses_are_a_byte_or_three_digits() {
        let mut out = Vec::new();
        let encoder = &mut Encoder::new(4096);
        for status in [200, 204, 206, 304, 400, 404, 500] {
            encoder.status(&mut out, status);
        }
        assert_eq!(out, [0x88, 0x89, 0x8a, 0x8b, 0x8c, 0x8d, 0x8e]);
        out.clear();
        encoder.status(&mut out, 302);
        assert_eq!(out, [0x08, 0x82, 0x64, 0x02]);
    }
}
