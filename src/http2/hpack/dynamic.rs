//! The dynamic table (RFC 7541 §2.3.2, §4): the fields of a connection that were sent last, newest first.
//!
//! Names and values stand in a ring of bytes, one behind the other, and what is known of each in a second one. Both grow with what
//! they hold, up to the bound, so that a connection which has not learnt anything has no table.

use std::collections::VecDeque;

use crate::http2::list::OVERHEAD;

/// The smallest ring.
const LEAST: usize = 256;

/// One field of the table, and what is remembered of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry<M> {
    /// Where its name begins, counted from the first byte that the table ever had, and from 0 again after 4 GiB.
    start: u32,
    pub(super) name: u32,
    pub(super) value: u32,
    pub(super) note: M,
}

impl<M> Entry<M> {
    /// Its size (RFC 7541 §4.1).
    fn size(&self) -> usize {
        (self.name + self.value) as usize + OVERHEAD
    }
}

/// A dynamic table. Each entry has a note.
#[derive(Debug)]
pub(super) struct Table<M> {
    /// A ring whose length is a power of two, or nothing.
    ring: Vec<u8>,
    /// Behind the newest field.
    end: u32,
    /// Newest first.
    entries: VecDeque<Entry<M>>,
    size: usize,
    max: usize,
}

impl<M: Copy> Table<M> {
    /// An empty table of at most so many bytes.
    pub(super) fn new(max: u32) -> Self {
        Self {
            ring: Vec::new(),
            end: 0,
            entries: VecDeque::new(),
            size: 0,
            max: max as usize,
        }
    }

    /// Its size (RFC 7541 §4.1).
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// The largest size that it may have.
    pub(super) fn max(&self) -> usize {
        self.max
    }

    /// Entries, newest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry<M>> {
        self.entries.iter()
    }

    /// The entry at this place; the newest has place 0.
    #[inline]
    pub(super) fn get(&self, place: usize) -> Option<&Entry<M>> {
        self.entries.get(place)
    }

    /// Gives it another bound, and evicts what is beyond it (RFC 7541 §4.3). A table of nothing has no memory.
    pub(super) fn set_max(&mut self, max: u32) {
        self.max = max as usize;
        self.evict(self.max);
        if self.entries.is_empty() {
            (self.ring, self.entries) = (Vec::new(), VecDeque::new());
        }
    }

    /// Adds a field in front, and evicts what has to make room for it. One that is larger than the table empties it (RFC 7541
    /// §4.4).
    pub(super) fn insert(&mut self, name: &[u8], value: &[u8], note: M) {
        let bytes = name.len() + value.len();
        let Some(room) = self.max.checked_sub(bytes + OVERHEAD) else {
            self.evict(0);
            return;
        };
        self.evict(room);
        self.reserve(bytes);
        let start = self.end;
        self.write(name);
        self.write(value);
        self.size += bytes + OVERHEAD;
        self.entries.push_front(Entry {
            start,
            name: name.len() as u32,
            value: value.len() as u32,
            note,
        });
    }

    /// Appends an entry's name.
    #[inline]
    pub(super) fn name_onto(&self, entry: &Entry<M>, out: &mut Vec<u8>) {
        let (first, rest) = self.slices(entry.start, entry.name);
        out.extend_from_slice(first);
        out.extend_from_slice(rest);
    }

    /// Appends an entry's value.
    #[inline]
    pub(super) fn value_onto(&self, entry: &Entry<M>, out: &mut Vec<u8>) {
        let (first, rest) = self.slices(entry.start.wrapping_add(entry.name), entry.value);
        out.extend_from_slice(first);
        out.extend_from_slice(rest);
    }

    /// Whether an entry has this name.
    pub(super) fn has_name(&self, entry: &Entry<M>, name: &[u8]) -> bool {
        entry.name as usize == name.len() && is_joined(self.slices(entry.start, entry.name), name)
    }

    /// Whether an entry has this value.
    pub(super) fn has_value(&self, entry: &Entry<M>, value: &[u8]) -> bool {
        let start = entry.start.wrapping_add(entry.name);
        entry.value as usize == value.len() && is_joined(self.slices(start, entry.value), value)
    }

    /// Evicts the oldest until the table has at most this size.
    fn evict(&mut self, size: usize) {
        while self.size > size
            && let Some(oldest) = self.entries.pop_back()
        {
            self.size -= oldest.size();
        }
    }

    /// Bytes of names and values.
    fn bytes(&self) -> usize {
        self.size - self.entries.len() * OVERHEAD
    }

    /// Makes room for more bytes.
    fn reserve(&mut self, more: usize) {
        let needed = self.bytes() + more;
        if needed <= self.ring.len() {
            return;
        }
        let mut ring = vec![0; needed.next_power_of_two().max(LEAST)];
        let start = self.end.wrapping_sub(self.bytes() as u32);
        let (first, rest) = self.slices(start, self.bytes() as u32);
        let mask = ring.len() - 1;
        for (at, byte) in first.iter().chain(rest).enumerate() {
            ring[(start as usize).wrapping_add(at) & mask] = *byte;
        }
        self.ring = ring;
    }

    /// Writes behind the newest; there is room.
    fn write(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let at = self.end as usize & (self.ring.len() - 1);
        let first = bytes.len().min(self.ring.len() - at);
        self.ring[at..at + first].copy_from_slice(&bytes[..first]);
        self.ring[..bytes.len() - first].copy_from_slice(&bytes[first..]);
        self.end = self.end.wrapping_add(bytes.len() as u32);
    }

    /// A part of the ring, which may go on at its beginning.
    #[inline]
    fn slices(&self, start: u32, len: u32) -> (&[u8], &[u8]) {
        let len = len as usize;
        if len == 0 {
            return (&[], &[]);
        }
        let at = start as usize & (self.ring.len() - 1);
        let first = len.min(self.ring.len() - at);
        (&self.ring[at..at + first], &self.ring[..len - first])
    }

    /// Bytes that it has of the allocator, roughly.
    #[cfg(test)]
    pub(super) fn memory(&self) -> usize {
        self.ring.capacity() + self.entries.capacity() * size_of::<Entry<M>>()
    }
}

