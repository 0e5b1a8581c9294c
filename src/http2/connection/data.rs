//! DATA: what is passed on as it comes, in windows and lengths (RFC 9113 §6.1, §6.9, §8.1.1).

use std::ops::Range;

use super::connection::Connection;
use super::event::{Counts, Event};
use super::partial::{Advance, Piece};
use crate::http2::error::{Broken, Code, Error};
use crate::http2::frame::{self, FrameHead, flag};
use crate::http2::request::LENGTH;
use crate::http2::streams::Past;

impl Connection {
    /// The beginning of DATA. `first` is the length of its padding, if it has any; behind that, the payload follows.
    pub(super) fn data(&mut self, head: FrameHead, first: u8, out: &mut Vec<u8>) -> Result<(), Error> {
        let id = head.stream;
        if self.is_idle(id) {
            return Err(Broken::protocol("DATA on a stream that was not begun").into());
        }
        let (data, padding) = frame::data(head, first)?;
        let ends = head.has(flag::END_STREAM);
        if data == 0 && !ends {
            Counts::one(&mut self.counts.empty);
        }
        if !self.receiving.receive(head.length) {
            let why = "DATA beyond the connection's window";
            return Err(Broken::new(Code::FLOW_CONTROL_ERROR, why).into());
        }
        // What counts but is no data is done with.
        let overhead = head.length - data;
        let rest = data + padding;
        let Some(stream) = self.streams.get_mut(id) else {
            if !self.is_ignored(id) {
                return Err(Broken::new(Code::STREAM_CLOSED, "DATA on a stream that has ended").into());
            }
            if ends {
                self.streams.forget_reset(id);
            }
            Counts::one(&mut self.counts.empty);
            self.drop_data(head.length, rest, out);
            return Ok(());
        };
        let refused = if stream.request_ended {
            Some((Broken::new(Code::STREAM_CLOSED, "DATA behind END_STREAM"), false))
        } else if !stream.receiving.receive(head.length) {
            let why = "DATA beyond the stream's window";
            Some((Broken::new(Code::FLOW_CONTROL_ERROR, why), false))
        } else if !fits(&mut stream.missing, data, ends) {
            Some((Broken::protocol(LENGTH), true))
        } else {
            None
        };
        if let Some((broken, is_counted)) = refused {
            // What the stream's window does not hold is given back here, and the rest when the stream ends.
            stream.request_ended |= ends;
            self.drop_data(if is_counted { 0 } else { head.length }, rest, out);
            return Err(Error::Stream(id, broken));
        }
        self.piece = (rest > 0 || ends).then_some(Piece {
            stream: id,
            data,
            dropped: padding,
            ends,
        });
        self.release_of(id, overhead, !ends, out);
        Ok(())
    }

    /// What is on its way for a stream that is no more.
    fn drop_data(&mut self, counted: u32, rest: u32, out: &mut Vec<u8>) {
        self.give_back(counted, out);
        self.piece = Piece::skip(rest);
    }

    /// Whether frames of a stream that is no more are dropped, because the client could not know (RFC 9113 §5.1, §6.8).
    pub(super) fn is_ignored(&self, stream: u32) -> bool {
        self.last_taken.is_some_and(|last| stream > last) || self.streams.past(stream) == Past::Reset
    }

    /// More of a frame that is read as it comes.
    pub(super) fn go_on(&mut self, mut piece: Piece, input: &[u8], at: &mut usize, out: &mut Vec<u8>) -> Advance {
        let known = input.len() - *at;
        if known == 0 && piece.data + piece.dropped > 0 {
            return Advance::More;
        }
        let from = *at;
        let is_data = piece.data > 0;
        let part = if is_data { &mut piece.data } else { &mut piece.dropped };
        let len = known.min(*part as usize);
        *part -= len as u32;
        *at += len;
        let is_last = piece.data + piece.dropped == 0;
        self.piece = (!is_last).then_some(piece);
        let end = is_last && piece.ends;
        if is_data {
            self.pass_on(piece.stream, from..*at, end, out)
        } else if end {
            self.pass_on(piece.stream, *at..*at, end, out)
        } else {
            Advance::Again
        }
    }

    fn pass_on(&mut self, stream: u32, data: Range<usize>, end: bool, out: &mut Vec<u8>) -> Advance {
        let Some(open) = self.streams.get_mut(stream) else {
            // It was reset since, and its bytes were given back.
            if end {
                self.streams.forget_reset(stream);
            }
            return Advance::Again;
        };
        if end {
            open.request_ended = true;
            self.end_if_over(stream, out);
        }
        Advance::Event(Event::Data { stream, data, end })
    }

    /// So many bytes of a stream's data are no longer with this side: the windows grow again. Nothing happens for a stream that is no
    /// more, whose bytes were given back when it ended.
    pub fn release(&mut self, stream: u32, bytes: u32, out: &mut Vec<u8>) {
        self.release_of(stream, bytes, true, out);
    }

    /// As [`Connection::release`]; whether the client may send more on the stream.
    fn release_of(&mut self, stream: u32, bytes: u32, goes_on: bool, out: &mut Vec<u8>) {
        let Some(open) = self.streams.get_mut(stream) else {
            return;
        };
        let bytes = bytes.min(open.receiving.held());
        if let Some(increment) = open.receiving.release(bytes)
            && goes_on
            && !open.request_ended
        {
            frame::window_update(out, stream, increment);
        }
        self.give_back(bytes, out);
    }
}

/// Takes data from what is missing of the announced length; whether it can be that.
fn fits(missing: &mut Option<u64>, data: u32, ends: bool) -> bool {
    let Some(before) = *missing else { return true };
    let Some(left) = before.checked_sub(data.into()) else {
        return false;
    };
    *missing = Some(left);
    left == 0 || !ends
}
