//! Chunk extensions: `*( BWS ";" BWS name [ BWS "=" BWS value ] )` behind a chunk size (RFC 9112 §7.1.1), byte by byte. What
//! they say interests nobody here.

use super::lines::is_token_byte;

/// Where in an extension the next byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Behind the semicolon.
    Start,
    Name,
    /// White space behind a name.
    AfterName,
    /// Behind the equals sign.
    ValueStart,
    /// In a value that is a token.
    Token,
    /// In a value that is a quoted string.
    Quoted,
    /// Behind a backslash in it.
    Escaped,
    /// Behind its closing quote.
    Unquoted,
    /// White space behind a value.
    AfterValue,
}

impl Part {
    /// Where the byte behind this one stands.
    ///
    /// # Errors
    /// Why this byte cannot stand here.
    pub(super) fn step(self, byte: u8) -> Result<Self, &'static str> {
        let blank = matches!(byte, b' ' | b'\t');
        Ok(match (self, byte) {
            (Self::Quoted, b'"') => Self::Unquoted,
            (Self::Quoted, b'\\') => Self::Escaped,
            (Self::Quoted | Self::Escaped, _) if blank || (byte > b' ' && byte != 0x7f) => Self::Quoted,
            (Self::Start | Self::AfterName | Self::ValueStart | Self::AfterValue, _) if blank => self,
            (Self::Name, _) if blank => Self::AfterName,
            (Self::Token | Self::Unquoted, _) if blank => Self::AfterValue,
            (Self::Start | Self::Name, _) if is_token_byte(byte) => Self::Name,
            (Self::ValueStart | Self::Token, _) if is_token_byte(byte) => Self::Token,
            (Self::ValueStart, b'"') => Self::Quoted,
            (Self::Name | Self::AfterName, b'=') => Self::ValueStart,
            (Self::Name | Self::AfterName | Self::Token | Self::Unquoted | Self::AfterValue, b';') => Self::Start,
            (_, 0..b' ' | 0x7f) => return Err("control character in a chunk extension"),
            (Self::Start, _) => return Err("chunk extension without a name"),
            (Self::ValueStart, _) => return Err("chunk extension without a value"),
            _ => return Err("chunk extension is no name and value"),
        })
    }

    /// Whether the line may end here.
    pub(super) fn may_end(self) -> bool {
        matches!(self, Self::Name | Self::Token | Self::Unquoted)
    }
}

#[cfg(test)]
mod tests {
    use super::Part;

    fn is_extension(text: &[u8]) -> bool {
        let end = text.iter().try_fold(Part::Start, |part, byte| part.step(*byte));
        end.is_ok_and(Part::may_end)
    }

    #[test]
    fn f12_an_extension_is_a_name_and_perhaps_a_value() {
        for fine in [
            &b"a"[..],
            b" \ta",
            b"a=b",
            b"a = b",
            b"a\t;b",
            b"a;b=c ;d",
            b"a=\"\"",
            b"a=\"b;c=\\\"d\t\xff\"; e",
        ] {
            assert!(is_extension(fine), "{}", fine.escape_ascii());
        }
        for wrong in [
            &b""[..],
            b" ",
            b";",
            b"a;",
            b"a;;b",
            b"a ",
            b"a b",
            b"a=",
            b"a= ",
            b"a=;b",
            b"=b",
            b"a[=1",
            b"a=b[",
            b"a=b ",
            b"a==b",
            b"a=\"b",
            b"a=\"b\"c",
            b"a=\"b\" ",
            b"a=\"\\\"",
            b"a=\"\0\"",
            b"a=\"\\\x7f\"",
            b"\"a\"=b",
            b"a\xff",
            b"a\x01",
        ] {
            assert!(!is_extension(wrong), "{}", wrong.escape_ascii());
        }
    }
}
