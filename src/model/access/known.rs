//! What was found right, in bounded memory: when it is full, what came first goes first.

use std::collections::hash_map::DefaultHasher;
use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasherDefault;

use super::checks::Digest;

/// Digests that were found right, each with what is known of it.
#[derive(Debug)]
pub struct Known<V> {
    /// The hasher needs no secret: digests are keyed, so nobody can choose them.
    entries: HashMap<Digest, V, BuildHasherDefault<DefaultHasher>>,
    order: VecDeque<Digest>,
    most: usize,
}

impl<V> Known<V> {
    /// Nothing yet, and never more than `most`.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self {
            entries: HashMap::default(),
            order: VecDeque::new(),
            most,
        }
    }

    /// What is known of a digest.
    #[must_use]
    pub fn get(&self, digest: &Digest) -> Option<&V> {
        self.entries.get(digest)
    }

    /// Remembers, and forgets what came first where there is no room.
    pub fn insert(&mut self, digest: Digest, value: V) {
        if self.entries.insert(digest, value).is_some() {
            return;
        }
        self.order.push_back(digest);
        if self.order.len() > self.most
            && let Some(first) = self.order.pop_front()
        {
            self.entries.remove(&first);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_first_goes_first_and_the_bound_holds() {
        let mut known = Known::new(2);
        for round in 1..=100_u8 {
            known.insert([round; 32], round);
            known.insert([round; 32], round);
            assert!(known.entries.len() <= 2 && known.order.len() <= 2);
        }
        assert_eq!((known.get(&[100; 32]), known.get(&[99; 32])), (Some(&100), Some(&99)));
        assert_eq!(known.get(&[98; 32]), None);
    }
}
