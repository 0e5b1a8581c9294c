//! Where requests wait whose credentials are not known: the lock and the threads around the decisions of `model::access`.
//!
//! A password costs some fifty milliseconds to check, on purpose. That is done by a few threads of the lowest priority, so that a core
//! of the data plane goes before it wherever both want to run. A request with known credentials never comes here.

use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::key::DigestKey;
use super::users::{UserFile, Version};
use crate::model::access::{Attempts, Checks, Credentials, Digest, Known, Refusal};

/// Credentials that are remembered as right, for all cores.
const RIGHT: usize = 4096;
/// The lowest priority of a thread.
const NICE: i32 = 19;
/// Threads that check, on a machine of any size.
const THREADS: usize = 4;

/// Who is told: which users' version the credentials are right for, if they are.
type Verdict = Option<u64>;

/// Where passwords are checked.
#[derive(Debug)]
pub(crate) struct Desk {
    key: DigestKey,
    room: Arc<Room>,
}

/// What was asked for is known already, or will be.
#[derive(Debug)]
pub(crate) enum Asked {
    /// Right for this version of the file's users.
    Right(u64),
    /// It is being checked; then the version, or `None` when they are wrong.
    Waits(oneshot::Receiver<Verdict>),
}

/// What requests and threads share.
#[derive(Debug)]
struct Room {
    state: Mutex<State>,
    /// There is something to be checked, or nothing ever more.
    work: Condvar,
    /// What moments are counted from.
    epoch: Instant,
}

#[derive(Debug)]
struct State {
    checks: Checks<Job, oneshot::Sender<Verdict>>,
    right: Known<u64>,
    threads: Vec<JoinHandle<()>>,
    /// Threads that have nothing to do.
    idle: usize,
    stopping: bool,
    /// The last thread that was to be started could not be.
    is_short: bool,
}

#[derive(Debug)]
struct Job {
    version: Arc<Version>,
    credentials: Credentials,
}

impl Desk {
    /// One without threads, until there is something to check. The first wait after too many wrong passwords takes so long.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub(crate) fn new(first_wait: Duration) -> io::Result<Self> {
        let state = State {
            checks: Checks::new(Attempts::new(first_wait)),
            right: Known::new(RIGHT),
            threads: Vec::new(),
            idle: 0,
            stopping: false,
            is_short: false,
        };
        Ok(Self {
            key: DigestKey::new()?,
            room: Arc::new(Room {
                state: Mutex::new(state),
                work: Condvar::new(),
                epoch: Instant::now(),
            }),
        })
    }

    /// What stands for credentials of one file.
    pub(crate) fn digest(&self, file: &UserFile, credentials: &Credentials) -> Digest {
        self.key.digest(file.id, credentials)
    }

    /// Has credentials checked for a client, which stands for all addresses that are counted as one.
    ///
    /// # Errors
    /// Why they are not checked now.
    pub(crate) fn ask(
        &self,
        digest: Digest,
        file: &UserFile,
        credentials: &Credentials,
        client: IpAddr,
    ) -> Result<Asked, Refusal> {
        let version = file.current().ok_or(Refusal::NoUsers)?;
        let mut state = self.room.lock();
        if state.right.get(&digest) == Some(&version.number) {
            return Ok(Asked::Right(version.number));
        }
        let (waiter, verdict) = oneshot::channel();
        let job = || Job {
            version,
            credentials: credentials.clone(),
        };
        let asked = state.checks.ask(digest, client, self.room.now(), waiter, job);
        // Otherwise those that wait would do so for ever, where no thread could be started when they came.
        let is_unattended = state.threads.is_empty() && state.checks.has_more();
        if asked == Ok(true) || is_unattended {
            self.room.find_a_thread(&mut state);
        }
        asked.map(|_| Asked::Waits(verdict))
    }

    /// Ends the threads; what is still to be checked never is. Waits for the checks that are under way.
    pub(crate) fn stop(&self) {
        let mut state = self.room.lock();
        state.stopping = true;
        let threads = std::mem::take(&mut state.threads);
        drop(state);
        self.room.work.notify_all();
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a thread that checks passwords panicked");
            }
        }
    }
}

