//! The static table (RFC 7541, appendix A).

use crate::http1::head::Name;
use crate::http2::field::{Key, Pseudo};

/// Entries; the dynamic table's follow (RFC 7541 §2.3.3).
pub(super) const LEN: usize = 61;

/// The index of the first `:status`.
pub(super) const STATUS: u32 = 8;

/// Name, value, and what the name stands for; the first has index 1.
#[rustfmt::skip]
pub(super) static TABLE: [(&[u8], &[u8], Key); LEN] = [
    (b":authority", b"", Key::Pseudo(Pseudo::Authority)),
    (b":method", b"GET", Key::Pseudo(Pseudo::Method)),
    (b":method", b"POST", Key::Pseudo(Pseudo::Method)),
    (b":path", b"/", Key::Pseudo(Pseudo::Path)),
    (b":path", b"/index.html", Key::Pseudo(Pseudo::Path)),
    (b":scheme", b"http", Key::Pseudo(Pseudo::Scheme)),
    (b":scheme", b"https", Key::Pseudo(Pseudo::Scheme)),
    (b":status", b"200", Key::Pseudo(Pseudo::Status)),
    (b":status", b"204", Key::Pseudo(Pseudo::Status)),
    (b":status", b"206", Key::Pseudo(Pseudo::Status)),
    (b":status", b"304", Key::Pseudo(Pseudo::Status)),
    (b":status", b"400", Key::Pseudo(Pseudo::Status)),
    (b":status", b"404", Key::Pseudo(Pseudo::Status)),
    (b":status", b"500", Key::Pseudo(Pseudo::Status)),
    (b"accept-charset", b"", Key::Field(Name::Other)),
    (b"accept-encoding", b"gzip, deflate", Key::Field(Name::Other)),
    (b"accept-language", b"", Key::Field(Name::Other)),
    (b"accept-ranges", b"", Key::Field(Name::Other)),
    (b"accept", b"", Key::Field(Name::Accept)),
    (b"access-control-allow-origin", b"", Key::Field(Name::Other)),
    (b"age", b"", Key::Field(Name::Other)),
    (b"allow", b"", Key::Field(Name::Other)),
    (b"authorization", b"", Key::Field(Name::Authorization)),
    (b"cache-control", b"", Key::Field(Name::Other)),
    (b"content-disposition", b"", Key::Field(Name::Other)),
    (b"content-encoding", b"", Key::Field(Name::Other)),
    (b"content-language", b"", Key::Field(Name::Other)),
    (b"content-length", b"", Key::Field(Name::ContentLength)),
    (b"content-location", b"", Key::Field(Name::Other)),
    (b"content-range", b"", Key::Field(Name::Other)),
    (b"content-type", b"", Key::Field(Name::ContentType)),
    (b"cookie", b"", Key::Field(Name::Cookie)),
    (b"date", b"", Key::Field(Name::Date)),
    (b"etag", b"", Key::Field(Name::Other)),
    (b"expect", b"", Key::Field(Name::Expect)),
    (b"expires", b"", Key::Field(Name::Other)),
    (b"from", b"", Key::Field(Name::Other)),
    (b"host", b"", Key::Field(Name::Host)),
    (b"if-match", b"", Key::Field(Name::IfMatch)),
    (b"if-modified-since", b"", Key::Field(Name::Other)),
    (b"if-none-match", b"", Key::Field(Name::IfNoneMatch)),
    (b"if-range", b"", Key::Field(Name::Other)),
    (b"if-unmodified-since", b"", Key::Field(Name::Other)),
    (b"last-modified", b"", Key::Field(Name::Other)),
    (b"link", b"", Key::Field(Name::Other)),
    (b"location", b"", Key::Field(Name::Other)),
    (b"max-forwards", b"", Key::Field(Name::Other)),
    (b"proxy-authenticate", b"", Key::Field(Name::ProxyAuthenticate)),
    (b"proxy-authorization", b"", Key::Field(Name::ProxyAuthorization)),
    (b"range", b"", Key::Field(Name::Other)),
    (b"referer", b"", Key::Field(Name::Referer)),
    (b"refresh", b"", Key::Field(Name::Other)),
    (b"retry-after", b"", Key::Field(Name::RetryAfter)),
    (b"server", b"", Key::Field(Name::Server)),
    (b"set-cookie", b"", Key::Field(Name::Other)),
    (b"strict-transport-security", b"", Key::Field(Name::Other)),
    (b"transfer-encoding", b"", Key::Field(Name::TransferEncoding)),
    (b"user-agent", b"", Key::Field(Name::UserAgent)),
    (b"vary", b"", Key::Field(Name::Other)),
    (b"via", b"", Key::Field(Name::Other)),
    (b"www-authenticate", b"", Key::Field(Name::Other)),
];

