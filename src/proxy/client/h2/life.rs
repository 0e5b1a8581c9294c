//! A stream's life: from the decision about its request to its end.

use super::stream::Stream;
use super::web_socket;
use crate::http2::error::Code;
use crate::proxy::exchange::decide::Decision;
use crate::proxy::exchange::serve::{Gone, serve};

/// Gets the answer and passes it on.
pub(crate) async fn live(mut stream: Stream, decision: Decision) {
    match serve(decision, &mut stream.upload, &mut stream.deadline).await {
        // Boxed: most streams are none, and should not carry the room for one.
        Ok(reply) if reply.status == 101 => Box::pin(web_socket::run(&mut stream, reply)).await,
        Ok(reply) => stream.pass(reply).await,
        Err(Gone) => stream.wire().reset(stream.number(), Code::CANCEL),
    }
}
