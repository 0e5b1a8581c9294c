//! What the binary lends to the commands, so that `cli` need not know `config` and `control`.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use super::args::FrontDoor;
use crate::model::api::{Explanation, OnlineFinding, Problem};
use crate::model::backup::{BackupOrder, MadeBackup, RestoreOrder, Restored};

/// What the commands need of other rooms, as plain functions.
#[derive(Debug, Clone, Copy)]
pub struct Host {
    /// Reads and checks a configuration file; the flag asks for colour in the report.
    pub check: fn(&Path, bool) -> CheckOutcome,
    /// Explains a URL by a configuration file that can be used; `None` when the URL names no host.
    pub explain: fn(&Path, &str) -> Option<Explanation>,
    /// Looks whether the hosts of a configuration that can be used lead here; with what the running daemon calls itself.
    pub online: fn(&Path, Option<&str>) -> Vec<OnlineFinding>,
    /// Reads the configuration of another front door; the flag asks for colour in the report of what is wrong with it.
    pub import: fn(FrontDoor, &Path, bool) -> Result<ImportOutcome, String>,
    /// Runs the daemon with these arguments (the program's name is not among them) until it ends, for the demo, which starts
    /// itself a second time.
    pub daemon: fn(&[OsString]) -> ExitCode,
    /// What `proxyd` may be given, for its manual page.
    pub arguments: fn() -> clap::Command,
    /// Puts a file in the place of another, whole or not at all.
    pub replace: fn(&Path, &[u8], Attributes) -> io::Result<()>,
    /// Makes a backup.
    pub backup: fn(&BackupOrder) -> Result<MadeBackup, Problem>,
    /// Whether a file is a backup, as far as its beginning tells.
    pub is_backup: fn(&Path) -> bool,
    /// Puts back what is in an archive.
    pub restore: fn(&[u8], &RestoreOrder) -> Result<Restored, Problem>,
}

/// What a file is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attributes {
    /// Who may read and write it, as `chmod` takes it.
    pub mode: u32,
    /// User id of its owner; `None` leaves it to who writes.
    pub owner: Option<u32>,
    /// Group id; `None` leaves it to who writes.
    pub group: Option<u32>,
}

/// What was made of another front door's configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImportOutcome {
    /// The `proxy.toml`.
    pub text: String,
    /// Directives that were carried over.
    pub carried: usize,
    /// What needs a look.
    pub looks: usize,
}

/// What is to say about a configuration file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CheckOutcome {
    /// Every finding with its place in the file, ready to print; empty when there is none.
    pub report: String,
    /// Findings that make the file unusable.
    pub errors: usize,
    /// Findings that do not.
    pub warnings: usize,
}
