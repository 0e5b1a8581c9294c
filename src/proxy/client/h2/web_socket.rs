//! A WebSocket over one stream (RFC 8441): its bytes are the stream's data, both ways, and END_STREAM is the end of a direction.

use std::io;
use std::task::{Context, Poll};

use super::fields;
use super::stream::Stream;
use crate::http2::error::Code;
use crate::proxy::client::tunnel::{self, Side};
use crate::proxy::exchange::reply::Reply;
use crate::proxy::stock::buffers::{Buffer, Out, SMALL};
use crate::proxy::stock::deadline::Deadline;

/// The app has agreed to switch: 200 takes the place of its 101 (RFC 8441 §5), and from there on both sides are bytes.
pub(crate) async fn run(stream: &mut Stream<'_>, reply: Reply) {
    let number = stream.number();
    stream.wire().head(number, 200, false, |to| {
        reply.for_each_field(|name, value| {
            if !name.eq_ignore_ascii_case(b"sec-websocket-accept") {
                fields::add(to, name, value);
            }
        });
    });
    if let Some(mut exchange) = tunnel::begin(reply) {
        let mut deadline = Deadline::after(exchange.policy().timeout.stream);
        let end = tunnel::run(stream, &mut exchange, Out::new(), &mut deadline).await;
        exchange.record.ended(end);
    }
    stream.settle();
    stream.half_close();
    // What an RST is to TCP (RFC 8441 §5), unless both directions have ended.
    stream.wire().reset(number, Code::CANCEL);
}

impl Stream<'_> {
    fn half_close(&self) {
        self.wire().end(self.number(), b"");
    }
}

impl Side for Stream<'_> {
    fn poll_read(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<Option<Buffer>>> {
        let mut buffer = Buffer::small();
        self.upload.take(|bytes| {
            let bytes = &bytes[..bytes.len().min(SMALL)];
            buffer.append(bytes);
            bytes.len()
        });
        if !buffer.is_empty() {
            Poll::Ready(Ok(Some(buffer)))
        } else if self.upload.channel.has_ended() {
            Poll::Ready(Ok(None))
        } else {
            self.upload.channel.rests();
            Poll::Pending
        }
    }

    fn poll_write(&mut self, _cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let sent = {
            let wire = self.wire();
            let (mut machine, mut line) = (wire.machine.borrow_mut(), wire.line.borrow_mut());
            let part = &bytes[..bytes.len().min(line.room())];
            machine.send_data(self.number(), part, false, line.frames())
        };
        let sent = sent.map_err(|_| io::ErrorKind::BrokenPipe)?;
        self.stands(sent == 0);
        if sent == 0 {
            Poll::Pending
        } else {
            Poll::Ready(Ok(sent))
        }
    }

    /// The connection writes as soon as its streams were looked at.
    fn poll_flush(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_half_close(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.half_close();
        Poll::Ready(Ok(()))
    }
}
