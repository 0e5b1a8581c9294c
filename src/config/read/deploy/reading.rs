//! Texts with placeholders, and which placeholders they have.

use std::ops::Range;

use crate::config::read::plain::{self, Problems};
use crate::config::text::raw::{At, Value};
use crate::config::text::report::Diagnostic;
use crate::config::text::words;
use crate::model::deploy::{Placeholder, Template, Words, WordsError};
use crate::model::template::Placeholders as _;

const COMMAND: &str = "a command, as `\"./migrate\"`, or a list of these";

/// What only a shell understands: as a word of its own it is handed to the program.
pub(crate) const SHELL: [&str; 8] = ["&&", "||", "|", "&", ">", ">>", "<", "2>&1"];

/// Collects what is wrong, and which placeholders are used.
pub(super) struct Reading<'p> {
    pub(super) problems: &'p mut Problems,
    pub(super) placeholders: Vec<At<Placeholder>>,
}

impl Reading<'_> {
    /// Reads a text.
    pub(super) fn template(&mut self, key: &str, value: &Value) -> Option<Template> {
        let text = plain::text(key, value, self.problems)?;
        match Template::parse(&text) {
            Ok(template) => {
                self.note(value, |placeholder| template.names(placeholder));
                Some(template)
            }
            Err(name) => {
                self.problems.push(no_placeholder(&value.span, &name));
                None
            }
        }
    }

    /// Reads the name of something, as of a unit.
    pub(super) fn name(&mut self, key: &str, value: &Value) -> Option<Template> {
        let name = self.template(key, value)?;
        let text = name.to_string();
        let wrong = if text.contains(char::is_whitespace) {
            Diagnostic::error(&value.span, format!("`{key}` has a space in a name"))
                .expected("expected one name")
                .hint("write several as a list: `[\"web@{slot}\", \"api@{slot}\"]`")
        } else if text.starts_with('-') {
            Diagnostic::error(&value.span, format!("`{key}` begins like an option")).expected("expected a name")
        } else {
            return Some(name);
        };
        self.problems.push(wrong);
        None
    }

    /// Reads one name, or a list of them.
    pub(super) fn names(&mut self, key: &str, value: &Value, expected: &str) -> Option<Vec<Template>> {
        let values = plain::one_or_many(key, value, expected, self.problems)?;
        let names: Vec<_> = values.iter().map(|value| self.name(key, value)).collect();
        names.into_iter().collect()
    }

    /// Reads one command, or a list of them.
    pub(super) fn commands(&mut self, key: &str, value: &Value) -> Option<Vec<Words>> {
        let values = plain::one_or_many(key, value, COMMAND, self.problems)?;
        let commands: Vec<_> = values.iter().map(|value| self.command(key, value)).collect();
        commands.into_iter().collect()
    }

    fn command(&mut self, key: &str, value: &Value) -> Option<Words> {
        let text = plain::text(key, value, self.problems)?;
        let wrong = match Words::parse(&text) {
            Ok(words) => match for_a_shell(&words) {
                Some(word) => Diagnostic::error(&value.span, format!("`{word}` means something to a shell only"))
                    .expected("expected a program and its arguments")
                    .hint("write `sh -c '…'` around it, or a list of commands"),
                None => {
                    self.note(value, |placeholder| words.names(placeholder));
                    return Some(words);
                }
            },
            Err(WordsError::Argv(why)) => Diagnostic::error(&value.span, format!("`{key}` is no command: {why}"))
                .expected(format!("expected {COMMAND}")),
            Err(WordsError::Unknown(name)) => no_placeholder(&value.span, &name),
        };
        self.problems.push(wrong);
        None
    }

    /// Remembers which placeholders a value has.
    fn note(&mut self, value: &Value, names: impl Fn(Placeholder) -> bool) {
        let named = Placeholder::ALL.iter().copied().filter(|one| names(*one));
        self.placeholders.extend(named.map(|one| value.at(one)));
    }
}

fn for_a_shell(words: &Words) -> Option<String> {
    let mut texts = words.words().iter().map(ToString::to_string);
    texts.find(|word| SHELL.contains(&&**word))
}

fn no_placeholder(span: &Range<usize>, name: &str) -> Diagnostic {
    let refusal = Diagnostic::error(span, format!("`{{{name}}}` is no placeholder"));
    match words::nearest(name, Placeholder::names()) {
        Some(near) => refusal
            .expected("unknown placeholder")
            .hint(format!("did you mean `{{{near}}}`?")),
        None => {
            let braced: Vec<String> = Placeholder::names().map(|name| format!("{{{name}}}")).collect();
            let all: Vec<&str> = braced.iter().map(String::as_str).collect();
            refusal.expected(format!("expected {}", words::one_of(&all)))
        }
    }
}
