//! The configuration that is served, and whether its file still says so.

use std::fs::Metadata;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;

use super::clock;
use crate::config::{Config, Diagnostic, LoadError};
use crate::model::api::{ConfigurationStatus, TrustedList};
use crate::model::cloudflare;

/// The configuration in use; a reload replaces it.
pub(super) type Current = Arc<ArcSwap<Served>>;

/// A configuration in use.
#[derive(Debug)]
pub(super) struct Served {
    /// What it says.
    pub config: Arc<Config>,
    /// Keys that differ from the file until the next restart.
    pub restart: Vec<&'static str>,
    /// RFC 3339.
    loaded: String,
    text: u64,
    /// The file as it was seen last, and whether it was the same then: an unchanged file is not read again.
    seen: Mutex<Option<(Stamp, bool)>>,
}

/// A configuration as it was read.
#[derive(Debug)]
pub(super) struct Loaded {
    /// What it says.
    pub config: Config,
    /// What does not keep it from being used.
    pub diagnostics: Vec<Diagnostic>,
    text: u64,
}

impl Loaded {
    /// Reads a file. Blocks.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub(super) fn read(file: &Path) -> Result<Self, LoadError> {
        let (config, diagnostics, text) = Config::load_with_text(file)?;
        Ok(Self {
            config,
            diagnostics,
            text: hash(text.as_bytes()),
        })
    }

    /// Reads a file for a reload, which refuses what a start has to make do with: files of users, error pages and folders that
    /// are missing or wrong. Blocks.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub(super) fn read_again(file: &Path) -> Result<Self, LoadError> {
        let (config, diagnostics, text) = Config::load_with_text(file)?;
        if diagnostics.iter().any(Diagnostic::refuses_reload) {
            return Err(LoadError {
                file: file.to_owned(),
                text,
                diagnostics,
            });
        }
        Ok(Self {
            config,
            diagnostics,
            text: hash(text.as_bytes()),
        })
    }

    /// Puts it to use.
    #[must_use]
    pub(super) fn serve(self, restart: Vec<&'static str>) -> Served {
        Served {
            config: Arc::new(self.config),
            restart,
            loaded: clock::now(),
            text: self.text,
            seen: Mutex::default(),
        }
    }
}

impl Served {
    /// How the file stands to what is served. Reads it when it looks as if it had changed.
    #[must_use]
    pub(super) fn status(&self) -> ConfigurationStatus {
        let differs = match self.is_same() {
            Ok(true) => None,
            Ok(false) => Some(format!(
                "`{}` has changed since it was read; `proxyctl reload` serves it",
                self.config.file.display()
            )),
            Err(error) => Some(format!("`{}` cannot be read: {error}", self.config.file.display())),
        };
        ConfigurationStatus {
            loaded: self.loaded.clone(),
            differs,
            restart: self.restart.iter().map(|key| (*key).to_owned()).collect(),
            trusted_lists: self.trusted_lists(),
        }
    }

    fn trusted_lists(&self) -> Vec<TrustedList> {
        let cloudflare = self.config.server.trusts_cloudflare.then(|| TrustedList {
            name: cloudflare::NAME.to_owned(),
            published: cloudflare::PUBLISHED.to_owned(),
            networks: cloudflare::networks().count(),
        });
        cloudflare.into_iter().collect()
    }

    fn is_same(&self) -> io::Result<bool> {
        let file = &self.config.file;
        let stamp = Stamp::of(&std::fs::metadata(file)?);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((before, same)) = &*seen
            && *before == stamp
        {
            return Ok(*same);
        }
        let same = hash(&std::fs::read(file)?) == self.text;
        *seen = Some((stamp, same));
        Ok(same)
    }
}

/// What changes when a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    file: (u64, u64),
    length: u64,
    changed: (i64, i64),
}

impl Stamp {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self {
            file: (metadata.dev(), metadata.ino()),
            length: metadata.len(),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// Files from the future count as old: their time stamps are as good as any.
    pub(super) fn is_older_than(&self, age: Duration, now: SystemTime) -> bool {
        let changed = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(self.changed.0).unwrap_or(0));
        now.duration_since(changed).map_or(true, |since| since > age)
    }
}

fn hash(text: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "what a test writes need not survive a crash")]
mod tests {
    use super::*;

    const TEXT: &str = "[env.prod]\nhost = \"example.com\"\nupstream = 3000\n";

    #[test]
    fn a_file_that_changed_since_it_was_read_is_told_until_it_is_as_before() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("proxy.toml");
        std::fs::write(&file, TEXT).unwrap();
        let served = Loaded::read(&file).unwrap().serve(vec!["server.http"]);
        assert_eq!(served.status().differs, None);
        assert_eq!(served.status().restart, ["server.http"]);
        std::fs::write(&file, format!("{TEXT}# a word\n")).unwrap();
        assert!(served.status().differs.unwrap().contains("has changed"));
        std::fs::write(&file, TEXT).unwrap();
        assert_eq!(served.status().differs, None);
        std::fs::remove_file(&file).unwrap();
        assert!(served.status().differs.unwrap().contains("cannot be read"));
    }

    #[test]
    fn what_cannot_be_used_is_not_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("proxy.toml");
        std::fs::write(&file, "[env.prod]\nhots = \"example.com\"\n").unwrap();
        assert!(Loaded::read(&file).unwrap_err().render(false).contains("hots"));
    }
}
