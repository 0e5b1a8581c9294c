//! The door: what the daemon and `proxyctl` ask of all this.

use std::cell::{Cell, RefCell};
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::{Mutex, Notify, watch};

use super::desk::{Desk, keyed};
use super::send::attempt;
use crate::config::Destination;
use crate::control::served::Current;
use crate::model::api::{NotifyRequest, NotifyResult, NotifyStatus, NotifyTested, Problem, exit, millis};
use crate::model::notify::{Schedule, Verdict, test};
use crate::proxy::Times;
use crate::tasks::Group;

/// What happened at the very end may take so long to be heard, and so long again to be put down.
const LAST: Duration = Duration::from_secs(1);

/// Tells operators. A clone is another handle of the same.
#[derive(Debug, Clone)]
pub(in crate::control) struct Notifier(pub(super) Rc<Desk>);

impl Notifier {
    /// Sends nothing yet, and touches no file.
    pub(in crate::control) fn new(current: &Current, folder: &Path, times: &Times) -> Self {
        let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let machine = machine.trim().to_owned();
        Self(Rc::new(Desk {
            current: current.clone(),
            folder: folder.to_owned(),
            machine,
            schedule: Schedule {
                first: times.notify_first,
                longest: times.notify_longest,
                all: times.notify_for,
            },
            deadline: times.notify_answer,
            look: times.notify_look,
            operations: RefCell::default(),
            kept: RefCell::default(),
            place: RefCell::default(),
            gone: Cell::new(false),
            busy: watch::Sender::new(0),
            version: Cell::new(0),
            saved: watch::Sender::new(0),
            changed: Notify::new(),
            writing: Mutex::new(()),
            posts: RefCell::default(),
            tasks: Group::new("notify"),
            listening: Group::new("notify, listening"),
            late: Group::new("notify, late"),
            trouble: RefCell::default(),
            missed: Cell::new(0),
        }))
    }

    /// Another process is the front door: what is under way ends, and then that process sends.
    pub(in crate::control) fn hand_over(&self) {
        let inner = self.0.clone();
        if inner.gone.replace(true) {
            return;
        }
        self.0.tasks.spawn_local("hand-over", async move {
            let mut busy = inner.busy.subscribe();
            let ended = busy.wait_for(|busy| *busy == 0);
            let _ = tokio::time::timeout(inner.deadline, ended).await;
            inner.posts.take();
            if inner.place.borrow().is_some() {
                inner.write().await;
            }
            inner.place.take();
        });
    }

    /// Ends everything, when all that happens has ended; what waits is on disk then.
    pub(in crate::control) async fn close(&self) {
        self.0.listening.join(LAST).await;
        let sends = self.0.place.borrow().is_some() && !self.0.gone.replace(true);
        self.0.posts.take();
        if sends && tokio::time::timeout(LAST, self.0.write()).await.is_err() {
            self.0.in_trouble("the disk does not answer");
        }
        self.0.late.join(LAST).await;
        self.0.tasks.join(Duration::ZERO).await;
        self.0.place.take();
    }

    /// How every destination does, in the order of the file.
    pub(in crate::control) fn status(&self) -> Vec<NotifyStatus> {
        let config = self.0.current.load().config.clone();
        let (posts, kept) = (self.0.posts.borrow(), self.0.kept.borrow());
        let status = |(number, (key, destination)): (usize, (String, &Destination))| {
            let post = posts.get(&key);
            let (waiting, dropped, given_up) = kept.outbox.counts(&key);
            let failing = post.and_then(|post| post.failing.clone());
            NotifyStatus {
                number: number + 1,
                name: destination.name(),
                format: destination.format.as_str().to_owned(),
                waiting,
                dropped,
                given_up,
                failing_since: failing.as_ref().map(|(since, _)| since.clone()),
                reason: failing.map(|(_, reason)| reason),
                delivered: post.and_then(|post| post.delivered.clone()),
            }
        };
        keyed(&config.notify).enumerate().map(status).collect()
    }

    /// What an operator should know of all that.
    pub(in crate::control) fn trouble(&self) -> Vec<String> {
        let missed = self.0.missed.get();
        let missed = (missed > 0).then(|| format!("{missed} events came too fast to be told in messages"));
        let of_destinations = self.status().into_iter().filter_map(|status| status.trouble());
        of_destinations
            .chain(self.0.trouble.borrow().clone())
            .chain(missed)
            .collect()
    }

    /// Sends a message to one destination or to all, past what waits, and says what came of it.
    ///
    /// # Errors
    /// When there is no such destination.
    pub(in crate::control) async fn test(&self, request: &NotifyRequest, user: &str) -> Result<NotifyTested, Problem> {
        let config = self.0.current.load().config.clone();
        let problem = |reason: String, hint: &str| Problem {
            code: exit::USAGE,
            reason,
            hint: Some(hint.to_owned()),
        };
        if config.notify.is_empty() {
            return Err(problem(
                "nobody is told of anything: the file has no `[[notify]]`".into(),
                "`[[notify]]` with `url = \"https://…\"`, then `proxyctl reload`",
            ));
        }
        let meant = |(number, destination): &(usize, &Destination)| match &request.to {
            None => true,
            Some(to) => *to == number.to_string() || *to == destination.name(),
        };
        let chosen: Vec<_> = (1..).zip(&config.notify).filter(meant).collect();
        if chosen.is_empty() {
            let names = (1..)
                .zip(&config.notify)
                .map(|(number, it): (usize, _)| format!("{number} ({})", it.name()));
            let to = request.to.as_deref().unwrap_or_default();
            let reason = format!("`{}` is no destination", to.escape_debug());
            return Err(problem(
                reason,
                &format!("there are {}", names.collect::<Vec<_>>().join(", ")),
            ));
        }
        let message = self.0.message(test(user));
        let mut results = Vec::new();
        let deadline = self.0.deadline;
        for (number, destination) in chosen {
            let (destination, message) = (destination.clone(), message.clone());
            // Side by side, so that one that hangs holds up no other.
            let group = Group::new("notify test");
            let (send, receive) = tokio::sync::oneshot::channel();
            group.spawn_local("attempt", async move {
                let outcome = attempt(&destination, &message, deadline, &mut None).await;
                let (delivered, reason) = match outcome.verdict {
                    Verdict::Delivered => (true, None),
                    Verdict::Later { why, .. } | Verdict::Never(why) => (false, Some(why)),
                };
                // Who has asked may be gone.
                let _ = send.send(NotifyResult {
                    number,
                    name: destination.name(),
                    delivered,
                    status: outcome.status,
                    reason,
                    answer: outcome.answer,
                    elapsed_ms: millis(outcome.took),
                });
            });
            results.push((group, receive));
        }
        let mut tested = NotifyTested { results: Vec::new() };
        for (_group, receive) in results {
            tested.results.extend(receive.await.ok());
        }
        Ok(tested)
    }
}
