//! Why somebody does not enter.

use std::time::Duration;

/// Why somebody does not enter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The client's address is in none of the networks that may.
    NotAllowed,
    /// The path is exempt to one reader and not to another (E20).
    AmbiguousPath,
    /// A user name and a password are asked for.
    NoCredentials,
    /// Those that were sent are nobody's.
    WrongCredentials,
    /// The client has sent too many wrong ones, and has to wait for so long.
    TooManyWrong(Duration),
    /// More passwords wait to be checked than may.
    TooManyChecks,
    /// Who may enter cannot be known: the file of users was never read.
    NoUsers,
}
