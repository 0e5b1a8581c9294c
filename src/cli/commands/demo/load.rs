//! Clients that never pause: every kind of request, over TLS, at a steady rate, and every answer is checked.

mod front;
mod http1;
mod http2;
mod websocket;

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use tokio::task::JoinSet;

pub(super) use self::front::Front;
use super::tally::{Failure, Kind, Tally};
use crate::model::slot::Slot;

/// How long any answer may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long clients may take to finish what they had begun.
const FAREWELL: Duration = Duration::from_secs(8);
/// After a failure, so that a broken proxy is not stormed.
const BREATH: Duration = Duration::from_millis(100);

/// All clients.
pub(super) struct Load {
    context: Rc<Context>,
    clients: JoinSet<()>,
}

/// What clients share.
struct Context {
    front: Front,
    tally: Rc<Tally>,
    stopping: Cell<bool>,
    posts: Cell<u64>,
}

impl Load {
    /// Starts them all.
    pub(super) fn start(front: Front, tally: Rc<Tally>) -> Self {
        let context = Rc::new(Context {
            front,
            tally,
            stopping: Cell::new(false),
            posts: Cell::new(0),
        });
        let mut clients = JoinSet::new();
        for (kind, number) in [
            (Kind::Get, 6),
            (Kind::NewConnection, 2),
            (Kind::Post, 4),
            (Kind::Slow, 6),
            (Kind::Streamed, 4),
            (Kind::Events, 3),
            (Kind::Http2, 2),
            (Kind::WebSocket, 8),
        ] {
            for _ in 0..number {
                let context = Rc::clone(&context);
                match kind {
                    Kind::Http2 => clients.spawn_local(http2::run(context)),
                    Kind::WebSocket => clients.spawn_local(websocket::run(context)),
                    Kind::Get | Kind::NewConnection | Kind::Post | Kind::Slow | Kind::Streamed | Kind::Events => {
                        clients.spawn_local(http1::run(context, kind))
                    }
                };
            }
        }
        Self { context, clients }
    }

    /// Lets every client finish its request.
    pub(super) async fn stop(mut self) {
        self.context.stopping.set(true);
        let all = async { while self.clients.join_next().await.is_some() {} };
        // What is not done by then ends uncounted: the swaps are over, and with them what we measure.
        let _ = tokio::time::timeout(FAREWELL, all).await;
    }
}

impl Context {
    fn goes_on(&self) -> bool {
        !self.stopping.get()
    }

    /// The next POST's id; no two POSTs have the same.
    fn next_post(&self) -> u64 {
        self.posts.update(|id| id + 1);
        self.posts.get()
    }

    /// Runs and counts one request.
    async fn count(&self, kind: Kind, request: impl Future<Output = Result<Option<Slot>, Failure>>) -> bool {
        let begun = self.tally.begin();
        let outcome = match tokio::time::timeout(PATIENCE, request).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Failure::new(
                "timeout",
                format!("no answer within {} s", PATIENCE.as_secs()),
            )),
        };
        let well = outcome.is_ok();
        self.tally.end(kind, &begun, outcome);
        if !well {
            tokio::time::sleep(BREATH).await;
        }
        well
    }
}
