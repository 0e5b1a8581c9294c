//! The client's side over our own HTTP/1 codec: heads in, responses out, keep-alive, pipelining, lingering close.
//!
//! Between requests a connection holds no buffer and no head, only its socket and one timer.

use std::future::{Future, poll_fn};
use std::rc::Rc;
use std::task::{Context, Poll};

use super::response::Response;
use super::wire::Wire;
use crate::http1::head::{Limits, Method, Name, Parsed, RequestHead, Version, eq_ignore_case, list};
use crate::http1::write::{field, status_line};
use crate::proxy::client::io::ClientIo;
use crate::proxy::client::lingering::{ALLOWED, close, linger};
use crate::proxy::client::tunnel;
use crate::proxy::core::core::Core;
use crate::proxy::exchange::decide::decide;
use crate::proxy::exchange::record::Record;
use crate::proxy::exchange::reply::Reply;
use crate::proxy::exchange::serve::{Gone, serve};
use crate::proxy::message::answer::wants_json;
use crate::proxy::message::error::ProxyError;
use crate::proxy::message::request::{self, Peer};
use crate::proxy::stock::buffers::Out;
use crate::proxy::stock::clock;
use crate::proxy::stock::deadline::Deadline;
use crate::proxy::stock::waiting::{For, Seat};

/// E24.
const REQUEST_LIMITS: Limits = Limits {
    bytes: 64 * 1024,
    fields: 100,
};
/// Empty lines that may stand before a request: old clients end a body with one (RFC 9112 §2.2).
const EMPTY_LINES: usize = 8;

/// One HTTP/1 connection.
pub(crate) struct ClientH1 {
    core: Rc<Core>,
    peer: Rc<Peer>,
    wire: Wire,
    deadline: Deadline,
    seat: Seat,
    /// What it waits for while it has no request under way.
    waits_for: For,
}

/// What is to be done with the connection after an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    /// The next request may come.
    KeepAlive,
    /// A clean end: everything was said and everything was read.
    Close,
    /// Nobody is there any more, or has to make room.
    Gone,
    /// The client may still be sending (N15).
    Linger,
    /// Its stream was cut: it must not look like a clean end.
    Abort,
}

/// A head, or why there is none.
enum Next {
    Head,
    End,
    Refused(ProxyError),
}

impl ClientH1 {
    pub(crate) fn new(core: Rc<Core>, peer: Rc<Peer>, io: ClientIo) -> Self {
        let idle = core.times().idle;
        Self {
            core,
            peer,
            wire: Wire::new(io),
            deadline: Deadline::after(idle),
            seat: Seat::default(),
            waits_for: For::First,
        }
    }

    /// Serves until the connection ends.
    pub(crate) async fn serve(mut self) {
        loop {
            self.wait_for_bytes().await;
            if self.wire.inbox.is_none() {
                self.close().await;
                break;
            }
            // Boxed: what one exchange needs is not kept by a connection that waits for the next.
            let after = {
                let mut exchange = Box::pin(self.exchange());
                poll_fn(|cx| {
                    let _look = clock::look();
                    exchange.as_mut().poll(cx)
                })
                .await
            };
            match after {
                After::KeepAlive => {}
                After::Close => {
                    self.part().await;
                    break;
                }
                After::Gone => {
                    self.close().await;
                    break;
                }
                After::Linger => {
                    self.linger().await;
                    break;
                }
                After::Abort => {
                    self.wire.io.abort();
                    break;
                }
            }
        }
        self.core.waiting.borrow_mut().forget(&mut self.seat);
    }

    /// Answers the first request with an error, whatever it is, and ends.
    pub(crate) async fn turn_away(mut self, error: ProxyError) {
        let mut head = RequestHead::new();
        let mut record = Record::new(&self.core, &self.peer);
        let (json, is_head) = match (self.next_head(&mut head).await, &self.wire.inbox) {
            (Next::End, _) => return,
            (Next::Head, Some(buffer)) => {
                let json = wants_json(head.get(Name::Accept, buffer.filled()));
                describe(&mut record, &head, buffer.filled());
                (json, head.method == Method::Head)
            }
            (Next::Head | Next::Refused(_), _) => (false, false),
        };
        match self.refuse(&error, record, json, is_head).await {
            After::Abort => self.wire.io.abort(),
            After::KeepAlive | After::Close | After::Gone | After::Linger => self.linger().await,
        }
    }

