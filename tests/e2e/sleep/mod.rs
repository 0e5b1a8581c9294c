//! An environment that sleeps (N36): its app is stopped when nobody needs it, and the next request starts it, once.

mod commands;
mod ends;
mod falling;
mod meeting;
mod sleeper;
mod waking;
