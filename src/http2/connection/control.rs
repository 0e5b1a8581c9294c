//! Frames that carry no message: settings, windows, resets, pings, priorities, the client's end (RFC 9113 §6.3 to §6.9, RFC 9218 §7.1).

use super::connection::Connection;
use super::event::{Counts, Event};
use crate::http2::error::{Broken, Code, Error};
use crate::http2::frame::{self, Dependency, FrameHead, Kind, flag};
use crate::http2::priority::Priority;
use crate::http2::settings::{DEFAULT_WINDOW, Settings};

/// What a window may not become (RFC 9113 §6.9.1).
const OVERFLOW: &str = "a window is larger than 2^31-1";

impl Connection {
    /// A frame of one of these kinds, whose payload has a length that its kind may have.
    pub(super) fn control(
        &mut self,
        head: FrameHead,
        payload: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Option<Event>, Error> {
        let first = payload.first_chunk::<4>().copied();
        match (head.kind, first) {
            (Kind::SETTINGS, _) => self.settings(head, payload, out),
            (Kind::WINDOW_UPDATE, Some(increment)) => self.window_update(head.stream, frame::word(increment)),
            (Kind::RST_STREAM, Some(code)) => self.rst_stream(head.stream, Code(u32::from_be_bytes(code)), out),
            (Kind::PING, _) => Ok(self.ping(head, payload, out)),
            (Kind::PRIORITY, _) => self.priority(head.stream, payload),
            (Kind::PRIORITY_UPDATE, Some(stream)) => self.priority_update(frame::word(stream), &payload[4..]),
            (Kind::GOAWAY, _) => {
                Counts::one(&mut self.counts.unknown);
                Ok(frame::read_goaway(payload).map(|(last, code, _)| Event::Goaway { last, code }))
            }
            // RFC 9113 §8.4: a client cannot push.
            _ => Err(Broken::protocol("PUSH_PROMISE from a client").into()),
        }
    }

    fn settings(&mut self, head: FrameHead, payload: &[u8], out: &mut Vec<u8>) -> Result<Option<Event>, Error> {
        Counts::one(&mut self.counts.settings);
        if head.has(flag::ACK) {
            self.acknowledged();
            return Ok(None);
        }
        let before = self.theirs;
        self.theirs.apply(payload)?;
        let by = i64::from(self.theirs.initial_window_size) - i64::from(before.initial_window_size);
        if by != 0 {
            // RFC 9113 §6.9.2: of streams alone.
            for stream in self.streams.iter_mut() {
                let shifted = stream.sending.shift(by);
                shifted.map_err(|_| Broken::new(Code::FLOW_CONTROL_ERROR, OVERFLOW))?;
            }
        }
        for size in Settings::table_sizes(payload) {
            self.encoder.set_limit(size);
        }
        frame::settings_ack(out);
        Ok(Some(Event::Settings))
    }

    /// The client knows what this side has said. It is said once, so there is nothing that another acknowledgement could mean.
    fn acknowledged(&mut self) {
        if self.is_acknowledged {
            return;
        }
        self.is_acknowledged = true;
        self.decoder.acknowledged(self.bounds.settings.header_table_size);
        let window = self.bounds.settings.initial_window_size;
        if window < DEFAULT_WINDOW {
            for stream in self.streams.iter_mut() {
                stream.receiving.resize(window);
            }
        }
    }

    fn window_update(&mut self, id: u32, increment: u32) -> Result<Option<Event>, Error> {
        Counts::one(&mut self.counts.window_updates);
        let zero = Broken::protocol("WINDOW_UPDATE of nothing");
        let overflow = Broken::new(Code::FLOW_CONTROL_ERROR, OVERFLOW);
        let opened = if id == 0 {
            if increment == 0 {
                return Err(zero.into());
            }
            self.sending.shift(increment.into()).map_err(|_| overflow)?
        } else if let Some(stream) = self.streams.get_mut(id) {
            if increment == 0 {
                return Err(Error::Stream(id, zero));
            }
            let opened = stream.sending.shift(increment.into());
            opened.map_err(|_| Error::Stream(id, overflow))?
        } else if self.is_idle(id) {
            return Err(Broken::protocol("WINDOW_UPDATE of a stream that was not begun").into());
        } else {
            // It was on its way when the stream ended: a client that reads a fast download sends several for each.
            false
        };
        Ok(opened.then_some(Event::Room { stream: id }))
    }

    fn rst_stream(&mut self, id: u32, code: Code, out: &mut Vec<u8>) -> Result<Option<Event>, Error> {
        Counts::one(&mut self.counts.resets);
        if self.is_idle(id) {
            return Err(Broken::protocol("RST_STREAM of a stream that was not begun").into());
        }
        let Some(gone) = self.streams.end(id) else {
            self.streams.forget_reset(id);
            return Ok(None);
        };
        self.give_back(gone.receiving.held(), out);
        Ok(Some(Event::Reset { stream: id, code }))
    }

    fn ping(&mut self, head: FrameHead, payload: &[u8], out: &mut Vec<u8>) -> Option<Event> {
        Counts::one(&mut self.counts.pings);
        let payload = *payload.first_chunk::<8>()?;
        if head.has(flag::ACK) {
            return Some(Event::Pong(payload));
        }
        frame::ping(out, payload, true);
        None
    }

    /// Nothing is done with what it says (RFC 9113 §5.3.2). What is wrong with it ends its stream, and where that has no frame to end
    /// by, because nobody has begun it, the connection.
    fn priority(&mut self, id: u32, payload: &[u8]) -> Result<Option<Event>, Error> {
        Counts::one(&mut self.counts.priorities);
        let broken = match payload.first_chunk::<5>().filter(|_| payload.len() == 5) {
            None => Broken::size("PRIORITY is not 5 bytes"),
            Some(bytes) if Dependency::read(*bytes).on == id => Broken::protocol("a stream depends on itself"),
            Some(_) => return Ok(None),
        };
        if self.is_idle(id) {
            return Err(broken.into());
        }
        Err(Error::Stream(id, broken))
    }

    fn priority_update(&mut self, id: u32, value: &[u8]) -> Result<Option<Event>, Error> {
        Counts::one(&mut self.counts.priorities);
        if id.is_multiple_of(2) {
            // RFC 9218 §7.1: 0, or a push that was never promised.
            return Err(Broken::protocol("PRIORITY_UPDATE of no request").into());
        }
        let is_past = self.streams.get(id).is_none() && !self.is_idle(id);
        let priority = Priority::of(value);
        Ok((!is_past).then_some(Event::Priority { stream: id, priority }))
    }
}