    /// Waits until the first bytes of a request are there, without holding a buffer. The inbox is empty when the connection is
    /// to end.
    async fn wait_for_bytes(&mut self) {
        let mut empty_lines = EMPTY_LINES;
        if self.wire.skip_empty_lines(&mut empty_lines) {
            return;
        }
        self.deadline.set(self.core.times().idle);
        // Known from when draining begins, or the wait, whichever is later.
        let mut since = None;
        poll_fn(|cx| {
            while !self.wire.at_end {
                match self.wire.poll_more(cx) {
                    Poll::Ready(_) if self.wire.skip_empty_lines(&mut empty_lines) => return Poll::Ready(()),
                    Poll::Ready(_) => {}
                    Poll::Pending => break,
                }
            }
            let grace_is_over =
                self.core.is_draining() && self.core.grace_is_over_since(*since.get_or_insert_with(clock::now));
            let is_over = grace_is_over || self.core.is_stopping() || self.deadline.poll_passed(cx);
            if is_over || self.wire.at_end || !self.keeps_seat(cx) {
                self.wire.inbox = None;
                return Poll::Ready(());
            }
            Poll::Pending
        })
        .await;
    }

    /// Waits together with the others; `false` when the connection has to make room for a newcomer.
    fn keeps_seat(&mut self, cx: &Context<'_>) -> bool {
        let mut waiting = self.core.waiting.borrow_mut();
        waiting.register(&mut self.seat, cx.waker(), self.waits_for);
        !waiting.is_closing(&self.seat)
    }

    /// One request and its answer.
    async fn exchange(&mut self) -> After {
        let mut head = RequestHead::new();
        match self.next_head(&mut head).await {
            Next::Head => {}
            Next::End => return After::Gone,
            Next::Refused(error) => {
                let record = Record::new(&self.core, &self.peer);
                return self.refuse(&error, record, false, false).await;
            }
        }
        let mut record = Record::new(&self.core, &self.peer);
        let Some(buffer) = self.wire.inbox.take() else {
            return After::Close;
        };
        let bytes = buffer.filled();
        let keep_alive = keeps_alive(&head, bytes);
        let (decision, framing) = match request::of_http1(&head, bytes) {
            Ok(request) => (decide(&self.core, &self.peer, &request, record), request.framing),
            Err(error) => {
                let json = wants_json(head.get(Name::Accept, bytes));
                describe(&mut record, &head, bytes);
                return self.refuse(&error, record, json, head.method == Method::Head).await;
            }
        };
        self.waits_for = For::Next;
        self.core.waiting.borrow_mut().is_busy(&self.seat);
        self.wire.begin_body(framing, head.version);
        self.wire.put_back(buffer, head.len);
        drop(head);
        match serve(decision, &mut self.wire, &mut self.deadline).await {
            Err(Gone) => After::Abort,
            Ok(reply) if reply.status == 101 => self.tunnel(reply).await,
            Ok(reply) => self.pass(reply, keep_alive).await,
        }
    }

    /// The framing of such a request is not to be trusted: the connection ends with the answer.
    async fn refuse(&mut self, error: &ProxyError, record: Box<Record>, json: bool, is_head: bool) -> After {
        let reply = Reply::error(error, record, None, json, is_head);
        match self.pass(reply, false).await {
            After::Abort => After::Abort,
            After::KeepAlive | After::Close | After::Gone | After::Linger => After::Linger,
        }
    }