/// The longest name.
const LONGEST: usize = 27;

/// Places of the table, ordered by the length of their names and then as they are.
const BY_LENGTH: [u8; LEN] = by_length().0;

/// Where in [`BY_LENGTH`] the names of each length begin.
const STARTS: [u8; LONGEST + 2] = by_length().1;

const fn by_length() -> ([u8; LEN], [u8; LONGEST + 2]) {
    let (mut places, mut starts, mut count, mut length) = ([0; LEN], [0; LONGEST + 2], 0, 0);
    while length <= LONGEST {
        starts[length] = count as u8;
        let mut place = 0;
        while place < LEN {
            if LENGTHS[place] as usize == length {
                places[count] = place as u8;
                count += 1;
            }
            place += 1;
        }
        length += 1;
    }
    starts[LONGEST + 1] = count as u8;
    assert!(count == LEN, "no name is longer");
    (places, starts)
}

/// Lengths of the names, for what is computed while this is compiled.
#[rustfmt::skip]
const LENGTHS: [u8; LEN] = [
    10, 7, 7, 5, 5, 7, 7, 7, 7, 7, 7, 7, 7, 7, 14, 15, 15, 13, 6, 27,
    3, 5, 13, 13, 19, 16, 16, 14, 16, 13, 12, 6, 4, 4, 6, 7, 4, 4, 8, 17,
    13, 8, 19, 13, 4, 8, 12, 18, 19, 5, 7, 7, 11, 6, 10, 25, 17, 10, 4, 3,
    16,
];

/// What the table has of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// Its name and value, at this index.
    Field(u32),
    /// Its name, first at this index.
    Name(u32),
}

/// Looks for a field by its name in lower case.
#[inline]
pub(super) fn find(name: &[u8], value: &[u8]) -> Option<Found> {
    if name.len() > LONGEST {
        return None;
    }
    let places = usize::from(STARTS[name.len()])..usize::from(STARTS[name.len() + 1]);
    let mut found = None;
    for place in &BY_LENGTH[places] {
        let (known, known_value, _) = TABLE[usize::from(*place)];
        if known != name {
            continue;
        }
        let index = u32::from(*place) + 1;
        if known_value == value {
            return Some(Found::Field(index));
        }
        found = found.or(Some(Found::Name(index)));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7541, appendix A.
    #[test]
    fn entries_have_their_indexes_keys_and_lengths() {
        for (index, name, value) in [
            (1, ":authority", ""),
            (2, ":method", "GET"),
            (8, ":status", "200"),
            (16, "accept-encoding", "gzip, deflate"),
            (32, "cookie", ""),
            (61, "www-authenticate", ""),
        ] {
            let entry = TABLE[index - 1];
            assert_eq!((entry.0, entry.1), (name.as_bytes(), value.as_bytes()), "{index}");
        }
        for (place, (name, value, key)) in TABLE.into_iter().enumerate() {
            assert_eq!(Key::of(name).0, key, "{place}");
            assert_eq!(name.len(), usize::from(LENGTHS[place]), "{place}");
            assert_eq!(find(name, value), Some(Found::Field(place as u32 + 1)), "{place}");
        }
    }

    #[test]
    fn a_name_alone_is_found_where_it_stands_first() {
        assert_eq!(find(b":method", b"PUT"), Some(Found::Name(2)));
        assert_eq!(find(b":status", b"103"), Some(Found::Name(STATUS)));
        assert_eq!(find(b"via", b"x"), Some(Found::Name(60)));
        assert_eq!(find(b"x-other", b""), None);
        assert_eq!(find(b"", b""), None);
        assert_eq!(find(&[b'a'; 100], b""), None);
    }
}
