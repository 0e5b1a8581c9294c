//! Which streams of a connection want to be looked at. All of them live in one task: each has a waker of its own, which notes its place
//! and wakes the task.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Wake, Waker};

/// Places of streams.
pub(crate) const PLACES: usize = 256;

const WORD: usize = u64::BITS as usize;

/// The places of streams that were woken.
#[derive(Debug, Default)]
pub(crate) struct Ready {
    words: [AtomicU64; PLACES / WORD],
    /// The task sleeps, and is to be woken.
    sleeps: AtomicBool,
    task: Mutex<Option<Waker>>,
}

impl Ready {
    /// The task looks at its streams from here on, and needs no wake.
    pub(crate) fn task_is_awake(&self, task: &Waker) {
        self.sleeps.store(false, Ordering::SeqCst);
        let mut known = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *known {
            Some(known) => known.clone_from(task),
            none => *none = Some(task.clone()),
        }
    }

    /// The task has looked at its streams; whether it may sleep, because none was woken in the meantime.
    pub(crate) fn task_sleeps(&self) -> bool {
        self.sleeps.store(true, Ordering::SeqCst);
        !self.is_any()
    }

    /// Whether any stream was woken.
    pub(crate) fn is_any(&self) -> bool {
        self.words.iter().any(|word| word.load(Ordering::SeqCst) != 0)
    }

    /// A stream is to be looked at.
    pub(crate) fn mark(&self, place: usize) {
        let bit = 1 << (place % WORD);
        let before = self.words[place / WORD].fetch_or(bit, Ordering::SeqCst);
        if before & bit == 0 && self.sleeps.swap(false, Ordering::SeqCst) {
            let task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(task) = &*task {
                task.wake_by_ref();
            }
        }
    }

    /// Takes all places out that were woken.
    pub(crate) fn take(&self, mut take: impl FnMut(usize)) {
        for (index, word) in self.words.iter().enumerate() {
            let mut bits = match word.load(Ordering::SeqCst) {
                0 => continue,
                _ => word.swap(0, Ordering::SeqCst),
            };
            while bits != 0 {
                take(index * WORD + bits.trailing_zeros() as usize);
                bits &= bits - 1;
            }
        }
    }
}

/// The waker of the stream at this place.
pub(crate) fn waker(ready: &Arc<Ready>, place: usize) -> Waker {
    Waker::from(Arc::new(Bell {
        ready: ready.clone(),
        place,
    }))
}

struct Bell {
    ready: Arc<Ready>,
    place: usize,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.ready.mark(self.place);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ready.mark(self.place);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn the_task_is_woken_once_for_all_streams_that_are() {
        let (count, ready) = (Arc::<Count>::default(), Arc::<Ready>::default());
        ready.task_is_awake(&Waker::from(count.clone()));
        waker(&ready, 0).wake();
        assert!(!ready.task_sleeps(), "one was woken while the task was awake");
        let mut places = Vec::new();
        ready.take(|place| places.push(place));
        assert_eq!(places, [0]);
        assert!(ready.task_sleeps());
        for place in [255, 64, 3, 64] {
            waker(&ready, place).wake_by_ref();
        }
        assert_eq!(count.0.load(Ordering::SeqCst), 1);
        places.clear();
        ready.take(|place| places.push(place));
        assert_eq!(places, [3, 64, 255]);
    }
}
