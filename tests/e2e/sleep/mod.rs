//! An environment that sleeps (N36): its app is stopped when nobody needs it, and the next request starts it, once.

mod commands;
mod ends;
mod falling;
mod meeting;
mod recipes;
mod sleeper;
mod waking;
