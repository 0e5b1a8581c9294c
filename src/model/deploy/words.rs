//! The words of a command, as they stand in one text: `./migrate --to {version}`, `sh -c 'npm ci && npm run build'`.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::placeholders::{Placeholder, Template};
use crate::model::argv::{argv, typed};

/// A command: the program and its arguments, at least one word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Words(Vec<Template>);

impl Words {
    /// Reads a text, as [`argv`] does. What a placeholder stands for stays in one word.
    ///
    /// # Errors
    /// It is not a command, or has a name in braces that is no placeholder's.
    pub fn parse(text: &str) -> Result<Self, WordsError> {
        let words = argv(text).map_err(WordsError::Argv)?;
        let words = words.iter().map(|word| Template::parse(word)).collect::<Result<_, _>>();
        words.map(Self).map_err(WordsError::Unknown)
    }

    /// The words.
    #[must_use]
    pub fn words(&self) -> &[Template] {
        &self.0
    }

    /// Whether it is another command for each instance of a service.
    pub(super) fn names_an_instance(&self) -> bool {
        self.0.iter().any(Template::names_an_instance)
    }

    /// Whether `placeholder` stands in one of them.
    #[must_use]
    pub fn names(&self, placeholder: Placeholder) -> bool {
        self.0.iter().any(|word| word.names(placeholder))
    }
}

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&typed(&words))
    }
}

/// Why a text is not a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WordsError {
    /// This is wrong with its words.
    Argv(&'static str),
    /// A name in braces that is no placeholder's.
    Unknown(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_keep_words_together_and_placeholders_stand_in_them() {
        let words = Words::parse("sh -c 'tell {slot} \"$HOME\"' {version}").unwrap();
        let texts: Vec<String> = words.words().iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["sh", "-c", "tell {slot} \"$HOME\"", "{version}"]);
        assert_eq!(words.to_string(), "sh -c 'tell {slot} \"$HOME\"' {version}");
    }

    #[test]
    fn what_is_no_command_says_why() {
        assert!(matches!(Words::parse("sh -c 'a"), Err(WordsError::Argv(_))));
        assert_eq!(Words::parse("a {sloth}"), Err(WordsError::Unknown("sloth".into())));
    }
}
