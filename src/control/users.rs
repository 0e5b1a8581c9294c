//! Files of users (`auth.basic`): read at the start and at a reload, and again when they change. What was there before is kept while a
//! file cannot be used; a file that never could be lets nobody in.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::served::Stamp;
use crate::config::Config;
use crate::model::access::Users;
use crate::proxy::UserFiles;

/// Where files of `[server]` stand among those of environments: no environment is called so.
const SERVER: &str = "[server]";
/// Between two looks at the files.
const REFRESH: Duration = Duration::from_secs(1);
/// A file that was changed this shortly before it was read may change again without a new time stamp, and may be half written.
const TICK: Duration = Duration::from_secs(2);
/// A user needs some eighty bytes; what is larger than this is another kind of file.
const MAX_BYTES: u64 = 1 << 20;

/// Every file of users that the configuration names.
#[derive(Debug)]
pub(super) struct UserReader {
    files: RefCell<BTreeMap<PathBuf, Reading>>,
    /// Where the data plane finds what was read.
    read: Arc<UserFiles>,
    /// Which files each environment asks.
    asked: RefCell<BTreeMap<String, Vec<PathBuf>>>,
}

/// What is known of one file.
#[derive(Debug, Default)]
struct Reading {
    seen: Option<Stamp>,
    /// Whether `seen` is enough to tell that nothing has changed.
    settled: bool,
    users: Option<Users>,
    problem: Option<String>,
}

/// What a look at a file has brought.
#[derive(Debug, PartialEq, Eq)]
enum News {
    /// There are other users than before.
    Users,
    /// It can be used again, and is as before.
    Recovered,
    /// It cannot be used.
    Problem,
}

impl UserReader {
    /// None yet.
    pub(super) fn new() -> Rc<Self> {
        Rc::new(Self {
            files: RefCell::default(),
            read: Arc::default(),
            asked: RefCell::default(),
        })
    }

    /// What the data plane looks at.
    pub(super) fn files(&self) -> Arc<UserFiles> {
        self.read.clone()
    }

    /// Reads the files of a configuration, which is served from now on. Blocks.
    pub(super) fn serve(&self, config: &Config) {
        let mut asked: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
        for environment in &config.environments {
            let files = environment
                .services
                .iter()
                .flat_map(|service| service.user_files().cloned());
            asked.insert(environment.name.to_string(), files.collect());
        }
        asked.insert(
            SERVER.to_owned(),
            config.server.dashboard_users.iter().cloned().collect(),
        );
        let mut files = self.files.borrow_mut();
        let named: Vec<&Path> = asked.values().flatten().map(PathBuf::as_path).collect();
        files.retain(|path, _| named.contains(&path.as_path()));
        self.read.keep(&named);
        for path in named {
            files.entry(path.to_owned()).or_default();
        }
        drop(files);
        *self.asked.borrow_mut() = asked;
        self.refresh(SystemTime::now());
    }

    /// Reads again what has changed. Never ends.
    pub(super) async fn keep_fresh(self: Rc<Self>) {
        loop {
            tokio::time::sleep(REFRESH).await;
            self.refresh(SystemTime::now());
        }
    }

    /// What an operator should know of the files of an environment.
    pub(super) fn trouble(&self, environment: &str) -> Vec<String> {
        let (asked, files) = (self.asked.borrow(), self.files.borrow());
        let mut told = Vec::new();
        for path in asked.get(environment).into_iter().flatten() {
            let Some(Reading {
                problem: Some(problem),
                users,
                ..
            }) = files.get(path)
            else {
                continue;
            };
            let instead = if users.is_some() {
                "its users of before are kept"
            } else {
                "nobody gets in"
            };
            let line = format!("users of `{}`: {problem}; {instead}", path.display());
            if !told.contains(&line) {
                told.push(line);
            }
        }
        told
    }

    fn refresh(&self, now: SystemTime) {
        for (path, reading) in self.files.borrow_mut().iter_mut() {
            let is_first = reading.users.is_none() && reading.problem.is_none();
            let news = reading.look(path, now);
            if news == Some(News::Users)
                && let Some(users) = &reading.users
            {
                self.read.set(path, users.clone());
            }
            let (file, users) = (path.display(), reading.users.as_ref().map_or(0, Users::len));
            match (news, &reading.problem) {
                (Some(News::Users | News::Recovered), _) if !is_first => {
                    tracing::info!(%file, users, "a file of users was read again");
                }
                (Some(News::Problem), Some(why)) if reading.users.is_some() => {
                    tracing::warn!(%file, why, "a file of users cannot be used, and its users of before are kept");
                }
                (Some(News::Problem), Some(why)) => {
                    tracing::warn!(%file, why, "a file of users cannot be used, and nobody gets in by it");
                }
                (Some(_) | None, _) => {}
            }
        }
    }
}

