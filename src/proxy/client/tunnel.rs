//! A WebSocket between client and app: bytes both ways, on one task that owns the claim, until either side ends; or, at the
//! drain deadline, a polite end between two frames (N20).

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;

use super::frames::{CLOSE_TO_CLIENT, Frames, close_to_app};
use crate::proxy::exchange::exchange::Exchange;
use crate::proxy::exchange::reply::Reply;
use crate::proxy::message::end::End;
use crate::proxy::route::activation::Patience;
use crate::proxy::stock::buffers::{Buffer, Out};
use crate::proxy::stock::deadline::Deadline;

/// What has so few bytes is a ping, by which nobody says more than that he is there: an environment may fall asleep over it (N36).
const PING: usize = 64;

/// The client's side of a tunnel: bytes both ways, over whatever carries them.
pub(crate) trait Side {
    /// What has come; `None` at the end.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Buffer>>>;

    /// Writes once; never nothing of some bytes.
    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>>;

    /// What was written leaves now.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Ends our direction, behind all that was written.
    fn poll_half_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
}

/// One direction.
#[derive(Default)]
struct Lane {
    frames: Frames,
    /// Bytes that were read and not yet written.
    inbox: Option<Buffer>,
    /// Whoever it is read from has ended.
    ended: bool,
    /// Nothing more goes to the other side: it was told of the end, or it takes nothing any more, and what still comes is dropped.
    told: bool,
    /// It ends at the next boundary between frames.
    leaves: bool,
    /// Our Close was put into `own`; nothing of the other side follows it.
    closing: bool,
    /// Our own bytes that are still to be written.
    own: Vec<u8>,
}

impl Lane {
    /// Whether nothing more is to be read: it ends here.
    fn is_left(&self) -> bool {
        self.leaves && !self.closing && self.frames.at_boundary()
    }

    /// Follows new bytes; those behind the boundary at which the lane ends are dropped.
    fn follow(&mut self, buffer: &mut Buffer) {
        if !self.leaves {
            self.frames.follow(buffer.filled());
            return;
        }
        let mut kept = 0;
        while kept < buffer.filled().len() && !self.frames.at_boundary() {
            kept += self.frames.advance(&buffer.filled()[kept..]);
        }
        buffer.keep(0..kept);
    }
}

/// The end of a tunnel, as far as it has come.
#[derive(Clone, Copy)]
enum Leaving {
    No,
    /// At this moment, so that not all tunnels end at once.
    At(Instant),
    /// Close was sent where that was possible; the echo is awaited until then.
    Until(Instant),
}

/// The app has agreed to switch protocols: its exchange, which goes on as a tunnel.
pub(crate) fn begin(reply: Reply) -> Option<Box<Exchange>> {
    let mut exchange = reply.into_tunnel()?;
    exchange.body.drop_head(exchange.head.len);
    if let (Some(upstream), None) = (&mut exchange.upstream, &exchange.body.inbox) {
        upstream.await_rest(true);
    }
    if let Some(claim) = &exchange.claim {
        claim.become_web_socket();
    }
    Some(exchange)
}

/// Runs until the tunnel ends; why it did. `out` is the head of the response, where it was not written yet.
pub(crate) async fn run(client: &mut impl Side, exchange: &mut Exchange, out: Out, deadline: &mut Deadline) -> End {
    let mut to_client = Lane {
        own: out.rest().to_vec(),
        inbox: exchange.body.inbox.take(),
        ..Lane::default()
    };
    drop(out);
    if let Some(first) = &to_client.inbox {
        let mut frames = Frames::default();
        frames.follow(first.filled());
        to_client.frames = frames;
    }
    let mut to_app = Lane::default();
    let stream_timeout = exchange.policy().timeout.stream;
    deadline.set(stream_timeout);
    let mut leaving = Leaving::No;
    let mut seen = 0;
    let end = poll_fn(|cx| {
        if let Poll::Ready(end) = poll_lanes(cx, client, exchange, &mut to_client, &mut to_app) {
            return Poll::Ready(end);
        }
        let moved = exchange.record.bytes_in + exchange.record.bytes_out;
        if std::mem::replace(&mut seen, moved) != moved && matches!(leaving, Leaving::No) {
            deadline.set(stream_timeout);
        }
        loop {
            match poll_leaving(cx, exchange, deadline, &mut leaving, &mut to_client, &mut to_app) {
                Poll::Ready(Some(end)) => return Poll::Ready(end),
                Poll::Ready(None) => {
                    if let Poll::Ready(end) = poll_lanes(cx, client, exchange, &mut to_client, &mut to_app) {
                        return Poll::Ready(end);
                    }
                }
                Poll::Pending => return Poll::Pending,
            }
        }
    })
    .await;
    exchange.disconnect();
    end
}

