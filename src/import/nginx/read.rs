//! nginx's grammar: directives with their words and blocks, and the files that `include` names in their place.

use std::path::{Path, PathBuf};

use super::lex::{Kind, Lexer, Token};
use crate::import::directive::Directive;
use crate::import::files::{self, Files};
use crate::import::source::{Flaw, Place, Sources};

/// Blocks in one another, files included; nginx' own have four.
const DEPTH: usize = 32;

/// What begins a directive, wherever it stands first on a line: the one before lacks its end.
const BEGINNINGS: &[&str] = &[
    "add_header",
    "include",
    "listen",
    "location",
    "proxy_pass",
    "proxy_set_header",
    "return",
    "root",
    "server_name",
    "ssl_certificate",
    "ssl_certificate_key",
    "try_files",
];

/// An `include` of which nothing was found.
#[derive(Debug, Clone)]
pub(super) struct Missing {
    pub(super) place: Place,
    pub(super) path: String,
    pub(super) why: String,
}

/// Reads the first file of `sources` and all that it includes.
///
/// # Errors
/// What no nginx would read, and files that include each other.
pub(super) fn read(files: &dyn Files, sources: &mut Sources) -> Result<(Vec<Directive>, Vec<Missing>), Flaw> {
    let mut reader = Reader {
        files,
        sources,
        open: vec![0],
        missing: Vec::new(),
    };
    let all = reader.file(0)?;
    Ok((all, reader.missing))
}

fn without_end(name: &str, place: Place) -> Flaw {
    Flaw::new(place, format!("`{name}` does not end with `;`")).expected("expected `;` behind this")
}

struct Reader<'a> {
    files: &'a dyn Files,
    sources: &'a mut Sources,
    /// The files that are being read, each included by the one before.
    open: Vec<usize>,
    missing: Vec<Missing>,
}

impl Reader<'_> {
    fn file(&mut self, file: usize) -> Result<Vec<Directive>, Flaw> {
        let text = self.sources.text(file).to_owned();
        let mut lexer = Lexer::new(file, &text);
        self.block(&mut lexer, None, 0)
    }

    /// Directives to the end of a block, or of the file.
    fn block(&mut self, lexer: &mut Lexer<'_>, open: Option<Place>, depth: usize) -> Result<Vec<Directive>, Flaw> {
        let mut all = Vec::new();
        loop {
            let token = lexer.next()?;
            let name = match token.kind {
                Kind::Word(name) => name,
                Kind::Close if open.is_some() => return Ok(all),
                Kind::End => match open {
                    Some(open) => return Err(Flaw::new(open, "this `{` has no `}`").expected("opened here")),
                    None => return Ok(all),
                },
                Kind::Close => return Err(Flaw::new(token.place, "this `}` closes nothing")),
                Kind::Semicolon => return Err(Flaw::new(token.place, "no directive stands before this `;`")),
                Kind::Open => return Err(Flaw::new(token.place, "this block has no name")),
            };
            let directive = self.directive(lexer, name, token.place, depth)?;
            if directive.name == "include" && directive.block.is_none() {
                self.include(&directive, depth, &mut all)?;
            } else {
                all.push(directive);
            }
        }
    }

    fn directive(
        &mut self,
        lexer: &mut Lexer<'_>,
        name: String,
        mut place: Place,
        depth: usize,
    ) -> Result<Directive, Flaw> {
        let mut args = Vec::new();
        loop {
            let Token { kind, place: at } = lexer.next()?;
            match kind {
                Kind::Word(word) => {
                    if BEGINNINGS.contains(&word.as_str()) && self.is_on_another_line(place.end, at) {
                        return Err(without_end(&name, place));
                    }
                    args.push(word);
                    place.end = at.end;
                }
                Kind::Semicolon => {
                    return Ok(Directive {
                        name,
                        args,
                        block: None,
                        place,
                    });
                }
                Kind::Open => {
                    let block = if name.ends_with("_by_lua_block") {
                        lexer.skip_block(at)?;
                        Vec::new()
                    } else if depth >= DEPTH {
                        return Err(Flaw::new(
                            at,
                            format!("blocks stand in one another more than {DEPTH} times"),
                        ));
                    } else {
                        self.block(lexer, Some(at), depth + 1)?
                    };
                    return Ok(Directive {
                        name,
                        args,
                        block: Some(block),
                        place,
                    });
                }
                Kind::Close | Kind::End => {
                    let hint = "is it a configuration of nginx? `proxyctl import caddy` reads Caddyfiles";
                    return Err(without_end(&name, place).hint(hint));
                }
            }
        }
    }

    fn is_on_another_line(&self, end: usize, at: Place) -> bool {
        let between = self.sources.text(at.file).get(end..at.start);
        between.is_some_and(|between| between.contains('\n'))
    }

    /// Puts the directives of all files that match in the place of the `include`.
    fn include(&mut self, include: &Directive, depth: usize, all: &mut Vec<Directive>) -> Result<(), Flaw> {
        let [pattern] = include.args.as_slice() else {
            return Err(Flaw::new(include.place, "`include` takes one path"));
        };
        let (paths, mut why) = self.included(pattern);
        for path in &paths {
            let file = match self.sources.read(self.files, path) {
                Ok(file) => file,
                Err(_) if self.sources.is_exhausted() => {
                    return Err(Flaw::new(include.place, "too many files are included"));
                }
                Err(error) => {
                    why = error.to_string();
                    continue;
                }
            };
            if self.open.contains(&file) {
                let path = path.display();
                return Err(Flaw::new(include.place, format!("`{path}` includes itself")).expected("again here"));
            }
            if self.open.len() + depth >= DEPTH {
                return Err(Flaw::new(
                    include.place,
                    format!("files include one another more than {DEPTH} times"),
                ));
            }
            self.open.push(file);
            let found = self.file(file)?;
            self.open.pop();
            all.extend(found);
            why.clear();
        }
        if !why.is_empty() {
            self.missing.push(Missing {
                place: include.place,
                path: pattern.clone(),
                why,
            });
        }
        Ok(())
    }

    /// The files that an `include` means, and what to say if there are none. Relative paths start at the folder of `nginx.conf`, which for a
    /// file in `sites-enabled` is the one above; an `/etc/nginx` that was copied elsewhere is found there.
    fn included(&self, pattern: &str) -> (Vec<PathBuf>, String) {
        let folder = self.sources.folder();
        let written = Path::new(pattern);
        let mut tries: Vec<PathBuf> = written
            .strip_prefix("/etc/nginx")
            .map(|below| folder.join(below))
            .into_iter()
            .collect();
        tries.push(folder.join(written));
        tries.extend(folder.parent().map(|above| above.join(written)));
        if files::is_pattern(pattern) {
            // A pattern that matches nothing is no mistake.
            let found = tries.iter().map(|one| files::matching(self.files, one));
            return (
                found.into_iter().find(|found| !found.is_empty()).unwrap_or_default(),
                String::new(),
            );
        }
        if let Some(there) = tries.iter().find(|one| self.files.read(one).is_ok()) {
            return (vec![there.clone()], String::new());
        }
        let why = self.files.read(&folder.join(written)).err();
        (Vec::new(), why.map_or_else(String::new, |error| error.to_string()))
    }
}
