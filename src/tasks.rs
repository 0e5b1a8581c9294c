//! The only spawn: named, cancelled, joined. Nothing in this crate runs on after its owner is gone.
//!
//! There are three kinds of task. What the control plane starts belongs to a [`Group`]: it has a name, a panic in it is logged under
//! that name and ends nothing else, and it is cancelled when the group is dropped. What the data plane starts, a task for each
//! client connection and each HTTP/2 stream, goes through [`connection`], which costs what `tokio` itself costs: such a task
//! belongs to its core's runtime and ends with it. What a guard's `Drop` has begun and cannot wait for is [`detached`].

use std::any::Any;
use std::borrow::Cow;
use std::cell::RefCell;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tokio::task::JoinSet;

/// Tasks of one owner on this thread. Dropping it cancels them.
#[derive(Debug)]
pub struct Group {
    name: &'static str,
    tasks: RefCell<JoinSet<()>>,
}

impl Group {
    /// An empty group; its name stands before the names of its tasks in the log.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            tasks: RefCell::new(JoinSet::new()),
        }
    }

    /// Starts a task. It needs a `LocalRuntime` (or a `LocalSet`) around it, as every thread of this crate has.
    pub fn spawn_local(&self, name: impl Into<Cow<'static, str>>, task: impl Future<Output = ()> + 'static) {
        let mut tasks = self.tasks.borrow_mut();
        // Those that are over would otherwise be kept until the join, which a daemon reaches once in months.
        while tasks.try_join_next().is_some() {}
        tasks.spawn_local(guarded(self.name, name.into(), task));
    }

    /// Tasks that are not over yet.
    #[must_use]
    pub fn len(&self) -> usize {
        let mut tasks = self.tasks.borrow_mut();
        while tasks.try_join_next().is_some() {}
        tasks.len()
    }

    /// Whether every task is over.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Waits for every task, at most `patience`, and cancels the rest; without any patience all of them, which is not worth a
    /// line in the log. Returns how many had to be cancelled.
    pub async fn join(&self, patience: Duration) -> usize {
        let mut tasks = self.tasks.take();
        let all = async { while tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(patience, all).await.is_ok() {
            return 0;
        }
        let left = tasks.len();
        if !patience.is_zero() {
            tracing::warn!(group = self.name, left, "tasks did not end in time and are cancelled");
        }
        tasks.shutdown().await;
        left
    }
}

/// Starts a task for a client connection or an HTTP/2 stream on this core's runtime: one allocation, the task's own.
///
/// Nobody joins it. It ends when it is done or when the core drops its runtime; a panic in it ends it alone, and is logged by the
/// hook of `telemetry::logging` with the place it came from.
#[expect(clippy::disallowed_methods, reason = "this is the room that spawns")]
pub fn connection(task: impl Future<Output = ()> + 'static) {
    drop(tokio::task::spawn_local(task));
}

/// Starts a task that outlives who has begun it: a `Drop` cannot wait for what it undoes.
///
/// Nobody joins it. It ends when it is done or with this thread's runtime, so that it has to have a deadline of its own.
#[expect(clippy::disallowed_methods, reason = "this is the room that spawns")]
pub fn detached(task: impl Future<Output = ()> + Send + 'static) {
    drop(tokio::spawn(task));
}

/// A task whose panic is logged under its name. `JoinSet` would keep the panic to itself until the join.
async fn guarded(group: &'static str, name: Cow<'static, str>, task: impl Future<Output = ()> + 'static) {
    let mut task: Pin<Box<dyn Future<Output = ()>>> = Box::pin(task);
    std::future::poll_fn(
        move |context| match catch_unwind(AssertUnwindSafe(|| task.as_mut().poll(context))) {
            Ok(poll) => poll,
            Err(panic) => {
                tracing::error!(group, task = %name, panic = message(&*panic), "a task panicked");
                Poll::Ready(())
            }
        },
    )
    .await;
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&'static str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use tokio::sync::oneshot;

    use super::*;

    fn local(test: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        tokio::task::LocalSet::new().block_on(&runtime.unwrap(), test);
    }

    #[test]
    fn a_panic_ends_its_own_task_and_no_other() {
        local(async {
            let group = Group::new("test");
            let (send, receive) = oneshot::channel();
            let (ask, asked) = oneshot::channel();
            group.spawn_local("bad", async { panic!("on purpose") });
            group.spawn_local("good", async move {
                asked.await.unwrap();
                send.send(()).unwrap();
            });
            tokio::task::yield_now().await;
            ask.send(()).unwrap();
            receive.await.unwrap();
            assert_eq!(group.join(Duration::from_secs(10)).await, 0);
        });
    }

    #[test]
    fn dropping_a_group_cancels_its_tasks() {
        local(async {
            let group = Group::new("test");
            let (send, receive) = oneshot::channel::<()>();
            group.spawn_local("endless", async move {
                std::future::pending::<()>().await;
                drop(send);
            });
            tokio::task::yield_now().await;
            drop(group);
            assert!(receive.await.is_err());
        });
    }

    #[test]
    fn join_waits_for_its_patience_and_says_how_many_it_cancelled() {
        local(async {
            let group = Group::new("test");
            let ended = Rc::new(Cell::new(false));
            let flag = ended.clone();
            group.spawn_local("slow", async move {
                tokio::time::sleep(Duration::from_millis(10)).await;
                flag.set(true);
            });
            group.spawn_local("endless", std::future::pending());
            assert_eq!(group.join(Duration::from_millis(200)).await, 1);
            assert!(ended.get());
        });
    }

    #[test]
    fn tasks_that_are_over_are_not_kept() {
        local(async {
            let group = Group::new("test");
            for _ in 0..100 {
                group.spawn_local("short", async {});
                tokio::task::yield_now().await;
            }
            assert!(group.len() <= 1, "{}", group.len());
        });
    }
}
