//! What a backup is: one archive with the configuration, what is remembered, and what both need to serve on another machine.
//!
//! - `content` what belongs in it, and where each file goes
//! - `manifest` the list that comes first in it: from when and where it is, and what it holds
//! - `flaw` why an archive is none of ours, or not whole
//! - `plan` what a restore would do here, and which rule speaks against it
//! - `order` what is asked for, and what became of it

mod content;
mod flaw;
mod manifest;
mod order;
mod plan;

pub use content::{CONFIGURATION, MANIFEST, Place, UNITS, belongs, is_passing, mode_in_state, place, unit};
pub use flaw::{Flaw, shown};
pub use manifest::{Files, Manifest, Member, Rights};
pub use order::{BackupOrder, MadeBackup, RestoreOrder, Restored};
pub use plan::{Change, Outside, Plan, Step};
