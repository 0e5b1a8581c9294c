//! The client's side over our own HTTP/1 codec: heads in, responses out, keep-alive, pipelining, lingering close.
//!
//! Between requests a connection holds no buffer and no head, only its socket and one timer.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use super::answer::{Answer, wants_json};
use super::body::{Cut, Piece};
use super::client_io::ClientIo;
use super::core::{Core, Ticket};
use super::deadline::Deadline;
use super::error::ProxyError;
use super::forward::{Client, Exchange};
use super::record::Record;
use super::request::{self, Peer};
use super::service::{Decision, decide};
use super::stock::{Buffer, Out};
use super::{headers, tunnel};
use crate::http1::chunked::BodyDecoder;
use crate::http1::framing::Framing;
use crate::http1::head::{Limits, Method, Name, Parsed, RequestHead, ResponseHead, Version, eq_ignore_case, list};
use crate::http1::write::{chunk_size, field, last_chunk, status_line};

/// E24.
const REQUEST_LIMITS: Limits = Limits {
    bytes: 64 * 1024,
    fields: 100,
};
/// A head that has begun has to be whole after this (E22).
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection without a request is closed after this.
const IDLE_TIMEOUT: Duration = Duration::from_secs(75);
/// When draining, connections that wait for a request are closed after this (N26).
pub(super) const DRAIN_GRACE: Duration = Duration::from_secs(10);
/// What a client may still send after an answer that did not wait for its body (N15).
const LINGER: (Duration, usize) = (Duration::from_secs(10), 64 * 1024 * 1024);
/// A piece up to this size is copied behind the head, so that both leave with one write.
const COPIED: usize = 16 * 1024;

/// One HTTP/1 connection.
pub(super) struct ClientH1 {
    core: Rc<Core>,
    peer: Rc<Peer>,
    wire: Wire,
    deadline: Deadline,
    ticket: Ticket,
}

/// The client's bytes, and the request body that is being read from them.
pub(super) struct Wire {
    pub(super) io: ClientIo,
    /// Bytes that were read and not used: the rest of a body, or the next request.
    pub(super) inbox: Option<Buffer>,
    body: BodyDecoder,
    uploaded: u64,
    limit: u64,
    /// Interim responses that wait to be written.
    interim: Vec<u8>,
    /// The version of the request: HTTP/1.0 gets no interim responses.
    version: Version,
    /// The client has ended its direction (N17) or broken off.
    at_end: bool,
}

