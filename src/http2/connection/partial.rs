//! What of a connection's input is not read whole yet.

use super::event::Event;

/// What one frame, or a part of it, has led to.
pub(super) enum Advance {
    /// Its caller has to know.
    Event(Event),
    /// Nothing that its caller has to know.
    Again,
    /// More bytes are needed.
    More,
}

impl From<Option<Event>> for Advance {
    fn from(event: Option<Event>) -> Self {
        event.map_or(Self::Again, Self::Event)
    }
}

/// What remains of a frame that is not read whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece {
    /// Whose data it is; 0 where it is dropped.
    pub(super) stream: u32,
    /// Bytes of data.
    pub(super) data: u32,
    /// Bytes of padding behind them, or of whatever is dropped.
    pub(super) dropped: u32,
    /// The stream ends with it.
    pub(super) ends: bool,
}

impl Piece {
    /// Bytes that are dropped.
    pub(super) fn skip(bytes: u32) -> Option<Self> {
        (bytes > 0).then_some(Self {
            stream: 0,
            data: 0,
            dropped: bytes,
            ends: false,
        })
    }
}

/// What of a head is there, where it is not whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfinished {
    /// The beginning of its first frame.
    Frame,
    /// Some of its frames, on this stream.
    Block(u32),
}

/// A field block that is not whole yet.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) stream: u32,
    pub(super) ends: bool,
    pub(super) depends_on_itself: bool,
    pub(super) bytes: Vec<u8>,
    pub(super) continuations: u32,
}
