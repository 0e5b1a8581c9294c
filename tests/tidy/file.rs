//! What one source file says of modules: which it declares, and every path that it names, in a `use` or in the middle of code.

use super::tokens::{Kind, Token, tokens};

/// What a file says.
#[derive(Debug, Default)]
pub(crate) struct File {
    pub(crate) declared: Vec<Declared>,
    pub(crate) named: Vec<Named>,
}

/// `mod name;`, or `mod name { … }`.
#[derive(Debug)]
pub(crate) struct Declared {
    /// Its name, behind those of the modules that are written around it in this file.
    pub(crate) names: Vec<String>,
    /// What `#[path]` says.
    pub(crate) path: Option<String>,
    pub(crate) inline: bool,
    pub(crate) test: bool,
}

/// A path of at least two names, or one that is imported.
#[derive(Debug)]
pub(crate) struct Named {
    /// The modules that are written around it in this file.
    pub(crate) inside: Vec<String>,
    pub(crate) path: Vec<String>,
    /// The name that a `use` gives it.
    pub(crate) alias: Option<String>,
    pub(crate) line: usize,
    pub(crate) test: bool,
}

impl File {
    pub(crate) fn read(text: &str) -> Self {
        let mut parser = Parser {
            tokens: tokens(text),
            at: 0,
            scopes: Vec::new(),
            attributes: Attributes::default(),
            file: Self::default(),
        };
        while parser.at < parser.tokens.len() {
            parser.step();
        }
        parser.file
    }
}

/// What stands between `{` and `}`.
struct Scope {
    module: Option<String>,
    test: bool,
}

/// What the attributes before an item say.
#[derive(Default)]
struct Attributes {
    path: Option<String>,
    test: bool,
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    scopes: Vec<Scope>,
    attributes: Attributes,
    file: File,
}

impl Parser {
    fn kind(&self, ahead: usize) -> Option<&Kind> {
        self.tokens.get(self.at + ahead).map(|token| &token.kind)
    }

    fn name(&self, ahead: usize) -> Option<String> {
        match self.kind(ahead) {
            Some(Kind::Name(name)) => Some(name.clone()),
            _ => None,
        }
    }

    fn is(&self, ahead: usize, mark: char) -> bool {
        self.kind(ahead) == Some(&Kind::Mark(mark))
    }

    fn line(&self) -> usize {
        self.tokens.get(self.at).map_or(0, |token| token.line)
    }

    fn test(&self) -> bool {
        self.attributes.test || self.scopes.iter().any(|scope| scope.test)
    }

    fn inside(&self) -> Vec<String> {
        self.scopes.iter().filter_map(|scope| scope.module.clone()).collect()
    }

    fn step(&mut self) {
        match self.kind(0).cloned() {
            Some(Kind::Mark('#')) => self.attribute(),
            Some(Kind::Mark('{')) => self.open(None),
            Some(Kind::Mark('}')) => {
                self.scopes.pop();
                self.end();
            }
            Some(Kind::Mark(';')) => self.end(),
            Some(Kind::Name(name)) => match name.as_str() {
                "mod" => self.module(),
                "use" => {
                    self.at += 1;
                    self.tree(&[]);
                }
                // `pub(in some::module)` says who may see, not what is seen.
                "pub" if self.is(1, '(') => {
                    while !self.is(0, ')') && self.at < self.tokens.len() {
                        self.at += 1;
                    }
                }
                _ => self.path(),
            },
            _ => self.at += 1,
        }
    }

    /// The end of an item: its attributes are no other's.
    fn end(&mut self) {
        self.attributes = Attributes::default();
        self.at += 1;
    }

    fn open(&mut self, module: Option<String>) {
        let test = std::mem::take(&mut self.attributes).test;
        self.scopes.push(Scope { module, test });
        self.at += 1;
    }

    /// `#[…]`, or `#![…]`, which says nothing that matters here.
    fn attribute(&mut self) {
        let inner = self.is(1, '!');
        let start = self.at;
        let mut depth = 0;
        loop {
            match self.kind(0) {
                Some(Kind::Mark('[')) => depth += 1,
                Some(Kind::Mark(']')) => depth -= 1,
                None => break,
                _ => {}
            }
            self.at += 1;
            if depth == 0 && self.at > start + 1 + usize::from(inner) {
                break;
            }
        }
        let inner_tokens = &self.tokens[start..self.at];
        let has = |name: &str| {
            inner_tokens
                .iter()
                .any(|token| token.kind == Kind::Name(name.to_owned()))
        };
        if inner {
            return;
        }
        self.attributes.test |= has("cfg") && has("test") && !has("not");
        if has("path") {
            self.attributes.path = inner_tokens.iter().find_map(|token| match &token.kind {
                Kind::Text(text) => Some(text.clone()),
                _ => None,
            });
        }
    }

    fn module(&mut self) {
        self.at += 1;
        let Some(name) = self.name(0) else { return };
        self.at += 1;
        let inline = self.is(0, '{');
        let mut names = self.inside();
        names.push(name.clone());
        self.file.declared.push(Declared {
            names,
            path: self.attributes.path.take(),
            inline,
            test: self.test(),
        });
        if inline {
            self.open(Some(name));
        }
    }

    /// One tree of a `use`, behind the names that stand before its group; leaves the reader behind it.
    fn tree(&mut self, before: &[String]) {
        let mut path = before.to_vec();
        let line = self.line();
        loop {
            match self.kind(0).cloned() {
                Some(Kind::Name(name)) if name == "as" => {
                    let alias = self.name(1);
                    self.at += 2;
                    self.push(path, alias, line);
                    return;
                }
                Some(Kind::Name(name)) => {
                    path.push(name);
                    self.at += 1;
                }
                Some(Kind::Path) => self.at += 1,
                Some(Kind::Mark('*')) => {
                    self.at += 1;
                    self.push(path, None, line);
                    return;
                }
                Some(Kind::Mark('{')) => {
                    self.at += 1;
                    while !self.is(0, '}') && self.at < self.tokens.len() {
                        self.tree(&path);
                        if self.is(0, ',') {
                            self.at += 1;
                        }
                    }
                    self.at += 1;
                    return;
                }
                _ => {
                    if path.len() > 1 && path.last().is_some_and(|name| name == "self") {
                        path.pop();
                    }
                    let alias = path.last().cloned();
                    self.push(path, alias, line);
                    return;
                }
            }
        }
    }

    /// A path in the middle of code.
    fn path(&mut self) {
        let line = self.line();
        let begins = self.at == 0 || !matches!(self.tokens[self.at - 1].kind, Kind::Path | Kind::Mark('$' | '.'));
        let mut path = Vec::new();
        while let Some(name) = self.name(0) {
            path.push(name);
            self.at += 1;
            if self.kind(0) != Some(&Kind::Path) {
                break;
            }
            self.at += 1;
        }
        if begins && path.len() > 1 {
            self.push(path, None, line);
        }
    }

    fn push(&mut self, path: Vec<String>, alias: Option<String>, line: usize) {
        self.file.named.push(Named {
            inside: self.inside(),
            path,
            alias,
            line,
            test: self.test(),
        });
    }
}
