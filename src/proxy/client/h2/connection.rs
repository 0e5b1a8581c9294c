//! One HTTP/2 connection: what it has, and what it says when it ends.

use std::rc::Rc;

use super::floods::Floods;
use super::rest::Rest;
use super::slow_head::SlowHead;
use super::streams::Streams;
use super::wire::Wire;
use crate::http2::error::Code;
use crate::http2::priority::Priority;
use crate::proxy::client::io::ClientIo;
use crate::proxy::core::core::Core;
use crate::proxy::message::end::End;
use crate::proxy::message::request::Peer;
use crate::proxy::stock::buffers::Buffer;
use crate::proxy::stock::waiting::Seat;

/// What the client sends back once it knows that the connection ends.
pub(super) const LEAVING: [u8; 8] = *b"leaving!";
/// And once more: a request that it had begun by then may come behind its first word.
pub(super) const LEFT: [u8; 8] = *b"has left";

/// One HTTP/2 connection.
pub(super) struct ClientH2 {
    pub(super) core: Rc<Core>,
    pub(super) peer: Rc<Peer>,
    pub(super) wire: Rc<Wire>,
    pub(super) streams: Streams,
    /// The beginning of a frame whose rest has not come.
    pub(super) inbox: Option<Buffer>,
    pub(super) slow_head: SlowHead,
    /// Bytes that the last read has brought.
    pub(super) last_read: usize,
    /// TLS may have kept something of what was written.
    pub(super) unflushed: bool,
    pub(super) floods: Floods,
    pub(super) rest: Rest,
    pub(super) seat: Seat,
    /// The client was told that the connection ends.
    pub(super) leaving: bool,
    /// What the client has said of the order of streams that it has not begun.
    pub(super) foretold: Vec<(u32, Priority)>,
}

/// What is to be done with the connection.
pub(super) enum After {
    /// A clean end: everything was said. What the client still sends, such as room for what it has read, is read: otherwise the kernel
    /// would answer it with RST, and throw away what the client has not got yet.
    Leave,
    /// The same at once: a newcomer needs the place, and nothing is under way.
    Close,
    /// The client may still be sending, and is to read why that is of no use.
    Linger,
    /// Nobody is there, or nobody shall be.
    Cut,
}

impl ClientH2 {
    pub(super) fn new(core: Rc<Core>, peer: Rc<Peer>, io: ClientIo) -> Self {
        Self {
            wire: Rc::new(Wire::new(io, core.times().linger)),
            streams: Streams::new(),
            inbox: None,
            slow_head: SlowHead::default(),
            last_read: 0,
            unflushed: false,
            floods: Floods::new(),
            rest: Rest::new(core.times()),
            seat: Seat::default(),
            leaving: false,
            foretold: Vec::new(),
            core,
            peer,
        }
    }

    /// The last word of this side: streams that have begun go on.
    pub(super) fn say_end(&self, code: Code) {
        self.wire
            .machine
            .borrow_mut()
            .end(code, self.wire.line.borrow_mut().frames());
    }

    /// The client is told twice that the connection ends (RFC 9113 §6.8): now, and once it knows, of which streams nothing is done for.
    pub(super) fn leave(&mut self) {
        self.leaving = true;
        self.rest.leaves();
        self.wire
            .machine
            .borrow_mut()
            .announce_end(self.wire.line.borrow_mut().frames());
        self.ping(LEAVING);
    }

    /// Asks the client for an answer, behind all that it has sent before.
    pub(super) fn ping(&self, payload: [u8; 8]) {
        self.wire
            .machine
            .borrow_mut()
            .send_ping(payload, self.wire.line.borrow_mut().frames());
    }

    /// The connection was flooded.
    pub(super) fn calm_down(&self) -> After {
        self.say_end(Code::ENHANCE_YOUR_CALM);
        self.tell_of(Code::ENHANCE_YOUR_CALM, "too much that is no request");
        After::Linger
    }

    /// Nothing of it moves (E28).
    pub(super) fn give_up(&self) -> After {
        self.peer.ended.set(Some(End::STOPPED_READING));
        self.say_end(Code::NO_ERROR);
        let io = self.wire.io.borrow();
        if io.taken().is_some_and(|taken| taken.waits) {
            io.discard_unread();
        }
        After::Cut
    }

    /// The client does not come to the end of a head (E22).
    pub(super) fn cut_short(&self) -> After {
        self.peer.ended.set(Some(End::SLOW_HEAD));
        self.say_end(Code::NO_ERROR);
        After::Linger
    }

    /// Says why a connection ends: to an operator where its client broke the rules, so that every stream on it is lost
    /// (RFC 9113 §5.4.1).
    pub(super) fn tell_of(&self, code: Code, why: &'static str) {
        // Its streams hear of it behind us, and are recorded then.
        self.peer.ended.set(Some(End::CONNECTION_ERROR));
        if let Some(unsaid) = self.core.connection_errors.happened() {
            tracing::info!(
                client = %self.peer.client,
                reason = %code,
                why,
                unsaid,
                "the client broke the rules of HTTP/2: its connection was ended, with every stream on it"
            );
        }
    }
}
