//! Serves one HTTP/2 connection: reads, has its streams looked at, and writes what they have put into the line. All of it is one task.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

use super::connection::{After, ClientH2};
use super::rest::Resting;
use super::streams::Streams;
use super::turn::Rank;
use super::wire::MAX_HEADER_LIST;
use crate::http2::error::Code;
use crate::http2::frame::HEAD;
use crate::http2::list::{FieldList, Limits};
use crate::http2::settings::MIN_FRAME_SIZE;
use crate::proxy::client::io::ClientIo;
use crate::proxy::client::lingering::{close, linger};
use crate::proxy::core::core::Core;
use crate::proxy::message::request::Peer;
use crate::proxy::stock::buffers::Buffer;
use crate::proxy::stock::clock;
use crate::proxy::stock::deadline::Deadline;

/// Fields of a request (E24), its four pseudo-header fields included.
const MAX_FIELDS: usize = 104;
/// A frame that has to be read whole, and its head.
const LARGEST: usize = MIN_FRAME_SIZE as usize + HEAD;
/// How often a connection reads, and has its streams looked at, before it is others' turn.
const ROUNDS: usize = 4;
/// What a client may have had under way when its connection was ended: a window and its frames.
const UNDER_WAY: usize = 2 * 1024 * 1024;

thread_local! {
    /// Where heads are read into, of all connections of a core.
    static LIST: RefCell<FieldList> = RefCell::new(FieldList::new(Limits {
        bytes: MAX_HEADER_LIST as usize,
        fields: MAX_FIELDS,
    }));
    /// Room for the streams that are looked at.
    static WOKEN: RefCell<Vec<(Rank, usize)>> = const { RefCell::new(Vec::new()) };
}

/// Serves one connection until it ends.
pub(crate) async fn serve(core: Rc<Core>, peer: Rc<Peer>, io: ClientIo) {
    let mut connection = ClientH2::new(core, peer, io);
    let after = poll_fn(|cx| connection.poll(cx)).await;
    let core = connection.core.clone();
    core.waiting.borrow_mut().forget(&mut connection.seat);
    // What is still under way ends with it.
    connection.streams = Streams::new();
    let times = core.times();
    let patience = match after {
        After::Leave | After::Close => times.head,
        After::Linger => times.linger,
        After::Cut => Duration::ZERO,
    };
    connection.write_out(patience).await;
    // No stream has a part in it any more.
    let Some(wire) = Rc::into_inner(connection.wire) else {
        return;
    };
    let mut io = wire.io.into_inner();
    match after {
        After::Leave => {
            close(&mut io, patience).await;
            linger(&mut io, times.linger, UNDER_WAY).await;
        }
        After::Close => close(&mut io, patience).await,
        After::Linger => linger(&mut io, times.linger, UNDER_WAY).await,
        After::Cut => {}
    }
}

impl ClientH2 {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<After> {
        if self.core.is_stopping() {
            return Poll::Ready(After::Cut);
        }
        self.streams.ready().task_is_awake(cx.waker());
        let mut is_restless = false;
        for _ in 0..ROUNDS {
            let polled = self.poll_round(cx);
            match polled {
                Ok(restless) => is_restless = restless,
                Err(after) => return Poll::Ready(after),
            }
            if !is_restless {
                break;
            }
        }
        if let Some(after) = self.poll_end(cx) {
            return Poll::Ready(after);
        }
        // The runtime's other tasks have their turn before this one goes on.
        if !self.streams.ready().task_sleeps() || is_restless {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    /// Writes, reads, looks at the streams, and writes again; whether there is more to be done at once.
    fn poll_round(&mut self, cx: &mut Context<'_>) -> Result<bool, After> {
        self.poll_write(cx)?;
        let is_more = self.poll_read(cx)?;
        WOKEN.with_borrow_mut(|woken| self.streams.poll(woken));
        self.poll_write(cx)?;
        if self.wire.progress.is_stalled() {
            return Err(self.give_up());
        }
        let (machine, line) = (self.wire.machine.borrow(), self.wire.line.borrow());
        if machine.is_over() && line.is_empty() && !self.unflushed {
            return Err(After::Leave);
        }
        Ok(is_more || self.streams.ready().is_any())
    }

    /// Writes what is in the line.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Result<(), After> {
        let mut wrote = false;
        let mut line = self.wire.line.borrow_mut();
        let mut io = self.wire.io.borrow_mut();
        while !line.is_empty() {
            match Pin::new(&mut *io).poll_write(cx, line.rest()) {
                Poll::Ready(Ok(bytes)) => line.wrote(bytes).map_err(|_| After::Cut)?,
                Poll::Ready(Err(_)) => return Err(After::Cut),
                Poll::Pending => break,
            }
            wrote = true;
        }
        line.give_back();
        if wrote || self.unflushed {
            match Pin::new(&mut *io).poll_flush(cx) {
                Poll::Ready(Ok(())) => self.unflushed = false,
                Poll::Ready(Err(_)) => return Err(After::Cut),
                Poll::Pending => self.unflushed = true,
            }
        }
        let blocked = self.unflushed || !line.is_empty();
        let was_blocked = self.wire.blocked.replace(blocked);
        // They go on; or, because the client takes nothing more, its time begins.
        if ((wrote && line.room() > 0) || (blocked && !was_blocked)) && self.wire.waits.replace(false) {
            self.streams.mark_waiting();
        }
        Ok(())
    }

