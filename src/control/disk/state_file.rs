//! `state.json`: which slot of each environment is live. The truth that outlives the process (N27).
//!
//! A missing file is a first start. A file that cannot be read is *not*: the daemon refuses to start. Starting with blue live
//! could send production to a version that was left weeks ago, and our own writes cannot produce a broken file (`durable`
//! replaces it whole), so a person has to look. The message says what to do.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::state_dir::StateDir;
use crate::control::fault::Fault;
use crate::control::ports::StateStore;
use crate::durable::{self, sync_folder};
use crate::model::state::{Durability, State};

const NAME: &str = "state.json";

/// The state file of a held folder.
#[derive(Debug)]
pub(in crate::control) struct StateFile {
    folder: PathBuf,
    sync: fn(&Path) -> io::Result<()>,
}

impl StateFile {
    /// The state file of a folder.
    #[must_use]
    pub(in crate::control) fn new(folder: &StateDir) -> Self {
        Self {
            folder: folder.path().into(),
            sync: sync_folder,
        }
    }

    /// What was saved last; the state of a first start where nothing was.
    ///
    /// # Errors
    /// When there is a file that cannot be read, is no state, or was written by a newer version.
    pub(in crate::control) fn load(&self) -> Result<State, Fault> {
        let path = self.folder.join(NAME);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(State::new()),
            Err(error) => {
                return Err(
                    Fault::new(format!("the state file `{}` cannot be read: {error}", path.display()))
                        .hint("give it to the user that `proxyd` runs as; it says which slots are live"),
                );
            }
        };
        State::parse(&bytes).map_err(|why| {
            Fault::new(format!("the state file `{}` {why}", path.display())).hint(
                "it says which slots are live, so it is not guessed: restore it from a backup, or move it away to start with \
                 blue live in every environment",
            )
        })
    }
}

impl StateStore for StateFile {
    fn save(&mut self, state: &State) -> Result<Durability, String> {
        let bytes = state.written()?;
        durable::replace_with(&self.folder, NAME, &bytes, self.sync).map_err(|error| {
            format!(
                "the state file `{}` cannot be written: {error}",
                self.folder.join(NAME).display()
            )
        })
    }

    fn saved(&self) -> Result<State, String> {
        self.load().map_err(|fault| fault.to_string())
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "what a test writes need not survive a crash")]
mod tests {
    use super::*;
    use crate::model::slot::{Generation, Slot};
    use crate::model::state::EnvironmentState;

    fn folder() -> (tempfile::TempDir, StateDir) {
        let folder = tempfile::tempdir().unwrap();
        let held = StateDir::open(folder.path()).unwrap();
        (folder, held)
    }

    fn green() -> State {
        let mut state = State::new();
        let mut environment = EnvironmentState::first("2026-01-01T00:00:00.000Z".into());
        environment.live = Slot::Green;
        environment.generation = Generation(7);
        state.environments.insert("prod".into(), environment);
        state
    }

    #[test]
    fn a_first_start_has_no_file_and_a_later_one_reads_what_was_saved() {
        let (_folder, held) = folder();
        let mut file = StateFile::new(&held);
        assert_eq!(file.load().unwrap(), State::new());
        assert_eq!(file.save(&green()).unwrap(), Durability::Durable);
        assert_eq!(StateFile::new(&held).load().unwrap(), green());
    }

    #[test]
    fn a_folder_that_cannot_be_synced_makes_it_uncertain_and_not_failed() {
        let (_folder, held) = folder();
        let mut file = StateFile::new(&held);
        file.sync = |_| Err(ErrorKind::StorageFull.into());
        assert!(matches!(file.save(&green()).unwrap(), Durability::Uncertain(_)));
        assert_eq!(file.load().unwrap(), green());
    }

    #[test]
    fn a_state_that_cannot_be_written_leaves_the_old_one() {
        let (folder, held) = folder();
        let mut file = StateFile::new(&held);
        file.save(&green()).unwrap();
        // A folder in the place of the temporary file.
        fs::create_dir(folder.path().join(".state.json.new")).unwrap();
        let error = file.save(&State::new()).unwrap_err();
        assert!(error.contains("cannot be written"), "{error}");
        assert_eq!(file.load().unwrap(), green());
    }

    #[test]
    fn a_damaged_state_is_never_taken_for_a_first_start() {
        let (folder, held) = folder();
        let file = StateFile::new(&held);
        let whole = serde_json::to_string(&green()).unwrap();
        let half = &whole[..whole.len() / 2];
        for text in ["", "\0\0\0", "{}", "[]", half, r#"{"version":1}"#] {
            fs::write(folder.path().join(NAME), text).unwrap();
            let fault = file.load().unwrap_err();
            assert!(
                fault.reason.contains("state.json") && fault.reason.contains("damaged"),
                "{text}: {fault}"
            );
            assert!(fault.hint.unwrap().contains("restore it"));
        }
    }

    #[test]
    fn a_state_of_a_newer_version_is_left_alone() {
        let (folder, held) = folder();
        fs::write(folder.path().join(NAME), r#"{"version":2,"worlds":[]}"#).unwrap();
        let fault = StateFile::new(&held).load().unwrap_err();
        assert!(fault.reason.contains("has version 2"), "{fault}");
    }
}
