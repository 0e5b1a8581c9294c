//! Rust as a row of tokens, as far as imports need it: names, what stands between them, and texts; comments are left out.

use std::iter::Peekable;
use std::str::CharIndices;

/// A token, and the line that it stands on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) line: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A name or a keyword.
    Name(String),
    /// What stands in quotes.
    Text(String),
    /// `::`
    Path,
    /// Any other character.
    Mark(char),
}

/// The tokens of a source file.
pub(crate) fn tokens(source: &str) -> Vec<Token> {
    let mut reader = Reader {
        source,
        chars: source.char_indices().peekable(),
        line: 1,
    };
    let mut found = Vec::new();
    while let Some((at, c)) = reader.next() {
        let line = reader.line;
        if let Some(kind) = reader.token(at, c) {
            found.push(Token { kind, line });
        }
    }
    found
}

struct Reader<'a> {
    source: &'a str,
    chars: Peekable<CharIndices<'a>>,
    line: usize,
}

impl Reader<'_> {
    fn next(&mut self) -> Option<(usize, char)> {
        let next = self.chars.next();
        if let Some((_, '\n')) = next {
            self.line += 1;
        }
        next
    }

    fn skip_to(&mut self, end: usize) {
        while self.chars.peek().is_some_and(|(at, _)| *at < end) {
            self.next();
        }
    }

    fn token(&mut self, at: usize, c: char) -> Option<Kind> {
        let rest = &self.source[at..];
        match c {
            _ if c.is_whitespace() => None,
            '/' if rest.starts_with("//") => {
                self.skip_to(at + rest.find('\n').unwrap_or(rest.len()));
                None
            }
            '/' if rest.starts_with("/*") => {
                self.skip_to(at + rest.find("*/").map_or(rest.len(), |end| end + 2));
                None
            }
            ':' if rest.starts_with("::") => {
                self.next();
                Some(Kind::Path)
            }
            '"' => Some(self.text(at + 1)),
            '\'' => {
                self.skip_to(at + character(rest));
                None
            }
            _ if c.is_alphabetic() || c == '_' => Some(self.name(at)),
            _ => Some(Kind::Mark(c)),
        }
    }

    /// A text from its first character to the quote that ends it.
    fn text(&mut self, start: usize) -> Kind {
        let mut end = start;
        while let Some((at, c)) = self.next() {
            end = at;
            match c {
                '\\' => drop(self.next()),
                '"' => break,
                _ => {}
            }
        }
        Kind::Text(self.source[start..end].to_owned())
    }

    /// A name; or the raw text that begins like one.
    fn name(&mut self, start: usize) -> Kind {
        let rest = &self.source[start..];
        let length = rest
            .find(|c: char| !c.is_alphanumeric() && c != '_')
            .unwrap_or(rest.len());
        let (name, after) = rest.split_at(length);
        let fence = after.len() - after.trim_start_matches('#').len();
        if matches!(name, "r" | "br" | "cr") && after[fence..].starts_with('"') {
            let text = &after[fence + 1..];
            let close = format!("\"{}", "#".repeat(fence));
            let end = text.find(&close).unwrap_or(text.len());
            self.skip_to(start + length + fence + 1 + end + close.len());
            return Kind::Text(text[..end].to_owned());
        }
        self.skip_to(start + length);
        Kind::Name(name.to_owned())
    }
}

/// The length of a character in quotes; that of a lifetime's tick.
fn character(rest: &str) -> usize {
    let mut chars = rest.char_indices().skip(1);
    match chars.next() {
        Some((_, '\\')) => chars.skip(1).find(|(_, c)| *c == '\'').map_or(1, |(at, _)| at + 1),
        Some(_) => chars.next().filter(|(_, c)| *c == '\'').map_or(1, |(at, _)| at + 1),
        None => 1,
    }
}
