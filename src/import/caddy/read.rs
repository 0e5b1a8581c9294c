//! Caddy's grammar: options, snippets and sites with their directives, and what `import` puts in their place.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::lex::{Token, tokens};
use crate::import::directive::Directive;
use crate::import::files::{self, Files};
use crate::import::source::{Flaw, Place, Sources};

/// Blocks in one another, files and snippets included.
const DEPTH: usize = 32;

/// Directives that snippets and files may come to, all together.
const MANY: usize = 50_000;

/// Words that a directive may come to, and bytes of a word that arguments are put into.
const WORDS: usize = 256;
const LONG: usize = 1024;

/// A whole Caddyfile.
#[derive(Debug, Default)]
pub(super) struct Caddyfile {
    pub(super) options: Vec<Directive>,
    /// Sites: the addresses are name and words, the directives the block.
    pub(super) sites: Vec<Directive>,
    pub(super) missing: Vec<(Place, String, String)>,
}

/// Reads the first file of `sources` and all that it imports.
///
/// # Errors
/// What no Caddy would read, and imports in a circle.
pub(super) fn read(files: &dyn Files, sources: &mut Sources) -> Result<Caddyfile, Flaw> {
    let mut reader = Reader {
        files,
        sources,
        open: vec![Opened::File(0)],
        snippets: BTreeMap::new(),
        found: Caddyfile::default(),
        count: 0,
    };
    let all = reader.file(0)?;
    reader.top(all)?;
    Ok(reader.found)
}

/// What is being read, each imported by the one before.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Opened {
    File(usize),
    Snippet(String),
}

struct Reader<'a> {
    files: &'a dyn Files,
    sources: &'a mut Sources,
    open: Vec<Opened>,
    snippets: BTreeMap<String, Vec<Directive>>,
    found: Caddyfile,
    count: usize,
}

impl Reader<'_> {
    /// The lines of a file, each with its block.
    fn file(&mut self, file: usize) -> Result<Vec<Directive>, Flaw> {
        let all = tokens(file, self.sources.text(file))?;
        let mut at = 0;
        let lines = block(&all, &mut at, None, 0)?;
        Ok(lines)
    }

    /// Takes options, snippets and sites apart.
    fn top(&mut self, lines: Vec<Directive>) -> Result<(), Flaw> {
        let is_bare = |line: &Directive| line.block.is_none() && line.name != "import";
        // Without braces a file is one site: the first line its addresses, the others its directives.
        if lines
            .first()
            .is_some_and(|line| is_bare(line) && is_address(&line.name))
        {
            let mut lines = lines.into_iter();
            let Some(mut site) = lines.next() else { return Ok(()) };
            site.block = Some(self.expand(lines.collect())?);
            self.found.sites.push(site);
            return Ok(());
        }
        for mut line in lines {
            if line.name == "import" && line.block.is_none() {
                for file in self.imported(&line)? {
                    let imported = self.enter(Opened::File(file), &line, |reader| reader.file(file))?;
                    self.enter(Opened::File(file), &line, |reader| reader.top(imported))?;
                }
                continue;
            }
            let Some(inner) = line.block.take() else {
                let flaw = Flaw::new(line.place, format!("`{}` has no block", line.name));
                return Err(flaw
                    .expected("expected `{` behind the addresses of a site")
                    .hint("is it a Caddyfile? `proxyctl import nginx` reads configurations of nginx"));
            };
            let name = line.name.strip_prefix('(').and_then(|name| name.strip_suffix(')'));
            if line.name.is_empty() {
                let inner = self.expand(inner)?;
                self.found.options.extend(inner);
            } else if let Some(name) = name {
                self.snippets.insert(name.to_owned(), inner);
            } else {
                line.block = Some(self.expand(inner)?);
                self.found.sites.push(line);
            }
        }
        Ok(())
    }

    /// Directives with what they import in its place.
    fn expand(&mut self, directives: Vec<Directive>) -> Result<Vec<Directive>, Flaw> {
        let mut all = Vec::new();
        for mut directive in directives {
            self.count += 1;
            if self.count > MANY {
                return Err(Flaw::new(directive.place, "too much is imported"));
            }
            if directive.name == "import" {
                all.extend(self.import(&directive)?);
                continue;
            }
            if let Some(inner) = directive.block.take() {
                directive.block = Some(self.expand(inner)?);
            }
            all.push(directive);
        }
        Ok(all)
    }

    fn import(&mut self, import: &Directive) -> Result<Vec<Directive>, Flaw> {
        let name = import.arg(0).to_owned();
        if let Some(snippet) = self.snippets.get(&name) {
            let body: Vec<Directive> = snippet.iter().map(|one| with(one, &import.args[1..])).collect();
            return self.enter(Opened::Snippet(name), import, |reader| reader.expand(body));
        }
        let mut all = Vec::new();
        for file in self.imported(import)? {
            let found = self.enter(Opened::File(file), import, |reader| {
                let lines = reader.file(file)?;
                reader.expand(lines)
            })?;
            all.extend(found);
        }
        Ok(all)
    }

    /// Does something inside of what is imported, unless that is being read already.
    fn enter<T>(
        &mut self,
        opened: Opened,
        import: &Directive,
        then: impl FnOnce(&mut Self) -> Result<T, Flaw>,
    ) -> Result<T, Flaw> {
        if self.open.contains(&opened) {
            return Err(Flaw::new(import.place, format!("`{}` imports itself", import.arg(0))).expected("again here"));
        }
        if self.open.len() >= DEPTH {
            return Err(Flaw::new(
                import.place,
                format!("imports stand in one another more than {DEPTH} times"),
            ));
        }
        self.open.push(opened);
        let done = then(self);
        self.open.pop();
        done
    }

    /// The files that an `import` means.
    fn imported(&mut self, import: &Directive) -> Result<Vec<usize>, Flaw> {
        let pattern = import.arg(0);
        if pattern.is_empty() {
            return Err(Flaw::new(import.place, "`import` names a snippet or a file"));
        }
        let folder = self
            .sources
            .path(import.place.file)
            .parent()
            .unwrap_or(Path::new(""))
            .to_owned();
        let mut tries = vec![folder.join(pattern)];
        if let Ok(below) = Path::new(pattern).strip_prefix("/etc/caddy") {
            tries.push(self.sources.folder().join(below));
        }
        let is_pattern = files::is_pattern(pattern);
        let paths: Vec<PathBuf> = match is_pattern {
            true => tries
                .iter()
                .map(|one| files::matching(self.files, one))
                .find(|found| !found.is_empty())
                .unwrap_or_default(),
            false => tries,
        };
        let mut found = Vec::new();
        let mut why = String::new();
        for path in paths {
            match self.sources.read(self.files, &path) {
                Ok(file) => {
                    found.push(file);
                    if !is_pattern {
                        break;
                    }
                }
                Err(_) if self.sources.is_exhausted() => {
                    return Err(Flaw::new(import.place, "too many files are imported"));
                }
                Err(error) if why.is_empty() => why = error.to_string(),
                Err(_) => {}
            }
        }
        if found.is_empty() && !why.is_empty() {
            self.found.missing.push((import.place, pattern.to_owned(), why));
        }
        Ok(found)
    }
}

