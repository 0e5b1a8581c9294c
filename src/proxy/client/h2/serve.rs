//! The client's side over hyper's HTTP/2 server: one future for each stream, and the same exchange behind it as for HTTP/1.

use std::error::Error as _;
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body::Body;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};

use super::counted::{Counted, Counts, Owed};
use super::rest::{Rest, Resting};
use super::stream::{H2Body, Open, Reset, StreamGuard, Streaming, Upload};
use crate::proxy::client::io::{ClientIo, SharedIo};
use crate::proxy::core::core::Core;
use crate::proxy::exchange::decide::{Decision, decide};
use crate::proxy::exchange::record::Record;
use crate::proxy::exchange::reply::{Length, Reply};
use crate::proxy::exchange::serve::{self, Gone};
use crate::proxy::message::answer::wants_json;
use crate::proxy::message::end::End;
use crate::proxy::message::request::{self, Peer};
use crate::proxy::stock::deadline::Deadline;
use crate::proxy::stock::waiting::Seat;
use crate::tasks;

/// Streams that one client may have open (RFC 9113 §6.5.2).
const MAX_STREAMS: u32 = 256;
/// Header bytes of a request, after decompression (E24).
const MAX_HEADER_LIST: u32 = 64 * 1024;
/// Streams that a client has begun and reset before we have looked at them: as many as may be open, because when the machine is
/// busy a browser's requests and its cancels come together. They are in memory, and their work is begun (E26).
const MAX_UNSEEN_RESETS: usize = MAX_STREAMS as usize;
/// Streams that we reset because of the client's own mistakes, in the life of a connection (E26): a trusted proxy carries the mistakes
/// of many clients, and refused streams count too.
const MAX_MISTAKES: usize = 1024;
/// What one stream may send ahead of the app, and all streams of a connection together.
const WINDOW: (u32, u32) = (256 * 1024, 1024 * 1024);
/// Response bytes that hyper may hold for one stream.
const SEND_BUFFER: usize = 64 * 1024;

/// Serves one connection until it ends.
pub(crate) async fn serve(core: Rc<Core>, peer: Rc<Peer>, io: ClientIo) {
    let io = SharedIo::new(io);
    let open = Rc::new(Open::new(io.clone(), core.times().linger));
    let counts = Rc::new(Counts::new());
    let service = hyper::service::service_fn({
        let (core, peer, open, counts) = (core.clone(), peer.clone(), open.clone(), counts.clone());
        // Boxed, because hyper and tokio move a stream's future several times.
        move |request| {
            let owed = Owed::new(&counts);
            Box::pin(respond(core.clone(), peer.clone(), open.enter(), owed, request))
        }
    });
    let connection = hyper::server::conn::http2::Builder::new(OnThisCore(open.clone()))
        .timer(TokioTimer::new())
        // The reply has one.
        .auto_date_header(false)
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEADER_LIST)
        .max_pending_accept_reset_streams(MAX_UNSEEN_RESETS)
        .max_local_error_reset_streams(MAX_MISTAKES)
        .initial_stream_window_size(WINDOW.0)
        .initial_connection_window_size(WINDOW.1)
        .max_send_buf_size(SEND_BUFFER)
        .keep_alive_interval(None)
        .serve_connection(TokioIo::new(Counted::new(io.clone(), counts.clone())), service);
    let mut connection = pin!(connection);
    let mut rest = Rest::new(core.times());
    let mut seat = Seat::default();
    let mut leaving = false;
    std::future::poll_fn(|cx| {
        loop {
            if let Poll::Ready(ended) = connection.as_mut().poll(cx) {
                if let Err(error) = ended {
                    tell(&core, &peer, &error);
                }
                return Poll::Ready(());
            }
            if counts.is_flooded() {
                // Polled once more, so that GOAWAY leaves behind what is on its way.
                let _ = connection.as_mut().poll(cx);
                tell_of(&core, &peer, h2::Reason::ENHANCE_YOUR_CALM);
                return Poll::Ready(());
            }
            if open.stalled.get() {
                peer.ended.set(Some(End::STOPPED_READING));
                if io.taken().is_some_and(|taken| taken.waits) {
                    io.discard_unread();
                }
                connection.as_mut().graceful_shutdown();
                // GOAWAY leaves, if there is room for it.
                let _ = connection.as_mut().poll(cx);
                return Poll::Ready(());
            }
            let timed_out = match rest.poll(cx, &io, open.count.get(), leaving) {
                Resting::No => false,
                Resting::Leave => true,
                Resting::End => return Poll::Ready(()),
            };
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
            open.wake_by(cx.waker());
            let mut waiting = core.waiting.borrow_mut();
            waiting.register(&mut seat, cx.waker(), rest.waits_for(open.count.get()));
            if open.count.get() > 0 || !waiting.is_closing(&seat) {
                return Poll::Pending;
            }
            // A newcomer needs the place.
            connection.as_mut().graceful_shutdown();
            let _ = connection.as_mut().poll(cx);
            return Poll::Ready(());
        }
    })
    .await;
    core.waiting.borrow_mut().forget(&mut seat);
}

