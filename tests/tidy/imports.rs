//! Which file of the crate imports from which: modules are found as the compiler finds them, and every path that leads to one is an
//! arrow to the file that stands for it.
//!
//! What a `mod.rs` hands on with `pub use` is the door's: to take it there is an arrow to the door.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::file::{File, Named};

/// The library's name, as the binaries write it.
const LIBRARY: &str = "greengate";

/// One file names another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Arrow {
    pub(crate) from: PathBuf,
    pub(crate) to: PathBuf,
    pub(crate) line: usize,
    /// Only code that is compiled for tests names it.
    pub(crate) test: bool,
}

/// The names from the crate's root to a module; a binary's begin with the binary's file.
type Module = Vec<String>;

/// All arrows between these files of `src/`.
pub(crate) fn arrows(files: &[(PathBuf, String)]) -> Vec<Arrow> {
    let read: Vec<(&Path, File)> = files
        .iter()
        .map(|(path, text)| (path.as_path(), File::read(text)))
        .collect();
    let house = House::new(&read);
    let mut found: Vec<Arrow> = read.iter().flat_map(|(path, file)| house.arrows(path, file)).collect();
    found.sort();
    found.dedup_by(|next, first| (&next.from, &next.to, next.test) == (&first.from, &first.to, first.test));
    found
}

/// The modules, and where they are written.
struct House<'a> {
    files: BTreeMap<Module, &'a Path>,
    modules: BTreeMap<&'a Path, Module>,
    tests: Vec<Module>,
}

impl<'a> House<'a> {
    fn new(read: &[(&'a Path, File)]) -> Self {
        let mut modules: BTreeMap<&Path, Module> = read.iter().map(|(path, _)| (*path, named_by_file(path))).collect();
        for (path, file) in read {
            for declared in &file.declared {
                let Some(elsewhere) = &declared.path else { continue };
                let at = path.with_file_name(elsewhere);
                let module = [modules[path].clone(), declared.names.clone()].concat();
                if let Some(named) = modules.get_mut(at.as_path()) {
                    *named = module;
                }
            }
        }
        let mut files: BTreeMap<Module, &Path> = modules.iter().map(|(path, module)| (module.clone(), *path)).collect();
        let mut tests = Vec::new();
        for (path, file) in read {
            for declared in &file.declared {
                let module = [modules[path].clone(), declared.names.clone()].concat();
                if declared.test {
                    tests.push(module.clone());
                }
                if declared.inline {
                    files.insert(module, path);
                }
            }
        }
        Self { files, modules, tests }
    }

    fn arrows(&self, path: &Path, file: &File) -> Vec<Arrow> {
        let module = &self.modules[path];
        let test = self.tests.iter().any(|test| module.starts_with(test));
        let mut imported = BTreeMap::new();
        for named in &file.named {
            if let (Some(alias), Some(leads)) = (&named.alias, self.absolute(module, named, &BTreeMap::new())) {
                imported.insert(alias.clone(), leads);
            }
        }
        let mut found = Vec::new();
        for named in &file.named {
            let Some(leads) = self.absolute(module, named, &imported) else {
                continue;
            };
            let to = self.stands_for(&leads);
            if to != path {
                found.push(Arrow {
                    from: path.to_owned(),
                    to: to.to_owned(),
                    line: named.line,
                    test: test || named.test,
                });
            }
        }
        found
    }

    /// A path from the crate's root; `None` if it leads out of the crate, or to nothing but a local name.
    fn absolute(&self, module: &Module, named: &Named, imported: &BTreeMap<String, Module>) -> Option<Module> {
        let here = [module.clone(), named.inside.clone()].concat();
        let (first, rest) = named.path.split_first()?;
        let mut base = match first.as_str() {
            "crate" => here.iter().take(usize::from(is_binary(&here))).cloned().collect(),
            LIBRARY => Module::new(),
            "self" => here,
            "super" => parent(here)?,
            _ => {
                let child = [here, vec![first.clone()]].concat();
                if self.files.contains_key(&child) {
                    child
                } else {
                    imported.get(first)?.clone()
                }
            }
        };
        for name in rest {
            match name.as_str() {
                "super" => base = parent(base)?,
                name => base.push(name.to_owned()),
            }
        }
        Some(base)
    }

    /// The file of the last module on the way.
    fn stands_for(&self, leads: &Module) -> &'a Path {
        let mut way = leads.clone();
        loop {
            if let Some(file) = self.files.get(&way) {
                return file;
            }
            if way.pop().is_none() {
                return Path::new("src/lib.rs");
            }
        }
    }
}

fn parent(mut module: Module) -> Option<Module> {
    module.pop()?;
    Some(module)
}

fn is_binary(module: &Module) -> bool {
    module.first().is_some_and(|name| name.ends_with(".rs"))
}

/// The module that a file is by its name: `src/a/b.rs` and `src/a/b/mod.rs` are `a::b`.
fn named_by_file(path: &Path) -> Module {
    let mut names: Module = path
        .strip_prefix("src")
        .unwrap()
        .iter()
        .map(|name| name.to_str().unwrap().to_owned())
        .collect();
    if names[0] == "bin" {
        return names.split_off(1);
    }
    let last = names.pop().unwrap();
    match last.trim_end_matches(".rs") {
        "mod" | "lib" => {}
        name => names.push(name.to_owned()),
    }
    names
}
