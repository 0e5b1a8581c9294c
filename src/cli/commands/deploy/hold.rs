//! The lock on an environment, which lasts as long as a connection to the daemon: who is killed leaves none behind.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::cli::client::{Client, ClientError, EventLine};
use crate::model::api::{CommonStep, DeployPlan, DeployRequest, DeployStep, Event, exit, millis};
use crate::model::course::Locked;
use crate::model::slot::Generation;

/// Between two tries to reach a daemon that went away.
const AGAIN: Duration = Duration::from_millis(100);

/// How long the last word of a lock that was released may take.
const LAST_WORD: Duration = Duration::from_secs(2);

/// Sees every line that the daemon says.
pub(super) type Watch = Rc<RefCell<dyn FnMut(&EventLine)>>;

/// An environment that is held for us.
#[derive(Debug)]
pub(super) struct Hold {
    /// Number of the deployment.
    pub(super) operation: u64,
    /// What it was given to know.
    pub(super) plan: DeployPlan,
    events: mpsc::UnboundedReceiver<Event>,
    // Dropped with us, and the connection with it.
    _connection: JoinSet<()>,
}

/// Why nothing is held.
#[derive(Debug)]
pub(super) enum NotHeld {
    /// The daemon said no, with this exit code; the reason was seen.
    Refused(u8),
    /// The daemon could not be asked.
    Unasked(ClientError),
}

impl Hold {
    /// Takes the lock, or waits for it as the request says.
    ///
    /// # Errors
    /// Why it is not held.
    pub(super) async fn take(client: &Client, request: DeployRequest, watch: Watch) -> Result<Self, NotHeld> {
        let (tell, mut events) = mpsc::unbounded_channel();
        let (over, mut ended) = mpsc::unbounded_channel();
        let mut connection = JoinSet::new();
        let client = client.clone();
        connection.spawn_local(async move {
            let asked = client.ask("/v1/deploy", &request, |line| {
                (watch.borrow_mut())(line);
                if let Some(event) = &line.event {
                    // Nobody hears it behind the release.
                    let _ = tell.send(event.clone());
                }
                ControlFlow::Continue(())
            });
            let _ = over.send(asked.await);
        });
        while let Some(event) = events.recv().await {
            if let Event::Deploy(DeployStep::Deploying {
                operation: Some(operation),
                plan,
                ..
            }) = event
            {
                return Ok(Self {
                    operation,
                    plan: *plan,
                    events,
                    _connection: connection,
                });
            }
        }
        match ended.recv().await {
            Some(Ok(code)) => Err(NotHeld::Refused(code)),
            Some(Err(error)) => Err(NotHeld::Unasked(error)),
            None => Err(NotHeld::Unasked(ClientError::Cut)),
        }
    }

    /// Takes the lock again if the environment is still at `since`, from a daemon that may have to come back first.
    pub(super) async fn retake(
        client: &Client,
        request: &DeployRequest,
        since: Generation,
        patience: Duration,
        watch: Watch,
    ) -> Result<Self, Locked> {
        let until = Instant::now() + patience;
        let request = DeployRequest {
            since: Some(since),
            wait_ms: Some(millis(patience)),
            ..request.clone()
        };
        loop {
            match Self::take(client, request.clone(), Rc::clone(&watch)).await {
                Ok(hold) => return Ok(hold),
                Err(NotHeld::Refused(exit::BUSY)) => return Err(Locked::Held),
                // One that is stopping fails at it, and is about to go away.
                Err(NotHeld::Refused(exit::FAILED) | NotHeld::Unasked(_)) => match Instant::now() < until {
                    true => sleep(AGAIN).await,
                    false => return Err(Locked::Unreachable),
                },
                Err(NotHeld::Refused(_)) => return Err(Locked::Switched),
            }
        }
    }

    /// Resolves when the environment is no longer held: the daemon went away, or it was released.
    pub(super) async fn gone(&mut self) {
        while self.events.recv().await.is_some() {}
    }

    /// Hears the last word of a lock that was released.
    pub(super) async fn end(mut self) {
        let _ = timeout(LAST_WORD, self.gone()).await;
    }
}

/// Asks what a deployment would do; nothing is held.
///
/// # Errors
/// Why there is no plan. What the daemon has said is in `seen`.
pub(super) async fn plan(
    client: &Client,
    request: DeployRequest,
    mut seen: impl FnMut(&EventLine),
) -> Result<DeployPlan, NotHeld> {
    let mut plan = None;
    let request = DeployRequest {
        dry_run: true,
        ..request
    };
    let asked = client.ask("/v1/deploy", &request, |line| {
        match &line.event {
            Some(Event::Deploy(DeployStep::Deploying { plan: told, .. })) => plan = Some(told.clone()),
            Some(Event::Common(CommonStep::Planned)) => {}
            Some(_) | None => seen(line),
        }
        ControlFlow::Continue(())
    });
    let code = asked.await.map_err(NotHeld::Unasked)?;
    plan.map(|plan| *plan).ok_or(NotHeld::Refused(code))
}
