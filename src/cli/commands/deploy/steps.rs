//! The commands of a deployment: the daemon is asked for each before it runs, and told how it ended.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::child::{self, Ended, Group, told};
use super::kept::Output;
use super::show::Show;
use crate::cli::client::{Client, ClientError};
use crate::model::api::{CommandBegun, CommandEnded, Stage, Step, StepRequest, exit, millis};
use crate::model::course::{Ran, Task};

/// Between two questions whether a side has drained.
const AGAIN: Duration = Duration::from_millis(100);

/// Runs the commands.
pub(super) struct Steps<'a> {
    client: &'a Client,
    group: &'a Group,
    show: &'a Show,
    left_behind: RefCell<LeftBehind>,
}

/// What commands have left behind, with what it has written since.
#[derive(Default)]
struct LeftBehind {
    outputs: Vec<(Rc<RefCell<Output>>, usize)>,
    followed: JoinSet<()>,
}

impl<'a> Steps<'a> {
    /// None has run.
    pub(super) fn new(client: &'a Client, group: &'a Group, show: &'a Show) -> Self {
        Self {
            client,
            group,
            show,
            left_behind: RefCell::default(),
        }
    }

    /// Runs a command under the lock of `operation`; and says whether the daemon may have gone away.
    pub(super) async fn run(&self, operation: Option<u64>, task: &Task, ending: watch::Receiver<bool>) -> (Ran, bool) {
        for condition in &task.command.only_if {
            match child::holds(condition, &task.command, ending.clone()).await {
                Ok(true) => {}
                Ok(false) => return (Ran::Well, false),
                Err(why) => {
                    let (granted, troubled) = self.begin(operation, task, ending.clone()).await;
                    if granted {
                        self.end(operation, task, &Ended::unstarted(why)).await;
                    }
                    return (if granted { Ran::Badly } else { Ran::Denied }, troubled);
                }
            }
        }
        let (granted, troubled) = self.begin(operation, task, ending.clone()).await;
        if !granted {
            return (Ran::Denied, troubled);
        }
        let running = self.show.running(task);
        let mut ended = child::run(&task.command, ending, self.group, |line| self.show.said(task, line)).await;
        drop(running);
        let troubled = self.end(operation, task, &ended).await;
        if let Some(receiver) = ended.held.take() {
            self.show.left_behind(task);
            let mut left = self.left_behind.borrow_mut();
            let seen = ended.output.borrow().lines();
            left.outputs.push((Rc::clone(&ended.output), seen));
            left.followed
                .spawn_local(child::follow(receiver, Rc::clone(&ended.output)));
        }
        let ran = if ended.exit == Some(0) { Ran::Well } else { Ran::Badly };
        (ran, troubled)
    }

    /// Shows what the candidate has written into its log, or where we have been left to hear it.
    pub(super) async fn explain(&self, operation: Option<u64>, log: &[Task], ending: watch::Receiver<bool>) {
        for task in log {
            self.run(operation, task, ending.clone()).await;
        }
        for (output, seen) in &self.left_behind.borrow().outputs {
            let output = output.borrow();
            self.show.tail(&output.tail(output.lines().saturating_sub(*seen)));
        }
    }

    /// Whether the daemon lets a command begin. A side that is to be stopped and still drains is waited for.
    async fn begin(&self, operation: Option<u64>, task: &Task, mut ending: watch::Receiver<bool>) -> (bool, bool) {
        let begun = CommandBegun {
            step: task.stage,
            service: task.service.clone(),
            slot: task.slot,
            command: task.command.argv.clone(),
        };
        loop {
            match self.tell(operation, Step::Begun(begun.clone())).await {
                Ok(()) => return (true, false),
                Err(ClientError::Refused(problem)) if problem.code == exit::BUSY && task.stage == Stage::Stop => {
                    self.show.waits(task, &problem.reason);
                    tokio::select! {
                        () = sleep(AGAIN) => {}
                        () = told(&mut ending) => return (false, false),
                    }
                }
                // It is stopping; what begins now is asked of the one that comes after it.
                Err(ClientError::Refused(problem)) if problem.code == exit::FAILED => return (false, true),
                Err(ClientError::Refused(problem)) => {
                    self.show.denied(task, &problem);
                    return (false, false);
                }
                Err(_) => return (false, true),
            }
        }
    }

    /// Tells the daemon how a command ended, and everybody else; whether the daemon may have gone away.
    async fn end(&self, operation: Option<u64>, task: &Task, ended: &Ended) -> bool {
        let record = CommandEnded {
            step: task.stage,
            service: task.service.clone(),
            slot: task.slot,
            command: task.command.argv.clone(),
            exit: ended.exit,
            signal: ended.signal,
            error: ended.error.clone(),
            output: ended.output.borrow().text(),
            elapsed_ms: millis(ended.elapsed),
        };
        self.show.ran(task, &record);
        self.tell(operation, Step::Ended(record)).await.is_err()
    }

    async fn tell(&self, operation: Option<u64>, step: Step) -> Result<(), ClientError> {
        let operation = operation.ok_or(ClientError::Cut)?;
        let request = StepRequest { operation, step };
        self.client
            .post::<serde_json::Value>("/v1/deploy/step", &request)
            .await
            .map(drop)
    }
}
