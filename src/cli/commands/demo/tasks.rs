//! Tasks on this thread that end with their owner.

use std::cell::RefCell;
use std::rc::Rc;

use tokio::task::JoinSet;

/// A set of tasks; a clone adds to the same set.
#[derive(Debug, Clone, Default)]
pub(super) struct Tasks(Rc<RefCell<JoinSet<()>>>);

impl Tasks {
    /// Starts a task; it is aborted when the last clone goes.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        let mut set = self.0.borrow_mut();
        // Nobody waits for them, so the ended ones are taken out here.
        while set.try_join_next().is_some() {}
        set.spawn_local(task);
    }
}

impl<F> hyper::rt::Executor<F> for Tasks
where
    F: Future + 'static,
{
    fn execute(&self, task: F) {
        self.spawn(async move {
            task.await;
        });
    }
}
