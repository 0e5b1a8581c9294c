//! A stream's life: from the decision about its request to its end. The streams that stand in one place of a connection live it one
//! after the other, so that the next needs no memory and no timer of its own.

use std::convert::Infallible;

use super::stream::Stream;
use super::web_socket;
use crate::http2::error::Code;
use crate::proxy::exchange::serve::{Gone, serve};

/// Gets the answers and passes them on.
pub(crate) async fn live(mut stream: Stream) -> Infallible {
    loop {
        let decision = stream.next().await;
        match serve(decision, &mut stream.upload, &mut stream.deadline).await {
            // Boxed: most streams are none, and should not carry the room for one.
            Ok(reply) if reply.status == 101 => Box::pin(web_socket::run(&mut stream, reply)).await,
            Ok(reply) => stream.pass(reply).await,
            Err(Gone) => stream.wire().reset(stream.number(), Code::CANCEL),
        }
        stream.ends();
    }
}
