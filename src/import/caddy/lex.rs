//! Caddy's words: tokens with their lines, quotes, heredocs, and placeholders of the environment.

use crate::import::source::{Flaw, Place};

/// A word, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) text: String,
    pub(super) place: Place,
    /// Number of its line; words of one line are one directive.
    pub(super) line: usize,
    /// Whether it stood in quotes, where no word is a brace.
    pub(super) quoted: bool,
}

impl Token {
    pub(super) fn opens(&self) -> bool {
        !self.quoted && self.text == "{"
    }

    pub(super) fn closes(&self) -> bool {
        !self.quoted && self.text == "}"
    }
}

/// All words of a file.
///
/// # Errors
/// A quote or a heredoc without its end.
pub(super) fn tokens(file: usize, text: &str) -> Result<Vec<Token>, Flaw> {
    let mut lexer = Lexer {
        file,
        text,
        at: 0,
        line: 0,
    };
    let mut all = Vec::new();
    while let Some(token) = lexer.next()? {
        all.push(token);
    }
    Ok(all)
}

struct Lexer<'t> {
    file: usize,
    text: &'t str,
    at: usize,
    line: usize,
}

impl Lexer<'_> {
    fn next(&mut self) -> Result<Option<Token>, Flaw> {
        self.skip_blanks();
        let (start, line) = (self.at, self.line);
        let Some(first) = self.peek() else { return Ok(None) };
        let (text, quoted) = match first {
            '"' => (self.quoted('"', true)?, true),
            '`' => (self.quoted('`', false)?, true),
            _ => match self.heredoc()? {
                Some(text) => (text, true),
                None => (self.bare(), false),
            },
        };
        let place = Place {
            file: self.file,
            start,
            end: self.at,
        };
        Ok(Some(Token {
            text: from_environment(&text),
            place,
            line,
            quoted,
        }))
    }

    fn peek(&self) -> Option<char> {
        self.text.get(self.at..)?.chars().next()
    }

    fn bump(&mut self, char: char) {
        self.at += char.len_utf8();
        if char == '\n' {
            self.line += 1;
        }
    }

    fn skip_blanks(&mut self) {
        while let Some(char) = self.peek() {
            let rest = &self.text[self.at..];
            if char == '#' {
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else if rest.starts_with("\\\n") {
                // The line goes on.
                self.at += 2;
            } else if rest.starts_with("\\\r\n") {
                self.at += 3;
            } else if char.is_whitespace() || char == '\u{feff}' {
                self.bump(char);
            } else {
                break;
            }
        }
    }

    fn quoted(&mut self, quote: char, escapes: bool) -> Result<String, Flaw> {
        let start = self.at;
        self.at += 1;
        let mut text = String::new();
        while let Some(char) = self.peek() {
            self.bump(char);
            if char == quote {
                return Ok(text);
            }
            if char == '\\' && escapes && self.peek() == Some(quote) {
                self.bump(quote);
                text.push(quote);
                continue;
            }
            text.push(char);
        }
        let place = Place {
            file: self.file,
            start,
            end: start + 1,
        };
        Err(Flaw::new(place, "this quote has no end"))
    }

    /// `<<MARK`, and the lines up to one with the mark alone.
    fn heredoc(&mut self) -> Result<Option<String>, Flaw> {
        let rest = &self.text[self.at..];
        let Some(behind) = rest.strip_prefix("<<") else {
            return Ok(None);
        };
        let Some((mark, body)) = behind.split_once('\n') else {
            return Ok(None);
        };
        let mark = mark.trim_end_matches('\r');
        if mark.is_empty()
            || !mark
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
        {
            return Ok(None);
        }
        let start = self.at;
        let mut length = rest.len() - body.len();
        let mut lines: Vec<&str> = Vec::new();
        for line in body.split_inclusive('\n') {
            let written = line.trim_start();
            let indent = &line[..line.len() - written.len()];
            let behind = written.strip_prefix(mark);
            if behind.is_some_and(|behind| behind.is_empty() || behind.starts_with(char::is_whitespace)) {
                let text: Vec<&str> = lines
                    .iter()
                    .map(|line| line.strip_prefix(indent).unwrap_or(line))
                    .collect();
                self.at += length + indent.len() + mark.len();
                self.line += lines.len() + 1;
                return Ok(Some(text.concat().trim_end_matches('\n').to_owned()));
            }
            lines.push(line);
            length += line.len();
        }
        let place = Place {
            file: self.file,
            start,
            end: start + 2 + mark.len(),
        };
        Err(Flaw::new(place, format!("`{mark}` does not end this text")))
    }

    fn bare(&mut self) -> String {
        let mut text = String::new();
        while let Some(char) = self.peek() {
            if char.is_whitespace() {
                break;
            }
            self.bump(char);
            // A quote may be escaped, to be none.
            if char == '\\' && text.is_empty() && matches!(self.peek(), Some('"' | '`' | '<')) {
                continue;
            }
            text.push(char);
        }
        text
    }
}

/// `{$NAME:default}` with its default. The environment of whoever imports is not that of the server.
fn from_environment(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("{$") {
        let Some(end) = rest[at..].find('}') else { break };
        let inner = &rest[at + 2..at + end];
        match inner.split_once(':') {
            Some((_, default)) => {
                out.push_str(&rest[..at]);
                out.push_str(default);
            }
            None => out.push_str(&rest[..=at + end]),
        }
        rest = &rest[at + end + 1..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<(usize, String)> {
        let all = tokens(0, text).unwrap();
        all.into_iter().map(|token| (token.line, token.text)).collect()
    }

    #[test]
    fn words_know_their_lines_and_quotes_hide_what_is_in_them() {
        let text = "a.com {\n\trespond \"a \\\"b\\\" {\" # no\n\theader X `raw \"x\"`\n}\n";
        let expected = [
            (0, "a.com"),
            (0, "{"),
            (1, "respond"),
            (1, "a \"b\" {"),
            (2, "header"),
            (2, "X"),
            (2, "raw \"x\""),
            (3, "}"),
        ];
        assert_eq!(words(text), expected.map(|(line, word)| (line, word.to_owned())));
    }

    #[test]
    fn a_line_goes_on_behind_a_backslash_and_a_heredoc_is_one_word() {
        assert_eq!(
            words("a \\\n b\nc").iter().map(|(line, _)| *line).collect::<Vec<_>>(),
            [0, 0, 1]
        );
        let text = words("respond <<X\n  one\n  X 200\nb");
        let expected = [(0, "respond"), (0, "one"), (2, "200"), (3, "b")];
        assert_eq!(text, expected.map(|(line, word)| (line, word.to_owned())));
    }

    #[test]
    fn what_the_environment_would_say_is_its_default() {
        assert_eq!(words("{$HOST:a.com} {$PORT} {$")[0].1, "a.com");
        assert_eq!(words("{$HOST:a.com} {$PORT}")[1].1, "{$PORT}");
        assert!(tokens(0, "\"abc").is_err());
        assert!(tokens(0, "respond <<X\nabc").is_err());
    }
}
