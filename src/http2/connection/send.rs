//! What this side says: heads, data, trailers, resets, its end (RFC 9113 §6.1, §6.2, §6.4, §6.8, §8.1).

use super::connection::{Connection, Phase};
use crate::http2::error::Code;
use crate::http2::frame::{self, HEAD, Kind, MAX_WINDOW, flag};
use crate::http2::hpack::{Encoder, Indexing};
use crate::http2::streams::Answer;

/// Why something was not said. Nothing was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotSent {
    /// The stream is no more.
    Gone,
    /// It is not its turn: a second head, data before one, or anything behind the end.
    OutOfTurn,
}

impl std::fmt::Display for NotSent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Gone => "the stream is no more",
            Self::OutOfTurn => "it is not the turn of that on this stream",
        })
    }
}

impl std::error::Error for NotSent {}

/// Where the fields of a head or of trailers are written to.
#[derive(Debug)]
pub struct Fields<'c> {
    encoder: &'c mut Encoder,
    out: &'c mut Vec<u8>,
}

impl Fields<'_> {
    /// Appends a field. Its name is a token in lower case, and its value holds no line end: the caller has parsed or made both.
    #[inline]
    pub fn add(&mut self, name: &[u8], value: &[u8], indexing: Indexing) {
        debug_assert!(
            memchr::memchr3(b'\r', b'\n', 0, value).is_none(),
            "field value holds a line end"
        );
        self.encoder.field(self.out, name, value, indexing);
    }
}

