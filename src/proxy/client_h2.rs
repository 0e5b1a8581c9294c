//! The client's side over hyper's HTTP/2 server: one future for each stream, and the same exchange behind it as for HTTP/1.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};

use super::activation::Patience;
use super::answer::{Answer, wants_json};
use super::answering::{self, Left};
use super::body::Piece;
use super::client_h1::DRAIN_GRACE;
use super::client_io::ClientIo;
use super::core::{Core, Ticket};
use super::deadline::Deadline;
use super::error::ProxyError;
use super::forward::{Client, Exchange};
use super::headers;
use super::record::Record;
use super::request::{self, Peer};
use super::service::{Decision, decide};
use crate::http1::framing::Framing;
use crate::http1::head::{Method, Name};
use crate::http1::write::{chunk_size, last_chunk};
use crate::tasks;

/// Streams that one client may have open (RFC 9113 §6.5.2).
const MAX_STREAMS: u32 = 256;
/// Header bytes of a request, after decompression (E24).
const MAX_HEADER_LIST: u32 = 64 * 1024;
/// What one stream may send ahead of the app, and all streams of a connection together.
const WINDOW: (u32, u32) = (256 * 1024, 1024 * 1024);
/// Response bytes that hyper may hold for one stream.
const SEND_BUFFER: usize = 64 * 1024;
/// A connection without a stream is closed after this.
const IDLE_TIMEOUT: Duration = Duration::from_secs(75);
/// From here on a piece leaves in the buffer it was read into, instead of a copy.
const COPIED: usize = 4 * 1024;

/// Serves one connection until it ends.
pub(super) async fn serve(core: Rc<Core>, peer: Rc<Peer>, io: ClientIo) {
    let open = Rc::new(Open::default());
    let service = hyper::service::service_fn({
        let (core, peer, open) = (core.clone(), peer.clone(), open.clone());
        // Boxed, because hyper and tokio move a stream's future several times.
        move |request| Box::pin(respond(core.clone(), peer.clone(), open.enter(), request))
    });
    let connection = hyper::server::conn::http2::Builder::new(OnThisCore)
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEADER_LIST)
        .initial_stream_window_size(WINDOW.0)
        .initial_connection_window_size(WINDOW.1)
        .max_send_buf_size(SEND_BUFFER)
        .keep_alive_interval(None)
        .serve_connection(TokioIo::new(io), service);
    let mut connection = pin!(connection);
    let mut idle = Deadline::after(IDLE_TIMEOUT);
    let mut ticket = Ticket::default();
    let mut leaving = false;
    std::future::poll_fn(|cx| {
        loop {
            if let Poll::Ready(ended) = connection.as_mut().poll(cx) {
                if let Err(error) = ended {
                    tracing::debug!(client = %peer.client, "HTTP/2 connection ended: {error}");
                }
                return Poll::Ready(());
            }
            if open.count.get() > 0 {
                idle.set(IDLE_TIMEOUT);
            }
            let timed_out = idle.poll_passed(cx);
            if core.is_stopping() {
                return Poll::Ready(());
            }
            // GOAWAY twice (RFC 9113 §6.8), which hyper does; streams that are open go on.
            let drained = core.is_draining() && (open.count.get() > 0 || grace_is_over(&core));
            if (drained || timed_out) && !leaving {
                leaving = true;
                connection.as_mut().graceful_shutdown();
                continue;
            }
            if core.has_retired() {
                open.cut_stalled();
            }
            core.waiting.borrow_mut().register(&mut ticket, cx.waker());
            return Poll::Pending;
        }
    })
    .await;
    core.waiting.borrow_mut().forget(&mut ticket);
}

/// A connection that has sent nothing yet since draining began is left alone for a while (N26).
fn grace_is_over(core: &Core) -> bool {
    core.drain_began
        .get()
        .is_some_and(|began| began.elapsed() >= DRAIN_GRACE)
}

/// hyper's tasks for streams stay on the core of their connection.
#[derive(Clone)]
struct OnThisCore;

impl<F: Future + 'static> hyper::rt::Executor<F> for OnThisCore {
    fn execute(&self, stream: F) {
        tasks::connection(async move {
            stream.await;
        });
    }
}

