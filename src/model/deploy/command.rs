//! One command as it is run: words, where, with which variables, and whether at all.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::placeholders::{Instance, NoValue};
use super::words::Words;
use crate::model::argv::typed;

/// Lines of a log that are shown of a side that did not become healthy.
pub(super) const LOG_LINES: &str = "30";

/// A command as it is run, without a shell. Shown as one would type it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandLine {
    /// The program and its arguments, at least one.
    pub argv: Vec<String>,
    /// Where it is run; `None` is where the caller is.
    pub cwd: Option<PathBuf>,
    /// Variables that are set for it, beside those of the caller.
    pub env: BTreeMap<String, String>,
    /// It is run if all of these are met, and otherwise left out.
    pub only_if: Vec<Condition>,
}

impl CommandLine {
    pub(super) fn new<W: Into<String>>(argv: impl IntoIterator<Item = W>, instance: &Instance<'_>) -> Self {
        Self {
            argv: argv.into_iter().map(Into::into).collect(),
            cwd: None,
            env: instance.variables(),
            only_if: Vec::new(),
        }
    }

    pub(super) fn of_words(words: &Words, instance: &Instance<'_>) -> Result<Self, NoValue> {
        let argv: Vec<String> = words
            .words()
            .iter()
            .map(|word| word.fill(instance))
            .collect::<Result<_, _>>()?;
        Ok(Self::new(argv, instance))
    }

    #[must_use]
    pub(super) fn only_if(mut self, condition: Condition) -> Self {
        self.only_if.push(condition);
        self
    }

    /// Runs it in `cwd`, where a program that is named by a relative path is looked for, too.
    #[must_use]
    pub(super) fn within(mut self, cwd: &Path) -> Self {
        let conditions = self.only_if.iter_mut().map(|condition| &mut condition.argv);
        for argv in conditions.chain([&mut self.argv]) {
            if let Some(program) = argv.first_mut()
                && program.contains('/')
            {
                let relative = program.strip_prefix("./").unwrap_or(program);
                *program = cwd.join(relative).to_string_lossy().into_owned();
            }
        }
        self.cwd = Some(cwd.to_owned());
        self
    }
}

impl fmt::Display for CommandLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&typed(&self.argv))
    }
}

/// A question that a command depends on: another command, which changes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// The program and its arguments, at least one.
    pub argv: Vec<String>,
    /// How it has to end.
    pub met: Met,
}

/// How the command of a [`Condition`] has to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Met {
    /// With 0.
    Succeeds,
    /// With anything else, or not at all, since there is no such program.
    Fails,
    /// With 0, and a word on its standard output. One that ends otherwise answers nothing: it is a failure of the command that asks.
    Prints,
}

impl Condition {
    pub(super) fn new<W: Into<String>>(met: Met, argv: impl IntoIterator<Item = W>) -> Self {
        Self {
            argv: argv.into_iter().map(Into::into).collect(),
            met,
        }
    }
}
