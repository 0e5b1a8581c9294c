//! A directive as both languages have it: a name, words, and a block of others.

use super::source::Place;

/// A directive, with what stands in its block.
#[derive(Debug, Clone)]
pub(super) struct Directive {
    pub(super) name: String,
    pub(super) args: Vec<String>,
    pub(super) block: Option<Vec<Directive>>,
    /// From its name to its last word.
    pub(super) place: Place,
}

impl Directive {
    pub(super) fn arg(&self, index: usize) -> &str {
        self.args.get(index).map_or("", String::as_str)
    }

    pub(super) fn below(&self) -> &[Directive] {
        self.block.as_deref().unwrap_or_default()
    }

    /// The directive as one line, cut where it grows long.
    pub(super) fn shown(&self) -> String {
        const LONG: usize = 64;
        let line = std::iter::once(&self.name).chain(&self.args);
        let line: Vec<String> = line
            .map(|word| word.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        let line = line.join(" ");
        if line.chars().count() <= LONG {
            return line;
        }
        let cut: String = line.chars().take(LONG - 2).collect();
        format!("{} …", cut.trim_end())
    }
}
