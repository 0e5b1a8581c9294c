//! Looks at an idle side (N33): who has a token sees it, before it is switched to.
//!
//! A preview is saved before it is seen, so that it outlasts a restart, and nothing holds its environment meanwhile. `open` is the way
//! from the question to the link, `end` what ends one.

mod end;
mod open;
