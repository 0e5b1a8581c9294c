//! Lines of a head or a trailer section, byte by byte: which bytes may stand where, and what a field line is (RFC 9112 §5).
//!
//! Every function takes the whole buffer and an offset, and judges bytes as far as they came: what can no longer become a line
//! is refused at once, even while its end is missing.

use super::field::{Field, Span};
use super::names::Name;

/// Why there is no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// The bytes are fine so far and there are too few.
    Partial,
    /// They break the grammar.
    Malformed(&'static str),
    /// They are beyond a limit.
    TooLarge,
    /// A version that is not spoken here.
    Version,
}

/// Whose bytes they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// What another reader could take in another way is refused.
    Client,
    /// Blanks that mean nothing are put up with: nobody but us reads what an app wrote, and what leaves is written anew.
    App,
}

/// What stands at the start of a line.
pub(super) enum Line {
    /// A field; the next line starts at the offset.
    Field(Field, usize),
    /// The empty line that ends the section; what follows it starts at the offset.
    End(usize),
}

/// Token characters (RFC 9110 §5.6.2).
const TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let others = b"!#$%&'*+-.^_`|~";
    let mut at = 0;
    while at < others.len() {
        table[others[at] as usize] = true;
        at += 1;
    }
    table
};

/// Whether a byte may stand in a token.
#[inline]
pub(super) fn is_token_byte(byte: u8) -> bool {
    TOKEN[byte as usize]
}

/// The first offset from `at` whose byte is not a token character, or the length.
#[inline]
pub(crate) fn end_of_token(bytes: &[u8], at: usize) -> usize {
    bytes[at..]
        .iter()
        .position(|&byte| !is_token_byte(byte))
        .map_or(bytes.len(), |found| at + found)
}

