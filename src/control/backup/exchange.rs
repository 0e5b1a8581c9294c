//! Puts what was written beside its place into it. From the moment on that the record of it is on disk the restore is decided: what a
//! crash leaves is finished by the next one, and no daemon starts before that (see `control::disk`). Every step may be done twice.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::folder::Folder;
use super::named;
use crate::control::disk;
use crate::durable;
use crate::model::backup::UNITS;
use crate::model::state::Durability;

/// In the state folder: what comes, and what goes.
pub(super) const WORKSHOP: &str = ".restoring";
/// In the workshop: what comes.
pub(super) const NEW: &str = "new";
/// In the workshop: what goes.
pub(super) const OLD: &str = "old";

/// The name under which a file waits beside its place.
pub(super) fn waiting(name: &str) -> String {
    format!(".{name}.restoring")
}

/// What is put in place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// Files, each of which waits beside its place.
    pub files: Vec<PathBuf>,
    /// The state folder, where something of it changes.
    pub state: Option<StateRecord>,
}

/// What is put in place in the state folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StateRecord {
    /// The state folder.
    pub folder: PathBuf,
    /// What it has afterwards; all else of the daemon's goes.
    pub units: Vec<String>,
}

impl Record {
    /// What an earlier restore has decided, and not finished.
    ///
    /// # Errors
    /// From the disk.
    pub(super) fn read(config: &Path) -> io::Result<Option<Self>> {
        match std::fs::read(disk::restore_record(config)) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Decides it.
    ///
    /// # Errors
    /// When it is not certain that the record survives a crash; it is taken back then.
    pub(super) fn write(&self, config: &Path) -> io::Result<()> {
        let path = disk::restore_record(config);
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let bytes = serde_json::to_vec_pretty(self)?;
        match durable::replace(named::folder(&path), name, &bytes)? {
            Durability::Durable => Ok(()),
            Durability::Uncertain(why) => {
                let _ = std::fs::remove_file(&path);
                Err(io::Error::other(why))
            }
        }
    }

    /// Puts everything in place, and forgets the record. `before_each` step a test may stop it.
    ///
    /// # Errors
    /// From the disk; the record stays then.
    pub(super) fn carry_out(&self, config: &Path, before_each: &mut dyn FnMut() -> io::Result<()>) -> io::Result<()> {
        for path in &self.files {
            let folder = Folder::open(named::folder(path))?;
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if folder.look(&waiting(name))?.is_some() {
                before_each()?;
                folder.rename(&waiting(name), &folder, name)?;
                folder.sync()?;
            }
        }
        if let Some(state) = &self.state {
            state.carry_out(before_each)?;
        }
        before_each()?;
        let path = disk::restore_record(config);
        std::fs::remove_file(&path)?;
        durable::sync_folder(named::folder(&path))
    }
}

impl StateRecord {
    fn carry_out(&self, before_each: &mut dyn FnMut() -> io::Result<()>) -> io::Result<()> {
        let state = Folder::open(&self.folder)?;
        if state.look(WORKSHOP)?.is_none() {
            // The last step but one was done.
            return Ok(());
        }
        let workshop = state.child(WORKSHOP)?;
        if workshop.look(NEW)?.is_some() && workshop.look(OLD)?.is_some() {
            let (new, old) = (workshop.child(NEW)?, workshop.child(OLD)?);
            for unit in UNITS {
                let comes = new.look(unit)?.is_some();
                let goes = comes || !self.units.iter().any(|kept| kept == unit);
                if goes && state.look(unit)?.is_some() {
                    before_each()?;
                    state.rename(unit, &old, unit)?;
                }
                if comes {
                    before_each()?;
                    new.rename(unit, &state, unit)?;
                }
            }
            state.sync()?;
            workshop.sync()?;
        }
        before_each()?;
        state.remove(WORKSHOP)?;
        state.sync()
    }
}
