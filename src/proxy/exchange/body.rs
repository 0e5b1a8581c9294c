//! The response's body as it lies in a buffer of the stock: what is decoded, what is not, and where an event stream may end.

use std::ops::Range;

use tokio::time::Instant;

use super::events::Tail;
use crate::http1::chunked::BodyDecoder;
use crate::http1::framing::Framing;
use crate::model::termination::Termination;
use crate::proxy::message::end::End;
use crate::proxy::stock::buffers::Buffer;

/// The response's side of an exchange.
pub(crate) struct Body {
    /// Bytes of the app: the head until it was taken, then what `Exchange::poll_piece` found.
    pub(crate) inbox: Option<Buffer>,
    /// The part of the inbox that is body and was not used yet.
    pub(crate) ready: usize,
    /// The inbox holds bytes that were not decoded yet.
    pub(crate) undecoded: bool,
    pub(crate) decoder: BodyDecoder,
    pub(crate) framing: Framing,
    /// What came last ends where a writer of whole pieces does not pause: behind a head without any of its body, or within a chunk's
    /// framing.
    pub(crate) halfway: bool,
    pub(crate) over: bool,
    pub(crate) is_event_stream: bool,
    /// It is an event stream whose events can be seen, and may end behind one: nobody has encoded it.
    pub(crate) has_events: bool,
    /// How what was passed on of it ends.
    pub(crate) tail: Tail,
    /// When the waiting for the head began.
    pub(crate) waits_since: Option<Instant>,
    /// Interim responses so far.
    pub(crate) interim: u32,
    /// When this stream ends, because the old side's time is over.
    pub(crate) leaves_at: Option<Instant>,
    /// That time has come within an event, whose end is waited for.
    pub(crate) is_leaving: bool,
    /// The last read filled its buffer: the app has more than a small one at hand.
    pub(crate) plenty: bool,
}

/// What `Exchange::poll_piece` found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Bytes; see `Exchange::piece`.
    Data,
    /// The end, as the app meant it.
    End,
    /// The end of an event stream at an event's boundary, because the old side's time is over. Clean for the client.
    EndOfEvents,
}

/// Why a body ends before its end. The client's stream is cut (N18).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cut(pub(crate) End);

impl Cut {
    /// Whether it ends because the client does not read it.
    pub(crate) fn is_unread(self) -> bool {
        matches!(
            self.0.termination,
            Termination::StoppedReading | Termination::SlowReading
        )
    }
}

impl Body {
    pub(crate) fn none() -> Self {
        Self {
            inbox: None,
            ready: 0,
            undecoded: false,
            decoder: BodyDecoder::of_response(Framing::None),
            framing: Framing::None,
            halfway: false,
            over: false,
            is_event_stream: false,
            has_events: false,
            tail: Tail::Event,
            waits_since: None,
            interim: 0,
            leaves_at: None,
            is_leaving: false,
            plenty: false,
        }
    }

    /// The head at the start of the inbox is done with, and a body of this framing follows.
    pub(crate) fn begin(&mut self, framing: Framing, head: usize) {
        self.framing = framing;
        self.decoder = BodyDecoder::of_response(framing);
        // The head's bytes stay until it is written: `Exchange::head_bytes`.
        self.ready = 0;
        self.undecoded = self.inbox.as_ref().is_some_and(|inbox| inbox.filled().len() > head);
        self.halfway = !self.undecoded;
    }

    /// The head was written and its bytes can go.
    pub(crate) fn drop_head(&mut self, head: usize) {
        if let Some(inbox) = &mut self.inbox {
            inbox.consume(head);
            if inbox.is_empty() {
                self.inbox = None;
            }
        }
    }

    /// Whether this is an event stream whose time has come: then it ends behind an event, and not at an earlier moment.
    pub(crate) fn leaves_now(&self, now: impl FnOnce() -> Instant) -> bool {
        self.has_events && self.leaves_at.is_some_and(|at| now() >= at)
    }

    /// Whether the body was read to its end, and nothing came behind it.
    pub(crate) fn is_over(&self) -> bool {
        self.over && self.inbox.is_none()
    }

    /// There is no body, and nobody will ask for it.
    pub(crate) fn skip(&mut self) {
        self.over = true;
    }

    /// Trailers of a chunked body, as field lines.
    pub(crate) fn trailers(&self) -> &[u8] {
        self.decoder.trailers()
    }

    /// Decodes what is in the inbox; body bytes are moved together at its front. Whether bytes came behind the end: they belong
    /// to no request of ours, so the connection is out of step and not used again.
    pub(crate) fn decode(&mut self) -> Result<bool, Cut> {
        self.undecoded = false;
        let Some(inbox) = &mut self.inbox else { return Ok(false) };
        let (mut from, mut to, mut after_data) = (0, 0, false);
        while from < inbox.filled().len() && !self.decoder.is_done() {
            let step = self
                .decoder
                .decode(&inbox.filled()[from..])
                .map_err(|error| Cut(End::new(Termination::AppMalformedBody, error.words())))?;
            let Range { start, end } = step.data;
            after_data = start < end && end == step.consumed;
            inbox.filled_mut().copy_within(from + start..from + end, to);
            to += end - start;
            from += step.consumed;
            if step.consumed == 0 {
                break;
            }
        }
        self.over = self.decoder.is_done();
        // Where the buffer is full, it is the buffer that ends.
        self.halfway = !self.plenty && self.decoder.is_halfway(after_data);
        let strays = from < inbox.filled().len();
        inbox.keep(0..to);
        self.ready = to;
        if to == 0 {
            self.inbox = None;
        }
        Ok(strays)
    }
}
