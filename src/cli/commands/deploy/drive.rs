//! Carries out a deployment: does what the [`Course`] says, tells it how that ended, and what happened meanwhile.

use std::pin::pin;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::child::{Group, told};
use super::hold::{self, Hold};
use super::show::Show;
use super::steps::Steps;
use crate::cli::client::{Client, ClientError};
use crate::cli::exit::{Outcome, Stop};
use crate::cli::signals::Interruptions;
use crate::model::api::{
    DeployOutcome, DeployPlan, DeployRequest, Event, OperationRequest, ReleaseRequest, SwapStep, exit,
};
use crate::model::course::{Act, Course, Input, Locked, Reaction, Script, Swapped};
use crate::model::slot::Generation;

/// How long the loss of the lock may come behind what else shows that the daemon went away.
const SETTLE: Duration = Duration::from_millis(500);

/// A deployment, and what it needs.
pub(super) struct Deployment<'a> {
    /// The way to the daemon.
    pub(super) client: &'a Client,
    /// How the lock was asked for.
    pub(super) lock: DeployRequest,
    /// How the swap is going to be asked for.
    pub(super) swap: OperationRequest,
    /// Whether the old side's drain is waited for.
    pub(super) waits: bool,
    /// How long a daemon that went away may take to come back.
    pub(super) patience: Duration,
    /// When it has to be over.
    pub(super) until: Option<Instant>,
    /// What people and scripts see of it.
    pub(super) show: &'a Show,
}

