//! What a connection tells its caller, and what it counts.

use std::ops::Range;

use crate::http2::error::{Broken, Code};
use crate::http2::priority::Priority;

/// What a client did. A stream begins with [`Event::Request`], [`Event::Malformed`] or [`Event::TooLarge`]. Its upload ends with an
/// `end` or [`Event::Trailers`], or all of it with [`Event::Reset`] or [`Event::Failed`], and nothing is told of it behind that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A request; the list has its head.
    Request {
        /// Its stream.
        stream: u32,
        /// Nothing follows.
        end: bool,
    },
    /// A request that is none (RFC 9113 §8.1.1); the list has what can be said of it. It may get an answer, and is to be reset
    /// with PROTOCOL_ERROR behind that, or at once.
    Malformed {
        /// Its stream.
        stream: u32,
        /// What is wrong with it.
        why: &'static str,
        /// Nothing follows.
        end: bool,
    },
    /// A request whose head is beyond the limits of its list, which has the beginning of it.
    TooLarge {
        /// Its stream.
        stream: u32,
        /// Nothing follows.
        end: bool,
    },
    /// Bytes of an upload. They stay in the window until [`super::Connection::release`].
    Data {
        /// Its stream.
        stream: u32,
        /// Where they stand in the input.
        data: Range<usize>,
        /// Nothing follows.
        end: bool,
    },
    /// The trailers of an upload; the list has them, and nothing follows.
    Trailers {
        /// Its stream.
        stream: u32,
    },
    /// The client has reset a stream.
    Reset {
        /// Its stream.
        stream: u32,
        /// Why, as it says.
        code: Code,
    },
    /// A stream was reset by the client's fault.
    Failed {
        /// Its stream.
        stream: u32,
        /// What it did.
        broken: Broken,
    },
    /// There is room to send again: for a stream, or with 0 for all of them.
    Room {
        /// Its stream.
        stream: u32,
    },
    /// The client has said something of itself. All streams may have room.
    Settings,
    /// How urgent an answer is (RFC 9218 §7.1); the stream may not have begun.
    Priority {
        /// Its stream.
        stream: u32,
        /// What the client wants.
        priority: Priority,
    },
    /// The answer to a PING.
    Pong([u8; 8]),
    /// The client wants no more of this connection.
    Goaway {
        /// The last stream that it has looked at, of those that a server begins: there are none.
        last: u32,
        /// Why, as it says.
        code: Code,
    },
    /// The connection has ended by the client's fault. Everything that is read behind that is dropped.
    Broken(Broken),
}

/// How often a client did what costs it little (RFC 9113 §10.5). Nothing ends by that; a caller may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Requests, malformed ones included.
    pub requests: u32,
    /// Streams that it has reset, or tried to.
    pub resets: u32,
    /// Streams that were reset by its fault.
    pub failed: u32,
    /// Requests beyond the streams that it may have open.
    pub refused: u32,
    /// SETTINGS, acknowledgements included.
    pub settings: u32,
    /// PING, answers included.
    pub pings: u32,
    /// PRIORITY and PRIORITY_UPDATE.
    pub priorities: u32,
    /// Frames that nobody knows, and GOAWAY.
    pub unknown: u32,
    /// WINDOW_UPDATE.
    pub window_updates: u32,
    /// DATA with no data and no END_STREAM, and other frames of streams that are no more.
    pub empty: u32,
    /// CONTINUATION.
    pub continuations: u32,
}

impl Counts {
    /// Counts once more.
    pub(super) fn one(count: &mut u32) {
        *count = count.saturating_add(1);
    }
}
