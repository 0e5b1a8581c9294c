//! Values of lines as bytes: numbers, addresses, JSON strings, and what is kept of a long text.
//!
//! What came from the internet is data and stays data (E34): control characters of both ranges, invisible characters that
//! turn text around, quotes and backslashes are escaped, bytes that are no UTF-8 become U+FFFD, and a value longer than 1 KiB
//! is cut and ends with `…`.

use std::io::Write;
use std::net::IpAddr;

use crate::model::treacherous::is_treacherous;

/// Bytes that are kept of a value that came from the internet. A longer one ends with `…`, in combined lines with `...`.
pub const LONGEST_VALUE: usize = 1024;

/// Appends a number in digits.
pub(super) fn number(value: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Appends an address; an IPv4 address that came in over IPv6 as what it is.
pub(super) fn address(address: IpAddr, out: &mut Vec<u8>) {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            for (index, octet) in v4.octets().into_iter().enumerate() {
                if index > 0 {
                    out.push(b'.');
                }
                number(u64::from(octet), out);
            }
        }
        // Writing to a `Vec` cannot fail.
        IpAddr::V6(v6) => drop(write!(out, "{v6}")),
    }
}

/// Appends a JSON string, quotes included.
pub(super) fn text(value: &[u8], out: &mut Vec<u8>) {
    let kept = shortened(value);
    out.push(b'"');
    // Without a way out of the loop, so that the compiler looks at many bytes at once.
    if kept.iter().fold(true, |plain, &byte| plain & is_plain(byte)) {
        out.extend_from_slice(kept);
    } else {
        escaped(kept, out);
    }
    if kept.len() < value.len() {
        out.extend_from_slice("…".as_bytes());
    }
    out.push(b'"');
}

/// Whether a byte stands for itself between quotes.
pub(super) fn is_plain(byte: u8) -> bool {
    // Without `&&`, which would be jumps.
    (b' '..0x7f).contains(&byte) & (byte != b'"') & (byte != b'\\')
}

/// At most [`LONGEST_VALUE`] bytes, not cut within a character.
pub(super) fn shortened(value: &[u8]) -> &[u8] {
    if value.len() <= LONGEST_VALUE {
        return value;
    }
    let is_continuation = |at: &usize| value[*at] & 0b1100_0000 == 0b1000_0000;
    let end = (LONGEST_VALUE - 3..=LONGEST_VALUE)
        .rev()
        .find(|at| !is_continuation(at))
        .unwrap_or(LONGEST_VALUE);
    &value[..end]
}

#[cold]
fn escaped(value: &[u8], out: &mut Vec<u8>) {
    for chunk in value.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '"' => out.extend_from_slice(b"\\\""),
                '\\' => out.extend_from_slice(b"\\\\"),
                _ if is_treacherous(character) => drop(write!(out, "\\u{:04x}", u32::from(character))),
                _ => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        if !chunk.invalid().is_empty() {
            out.extend_from_slice(b"\\ufffd");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a reader of JSON gets of a value.
    fn read(value: &[u8]) -> String {
        let mut out = Vec::new();
        text(value, &mut out);
        assert!(out.iter().all(|&byte| byte >= b' '), "{out:?}");
        serde_json::from_slice(&out).unwrap()
    }

    #[test]
    fn what_the_internet_sends_stays_data() {
        assert_eq!(read(b"/\"},{\"status\":500"), "/\"},{\"status\":500");
        assert_eq!(read(b"\\x\n\r\t\0\x7f"), "\\x\n\r\t\0\x7f");
        assert_eq!(read("/ü/→/😀".as_bytes()), "/ü/→/😀");
        assert_eq!(read(b"/\xff\xfe/\xc3"), "/\u{fffd}\u{fffd}/\u{fffd}");
        // Terminal escapes (also as the one character U+009B) and text that runs backwards leave no raw trace.
        let mut out = Vec::new();
        text("\x1b[2J\u{9b}31m\u{202e}\u{200b}".as_bytes(), &mut out);
        assert_eq!(out, br#""\u001b[2J\u009b31m\u202e\u200b""#);
    }

    #[test]
    fn a_long_value_is_cut_at_a_kibibyte_and_says_so() {
        let exact = "a".repeat(1024);
        assert_eq!(read(exact.as_bytes()), exact);
        assert_eq!(read("a".repeat(1025).as_bytes()), exact + "…");
        assert_eq!(read("ü".repeat(1_000_000).as_bytes()), "ü".repeat(512) + "…");
        // The limit falls within a character: it is left out whole.
        let shifted = format!("a{}", "→".repeat(2000));
        assert_eq!(read(shifted.as_bytes()), format!("a{}…", "→".repeat(341)));
        let garbage = [0x80; 5000];
        assert_eq!(read(&garbage), "\u{fffd}".repeat(1024) + "…");
    }

    #[test]
    fn clients_over_mapped_addresses_are_shown_as_what_they_are() {
        let shown = |written: &str| {
            let mut out = Vec::new();
            address(written.parse().unwrap(), &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(shown("::ffff:192.0.2.1"), "192.0.2.1");
        assert_eq!(shown("203.0.113.70"), "203.0.113.70");
        assert_eq!(shown("2001:db8::1"), "2001:db8::1");
    }
}
