//! The commands of a deployment: the daemon is asked for each before it runs, and told how it ended.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::child::{self, Ended, Group, told};
use super::kept::Output;
use super::show::Show;
use crate::cli::client::{Client, ClientError};
use crate::model::api::{CommandBegun, CommandEnded, Stage, Step, StepRequest, exit, millis};
use crate::model::course::{Ran, Task};

/// Between two questions whether a side has drained, and between two tries to ask at all.
const AGAIN: Duration = Duration::from_millis(100);

/// How long a daemon is tried that does not take a word, though our lock says that it is there: its socket takes so many at once.
const PATIENCE: Duration = Duration::from_secs(10);

/// Runs the commands.
pub(super) struct Steps<'a> {
    client: &'a Client,
    group: &'a Group,
    show: &'a Show,
    /// Whether the lock went away, and the daemon with it.
    lost: Cell<bool>,
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
            lost: Cell::default(),
            left_behind: RefCell::default(),
        }
    }

    /// The lock went away: nobody is tried any more.
    pub(super) fn lose(&self) {
        self.lost.set(true);
    }

    /// There is a lock again.
    pub(super) fn hold(&self) {
        self.lost.set(false);
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
                Err(error) => {
                    self.unheard(error);
                    return (false, true);
                }
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
        match self.tell(operation, Step::Ended(record)).await {
            Ok(()) => false,
            Err(error) => {
                self.unheard(error);
                true
            }
        }
    }

    /// Says why the daemon could not be asked, where it has not gone away: that is said at the end.
    fn unheard(&self, error: ClientError) {
        if !self.lost.get() && !matches!(error, ClientError::Refused(_)) {
            self.show.trouble(&error.into());
        }
    }

    /// Tells the daemon of a command, and tries that for a while as long as we hold its lock.
    async fn tell(&self, operation: Option<u64>, step: Step) -> Result<(), ClientError> {
        let operation = operation.ok_or(ClientError::Cut)?;
        let request = StepRequest { operation, step };
        let until = Instant::now() + PATIENCE;
        loop {
            let told = self.client.post::<serde_json::Value>("/v1/deploy/step", &request).await;
            match told.map(drop) {
                Err(error) if !matches!(error, ClientError::Refused(_)) && Instant::now() < until => {
                    sleep(AGAIN).await;
                    if self.lost.get() {
                        return Err(error);
                    }
                }
                told => return told,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::UnixListener;

    use super::*;
    use crate::model::api::Kind;
    use crate::model::deploy::CommandLine;

    fn task(argv: &[&str]) -> Task {
        let command = CommandLine {
            argv: argv.iter().copied().map(str::to_owned).collect(),
            cwd: None,
            env: BTreeMap::new(),
            only_if: Vec::new(),
        };
        Task {
            stage: Stage::Before,
            service: None,
            slot: None,
            command,
        }
    }

    /// Runs a command under a daemon that closes this many connections before it answers one.
    async fn run(argv: &[&str], closes: usize, lost: bool) -> (Ran, bool, usize) {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("control.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let seen = Cell::new(0);
        let daemon = async {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                seen.set(seen.get() + 1);
                if seen.get() <= closes {
                    continue;
                }
                let mut request = Vec::new();
                // A request of these ends with its body.
                while !request.ends_with(b"}}}") {
                    assert!(stream.read_buf(&mut request).await.unwrap() > 0);
                }
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
                stream.write_all(answer).await.unwrap();
            }
        };
        let (client, group, show) = (
            Client::new(socket),
            Group::default(),
            Show::new("prod", Kind::Swap, true),
        );
        let steps = Steps::new(&client, &group, &show);
        if lost {
            steps.lose();
        }
        let (_end, ending) = watch::channel(false);
        let task = task(argv);
        let steps = async { steps.run(Some(1), &task, ending).await };
        tokio::select! {
            (ran, troubled) = steps => (ran, troubled, seen.get()),
            () = daemon => unreachable!(),
        }
    }

    #[tokio::test]
    async fn a_daemon_that_closes_a_connection_is_asked_again_as_long_as_it_holds_the_lock() {
        assert_eq!(run(&["true"], 2, false).await, (Ran::Well, false, 4));
        assert_eq!(run(&["true"], 2, true).await, (Ran::Denied, true, 1));
    }
}
