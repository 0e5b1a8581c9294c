//! The threads of one folder: they wait for its disk, so that no core has to. There are few, they are started when there is something to
//! do, and end when there is nothing for a while.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Threads of one folder.
pub(super) const THREADS: usize = 4;
/// Threads of all folders beyond the first of each, which everybody has for sure.
const MORE_THREADS: usize = 32;
/// Requests that may wait for a folder to be looked into.
const WAITING: usize = 256;
/// A thread that has nothing to do for so long ends.
const IDLE: Duration = Duration::from_secs(10);

/// Threads beyond the first ones of their folders.
static MORE: AtomicUsize = AtomicUsize::new(0);

/// As many requests wait for the folder as may.
#[derive(Debug)]
pub(crate) struct Busy;

/// What the threads of a folder have to do.
#[derive(Debug, Default)]
pub(super) struct Errands {
    state: Mutex<State>,
    /// There is something to do, or nothing ever more.
    work: Condvar,
    /// The last thread that was to be started could not be: what waits may have none.
    is_short: AtomicBool,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Errand>,
    /// Those of them that look for something.
    looking: usize,
    threads: usize,
    idle: usize,
    stopping: bool,
}

struct Errand {
    looks: bool,
    run: Box<dyn FnOnce() + Send>,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State")
            .field("waiting", &self.waiting.len())
            .field("threads", &self.threads)
            .finish_non_exhaustive()
    }
}

impl Errands {
    /// Has something looked for.
    ///
    /// # Errors
    /// As many wait for that as may.
    pub(super) fn look(self: &Arc<Self>, run: impl FnOnce() + Send + 'static) -> Result<(), Busy> {
        let mut state = self.lock();
        if state.looking >= WAITING {
            // Otherwise they would wait for ever, where no thread could be started for any of them.
            self.start_first(&mut state);
            return Err(Busy);
        }
        state.looking += 1;
        self.add(state, true, Box::new(run));
        Ok(())
    }

    /// Has something done for a file that is open. How many of these wait is bounded by the descriptors that they hold.
    pub(super) fn go_on(self: &Arc<Self>, run: impl FnOnce() + Send + 'static) {
        self.add(self.lock(), false, Box::new(run));
    }

    fn add(self: &Arc<Self>, mut state: MutexGuard<'_, State>, looks: bool, run: Box<dyn FnOnce() + Send>) {
        if state.stopping {
            // It may have something closed by these threads.
            drop(state);
            drop(run);
            return;
        }
        state.waiting.push_back(Errand { looks, run });
        if state.idle < state.waiting.len() {
            self.start_thread(&mut state);
        }
        drop(state);
        self.work.notify_one();
    }

    /// Starts a thread for what waits, if none could be started when it came. Where none is missing, that is one look.
    pub(super) fn start_at_last(self: &Arc<Self>) {
        if self.is_short.load(Ordering::Relaxed) {
            self.start_first(&mut self.lock());
        }
    }

    fn start_first(self: &Arc<Self>, state: &mut State) {
        if state.threads == 0 && !state.waiting.is_empty() {
            self.start_thread(state);
        }
    }

    fn start_thread(self: &Arc<Self>, state: &mut State) {
        let is_first = state.threads == 0;
        if state.threads >= THREADS || (!is_first && !take_place()) {
            return;
        }
        let errands = self.clone();
        let thread = std::thread::Builder::new().name("files".to_owned());
        // Nobody waits for its end: a disk that hangs would keep the process from stopping.
        match thread.spawn(move || errands.work(is_first)) {
            Ok(_) => {
                state.threads += 1;
                self.is_short.store(false, Ordering::Relaxed);
            }
            Err(error) => {
                if !is_first {
                    MORE.fetch_sub(1, Ordering::Relaxed);
                }
                // It is tried again with every request.
                if !self.is_short.swap(true, Ordering::Relaxed) {
                    tracing::error!(%error, "a thread that reads files cannot be started");
                }
            }
        }
    }

    /// A thread's life.
    fn work(&self, is_first: bool) {
        let mut state = self.lock();
        while !state.stopping {
            let Some(errand) = state.waiting.pop_front() else {
                state.idle += 1;
                let (next, waited) = match self.work.wait_timeout(state, IDLE) {
                    Ok((next, waited)) => (next, waited),
                    Err(poisoned) => poisoned.into_inner(),
                };
                state = next;
                state.idle -= 1;
                if waited.timed_out() && state.waiting.is_empty() {
                    break;
                }
                continue;
            };
            state.looking -= usize::from(errand.looks);
            drop(state);
            (errand.run)();
            state = self.lock();
        }
        state.threads -= 1;
        drop(state);
        if !is_first {
            MORE.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Ends the threads, each as soon as its disk lets it; what was not begun never is.
    pub(super) fn stop(&self) {
        let mut state = self.lock();
        state.stopping = true;
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        self.work.notify_all();
        // Not under the lock: what is given up may have something closed by these threads.
        drop(waiting);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes a place among the threads of all folders.
fn take_place() -> bool {
    let taken = MORE.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |more| {
        (more < MORE_THREADS).then_some(more + 1)
    });
    taken.is_ok()
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_folder_that_hangs_has_four_threads_and_bounds_what_waits_for_it() {
        let errands = Arc::new(Errands::default());
        let (begun, began) = mpsc::channel();
        let gate = Arc::new(Mutex::new(()));
        let closed = gate.lock().unwrap();
        let hang = |errands: &Arc<Errands>| {
            let (gate, begun) = (gate.clone(), begun.clone());
            errands.look(move || {
                let _ = begun.send(());
                drop(gate.lock());
            })
        };
        for _ in 0..THREADS {
            hang(&errands).unwrap();
            began.recv().unwrap();
        }
        for _ in 0..WAITING {
            hang(&errands).unwrap();
        }
        assert!(hang(&errands).is_err());
        assert_eq!(errands.lock().threads, THREADS);
        // Another folder has a thread of its own.
        let other = Arc::new(Errands::default());
        let (say, heard) = mpsc::channel();
        other.look(move || say.send(()).unwrap()).unwrap();
        heard.recv().unwrap();
        drop(closed);
        for _ in 0..WAITING {
            began.recv().unwrap();
        }
        hang(&errands).unwrap();
    }

    /// As they are where no thread could be started for any of these.
    fn unattended(errands: &Arc<Errands>, count: usize) -> mpsc::Receiver<()> {
        let (say, heard) = mpsc::channel();
        let mut state = errands.lock();
        for _ in 0..count {
            let say = say.clone();
            let run = Box::new(move || say.send(()).unwrap());
            state.waiting.push_back(Errand { looks: true, run });
        }
        state.looking = count;
        errands.is_short.store(true, Ordering::Relaxed);
        heard
    }

    #[test]
    fn a_folder_for_which_no_thread_could_be_started_has_one_as_soon_as_one_can_be() {
        let errands = Arc::new(Errands::default());
        let heard = unattended(&errands, WAITING);
        assert!(errands.look(|| ()).is_err(), "as many wait as may");
        assert_eq!(heard.iter().take(WAITING).count(), WAITING);
        let errands = Arc::new(Errands::default());
        let heard = unattended(&errands, 1);
        errands.start_at_last();
        heard.recv().unwrap();
        assert!(!errands.is_short.load(Ordering::Relaxed));
    }

    #[test]
    fn what_was_not_begun_is_given_up_when_the_folder_goes() {
        let errands = Arc::new(Errands::default());
        let (say, heard) = mpsc::channel::<()>();
        errands.stop();
        errands.look(move || drop(say)).unwrap();
        errands.stop();
        assert!(heard.recv().is_err());
    }
}
