//! What the streams of a connection have in common: the machine that speaks HTTP/2, and the line on which everything leaves. A stream
//! puts its frames into the line, and the connection writes them together.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use super::fields;
use super::line::Line;
use super::progress::Progress;
use super::ready::PLACES;
use crate::http2::connection::{Bounds, Connection, Fields};
use crate::http2::error::Code;
use crate::http2::frame;
use crate::http2::settings::Settings;
use crate::proxy::client::io::ClientIo;
use crate::proxy::client::lingering::{Lingering, Others};

/// Streams that one client may have open (RFC 9113 §6.5.2).
const MAX_STREAMS: u32 = PLACES as u32;
/// Header bytes of a request, after decompression (E24).
pub(crate) const MAX_HEADER_LIST: u32 = 64 * 1024;
/// What one stream may send ahead of the app, and all streams of a connection together.
const WINDOW: (u32, u32) = (256 * 1024, 1024 * 1024);
/// Bytes of a table for heads, on either side: what everybody has (RFC 9113 §6.5.2).
const TABLE: u32 = 4096;
/// Bytes of one head as they come (E24, E27): what is too large is read so far that it can be answered, as long as a client may mean it.
const BLOCK: usize = 4 * MAX_HEADER_LIST as usize;
/// Frames that may continue one head (E27): a head at the bound, in the smallest frames that clients make.
const CONTINUATIONS: u32 = 64;

/// One connection, as its streams see it.
pub(crate) struct Wire {
    pub(crate) io: RefCell<ClientIo>,
    pub(crate) machine: RefCell<Connection>,
    pub(crate) line: RefCell<Line>,
    pub(crate) progress: Progress,
    /// Streams may have something to write, and wait for room.
    pub(super) waits: Cell<bool>,
    /// The client's system takes nothing more for now.
    pub(super) blocked: Cell<bool>,
    /// Counts the turns of streams.
    turns: Cell<u64>,
    others: Others,
    linger: Duration,
}

impl Wire {
    /// Of a connection that begins. A stream whose upload is not wanted any more lingers for this time.
    pub(crate) fn new(io: ClientIo, linger: Duration) -> Self {
        let bounds = Bounds {
            settings: Settings {
                header_table_size: TABLE,
                max_concurrent_streams: Some(MAX_STREAMS),
                initial_window_size: WINDOW.0,
                max_header_list_size: Some(MAX_HEADER_LIST),
                enable_connect_protocol: true,
                no_rfc7540_priorities: true,
                ..Settings::default()
            },
            window: WINDOW.1,
            block: BLOCK,
            continuations: CONTINUATIONS,
            encoder_table: TABLE,
        };
        let mut line = Line::default();
        let machine = Connection::new(bounds, line.frames());
        Self {
            io: RefCell::new(io),
            machine: RefCell::new(machine),
            line: RefCell::new(line),
            progress: Progress::default(),
            waits: Cell::new(false),
            blocked: Cell::new(false),
            turns: Cell::new(0),
            others: Others::default(),
            linger,
        }
    }

    /// Streams that are open, or half closed.
    pub(crate) fn open_streams(&self) -> usize {
        self.machine.borrow().open_streams()
    }

    /// Whether a stream may put anything into the line.
    pub(crate) fn has_room(&self) -> bool {
        self.line.borrow().room() > 0
    }

    /// Whether the client's system takes nothing more for now.
    pub(crate) fn is_blocked(&self) -> bool {
        self.blocked.get()
    }

    /// A stream has had its turn: its number.
    pub(crate) fn turn(&self) -> u64 {
        self.turns.set(self.turns.get() + 1);
        self.turns.get()
    }

    /// Puts a head into the line; `end` if nothing follows it. A stream that is no more has no answer.
    pub(crate) fn head(&self, stream: u32, status: u16, end: bool, fields: impl FnOnce(&mut Fields<'_>)) {
        let (mut machine, mut line) = (self.machine.borrow_mut(), self.line.borrow_mut());
        let _ = machine.send_head(stream, status, end, line.frames(), fields);
    }

    /// Ends an answer, with trailers if there are any, as field lines.
    pub(crate) fn end(&self, stream: u32, trailers: &[u8]) {
        let (mut machine, mut line) = (self.machine.borrow_mut(), self.line.borrow_mut());
        let _ = if trailers.is_empty() {
            machine.send_data(stream, b"", true, line.frames()).map(drop)
        } else {
            machine.send_trailers(stream, line.frames(), |to| fields::add_lines(to, trailers))
        };
    }

    /// Ends a stream before its end.
    pub(crate) fn reset(&self, stream: u32, code: Code) {
        self.machine
            .borrow_mut()
            .reset(stream, code, self.line.borrow_mut().frames());
    }

    /// As [`Wire::reset`], also behind an answer that has ended: the client is told what was wrong with its request
    /// (RFC 9113 §8.1.1).
    pub(crate) fn fail(&self, stream: u32, code: Code) {
        let (mut machine, mut line) = (self.machine.borrow_mut(), self.line.borrow_mut());
        if machine.is_open(stream) {
            machine.reset(stream, code, line.frames());
        } else {
            frame::rst_stream(line.frames(), stream, code);
        }
    }

    /// So many bytes of an upload were taken: the client may send more.
    pub(crate) fn release(&self, stream: u32, bytes: usize) {
        // Never more than a window.
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.machine
            .borrow_mut()
            .release(stream, bytes, self.line.borrow_mut().frames());
    }

    /// How long an upload that is not wanted is still read.
    pub(crate) fn lingering(&self) -> Lingering {
        Lingering::beside(&self.others, self.linger)
    }
}
