//! Two configurations: `diff` says what differs, in the keys and values that `describe` takes a configuration apart into.

mod describe;
pub(crate) mod diff;
