//! HEADERS and CONTINUATION: field blocks put together, requests begun, uploads ended by trailers (RFC 9113 §4.3, §6.2, §6.10, §8.1).

use super::connection::Connection;
use super::event::{Counts, Event};
use super::partial::Block;
use crate::http2::error::{Broken, Code, Error};
use crate::http2::frame::{self, FrameHead, Headers, flag};
use crate::http2::list::FieldList;
use crate::http2::request::{self, LENGTH};
use crate::http2::settings::DEFAULT_WINDOW;
use crate::http2::streams::{Answer, Past, Stream};
use crate::http2::window::{ReceiveWindow, SendWindow};

/// A field block that is.
struct Whole<'b> {
    stream: u32,
    /// The stream ends with it.
    ends: bool,
    depends_on_itself: bool,
    block: &'b [u8],
}

impl Connection {
    /// HEADERS.
    pub(super) fn headers(
        &mut self,
        head: FrameHead,
        payload: &[u8],
        list: &mut FieldList,
        out: &mut Vec<u8>,
    ) -> Result<Option<Event>, Error> {
        let headers = Headers::read(head, payload)?;
        let stream = head.stream;
        if stream.is_multiple_of(2) {
            return Err(Broken::protocol("a client's stream has an even number").into());
        }
        if stream > self.last {
            self.last = stream;
        } else if self.streams.get(stream).is_none() && !self.is_ignored(stream) {
            // RFC 9113 §5.1, §5.1.1.
            return Err(match self.streams.past(stream) {
                Past::Ended => Broken::new(Code::STREAM_CLOSED, "HEADERS on a stream that has ended"),
                Past::Reset | Past::Unknown => Broken::protocol("a stream's number is not above those before it"),
            }
            .into());
        }
        let whole = Whole {
            stream,
            ends: head.has(flag::END_STREAM),
            depends_on_itself: headers.dependency.is_some_and(|dependency| dependency.on == stream),
            block: headers.block,
        };
        if head.has(flag::END_HEADERS) {
            return self.whole(&whole, list, out);
        }
        let mut block = Block {
            stream,
            ends: whole.ends,
            depends_on_itself: whole.depends_on_itself,
            bytes: Vec::new(),
            continuations: 0,
        };
        self.add(&mut block, whole.block)?;
        self.block = Some(Box::new(block));
        Ok(None)
    }

    /// CONTINUATION, of the stream that it has to be of.
    pub(super) fn continuation(
        &mut self,
        head: FrameHead,
        payload: &[u8],
        list: &mut FieldList,
        out: &mut Vec<u8>,
    ) -> Result<Option<Event>, Error> {
        Counts::one(&mut self.counts.continuations);
        let Some(mut block) = self.block.take() else {
            return Ok(None);
        };
        block.continuations += 1;
        if block.continuations > self.bounds.continuations {
            let why = "a field block has too many frames";
            return Err(Broken::new(Code::ENHANCE_YOUR_CALM, why).into());
        }
        self.add(&mut block, payload)?;
        if !head.has(flag::END_HEADERS) {
            self.block = Some(block);
            return Ok(None);
        }
        let whole = Whole {
            stream: block.stream,
            ends: block.ends,
            depends_on_itself: block.depends_on_itself,
            block: &block.bytes,
        };
        self.whole(&whole, list, out)
    }

    fn add(&self, block: &mut Block, more: &[u8]) -> Result<(), Broken> {
        if more.len() > self.bounds.block.saturating_sub(block.bytes.len()) {
            return Err(Broken::new(Code::ENHANCE_YOUR_CALM, "a field block is too large"));
        }
        block.bytes.extend_from_slice(more);
        Ok(())
    }

    /// A field block that is whole is read in any case, so that the next one can be.
    fn whole(&mut self, whole: &Whole<'_>, list: &mut FieldList, out: &mut Vec<u8>) -> Result<Option<Event>, Error> {
        list.clear();
        let decoded = self.decoder.decode(whole.block, list);
        decoded.map_err(|error| Broken::new(error.code(), error.words()))?;
        if self.streams.get(whole.stream).is_some() {
            return self.trailers(whole, list, out).map(Some);
        }
        if self.is_ignored(whole.stream) {
            Counts::one(&mut self.counts.empty);
            if whole.ends {
                self.streams.forget_reset(whole.stream);
            }
            return Ok(None);
        }
        Ok(self.request(whole, list, out))
    }

    /// A stream begins.
    fn request(&mut self, whole: &Whole<'_>, list: &FieldList, out: &mut Vec<u8>) -> Option<Event> {
        let (stream, end) = (whole.stream, whole.ends);
        Counts::one(&mut self.counts.requests);
        let most = self.bounds.settings.max_concurrent_streams.unwrap_or(u32::MAX);
        if self.streams.len() >= most as usize {
            // RFC 9113 §5.1.2.
            Counts::one(&mut self.counts.refused);
            frame::rst_stream(out, stream, Code::REFUSED_STREAM);
            if !end {
                self.streams.refuse(stream);
            }
            return None;
        }
        let extended = self.bounds.settings.enable_connect_protocol;
        let checked = if whole.depends_on_itself {
            // RFC 7540 §5.3.1, which RFC 9113 has left out and nobody has reason to break.
            Err("a stream depends on itself")
        } else {
            request::check(list, end, extended)
        };
        let window = self.bounds.settings.initial_window_size;
        let window = if self.is_acknowledged {
            window
        } else {
            window.max(DEFAULT_WINDOW)
        };
        self.streams.push(Stream {
            id: stream,
            sending: SendWindow::new(self.theirs.initial_window_size),
            receiving: ReceiveWindow::new(window),
            request_ended: end,
            answer: Answer::Nothing,
            missing: checked.ok().and_then(|checked| checked.length),
            connects: checked.is_ok_and(|checked| checked.connects),
        });
        Some(if list.is_too_large() {
            Event::TooLarge { stream, end }
        } else {
            match checked {
                Ok(_) => Event::Request { stream, end },
                Err(why) => Event::Malformed { stream, why, end },
            }
        })
    }

    /// HEADERS on a stream that has begun.
    fn trailers(&mut self, whole: &Whole<'_>, list: &FieldList, out: &mut Vec<u8>) -> Result<Event, Error> {
        let id = whole.stream;
        let Some(stream) = self.streams.get_mut(id) else {
            return Err(Broken::new(Code::INTERNAL_ERROR, "a stream is lost").into());
        };
        let fault = |broken| Err(Error::Stream(id, broken));
        if stream.request_ended {
            return fault(Broken::new(Code::STREAM_CLOSED, "HEADERS behind END_STREAM"));
        }
        stream.request_ended = whole.ends;
        if !whole.ends {
            return fault(Broken::protocol("trailers without END_STREAM"));
        }
        if stream.connects {
            // RFC 9113 §8.5.
            return fault(Broken::protocol("HEADERS behind CONNECT"));
        }
        if whole.depends_on_itself {
            return fault(Broken::protocol("a stream depends on itself"));
        }
        if list.is_too_large() {
            return fault(Broken::new(Code::ENHANCE_YOUR_CALM, "trailers are too large"));
        }
        if let Err(why) = request::check_trailers(list) {
            return fault(Broken::protocol(why));
        }
        if stream.missing.is_some_and(|missing| missing > 0) {
            return fault(Broken::protocol(LENGTH));
        }
        self.end_if_over(id, out);
        Ok(Event::Trailers { stream: id })
    }
}