    /// Reads until a whole head is in the inbox.
    async fn next_head(&mut self, head: &mut RequestHead) -> Next {
        let mut begun = false;
        loop {
            if let Some(buffer) = &mut self.wire.inbox {
                match head.parse(buffer.filled(), REQUEST_LIMITS) {
                    Ok(Parsed::Whole) => return Next::Head,
                    Ok(Parsed::Partial) => {
                        if buffer.is_full() {
                            // With the empty line that may stand before a head, and does not count.
                            buffer.make_room(REQUEST_LIMITS.bytes + b"\r\n".len());
                        }
                    }
                    Err(error) => return Next::Refused(ProxyError::Head(error)),
                }
            }
            if !std::mem::replace(&mut begun, true) {
                self.deadline.set(self.core.times().head);
            }
            let read = poll_fn(|cx| match self.wire.poll_more(cx) {
                Poll::Pending if self.deadline.poll_passed(cx) => Poll::Ready(Err(ProxyError::SlowHead)),
                // Until its first head is whole, a connection makes room like one that has said nothing.
                Poll::Pending if self.waits_for == For::First && !self.keeps_seat(cx) => Poll::Ready(Ok(Ok(0))),
                Poll::Pending => Poll::Pending,
                Poll::Ready(n) => Poll::Ready(Ok(n)),
            });
            match read.await {
                Ok(Ok(n)) if n > 0 => {}
                // Nobody is there any more to be answered.
                Ok(Ok(_) | Err(_)) => return Next::End,
                Err(error) => return Next::Refused(error),
            }
        }
    }

    /// Passes a reply on to its last byte.
    async fn pass(&mut self, mut reply: Reply, keep_alive: bool) -> After {
        let in_step = self.wire.body_is_done() && reply.is_in_step();
        let mut response = Response::of(
            &reply,
            self.wire.version,
            keep_alive && in_step && !self.core.is_draining(),
        );
        reply.begin_body(&mut self.deadline);
        let passed = poll_fn(|cx| response.poll(cx, &mut reply, &mut self.wire, &mut self.deadline)).await;
        match passed {
            Err(cut) => {
                reply.cut(cut);
                if cut.is_unread() {
                    self.wire.io.discard_unread();
                }
                if response.needs_reset(cut) {
                    After::Abort
                } else {
                    After::Close
                }
            }
            Ok(()) => {
                reply.finish();
                if !self.wire.body_is_done() {
                    if response.is_open_ended() {
                        // Over TLS only close_notify says that it is whole.
                        self.close().await;
                    }
                    After::Linger
                } else if response.keep_alive {
                    After::KeepAlive
                } else {
                    After::Close
                }
            }
        }
    }

    /// 101: from here on both sides are bytes.
    async fn tunnel(&mut self, reply: Reply) -> After {
        let mut out = Out::new();
        // What the client has not taken yet of a head before it leaves first.
        out.bytes.append(&mut self.wire.interim);
        status_line(&mut out.bytes, 101, b"");
        reply.for_each_field(|name, value| field(&mut out.bytes, name, value));
        out.bytes
            .extend_from_slice(b"connection: upgrade\r\nupgrade: websocket\r\n\r\n");
        let Some(mut exchange) = tunnel::begin(reply) else {
            return After::Close;
        };
        let end = tunnel::run(&mut self.wire, &mut exchange, out, &mut self.deadline).await;
        exchange.record.ended(end);
        drop(exchange);
        self.close().await;
        // What the client has not got yet must not be thrown away by an RST to what it still says.
        After::Linger
    }

    /// Nothing more is said; and what the client has not got yet is not thrown away by an RST to what it says meanwhile
    /// (RFC 9112 §9.6).
    async fn part(&mut self) {
        self.wire.inbox = None;
        self.close().await;
        linger(&mut self.wire.io, self.core.times().parting, ALLOWED).await;
    }

    async fn close(&mut self) {
        close(&mut self.wire.io, self.core.times().head).await;
    }

    /// See [`linger`].
    async fn linger(&mut self) {
        self.wire.inbox = None;
        linger(&mut self.wire.io, self.core.times().linger, ALLOWED).await;
    }
}

/// What is known of a request that is not forwarded.
fn describe(record: &mut Record, head: &RequestHead, buffer: &[u8]) {
    let protocol = match head.version {
        Version::Http10 => "HTTP/1.0",
        Version::Http11 => "HTTP/1.1",
    };
    record.describe_refused(protocol, head.method_text.of(buffer), head.target.of(buffer));
}

/// Whether the client wants to keep the connection (RFC 9112 §9.3).
fn keeps_alive(head: &RequestHead, buffer: &[u8]) -> bool {
    let mut keep = head.version == Version::Http11;
    for connection in head.fields.iter().filter(|field| field.kind == Name::Connection) {
        for option in list(connection.value.of(buffer)) {
            if eq_ignore_case(option, b"close") {
                return false;
            }
            keep |= eq_ignore_case(option, b"keep-alive");
        }
    }
    keep
}
