//! The machine: its state, and its input, frame by frame.

use super::event::{Counts, Event};
use super::partial::{Advance, Block, Piece, Unfinished};
use crate::http2::error::{Broken, Error};
use crate::http2::frame::{self, FrameHead, HEAD, Kind, PREFACE, flag};
use crate::http2::hpack::{Decoder, Encoder};
use crate::http2::list::FieldList;
use crate::http2::settings::{DEFAULT_WINDOW, Settings};
use crate::http2::streams::{Answer, Stream, Streams};
use crate::http2::window::{ReceiveWindow, SendWindow};

/// What a connection may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// What this side says of itself. Without a number of streams, 256 may be open.
    pub settings: Settings,
    /// Bytes of all uploads together that this side holds.
    pub window: u32,
    /// Bytes of one field block, as they come.
    pub block: usize,
    /// CONTINUATION frames of one field block.
    pub continuations: u32,
    /// Bytes of the table for heads that this side sends.
    pub encoder_table: u32,
}

/// Streams that may be open where nothing else is said.
const STREAMS: u32 = 256;

/// The server's side of a connection.
#[derive(Debug)]
pub struct Connection {
    pub(super) bounds: Bounds,
    /// What the client has said of itself.
    pub(super) theirs: Settings,
    pub(super) phase: Phase,
    /// The client has acknowledged what this side has said of itself.
    pub(super) is_acknowledged: bool,
    pub(super) decoder: Decoder,
    pub(super) encoder: Encoder,
    pub(super) streams: Streams,
    pub(super) sending: SendWindow,
    pub(super) receiving: ReceiveWindow,
    /// The frame that is being read, where it is not read whole.
    pub(super) piece: Option<Piece>,
    /// The field block that is not whole yet.
    pub(super) block: Option<Box<Block>>,
    /// The last stream that the client has begun.
    pub(super) last: u32,
    /// The last stream that this side looks at, once it has said so.
    pub(super) last_taken: Option<u32>,
    pub(super) is_announced: bool,
    pub(super) counts: Counts,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// The preface has not come yet.
    Preface,
    /// SETTINGS have to come first.
    First,
    Open,
    Broken,
}

/// How far the input was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Bytes that are done with.
    pub consumed: usize,
    /// What the last of them meant; without an event, more bytes are needed.
    pub event: Option<Event>,
}

impl Connection {
    /// At its beginning; appends this side's SETTINGS, and the rest of its window.
    #[must_use]
    pub fn new(bounds: Bounds, out: &mut Vec<u8>) -> Self {
        let mut bounds = bounds;
        let streams = *bounds.settings.max_concurrent_streams.get_or_insert(STREAMS);
        // A server says nothing of pushes to itself.
        bounds.settings.enable_push = true;
        bounds.window = bounds.window.max(DEFAULT_WINDOW);
        bounds.settings.write(out);
        if bounds.window > DEFAULT_WINDOW {
            frame::window_update(out, 0, bounds.window - DEFAULT_WINDOW);
        }
        Self {
            theirs: Settings::default(),
            phase: Phase::Preface,
            is_acknowledged: false,
            decoder: Decoder::new(bounds.settings.header_table_size),
            encoder: Encoder::new(bounds.encoder_table),
            streams: Streams::new(streams),
            sending: SendWindow::new(DEFAULT_WINDOW),
            receiving: ReceiveWindow::new(bounds.window),
            piece: None,
            block: None,
            last: 0,
            last_taken: None,
            is_announced: false,
            counts: Counts::default(),
            bounds,
        }
    }

