//! All clients at once: how many of each kind, and how they end.

use std::rc::Rc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::context::Context;
use super::front::Front;
use super::{http1, http2, websocket};
use crate::cli::commands::demo::tally::{RequestKind, Tally};

/// How long clients may take to finish what they had begun.
const FAREWELL: Duration = Duration::from_secs(8);

/// All clients.
pub(crate) struct Load {
    context: Rc<Context>,
    clients: JoinSet<()>,
}

impl Load {
    /// Starts them all.
    pub(crate) fn start(front: Front, tally: Rc<Tally>) -> Self {
        let context = Rc::new(Context::new(front, tally));
        let mut clients = JoinSet::new();
        for (kind, number) in [
            (RequestKind::Get, 6),
            (RequestKind::NewConnection, 2),
            (RequestKind::Post, 4),
            (RequestKind::Slow, 6),
            (RequestKind::Streamed, 4),
            (RequestKind::Events, 3),
            (RequestKind::Http2, 2),
            (RequestKind::WebSocket, 8),
        ] {
            for _ in 0..number {
                let context = Rc::clone(&context);
                match kind {
                    RequestKind::Http2 => clients.spawn_local(http2::run(context)),
                    RequestKind::WebSocket => clients.spawn_local(websocket::run(context)),
                    RequestKind::Get
                    | RequestKind::NewConnection
                    | RequestKind::Post
                    | RequestKind::Slow
                    | RequestKind::Streamed
                    | RequestKind::Events => clients.spawn_local(http1::run(context, kind)),
                };
            }
        }
        Self { context, clients }
    }

    /// Lets every client finish its request.
    pub(crate) async fn stop(mut self) {
        self.context.stop();
        let all = async { while self.clients.join_next().await.is_some() {} };
        // What is not done by then ends uncounted: the swaps are over, and with them what we measure.
        let _ = tokio::time::timeout(FAREWELL, all).await;
    }
}
