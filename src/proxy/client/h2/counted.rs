//! What a client sends beside its requests, counted as it passes on to the library: a flood ends the connection (E26, E27). The library
//! bounds what it keeps of such frames, but answers them for ever.

use std::cell::{Cell, RefCell};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::frames::{FrameHead, FrameHeads};
use crate::model::allowance::{Allowance, Spent};

/// Frames that carry neither a request nor a body nor room for one: SETTINGS, PING, PRIORITY, RST_STREAM, and what RFC 9113 does not
/// know. Clients that measure their line send a PING per round trip.
const IDLE_FRAMES: Allowance = Allowance {
    at_once: 10_000,
    per_second: 1_000,
};

/// Streams that end before their answer, by the client's hand or by its fault. A browser cancels a page's images at once; nobody
/// cancels a hundred a second for ever.
const CANCELLED: Allowance = Allowance {
    at_once: 1_000,
    per_second: 100,
};

/// GOAWAY(ENHANCE_YOUR_CALM) up to this stream (RFC 9113 §6.8, §7).
fn goaway(last_stream: u32) -> [u8; 17] {
    let mut frame = [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 11];
    frame[9..13].copy_from_slice(&last_stream.to_be_bytes());
    frame
}

/// What is counted of one connection.
#[derive(Debug)]
pub(crate) struct Counts {
    began: Instant,
    heads: RefCell<FrameHeads>,
    idle_frames: Cell<Spent>,
    cancelled: Cell<Spent>,
    /// The last stream that the client has begun.
    last_stream: Cell<u32>,
    state: Cell<State>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Calm,
    /// Nothing more is read.
    Flooded,
    /// GOAWAY was written, or there was no room for it.
    Told,
}

impl Counts {
    pub(crate) fn new() -> Self {
        Self {
            began: Instant::now(),
            heads: RefCell::new(FrameHeads::at_the_preface()),
            idle_frames: Cell::default(),
            cancelled: Cell::default(),
            last_stream: Cell::new(0),
            state: Cell::new(State::Calm),
        }
    }

    /// Whether the connection is to be ended.
    pub(crate) fn is_flooded(&self) -> bool {
        self.state.get() != State::Calm
    }

    /// A stream ended before its answer.
    fn cancelled(&self) {
        self.count(&self.cancelled, CANCELLED);
    }

    fn received(&self, bytes: &[u8]) {
        self.heads.borrow_mut().read(bytes, |head| match head.kind {
            FrameHead::HEADERS => self.last_stream.set(head.stream.max(self.last_stream.get())),
            FrameHead::DATA | FrameHead::CONTINUATION | FrameHead::WINDOW_UPDATE => {}
            _ => self.count(&self.idle_frames, IDLE_FRAMES),
        });
    }

    fn count(&self, spent: &Cell<Spent>, allowance: Allowance) {
        let mut more = spent.get();
        if more.is_too_much(allowance, || self.began.elapsed()) && self.state.get() == State::Calm {
            self.state.set(State::Flooded);
        }
        spent.set(more);
    }
}

/// One stream that is owed an answer; counts as cancelled when it is dropped without one.
#[derive(Debug)]
pub(crate) struct Owed(Option<Rc<Counts>>);

impl Owed {
    pub(crate) fn new(counts: &Rc<Counts>) -> Self {
        Self(Some(counts.clone()))
    }

    /// The answer has ended, or it is not the client's fault that it has not.
    pub(crate) fn settle(&mut self) {
        self.0 = None;
    }
}

impl Drop for Owed {
    fn drop(&mut self) {
        if let Some(counts) = self.0.take() {
            counts.cancelled();
        }
    }
}

/// A client's bytes for the library, counted.
#[derive(Debug)]
pub(crate) struct Counted<Io> {
    io: Io,
    counts: Rc<Counts>,
}

impl<Io> Counted<Io> {
    pub(crate) fn new(io: Io, counts: Rc<Counts>) -> Self {
        Self { io, counts }
    }
}

impl<Io: AsyncRead + Unpin> AsyncRead for Counted<Io> {
    /// Nothing more comes once there was too much: whoever polls the connection looks at that first.
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.counts.is_flooded() {
            return Poll::Pending;
        }
        let before = buf.filled().len();
        let read = Pin::new(&mut self.io).poll_read(cx, buf);
        self.counts.received(&buf.filled()[before..]);
        read
    }
}

impl<Io: AsyncWrite + Unpin> AsyncWrite for Counted<Io> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    /// The library flushes between two frames, and cannot be told a reason for its own GOAWAY.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.io).poll_flush(cx))?;
        if self.counts.state.get() != State::Flooded {
            return Poll::Ready(Ok(()));
        }
        self.counts.state.set(State::Told);
        let goaway = goaway(self.counts.last_stream.get());
        ready!(Pin::new(&mut self.io).poll_write(cx, &goaway))?;
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