/// Moves what can be moved, both ways.
fn poll_lanes(
    cx: &mut Context<'_>,
    client: &mut impl Side,
    exchange: &mut Exchange,
    to_client: &mut Lane,
    to_app: &mut Lane,
) -> Poll<End> {
    let back = poll_to_client(cx, client, exchange, to_client);
    let forth = poll_to_app(cx, client, exchange, to_app);
    match (back, forth) {
        (Err(end), _) | (_, Err(end)) => Poll::Ready(end),
        // Our Close has been echoed: the end is clean.
        _ if to_client.closing && to_client.own.is_empty() && to_app.frames.closed => Poll::Ready(End::DRAINED),
        _ if to_client.told && to_app.told => Poll::Ready(End::DONE),
        _ => Poll::Pending,
    }
}

fn poll_to_client(
    cx: &mut Context<'_>,
    client: &mut impl Side,
    exchange: &mut Exchange,
    lane: &mut Lane,
) -> Result<(), End> {
    const GONE: End = End::CLIENT_GONE;
    loop {
        while !lane.own.is_empty() {
            match client.poll_write(cx, &lane.own) {
                Poll::Ready(Ok(n)) if n > 0 => drop(lane.own.drain(..n)),
                Poll::Ready(Ok(_) | Err(_)) => return Err(GONE),
                Poll::Pending => return Ok(()),
            }
        }
        if let Some(buffer) = &mut lane.inbox {
            match client.poll_write(cx, buffer.filled()) {
                Poll::Ready(Ok(n)) if n > 0 => {
                    exchange.record.bytes_out += n as u64;
                    buffer.consume(n);
                    if buffer.is_empty() {
                        lane.inbox = None;
                    }
                }
                Poll::Ready(Ok(_) | Err(_)) => return Err(GONE),
                Poll::Pending => return Ok(()),
            }
            continue;
        }
        if lane.ended {
            if !lane.told {
                match client.poll_half_close(cx) {
                    Poll::Ready(Ok(())) => lane.told = true,
                    Poll::Ready(Err(_)) => return Err(GONE),
                    Poll::Pending => {}
                }
            }
            return Ok(());
        }
        if lane.closing || lane.is_left() {
            return flush(cx, client);
        }
        let Some(upstream) = &mut exchange.upstream else {
            return Ok(());
        };
        let mut buffer = Buffer::small();
        match upstream.poll_read(cx, &mut buffer) {
            Poll::Ready(Ok(n)) if n > 0 => {
                lane.follow(&mut buffer);
                note(exchange, n);
                lane.inbox = Some(buffer);
            }
            Poll::Ready(Ok(_)) => lane.ended = true,
            Poll::Ready(Err(_)) => return Err(End::TUNNEL_BROKEN_OFF),
            Poll::Pending => {
                upstream.await_rest(!lane.frames.at_boundary());
                return flush(cx, client);
            }
        }
    }
}

/// Whoever moves more than a ping needs the app.
fn note(exchange: &Exchange, bytes: usize) {
    if exchange.service.config.sleeps && bytes > PING {
        exchange.counters().active();
    }
}

fn flush(cx: &mut Context<'_>, client: &mut impl Side) -> Result<(), End> {
    match client.poll_flush(cx) {
        Poll::Ready(Err(_)) => Err(End::CLIENT_GONE),
        Poll::Ready(Ok(())) | Poll::Pending => Ok(()),
    }
}