/// The streams of one connection.
#[derive(Default)]
struct Open {
    count: Cell<usize>,
    streaming: RefCell<Vec<Weak<RefCell<Option<Streaming>>>>>,
}

impl Open {
    fn enter(self: &Rc<Self>) -> StreamGuard {
        self.count.set(self.count.get() + 1);
        StreamGuard(self.clone())
    }

    fn watch(&self, streaming: &Rc<RefCell<Option<Streaming>>>) {
        let mut list = self.streaming.borrow_mut();
        list.retain(|stream| stream.strong_count() > 0);
        list.push(Rc::downgrade(streaming));
    }

    /// hyper does not ask for a body that its client does not read; such a stream hears of a drain's end here.
    fn cut_stalled(&self) {
        for stream in self.streaming.borrow().iter().filter_map(Weak::upgrade) {
            if let Ok(mut slot) = stream.try_borrow_mut()
                && let Some(streaming) =
                    slot.take_if(|stream| stream.exchange.service.activation.patience() == Patience::Cut)
            {
                streaming.exchange.counters().exchange_cut();
                drop(streaming);
            }
        }
    }
}

/// One stream that is open.
struct StreamGuard(Rc<Open>);

impl Drop for StreamGuard {
    fn drop(&mut self) {
        self.0.count.set(self.0.count.get() - 1);
    }
}

/// The upload of one stream.
struct Upload {
    incoming: Incoming,
    uploaded: u64,
    limit: u64,
}

impl Client for Upload {
    fn poll_upload(
        &mut self,
        cx: &mut Context<'_>,
        out: &mut Vec<u8>,
        chunked: bool,
    ) -> Poll<Result<bool, ProxyError>> {
        let mut got = false;
        loop {
            let frame = match Pin::new(&mut self.incoming).poll_frame(cx) {
                Poll::Pending if got => return Poll::Ready(Ok(false)),
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => {
                    if chunked {
                        last_chunk(out, b"");
                    }
                    return Poll::Ready(Ok(true));
                }
                Poll::Ready(Some(Err(_))) => return Poll::Ready(Err(ProxyError::ClientGone)),
                Poll::Ready(Some(Ok(frame))) => frame,
            };
            // Request trailers are dropped: no app that we know of reads them, and E6 forbids most.
            let Ok(data) = frame.into_data() else { continue };
            self.uploaded += data.remaining() as u64;
            if self.uploaded > self.limit {
                return Poll::Ready(Err(ProxyError::BodyTooLarge));
            }
            if data.is_empty() {
                continue;
            }
            if chunked {
                chunk_size(out, data.len());
            }
            out.extend_from_slice(&data);
            if chunked {
                out.extend_from_slice(b"\r\n");
            }
            got = true;
            if out.len() >= super::stock::SMALL {
                return Poll::Ready(Ok(false));
            }
        }
    }

    /// hyper's server cannot send interim responses over HTTP/2.
    fn interim(&mut self, _status: u16, _head: &[u8]) {}

    fn poll_flush_interim(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), ProxyError>> {
        Poll::Ready(Ok(()))
    }

    /// A stream that was reset is dropped, and the exchange with it.
    fn is_gone(&mut self) -> bool {
        false
    }

    fn begin_to_watch(&mut self, _deadline: &mut Deadline) {}

    /// As above: whoever leaves takes the future along that waits.
    fn watch(&mut self, _cx: &mut Context<'_>, _deadline: &mut Deadline) -> Option<Left> {
        None
    }

    fn uploaded(&self) -> u64 {
        self.uploaded
    }
}