impl Deployment<'_> {
    /// From the lock to the end.
    ///
    /// # Errors
    /// A second interruption ends it at once.
    pub(super) async fn run(&self, script: Script, hold: Hold, interruptions: &mut Interruptions) -> Outcome {
        let (group, mut interrupted) = (Group::default(), false);
        let mut until = self.until;
        let plan = hold.plan.clone();
        let steps = Steps::new(self.client, &group, self.show);
        let (mut course, mut act) = Course::begin(script, plan.generation);
        let mut hold = Some(hold);
        loop {
            if let Act::End(ending) = &act {
                self.show.ending(ending, plan.live, plan.idle);
                return Ok(ending.code());
            }
            let is_release = matches!(act, Act::Release(_));
            let operation = hold.as_ref().map(|hold| hold.operation);
            let (end, ending) = watch::channel(false);
            let mut performed = pin!(self.perform(act, operation, &plan, &steps, ending));
            let done = loop {
                let why = tokio::select! {
                    biased;
                    () = interruptions.next() => {
                        if std::mem::replace(&mut interrupted, true) {
                            group.kill();
                            return Err(self.at_once(&course));
                        }
                        "interrupted"
                    }
                    () = sleep_until(until.unwrap_or_else(Instant::now)), if until.is_some() => {
                        until = None;
                        "`--timeout` is over"
                    }
                    () = gone(&mut hold) => {
                        course.lose();
                        steps.lose();
                        hold = None;
                        continue;
                    }
                    done = &mut performed => break done,
                };
                let reaction = course.interrupt();
                self.show.interrupted(why, reaction, course.is_before_the_switch());
                if reaction == Reaction::End {
                    let _ = end.send(true);
                }
            };
            if done.troubled && hold.is_some() && timeout(SETTLE, gone(&mut hold)).await.is_ok() {
                course.lose();
                hold = None;
            }
            if let Some(held) = done.hold {
                steps.hold();
                hold = Some(held);
            }
            if is_release && let Some(released) = hold.take() {
                released.end().await;
            }
            act = course.handle(done.input);
        }
    }

    /// Does one act.
    async fn perform(
        &self,
        act: Act,
        operation: Option<u64>,
        plan: &DeployPlan,
        steps: &Steps<'_>,
        ending: watch::Receiver<bool>,
    ) -> Done {
        let mut ended = ending.clone();
        match act {
            Act::Run(task) => {
                let (ran, troubled) = steps.run(operation, &task, ending).await;
                Done {
                    troubled,
                    ..Done::new(Input::Ran(ran))
                }
            }
            Act::Explain(log) => {
                steps.explain(operation, &log, ending).await;
                Done::new(Input::Shown)
            }
            Act::Gate => {
                let request = OperationRequest {
                    gate_only: true,
                    ..self.swap.clone()
                };
                tokio::select! {
                    (swapped, troubled) = self.operate(request, operation) => Done {
                        troubled,
                        ..Done::new(Input::Gated(match swapped {
                            Swapped::Done(_) => Some(exit::DONE),
                            Swapped::Refused(code) => Some(code),
                            Swapped::RolledBack(_) | Swapped::Failed { .. } | Swapped::NotAwaited | Swapped::Unwatched => None,
                        }))
                    },
                    () = told(&mut ended) => Done::new(Input::Gated(None)),
                }
            }
            Act::Swap => tokio::select! {
                (swapped, troubled) = self.operate(self.swap.clone(), operation) => Done {
                    troubled,
                    ..Done::new(Input::Swapped(swapped))
                },
                () = told(&mut ended) => Done::new(Input::Swapped(Swapped::Unwatched)),
            },
            Act::Lock { since, switched } => tokio::select! {
                done = self.lock_again(since, switched, plan) => done,
                () = told(&mut ended) => Done::new(Input::Locked(Locked::Unreachable)),
            },
            Act::Keep(time) => {
                self.show.keeping(time);
                tokio::select! {
                    () = sleep(time) => {}
                    () = told(&mut ended) => {}
                }
                Done::new(Input::Kept)
            }
            Act::Release(outcome) => {
                self.release(operation, outcome).await;
                Done::new(Input::Released)
            }
            Act::End(_) => Done::new(Input::Released),
        }
    }

    /// Takes the lock again where both sides are as `plan` knew them; `switched` says that its idle one has to be live.
    async fn lock_again(&self, since: Generation, switched: bool, plan: &DeployPlan) -> Done {
        let seen = self.show.lines_alone();
        let live = if switched { plan.idle } else { plan.live };
        let changed = |now: &DeployPlan| match now.live == live {
            true => Locked::Changed,
            false => Locked::Switched,
        };
        let locked = match Hold::retake(self.client, &self.lock, since, self.patience, seen).await {
            Ok(hold) if hold.plan.live == live && plan.is_where_it_was(&hold.plan) => {
                return Done {
                    hold: Some(hold),
                    ..Done::new(Input::Locked(Locked::Ours))
                };
            }
            Ok(hold) => {
                let locked = changed(&hold.plan);
                self.release(Some(hold.operation), DeployOutcome::Done).await;
                hold.end().await;
                locked
            }
            Err(Locked::Switched) => {
                let now = hold::plan(self.client, self.lock.clone(), |_| {}).await;
                now.map_or(Locked::Switched, |now| changed(&now))
            }
            Err(locked) => locked,
        };
        Done::new(Input::Locked(locked))
    }

    /// A swap, or its gate alone, within the deployment; and whether the daemon may have gone away in it.
    async fn operate(&self, request: OperationRequest, operation: Option<u64>) -> (Swapped, bool) {
        let request = OperationRequest {
            within: operation,
            ..request
        };
        let (mut switched, mut generation) = (false, None);
        let asked = self.client.operate(&request, |line| {
            self.show.swap(line);
            match &line.event {
                Some(Event::Swap(SwapStep::Switched { generation: now, .. })) => {
                    (switched, generation) = (true, Some(*now));
                    if !self.waits {
                        return std::ops::ControlFlow::Break(exit::DONE);
                    }
                }
                Some(Event::Swap(
                    SwapStep::Done { generation: now, .. } | SwapStep::RolledBack { generation: now, .. },
                )) => generation = Some(*now),
                Some(_) | None => {}
            }
            std::ops::ControlFlow::Continue(())
        });
        match asked.await {
            Ok(exit::DONE) if switched && !self.waits => (Swapped::NotAwaited, false),
            Ok(exit::DONE) => (Swapped::Done(generation.unwrap_or_default()), false),
            Ok(exit::ROLLED_BACK) => (Swapped::RolledBack(generation.unwrap_or_default()), false),
            Ok(exit::FAILED) => (Swapped::Failed { switched }, true),
            Ok(code) => (Swapped::Refused(code), false),
            Err(ClientError::Refused(problem)) => {
                let code = problem.code;
                self.show.trouble(&problem.into());
                (Swapped::Refused(code), false)
            }
            Err(error) => {
                self.show.trouble(&error.into());
                (Swapped::Failed { switched }, true)
            }
        }
    }

    async fn release(&self, operation: Option<u64>, outcome: DeployOutcome) {
        let Some(operation) = operation else { return };
        let request = ReleaseRequest {
            operation,
            outcome,
            reason: None,
        };
        // Where the daemon does not hear it, the lock goes with our connection.
        let _ = self
            .client
            .post::<serde_json::Value>("/v1/deploy/release", &request)
            .await;
    }

    /// What a second interruption leaves.
    fn at_once(&self, course: &Course) -> Stop {
        let environment = &self.lock.environment;
        let look = format!("`proxyctl status {environment}` shows what is live");
        if course.is_before_the_switch() {
            Stop::failed("ended at once; nothing was switched, and what was started may still run").hint(look)
        } else {
            Stop::new(
                exit::STOPPED_WAITING,
                "ended at once; the switch stays as it is, and neither side was stopped",
            )
            .hint(look)
        }
    }
}

/// How an act ended.
struct Done {
    input: Input,
    /// The lock, where the act has taken it.
    hold: Option<Hold>,
    /// Whether the daemon may have gone away.
    troubled: bool,
}

impl Done {
    fn new(input: Input) -> Self {
        Self {
            input,
            hold: None,
            troubled: false,
        }
    }
}

/// Resolves when the lock is gone; never while there is none.
async fn gone(hold: &mut Option<Hold>) {
    match hold {
        Some(hold) => hold.gone().await,
        None => std::future::pending().await,
    }
}
