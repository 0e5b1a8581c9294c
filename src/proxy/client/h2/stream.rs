//! One stream: its answer on the way out, and its upload where the answer did not wait for that.

use std::future::poll_fn;
use std::task::{Context, Poll};

use super::channel::Channel;
use super::fields;
use super::upload::Upload;
use super::wire::Wire;
use crate::http2::error::Code;
use crate::proxy::exchange::body::{Cut, Piece};
use crate::proxy::exchange::reply::Reply;
use crate::proxy::stock::deadline::Deadline;

/// Bytes of one answer that leave in one turn.
const TURN: usize = 32 * 1024;
/// Room for the heads of their frames.
const HEADS: usize = 32;

/// One stream.
pub(crate) struct Stream<'c> {
    pub(crate) upload: Upload<'c>,
    pub(crate) deadline: &'c mut Deadline,
    /// The head of the answer is in the line.
    begun: bool,
    /// The answer ends with the piece that is under way.
    ends: bool,
    /// No room for what there is: the client has to move.
    stuck: bool,
    /// The client takes what it gets without a wait.
    fast: bool,
}

/// What has come of a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sent {
    /// It is in the line.
    All,
    /// There is more, and others have their turn first, or what is in the line has to leave.
    Part,
    /// The client has no room for it.
    Stuck,
}

impl<'c> Stream<'c> {
    pub(crate) fn new(wire: &'c Wire, channel: &'c Channel, deadline: &'c mut Deadline) -> Self {
        Self {
            upload: Upload::new(wire, channel),
            deadline,
            begun: false,
            ends: false,
            stuck: false,
            fast: true,
        }
    }

    pub(crate) fn number(&self) -> u32 {
        self.upload.stream()
    }