    /// Reads on until something happened that its caller has to know of. `input` begins where the last step has ended, and is read in
    /// place: it has room for a frame of the largest size that this side allows, and its head. `list` gets the heads.
    ///
    /// Answers that the protocol wants are appended to `out`: no more than twice what was read, and a few bytes. A caller that cannot get
    /// rid of them stops reading.
    pub fn step(&mut self, input: &[u8], list: &mut FieldList, out: &mut Vec<u8>) -> Step {
        let mut at = 0;
        loop {
            let event = match self.advance(input, &mut at, list, out) {
                Ok(Advance::Event(event)) => Some(event),
                Ok(Advance::Again) => continue,
                Ok(Advance::More) => None,
                Err(Error::Stream(stream, broken)) => {
                    if !self.fail(stream, broken, out) {
                        continue;
                    }
                    Some(Event::Failed { stream, broken })
                }
                Err(Error::Connection(broken)) => {
                    self.break_off(broken, out);
                    at = input.len();
                    Some(Event::Broken(broken))
                }
            };
            return Step { consumed: at, event };
        }
    }

    /// Reads one frame, or a part of it; `at` stays where more bytes are needed.
    fn advance(
        &mut self,
        input: &[u8],
        at: &mut usize,
        list: &mut FieldList,
        out: &mut Vec<u8>,
    ) -> Result<Advance, Error> {
        if let Some(piece) = self.piece {
            return Ok(self.go_on(piece, input, at, out));
        }
        let rest = &input[*at..];
        match self.phase {
            Phase::Preface => {
                let known = rest.len().min(PREFACE.len());
                if rest[..known] != PREFACE[..known] {
                    return Err(Broken::protocol("no preface").into());
                }
                if known < PREFACE.len() {
                    return Ok(Advance::More);
                }
                *at += known;
                self.phase = Phase::First;
                return Ok(Advance::Again);
            }
            Phase::Broken => {
                *at = input.len();
                return Ok(Advance::More);
            }
            Phase::First | Phase::Open => {}
        }
        let Some(head) = FrameHead::read(rest) else {
            return Ok(Advance::More);
        };
        self.judge(head)?;
        if head.kind == Kind::DATA {
            // The first byte may say how much of it is padding.
            let first = if head.has(flag::PADDED) {
                rest.get(HEAD)
            } else {
                Some(&0)
            };
            let Some(first) = first else {
                return Ok(Advance::More);
            };
            *at += HEAD + usize::from(head.has(flag::PADDED));
            return self.data(head, *first, out).map(|()| Advance::Again);
        }
        if !is_read_whole(head.kind) {
            Counts::one(&mut self.counts.unknown);
            *at += HEAD;
            self.piece = Piece::skip(head.length);
            return Ok(Advance::Again);
        }
        let Some(payload) = rest[HEAD..].get(..head.length as usize) else {
            return Ok(Advance::More);
        };
        // It is done with, whatever is wrong with it.
        *at += HEAD + payload.len();
        let event = match head.kind {
            Kind::HEADERS => self.headers(head, payload, list, out),
            Kind::CONTINUATION => self.continuation(head, payload, list, out),
            _ => self.control(head, payload, out),
        };
        event.map(Advance::from)
    }

    /// What can be said against a frame before its payload is there.
    fn judge(&mut self, head: FrameHead) -> Result<(), Broken> {
        // Which frames a stream alone would have to pay for (RFC 9113 §4.2) makes no difference: what is too long is not read.
        if head.length > self.bounds.settings.max_frame_size {
            return Err(Broken::size("a frame is longer than what was allowed"));
        }
        if self.phase == Phase::First {
            // RFC 9113 §3.4.
            if head.kind != Kind::SETTINGS || head.has(flag::ACK) {
                return Err(Broken::protocol("the first frame is not SETTINGS"));
            }
            self.phase = Phase::Open;
        }
        // RFC 9113 §4.3, §6.10.
        match &self.block {
            Some(block) if head.kind != Kind::CONTINUATION || head.stream != block.stream => {
                return Err(Broken::protocol("a field block is not continued"));
            }
            None if head.kind == Kind::CONTINUATION => {
                return Err(Broken::protocol("CONTINUATION without a field block"));
            }
            _ => {}
        }
        head.judge()
    }