fn is_joined((first, rest): (&[u8], &[u8]), text: &[u8]) -> bool {
    text[..first.len()] == *first && text[first.len()..] == *rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(table: &Table<u32>) -> Vec<(Vec<u8>, Vec<u8>, u32)> {
        let read = |entry: &Entry<u32>| {
            let (mut name, mut value) = (Vec::new(), Vec::new());
            table.name_onto(entry, &mut name);
            table.value_onto(entry, &mut value);
            assert!(table.has_name(entry, &name) && table.has_value(entry, &value));
            assert!(!table.has_name(entry, b"another name") && !table.has_value(entry, b"another value"));
            (name, value, entry.note)
        };
        table.iter().map(read).collect()
    }

    /// RFC 7541 §4.1, §4.4, beside a list that is kept in the simplest way.
    #[test]
    fn fields_are_kept_newest_first_and_the_oldest_make_room() {
        let mut random = fastrand::Rng::with_seed(1);
        for max in [0, 31, 32, 100, 300, 4096] {
            let mut table = Table::new(max);
            // So that the count of bytes starts anew on the way.
            table.end = u32::MAX - 1000;
            let mut model: Vec<(Vec<u8>, Vec<u8>, u32)> = Vec::new();
            let mut bound = max as usize;
            for number in 0..3000 {
                if random.u8(..) < 4 {
                    bound = random.usize(0..=max as usize);
                    table.set_max(bound as u32);
                } else {
                    let mut text = |len: usize| (0..random.usize(0..len)).map(|_| random.u8(..)).collect::<Vec<u8>>();
                    let (name, value) = (text(12), text(60));
                    table.insert(&name, &value, number);
                    model.insert(0, (name, value, number));
                }
                let size = |fields: &[(Vec<u8>, Vec<u8>, u32)]| -> usize {
                    fields
                        .iter()
                        .map(|(name, value, _)| name.len() + value.len() + 32)
                        .sum()
                };
                while size(&model) > bound {
                    model.pop();
                }
                assert_eq!(table.size(), size(&model));
                assert_eq!(fields(&table), model);
                assert!(table.memory() <= 4 * max as usize + 512, "{} of {max}", table.memory());
            }
        }
    }

    #[test]
    fn a_table_of_nothing_has_no_memory() {
        let mut table = Table::new(4096);
        assert_eq!(table.memory(), 0);
        table.insert(b"name", b"value", 0);
        assert!(table.memory() <= 1024);
        table.set_max(0);
        assert_eq!((table.memory(), table.size()), (0, 0));
    }

    /// RFC 7541 §4.4.
    #[test]
    fn a_field_larger_than_the_table_empties_it() {
        let mut table = Table::new(64);
        table.insert(b"a", b"b", 1);
        table.insert(b"name", &[b'x'; 40], 2);
        assert_eq!((table.size(), table.get(0).is_none()), (0, true));
        table.insert(b"a", b"b", 3);
        assert_eq!(table.size(), 34);
    }
}
