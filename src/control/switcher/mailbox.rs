//! The way to the owner of every switch.

use std::future::Future;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::message::{Begun, Message};
use super::owner::{Owner, Parts};
use super::request::{Report, Request};
use crate::model::api::{CommonStep, Event, Parity, Problem, ReleaseRequest, STOPPING, StepRequest, exit};
use crate::model::history::Caller;
use crate::model::slot::Address;

/// A way to the switcher's mailbox.
#[derive(Debug, Clone)]
pub(in crate::control) struct Switcher {
    mailbox: mpsc::UnboundedSender<Message>,
}

impl Switcher {
    /// The handle, and the task: it has to be spawned on the control thread's `LocalSet`, and ends after [`Switcher::stop`].
    pub(in crate::control) fn start(parts: Parts) -> (Self, impl Future<Output = ()> + 'static) {
        let (mailbox, mail) = mpsc::unbounded_channel();
        let owner = Owner::new(parts, mailbox.clone());
        (Self { mailbox }, owner.run(mail))
    }

    /// Asks for something. The last event of the stream is final. To drop the receiver is only to stop watching, except for
    /// what is attached to its stream: a deployment, and a pause that was asked for so.
    pub(in crate::control) fn ask(&self, request: Request, caller: Caller) -> mpsc::UnboundedReceiver<Event> {
        let (stream, events) = mpsc::unbounded_channel();
        let asked = Message::Ask {
            request,
            caller,
            stream,
        };
        if let Err(mpsc::error::SendError(Message::Ask { stream, .. })) = self.mailbox.send(asked) {
            let reason = STOPPING.into();
            // The receiver is still in our hands.
            let _ = stream.send(Event::Common(CommonStep::Failed { reason, live: None }));
        }
        events
    }

    /// A command of a deployment is about to run, if the answer is yes; or it has run.
    pub(in crate::control) async fn step(&self, request: StepRequest, caller: Caller) -> Result<(), Problem> {
        let (reply, answer) = oneshot::channel();
        let _ = self.mailbox.send(Message::Step { request, caller, reply });
        answer.await.unwrap_or_else(|_| Err(stopping()))
    }

    /// A deployment is over.
    pub(in crate::control) async fn release(&self, request: ReleaseRequest, caller: Caller) -> Result<(), Problem> {
        let (reply, answer) = oneshot::channel();
        let _ = self.mailbox.send(Message::Release { request, caller, reply });
        answer.await.unwrap_or_else(|_| Err(stopping()))
    }

    /// How every environment is.
    pub(in crate::control) async fn report(&self) -> Report {
        let (reply, status) = oneshot::channel();
        let _ = self.mailbox.send(Message::Status { reply });
        status.await.unwrap_or_default()
    }

    /// What differs between two environments, and should not.
    ///
    /// # Errors
    /// An environment that is not there.
    pub(in crate::control) async fn parity(&self, a: String, b: String) -> Result<Parity, Problem> {
        let (reply, compared) = oneshot::channel();
        let _ = self.mailbox.send(Message::Parity { a, b, reply });
        compared.await.unwrap_or_else(|_| Err(stopping()))
    }

    /// Waits until every live instance was probed once, at most `deadline`.
    pub(in crate::control) async fn first_probes(&self, deadline: Duration) {
        let (reply, probed) = oneshot::channel();
        let _ = self.mailbox.send(Message::FirstProbes { reply });
        let _ = timeout(deadline, probed).await;
    }

    /// The process before this one lets it take over: it may save, and begin what begins by itself.
    pub(in crate::control) fn take_leave(&self) {
        let _ = self.mailbox.send(Message::Leave);
    }

    /// What was begun and has not ended.
    pub(in crate::control) async fn begun(&self) -> Begun {
        let (reply, begun) = oneshot::channel();
        let _ = self.mailbox.send(Message::Begun { reply });
        begun.await.unwrap_or_default()
    }

    /// What is inside of apps at these addresses is to end politely now.
    pub(in crate::control) fn hurry(&self, addresses: Vec<Address>) {
        let _ = self.mailbox.send(Message::Hurry { addresses });
    }

    /// Answers everybody who still waits, and ends the task. Saves that have begun are finished.
    pub(in crate::control) async fn stop(&self) {
        let (reply, stopped) = oneshot::channel();
        let _ = self.mailbox.send(Message::Stop { reply });
        let _ = stopped.await;
    }
}

fn stopping() -> Problem {
    Problem {
        code: exit::FAILED,
        reason: STOPPING.into(),
        hint: None,
    }
}
