//! What happens, told at once to everybody who watches: the lines of the journal as they are written, and how far a step is. Nobody
//! who watches is waited for: who does not read misses the oldest, and is told how many.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use tokio::sync::broadcast::{self, Receiver, Sender};

use crate::model::api::Progress;
use crate::model::history::Entry;

/// So many are kept for one who has not read them.
const KEPT: usize = 1024;

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Happening {
    /// A line of the journal: who asked for what, a step, an end.
    Entry(Entry),
    /// How far a step of an operation is; the journal does not have it.
    Progress {
        /// The environment of the operation, if it is of one.
        environment: Option<String>,
        /// The number of the operation.
        operation: u64,
        /// How far.
        progress: Progress,
    },
}

/// The way to everybody who watches. A clone is another handle of the same.
#[derive(Debug, Clone)]
pub(super) struct Happenings {
    /// `None` when nothing happens any more.
    watchers: Rc<RefCell<Option<Sender<Arc<Happening>>>>>,
}

impl Happenings {
    /// Nobody watches yet.
    pub(super) fn new() -> Self {
        Self {
            watchers: Rc::new(RefCell::new(Some(broadcast::channel(KEPT).0))),
        }
    }

    /// What is told from now on.
    pub(super) fn subscribe(&self) -> Receiver<Arc<Happening>> {
        match &*self.watchers.borrow() {
            Some(watchers) => watchers.subscribe(),
            None => broadcast::channel(1).1,
        }
    }

    /// Tells everybody. Costs nothing where nobody watches.
    pub(super) fn tell(&self, happening: impl FnOnce() -> Happening) {
        if let Some(watchers) = &*self.watchers.borrow()
            && watchers.receiver_count() > 0
        {
            // The last one may have left meanwhile.
            let _ = watchers.send(Arc::new(happening()));
        }
    }

    /// Nothing happens any more: who watches hears the rest, and then that this is the end.
    pub(super) fn end(&self) {
        self.watchers.take();
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::broadcast::error::TryRecvError;

    use super::*;
    use crate::model::history::Record;

    fn stopped(pid: u32) -> Happening {
        Happening::Entry(Entry {
            time: "2026-01-01T00:00:00.000Z".into(),
            environment: None,
            operation: None,
            record: Record::Stopped { pid },
        })
    }

    #[test]
    fn everybody_who_watches_hears_what_happens_from_then_on() {
        let happenings = Happenings::new();
        happenings.tell(|| panic!("nobody watches"));
        let mut one = happenings.subscribe();
        happenings.tell(|| stopped(1));
        let mut two = happenings.subscribe();
        happenings.tell(|| stopped(2));
        assert_eq!(*one.try_recv().unwrap(), stopped(1));
        assert_eq!(*one.try_recv().unwrap(), stopped(2));
        assert_eq!(*two.try_recv().unwrap(), stopped(2));
        assert_eq!(two.try_recv(), Err(TryRecvError::Empty));
    }

    #[test]
    fn who_does_not_read_misses_the_oldest_and_is_told_how_many() {
        let happenings = Happenings::new();
        let mut slow = happenings.subscribe();
        for pid in 0..u32::try_from(KEPT).unwrap() + 5 {
            happenings.tell(|| stopped(pid));
        }
        assert_eq!(slow.try_recv(), Err(TryRecvError::Lagged(5)));
        assert_eq!(*slow.try_recv().unwrap(), stopped(5));
    }

    #[test]
    fn at_the_end_the_rest_is_heard_and_then_the_end() {
        let happenings = Happenings::new();
        let mut one = happenings.subscribe();
        happenings.tell(|| stopped(1));
        happenings.clone().end();
        happenings.tell(|| panic!("nothing happens any more"));
        assert_eq!(*one.try_recv().unwrap(), stopped(1));
        assert_eq!(one.try_recv(), Err(TryRecvError::Closed));
        assert_eq!(happenings.subscribe().try_recv(), Err(TryRecvError::Closed));
    }
}
