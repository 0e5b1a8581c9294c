//! How a command ends when it does not end well: a message, a hint, and the exit code that scripts read.

use std::fmt;

use crate::model::api::{Problem, exit};

/// An exit code, or the reason why there is nothing to show.
pub type Outcome = Result<u8, Stop>;

/// The end of a command, for a person (message, hint) and for a script (code).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop {
    /// One of [`crate::model::api::exit`].
    pub code: u8,
    /// What happened: lower case, no final period.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Stop {
    /// An end with this code.
    #[must_use]
    pub fn new(code: u8, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            hint: None,
        }
    }

    /// Exit 1.
    #[must_use]
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(exit::FAILED, message)
    }

    /// Exit 2.
    #[must_use]
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(exit::USAGE, message)
    }

    /// This end, with what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl From<Problem> for Stop {
    fn from(problem: Problem) -> Self {
        Self {
            code: problem.code,
            message: problem.reason,
            hint: problem.hint,
        }
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Stop {}