impl Reading {
    fn look(&mut self, path: &Path, now: SystemTime) -> Option<News> {
        let stamp = std::fs::metadata(path).ok().map(|metadata| Stamp::of(&metadata));
        if self.settled && stamp == self.seen {
            return None;
        }
        // Looked at before it is read: a change in between is found the next time.
        let is_old = stamp.is_some_and(|stamp| stamp.is_older_than(TICK, now));
        self.seen = stamp;
        match read(path) {
            Ok(users) => {
                self.settled = is_old;
                let is_emptied = users.is_empty() && self.users.as_ref().is_some_and(|before| !before.is_empty());
                if is_emptied && !is_old {
                    // Programs that write a file in place empty it first.
                    return None;
                }
                let recovered = self.problem.take().is_some();
                if self.users.as_ref() == Some(&users) {
                    return recovered.then_some(News::Recovered);
                }
                self.users = Some(users);
                Some(News::Users)
            }
            Err(why) => {
                self.settled = false;
                if self.problem.as_ref() == Some(&why) {
                    return None;
                }
                self.problem = Some(why);
                Some(News::Problem)
            }
        }
    }
}

/// Reads a file.
///
/// # Errors
/// What is wrong with it; nothing of a password.
fn read(path: &Path) -> Result<Users, String> {
    let words = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => "no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    };
    // Looked at before it is opened: opening a pipe waits for its other end.
    if !std::fs::metadata(path).map_err(words)?.is_file() {
        return Err("not a file".to_owned());
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes))
        .map_err(words)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err("larger than 1 MiB".to_owned());
    }
    let text = String::from_utf8(bytes).map_err(|_| "no UTF-8".to_owned())?;
    Users::parse(&text).map_err(|flaws| {
        let shown: Vec<String> = flaws.iter().take(3).map(ToString::to_string).collect();
        shown.join("; ")
    })
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "what a test writes need not survive a crash")]
mod tests {
    use super::*;

    const ANNA: &str = "anna:$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW\n";

    /// A folder, the path of a file in it that is not there yet, and nothing read of it.
    fn nothing_yet() -> (tempfile::TempDir, PathBuf, SystemTime, Reading) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("users");
        (folder, file, SystemTime::now(), Reading::default())
    }

    #[test]
    fn what_was_there_is_kept_while_a_file_cannot_be_used() {
        let (_folder, file, now, mut reading) = nothing_yet();
        assert_eq!(reading.look(&file, now), Some(News::Problem));
        assert_eq!(reading.look(&file, now), None, "said once");
        std::fs::write(&file, ANNA).unwrap();
        assert_eq!(reading.look(&file, now), Some(News::Users));
        std::fs::write(&file, format!("{ANNA}bert:hunter2\n")).unwrap();
        assert_eq!(reading.look(&file, now), Some(News::Problem));
        assert_eq!(reading.users.as_ref().map(Users::len), Some(1));
        assert!(!reading.problem.as_ref().unwrap().contains("hunter2"), "{reading:?}");
        std::fs::write(&file, ANNA).unwrap();
        assert_eq!(reading.look(&file, now), Some(News::Recovered));
        std::fs::remove_file(&file).unwrap();
        assert_eq!(reading.look(&file, now), Some(News::Problem));
        assert_eq!(reading.users.as_ref().map(Users::len), Some(1));
    }

    #[test]
    fn an_emptied_file_counts_once_nobody_writes_it_any_more() {
        let (_folder, file, now, mut reading) = nothing_yet();
        std::fs::write(&file, ANNA).unwrap();
        reading.look(&file, now);
        std::fs::write(&file, "").unwrap();
        assert_eq!(reading.look(&file, now), None);
        assert_eq!(reading.look(&file, now + 2 * TICK), Some(News::Users));
        assert_eq!(reading.users, Some(Users::default()));
    }

    #[test]
    fn a_file_that_was_written_just_now_is_looked_at_again() {
        let (_folder, file, now, mut reading) = nothing_yet();
        std::fs::write(&file, ANNA).unwrap();
        reading.look(&file, now);
        assert!(!reading.settled);
        reading.look(&file, now + 2 * TICK);
        assert!(reading.settled);
    }
}