    /// Writes what is left in the line, as far as the client takes it in this time.
    async fn write_out(&mut self, patience: Duration) {
        let mut deadline = Deadline::after(patience);
        poll_fn(|cx| match self.poll_write(cx) {
            Ok(()) if self.unflushed || !self.wire.line.borrow().is_empty() => match deadline.poll_passed(cx) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            },
            Ok(()) | Err(_) => Poll::Ready(()),
        })
        .await;
    }

    /// Reads once, and does what the client says; whether there may be more.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Result<bool, After> {
        let for_a_head = self.core.times().head;
        if self.wire.line.borrow().is_choked() {
            self.slow_head.waits(for_a_head);
            return Ok(false);
        }
        let mut buffer = self.inbox.take().unwrap_or_else(|| Buffer::behind(self.last_read));
        buffer.make_room(LARGEST);
        let read = buffer.read_with(|room| Pin::new(&mut *self.wire.io.borrow_mut()).poll_read(cx, room));
        match read {
            Poll::Ready(Ok(0) | Err(_)) => return Err(After::Cut),
            Poll::Ready(Ok(n)) => {
                self.last_read = n;
                let _look = clock::look();
                let went_on = self.understand(&mut buffer)?;
                let head = self.wire.machine.borrow().unfinished_head(buffer.filled());
                self.slow_head.read(head, went_on, for_a_head);
            }
            Poll::Pending => {}
        }
        self.inbox = Some(buffer).filter(|buffer| !buffer.is_empty());
        Ok(read.is_ready())
    }

    /// Does what the client says, up to the last whole frame; whether there was one.
    fn understand(&mut self, buffer: &mut Buffer) -> Result<bool, After> {
        let before = buffer.filled().len();
        LIST.with_borrow_mut(|list| {
            loop {
                let step = {
                    let (mut machine, mut line) = (self.wire.machine.borrow_mut(), self.wire.line.borrow_mut());
                    machine.step(buffer.filled(), list, line.frames())
                };
                let Some(event) = step.event else {
                    buffer.consume(step.consumed);
                    break;
                };
                self.happens(event, buffer.filled(), list)?;
                buffer.consume(step.consumed);
            }
            Ok(())
        })?;
        let counts = self.wire.machine.borrow().counts();
        if self.floods.is_too_much(&counts) {
            return Err(self.calm_down());
        }
        Ok(buffer.filled().len() < before)
    }

    /// Whether it is time for the connection to end.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Option<After> {
        if self.slow_head.poll_late(cx) {
            return Some(self.cut_short());
        }
        let streams = self.wire.open_streams();
        loop {
            let timed_out = match self.rest.poll(cx, &self.wire.io.borrow(), streams, self.leaving) {
                Resting::No => false,
                Resting::Cool => {
                    self.streams.cool();
                    continue;
                }
                Resting::Leave => true,
                Resting::End => return Some(After::Cut),
            };
            let drained = self.core.is_draining() && (streams > 0 || self.core.grace_is_over());
            if self.leaving || !(drained || timed_out) {
                break;
            }
            self.leave();
            if let Err(after) = self.poll_write(cx) {
                return Some(after);
            }
        }
        let mut waiting = self.core.waiting.borrow_mut();
        waiting.register(&mut self.seat, cx.waker(), self.rest.waits_for(streams));
        if streams > 0 || !waiting.is_closing(&self.seat) {
            return None;
        }
        drop(waiting);
        // A newcomer needs the place. Who has not got the last answer whole reads on: to what he says meanwhile an RST would answer.
        let has_all = self.wire.io.borrow().taken().is_none_or(|taken| !taken.waits);
        self.say_end(Code::NO_ERROR);
        let after = if has_all { After::Close } else { After::Leave };
        Some(self.poll_write(cx).err().unwrap_or(after))
    }
}
