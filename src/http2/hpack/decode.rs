//! Field blocks, read (RFC 7541 §3, §6).

use super::dynamic::Table;
use super::error::Error;
use super::{huffman, integer, statics};
use crate::http2::field::{Fault, Key};
use crate::http2::list::FieldList;
use crate::http2::settings::DEFAULT_TABLE_SIZE;

/// What is known of a field in the table, so that it is judged once.
#[derive(Debug, Clone, Copy)]
struct Judged {
    key: Key,
    of_name: Option<Fault>,
    of_value: Option<Fault>,
}

/// A name that was read.
#[derive(Clone, Copy)]
struct Read {
    /// Where it begins in the list's bytes.
    start: usize,
    key: Key,
    fault: Option<Fault>,
}

/// Reads the field blocks of one direction of a connection, each whole and in their order: each changes what the next one means.
#[derive(Debug)]
pub struct Decoder {
    table: Table<Judged>,
    /// The largest size that the other side may choose.
    limit: u32,
    /// The table has to become smaller, and the next block has to say so first.
    owes_size: bool,
}

impl Decoder {
    /// At the beginning of a connection whose settings will name this table size. Until they are acknowledged, the other side
    /// may believe in the default.
    #[must_use]
    pub fn new(table_size: u32) -> Self {
        Self {
            table: Table::new(DEFAULT_TABLE_SIZE),
            limit: table_size.max(DEFAULT_TABLE_SIZE),
            owes_size: false,
        }
    }

    /// The other side has acknowledged this table size. If its table may be larger, its next block has to begin with a size
    /// (RFC 7541 §4.2, RFC 9113 §4.3.1).
    pub fn acknowledged(&mut self, table_size: u32) {
        self.limit = table_size;
        self.owes_size = self.table.max() > table_size as usize;
    }

    /// The size of its table (RFC 7541 §4.1).
    #[must_use]
    pub fn table_size(&self) -> usize {
        self.table.size()
    }

    /// Reads a block into an empty list. Beyond the list's limits, fields are read but not kept, so that the next block can be
    /// read; the list says so. Whether the list is malformed it says, too: that is the end of a stream, not of the connection.
    /// A block that stands for many times the limits is not read to its end.
    ///
    /// # Errors
    /// When it cannot be read. Nothing can be read on this connection any more.
    pub fn decode(&mut self, block: &[u8], list: &mut FieldList) -> Result<(), Error> {
        let mut at = self.sizes(block)?;
        while let Some(&first) = block.get(at) {
            at = match first {
                0x80.. => self.indexed(block, at, list)?,
                0x40.. => self.literal(block, at, 6, list)?,
                0x20.. => return Err(Error::LateTableSize),
                _ => self.literal(block, at, 4, list)?,
            };
        }
        Ok(())
    }

    /// The table sizes that a block may begin with (RFC 7541 §6.3).
    fn sizes(&mut self, block: &[u8]) -> Result<usize, Error> {
        let mut at = 0;
        while let Some(0x20..0x40) = block.get(at) {
            let (size, next) = integer::read(block, at, 5)?;
            if size > self.limit {
                return Err(Error::TableSize);
            }
            self.table.set_max(size);
            self.owes_size = false;
            at = next;
        }
        if self.owes_size {
            return Err(Error::MissingTableSize);
        }
        Ok(at)
    }

    /// A field that a table has (RFC 7541 §6.1).
    #[inline]
    fn indexed(&mut self, block: &[u8], at: usize, list: &mut FieldList) -> Result<usize, Error> {
        let (index, next) = integer::read(block, at, 7)?;
        let start = list.bytes.len();
        match place(index)? {
            Place::Static(place) => {
                let (name, value, key) = statics::TABLE[place];
                if list.admit(key, name.len() + value.len()) {
                    list.bytes.extend_from_slice(name);
                    list.bytes.extend_from_slice(value);
                    // Values that stand there are good; where none does, a name is taken for a field.
                    let of_value = if value.is_empty() { key.fault_of(value) } else { None };
                    list.push(key, key.fault_of_name().or(of_value), start, start + name.len());
                }
            }
            Place::Dynamic(place) => {
                let entry = self.table.get(place).ok_or(Error::Index)?;
                let Judged { key, of_name, of_value } = entry.note;
                if list.admit(key, (entry.name + entry.value) as usize) {
                    self.table.name_onto(entry, &mut list.bytes);
                    self.table.value_onto(entry, &mut list.bytes);
                    list.push(key, of_name.or(of_value), start, start + entry.name as usize);
                } else if list.is_bomb() {
                    return Err(Error::Bomb);
                }
            }
        }
        Ok(next)
    }

