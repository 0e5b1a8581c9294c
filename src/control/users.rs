//! Files of users (`auth.basic`): read at the start and at a reload, and again when they change. What was there before is kept while a
//! file cannot be used; a file that never could be lets nobody in.

use std::cell::{Cell, RefCell};
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
    /// How many configurations were served.
    served: Cell<u64>,
}

/// What is known of one file.
#[derive(Debug, Default)]
struct Reading {
    seen: Seen,
    users: Option<Users>,
    problem: Option<String>,
}

/// What a file looked like when it was read last.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    stamp: Option<Stamp>,
    /// Whether the stamp is enough to tell that nothing has changed.
    settled: bool,
}

/// A file that was read, as it was then.
#[derive(Debug)]
struct Sight {
    seen: Seen,
    users: Result<Users, String>,
}

/// Files to be looked at, or what was seen of them, under the configuration of this number.
#[derive(Debug)]
struct Round<T> {
    served: u64,
    files: Vec<(PathBuf, T)>,
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
            served: Cell::new(0),
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
        self.served.set(self.served.get() + 1);
        self.take(self.round().look(SystemTime::now()));
    }

    /// Reads again what has changed. Never ends.
    pub(super) async fn keep_fresh(self: Rc<Self>) {
        loop {
            tokio::time::sleep(REFRESH).await;
            // A disk that hangs must not hold up the control thread; the next round begins when this one has ended.
            let round = self.round();
            let seen = tokio::task::spawn_blocking(move || round.look(SystemTime::now()));
            if let Ok(seen) = seen.await {
                self.take(seen);
            }
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

    fn round(&self) -> Round<Seen> {
        let files = self.files.borrow();
        let files = files.iter().map(|(path, reading)| (path.clone(), reading.seen));
        Round {
            served: self.served.get(),
            files: files.collect(),
        }
    }

    fn take(&self, round: Round<Sight>) {
        // A reload has read them meanwhile, and later.
        if round.served != self.served.get() {
            return;
        }
        let mut files = self.files.borrow_mut();
        for (path, sight) in round.files {
            let Some(reading) = files.get_mut(&path) else { continue };
            let is_first = reading.users.is_none() && reading.problem.is_none();
            let news = reading.take(sight);
            if news == Some(News::Users)
                && let Some(users) = &reading.users
            {
                self.read.set(&path, users.clone());
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

impl Round<Seen> {
    /// Reads the files that may have changed. Blocks.
    fn look(self, now: SystemTime) -> Round<Sight> {
        let changed = |(path, seen): (PathBuf, Seen)| Some((Sight::of(&path, seen, now)?, path));
        let files = self.files.into_iter().filter_map(changed);
        Round {
            served: self.served,
            files: files.map(|(sight, path)| (path, sight)).collect(),
        }
    }
}

impl Sight {
    /// Reads a file, unless it is as it was seen before.
    fn of(path: &Path, before: Seen, now: SystemTime) -> Option<Self> {
        let stamp = std::fs::metadata(path).ok().map(|metadata| Stamp::of(&metadata));
        if before.settled && stamp == before.stamp {
            return None;
        }
        // Looked at before it is read: a change in between is found the next time.
        let is_old = stamp.is_some_and(|stamp| stamp.is_older_than(TICK, now));
        let users = read(path);
        let settled = is_old && users.is_ok();
        Some(Self {
            seen: Seen { stamp, settled },
            users,
        })
    }
}

impl Reading {
    fn take(&mut self, sight: Sight) -> Option<News> {
        self.seen = sight.seen;
        match sight.users {
            Ok(users) => {
                let is_emptied = users.is_empty() && self.users.as_ref().is_some_and(|before| !before.is_empty());
                if is_emptied && !self.seen.settled {
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

    fn look(reading: &mut Reading, file: &Path, now: SystemTime) -> Option<News> {
        reading.take(Sight::of(file, reading.seen, now)?)
    }

    #[test]
    fn what_was_there_is_kept_while_a_file_cannot_be_used() {
        let (_folder, file, now, mut reading) = nothing_yet();
        assert_eq!(look(&mut reading, &file, now), Some(News::Problem));
        assert_eq!(look(&mut reading, &file, now), None, "said once");
        std::fs::write(&file, ANNA).unwrap();
        assert_eq!(look(&mut reading, &file, now), Some(News::Users));
        std::fs::write(&file, format!("{ANNA}bert:hunter2\n")).unwrap();
        assert_eq!(look(&mut reading, &file, now), Some(News::Problem));
        assert_eq!(reading.users.as_ref().map(Users::len), Some(1));
        assert!(!reading.problem.as_ref().unwrap().contains("hunter2"), "{reading:?}");
        std::fs::write(&file, ANNA).unwrap();
        assert_eq!(look(&mut reading, &file, now), Some(News::Recovered));
        std::fs::remove_file(&file).unwrap();
        assert_eq!(look(&mut reading, &file, now), Some(News::Problem));
        assert_eq!(reading.users.as_ref().map(Users::len), Some(1));
    }

    #[test]
    fn an_emptied_file_counts_once_nobody_writes_it_any_more() {
        let (_folder, file, now, mut reading) = nothing_yet();
        std::fs::write(&file, ANNA).unwrap();
        look(&mut reading, &file, now);
        std::fs::write(&file, "").unwrap();
        assert_eq!(look(&mut reading, &file, now), None);
        assert_eq!(look(&mut reading, &file, now + 2 * TICK), Some(News::Users));
        assert_eq!(reading.users, Some(Users::default()));
    }

    #[test]
    fn a_file_that_was_written_just_now_is_looked_at_again() {
        let (_folder, file, now, mut reading) = nothing_yet();
        std::fs::write(&file, ANNA).unwrap();
        look(&mut reading, &file, now);
        assert!(!reading.seen.settled);
        look(&mut reading, &file, now + 2 * TICK);
        assert!(reading.seen.settled);
    }

    #[test]
    fn what_was_read_before_a_reload_does_not_count_behind_it() {
        let (_folder, file, now, _) = nothing_yet();
        let text = format!(
            "[env.prod]\nhost = \"a.example\"\nupstream = 3000\nauth.basic = \"{}\"\n",
            file.display()
        );
        let (config, _) = Config::parse(Path::new("/etc/greengate/proxy.toml"), &text).unwrap();
        std::fs::write(&file, ANNA).unwrap();
        let reader = UserReader::new();
        reader.serve(&config);
        let users = || reader.files.borrow()[&file].users.as_ref().map(Users::len);
        let of_before = reader.round().look(now);
        assert_eq!(of_before.files.len(), 1);
        std::fs::write(&file, format!("{ANNA}{}", ANNA.replace("anna", "bert"))).unwrap();
        reader.serve(&config);
        reader.take(of_before);
        assert_eq!(users(), Some(2));
        std::fs::write(&file, ANNA).unwrap();
        reader.take(reader.round().look(now));
        assert_eq!(users(), Some(1));
    }
}