impl Room {
    /// Wakes a thread that has nothing to do, or starts one more.
    fn find_a_thread(self: &Arc<Self>, state: &mut State) {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        if state.idle == 0 && state.threads.len() < (cores / 2).clamp(1, THREADS) && !state.stopping {
            let room = self.clone();
            let thread = std::thread::Builder::new().name("passwords".to_owned());
            match thread.spawn(move || room.check()) {
                Ok(thread) => {
                    state.threads.push(thread);
                    state.is_short = false;
                }
                // It is tried again with every request.
                Err(_) if state.is_short => {}
                Err(error) => {
                    state.is_short = true;
                    tracing::error!(%error, "a thread that checks passwords cannot be started");
                }
            }
        }
        self.work.notify_one();
    }

    /// A thread's life.
    fn check(&self) {
        // Of a thread, where nobody is named (setpriority(2)). A sandbox may forbid it, as the packages' unit does.
        let is_nice = rustix::process::setpriority_process(None, NICE).is_ok();
        let mut state = self.lock();
        while !state.stopping {
            let Some((digest, job)) = state.checks.begin() else {
                state.idle += 1;
                state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
                state.idle -= 1;
                continue;
            };
            drop(state);
            let (number, chance, began) = (job.version.number, chance(&digest), Instant::now());
            let right = job.version.users.admit(&job.credentials, chance);
            let taken = began.elapsed();
            state = self.lock();
            if right {
                state.right.insert(digest, number);
            }
            let waiters = state.checks.ended(&digest, right, self.now());
            // Not under the lock: a core that is woken takes the processor, and would wait for the lock that this thread still has.
            drop(state);
            for waiter in waiters {
                // Who waited may have left.
                let _ = waiter.send(right.then_some(number));
            }
            if !is_nice {
                // Half of a core at most, then.
                std::thread::sleep(taken);
            }
            state = self.lock();
        }
    }

    fn now(&self) -> Duration {
        self.epoch.elapsed()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A number that nobody can foresee, and that is the same for the same credentials.
fn chance(digest: &Digest) -> u64 {
    digest
        .iter()
        .take(8)
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::path::Path;

    use super::super::users::UserFiles;
    use super::*;
    use crate::model::access::Users;

    const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    #[tokio::test]
    async fn passwords_for_which_no_thread_could_be_started_have_one_as_soon_as_one_can_be() {
        let files = UserFiles::default();
        files.set(Path::new("users"), Users::default());
        let file = files.of(Path::new("users"));
        let credentials = Credentials::parse(b"Basic YW5uYTpndWVzcw==").unwrap();
        // As many wait as may; and one, which another joins.
        for wait in [64, 1] {
            let desk = Desk::new(Duration::ZERO).unwrap();
            let digest = desk.digest(&file, &credentials);
            let wait_unattended = || {
                let (waiter, verdict) = oneshot::channel();
                let job = || Job {
                    version: file.current().unwrap(),
                    credentials: credentials.clone(),
                };
                let mut state = desk.room.lock();
                state.checks.ask(digest, CLIENT, Duration::ZERO, waiter, job).unwrap();
                verdict
            };
            let verdicts: Vec<_> = (0..wait).map(|_| wait_unattended()).collect();
            let asked = desk.ask(digest, &file, &credentials, CLIENT);
            assert_eq!(matches!(asked, Err(Refusal::TooManyChecks)), wait == 64, "{asked:?}");
            for verdict in verdicts {
                let verdict = tokio::time::timeout(Duration::from_secs(60), verdict).await;
                assert_eq!(verdict.expect("nobody checks it"), Ok(None));
            }
            desk.stop();
        }
    }
}
