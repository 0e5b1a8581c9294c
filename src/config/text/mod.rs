//! The file as text: TOML with the place of every value, and the reports that point into it. Nothing here knows what a
//! key means.
//!
//! - `raw` the keys and values that were typed, and where each stands
//! - `units` durations, sizes and shares
//! - `report` diagnostics, with file, line and caret
//! - `veil` what these do not show
//! - `words` lists of names, and the name that was probably meant

pub(crate) mod raw;
pub(crate) mod report;
pub(crate) mod units;
mod veil;
pub(crate) mod words;
