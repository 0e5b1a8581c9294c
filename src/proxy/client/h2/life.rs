//! A stream's life: from the decision about its request to its end. The streams that stand in one place of a connection live it one
//! after the other, so that the next needs no memory and no timer of its own.

use std::convert::Infallible;
use std::rc::Rc;
use std::time::Duration;

use super::channel::Channel;
use super::stream::Stream;
use super::web_socket;
use super::wire::Wire;
use crate::http2::error::Code;
use crate::proxy::exchange::serve::{Gone, serve};
use crate::proxy::stock::deadline::Deadline;

/// Gets the answers and passes them on. A stream may do nothing for so long before it is known what it waits for.
pub(crate) async fn live(wire: Rc<Wire>, channel: Rc<Channel>, idle: Duration) -> Infallible {
    let mut deadline = Deadline::after(idle);
    loop {
        let decision = channel.decision().await;
        deadline.set(idle);
        let mut stream = Stream::new(&wire, &channel, &mut deadline);
        match serve(decision, &mut stream.upload, stream.deadline).await {
            // Boxed: most streams are none, and should not carry the room for one.
            Ok(reply) if reply.status == 101 => Box::pin(web_socket::run(&mut stream, reply)).await,
            Ok(reply) => stream.pass(reply).await,
            Err(Gone) => wire.reset(stream.number(), Code::CANCEL),
        }
        drop(stream);
        channel.finish();
    }
}