impl Connection {
    /// Appends the head of an answer: an interim one (1xx, any number of them), or the final one. `end` if nothing follows a
    /// final one.
    ///
    /// # Errors
    /// When the stream is no more, or has had its head.
    pub fn send_head(
        &mut self,
        stream: u32,
        status: u16,
        end: bool,
        out: &mut Vec<u8>,
        fields: impl FnOnce(&mut Fields<'_>),
    ) -> Result<(), NotSent> {
        let open = self.streams.get_mut(stream).ok_or(NotSent::Gone)?;
        if open.answer != Answer::Nothing {
            return Err(NotSent::OutOfTurn);
        }
        let is_final = status >= 200;
        if is_final {
            open.answer = if end { Answer::Ended } else { Answer::Head };
        }
        self.block(stream, is_final && end, out, |to| {
            to.encoder.status(to.out, status);
            fields(to);
        });
        self.end_if_over(stream, out);
        Ok(())
    }

    /// Appends trailers, which end the answer.
    ///
    /// # Errors
    /// When the stream is no more, or has not had its head, or its end.
    pub fn send_trailers(
        &mut self,
        stream: u32,
        out: &mut Vec<u8>,
        fields: impl FnOnce(&mut Fields<'_>),
    ) -> Result<(), NotSent> {
        let open = self.streams.get_mut(stream).ok_or(NotSent::Gone)?;
        if open.answer != Answer::Head {
            return Err(NotSent::OutOfTurn);
        }
        open.answer = Answer::Ended;
        self.block(stream, true, out, fields);
        self.end_if_over(stream, out);
        Ok(())
    }

    /// Appends HEADERS, and CONTINUATION where the client's frames are too small for it.
    fn block(&mut self, stream: u32, end: bool, out: &mut Vec<u8>, fields: impl FnOnce(&mut Fields<'_>)) {
        let at = out.len();
        let end_stream = if end { flag::END_STREAM } else { 0 };
        frame::head(out, 0, Kind::HEADERS, flag::END_HEADERS | end_stream, stream);
        let mut to = Fields {
            encoder: &mut self.encoder,
            out,
        };
        to.encoder.begin(to.out);
        fields(&mut to);
        let most = self.theirs.max_frame_size as usize;
        if out.len() - at - HEAD <= most {
            frame::close(out, at);
            return;
        }
        let block = out.split_off(at + HEAD);
        out.truncate(at);
        let mut parts = block.chunks(most).peekable();
        let mut kind = Kind::HEADERS;
        let mut flags = end_stream;
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                flags |= flag::END_HEADERS;
            }
            frame::head(out, part.len(), kind, flags, stream);
            out.extend_from_slice(part);
            (kind, flags) = (Kind::CONTINUATION, 0);
        }
    }

    /// Bytes of data that a stream may send now, in any number of frames.
    #[must_use]
    pub fn room(&self, stream: u32) -> usize {
        let open = self.streams.get(stream);
        open.map_or(0, |open| open.sending.room().min(self.sending.room()))
    }

    /// Appends the head of one DATA frame for as much of `length` bytes as may be sent, and returns how much that is: so many bytes
    /// have to be appended behind it. With `end`, the answer ends with the last of them. Nothing is appended where nothing may be
    /// sent; an end without data may always.
    ///
    /// # Errors
    /// When the stream is no more, or has not had its head, or its end.
    pub fn send_data_head(
        &mut self,
        stream: u32,
        length: usize,
        end: bool,
        out: &mut Vec<u8>,
    ) -> Result<usize, NotSent> {
        let open = self.streams.get_mut(stream).ok_or(NotSent::Gone)?;
        if open.answer != Answer::Head {
            return Err(NotSent::OutOfTurn);
        }
        let most = self.theirs.max_frame_size as usize;
        let taken = length.min(most).min(open.sending.room()).min(self.sending.room());
        let is_last = end && taken == length;
        if taken == 0 && !is_last {
            return Ok(0);
        }
        open.sending.take(taken);
        self.sending.take(taken);
        if is_last {
            open.answer = Answer::Ended;
            // Before the head, because nothing may stand between that and the data.
            self.end_if_over(stream, out);
        }
        let flags = if is_last { flag::END_STREAM } else { 0 };
        frame::head(out, taken, Kind::DATA, flags, stream);
        Ok(taken)
    }

    /// Appends as much data as may be sent, in frames as large as the client takes; returns how much that is. With `end`, the
    /// answer ends with the last of it.
    ///
    /// # Errors
    /// As [`Connection::send_data_head`].
    pub fn send_data(&mut self, stream: u32, data: &[u8], end: bool, out: &mut Vec<u8>) -> Result<usize, NotSent> {
        let mut sent = 0;
        loop {
            let rest = &data[sent..];
            let taken = self.send_data_head(stream, rest.len(), end, out)?;
            out.extend_from_slice(&rest[..taken]);
            sent += taken;
            if taken == 0 || sent == data.len() {
                return Ok(sent);
            }
        }
    }

    /// Appends RST_STREAM, unless the stream is no more. What its client has sent in the meantime is dropped.
    pub fn reset(&mut self, stream: u32, code: Code, out: &mut Vec<u8>) {
        if let Some(gone) = self.streams.reset(stream) {
            frame::rst_stream(out, stream, code);
            self.give_back(gone.receiving.held(), out);
        }
    }

    /// Appends PING, whose answer is [`super::Event::Pong`].
    pub fn send_ping(&mut self, payload: [u8; 8], out: &mut Vec<u8>) {
        frame::ping(out, payload, false);
    }

    /// Appends the first GOAWAY of two: no more streams are to be begun, but those that are on their way are taken (RFC 9113 §6.8).
    pub fn announce_end(&mut self, out: &mut Vec<u8>) {
        if !self.is_announced && self.last_taken.is_none() && self.phase != Phase::Broken {
            self.is_announced = true;
            frame::goaway(out, MAX_WINDOW, Code::NO_ERROR);
        }
    }

    /// Appends the last GOAWAY: streams that have begun go on, and nothing is done for later ones. May be said again with another code.
    pub fn end(&mut self, code: Code, out: &mut Vec<u8>) {
        if self.phase != Phase::Broken {
            let last = *self.last_taken.get_or_insert(self.last);
            frame::goaway(out, last, code);
        }
    }

    /// Whether the last GOAWAY was said, and every stream has ended.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.phase == Phase::Broken || (self.last_taken.is_some() && self.streams.len() == 0)
    }
}