async fn respond(
    core: Rc<Core>,
    peer: Rc<Peer>,
    guard: StreamGuard,
    request: Request<Incoming>,
) -> Result<Response<H2Body>, Infallible> {
    let record = Record::new(&core, &peer);
    let (parts, incoming) = request.into_parts();
    let has_body = !incoming.is_end_stream();
    let mut json = false;
    let decision = match request::of_http2(&parts, has_body) {
        Ok(request) => {
            json = wants_json(request.get(Name::Accept));
            decide(&core, &peer, &request, record)
        }
        Err(error) => Err((error, record)),
    };
    let is_head = parts.method == http::Method::HEAD;
    drop(parts);
    let mut exchange = match decision {
        Ok(Decision::Forward(exchange)) => exchange,
        Ok(Decision::Answer(answer, record)) => return Ok(own(answer, record, guard, is_head)),
        Err((error, mut record)) => {
            record.failed(&error);
            let answer = Answer::error(&error, json, record.id);
            return Ok(own(answer, record, guard, is_head));
        }
    };
    let mut upload = Upload {
        incoming,
        uploaded: 0,
        limit: exchange.service.service.limit_body,
    };
    let mut deadline = Deadline::after(exchange.service.service.timeout.response);
    if let Err(ending) = answering::obtain(&mut exchange, &mut upload, &mut deadline).await {
        exchange.record.bytes_in = upload.uploaded;
        let answer = ending.answer(&mut exchange.record, json);
        exchange.let_go();
        // The claim is held until the answer has left.
        return Ok(of_answer(answer, is_head, Keep::Exchange(exchange), guard));
    }
    if let Some(claim) = &exchange.record.claim {
        claim.become_stream();
    }
    let mut response = Response::new(H2Body::Ended);
    *response.status_mut() = StatusCode::from_u16(exchange.head.status).unwrap_or(StatusCode::BAD_GATEWAY);
    copy_fields(response.headers_mut(), &exchange);
    exchange.body.drop_head(exchange.head.len);
    deadline.set(exchange.service.service.timeout.idle);
    if exchange.body.framing == Framing::None && exchange.sending.done {
        // END_STREAM travels with the head; hyper will not ask for a body.
        exchange.body.skip();
        finish(&mut exchange, &upload);
        return Ok(response);
    }
    let open = guard.0.clone();
    let streaming = Streaming {
        exchange,
        upload,
        deadline,
        trailers_due: false,
        _guard: guard,
    };
    let streaming = Rc::new(RefCell::new(Some(streaming)));
    open.watch(&streaming);
    *response.body_mut() = H2Body::Exchange(streaming);
    Ok(response)
}

/// The app's fields as HTTP/2 may carry them (RFC 9113 §8.2.2).
fn copy_fields(map: &mut http::HeaderMap, exchange: &Exchange) {
    let Some(inbox) = &exchange.body.inbox else { return };
    let (head, bytes) = (&exchange.head, inbox.filled());
    map.reserve(head.fields.len() + 2);
    let label = exchange.service.service.label.as_deref();
    for (kind, name, value) in headers::response(&head.fields, bytes) {
        if label.is_some() && matches!(kind, Name::XEnvironment | Name::XRobotsTag) {
            continue;
        }
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
            map.append(name, value);
        }
    }
    if let Some(label) = label.and_then(|label| HeaderValue::from_str(label).ok()) {
        map.insert("x-environment", label);
        map.insert("x-robots-tag", HeaderValue::from_static("noindex"));
    }
    match exchange.body.framing {
        Framing::Length(length) => {
            map.insert(http::header::CONTENT_LENGTH, length.into());
        }
        Framing::None if exchange.method == Method::Head => {
            let length = head.fields.iter().find(|field| field.kind == Name::ContentLength);
            if let Some(length) = length.and_then(|field| HeaderValue::from_bytes(field.value.of(bytes)).ok()) {
                map.insert(http::header::CONTENT_LENGTH, length);
            }
        }
        Framing::None | Framing::Chunked | Framing::UntilClose => {}
    }
}

fn own(answer: Answer, mut record: Record, guard: StreamGuard, is_head: bool) -> Response<H2Body> {
    record.bytes_out = answer.body.len() as u64;
    of_answer(answer, is_head, Keep::Record(Box::new(record)), guard)
}