fn poll_to_app(
    cx: &mut Context<'_>,
    client: &mut impl Side,
    exchange: &mut Exchange,
    lane: &mut Lane,
) -> Result<(), End> {
    loop {
        let Some(upstream) = &mut exchange.upstream else {
            return Ok(());
        };
        if let Some(buffer) = &mut lane.inbox {
            match upstream.poll_write(cx, buffer.filled()) {
                Poll::Ready(Ok(n)) if n > 0 => {
                    exchange.record.bytes_in += n as u64;
                    buffer.consume(n);
                    if buffer.is_empty() {
                        lane.inbox = None;
                    }
                }
                // The app takes nothing more. What it has said before may still be on its way, and is the client's (N14).
                Poll::Ready(Ok(_) | Err(_)) => {
                    lane.inbox = None;
                    lane.own.clear();
                    lane.told = true;
                }
                Poll::Pending => return Ok(()),
            }
            continue;
        }
        while !lane.own.is_empty() {
            match upstream.poll_write(cx, &lane.own) {
                Poll::Ready(Ok(n)) if n > 0 => drop(lane.own.drain(..n)),
                // The app need not hear our goodbye.
                Poll::Ready(Ok(_) | Err(_)) => lane.own.clear(),
                Poll::Pending => return Ok(()),
            }
        }
        if lane.ended || lane.is_left() {
            return Ok(());
        }
        match client.poll_read(cx) {
            Poll::Ready(Ok(Some(mut buffer))) => {
                note(exchange, buffer.filled().len());
                if lane.closing {
                    lane.frames.follow(buffer.filled());
                } else {
                    lane.follow(&mut buffer);
                }
                // Behind our Close nothing may follow; it is read only for the client's echo.
                lane.inbox = Some(buffer).filter(|_| !lane.closing && !lane.told);
            }
            Poll::Ready(Ok(None)) => {
                (lane.ended, lane.told) = (true, true);
                upstream.half_close();
            }
            Poll::Ready(Err(_)) => return Err(End::CLIENT_GONE),
            Poll::Pending => return Ok(()),
        }
    }
}

/// Whether it is time to leave, and how far that has come. `Ready(None)`: there are new bytes of ours to be written.
fn poll_leaving(
    cx: &mut Context<'_>,
    exchange: &mut Exchange,
    deadline: &mut Deadline,
    leaving: &mut Leaving,
    to_client: &mut Lane,
    to_app: &mut Lane,
) -> Poll<Option<End>> {
    let patience = exchange.service.activation.patience();
    if let Some(claim) = &exchange.claim {
        claim.wake_when_impatient(cx.waker());
    }
    if patience == Patience::Cut {
        exchange.counters().exchange_cut();
        return Poll::Ready(Some(End::DRAINED));
    }
    let now = Instant::now();
    match *leaving {
        Leaving::No if patience >= Patience::Polite => {
            // Under a pause the clients that come back are held: there is nothing to spread, and all of them wait for the last.
            let spread = if patience == Patience::Polite {
                Duration::ZERO
            } else {
                exchange.times().spread
            };
            let at = now + spread.mul_f64(fastrand::f64());
            *leaving = Leaving::At(at);
            deadline.set_at(at);
        }
        Leaving::No => {}
        Leaving::At(at) if now >= at => {
            exchange.counters().stream_ended();
            let until = now + exchange.times().echo;
            *leaving = Leaving::Until(until);
            deadline.set_at(until);
        }
        Leaving::At(_) => {}
        Leaving::Until(end) => {
            if now >= end {
                return Poll::Ready(Some(End::DRAINED));
            }
        }
    }
    if matches!(leaving, Leaving::Until(_)) {
        let mut spoke = false;
        (to_client.leaves, to_app.leaves) = (true, true);
        // A side that is inside a frame goes on until the frame's end; if that does not come, FIN has to do.
        if !to_client.closing && to_client.frames.at_boundary() && to_client.inbox.is_none() {
            to_client.closing = true;
            to_client.own.extend_from_slice(CLOSE_TO_CLIENT);
            spoke = true;
        }
        if !to_app.closing && to_app.frames.at_boundary() && to_app.inbox.is_none() {
            to_app.closing = true;
            to_app
                .own
                .extend_from_slice(&close_to_app(fastrand::u32(..).to_ne_bytes()));
            spoke = true;
        }
        if spoke {
            return Poll::Ready(None);
        }
    }
    if deadline.poll_passed(cx) {
        return match leaving {
            Leaving::No => Poll::Ready(Some(End::SILENT_TUNNEL)),
            // The moment has come: look again.
            Leaving::At(_) | Leaving::Until(_) => {
                deadline.set(Duration::from_millis(1));
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        };
    }
    Poll::Pending
}
