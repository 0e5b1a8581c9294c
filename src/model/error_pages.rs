//! Pages for the errors that the proxy makes: which of them a status gets, and what is filled in. Where they are read from is no
//! business of this file.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

/// Every status that the proxy answers with by itself because of an error.
pub const STATUSES: [u16; 16] = [
    400, 401, 403, 404, 405, 408, 413, 417, 421, 429, 431, 501, 502, 503, 504, 505,
];
/// How long a status is in text.
const STATUS: usize = 3;
/// How long the id of a request is in text.
const REQUEST_ID: usize = 16;

/// The pages of one folder.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ErrorPages {
    /// The folder.
    pub folder: PathBuf,
    /// What is in it and could be read.
    pub pages: BTreeMap<PageName, Arc<Page>>,
}

/// Which errors a page is for; the name of its file, without `.html`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PageName {
    /// `404`.
    Exact(u16),
    /// `4xx` or `5xx`, by its first digit.
    Class(u16),
}

/// A page of HTML in which `{status}` and `{request_id}` are filled in. All other braces are text: styles and scripts are full of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    text: String,
    /// Each with the place where it begins in the page as it leaves. What is filled in is as long every time.
    pieces: Vec<(usize, Piece)>,
    len: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    /// So much of the text.
    Text(Range<usize>),
    Status,
    RequestId,
}

/// What is filled in. Digits and letters alone: nothing in it could be taken for markup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Filling {
    status: [u8; STATUS],
    request_id: [u8; REQUEST_ID],
}

impl ErrorPages {
    /// The page for a status: the one of its own, else the one of its class.
    #[must_use]
    pub fn find(&self, status: u16) -> Option<&Arc<Page>> {
        let exact = self.pages.get(&PageName::Exact(status));
        exact.or_else(|| self.pages.get(&PageName::Class(status / 100)))
    }
}

impl PageName {
    /// Reads the name of a file, as `404.html` or `5xx.html`. `None` where it is not a page of an error.
    #[must_use]
    pub fn parse(file: &str) -> Option<Self> {
        match file.strip_suffix(".html")? {
            "4xx" => Some(Self::Class(4)),
            "5xx" => Some(Self::Class(5)),
            status if status.len() == STATUS => {
                let status = status.parse().ok()?;
                (400..600).contains(&status).then_some(Self::Exact(status))
            }
            _ => None,
        }
    }

    /// Whether there are errors of the proxy that it is for.
    #[must_use]
    pub fn is_of_use(self) -> bool {
        match self {
            Self::Exact(status) => STATUSES.contains(&status),
            Self::Class(_) => true,
        }
    }
}

impl fmt::Display for PageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(status) => write!(f, "{status}"),
            Self::Class(class) => write!(f, "{class}xx"),
        }
    }
}

impl Page {
    /// Reads a page.
    #[must_use]
    pub fn parse(text: String) -> Self {
        let mut page = Self {
            text: String::new(),
            pieces: Vec::new(),
            len: 0,
        };
        let (mut begun, mut at) = (0, 0);
        while let Some(brace) = text[at..].find('{') {
            let brace = at + brace;
            let known = [("{status}", Piece::Status), ("{request_id}", Piece::RequestId)];
            let found = known.into_iter().find(|(name, _)| text[brace..].starts_with(name));
            at = brace + 1;
            if let Some((name, piece)) = found {
                page.push(Piece::Text(begun..brace));
                page.push(piece);
                at = brace + name.len();
                begun = at;
            }
        }
        page.push(Piece::Text(begun..text.len()));
        page.text = text;
        page
    }

    fn push(&mut self, piece: Piece) {
        let len = match &piece {
            Piece::Text(range) => range.len(),
            Piece::Status => STATUS,
            Piece::RequestId => REQUEST_ID,
        };
        if len > 0 {
            self.pieces.push((self.len, piece));
            self.len += len;
        }
    }

    /// How many bytes leave.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing leaves.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The bytes at a place of the page as it leaves, to the end of its piece. None at the end, and only there.
    #[must_use]
    pub fn rest<'p>(&'p self, at: usize, filling: &'p Filling) -> &'p [u8] {
        let behind = self.pieces.partition_point(|(start, _)| *start <= at);
        let Some((start, piece)) = behind.checked_sub(1).and_then(|place| self.pieces.get(place)) else {
            return b"";
        };
        let piece = match piece {
            Piece::Text(range) => &self.text.as_bytes()[range.clone()],
            Piece::Status => &filling.status,
            Piece::RequestId => &filling.request_id,
        };
        piece.get(at - start..).unwrap_or_default()
    }

    /// The page as its author has written it.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl Filling {
    /// For an error with this status (three digits) of the request with this id (digits and letters).
    #[must_use]
    pub fn new(status: u16, request_id: [u8; REQUEST_ID]) -> Self {
        let digit = |power: u16| b"0123456789"[usize::from(status / power % 10)];
        Self {
            status: [digit(100), digit(10), digit(1)],
            request_id: request_id.map(|byte| if byte.is_ascii_alphanumeric() { byte } else { b'0' }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str, filling: &Filling) -> String {
        let page = Page::parse(text.to_owned());
        let mut out = Vec::new();
        loop {
            let rest = page.rest(out.len(), filling);
            if rest.is_empty() {
                break;
            }
            // Clients take what they like.
            out.extend_from_slice(&rest[..rest.len().div_ceil(2)]);
        }
        assert_eq!(out.len(), page.len());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn status_and_request_id_are_filled_in_and_all_other_braces_stay() {
        let filling = Filling::new(404, *b"0123456789abcdef");
        for (text, expected) in [
            ("", ""),
            ("<h1>gone</h1>", "<h1>gone</h1>"),
            ("{status}", "404"),
            ("{{status}} {status", "{404} {status"),
            (
                "<p>{status}{request_id}</p><style>p{color:red}</style>{other}{",
                "<p>4040123456789abcdef</p><style>p{color:red}</style>{other}{",
            ),
        ] {
            assert_eq!(filled(text, &filling), expected, "{text}");
        }
    }

    #[test]
    fn nothing_that_is_filled_in_can_be_markup() {
        let filling = Filling::new(503, *b"<script>&\"'\n\0 ab");
        assert_eq!(filled("{request_id}", &filling), "0script0000000ab");
    }

    #[test]
    fn the_exact_page_wins_over_its_class() {
        let page = |text: &str| Arc::new(Page::parse(text.to_owned()));
        let pages = ErrorPages {
            folder: PathBuf::new(),
            pages: [
                (PageName::Exact(503), page("exact")),
                (PageName::Class(5), page("class")),
            ]
            .into(),
        };
        let found = |status| pages.find(status).map(|page| page.text().to_owned());
        assert_eq!(found(503).as_deref(), Some("exact"));
        assert_eq!(found(502).as_deref(), Some("class"));
        assert_eq!(found(404), None);
    }

    #[test]
    fn names_are_statuses_of_errors_and_their_classes() {
        assert_eq!(PageName::parse("404.html"), Some(PageName::Exact(404)));
        assert_eq!(PageName::parse("5xx.html"), Some(PageName::Class(5)));
        for other in [
            "200.html",
            "600.html",
            "3xx.html",
            "foo.html",
            "404.htm",
            "404",
            "+40.html",
            "0404.html",
        ] {
            assert_eq!(PageName::parse(other), None, "{other}");
        }
        assert!(PageName::Exact(503).is_of_use() && !PageName::Exact(500).is_of_use());
    }
}