/// Lines up to the end of a block, or of the file.
fn block(all: &[Token], at: &mut usize, open: Option<Place>, depth: usize) -> Result<Vec<Directive>, Flaw> {
    let mut lines = Vec::new();
    loop {
        let Some(first) = all.get(*at) else {
            return match open {
                Some(open) => Err(Flaw::new(open, "this `{` has no `}`").expected("opened here")),
                None => Ok(lines),
            };
        };
        if first.closes() {
            if open.is_none() {
                return Err(Flaw::new(first.place, "this `}` closes nothing"));
            }
            *at += 1;
            return Ok(lines);
        }
        lines.push(line(all, at, open.is_none(), depth)?);
    }
}

/// One line with its block. At the top of a file addresses may go on behind a comma.
fn line(all: &[Token], at: &mut usize, is_top: bool, depth: usize) -> Result<Directive, Flaw> {
    let mut words: Vec<&Token> = Vec::new();
    let mut opened = None;
    while let Some(token) = all.get(*at) {
        let goes_on = words
            .last()
            .is_none_or(|last| last.line == token.line || (is_top && !last.quoted && last.text.ends_with(',')));
        if !goes_on || (token.closes() && words.is_empty()) {
            break;
        }
        *at += 1;
        let is_last = all.get(*at).is_none_or(|next| next.line != token.line);
        if token.opens() && is_last {
            opened = Some(token.place);
            break;
        }
        if token.closes() {
            return Err(
                Flaw::new(token.place, "`}` stands on a line of its own").expected("expected a new line before this")
            );
        }
        words.push(token);
    }
    let mut place = match (words.first(), opened) {
        (Some(first), _) => first.place,
        (None, Some(open)) => open,
        (None, None) => Place {
            file: 0,
            start: 0,
            end: 0,
        },
    };
    if let Some(last) = words.last().filter(|last| last.place.file == place.file) {
        place.end = last.place.end;
    }
    let block = match opened {
        Some(open) if depth >= DEPTH => {
            return Err(Flaw::new(
                open,
                format!("blocks stand in one another more than {DEPTH} times"),
            ));
        }
        Some(open) => Some(block(all, at, Some(open), depth + 1)?),
        None => None,
    };
    let mut words = words.into_iter().map(|token| token.text.clone());
    Ok(Directive {
        name: words.next().unwrap_or_default(),
        args: words.collect(),
        block,
        place,
    })
}

/// Whether a word at the top of a file is the address of a site.
fn is_address(word: &str) -> bool {
    word.contains(['.', ':']) || word.trim_end_matches(',') == "localhost" || word.starts_with("{$")
}

/// A directive of a snippet with the words of its `import`.
fn with(directive: &Directive, args: &[String]) -> Directive {
    let fill = |word: &String| -> Vec<String> {
        if matches!(word.as_str(), "{args[:]}" | "{args.*}") {
            return args.to_vec();
        }
        let mut word = word.clone();
        // What would grow with each snippet is no word that anybody wrote.
        if word.contains("{args") && word.len() < LONG {
            for (number, arg) in args.iter().enumerate() {
                word = word
                    .replace(&format!("{{args[{number}]}}"), arg)
                    .replace(&format!("{{args.{number}}}"), arg);
            }
        }
        vec![word]
    };
    let mut words = std::iter::once(&directive.name)
        .chain(&directive.args)
        .flat_map(fill)
        .take(WORDS);
    Directive {
        name: words.next().unwrap_or_default(),
        args: words.collect(),
        block: directive
            .block
            .as_ref()
            .map(|block| block.iter().map(|one| with(one, args)).collect()),
        place: directive.place,
    }
}