    /// Resets a stream by the client's fault; whether there was one.
    fn fail(&mut self, stream: u32, broken: Broken, out: &mut Vec<u8>) -> bool {
        Counts::one(&mut self.counts.failed);
        let Some(gone) = self.streams.reset(stream) else {
            return false;
        };
        frame::rst_stream(out, stream, broken.code);
        self.give_back(gone.receiving.held(), out);
        true
    }

    fn break_off(&mut self, broken: Broken, out: &mut Vec<u8>) {
        frame::goaway(out, self.last_taken.unwrap_or(self.last), broken.code);
        self.phase = Phase::Broken;
        self.piece = None;
        self.block = None;
    }

    /// Bytes of uploads are no longer with this side: the connection's window grows again.
    pub(super) fn give_back(&mut self, bytes: u32, out: &mut Vec<u8>) {
        if let Some(increment) = self.receiving.release_shared(bytes) {
            frame::window_update(out, 0, increment);
        }
    }

    /// Whether a stream is one that nobody has begun (RFC 9113 §5.1). Those with even numbers are a server's, which begins none.
    pub(super) fn is_idle(&self, stream: u32) -> bool {
        stream.is_multiple_of(2) || stream > self.last
    }

    /// A stream that has ended on both sides is no more.
    pub(super) fn end_if_over(&mut self, stream: u32, out: &mut Vec<u8>) {
        let is_over = |stream: &Stream| stream.request_ended && stream.answer == Answer::Ended;
        if self.streams.get(stream).is_some_and(is_over)
            && let Some(gone) = self.streams.end(stream)
        {
            self.give_back(gone.receiving.held(), out);
        }
    }

    /// Streams that are open, or half closed.
    #[must_use]
    pub fn open_streams(&self) -> usize {
        self.streams.len()
    }

    /// Whether a stream is open, or half closed.
    #[must_use]
    pub fn is_open(&self, stream: u32) -> bool {
        self.streams.get(stream).is_some()
    }

    /// A head, or trailers, that have begun and are not whole. `rest` is what has come of the next frame.
    #[must_use]
    pub fn unfinished_head(&self, rest: &[u8]) -> Option<Unfinished> {
        match &self.block {
            Some(block) => Some(Unfinished::Block(block.stream)),
            None if self.phase == Phase::Open && rest.get(3) == Some(&Kind::HEADERS.0) => Some(Unfinished::Frame),
            None => None,
        }
    }

    /// What it has counted.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// What the client has said of itself.
    #[must_use]
    pub fn client_settings(&self) -> &Settings {
        &self.theirs
    }

    /// Whether the client has acknowledged this side's SETTINGS. How long it may take is its caller's to say (RFC 9113 §6.5.3).
    #[must_use]
    pub fn is_acknowledged(&self) -> bool {
        self.is_acknowledged
    }

    /// Whether it has ended by the client's fault.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.phase == Phase::Broken
    }

    /// Bytes that it has of the allocator for streams and for a field block that is not whole; tables of HPACK come to it.
    #[must_use]
    pub fn memory(&self) -> usize {
        let block = self.block.as_ref().map_or(0, |block| block.bytes.capacity());
        self.streams.memory() + block
    }

    /// What uploads hold of the connection's window, and what the client may still send: the invariants of tests.
    #[must_use]
    pub fn received(&self) -> (u32, i32) {
        (self.receiving.held(), self.receiving.left())
    }
}

/// Whether a frame is looked at once its payload is there. Others are skipped as they come, but DATA, which is passed on.
fn is_read_whole(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::HEADERS
            | Kind::PRIORITY
            | Kind::RST_STREAM
            | Kind::SETTINGS
            | Kind::PUSH_PROMISE
            | Kind::PING
            | Kind::GOAWAY
            | Kind::WINDOW_UPDATE
            | Kind::CONTINUATION
            | Kind::PRIORITY_UPDATE
    )
}