    /// A field whose value is written out, and whose name may be (RFC 7541 §6.2).
    fn literal(&mut self, block: &[u8], at: usize, bits: u32, list: &mut FieldList) -> Result<usize, Error> {
        let first = block[at];
        let (index, next) = integer::read(block, at, bits)?;
        let (name, next) = self.name(block, next, index, list)?;
        let value = list.bytes.len();
        let next = string(block, next, &mut list.bytes)?;
        let of_value = name.key.fault_of(&list.bytes[value..]);
        if bits == 6 {
            let note = Judged {
                key: name.key,
                of_name: name.fault,
                of_value,
            };
            self.table
                .insert(&list.bytes[name.start..value], &list.bytes[value..], note);
        }
        if list.admit(name.key, list.bytes.len() - name.start) {
            list.push(name.key, name.fault.or(of_value), name.start, value);
            if first & 0xf0 == 0x10 && matches!(name.key, Key::Field(_)) {
                list.mark_never_indexed();
            }
        } else if list.is_bomb() {
            return Err(Error::Bomb);
        } else {
            list.bytes.truncate(name.start);
        }
        Ok(next)
    }

    /// The name of a field, from a table or written out.
    fn name(&self, block: &[u8], at: usize, index: u32, list: &mut FieldList) -> Result<(Read, usize), Error> {
        let start = list.bytes.len();
        if index == 0 {
            let next = string(block, at, &mut list.bytes)?;
            let (key, fault) = Key::of(&list.bytes[start..]);
            return Ok((Read { start, key, fault }, next));
        }
        let (key, fault) = match place(index)? {
            Place::Static(place) => {
                let (name, _, key) = statics::TABLE[place];
                list.bytes.extend_from_slice(name);
                (key, key.fault_of_name())
            }
            Place::Dynamic(place) => {
                let entry = self.table.get(place).ok_or(Error::Index)?;
                self.table.name_onto(entry, &mut list.bytes);
                (entry.note.key, entry.note.of_name)
            }
        };
        Ok((Read { start, key, fault }, at))
    }
}

/// Where an index points (RFC 7541 §2.3.3).
enum Place {
    Static(usize),
    Dynamic(usize),
}

#[inline]
fn place(index: u32) -> Result<Place, Error> {
    match (index as usize).checked_sub(1).ok_or(Error::Index)? {
        place @ 0..statics::LEN => Ok(Place::Static(place)),
        place => Ok(Place::Dynamic(place - statics::LEN)),
    }
}

