//! The processes before this one that still drain: what they wait for, and whether one of them still has something inside of an app.
//! Each speaks of those before it too, and ends after them.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use tokio::net::UnixStream;
use tokio::net::unix::OwnedWriteHalf;
use tokio::sync::watch;

use super::wire::{self, Heard};
use crate::control::ports::Elders;
use crate::model::handoff::{EarlierProcess, Inside, Order, Word};
use crate::model::slot::Address;
use crate::tasks::Group;

/// Those that still drain.
#[derive(Debug, Clone, Default)]
pub(in crate::control::daemon) struct EarlierProcesses(Rc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    before: RefCell<Option<Before>>,
    changed: watch::Sender<()>,
}

/// The process that this one has replaced.
#[derive(Debug)]
struct Before {
    known: EarlierProcess,
    /// Taken while something is said.
    say: Option<OwnedWriteHalf>,
    /// What is inside of apps; `None` before its first word: it may have anything anywhere.
    inside: Option<Vec<Inside>>,
    /// Those before it, oldest first.
    earlier: Vec<EarlierProcess>,
}

impl EarlierProcesses {
    /// Listens to the process that was replaced, until it is gone.
    pub(super) fn follow(&self, known: EarlierProcess, line: UnixStream, tasks: &Group) {
        let (read, write) = line.into_split();
        let mut heard = Heard::new(read);
        let pid = known.pid;
        self.0.before.replace(Some(Before {
            known,
            say: Some(write),
            inside: None,
            earlier: Vec::new(),
        }));
        let own = self.clone();
        tasks.spawn_local("earlier process", async move {
            while let Some(order) = heard.next::<Order>().await {
                if let Order::Drains {
                    connections,
                    inside,
                    earlier,
                } = order
                    && let Some(before) = &mut *own.0.before.borrow_mut()
                {
                    before.known.connections = connections;
                    before.known.requests = inside.iter().map(|it| it.requests).sum();
                    before.known.streams = inside.iter().map(|it| it.streams).sum();
                    before.inside = Some(inside);
                    before.earlier = earlier;
                }
                own.0.changed.send_replace(());
            }
            own.0.before.take();
            own.0.changed.send_replace(());
            tracing::info!(pid, "the process before this one has ended");
        });
    }

    /// Whether all of them have ended.
    pub(in crate::control::daemon) fn are_gone(&self) -> bool {
        self.0.before.borrow().is_none()
    }

    /// Something was heard of them.
    pub(in crate::control::daemon) fn changes(&self) -> watch::Receiver<()> {
        self.0.changed.subscribe()
    }

    /// What they have inside of apps.
    pub(in crate::control::daemon) fn all_inside(&self) -> Vec<Inside> {
        let before = self.0.before.borrow();
        before
            .as_ref()
            .and_then(|before| before.inside.clone())
            .unwrap_or_default()
    }
}

impl Elders for EarlierProcesses {
    fn report(&self) -> Vec<EarlierProcess> {
        let before = self.0.before.borrow();
        let all = |before: &Before| before.earlier.iter().chain([&before.known]).cloned().collect();
        before.as_ref().map(all).unwrap_or_default()
    }

    fn inside(&self, addresses: &[Address]) -> Option<(u64, u64)> {
        let before = self.0.before.borrow();
        let Some(inside) = &before.as_ref()?.inside else {
            return Some((0, 0));
        };
        let of_these = |inside: &&Inside| inside.addresses.iter().any(|it| addresses.contains(it));
        let counts = inside.iter().filter(of_these).map(|it| (it.requests, it.streams));
        counts.reduce(|sum, it| (sum.0 + it.0, sum.1 + it.1))
    }

    fn have_left(&self, addresses: Vec<Address>) -> Pin<Box<dyn Future<Output = ()>>> {
        let (own, mut changed) = (self.clone(), self.0.changed.subscribe());
        Box::pin(async move {
            while Elders::inside(&own, &addresses).is_some() {
                if changed.changed().await.is_err() {
                    return;
                }
            }
        })
    }

    fn hurry(&self, addresses: Vec<Address>) -> Pin<Box<dyn Future<Output = ()>>> {
        let own = self.clone();
        Box::pin(async move {
            let writer = own.0.before.borrow_mut().as_mut().and_then(|before| before.say.take());
            let Some(mut writer) = writer else { return };
            // One that is gone has nothing left to hurry.
            let _ = wire::say(&mut writer, &Word::Hurries { addresses }).await;
            if let Some(before) = &mut *own.0.before.borrow_mut() {
                before.say = Some(writer);
            }
        })
    }
}
