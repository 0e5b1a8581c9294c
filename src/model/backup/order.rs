//! What is asked for, and what became of it.

use std::path::PathBuf;

use super::manifest::Manifest;
use super::plan::{Outside, Step};
use crate::model::api::Problem;

/// Makes a backup.
#[derive(Debug, Clone)]
pub struct BackupOrder {
    /// The configuration.
    pub config: PathBuf,
    /// The state folder, where it is not the one that the configuration leads to.
    pub state_dir: Option<PathBuf>,
}

/// A backup that was made.
#[derive(Debug, Clone)]
pub struct MadeBackup {
    /// The archive.
    pub archive: Vec<u8>,
    /// What is in it.
    pub manifest: Manifest,
    /// What is not in it, and might be missed.
    pub warnings: Vec<String>,
}

/// Puts back what a backup holds.
#[derive(Debug, Clone)]
pub struct RestoreOrder {
    /// Where the configuration goes.
    pub config: PathBuf,
    /// The state folder, where it is not the one that the configuration leads to.
    pub state_dir: Option<PathBuf>,
    /// Overwrites what is different here.
    pub force: bool,
    /// Only says what would be done.
    pub dry_run: bool,
    /// What becomes of files that the configuration names elsewhere.
    pub outside: Option<Outside>,
}

/// What a restore has done, or would do.
#[derive(Debug, Clone)]
pub struct Restored {
    /// Of the archive.
    pub manifest: Manifest,
    /// What becomes of each file here.
    pub steps: Vec<Step>,
    /// What is worth knowing.
    pub warnings: Vec<String>,
    /// Why nothing was done.
    pub refusal: Option<Problem>,
}
