//! What a client says on a connection, and what is done about it: requests begin, uploads go on, streams end.

use super::connection::{After, ClientH2, LEAVING, LEFT};
use super::life::live;
use super::turn::Standing;
use crate::http1::head::{HeadError, Name};
use crate::http1::trailers::push_allowed;
use crate::http2::connection::Event;
use crate::http2::error::Code;
use crate::http2::field::Pseudo;
use crate::http2::list::FieldList;
use crate::http2::priority::Priority;
use crate::proxy::exchange::decide::{Decision, decide};
use crate::proxy::exchange::record::Record;
use crate::proxy::exchange::reply::Reply;
use crate::proxy::message::answer::wants_json;
use crate::proxy::message::error::ProxyError;
use crate::proxy::message::request;

/// Streams of which a client has said how urgent they are before it has begun them.
const FORETOLD: usize = 16;

/// What a request is that was read.
enum Asked {
    Well,
    Malformed(&'static str),
    TooLarge,
}

impl ClientH2 {
    /// `input` is what the event was read from, and `list` has the fields of a head or of trailers.
    pub(super) fn happens(&mut self, event: Event, input: &[u8], list: &FieldList) -> Result<(), After> {
        match event {
            Event::Request { stream, end } => self.begin(stream, end, Asked::Well, list),
            Event::Malformed { stream, why, end } => self.begin(stream, end, Asked::Malformed(why), list),
            Event::TooLarge { stream, end } => self.begin(stream, end, Asked::TooLarge, list),
            Event::Data { stream, data, end } => match self.streams.channel(stream) {
                Some(channel) => {
                    channel.receive(&input[data]);
                    if end {
                        channel.end(Vec::new());
                    }
                    self.streams.mark(stream);
                }
                None => self.wire.release(stream, data.len()),
            },
            Event::Trailers { stream } => {
                if let Some(channel) = self.streams.channel(stream) {
                    let mut lines = Vec::new();
                    for field in &list.fields {
                        let (name, value) = (field.name.of(&list.bytes), field.value.of(&list.bytes));
                        push_allowed(&mut lines, field.kind, name, value);
                    }
                    channel.end(lines);
                    self.streams.mark(stream);
                }
            }
            Event::Reset { stream, .. } | Event::Failed { stream, .. } => {
                let is_cancelled = self
                    .streams
                    .channel(stream)
                    .is_some_and(|channel| !channel.is_settled.get());
                self.streams.end(stream);
                if is_cancelled && self.floods.cancelled() {
                    return Err(self.calm_down());
                }
            }
            Event::Room { stream: 0 } => self.streams.mark_waiting(),
            Event::Room { stream } => self.streams.mark(stream),
            Event::Settings => {
                self.rest.begins();
                self.streams.mark_waiting();
            }
            Event::Priority { stream, priority } => self.set_priority(stream, priority),
            Event::Pong(LEAVING) if self.leaving => self.ping(LEFT),
            Event::Pong(LEFT) if self.leaving => self.say_end(Code::NO_ERROR),
            Event::Pong(_) => {}
            // Streams that have begun are served to their end.
            Event::Goaway { .. } => self.say_end(Code::NO_ERROR),
            Event::Broken(broken) => {
                self.tell_of(broken.code, broken.why);
                return Err(After::Linger);
            }
        }
        Ok(())
    }

    /// A stream begins.
    fn begin(&mut self, stream: u32, end: bool, asked: Asked, list: &FieldList) {
        let standing = Standing {
            priority: self.priority_of(stream, list),
            last_turn: 0,
        };
        let (wire, idle) = (&self.wire, self.core.times().idle);
        let begun = self
            .streams
            .begin(stream, standing, |channel| live(wire.clone(), channel, idle));
        let Some(channel) = begun else {
            // Nothing was done for it, and its client may send it again (RFC 9113 §8.7).
            self.wire.reset(stream, Code::REFUSED_STREAM);
            return;
        };
        let record = Record::new(&self.core, &self.peer);
        let fault = matches!(asked, Asked::Malformed(_)).then_some(Code::PROTOCOL_ERROR);
        let request = match asked {
            Asked::Well => request::of_http2(list, !end),
            Asked::Malformed(why) => Err(ProxyError::BadRequest(why)),
            Asked::TooLarge => Err(ProxyError::Head(HeadError::TooLarge)),
        };
        let decision = match request {
            Ok(request) => decide(&self.core, &self.peer, &request, record),
            Err(error) => refuse(&error, record, list),
        };
        channel.decided(decision, fault);
        if end {
            channel.end(Vec::new());
        }
    }

    /// What the client has said of a stream's order (RFC 9218 §5, §7).
    fn priority_of(&mut self, stream: u32, list: &FieldList) -> Option<Priority> {
        if !self.foretold.is_empty() {
            let foretold = self.foretold.iter().position(|(foretold, _)| *foretold == stream);
            let said = foretold.map(|place| self.foretold.swap_remove(place).1);
            self.foretold.retain(|(foretold, _)| *foretold > stream);
            if said.is_some() {
                return said;
            }
        }
        let field = list
            .fields
            .iter()
            .find(|field| field.kind == Name::Other && field.name.of(&list.bytes) == b"priority");
        field.map(|field| Priority::of(field.value.of(&list.bytes)))
    }

    fn set_priority(&mut self, stream: u32, priority: Priority) {
        if let Some(channel) = self.streams.channel(stream) {
            let standing = channel.standing.get();
            channel.standing.set(Standing {
                priority: Some(priority),
                ..standing
            });
            return;
        }
        self.foretold.retain(|(foretold, _)| *foretold != stream);
        if self.foretold.len() < FORETOLD {
            self.foretold.push((stream, priority));
        }
    }
}

/// The answer to a request that is not forwarded.
fn refuse(error: &ProxyError, mut record: Box<Record>, list: &FieldList) -> Decision {
    let pseudo = |pseudo| list.pseudo(pseudo).unwrap_or_default();
    let method = pseudo(Pseudo::Method);
    record.describe_refused("HTTP/2", method, pseudo(Pseudo::Path));
    let json = wants_json(list.get(Name::Accept));
    Decision::Reply(Reply::error(error, record, None, json, method == b"HEAD"))
}
