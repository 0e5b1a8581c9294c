//! Whether a field list is a request, or the trailers of one (RFC 9113 §8.1, §8.3.1, RFC 8441 §4).

use super::field::{Pseudo, decimal};
use super::list::FieldList;
use crate::http1::head::Name;

/// What of a request its stream has to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Checked {
    /// The length of the body, where it is announced.
    pub(super) length: Option<u64>,
    /// Whether it is CONNECT: what follows is no body, and no trailers end it.
    pub(super) connects: bool,
}

/// Judges a request head. `ends` if no body follows, and `extended` if CONNECT may have a `:protocol`.
///
/// What each field is by itself, its list knows. Whether `:authority` and Host name the same host is left to who knows hosts
/// (RFC 9113 §8.3.1).
pub(super) fn check(list: &FieldList, ends: bool, extended: bool) -> Result<Checked, &'static str> {
    if let Some(why) = list.malformed() {
        return Err(why);
    }
    let has = |pseudo| list.pseudo(pseudo).is_some();
    let method = list.pseudo(Pseudo::Method).ok_or("no `:method`")?;
    if has(Pseudo::Status) {
        return Err("`:status` in a request");
    }
    let has_protocol = has(Pseudo::Protocol);
    if has_protocol && (!extended || method != b"CONNECT") {
        return Err("`:protocol` where it may not be");
    }
    if method == b"CONNECT" && !has_protocol {
        if has(Pseudo::Scheme) || has(Pseudo::Path) {
            return Err("CONNECT with `:scheme` or `:path`");
        }
        if !has(Pseudo::Authority) {
            return Err("CONNECT without `:authority`");
        }
    } else {
        if !has(Pseudo::Scheme) {
            return Err("no `:scheme`");
        }
        let path = list.pseudo(Pseudo::Path).ok_or("no `:path`")?;
        if path == b"*" && method != b"OPTIONS" {
            return Err("`:path` is no path");
        }
        if has_protocol && !has(Pseudo::Authority) {
            return Err("CONNECT without `:authority`");
        }
    }
    let length = length(list)?;
    if ends && length.is_some_and(|length| length > 0) {
        return Err(LENGTH);
    }
    Ok(Checked {
        length,
        connects: method == b"CONNECT",
    })
}

/// Content that is not as long as was announced (RFC 9113 §8.1.1).
pub(super) const LENGTH: &str = "Content-Length is not the length of the content";

/// The one length that is announced.
fn length(list: &FieldList) -> Result<Option<u64>, &'static str> {
    let mut lengths = list.fields.iter().filter(|field| field.kind == Name::ContentLength);
    let Some(field) = lengths.next() else {
        return Ok(None);
    };
    if lengths.next().is_some() {
        return Err("Content-Length twice");
    }
    // Each field was judged by itself.
    Ok(decimal(field.value.of(&list.bytes)))
}

/// Judges trailers: no pseudo-header field is among them (RFC 9113 §8.1).
pub(super) fn check_trailers(list: &FieldList) -> Result<(), &'static str> {
    match list.malformed() {
        Some(why) => Err(why),
        None if list.has_pseudo() => Err("pseudo-header field in trailers"),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http2::hpack::{Decoder, Encoder, Indexing};
    use crate::http2::list::Limits;

    fn list(fields: &[(&str, &str)]) -> FieldList {
        let (mut block, mut encoder) = (Vec::new(), Encoder::new(4096));
        for (name, value) in fields {
            encoder.field(&mut block, name.as_bytes(), value.as_bytes(), Indexing::Pass);
        }
        let limits = Limits {
            bytes: 4096,
            fields: 100,
        };
        let mut list = FieldList::new(limits);
        Decoder::new(4096).decode(&block, &mut list).unwrap();
        list
    }

    fn request(text: &str) -> Result<Checked, &'static str> {
        let fields: Vec<_> = text
            .split_terminator('|')
            .map(|field| field.split_once('=').unwrap())
            .collect();
        check(&list(&fields), true, true)
    }

    /// RFC 9113 §8.3.1.
    #[test]
    fn a_request_has_its_pseudo_fields() {
        let fine = Ok(Checked {
            length: None,
            connects: false,
        });
        assert_eq!(request(":method=GET|:scheme=https|:path=/|:authority=a|x=y"), fine);
        assert_eq!(request(":method=GET|:scheme=https|:path=/|host=a"), fine);
        assert_eq!(request(":method=OPTIONS|:scheme=https|:path=*|:authority=a"), fine);
        for (text, why) in [
            ("", "no `:method`"),
            (":scheme=https|:path=/|:authority=a", "no `:method`"),
            (":method=GET|:path=/|:authority=a", "no `:scheme`"),
            (":method=GET|:scheme=https|:authority=a", "no `:path`"),
            (":method=GET|:scheme=https|:path=|:authority=a", "`:path` is no path"),
            (":method=GET|:scheme=https|:path=*|:authority=a", "`:path` is no path"),
            (
                ":method=GET|:scheme=https|:path=/|:authority=a|:method=GET",
                "the same pseudo-header field twice",
            ),
            (
                ":method=GET|:scheme=https|:path=/|x=y|:authority=a",
                "pseudo-header field behind another field",
            ),
            (
                ":method=GET|:scheme=https|:path=/|:status=200",
                "`:status` in a request",
            ),
        ] {
            assert_eq!(request(text), Err(why), "{text}");
        }
    }

    /// RFC 9113 §8.5.
    #[test]
    fn connect_has_an_authority_alone() {
        assert!(request(":method=CONNECT|:authority=a:443").is_ok());
        for text in [
            ":method=CONNECT",
            ":method=CONNECT|:authority=a|:scheme=https",
            ":method=CONNECT|:authority=a|:path=/",
        ] {
            assert!(request(text).is_err(), "{text}");
        }
    }

    /// RFC 8441 §4.
    #[test]
    fn extended_connect_has_all_of_them_and_only_where_it_is_offered() {
        let fields = [
            (":method", "CONNECT"),
            (":protocol", "websocket"),
            (":scheme", "https"),
            (":path", "/chat"),
            (":authority", "a"),
        ];
        assert!(check(&list(&fields), false, true).is_ok());
        assert!(check(&list(&fields), false, false).is_err());
        for without in [2, 3, 4] {
            let mut fields = fields.to_vec();
            fields.remove(without);
            assert!(check(&list(&fields), false, true).is_err(), "{without}");
        }
        assert!(request(":method=GET|:protocol=websocket|:scheme=https|:path=/|:authority=a").is_err());
    }

    /// RFC 9113 §8.1.1.
    #[test]
    fn e10_a_length_is_announced_once_and_is_none_without_content() {
        let head = ":method=POST|:scheme=https|:path=/|:authority=a";
        assert!(request(&format!("{head}|content-length=0")).is_ok());
        assert_eq!(request(&format!("{head}|content-length=1")), Err(LENGTH));
        assert!(request(&format!("{head}|content-length=0|content-length=0")).is_err());
        let fields = list(&[
            (":method", "POST"),
            (":scheme", "https"),
            (":path", "/"),
            ("content-length", "17"),
        ]);
        assert_eq!(
            check(&fields, false, false),
            Ok(Checked {
                length: Some(17),
                connects: false
            })
        );
    }

    /// RFC 9113 §8.1.
    #[test]
    fn trailers_have_no_pseudo_field() {
        assert!(check_trailers(&list(&[("x", "y")])).is_ok());
        assert!(check_trailers(&list(&[(":path", "/")])).is_err());
        assert!(check_trailers(&list(&[("connection", "close")])).is_err());
    }
}
