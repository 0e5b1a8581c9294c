//! Why a field block cannot be read.

use crate::http2::error::Code;

/// Why a field block cannot be read: both sides' tables are no longer the same, which ends the connection (RFC 9113 §4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// The block ends within a field.
    Truncated,
    /// A number that is larger than any that could be meant (RFC 7541 §5.1).
    Integer,
    /// A string that is none of the code of appendix B (RFC 7541 §5.2).
    Huffman,
    /// An index that no table has (RFC 7541 §2.3.3).
    Index,
    /// A table size beyond what was allowed (RFC 7541 §6.3).
    TableSize,
    /// A table size behind a field (RFC 7541 §4.2).
    LateTableSize,
    /// What it stands for is many times what may be: nothing is wrong with the tables, but whoever sends that means no request.
    Bomb,
    /// No table size, although the table has to become smaller (RFC 9113 §4.3.1).
    MissingTableSize,
}

impl Error {
    /// What the other side is told (RFC 9113 §4.3, §10.5).
    pub(in crate::http2) fn code(self) -> Code {
        match self {
            Self::Bomb => Code::ENHANCE_YOUR_CALM,
            _ => Code::COMPRESSION_ERROR,
        }
    }

    /// What is wrong, in words that stay the same.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Truncated => "field block ends within a field",
            Self::Integer => "number in a field block is too large",
            Self::Huffman => "string in a field block is no Huffman code",
            Self::Index => "index in a field block is beyond the tables",
            Self::TableSize => "table size in a field block is beyond what was allowed",
            Self::LateTableSize => "table size in a field block stands behind a field",
            Self::Bomb => "field block stands for many times what may be",
            Self::MissingTableSize => "field block does not say that the table has become smaller",
        }
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.words())
    }
}

impl std::error::Error for Error {}
