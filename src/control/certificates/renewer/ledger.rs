//! What is remembered of each host's attempts and of the CA's suggestions: `acme/attempts.json`, so that a restart does not begin
//! to count anew.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::durable;
use crate::model::renewal::{Attempts, Window};

const NAME: &str = "attempts.json";

/// What is remembered of one host.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct HostRecord {
    #[serde(flatten)]
    pub(super) attempts: Attempts,
    /// Which directories asked to wait, and until when.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) directories: BTreeMap<String, i64>,
    /// What the CA suggests for the certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) suggestion: Option<Suggested>,
}

impl HostRecord {
    /// When the first of these directories may be asked again, in unix seconds; 0 when one of them has not asked to wait.
    pub(super) fn held(&self, directories: &[String]) -> i64 {
        let held = |directory| self.directories.get(directory).copied().unwrap_or_default();
        directories.iter().map(held).min().unwrap_or_default()
    }
}

/// When the CA suggests to renew one certificate (ARI, RFC 9773).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Suggested {
    /// The certificate's ARI identifier.
    pub(super) id: String,
    /// When it is to be renewed.
    pub(super) window: Option<Window>,
    /// When the CA is asked again, in unix seconds.
    pub(super) ask: i64,
}

/// Every host's record, and the file.
#[derive(Debug)]
pub(super) struct Ledger {
    folder: PathBuf,
    hosts: BTreeMap<String, HostRecord>,
    /// Whether the last write failed, which is told once.
    failing: bool,
}

impl Ledger {
    /// Reads what was written last. A file that cannot be read is told of and begun anew: what it costs is a few attempts too
    /// early.
    pub(super) fn open(state_dir: &Path, warnings: &mut Vec<String>) -> Self {
        let folder = state_dir.join("acme");
        let path = folder.join(NAME);
        let hosts = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_else(|error| {
                warnings.push(format!("`{}` is damaged and begun anew: {error}", path.display()));
                BTreeMap::new()
            }),
            // The folder is made with the first account.
            Err(_) => BTreeMap::new(),
        };
        Self {
            folder,
            hosts,
            failing: false,
        }
    }

    /// Reads what another process has written since this one began. What cannot be read changes nothing.
    pub(super) fn read_again(&mut self) {
        let bytes = fs::read(self.folder.join(NAME)).ok();
        if let Some(hosts) = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()) {
            self.hosts = hosts;
        }
    }

    pub(super) fn of(&self, host: &str) -> HostRecord {
        self.hosts.get(host).cloned().unwrap_or_default()
    }

    /// Lets hosts that failed be tried at once, because the CAs or the way to ask them have changed. What these directories said
    /// still counts.
    pub(super) fn reconsider(&mut self, directories: &[String], which: impl Fn(&str, &HostRecord) -> bool) {
        let mut changed = false;
        for (host, record) in &mut self.hosts {
            if record.attempts.failures > 0 && which(host, record) {
                record.attempts.reconsider(record.held(directories));
                changed = true;
            }
        }
        if changed {
            self.write();
        }
    }

    /// Forgets what CAs said that an earlier process asked, and that are not asked any more.
    pub(super) fn forget_other_cas(&mut self, directories: &[String]) {
        self.reconsider(directories, |_, record| {
            record.attempts.held > 0 && record.held(directories) == 0
        });
    }

    pub(super) fn change(&mut self, host: &str, change: impl FnOnce(&mut HostRecord)) {
        let before = self.of(host);
        let record = self.hosts.entry(host.to_owned()).or_default();
        change(record);
        if *record != before {
            self.write();
        }
    }

    fn write(&mut self) {
        let write = || -> std::io::Result<()> {
            durable::private_folder(&self.folder)?;
            let bytes = serde_json::to_vec_pretty(&self.hosts)?;
            durable::replace(&self.folder, NAME, &bytes).map(drop)
        };
        match write() {
            Ok(()) => self.failing = false,
            Err(error) if !self.failing => {
                self.failing = true;
                tracing::warn!(%error, "what is known of attempts for certificates cannot be kept; a restart begins to count anew");
            }
            Err(_) => {}
        }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "what a test writes need not survive a crash")]
mod tests {
    use super::*;

    #[test]
    fn backoff_survives_a_restart_and_a_damaged_file_does_not_stop_anything() {
        let folder = tempfile::tempdir().unwrap();
        let mut warnings = Vec::new();
        let mut ledger = Ledger::open(folder.path(), &mut warnings);
        ledger.change("a.com", |record| {
            record.attempts.failed(1000, "dns".into(), Some(60), 0.0)
        });
        let again = Ledger::open(folder.path(), &mut warnings);
        assert_eq!(again.of("a.com"), ledger.of("a.com"));
        assert_eq!(again.of("a.com").attempts.next(0, 1000), 1060);
        assert!(warnings.is_empty());
        fs::write(folder.path().join("acme").join(NAME), "{").unwrap();
        assert_eq!(
            Ledger::open(folder.path(), &mut warnings).of("a.com"),
            HostRecord::default()
        );
        assert_eq!(warnings.len(), 1);
    }

    #[test]
    fn what_another_process_has_learned_meanwhile_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut next = Ledger::open(folder.path(), &mut Vec::new());
        let mut old = Ledger::open(folder.path(), &mut Vec::new());
        old.change("a.com", |record| {
            record.attempts.failed(1000, "limit".into(), Some(600), 0.0);
        });
        next.read_again();
        assert_eq!(next.of("a.com").attempts.next(0, 1000), 1600);
        fs::write(folder.path().join("acme").join(NAME), "{").unwrap();
        next.read_again();
        assert_eq!(next.of("a.com"), old.of("a.com"));
    }

    #[test]
    fn what_one_ca_said_does_not_count_for_another() {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::open(folder.path(), &mut Vec::new());
        let cas = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<String>>();
        let fail = |record: &mut HostRecord| {
            record.attempts.failed(1000, "limit".into(), Some(600), 0.0);
            record.directories.insert("one".into(), 1600);
        };
        ledger.change("a.com", fail);
        let next = |ledger: &Ledger| ledger.of("a.com").attempts.next(0, 1000);
        for same in [cas(&["one"]), cas(&["one", "one"])] {
            ledger.forget_other_cas(&same);
            assert_eq!(next(&ledger), 1600, "{same:?}");
            ledger.reconsider(&same, |_, _| true);
            assert_eq!(next(&ledger), 1600, "{same:?}");
        }
        ledger.forget_other_cas(&cas(&["other"]));
        assert_eq!(next(&ledger), 1000);
        ledger.change("a.com", fail);
        ledger.reconsider(&cas(&["one", "other"]), |host, _| host == "b.com");
        assert_eq!(next(&ledger), 1600);
        ledger.reconsider(&cas(&["one", "other"]), |host, _| host == "a.com");
        assert_eq!(next(&ledger), 1000);
        assert_eq!(
            Ledger::open(folder.path(), &mut Vec::new()).of("a.com"),
            ledger.of("a.com")
        );
    }

    #[test]
    fn a_file_that_cannot_be_written_costs_only_the_memory() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("acme"), "a file").unwrap();
        let mut ledger = Ledger::open(folder.path(), &mut Vec::new());
        ledger.change("a.com", |record| record.attempts.failed(0, "no".into(), None, 0.0));
        assert_eq!(ledger.of("a.com").attempts.failures, 1);
    }
}