/// Says why a connection has ended: to an operator where its client broke the rules, so that every stream on it was lost
/// (RFC 9113 §5.4.1).
fn tell(core: &Core, peer: &Peer, error: &hyper::Error) {
    let error = error.source().and_then(|error| error.downcast_ref::<h2::Error>());
    let Some(error) = error.filter(|error| error.is_go_away() && error.is_library()) else {
        tracing::debug!(client = %peer.client, "HTTP/2 connection ended: {error:?}");
        return;
    };
    if let Some(reason) = error.reason() {
        tell_of(core, peer, reason);
    }
}

fn tell_of(core: &Core, peer: &Peer, reason: h2::Reason) {
    // Its streams hear of it behind us, and are recorded then.
    peer.ended.set(Some(End::CONNECTION_ERROR));
    if let Some(unsaid) = core.connection_errors.happened() {
        tracing::info!(
            client = %peer.client,
            reason = ?Some(reason),
            unsaid,
            "the client broke the rules of HTTP/2: its connection was ended, with every stream on it"
        );
    }
}

/// hyper's tasks for streams stay on the core of their connection.
#[derive(Clone)]
struct OnThisCore(Rc<Open>);

impl<F: Future + 'static> hyper::rt::Executor<F> for OnThisCore {
    fn execute(&self, stream: F) {
        tasks::connection(self.0.clone().drive(stream));
    }
}

async fn respond(
    core: Rc<Core>,
    peer: Rc<Peer>,
    guard: StreamGuard,
    mut owed: Owed,
    request: Request<Incoming>,
) -> Result<Response<H2Body>, Reset> {
    let record = Record::new(&core, &peer);
    let (parts, incoming) = request.into_parts();
    let decision = match request::of_http2(&parts, !incoming.is_end_stream()) {
        Ok(request) => decide(&core, &peer, &request, record),
        Err(error) => {
            let accept = parts.headers.get(http::header::ACCEPT);
            let json = wants_json(accept.map(HeaderValue::as_bytes));
            let mut record = record;
            record.describe_refused("HTTP/2", parts.method.as_str().as_bytes(), parts.uri.path().as_bytes());
            let is_head = parts.method == http::Method::HEAD;
            Decision::Reply(Reply::error(&error, record, None, json, is_head))
        }
    };
    drop(parts);
    let mut upload = Upload::new(incoming, &guard.0);
    let mut deadline = Deadline::after(core.times().idle);
    let reply = serve::serve(decision, &mut upload, &mut deadline).await;
    let mut reply = reply.map_err(|Gone| Reset)?;
    let mut response = Response::new(H2Body::Ended);
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::BAD_GATEWAY);
    write_fields(response.headers_mut(), &reply);
    reply.begin_body(&mut deadline);
    if reply.is_over() {
        // END_STREAM travels with the head; hyper will not ask for a body.
        reply.finish();
        owed.settle();
        upload.discard();
        return Ok(response);
    }
    *response.body_mut() = Streaming::begin(reply, upload, deadline, guard, owed);
    Ok(response)
}

/// The fields of a reply as HTTP/2 may carry them (RFC 9113 §8.2.2).
fn write_fields(map: &mut http::HeaderMap, reply: &Reply) {
    map.reserve(16);
    reply.for_each_field(|name, value| {
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
            map.append(name, value);
        }
    });
    let length = match reply.length() {
        Length::Known(length) => Some(length.into()),
        Length::OfGet(length) => HeaderValue::from_bytes(length).ok(),
        Length::Open | Length::Unsaid => None,
    };
    if let Some(length) = length {
        map.insert(http::header::CONTENT_LENGTH, length);
    }
}
