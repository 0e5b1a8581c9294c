//! The client's side over hyper's HTTP/2 server: one future for each stream, and the same exchange behind it as for HTTP/1.

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body::Body;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};

use super::stream::{H2Body, Keep, Open, StreamGuard, Streaming, Upload, finish};
use crate::http1::framing::Framing;
use crate::http1::head::{Method, Name};
use crate::proxy::client::io::ClientIo;
use crate::proxy::core::core::Core;
use crate::proxy::exchange::decide::{Decision, decide};
use crate::proxy::exchange::exchange::Exchange;
use crate::proxy::exchange::obtain;
use crate::proxy::exchange::record::Record;
use crate::proxy::message::answer::{Answer, wants_json};
use crate::proxy::message::headers;
use crate::proxy::message::request::{self, Peer};
use crate::proxy::stock::deadline::Deadline;
use crate::proxy::stock::wakers::Ticket;
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

/// Serves one connection until it ends.
pub(crate) async fn serve(core: Rc<Core>, peer: Rc<Peer>, io: ClientIo) {
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
            let drained = core.is_draining() && (open.count.get() > 0 || core.grace_is_over());
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
    let mut upload = Upload::new(incoming, exchange.service.config.limit_body);
    let mut deadline = Deadline::after(exchange.service.config.timeout.response);
    if let Err(ending) = obtain::obtain(&mut exchange, &mut upload, &mut deadline).await {
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
    deadline.set(exchange.service.config.timeout.idle);
    if exchange.body.framing == Framing::None && exchange.sending.done {
        // END_STREAM travels with the head; hyper will not ask for a body.
        exchange.body.skip();
        finish(&mut exchange, &upload);
        return Ok(response);
    }
    let open = guard.0.clone();
    let streaming = Rc::new(RefCell::new(Some(Streaming::new(exchange, upload, deadline, guard))));
    open.watch(&streaming);
    *response.body_mut() = H2Body::Exchange(streaming);
    Ok(response)
}

/// The app's fields as HTTP/2 may carry them (RFC 9113 §8.2.2).
fn copy_fields(map: &mut http::HeaderMap, exchange: &Exchange) {
    let Some(inbox) = &exchange.body.inbox else { return };
    let (head, bytes) = (&exchange.head, inbox.filled());
    map.reserve(head.fields.len() + 2);
    let label = exchange.service.config.label.as_deref();
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

fn own(answer: Answer, mut record: Box<Record>, guard: StreamGuard, is_head: bool) -> Response<H2Body> {
    record.bytes_out = answer.body.len() as u64;
    of_answer(answer, is_head, Keep::Record(record), guard)
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
