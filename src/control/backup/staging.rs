//! Writes everything beside its place, whole and on disk, before anything is put there. What fails here has changed nothing.

use std::io;
use std::path::{Component, Path};

use super::exchange::{NEW, OLD, Record, StateRecord, WORKSHOP, waiting};
use super::folder::{Folder, Given};
use super::named;
use super::owner::{Owner, owner};
use super::target::{Target, Written};
use crate::model::api::Problem;
use crate::model::backup::{Change, Plan, Rights, mode_in_state, unit};

/// What may be written: every owner is known here.
#[derive(Debug)]
pub(super) struct Staging<'a> {
    /// Files that are not as they should be, with what each and its folders are given.
    files: Vec<(&'a Written, Given, Given)>,
    /// Whether something in the state folder is not as it should be.
    has_state: bool,
    target: &'a Target,
}

impl<'a> Staging<'a> {
    /// Chooses what is written.
    ///
    /// # Errors
    /// When an owner is not known on this machine.
    pub(super) fn of(target: &'a Target, plan: &Plan) -> Result<Self, Problem> {
        let is_due = |path: &str| {
            let step = plan.steps().find(|step| step.path == path);
            step.is_some_and(|step| !matches!(step.change, Change::Same | Change::Leave))
        };
        let mut files = Vec::new();
        for file in &target.files {
            if is_due(&file.path.display().to_string()) {
                files.push((file, given(&file.rights)?, given(&file.folder)?));
            }
        }
        let has_state = (plan
            .inside
            .iter()
            .filter(|step| Path::new(&step.path).starts_with(&target.state_dir)))
        .any(|step| step.change != Change::Same && !files.iter().any(|(file, ..)| file.path == Path::new(&step.path)));
        Ok(Self {
            files,
            has_state,
            target,
        })
    }

    /// Writes it all, and says what is to be put in place. `state_owner` is whose the state folder is.
    ///
    /// # Errors
    /// From the disk; nothing is left behind then.
    pub(super) fn write(&self, state_owner: Option<Owner>) -> io::Result<Record> {
        let written = self.write_files().and_then(|()| {
            if self.has_state {
                self.write_state(state_owner)
            } else {
                Ok(())
            }
        });
        if let Err(error) = written {
            self.clear();
            return Err(error);
        }
        Ok(Record {
            files: self.files.iter().map(|(file, ..)| file.path.clone()).collect(),
            state: self.has_state.then(|| StateRecord {
                folder: self.target.state_dir.clone(),
                units: self.target.state.keys().map(|path| unit(path).to_owned()).collect(),
            }),
        })
    }

    fn write_files(&self) -> io::Result<()> {
        for (file, given, for_folders) in &self.files {
            let (folder, name) = self.reach(file, *for_folders)?;
            folder.remove(&waiting(&name))?;
            folder.write_new(&waiting(&name), &file.bytes, *given)?;
            folder.sync()?;
        }
        Ok(())
    }

    /// The folder of a file, made where it is missing, and the file's name in it.
    fn reach(&self, file: &Written, given: Given) -> io::Result<(Folder, String)> {
        let name = file.path.file_name().and_then(|name| name.to_str());
        let name = name.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidFilename))?;
        let parent = named::folder(&file.path);
        let base = named::folder(&self.target.config);
        let folder = if file.is_outside {
            make_folder(parent, given, given)?
        } else {
            // Below the configuration's folder, links are not followed.
            let mut folder = make_folder(base, given, given)?;
            for component in parent.strip_prefix(base).unwrap_or(Path::new("")).components() {
                if let Component::Normal(name) = component {
                    folder = folder.make(name.to_str().unwrap_or_default(), given)?;
                }
            }
            folder
        };
        Ok((folder, name.to_owned()))
    }

    fn write_state(&self, owner: Option<Owner>) -> io::Result<()> {
        let given = |mode| Given { mode, owner };
        let state = Folder::open(&self.target.state_dir)?;
        state.remove(WORKSHOP)?;
        let workshop = state.make(WORKSHOP, given(0o700))?;
        let new = workshop.make(NEW, given(0o700))?;
        workshop.make(OLD, given(0o700))?;
        for (path, bytes) in &self.target.state {
            let mut folder = None;
            let mut parts: Vec<&str> = path.split('/').collect();
            let name = parts.pop().unwrap_or_default();
            for part in parts {
                folder = Some(folder.as_ref().unwrap_or(&new).make(part, given(0o700))?);
            }
            let folder = folder.as_ref().unwrap_or(&new);
            folder.write_new(name, bytes, given(mode_in_state(path)))?;
            folder.sync()?;
        }
        new.sync()?;
        workshop.sync()?;
        state.sync()
    }

    /// Takes away what was written; what cannot be is overwritten by the next restore.
    pub(super) fn clear(&self) {
        for (file, ..) in &self.files {
            if let (Ok(folder), Some(name)) = (Folder::open(named::folder(&file.path)), file.path.file_name()) {
                let _ = folder.remove(&waiting(&name.to_string_lossy()));
            }
        }
        if let Ok(state) = Folder::open(&self.target.state_dir) {
            let _ = state.remove(WORKSHOP);
        }
    }
}

fn given(rights: &Rights) -> Result<Given, Problem> {
    Ok(Given {
        mode: rights.mode,
        owner: owner(rights)?,
    })
}

/// Opens a folder, and makes it and those above it where they are missing; links are followed.
pub(super) fn make_folder(path: &Path, given: Given, above: Given) -> io::Result<Folder> {
    if path.exists() {
        return Folder::open(path);
    }
    let parent = make_folder(path.parent().unwrap_or(Path::new("/")), above, above)?;
    match path.file_name().and_then(|name| name.to_str()) {
        Some(name) => parent.make(name, given),
        None => Err(io::ErrorKind::NotFound.into()),
    }
}
