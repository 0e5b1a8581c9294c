//! What takes time runs as a task, and reports to the mailbox: the owner never waits.

use std::future::Future;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;

use super::message::Message;
use crate::model::environment::Input;
use crate::tasks::Group;

/// The owner's tasks, and the way back from them.
pub(super) struct Errands {
    mailbox: UnboundedSender<Message>,
    tasks: Group,
}

/// A way to the mailbox for what a task has to say before it is over.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    mailbox: UnboundedSender<Message>,
}

impl Errands {
    pub(super) fn new(mailbox: UnboundedSender<Message>) -> Self {
        Self {
            mailbox,
            tasks: Group::new("switcher"),
        }
    }

    /// Runs a task.
    pub(super) fn run(&self, name: &'static str, task: impl Future<Output = ()> + 'static) {
        self.tasks.spawn_local(name, task);
    }

    pub(super) fn reply(&self) -> Reply {
        let mailbox = self.mailbox.clone();
        Reply { mailbox }
    }

    /// Ends every task.
    pub(super) async fn end(&self) {
        self.tasks.join(Duration::ZERO).await;
    }
}

impl Reply {
    /// Nobody reads any more once the switcher has stopped.
    pub(super) fn send(&self, message: Message) {
        let _ = self.mailbox.send(message);
    }

    pub(super) fn input(&self, environment: usize, input: Input) {
        self.send(Message::Input { environment, input });
    }
}
