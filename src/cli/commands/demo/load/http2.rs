//! HTTP/2 clients: several requests at once on one connection, which is kept as long as the front door lets them.

use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http::Version;
use http_body_util::Full;
use hyper::client::conn::http2::{self, SendRequest};
use tokio::task::JoinSet;

use super::context::Context;
use super::front::{Answer, no_head};
use super::http1;
use crate::cli::commands::demo::tally::{Failure, RequestKind};
use crate::cli::commands::demo::tasks::Tasks;
use crate::cli::io::HyperIo;
use crate::model::slot::Slot;

/// Requests at once on one connection.
const AT_ONCE: usize = 4;
/// Between two such handfuls.
const PAUSE: Duration = Duration::from_millis(50);

type Sender = SendRequest<Full<Bytes>>;

/// Asks until the demo ends.
pub(super) async fn run(context: Rc<Context>) {
    let mut kept: Option<(Sender, Tasks)> = None;
    while context.goes_on() {
        // After a GOAWAY the next handful goes to a new connection.
        let usable = match &mut kept {
            Some((sender, _)) => sender.ready().await.is_ok() && !sender.is_closed(),
            None => false,
        };
        if !usable {
            kept = None;
            match open(&context).await {
                Ok(opened) => kept = Some(opened),
                Err(failure) => {
                    context.count(RequestKind::Http2, async { Err(failure) }).await;
                    continue;
                }
            }
        }
        let Some((sender, _)) = &kept else { continue };
        let mut handful = JoinSet::new();
        for index in 0..AT_ONCE {
            let (context, sender) = (Rc::clone(&context), sender.clone());
            handful.spawn_local(async move {
                context
                    .count(RequestKind::Http2, ask(&context, sender, index % 2 == 1))
                    .await
            });
        }
        while let Some(well) = handful.join_next().await {
            if !matches!(well, Ok(true)) {
                kept = None;
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn open(context: &Context) -> Result<(Sender, Tasks), Failure> {
    let (stream, tasks) = (context.front.connect_http2().await?, Tasks::default());
    let (sender, connection) = http2::handshake(tasks.clone(), HyperIo::new(stream))
        .await
        .map_err(|error| no_head(&error))?;
    tasks.spawn(async move {
        // Its errors reach us through the exchanges.
        let _ = connection.await;
    });
    Ok((sender, tasks))
}

async fn ask(context: &Context, mut sender: Sender, posts: bool) -> Result<Option<Slot>, Failure> {
    let post = posts.then(|| (context.next_post(), http1::body()));
    let request = context
        .front
        .request(RequestKind::Http2, Version::HTTP_2, post.clone())?;
    let response = sender.send_request(request).await.map_err(|error| no_head(&error))?;
    Answer::read(response).await?.check(RequestKind::Http2, post.as_ref())
}
