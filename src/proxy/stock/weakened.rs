//! Which entity tags were strong before answers were encoded, so that an app finds the tags in `If-None-Match` and `If-Match` that it has
//! written. An app that compares them as texts would otherwise never answer 304, and none could take a change for a tag that is weak (RFC 9110
//! §13.1.1). The text is the same in every encoding, so what a client changes is what the app means by the tag.
//!
//! Shared by all cores, without a lock, and of a fixed size: 16 KiB. A tag that was forgotten reaches the app in its weak form, which is
//! right for apps that compare as RFC 9110 §13.1.2 says, and costs the others a whole answer.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU32, Ordering};

/// Tags that are known at a time.
const KNOWN: usize = 4096;

/// Tags that were made weak.
pub(crate) struct Weakened(Box<[AtomicU32]>);

impl Default for Weakened {
    fn default() -> Self {
        Self((0..KNOWN).map(|_| AtomicU32::new(0)).collect())
    }
}

impl Weakened {
    /// Remembers a tag, which is written with its quotes. One that falls into its place is forgotten.
    pub(crate) fn note(&self, tag: &[u8]) {
        let (place, mark) = mark(tag);
        self.0[place].store(mark, Ordering::Relaxed);
    }

    /// Whether a tag, with its quotes, was made weak.
    pub(crate) fn knows(&self, tag: &[u8]) -> bool {
        let (place, mark) = mark(tag);
        self.0[place].load(Ordering::Relaxed) == mark
    }

    /// A value of `If-None-Match` or `If-Match` as the app would have got it.
    pub(crate) fn restored<'v>(&self, value: &'v [u8]) -> Cow<'v, [u8]> {
        let mut restored = Vec::new();
        let (mut copied, mut at) = (0, 0);
        while let Some(quote) = find_quote(value, at) {
            let Some(end) = find_quote(value, quote + 1) else { break };
            if value[copied..quote].ends_with(b"W/") && self.knows(&value[quote..=end]) {
                restored.extend_from_slice(&value[copied..quote - 2]);
                copied = quote;
            }
            at = end + 1;
        }
        if copied == 0 && restored.is_empty() {
            return value.into();
        }
        restored.extend_from_slice(&value[copied..]);
        restored.into()
    }
}

fn find_quote(value: &[u8], from: usize) -> Option<usize> {
    memchr::memchr(b'"', &value[from..]).map(|at| from + at)
}

/// Where a tag is looked for, and what stands there then, which is never 0.
fn mark(tag: &[u8]) -> (usize, u32) {
    // FNV-1a: who makes two tags collide is told one for the other, and they are both its own.
    let hash = tag.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let place = usize::try_from(hash % KNOWN as u64).unwrap_or_default();
    (place, u32::try_from(hash >> 32).unwrap_or_default() | 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_that_were_made_weak_are_strong_again_and_all_others_stay() {
        let weakened = Weakened::default();
        weakened.note(b"\"a\"");
        weakened.note(b"\"b, W/c\"");
        for (sent, expected) in [
            ("W/\"a\"", "\"a\""),
            ("W/\"a\", W/\"x\",W/\"a\"", "\"a\", W/\"x\",\"a\""),
            ("\"a\"", "\"a\""),
            ("W/\"x\"", "W/\"x\""),
            ("W/\"b, W/c\"", "\"b, W/c\""),
            ("\"W/\", W/\"a\"", "\"W/\", \"a\""),
            ("*", "*"),
            ("", ""),
            ("W/\"a", "W/\"a"),
            ("a", "a"),
        ] {
            assert_eq!(&*weakened.restored(sent.as_bytes()), expected.as_bytes(), "{sent}");
        }
    }

    #[test]
    fn a_million_tags_take_no_more_than_their_places() {
        let weakened = Weakened::default();
        for tag in 0..1_000_000 {
            weakened.note(format!("\"{tag}\"").as_bytes());
        }
        assert_eq!(weakened.0.len(), KNOWN);
        assert!(weakened.knows(b"\"999999\""));
    }
}
