//! What the names of a field block stand for, and what is wrong with a field by itself (RFC 9113 §8.2, §8.3): judged once, when its
//! bytes arrive, and remembered with the entry of the dynamic table that they become.

use crate::http1::head::Name;
use crate::http1::{end_of_text, end_of_token};

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// One that begins with a colon.
    Pseudo(Pseudo),
    /// Any other.
    Field(Name),
}

/// Pseudo-header fields (RFC 9113 §8.3, RFC 8441 §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the field of its name")]
pub enum Pseudo {
    Method,
    Scheme,
    Authority,
    Path,
    Protocol,
    Status,
    /// One that nobody has defined.
    Unknown,
}

/// What makes a field, and so its message, malformed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "`words` says what each is")]
pub enum Fault {
    EmptyName,
    UppercaseName,
    NameIsNoToken,
    UnknownPseudo,
    ConnectionField,
    TeIsNotTrailers,
    ControlCharacter,
    Blanks,
    LengthIsNoNumber,
    Method,
    Scheme,
    Authority,
    Path,
    Protocol,
}

impl Fault {
    /// What is wrong, in words that stay the same.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::EmptyName => "empty field name",
            Self::UppercaseName => "uppercase letter in a field name",
            Self::NameIsNoToken => "field name is not a token",
            Self::UnknownPseudo => "unknown pseudo-header field",
            Self::ConnectionField => "field that speaks of an HTTP/1.1 connection",
            Self::TeIsNotTrailers => "TE is not `trailers`",
            Self::ControlCharacter => "control character in a field value",
            Self::Blanks => "field value begins or ends with white space",
            Self::LengthIsNoNumber => "Content-Length is not one decimal number",
            Self::Method => "`:method` is not a token",
            Self::Scheme => "`:scheme` is no scheme",
            Self::Authority => "`:authority` is no authority",
            Self::Path => "`:path` is no path",
            Self::Protocol => "`:protocol` is not a token",
        }
    }
}

impl Key {
    /// What a name stands for, and what is wrong with it (RFC 9113 §8.2.1, §8.2.2).
    #[must_use]
    pub fn of(name: &[u8]) -> (Self, Option<Fault>) {
        if let [b':', rest @ ..] = name {
            let pseudo = match rest {
                b"method" => Pseudo::Method,
                b"scheme" => Pseudo::Scheme,
                b"authority" => Pseudo::Authority,
                b"path" => Pseudo::Path,
                b"protocol" => Pseudo::Protocol,
                b"status" => Pseudo::Status,
                _ => return (Self::Pseudo(Pseudo::Unknown), Some(Fault::UnknownPseudo)),
            };
            return (Self::Pseudo(pseudo), None);
        }
        let kind = Name::of(name);
        let fault = if name.is_empty() {
            Some(Fault::EmptyName)
        } else if name.iter().any(u8::is_ascii_uppercase) {
            Some(Fault::UppercaseName)
        } else if end_of_token(name, 0) != name.len() {
            Some(Fault::NameIsNoToken)
        } else {
            Self::Field(kind).fault_of_name()
        };
        (Self::Field(kind), fault)
    }

    /// What is wrong with a name that is spelt well (RFC 9113 §8.2.2).
    #[must_use]
    #[inline]
    pub fn fault_of_name(self) -> Option<Fault> {
        match self {
            Self::Field(
                Name::Connection | Name::KeepAlive | Name::ProxyConnection | Name::TransferEncoding | Name::Upgrade,
            ) => Some(Fault::ConnectionField),
            Self::Field(_) | Self::Pseudo(_) => None,
        }
    }

    /// What is wrong with a value of this name.
    #[must_use]
    #[inline]
    pub fn fault_of(self, value: &[u8]) -> Option<Fault> {
        match self {
            Self::Field(Name::Te) if !value.eq_ignore_ascii_case(b"trailers") => Some(Fault::TeIsNotTrailers),
            Self::Field(Name::ContentLength) if decimal(value).is_none() => Some(Fault::LengthIsNoNumber),
            Self::Field(_) => text_fault(value),
            Self::Pseudo(pseudo) => pseudo.fault_of(value),
        }
    }
}

impl Pseudo {
    /// What is wrong with its value (RFC 9113 §8.3.1). A path that is `*` is one; whether the method allows it is another question.
    /// Bytes beyond ASCII are left as they came.
    fn fault_of(self, value: &[u8]) -> Option<Fault> {
        let is_token = !value.is_empty() && end_of_token(value, 0) == value.len();
        let is_graphic = end_of_text::<0x21>(value, 0) == value.len();
        let (is_right, fault) = match self {
            Self::Method => (is_token, Fault::Method),
            Self::Protocol => (is_token, Fault::Protocol),
            Self::Scheme => (is_scheme(value), Fault::Scheme),
            // No userinfo, which would be taken for a part of the host.
            Self::Authority => (
                is_graphic && !value.is_empty() && !value.contains(&b'@'),
                Fault::Authority,
            ),
            Self::Path => (is_graphic && matches!(value, [b'/', ..] | b"*"), Fault::Path),
            Self::Status | Self::Unknown => return text_fault(value),
        };
        (!is_right).then_some(fault)
    }
}

