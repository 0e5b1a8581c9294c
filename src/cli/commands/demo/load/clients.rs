//! All clients at once: how many of each kind, and how they end.

use std::rc::Rc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::context::Context;
use super::front::Front;
use super::{http1, http2, websocket};
use crate::cli::commands::demo::tally::{Kind, Tally};

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
    pub(crate) async fn stop(mut self) {
        self.context.stop();
        let all = async { while self.clients.join_next().await.is_some() {} };
        // What is not done by then ends uncounted: the swaps are over, and with them what we measure.
        let _ = tokio::time::timeout(FAREWELL, all).await;
    }
}
