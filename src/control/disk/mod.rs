//! What outlives the process, in the state folder.
//!
//! - `state_dir` the folder itself, which one daemon holds
//! - `state_file` which slots are live: nothing is published before it is written here
//! - `journal` who did what: history, from which nothing is decided
//! - `restoring` whether all of this is whole, or a restore is not finished

mod journal;
mod restoring;
mod state_dir;
mod state_file;

pub use journal::JournalFile;
pub(super) use restoring::{restore_record, unfinished_restore};
pub(super) use state_dir::StateDir;
pub(super) use state_file::StateFile;