/// `ALPHA *( ALPHA / DIGIT / "+" / "-" / "." )` (RFC 3986 §3.1).
fn is_scheme(value: &[u8]) -> bool {
    let rest = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    value.first().is_some_and(u8::is_ascii_alphabetic) && value.iter().all(rest)
}

/// A number of decimal digits alone.
#[must_use]
pub fn decimal(value: &[u8]) -> Option<u64> {
    let mut number = 0u64;
    for byte in value {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        number = number.checked_mul(10)?.checked_add(digit)?;
    }
    (!value.is_empty()).then_some(number)
}

/// Whether a value may stand in a field (RFC 9113 §8.2.1).
#[must_use]
pub fn is_text(value: &[u8]) -> bool {
    text_fault(value).is_none()
}

/// No control character but tabs between other text (RFC 9113 §8.2.1, RFC 9110 §5.5).
#[inline]
fn text_fault(value: &[u8]) -> Option<Fault> {
    let mut at = end_of_text::<0x20>(value, 0);
    while value.get(at) == Some(&b'\t') {
        at = end_of_text::<0x20>(value, at + 1);
    }
    if at != value.len() {
        return Some(Fault::ControlCharacter);
    }
    let is_blank = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    (is_blank(value.first()) || is_blank(value.last())).then_some(Fault::Blanks)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(name: &str, value: &str) -> Option<Fault> {
        let (key, fault) = Key::of(name.as_bytes());
        fault.or_else(|| key.fault_of(value.as_bytes()))
    }

    /// RFC 9113 §8.2.1.
    #[test]
    fn e10_names_are_lower_case_tokens() {
        assert_eq!(fault("x-a", "b"), None);
        assert_eq!(fault("", "b"), Some(Fault::EmptyName));
        assert_eq!(fault("X-a", "b"), Some(Fault::UppercaseName));
        for name in ["a b", "a:", "a\0", "a\n", "\u{e9}", "a\x7f"] {
            assert_eq!(fault(name, "b"), Some(Fault::NameIsNoToken), "{name:?}");
        }
    }

    /// RFC 9113 §8.2.1.
    #[test]
    fn e10_values_hold_no_line_end_and_no_blank_at_their_ends() {
        for value in ["", "b", "a b", "a\tb", "caf\u{e9}"] {
            assert_eq!(fault("x-a", value), None, "{value:?}");
        }
        for value in ["a\rb", "a\nb", "a\0b", "\n", "a\x1fb", "a\x7f"] {
            assert_eq!(fault("x-a", value), Some(Fault::ControlCharacter), "{value:?}");
        }
        for value in [" ", "\t", " a", "a ", "a\t", "\ta"] {
            assert_eq!(fault("x-a", value), Some(Fault::Blanks), "{value:?}");
        }
    }

    /// RFC 9113 §8.2.2.
    #[test]
    fn e10_nothing_speaks_of_an_http_1_connection() {
        for name in [
            "connection",
            "proxy-connection",
            "keep-alive",
            "transfer-encoding",
            "upgrade",
        ] {
            assert_eq!(fault(name, "x"), Some(Fault::ConnectionField), "{name}");
        }
        assert_eq!(fault("te", "trailers"), None);
        assert_eq!(fault("te", "Trailers"), None);
        for value in ["gzip", "trailers, deflate", ""] {
            assert_eq!(fault("te", value), Some(Fault::TeIsNotTrailers), "{value}");
        }
    }

    /// RFC 9110 §8.6.
    #[test]
    fn a_length_is_one_number() {
        assert_eq!(fault("content-length", "0"), None);
        assert_eq!(fault("content-length", "18446744073709551615"), None);
        for value in ["", "+1", "-1", "1,1", "0x1", "18446744073709551616", " 1"] {
            assert_eq!(
                fault("content-length", value),
                Some(Fault::LengthIsNoNumber),
                "{value:?}"
            );
        }
    }

    /// RFC 9113 §8.3, §8.3.1.
    #[test]
    fn pseudo_fields_are_known_and_of_their_kind() {
        assert_eq!(fault(":path", "/caf\u{e9}?\"<>"), None);
        for (name, value, expected) in [
            (":other", "x", Fault::UnknownPseudo),
            (":", "x", Fault::UnknownPseudo),
            (":Path", "/", Fault::UnknownPseudo),
            (":method", "", Fault::Method),
            (":method", "G ET", Fault::Method),
            (":scheme", "", Fault::Scheme),
            (":scheme", "1a", Fault::Scheme),
            (":scheme", "a/b", Fault::Scheme),
            (":authority", "", Fault::Authority),
            (":authority", "user@host", Fault::Authority),
            (":authority", "a b", Fault::Authority),
            (":path", "", Fault::Path),
            (":path", "x", Fault::Path),
            (":path", "/a b", Fault::Path),
            (":path", "/\r\n", Fault::Path),
            (":path", "*x", Fault::Path),
            (":protocol", "web socket", Fault::Protocol),
        ] {
            assert_eq!(fault(name, value), Some(expected), "{name} {value:?}");
        }
    }
}
