//! nginx's words: what its reader takes for one, with quotes, escapes and comments.

use crate::import::source::{Flaw, Place};

/// A word or a mark, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) place: Place,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// Without its quotes, and with its escapes resolved.
    Word(String),
    Semicolon,
    Open,
    Close,
    End,
}

/// The words of one file, one after the other.
#[derive(Debug)]
pub(super) struct Lexer<'t> {
    file: usize,
    text: &'t str,
    at: usize,
}

impl<'t> Lexer<'t> {
    pub(super) fn new(file: usize, text: &'t str) -> Self {
        Self { file, text, at: 0 }
    }

    /// The next word or mark.
    ///
    /// # Errors
    /// A quote without its end, or something glued to one.
    pub(super) fn next(&mut self) -> Result<Token, Flaw> {
        self.skip_blanks();
        let start = self.at;
        let kind = match self.peek() {
            None => Kind::End,
            Some(';') => self.mark(Kind::Semicolon),
            Some('{') => self.mark(Kind::Open),
            Some('}') => self.mark(Kind::Close),
            Some(quote @ ('"' | '\'')) => Kind::Word(self.quoted(quote)?),
            Some(_) => Kind::Word(self.bare()),
        };
        Ok(Token {
            kind,
            place: self.place(start),
        })
    }

    /// Passes over a block whose content is another language, to its end.
    ///
    /// # Errors
    /// The block has no end.
    pub(super) fn skip_block(&mut self, open: Place) -> Result<(), Flaw> {
        let mut depth = 1;
        while let Some(char) = self.peek() {
            self.at += char.len_utf8();
            match char {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return Ok(());
            }
        }
        Err(Flaw::new(open, "this `{` has no `}`"))
    }

    fn peek(&self) -> Option<char> {
        self.text.get(self.at..)?.chars().next()
    }

    fn mark(&mut self, kind: Kind) -> Kind {
        self.at += 1;
        kind
    }

    fn place(&self, start: usize) -> Place {
        Place {
            file: self.file,
            start,
            end: self.at,
        }
    }

    fn skip_blanks(&mut self) {
        while let Some(char) = self.peek() {
            if char == '#' {
                let rest = &self.text[self.at..];
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else if char.is_whitespace() || char == '\u{feff}' {
                self.at += char.len_utf8();
            } else {
                break;
            }
        }
    }

    fn quoted(&mut self, quote: char) -> Result<String, Flaw> {
        let start = self.at;
        self.at += 1;
        let mut word = String::new();
        loop {
            match self.peek() {
                None => {
                    self.at = start + 1;
                    return Err(Flaw::new(self.place(start), "this quote has no end"));
                }
                Some('\\') => self.escape(&mut word),
                Some(char) => {
                    self.at += char.len_utf8();
                    if char == quote {
                        break;
                    }
                    word.push(char);
                }
            }
        }
        match self.peek() {
            Some(char) if !(char.is_whitespace() || matches!(char, ';' | '{' | ')')) => {
                let start = self.at;
                self.at += char.len_utf8();
                Err(
                    Flaw::new(self.place(start), format!("`{char}` stands right behind a quote"))
                        .expected("expected a blank or `;` before this"),
                )
            }
            Some(_) | None => Ok(word),
        }
    }

    fn bare(&mut self) -> String {
        let mut word = String::new();
        while let Some(char) = self.peek() {
            match char {
                '\\' => self.escape(&mut word),
                // `${name}` is part of the word.
                '{' if word.ends_with('$') => {
                    word.push(char);
                    self.at += 1;
                }
                ';' | '{' => break,
                char if char.is_whitespace() => break,
                char => {
                    word.push(char);
                    self.at += char.len_utf8();
                }
            }
        }
        word
    }

    /// A backslash and what follows it: it vanishes before a quote or itself, names some blanks, and stays elsewhere, as in a
    /// regular expression.
    fn escape(&mut self, word: &mut String) {
        self.at += 1;
        let Some(char) = self.peek() else {
            word.push('\\');
            return;
        };
        self.at += char.len_utf8();
        match char {
            '"' | '\'' | '\\' => word.push(char),
            't' => word.push('\t'),
            'r' => word.push('\r'),
            'n' => word.push('\n'),
            other => word.extend(['\\', other]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        let mut lexer = Lexer::new(0, text);
        let mut found = Vec::new();
        loop {
            match lexer.next().unwrap().kind {
                Kind::Word(word) => found.push(word),
                Kind::Semicolon => found.push(";".into()),
                Kind::Open => found.push("{".into()),
                Kind::Close => found.push("}".into()),
                Kind::End => return found,
            }
        }
    }

    #[test]
    fn words_end_at_blanks_and_marks() {
        assert_eq!(words("server{listen 80;}"), ["server", "{", "listen", "80", ";", "}"]);
        assert_eq!(words("a # b ; {\n c;"), ["a", "c", ";"]);
        assert_eq!(words("a#b;"), ["a#b", ";"], "a comment begins with a word");
        assert_eq!(words("set $a ${b}c;"), ["set", "$a", "${b}c", ";"]);
    }

    #[test]
    fn quotes_and_escapes_are_resolved_and_those_of_expressions_stay() {
        assert_eq!(words(r#""a b;{}" 'c "d"';"#), ["a b;{}", "c \"d\"", ";"]);
        assert_eq!(words(r#""a\"b\n" \.php$ a\;b;"#), ["a\"b\n", r"\.php$", r"a\;b", ";"]);
    }

    #[test]
    fn a_quote_has_an_end_and_nothing_glued_to_it() {
        for text in ["\"abc", "'abc;", "\"a\"b;", "\"a\\"] {
            let mut lexer = Lexer::new(0, text);
            assert!(lexer.next().is_err(), "{text}");
        }
        assert_eq!(words("(\"a\");").len(), 2, "a bracket may follow, as in `if`");
    }
}