/// What is to be done with the connection after an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    /// The next request may come.
    KeepAlive,
    /// A clean end: everything was said and everything was read.
    Close,
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
    pub(super) fn new(core: Rc<Core>, peer: Rc<Peer>, io: ClientIo) -> Self {
        let wire = Wire {
            io,
            inbox: None,
            body: BodyDecoder::new(Framing::None),
            uploaded: 0,
            limit: u64::MAX,
            interim: Vec::new(),
            version: Version::Http11,
            at_end: false,
        };
        Self {
            core,
            peer,
            wire,
            deadline: Deadline::after(IDLE_TIMEOUT),
            ticket: Ticket::default(),
        }
    }

    /// Serves until the connection ends.
    pub(super) async fn serve(mut self) {
        loop {
            self.wait_for_bytes().await;
            if self.wire.inbox.is_none() {
                break;
            }
            // Boxed: what one exchange needs is not kept by a connection that waits for the next.
            match Box::pin(self.exchange()).await {
                After::KeepAlive => {}
                After::Close => {
                    let _ = poll_fn(|cx| Pin::new(&mut self.wire.io).poll_shutdown(cx)).await;
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
        self.core.waiting.borrow_mut().forget(&mut self.ticket);
    }

    /// Waits until the first bytes of a request are there, without holding a buffer. The inbox is empty when the connection is
    /// to end.
    async fn wait_for_bytes(&mut self) {
        if self.wire.inbox.is_some() || self.wire.at_end {
            return;
        }
        self.deadline.set(IDLE_TIMEOUT);
        poll_fn(|cx| {
            match self.wire.poll_fill(cx) {
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => {}
            }
            let drained = self
                .core
                .drain_began
                .get()
                .is_some_and(|began| began.elapsed() >= DRAIN_GRACE);
            if drained || self.core.is_stopping() || self.deadline.poll_passed(cx) {
                return Poll::Ready(());
            }
            self.core.waiting.borrow_mut().register(&mut self.ticket, cx.waker());
            Poll::Pending
        })
        .await;
    }

    /// One request and its answer.
    async fn exchange(&mut self) -> After {
        let mut head = RequestHead::new();
        match self.next_head(&mut head).await {
            Next::Head => {}
            Next::End => return After::Close,
            Next::Refused(error) => {
                let record = Record::new(&self.core, &self.peer);
                return self.refuse(error, record, false, false).await;
            }
        }
        let record = Record::new(&self.core, &self.peer);
        let Some(buffer) = self.wire.inbox.take() else {
            return After::Close;
        };
        let bytes = buffer.filled();
        let keep_alive = keeps_alive(&head, bytes);
        let is_head = head.method == Method::Head;
        let json = wants_json(head.get(Name::Accept, bytes));
        let (decision, framing) = match request::of_http1(&head, bytes) {
            Ok(request) => (decide(&self.core, &self.peer, &request, record), request.framing),
            Err(error) => return self.refuse(error, record, json, is_head).await,
        };
        self.wire.begin_body(framing, head.version);
        self.wire.put_back(buffer, head.len);
        drop(head);
        match decision {
            Ok(Decision::Forward(exchange)) => self.forward(exchange, keep_alive, json).await,
            Ok(Decision::Answer(answer, record)) => self.answer(answer, record, !keep_alive, is_head).await,
            Err((error, record)) => {
                let mut record = record;
                record.failed(&error);
                let answer = Answer::error(&error, json, record.id);
                self.answer(answer, record, !keep_alive, is_head).await
            }
        }
    }

    /// The framing of such a request is not to be trusted: the connection ends with the answer.
    async fn refuse(&mut self, error: ProxyError, mut record: Record, json: bool, is_head: bool) -> After {
        record.failed(&error);
        let answer = Answer::error(&error, json, record.id);
        match self.answer(answer, record, true, is_head).await {
            After::Abort => After::Abort,
            _ => After::Linger,
        }
    }

    /// Reads until a whole head is in the inbox.
    async fn next_head(&mut self, head: &mut RequestHead) -> Next {
        let mut began = None;
        loop {
            if let Some(buffer) = &mut self.wire.inbox {
                match head.parse(buffer.filled(), REQUEST_LIMITS) {
                    Ok(Parsed::Whole) => return Next::Head,
                    Ok(Parsed::Partial) => {
                        if buffer.is_full() {
                            buffer.make_room(REQUEST_LIMITS.bytes + 1);
                        }
                    }
                    Err(error) => return Next::Refused(ProxyError::Head(error)),
                }
            }
            if began.is_none() {
                began = Some(Instant::now());
                self.deadline.set(HEAD_TIMEOUT);
            }
            let read = poll_fn(|cx| match self.wire.poll_more(cx) {
                Poll::Pending if self.deadline.poll_passed(cx) => Poll::Ready(Err(ProxyError::SlowHead)),
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

    /// Forwards, and passes the response on to its last byte.
    async fn forward(&mut self, mut exchange: Box<Exchange>, keep_alive: bool, json: bool) -> After {
        self.wire.limit = exchange.service.service.limit_body;
        if let Err(error) = exchange.respond(&mut self.wire, &mut self.deadline).await {
            let is_head = exchange.method == Method::Head;
            exchange.record.bytes_in = self.wire.uploaded;
            if matches!(error, ProxyError::ClientGone) {
                exchange.record.ended(error.termination());
                return After::Abort;
            }
            exchange.record.failed(&error);
            let answer = Answer::error(&error, json, exchange.record.id);
            exchange.let_go();
            return self.answer_exchange(answer, exchange, keep_alive, is_head).await;
        }
        if exchange.head.status == 101 {
            return self.tunnel(exchange).await;
        }
        // After an answer that did not wait for the upload's end the connection is not kept (N14, E13).
        let uploaded = exchange.sending.done && !exchange.sending.broken;
        let keep_alive = keep_alive && uploaded && !self.core.is_draining();
        let mut passing = Passing::of(&exchange, self.wire.version, keep_alive);
        exchange.body.drop_head(exchange.head.len);
        if let Some(claim) = &exchange.record.claim {
            claim.become_stream();
        }
        self.deadline.set(exchange.service.service.timeout.idle);
        let passed = poll_fn(|cx| self.poll_pass_on(cx, &mut exchange, &mut passing)).await;
        exchange.record.bytes_in = self.wire.uploaded;
        match passed {
            Err(cut) => {
                exchange.record.ended(cut.0);
                exchange.let_go();
                // Where the end of the connection is the end of the body, only RST tells that it was cut (N18).
                let open_ended = !passing.chunked && !matches!(exchange.body.framing, Framing::Length(_));
                if open_ended { After::Abort } else { After::Close }
            }
            Ok(()) => {
                exchange.record.ended("done");
                let upload_done = exchange.sending.done && self.wire.body.is_done();
                exchange.finish();
                drop(exchange);
                self.after(passing.keep_alive, upload_done)
            }
        }
    }

    fn after(&self, keep_alive: bool, upload_done: bool) -> After {
        match (keep_alive, upload_done) {
            (true, true) => After::KeepAlive,
            (_, false) => After::Linger,
            (false, true) => After::Close,
        }
    }

    /// Writes the response, piece by piece, while the upload goes on.
    fn poll_pass_on(
        &mut self,
        cx: &mut Context<'_>,
        exchange: &mut Exchange,
        passing: &mut Passing,
    ) -> Poll<Result<(), Cut>> {
        loop {
            // Only the head waits for the first piece, to leave with it if that is at hand; nothing else is kept back.
            if !passing.head_waits {
                match self.poll_write_out(cx, exchange, passing) {
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(_)) => return Poll::Ready(Err(Cut("client: gone"))),
                    Poll::Pending => {
                        passing.fast = false;
                        return self.poll_slow(cx, exchange);
                    }
                }
                if passing.ended {
                    return Pin::new(&mut self.wire.io)
                        .poll_flush(cx)
                        .map_err(|_| Cut("client: gone"));
                }
            }
            match exchange.poll_piece(cx, &mut self.wire, &mut self.deadline, passing.fast) {
                Poll::Ready(Ok(Piece::Data)) => passing.take(exchange),
                Poll::Ready(Ok(Piece::End | Piece::EndOfEvents)) => passing.end(exchange),
                Poll::Ready(Err(cut)) => {
                    // What the app has said is the client's, even if it is not whole.
                    let _ = self.wire.poll_write_all(cx, &mut passing.out);
                    let _ = Pin::new(&mut self.wire.io).poll_flush(cx);
                    return Poll::Ready(Err(cut));
                }
                Poll::Pending if passing.head_waits => passing.head_waits = false,
                Poll::Pending => {
                    // Nothing of the app: whatever TLS has kept back leaves now.
                    return match Pin::new(&mut self.wire.io).poll_flush(cx) {
                        Poll::Ready(Err(_)) => Poll::Ready(Err(Cut("client: gone"))),
                        Poll::Ready(Ok(())) | Poll::Pending => Poll::Pending,
                    };
                }
            }
        }
    }

    /// Writes what was put together, and then the piece from where it lies.
    fn poll_write_out(
        &mut self,
        cx: &mut Context<'_>,
        exchange: &mut Exchange,
        passing: &mut Passing,
    ) -> Poll<io::Result<()>> {
        ready!(self.wire.poll_flush_interim(cx))?;
        if !passing.out.is_empty() {
            ready!(self.wire.poll_write_all(cx, &mut passing.out))?;
        }
        while !exchange.piece().is_empty() {
            match ready!(Pin::new(&mut self.wire.io).poll_write(cx, exchange.piece()))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                n => exchange.consume(n),
            }
            passing.fast = true;
        }
        Poll::Ready(Ok(()))
    }

    /// The client does not take what we have: the upload goes on, and patience may end.
    fn poll_slow(&mut self, cx: &mut Context<'_>, exchange: &mut Exchange) -> Poll<Result<(), Cut>> {
        if exchange.poll_send(cx, &mut self.wire).is_err() {
            return Poll::Ready(Err(Cut("client: broke off the body")));
        }
        match exchange.poll_patience(cx, &mut self.deadline) {
            Poll::Ready(Err(cut)) => return Poll::Ready(Err(cut)),
            Poll::Ready(Ok(())) | Poll::Pending => {}
        }
        if self.deadline.poll_passed(cx) {
            return Poll::Ready(Err(Cut("client: stopped reading")));
        }
        Poll::Pending
    }

    /// 101: from here on both sides are bytes.
    async fn tunnel(&mut self, mut exchange: Box<Exchange>) -> After {
        let mut out = Out::new();
        status_line(&mut out.bytes, 101, b"");
        if let Some(inbox) = &exchange.body.inbox {
            for (_, name, value) in headers::response(&exchange.head.fields, inbox.filled()) {
                field(&mut out.bytes, name, value);
            }
        }
        out.bytes
            .extend_from_slice(b"connection: upgrade\r\nupgrade: websocket\r\n\r\n");
        exchange.body.drop_head(exchange.head.len);
        if let Some(claim) = &exchange.record.claim {
            claim.become_web_socket();
        }
        let termination = tunnel::run(&mut self.wire, &mut exchange, out, &mut self.deadline).await;
        exchange.record.ended(termination);
        After::Close
    }

    /// Answers in the app's place; the claim of the exchange is held until the answer has left.
    async fn answer_exchange(
        &mut self,
        answer: Answer,
        exchange: Box<Exchange>,
        keep_alive: bool,
        is_head: bool,
    ) -> After {
        let after = self.write_answer(&answer, !keep_alive, is_head).await;
        drop(exchange);
        after
    }

    async fn answer(&mut self, answer: Answer, mut record: Record, close: bool, is_head: bool) -> After {
        record.bytes_out = answer.body.len() as u64;
        let after = self.write_answer(&answer, close, is_head).await;
        drop(record);
        after
    }

    async fn write_answer(&mut self, answer: &Answer, close: bool, is_head: bool) -> After {
        let close = close || !self.wire.body.is_done() || self.core.is_draining();
        let mut out = Out::new();
        out.bytes.append(&mut self.wire.interim);
        status_line(&mut out.bytes, answer.status, b"");
        let date = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&jiff::Timestamp::now());
        if let Ok(date) = date {
            field(&mut out.bytes, b"date", date.as_bytes());
        }
        for (name, value) in &answer.fields {
            field(&mut out.bytes, name.as_bytes(), value.as_bytes());
        }
        headers::push_length(&mut out.bytes, answer.body.len() as u64);
        if close {
            out.bytes.extend_from_slice(b"connection: close\r\n");
        } else if self.wire.version == Version::Http10 {
            out.bytes.extend_from_slice(b"connection: keep-alive\r\n");
        }
        out.bytes.extend_from_slice(b"\r\n");
        if !is_head {
            out.bytes.extend_from_slice(&answer.body);
        }
        self.deadline.set(HEAD_TIMEOUT);
        let written = poll_fn(|cx| {
            match self.wire.poll_write_all(cx, &mut out) {
                Poll::Ready(Ok(())) => {}
                Poll::Pending if self.deadline.poll_passed(cx) => {
                    return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
                }
                other => return other,
            }
            Pin::new(&mut self.wire.io).poll_flush(cx)
        });
        match written.await {
            Err(_) => After::Abort,
            Ok(()) => self.after(!close, self.wire.body.is_done()),
        }
    }

    /// Reads and discards what the client still sends, within bounds, so that it gets to read its answer instead of RST (N15).
    async fn linger(&mut self) {
        self.wire.inbox = None;
        let _ = poll_fn(|cx| Pin::new(&mut self.wire.io).poll_flush(cx)).await;
        self.wire.io.half_close();
        self.deadline.set(LINGER.0);
        let mut left = LINGER.1;
        poll_fn(|cx| {
            while left > 0 {
                match self.wire.poll_fill(cx) {
                    Poll::Ready(Ok(n)) if n > 0 => {
                        left = left.saturating_sub(n);
                        self.wire.inbox = None;
                    }
                    Poll::Ready(_) => return Poll::Ready(()),
                    Poll::Pending if self.deadline.poll_passed(cx) => return Poll::Ready(()),
                    Poll::Pending => return Poll::Pending,
                }
            }
            Poll::Ready(())
        })
        .await;
    }
}

/// A response on its way to the client.
struct Passing {
    out: Out,
    chunked: bool,
    keep_alive: bool,
    /// HTTP/1.0 has to be told that the connection stays.
    says_keep_alive: bool,
    /// The head was not written yet, because the first piece may leave with it.
    head_waits: bool,
    /// The body has ended, and so has everything in `out`.
    ended: bool,
    /// The client took the last piece without a wait.
    fast: bool,
}

impl Passing {
    fn of(exchange: &Exchange, version: Version, keep_alive: bool) -> Self {
        let open_ended = matches!(exchange.body.framing, Framing::Chunked | Framing::UntilClose);
        let chunked = open_ended && version == Version::Http11;
        let mut passing = Self {
            out: Out::new(),
            chunked,
            keep_alive: keep_alive && (chunked || !open_ended),
            says_keep_alive: version == Version::Http10,
            head_waits: true,
            ended: false,
            fast: true,
        };
        let mut bytes = std::mem::take(&mut passing.out.bytes);
        passing.write_head(&mut bytes, exchange);
        passing.out.bytes = bytes;
        passing
    }

    /// A piece is there: it is copied behind what waits, or written from where it lies.
    fn take(&mut self, exchange: &mut Exchange) {
        self.head_waits = false;
        let len = exchange.piece().len();
        if self.chunked {
            chunk_size(&mut self.out.bytes, len);
        }
        if self.chunked || (len <= COPIED && !self.out.is_empty()) {
            self.out.bytes.extend_from_slice(exchange.piece());
            exchange.consume(len);
        }
        if self.chunked {
            self.out.bytes.extend_from_slice(b"\r\n");
        }
    }

    fn end(&mut self, exchange: &Exchange) {
        self.head_waits = false;
        self.ended = true;
        if self.chunked {
            last_chunk(&mut self.out.bytes, exchange.body.trailers());
        }
    }

    fn write_head(&self, out: &mut Vec<u8>, exchange: &Exchange) {
        let Some(inbox) = &exchange.body.inbox else { return };
        let (head, bytes): (&ResponseHead, _) = (&exchange.head, inbox.filled());
        status_line(out, head.status, head.reason.of(bytes));
        let label = exchange.service.service.label.as_deref();
        for (kind, name, value) in headers::response(&head.fields, bytes) {
            if label.is_some() && matches!(kind, Name::XEnvironment | Name::XRobotsTag) {
                continue;
            }
            field(out, name, value);
        }
        if let Some(label) = label {
            field(out, b"x-environment", label.as_bytes());
            field(out, b"x-robots-tag", b"noindex");
        }
        match exchange.body.framing {
            Framing::Length(length) => headers::push_length(out, length),
            Framing::Chunked | Framing::UntilClose => {
                if self.chunked {
                    out.extend_from_slice(b"transfer-encoding: chunked\r\n");
                }
            }
            // To HEAD and with 304 the length speaks of the body that GET would have had (RFC 9110 §8.6).
            Framing::None => {
                let length = head.fields.iter().find(|field| field.kind == Name::ContentLength);
                if let Some(length) = length {
                    field(out, b"content-length", length.value.of(bytes));
                } else if head.status != 204 && head.status != 304 && exchange.method != Method::Head {
                    out.extend_from_slice(b"content-length: 0\r\n");
                }
            }
        }
        if !self.keep_alive {
            out.extend_from_slice(b"connection: close\r\n");
        } else if self.says_keep_alive {
            out.extend_from_slice(b"connection: keep-alive\r\n");
        }
        out.extend_from_slice(b"\r\n");
    }
}

impl Wire {
    /// A request body of this framing begins behind the head.
    fn begin_body(&mut self, framing: Framing, version: Version) {
        self.body = BodyDecoder::new(framing);
        self.uploaded = 0;
        self.limit = u64::MAX;
        self.version = version;
    }

    /// Takes a buffer back whose first `n` bytes are done with.
    fn put_back(&mut self, mut buffer: Buffer, n: usize) {
        buffer.consume(n);
        self.inbox = Some(buffer).filter(|buffer| !buffer.is_empty());
    }

    /// Reads into an empty inbox; without a buffer while there is nothing.
    pub(super) fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        debug_assert!(self.inbox.is_none(), "what is in the inbox would be lost");
        let mut buffer = Buffer::small();
        let n = ready!(self.poll_read(cx, &mut buffer))?;
        self.inbox = Some(buffer).filter(|buffer| !buffer.is_empty());
        Poll::Ready(Ok(n))
    }

    /// Reads behind what is in the inbox.
    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let Some(mut buffer) = self.inbox.take() else {
            return self.poll_fill(cx);
        };
        buffer.make_room(0);
        let read = self.poll_read(cx, &mut buffer);
        self.inbox = Some(buffer);
        read
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut Buffer) -> Poll<io::Result<usize>> {
        let read = buffer.read_with(|room| Pin::new(&mut self.io).poll_read(cx, room));
        if matches!(read, Poll::Ready(Ok(0) | Err(_))) {
            self.at_end = true;
        }
        read
    }

    fn poll_write_all(&mut self, cx: &mut Context<'_>, out: &mut Out) -> Poll<io::Result<()>> {
        while !out.is_empty() {
            match ready!(Pin::new(&mut self.io).poll_write(cx, out.rest()))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                n => out.wrote(n),
            }
        }
        out.clear();
        Poll::Ready(Ok(()))
    }

    fn poll_flush_interim(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.interim.is_empty() {
            return Poll::Ready(Ok(()));
        }
        while !self.interim.is_empty() {
            let n = ready!(Pin::new(&mut self.io).poll_write(cx, &self.interim))?;
            self.interim.drain(..n);
        }
        Pin::new(&mut self.io).poll_flush(cx)
    }
}