    pub(crate) fn wire(&self) -> &'c Wire {
        self.upload.wire
    }

    /// Passes a reply on to its last byte.
    pub(crate) async fn pass(&mut self, mut reply: Reply) {
        // Its head may have to wait for room.
        reply.be_patient(self.deadline);
        let passed = poll_fn(|cx| self.poll_pass(cx, &mut reply)).await;
        match passed {
            Ok(()) => {
                reply.finish();
                drop(reply);
                self.settle();
                self.linger().await;
            }
            Err(cut) => {
                reply.cut(cut);
                if cut.is_unread() {
                    self.wire().progress.gives_up(self.wire().open_streams());
                    self.wire().reset(self.number(), Code::CANCEL);
                } else {
                    // The client sees a cut body, never a clean end (N18).
                    self.settle();
                    self.wire().reset(self.number(), Code::INTERNAL_ERROR);
                }
            }
        }
    }

    pub(crate) fn settle(&self) {
        self.upload.channel.is_settled.set(true);
    }

    fn poll_pass(&mut self, cx: &mut Context<'_>, reply: &mut Reply) -> Poll<Result<(), Cut>> {
        if !self.begun {
            if !self.wire().has_room() {
                return self.poll_line(cx, reply);
            }
            self.begin(reply);
            if self.ends {
                return Poll::Ready(Ok(()));
            }
        }
        loop {
            match self.send(reply) {
                Sent::All if self.ends => return Poll::Ready(Ok(())),
                Sent::All => {}
                Sent::Part => return self.poll_line(cx, reply),
                Sent::Stuck => return self.poll_stuck(cx, reply),
            }
            match reply.poll_piece(cx, &mut self.upload, self.deadline, self.fast) {
                Poll::Ready(Ok(Piece::Data)) => {
                    self.ends = reply.ends_with_piece();
                }
                Poll::Ready(Ok(Piece::End | Piece::EndOfEvents)) => {
                    self.wire().end(self.number(), reply.trailers());
                    return Poll::Ready(Ok(()));
                }
                Poll::Ready(Err(cut)) => return Poll::Ready(Err(cut)),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Puts the head of the answer into the line; `ends` says whether that was all.
    fn begin(&mut self, reply: &mut Reply) {
        self.begun = true;
        self.ends = reply.is_over() && reply.trailers().is_empty();
        self.wire()
            .head(self.number(), reply.status, self.ends, |to| fields::add_all(to, reply));
        reply.begin_body(self.deadline);
        self.moves();
    }

    /// Puts what there is of a piece into the line, as far as that may be sent and as it is this stream's turn.
    fn send(&mut self, reply: &mut Reply) -> Sent {
        let piece = reply.piece();
        if piece.is_empty() {
            return Sent::All;
        }
        let (stream, waits) = (self.number(), piece.len());
        let (sent, has_window) = {
            let (mut machine, mut line) = (self.wire().machine.borrow_mut(), self.wire().line.borrow_mut());
            let part = waits.min(TURN).min(line.room());
            let ends = self.ends && part == waits;
            line.frames().reserve(part + HEADS);
            // A stream that is no more is about to be dropped.
            let sent = machine
                .send_data(stream, &piece[..part], ends, line.frames())
                .unwrap_or(0);
            (sent, machine.room(stream) > 0)
        };
        self.fast = has_window && !self.wire().is_blocked();
        if sent > 0 {
            reply.consume(sent);
            self.stands(false);
            reply.be_patient(self.deadline);
            self.moves();
        }
        if sent == waits {
            Sent::All
        } else if has_window {
            Sent::Part
        } else {
            Sent::Stuck
        }
    }

    /// Something of the answer is in the line.
    fn moves(&mut self) {
        let wire = self.wire();
        let mut standing = self.upload.channel.standing.get();
        standing.last_turn = wire.turn();
        self.upload.channel.standing.set(standing);
        let piece = wire.progress.moves(self.deadline.at());
        self.upload.moves(piece);
    }

    /// There is more to be put into the line: at once, or when what is in it has left. Where the client takes nothing, that is its time.
    fn poll_line(&mut self, cx: &mut Context<'_>, reply: &mut Reply) -> Poll<Result<(), Cut>> {
        if self.wire().is_blocked() {
            return self.poll_stuck(cx, reply);
        }
        if self.wire().has_room() {
            cx.waker().wake_by_ref();
        } else {
            self.upload.channel.waits.set(true);
            self.wire().waits.set(true);
        }
        Poll::Pending
    }

    /// There is no room for what there is: meanwhile the upload goes on, and the times that the client may take are kept.
    fn poll_stuck(&mut self, cx: &mut Context<'_>, reply: &mut Reply) -> Poll<Result<(), Cut>> {
        self.stands(true);
        reply.poll_stuck(cx, &mut self.upload, self.deadline).map(Err)
    }

    pub(crate) fn stands(&mut self, still: bool) {
        self.wire().progress.stands(self.stuck, still);
        self.stuck = still;
        self.upload.channel.waits.set(still);
        if still {
            self.wire().waits.set(true);
        }
    }

    /// The answer has ended, and did not wait for the rest of the upload: it is read and discarded within bounds (N15), and what comes
    /// behind that is refused with RST_STREAM(NO_ERROR) (RFC 9113 §8.1). That of a malformed request is refused at once.
    pub(crate) async fn linger(&mut self) {
        if let Some(fault) = self.upload.channel.fault.get() {
            self.wire().fail(self.number(), fault);
            return;
        }
        if self.upload.channel.has_ended() {
            return;
        }
        let mut lingering = self.wire().lingering();
        poll_fn(|cx| {
            while !lingering.is_over(cx) && !self.upload.channel.is_taken() {
                match self.upload.take(<[u8]>::len) {
                    0 => return Poll::Pending,
                    taken => lingering.discarded(taken),
                }
            }
            Poll::Ready(())
        })
        .await;
        self.wire().reset(self.number(), Code::NO_ERROR);
    }
}

impl Drop for Stream<'_> {
    fn drop(&mut self) {
        self.stands(false);
    }
}
