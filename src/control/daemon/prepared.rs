//! The first phase: everything that the daemon needs before it can be reached. The state folder is locked and read, the journal
//! is repaired, certificates and access log are open.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::handoff::{Inheritance, enter};
use super::listeners::Addresses;
use super::paths::Paths;
use crate::config::{AccessLogTarget, Config, Server};
use crate::control::certificates::Certificates;
use crate::control::disk::{JournalFile, StateDir, StateFile};
use crate::control::fault::Fault;
use crate::control::served::{Current, Loaded};
use crate::control::{clock, disk, limits};
use crate::model::handoff::Phase;
use crate::model::slot::Slot;
use crate::model::state::State;
use crate::telemetry::AccessLog;

/// A daemon that has all it needs, and no socket.
#[derive(Debug)]
pub(super) struct Prepared {
    /// When the start began, RFC 3339.
    pub(super) started: String,
    /// The configuration that is served.
    pub(super) current: Current,
    /// How many files this process may have open.
    pub(super) open_files: u64,
    /// Where the state folder and the control socket are.
    pub(super) paths: Paths,
    /// The state folder, locked.
    pub(super) folder: StateDir,
    /// Where the state is written.
    pub(super) store: StateFile,
    /// What the last process saved.
    pub(super) remembered: State,
    /// Where operations are recorded.
    pub(super) journal: JournalFile,
    /// The certificates of all hosts.
    pub(super) certificates: Certificates,
    /// A line for each request.
    pub(super) log: AccessLog,
    /// What an operator should know.
    pub(super) warnings: Vec<String>,
}

impl Prepared {
    /// Takes the state folder, and opens what is in it.
    ///
    /// # Errors
    /// When another daemon has the folder, or something in it cannot be read.
    pub(super) fn new(loaded: Loaded, inheritance: &mut Option<Inheritance>) -> Result<Self, Fault> {
        let started = clock::now();
        let current: Current = Arc::new(ArcSwap::from_pointee(loaded.serve(Vec::new())));
        let config = current.load().config.clone();
        let open_files = limits::raise_open_files();

        let paths = Paths::resolve(&config.server)?;
        enter(inheritance, Phase::State);
        let folder = match inheritance.as_mut().and_then(|it| it.lock.take()) {
            Some(lock) => StateDir::inherit(&paths.state_dir, lock)?,
            None => {
                let folder = StateDir::open(&paths.state_dir)?;
                if let Some(fault) = disk::unfinished_restore(&config.file) {
                    return Err(fault);
                }
                Addresses::forget(folder.path());
                folder
            }
        };
        let store = StateFile::new(&folder);
        let mut remembered = store.load()?;
        let journal = JournalFile::open(folder.path());
        if let Some(given) = journal.highest_operation() {
            // What begins by itself has a number that nobody may have saved.
            remembered.next_operation = remembered.next_operation.max(given.saturating_add(1));
        }
        // What the process before this one has begun, it ends.
        let begun = inheritance.as_ref().map_or(&[][..], |it| &it.parcel.operations);
        let mut warnings = journal.close_torn(begun, |environment| live_in(&config, &remembered, environment));

        enter(inheritance, Phase::Certificates);
        let (certificates, told) = Certificates::open(&config, folder.path())?;
        warnings.extend(told);
        if let Some(Err(fault)) = inheritance
            .as_ref()
            .map(|it| certificates.take_ticket_keys(&it.parcel.tickets))
        {
            warnings.push(format!("every client makes a full handshake: {fault}"));
        }
        let log = open_log(&config.server, &mut warnings)?;
        Ok(Self {
            started,
            current,
            open_files,
            paths,
            folder,
            store,
            remembered,
            journal,
            certificates,
            log,
            warnings,
        })
    }
}

/// What is live in an environment, as the state says; it is Blue that a first start begins with. Where the file gives nothing two
/// sides, it is what there is.
fn live_in(config: &Config, state: &State, environment: &str) -> String {
    let file = config.environments.iter().find(|it| *it.name == *environment);
    let has_sides = file.is_none_or(|file| file.services.iter().any(|service| service.slots.can_swap()));
    let known = state.environments.get(environment);
    let live = match known {
        _ if !has_sides => Slot::Upstream,
        Some(known) => known.live,
        None => Slot::Blue,
    };
    live.as_str().to_owned()
}

fn open_log(server: &Server, warnings: &mut Vec<String>) -> Result<AccessLog, Fault> {
    let failed = |error: std::io::Error| Fault::new(format!("the access log cannot be opened: {error}"));
    AccessLog::open(&server.access_log, server.access_log_format).or_else(|error| {
        // A folder that is missing after a reboot must not keep the sites down (N27).
        let fault = failed(error);
        warnings.push(format!("{}; its lines go to standard output", fault.reason));
        AccessLog::open(&AccessLogTarget::Stdout, server.access_log_format).map_err(failed)
    })
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "what a test writes need not survive a crash")]
mod tests {
    use super::*;

    #[test]
    fn what_is_live_where_nothing_has_two_sides_is_no_colour() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("proxy.toml");
        let text = "[defaults]\ntls = \"off\"\n[env.prod]\nhost = \"a.test\"\nblue = 4000\ngreen = 4001\n\
                    [env.dev]\nhost = \"b.test\"\nupstream = 4002\n";
        std::fs::write(&file, text).unwrap();
        let config = Loaded::read(&file).unwrap().serve(Vec::new()).config.clone();
        let live = ["prod", "dev", "gone"].map(|name| live_in(&config, &State::new(), name));
        assert_eq!(live, ["blue", "upstream", "blue"]);
    }
}