impl Client for Wire {
    fn poll_upload(
        &mut self,
        cx: &mut Context<'_>,
        out: &mut Vec<u8>,
        chunked: bool,
    ) -> Poll<Result<bool, ProxyError>> {
        // An interim response that the client waits for must not wait for the upload.
        if let Poll::Ready(Err(_)) = Wire::poll_flush_interim(self, cx) {
            return Poll::Ready(Err(ProxyError::ClientGone));
        }
        if self.inbox.is_none() {
            if self.at_end {
                return Poll::Ready(Err(ProxyError::ClientGone));
            }
            match ready!(self.poll_fill(cx)) {
                Ok(n) if n > 0 => {}
                Ok(_) | Err(_) => return Poll::Ready(Err(ProxyError::ClientGone)),
            }
        }
        let Some(buffer) = &mut self.inbox else {
            return Poll::Pending;
        };
        while !buffer.is_empty() && !self.body.is_done() {
            let step = match self.body.decode(buffer.filled()) {
                Ok(step) => step,
                Err(error) => return Poll::Ready(Err(ProxyError::Body(error))),
            };
            let data = &buffer.filled()[step.data];
            self.uploaded += data.len() as u64;
            if self.uploaded > self.limit {
                return Poll::Ready(Err(ProxyError::BodyTooLarge));
            }
            if !data.is_empty() && chunked {
                chunk_size(out, data.len());
            }
            out.extend_from_slice(data);
            if !data.is_empty() && chunked {
                out.extend_from_slice(b"\r\n");
            }
            if step.consumed == 0 {
                break;
            }
            buffer.consume(step.consumed);
        }
        if buffer.is_empty() {
            self.inbox = None;
        }
        if self.body.is_done() {
            if chunked {
                last_chunk(out, self.body.trailers());
            }
            return Poll::Ready(Ok(true));
        }
        Poll::Ready(Ok(false))
    }

    fn interim(&mut self, status: u16, head: &[u8]) {
        if self.version == Version::Http10 {
            return;
        }
        if status == 100 {
            self.interim.extend_from_slice(head);
            return;
        }
        // The app's interim head is built anew, like every other.
        let mut parsed = ResponseHead::new();
        let limits = Limits {
            bytes: head.len(),
            fields: REQUEST_LIMITS.fields,
        };
        if matches!(parsed.parse(head, limits), Ok(Parsed::Whole)) {
            status_line(&mut self.interim, status, parsed.reason.of(head));
            for (_, name, value) in headers::response(&parsed.fields, head) {
                field(&mut self.interim, name, value);
            }
            self.interim.extend_from_slice(b"\r\n");
        }
    }

    fn poll_flush_interim(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ProxyError>> {
        Wire::poll_flush_interim(self, cx).map_err(|_| ProxyError::ClientGone)
    }

    fn is_gone(&mut self) -> bool {
        self.io.take_error().is_some()
    }

    fn uploaded(&self) -> u64 {
        self.uploaded
    }
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