fn of_answer(answer: Answer, is_head: bool, keep: Keep, guard: StreamGuard) -> Response<H2Body> {
    let length = answer.body.len();
    let body = if is_head { Bytes::new() } else { answer.body.into() };
    let mut response = Response::new(H2Body::Own {
        body,
        _keep: keep,
        _guard: guard,
    });
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in answer.fields {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
        .headers_mut()
        .insert(http::header::CONTENT_LENGTH, length.into());
    response
}

/// What an answer of our own holds until it has left.
enum Keep {
    #[expect(dead_code, reason = "held for its end")]
    Record(Box<Record>),
    #[expect(dead_code, reason = "held for its end")]
    Exchange(Box<Exchange>),
}

/// A response's body, as hyper asks for it.
enum H2Body {
    Ended,
    Own {
        body: Bytes,
        _keep: Keep,
        _guard: StreamGuard,
    },
    Exchange(Rc<RefCell<Option<Streaming>>>),
}

/// A response that is passed on while the upload goes on.
struct Streaming {
    exchange: Box<Exchange>,
    upload: Upload,
    deadline: Deadline,
    trailers_due: bool,
    _guard: StreamGuard,
}

/// The stream is reset: the client sees a cut body, never a clean end (N18).
#[derive(Debug)]
pub(super) struct Reset;

impl std::fmt::Display for Reset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the response was cut")
    }
}

impl std::error::Error for Reset {}

impl Body for H2Body {
    type Data = Bytes;
    type Error = Reset;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Reset>>> {
        let this = self.get_mut();
        let frame = match this {
            Self::Ended => return Poll::Ready(None),
            Self::Own { body, .. } if body.is_empty() => None,
            Self::Own { body, .. } => return Poll::Ready(Some(Ok(Frame::data(std::mem::take(body))))),
            Self::Exchange(streaming) => match &mut *streaming.borrow_mut() {
                Some(streaming) => ready!(streaming.poll_frame(cx)),
                None => Some(Err(Reset)),
            },
        };
        if frame.is_none() {
            *this = Self::Ended;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Ended => true,
            Self::Own { body, .. } => body.is_empty(),
            Self::Exchange(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Ended => SizeHint::with_exact(0),
            Self::Own { body, .. } => SizeHint::with_exact(body.len() as u64),
            Self::Exchange(_) => SizeHint::default(),
        }
    }
}

impl Streaming {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Reset>>> {
        if self.trailers_due {
            self.finish();
            return Poll::Ready(None);
        }
        match ready!(self.exchange.poll_piece(cx, &mut self.upload, &mut self.deadline, true)) {
            Ok(Piece::Data) => Poll::Ready(Some(Ok(Frame::data(self.take_piece())))),
            Ok(Piece::End | Piece::EndOfEvents) => match trailers(self.exchange.body.trailers()) {
                Some(trailers) => {
                    self.trailers_due = true;
                    Poll::Ready(Some(Ok(Frame::trailers(trailers))))
                }
                None => {
                    self.finish();
                    Poll::Ready(None)
                }
            },
            Err(cut) => {
                self.exchange.record.bytes_in = self.upload.uploaded;
                self.exchange.record.ended(cut.0);
                self.exchange.let_go();
                Poll::Ready(Some(Err(Reset)))
            }
        }
    }

    fn take_piece(&mut self) -> Bytes {
        let len = self.exchange.piece().len();
        if len < COPIED {
            let copy = Bytes::copy_from_slice(self.exchange.piece());
            self.exchange.consume(len);
            return copy;
        }
        // The buffer goes back to the stock when hyper has sent it.
        self.exchange.take_piece().map_or_else(Bytes::new, Bytes::from_owner)
    }

    fn finish(&mut self) {
        finish(&mut self.exchange, &self.upload);
    }
}

/// The response has ended as the app meant it.
fn finish(exchange: &mut Exchange, upload: &Upload) {
    exchange.record.bytes_in = upload.uploaded;
    exchange.record.ended("done");
    exchange.finish();
}

fn trailers(lines: &[u8]) -> Option<http::HeaderMap> {
    let mut map = http::HeaderMap::new();
    for line in lines.split(|byte| *byte == b'\n') {
        let Some(colon) = memchr::memchr(b':', line) else {
            continue;
        };
        let (name, value) = (
            HeaderName::from_bytes(&line[..colon]),
            HeaderValue::from_bytes(line[colon + 1..].trim_ascii()),
        );
        if let (Ok(name), Ok(value)) = (name, value) {
            map.append(name, value);
        }
    }
    (!map.is_empty()).then_some(map)
}
