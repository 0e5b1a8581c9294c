//! The annotated example of a configuration as a manual page, proxy.toml(5): each table is a section, each key an entry with what stands
//! behind it. Pure.

use clap_mangen::roff::{Roff, bold, roman};

use super::page::{Page, emphasised};

/// The example that runs as it is, and names every key.
const EXAMPLE: &str = include_str!("../../../proxy.toml.example");
/// The words of a comment behind a key begin at least so far to the right.
const BESIDE: usize = 16;

/// A line of the example, for what it means to a reader.
#[derive(Debug, PartialEq, Eq)]
enum Part<'t> {
    /// `[server]`
    Table(&'t str),
    /// A key with its value, and what is said beside it.
    Key(&'t str, &'t str),
    /// More of what is said beside the key above.
    More(&'t str),
    /// Words that stand by themselves.
    Prose(&'t str),
    /// A piece of a file, to be shown as it is.
    Piece(&'t str),
    Blank,
}

impl<'t> Part<'t> {
    fn of(line: &'t str) -> Self {
        let bare = line.trim();
        let (is_comment, said) = match line.strip_prefix('#') {
            Some(said) => (true, said),
            None => (false, line),
        };
        let indent = said.len() - said.trim_start().len();
        let said = said.trim();
        if bare.is_empty() || bare == "#" {
            Self::Blank
        } else if bare.starts_with('[') {
            Self::Table(bare)
        } else if indent >= BESIDE {
            Self::More(said.trim_start_matches('#').trim_start())
        } else if is_comment && indent >= 2 {
            Self::Piece(said)
        } else if is_key(said) {
            let (key, beside) = said.split_once(" # ").unwrap_or((said, ""));
            Self::Key(key.trim(), beside.trim())
        } else {
            Self::Prose(said)
        }
    }
}

/// `health.path = …`, `"www.example.com" = …`; a sentence begins otherwise.
fn is_key(text: &str) -> bool {
    let Some((name, _)) = text.split_once('=') else {
        return false;
    };
    let name = name.trim_end();
    let is_bare = |name: &str| name.chars().all(|it| it.is_ascii_lowercase() || "._".contains(it));
    !name.is_empty() && (name.starts_with('"') || is_bare(name))
}

/// The page.
pub fn reference() -> Page {
    let mut sheet = Sheet::default();
    sheet.page.control("SH", ["NAME"]);
    sheet.page.text([roman("proxy.toml - the configuration of proxyd(8)")]);
    sheet.page.control("SH", ["DESCRIPTION"]);
    EXAMPLE.lines().for_each(|line| sheet.add(&Part::of(line)));
    sheet.add(&Part::Blank);
    let mut page = sheet.page;
    page.control("SH", ["FILES"]);
    page.text([roman("/etc/greengate/proxy.toml, unless --config names another one.")]);
    page.control("SH", ["SEE ALSO"]);
    page.text([roman("proxyctl(1), proxyctl-check(1), proxyd(8)")]);
    let version = env!("CARGO_PKG_VERSION");
    let title = format!(".TH PROXY.TOML 5 \"\" \"greengate {version}\" Greengate\n");
    Page {
        file: "proxy.toml.5".into(),
        text: emphasised(&format!("{title}{}", page.render())),
    }
}

/// The page as it grows.
#[derive(Default)]
struct Sheet<'t> {
    page: Roff,
    /// Words that belong to what follows them: to a table, where they stand right above it.
    words: Vec<&'t str>,
    /// A piece of a file that is not at its end.
    piece: Vec<&'t str>,
    /// Whether words would run on from an entry otherwise.
    apart: bool,
}

impl<'t> Sheet<'t> {
    fn add(&mut self, part: &Part<'t>) {
        match part {
            Part::Prose(words) => {
                self.end_piece();
                self.words.push(words);
            }
            Part::Piece(text) => {
                self.end_words();
                self.piece.push(text);
            }
            Part::Table(name) => {
                self.end_piece();
                self.page.control("SH", [*name]);
                self.apart = false;
                self.end_words();
            }
            Part::Key(key, beside) => {
                self.end_piece();
                self.end_words();
                self.page.control("TP", []);
                // Keys stand in columns in the file.
                self.page
                    .text([bold(key.split_whitespace().collect::<Vec<_>>().join(" "))]);
                if !beside.is_empty() {
                    self.page.text([roman(*beside)]);
                }
                self.apart = true;
            }
            Part::More(words) if self.piece.is_empty() => {
                self.page.text([roman(*words)]);
            }
            Part::More(words) => self.piece.push(words),
            Part::Blank => {
                self.end_words();
                self.end_piece();
            }
        }
    }

    fn end_words(&mut self) {
        if self.words.is_empty() {
            return;
        }
        if self.apart {
            self.page.control("PP", []);
        }
        for words in self.words.drain(..) {
            self.page.text([roman(words)]);
        }
        self.apart = true;
    }

    fn end_piece(&mut self) {
        if self.piece.is_empty() {
            return;
        }
        self.page.control("PP", []);
        self.page.control("nf", []);
        for line in self.piece.drain(..) {
            self.page.text([roman(line)]);
        }
        self.page.control("fi", []);
        self.apart = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_example_is_a_table_a_key_or_words() {
        for (line, part) in [
            ("[server]", Part::Table("[server]")),
            (
                "[[env.prod.service.web.at]]",
                Part::Table("[[env.prod.service.web.at]]"),
            ),
            ("# workers   = 2       # threads", Part::Key("workers   = 2", "threads")),
            (
                "http  = \"127.0.0.1:80\"   # why",
                Part::Key("http  = \"127.0.0.1:80\"", "why"),
            ),
            ("\"www.a\" = \"https://a\"", Part::Key("\"www.a\" = \"https://a\"", "")),
            (
                "#                                       # day when",
                Part::More("day when"),
            ),
            ("#   [env.docs]", Part::Piece("[env.docs]")),
            ("# What counts as healthy.", Part::Prose("What counts as healthy.")),
            ("#", Part::Blank),
        ] {
            assert_eq!(Part::of(line), part, "{line}");
        }
    }
}
