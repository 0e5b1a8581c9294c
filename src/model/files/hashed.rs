//! File names that stand for their content: whoever changes the content gives it another name.

use super::kind::Kind;

/// Digits of a hash, at least.
const SHORTEST: usize = 8;

/// Whether a name has a hash of the content in it, as those who build front ends write it: `app.3f9c2a1b.js`, `index-DkX3_a9Z.js`,
/// `main-5QTR6WDZ.js`. A page never has one: its name is what others know it by.
///
/// A name that is wrongly taken for one would be stale for a year, so words, numbers and sizes are none, and of the hashes that look
/// like a word, some are missed.
#[must_use]
pub fn is_hashed(name: &[u8]) -> bool {
    if Kind::of(name).is_page() {
        return false;
    }
    let name = memchr::memrchr(b'/', name).map_or(name, |slash| &name[slash + 1..]);
    let Some(dot) = memchr::memrchr(b'.', name) else {
        return false;
    };
    let stem = &name[..dot];
    // `app.3f9c2a1b.chunk.js`, `app-3f9c2a1b.js.map`: in any place.
    let mut words = stem.split(|byte| matches!(byte, b'.' | b'-'));
    words.any(is_hexadecimal) || stem.split(|byte| *byte == b'.').any(ends_with_base64)
}

/// Hexadecimal digits and nothing else, of both kinds: with letters alone it may be a word, with digits alone a date.
fn is_hexadecimal(word: &[u8]) -> bool {
    let is_hex = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let least = if word.len() < 2 * SHORTEST { 2 } else { 1 };
    word.len() >= SHORTEST && word.iter().all(is_hex) && changes(word) >= least
}

/// The last eight characters, behind a hyphen or alone, look like base64 or base32 of a hash (Rollup, esbuild).
fn ends_with_base64(part: &[u8]) -> bool {
    let Some(start) = part.len().checked_sub(SHORTEST) else {
        return false;
    };
    let (before, hash) = part.split_at(start);
    if !(before.is_empty() || before.ends_with(b"-")) {
        return false;
    }
    let is_base64 = hash
        .iter()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    let has_both_cases = hash.iter().any(u8::is_ascii_lowercase) && hash.iter().any(u8::is_ascii_uppercase);
    let is_base32 = hash.iter().all(|byte| matches!(byte, b'A'..=b'Z' | b'2'..=b'7'));
    (is_base64 && has_both_cases && changes(hash) >= 4) || (is_base32 && changes(hash) >= 2)
}

/// How often a character is of another kind than the one before it: words and numbers seldom change.
fn changes(word: &[u8]) -> usize {
    let kind = |byte: u8| match byte {
        b'0'..=b'9' => 0,
        b'a'..=b'z' => 1,
        b'A'..=b'Z' => 2,
        _ => 3,
    };
    word.windows(2).filter(|pair| kind(pair[0]) != kind(pair[1])).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_front_ends_are_built_with_are_hashed() {
        for name in [
            "app.3f9c2a1b.js",
            "index-DkX3_a9Z.js",
            "assets/index-B1-x_Yz9.css",
            "_next/static/chunks/main-0123456789abcdef.js",
            "_next/static/chunks/0a1b2c3d4e5f.js",
            "_nuxt/DkX3_a9Z.js",
            "main-5QTR6WDZ.js",
            "main.a1b2c3d4.chunk.js",
            "app-3f9c2a1b.js.map",
            "css/base.27e20196a850.css",
            "logo.3f9c2a1b.svg",
            "vendor-CPQbLxUk.js",
            "application-2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae.css",
        ] {
            assert!(is_hashed(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn words_numbers_sizes_and_pages_are_not() {
        for name in [
            "app.js",
            "jquery-3.6.0.min.js",
            "my-component.js",
            "release-20240115.js",
            "icon-1024x1024.png",
            "icon-512x512.png",
            "app-menuItem.js",
            "JavaScript.js",
            "iPhone15.png",
            "deadbeef.png",
            "chapter12.pdf",
            "bootstrap5.min.css",
            "index.3f9c2a1b.html",
            "index-DkX3_a9Z.htm",
            "3f9c2a1b",
            "3f9c2a1b/app.js",
            "README10.txt",
            "",
            ".js",
        ] {
            assert!(!is_hashed(name.as_bytes()), "{name}");
        }
    }
}