/// Appends the string at `at` (RFC 7541 §5.2); returns the offset behind it.
#[inline]
fn string(block: &[u8], at: usize, out: &mut Vec<u8>) -> Result<usize, Error> {
    let (length, start) = integer::read(block, at, 7)?;
    let end = start.checked_add(length as usize).ok_or(Error::Truncated)?;
    let text = block.get(start..end).ok_or(Error::Truncated)?;
    if block[at] & 0x80 == 0 {
        out.extend_from_slice(text);
    } else {
        huffman::decode(text, out)?;
    }
    Ok(end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http2::list::Limits;

    const LIMITS: Limits = Limits {
        bytes: 4096,
        fields: 100,
    };

    fn decode(decoder: &mut Decoder, block: &[u8]) -> Result<FieldList, Error> {
        let mut list = FieldList::new(LIMITS);
        decoder.decode(block, &mut list).map(|()| list)
    }

    fn refused(block: &[u8]) -> Error {
        decode(&mut Decoder::new(4096), block).unwrap_err()
    }

    /// RFC 7541 §2.3.3, §6.1.
    #[test]
    fn indexes_beyond_the_tables_are_refused() {
        assert_eq!(refused(&[0x80]), Error::Index);
        assert_eq!(refused(&[0x80 | 62]), Error::Index);
        assert_eq!(refused(&[0x7f, 0x00, 0x00]), Error::Index);
        assert_eq!(refused(&[0x0f, 0x7f, 0x00]), Error::Index);
        assert_eq!(refused(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff]), Error::Integer);
    }

    #[test]
    fn a_block_that_ends_within_a_field_is_refused() {
        for block in [
            &b"\x40"[..],
            b"\x40\x01",
            b"\x40\x01a",
            b"\x40\x01a\x05x",
            b"\x00\xff",
            b"\x04\x85ab",
        ] {
            assert_eq!(refused(block), Error::Truncated, "{block:?}");
        }
    }

    /// RFC 7541 §6.3, §4.2.
    #[test]
    fn sizes_stand_first_and_within_what_was_allowed() {
        assert_eq!(refused(b"\x3f\xe2\x1f"), Error::TableSize);
        assert_eq!(refused(b"\x82\x20"), Error::LateTableSize);
        let mut decoder = Decoder::new(4096);
        // To nothing and back, which empties it.
        decode(&mut decoder, b"\x40\x01a\x01b\xbe").unwrap();
        decode(&mut decoder, b"\x20\x3f\xe1\x1f\x82").unwrap();
        assert_eq!(decode(&mut decoder, b"\xbe").unwrap_err(), Error::Index);
        // A larger one is allowed as soon as it was named, a smaller one once it was acknowledged.
        decode(&mut Decoder::new(8192), b"\x3f\xe1\x3f").unwrap();
        decode(&mut Decoder::new(0), b"\x3f\xe1\x1f").unwrap();
    }

    /// RFC 9113 §4.3.1: "MUST be treated as a connection error of type COMPRESSION_ERROR".
    #[test]
    fn a_block_says_first_that_the_table_has_become_smaller() {
        let smaller = || {
            let mut decoder = Decoder::new(100);
            decode(&mut decoder, b"\x40\x01a\x01b").unwrap();
            decoder.acknowledged(100);
            decoder
        };
        assert_eq!(decode(&mut smaller(), b"\x82").unwrap_err(), Error::MissingTableSize);
        assert_eq!(decode(&mut smaller(), b"\x3f\x46\x82").unwrap_err(), Error::TableSize);
        let mut decoder = smaller();
        decode(&mut decoder, b"\x3f\x45\xbe").unwrap();
        decode(&mut decoder, b"\xbe").unwrap();
        // No word is needed of one that stays as it is, or may grow.
        let mut decoder = Decoder::new(4096);
        decoder.acknowledged(4096);
        decode(&mut decoder, b"\x82").unwrap();
    }

    /// RFC 9113 §10.5.1: what is too large is read all the same, and nothing of it is kept.
    #[test]
    fn e27_beyond_the_limits_the_table_learns_and_the_list_does_not_grow() {
        let mut decoder = Decoder::new(4096);
        let mut block = b"\x40\x01a\x7f\xb9\x16".to_vec();
        block.extend([b'x'; 3000]);
        // An index is a byte that stands for three thousand.
        block.extend([0xbe; 20]);
        block.extend(b"\x40\x01b\x01c");
        let list = decode(&mut decoder, &block).unwrap();
        assert!(list.is_too_large());
        assert_eq!(list.size(), 21 * 3033 + 34);
        assert!(list.bytes.capacity() <= 2 * LIMITS.bytes, "{}", list.bytes.capacity());
        assert_eq!(list.fields.len(), 1);
        let next = decode(&mut decoder, b"\xbe\xbf").unwrap();
        assert_eq!(next.iter().next(), Some((&b"b"[..], &b"c"[..])));
        assert_eq!(next.fields.len(), 2);
    }

    /// RFC 9113 §10.5.1. In whichever form: an index for all of a field, or for its name.
    #[test]
    fn e27_what_stands_for_many_times_the_limits_is_not_read_to_its_end() {
        for (seed, reference) in [
            (&b"\x40\x01a\x7f\xb9\x16"[..], &b"\xbe"[..]),
            (b"\x40\x7f\xb9\x16", b"\x7e\x00"),
            (b"\x40\x7f\xb9\x16", b"\x0f\x2f\x00"),
        ] {
            let mut decoder = Decoder::new(4096);
            let long = [seed, &[b'x'; 3000]].concat();
            let first = if seed.len() == 4 {
                [&long[..], b"\x00"].concat()
            } else {
                long
            };
            decode(&mut decoder, &first).unwrap();
            let mut list = FieldList::new(LIMITS);
            let read = decoder.decode(&reference.repeat(10_000), &mut list);
            assert_eq!(read, Err(Error::Bomb));
            assert!(list.size() < 17 * LIMITS.bytes, "{}", list.size());
        }
    }

    /// RFC 9113 §8.2.3: clients send each cookie in a field of its own.
    #[test]
    fn e24_crumbs_of_a_cookie_count_as_one_field() {
        let limits = Limits {
            bytes: 1 << 20,
            ..LIMITS
        };
        // `cookie: a=b`: its name from the static table, and all of it from the other.
        for crumb in [&b"\x0f\x11\x03a=b"[..], b"\xbe"] {
            for (others, is_too_large) in [(99, false), (100, true)] {
                let mut decoder = Decoder::new(4096);
                decode(&mut decoder, b"\x60\x03a=b").unwrap();
                let mut list = FieldList::new(limits);
                let block = [crumb.repeat(1000), [0x95].repeat(others)].concat();
                decoder.decode(&block, &mut list).unwrap();
                assert_eq!(list.is_too_large(), is_too_large, "{others} others");
                assert_eq!(list.fields.len(), 1000 + 99);
            }
        }
    }

    #[test]
    fn e27_more_fields_than_the_limit_are_too_many() {
        let list = decode(&mut Decoder::new(4096), &[0x95; 100]).unwrap();
        assert!(!list.is_too_large());
        let list = decode(&mut Decoder::new(4096), &[0x95; 101]).unwrap();
        assert!(list.is_too_large());
    }

    /// RFC 9113 §8.3: faults of fields are found wherever they come from, and end nothing but their own message.
    #[test]
    fn f3_faults_are_remembered_with_the_entry() {
        let mut decoder = Decoder::new(4096);
        let list = decode(&mut decoder, b"\x40\x01A\x01b").unwrap();
        assert_eq!(list.malformed(), Some("uppercase letter in a field name"));
        let list = decode(&mut decoder, b"\xbe").unwrap();
        assert_eq!(list.malformed(), Some("uppercase letter in a field name"));
        let list = decode(&mut decoder, b"\x40\x01a\x02b\n").unwrap();
        assert_eq!(list.malformed(), Some("control character in a field value"));
        // The name is good with another value.
        let list = decode(&mut decoder, b"\x7e\x01b").unwrap();
        assert_eq!(list.malformed(), None);
        // RFC 9113 §8.2.2, by the static table.
        let list = decode(&mut decoder, b"\x0f\x2a\x01x").unwrap();
        assert_eq!(list.malformed(), Some("field that speaks of an HTTP/1.1 connection"));
        for (block, why) in [
            (&b"\x82\x82"[..], "the same pseudo-header field twice"),
            (b"\x90\x82", "pseudo-header field behind another field"),
            (b"\x81", "`:authority` is no authority"),
            (b"\x9c", "Content-Length is not one decimal number"),
            (b"\xb9", "field that speaks of an HTTP/1.1 connection"),
        ] {
            assert_eq!(decode(&mut decoder, block).unwrap().malformed(), Some(why), "{block:?}");
        }
    }

    /// RFC 7541 §7.1.3.
    #[test]
    fn what_must_never_be_indexed_is_known() {
        let list = decode(
            &mut Decoder::new(4096),
            b"\x90\x10\x01a\x01b\x00\x01c\x01d\x1f\x00\x01e",
        )
        .unwrap();
        assert_eq!(list.never_indexed, [1, 3]);
    }
}