/// The first offset from `at` whose byte is below `MIN` or is DEL, or the length. Eight bytes at a time.
#[inline]
pub(crate) fn end_of_text<const MIN: u8>(bytes: &[u8], mut at: usize) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    // A borrow runs upwards from a byte that is a hit itself, so the lowest hit is always a true one.
    while let Some(word) = bytes[at..].first_chunk::<8>() {
        let word = u64::from_le_bytes(*word);
        let below = word.wrapping_sub(ONES * MIN as u64) & !word;
        let del = word ^ (ONES * 0x7f);
        let del = del.wrapping_sub(ONES) & !del;
        let hits = (below | del) & HIGH;
        if hits != 0 {
            return at + (hits.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while at < bytes.len() && bytes[at] >= MIN && bytes[at] != 0x7f {
        at += 1;
    }
    at
}

/// The offset behind the CRLF that has to stand at `at`; `otherwise` is said of any byte that ends no line.
#[inline]
pub(super) fn end_of_line(bytes: &[u8], at: usize, otherwise: &'static str) -> Result<usize, Stop> {
    match bytes.get(at) {
        None => Err(Stop::Partial),
        Some(b'\r') => match bytes.get(at + 1) {
            None => Err(Stop::Partial),
            Some(b'\n') => Ok(at + 2),
            Some(_) => Err(Stop::Malformed("bare carriage return")),
        },
        Some(b'\n') => Err(Stop::Malformed("bare line feed")),
        Some(0) => Err(Stop::Malformed("null byte")),
        Some(_) => Err(Stop::Malformed(otherwise)),
    }
}

/// The end of text that may hold spaces, tabs and obs-text, and the offset of the next line: a field value or a reason phrase.
#[inline]
pub(super) fn rest_of_line(bytes: &[u8], mut at: usize) -> Result<(usize, usize), Stop> {
    loop {
        at = end_of_text::<0x20>(bytes, at);
        if bytes.get(at) == Some(&b'\t') {
            at += 1;
            continue;
        }
        return Ok((at, end_of_line(bytes, at, "control character")?));
    }
}

/// The line that starts at `start`: a field, or the end of the section.
#[inline]
pub(super) fn line(bytes: &[u8], start: usize, source: Source) -> Result<Line, Stop> {
    let name = end_of_token(bytes, start);
    let colon = match bytes.get(name) {
        Some(b':') if name > start => name,
        Some(b' ' | b'\t') if name > start && source == Source::App => colon_behind_blanks(bytes, name)?,
        found => return no_field(bytes, start, name, found.copied()),
    };
    let mut from = colon + 1;
    while matches!(bytes.get(from), Some(b' ' | b'\t')) {
        from += 1;
    }
    let (mut to, next) = rest_of_line(bytes, from)?;
    while to > from && matches!(bytes[to - 1], b' ' | b'\t') {
        to -= 1;
    }
    let field = Field {
        kind: Name::of(&bytes[start..name]),
        name: Span::between(start, name),
        value: Span::between(from, to),
    };
    Ok(Line::Field(field, next))
}

/// The colon behind the blanks that follow a name; they are no part of it (RFC 9112 §5.1: a proxy removes them from responses).
#[cold]
fn colon_behind_blanks(bytes: &[u8], name: usize) -> Result<usize, Stop> {
    let blanks = bytes[name..].iter().take_while(|byte| matches!(byte, b' ' | b'\t'));
    let colon = name + blanks.count();
    match bytes.get(colon) {
        None => Err(Stop::Partial),
        Some(b':') => Ok(colon),
        Some(_) => Err(Stop::Malformed("space in a field name")),
    }
}

/// A line without a name and a colon: the empty line, or why it is not a field.
#[cold]
fn no_field(bytes: &[u8], start: usize, at: usize, found: Option<u8>) -> Result<Line, Stop> {
    let empty = at == start;
    match found {
        None => Err(Stop::Partial),
        Some(b'\r' | b'\n') if empty => end_of_line(bytes, at, "").map(Line::End),
        Some(b'\r' | b'\n') => match end_of_line(bytes, at, "") {
            Ok(_) => Err(Stop::Malformed("field line without a colon")),
            Err(stop) => Err(stop),
        },
        Some(b' ' | b'\t') if empty => Err(Stop::Malformed("folded line")),
        Some(b' ' | b'\t') => Err(Stop::Malformed("space before the colon")),
        Some(b':') => Err(Stop::Malformed("empty field name")),
        Some(0) => Err(Stop::Malformed("null byte")),
        Some(_) => Err(Stop::Malformed("field name is not a token")),
    }
}

#[cfg(test)]
mod tests {
    use super::{Line, Name, Source, Stop, end_of_text, end_of_token, is_token_byte, line};

    fn naive(bytes: &[u8], min: u8) -> usize {
        bytes.iter().position(|&b| b < min || b == 0x7f).unwrap_or(bytes.len())
    }

    #[test]
    fn eight_bytes_at_a_time_find_what_one_at_a_time_finds() {
        for byte in 0..=255u8 {
            for at in 0..20 {
                for second in [None, Some(0x80), Some(0x7f), Some(0x1f), Some(0x20), Some(0x21)] {
                    let mut text = [b'a'; 20];
                    text[at] = byte;
                    if let (Some(second), true) = (second, at + 1 < 20) {
                        text[at + 1] = second;
                    }
                    assert_eq!(end_of_text::<0x20>(&text, 0), naive(&text, 0x20), "{byte:#x} at {at}");
                    assert_eq!(end_of_text::<0x21>(&text, 0), naive(&text, 0x21), "{byte:#x} at {at}");
                }
            }
        }
    }

    #[test]
    fn token_bytes_are_those_of_the_rfc() {
        let rfc = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
        for byte in 0..=255u8 {
            assert_eq!(is_token_byte(byte), rfc.contains(&byte), "{byte:#x}");
        }
        assert_eq!(end_of_token(b"abc:", 1), 3);
        assert_eq!(end_of_token(b"abc", 0), 3);
    }

    #[test]
    fn a_field_value_is_trimmed_and_keeps_what_is_inside() {
        let bytes = b"Via: \t a \t b\xff \t\r\nx";
        let Ok(Line::Field(field, next)) = line(bytes, 0, Source::Client) else {
            panic!("no field")
        };
        assert_eq!(field.name.of(bytes), b"Via");
        assert_eq!(field.value.of(bytes), b"a \t b\xff");
        assert_eq!(next, bytes.len() - 1);
        let bytes = b"A: \t \r\n";
        let Ok(Line::Field(field, _)) = line(bytes, 0, Source::Client) else {
            panic!("no field")
        };
        assert_eq!(field.value.of(bytes), b"");
    }

    #[test]
    fn a_line_that_is_no_field_says_why() {
        let table: &[(&[u8], &str)] = &[
            (b" a: b\r\n", "folded line"),
            (b"\ta: b\r\n", "folded line"),
            (b"a : b\r\n", "space before the colon"),
            (b"a\t: b\r\n", "space before the colon"),
            (b": b\r\n", "empty field name"),
            (b"a\r\n", "field line without a colon"),
            (b"a\n", "bare line feed"),
            (b"\n", "bare line feed"),
            (b"a: b\n", "bare line feed"),
            (b"a: b\rc\r\n", "bare carriage return"),
            (b"a: b\r\r\n", "bare carriage return"),
            (b"a\r: b\r\n", "bare carriage return"),
            (b"\ra", "bare carriage return"),
            (b"a: \0\r\n", "null byte"),
            (b"a\0: b\r\n", "null byte"),
            (b"a: \x0b\r\n", "control character"),
            (b"a: \x7f\r\n", "control character"),
            (b"a\xff: b\r\n", "field name is not a token"),
            (b"a(b): c\r\n", "field name is not a token"),
        ];
        for (bytes, why) in table {
            let Err(stop) = line(bytes, 0, Source::Client) else {
                panic!("{:?} is a line", bytes.escape_ascii())
            };
            assert_eq!(stop, Stop::Malformed(why), "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn a_line_without_its_end_is_partial_at_every_byte() {
        let bytes = b"Via: a b\r\n";
        for end in 0..bytes.len() {
            assert!(
                matches!(line(&bytes[..end], 0, Source::Client), Err(Stop::Partial)),
                "{end}"
            );
        }
    }

    #[test]
    fn f7_blanks_before_the_colon_are_no_part_of_an_apps_name() {
        for blanks in [" ", "\t", " \t  "] {
            let bytes = format!("Content-Length{blanks}: 5\r\n");
            let Ok(Line::Field(field, next)) = line(bytes.as_bytes(), 0, Source::App) else {
                panic!("no field: {bytes:?}")
            };
            assert_eq!(field.kind, Name::ContentLength);
            assert_eq!(field.name.of(bytes.as_bytes()), b"Content-Length");
            assert_eq!(field.value.of(bytes.as_bytes()), b"5");
            assert_eq!(next, bytes.len());
            for end in 0..bytes.len() {
                assert!(
                    matches!(line(&bytes.as_bytes()[..end], 0, Source::App), Err(Stop::Partial)),
                    "{end}"
                );
            }
        }
    }

    #[test]
    fn f7_other_blanks_are_refused_from_apps_too() {
        for (bytes, why) in [
            (&b" a: b\r\n"[..], "folded line"),
            (b" : b\r\n", "folded line"),
            (b"a b: c\r\n", "space in a field name"),
            (b"a \r\n", "space in a field name"),
            (b"a \n", "space in a field name"),
        ] {
            let Err(stop) = line(bytes, 0, Source::App) else {
                panic!("{} is a line", bytes.escape_ascii())
            };
            assert_eq!(stop, Stop::Malformed(why), "{}", bytes.escape_ascii());
        }
    }
}
