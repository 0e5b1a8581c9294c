//! The file as text: TOML with the place of every word, and what can be said to a reader about it. Knows no key.
//!
//! - `raw` what was typed, and where
//! - `units` durations, sizes and shares
//! - `report` what is wrong, with file, line and caret
//! - `words` the words of messages

pub(crate) mod raw;
pub(crate) mod report;
pub(crate) mod units;
pub(crate) mod words;
