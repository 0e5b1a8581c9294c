//! Everything that a backup holds, as it was at one moment. The daemon may go on meanwhile: a swap replaces the state file, a renewal
//! exchanges the folder of a certificate, the journal grows and is rotated. So all is read twice, until nothing has moved in between;
//! then key and certificate belong together.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{OFlags, Stat};

use super::archive::{CONTENT, FILE};
use super::folder::read_file;
use super::kept::{Kept, Taken, Unreadable, is_journal};
use super::named;

/// Looks, before it is given up: a daemon that works leaves its files alone for longer than one look takes.
const LOOKS: usize = 100;
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// Everything, at one moment.
#[derive(Debug)]
pub(super) struct Picture {
    /// The configuration.
    pub config: Taken,
    /// Files that the configuration names, by their name in it; `None` for those that are not there.
    pub named: BTreeMap<String, Option<Taken>>,
    /// The state folder.
    pub kept: Kept,
}

/// What of a file tells that it is another one, or was changed: device, number, size, time.
type Stamp = (u64, u64, i64, i64, i64);

impl Picture {
    /// Takes everything at one moment; `names` are the files that the configuration names.
    ///
    /// # Errors
    /// When something cannot be read, or nothing ever rests.
    pub(super) fn take(config: &Path, names: &[String], state_dir: &Path) -> Result<Self, Unreadable> {
        let mut before = Self::once(config, names, state_dir);
        for _ in 0..LOOKS {
            std::thread::sleep(PAUSE);
            let again = Self::once(config, names, state_dir);
            match (&before, &again) {
                (Ok(before), Ok(again)) if before.stamps() != again.stamps() => {}
                // What was there when its name was read, in the state folder or in one below it.
                (_, Err(error)) if error.error.kind() == ErrorKind::NotFound && error.path.starts_with(state_dir) => {}
                (Err(_), Ok(_)) => {}
                (Ok(_), Ok(_)) | (_, Err(_)) => return again,
            }
            before = again;
        }
        before.and_then(|_| {
            Err(Unreadable {
                path: state_dir.into(),
                error: io::Error::new(ErrorKind::ResourceBusy, "it was never at rest while it was read"),
            })
        })
    }

    fn once(config: &Path, names: &[String], state_dir: &Path) -> Result<Self, Unreadable> {
        let mut found = BTreeMap::new();
        for name in names {
            let taken = match read(&named::folder(config).join(name)) {
                Ok(taken) => Some(taken),
                Err(unreadable) if unreadable.error.kind() == ErrorKind::NotFound => None,
                Err(unreadable) => return Err(unreadable),
            };
            found.insert(name.clone(), taken);
        }
        let picture = Self {
            config: read(config)?,
            named: found,
            kept: Kept::read(state_dir)?,
        };
        if picture.size() > CONTENT {
            let why = format!("all together is larger than {} MiB", CONTENT >> 20);
            return Err(Unreadable {
                path: state_dir.into(),
                error: io::Error::new(ErrorKind::FileTooLarge, why),
            });
        }
        Ok(picture)
    }

    fn size(&self) -> u64 {
        let all = self.named.values().flatten().chain(self.kept.files.values());
        all.map(|taken| taken.bytes.len() as u64).sum()
    }

    /// What is compared between two looks.
    fn stamps(&self) -> BTreeMap<&str, Option<Stamp>> {
        let mut stamps = BTreeMap::from([("", Some(stamp(&self.config.stat)))]);
        for (name, taken) in &self.named {
            stamps.insert(name, taken.as_ref().map(|taken| stamp(&taken.stat)));
        }
        for (path, taken) in &self.kept.files {
            let (device, number, ..) = stamp(&taken.stat);
            let grows = Some((device, number, 0, 0, 0));
            stamps.insert(
                path,
                if is_journal(path) {
                    grows
                } else {
                    Some(stamp(&taken.stat))
                },
            );
        }
        stamps
    }
}

/// Reads a file that the configuration names. Its path is the operator's own, so links are followed: certbot's are links.
pub(super) fn read(path: &Path) -> Result<Taken, Unreadable> {
    let open = || -> io::Result<Taken> {
        // Opening a pipe would wait for its other end.
        let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or(0);
        let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
        let (bytes, stat) = read_file(file, FILE)?;
        let folder = rustix::fs::fstat(File::open(named::folder(path))?)?;
        Ok(Taken { bytes, stat, folder })
    };
    open().map_err(|error| Unreadable {
        path: path.into(),
        error,
    })
}

fn stamp(stat: &Stat) -> Stamp {
    let nanos = i64::try_from(stat.st_ctime_nsec).unwrap_or(0);
    (stat.st_dev, stat.st_ino, stat.st_size, stat.st_ctime, nanos)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "what a test writes need not survive a crash")]
mod tests {
    use std::fs;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn a_key_is_never_taken_beside_the_certificate_of_another_though_they_are_exchanged_meanwhile() {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join(path);
        let pair = |folder: &str, words: &str| {
            fs::create_dir_all(at(folder)).unwrap();
            fs::write(at(folder).join("cert.pem"), words).unwrap();
            fs::write(at(folder).join("key.pem"), words).unwrap();
        };
        fs::write(at("proxy.toml"), "").unwrap();
        pair("certificates/a.test", "0");
        let done = AtomicBool::new(false);
        // Also where an assertion ends this: the scope waits for its thread.
        struct Done<'d>(&'d AtomicBool);
        impl Drop for Done<'_> {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        std::thread::scope(|scope| {
            let _done = Done(&done);
            scope.spawn(|| {
                for number in 1.. {
                    pair("certificates/.a.test.new", &number.to_string());
                    let (new, place) = (at("certificates/.a.test.new"), at("certificates/a.test"));
                    let exchange = rustix::fs::RenameFlags::EXCHANGE;
                    rustix::fs::renameat_with(rustix::fs::CWD, &new, rustix::fs::CWD, &place, exchange).unwrap();
                    fs::remove_dir_all(new).unwrap();
                    if done.load(Ordering::Relaxed) {
                        break;
                    }
                    // Two looks fit in between, now and then.
                    std::thread::sleep(PAUSE.mul_f64(1.0 + fastrand::f64()));
                }
            });
            for _ in 0..10 {
                let picture = Picture::take(&at("proxy.toml"), &["users".into()], folder.path()).unwrap();
                let bytes = |name: &str| &picture.kept.files[&format!("certificates/a.test/{name}")].bytes;
                assert_eq!(bytes("cert.pem"), bytes("key.pem"));
                assert!(picture.named["users"].is_none());
            }
        });
    }

    #[test]
    fn a_journal_that_grows_is_no_unrest() {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join(path);
        fs::write(at("proxy.toml"), "").unwrap();
        fs::write(at("journal.jsonl"), "{}\n").unwrap();
        let before = Picture::once(&at("proxy.toml"), &[], folder.path()).unwrap();
        fs::write(at("journal.jsonl"), "{}\n{}\n").unwrap();
        let grown = Picture::once(&at("proxy.toml"), &[], folder.path()).unwrap();
        assert_eq!(before.stamps(), grown.stamps());
        fs::rename(at("journal.jsonl"), at("journal.1.jsonl")).unwrap();
        let rotated = Picture::once(&at("proxy.toml"), &[], folder.path()).unwrap();
        assert_ne!(grown.stamps(), rotated.stamps());
    }
}
