//! The same bytes, read by `h2`'s server: polled in rounds until nothing more happens, so that no clock is needed.

use std::collections::BTreeMap;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use greengate::http2::connection::Bounds;
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use http::{HeaderMap, Request, Response};
use tokio::io::AsyncWriteExt;

/// Bytes that fit on the way, so that nobody has to wait.
const ROOM: usize = 4 << 20;

/// Rounds without news, after which there are none.
const QUIET: usize = 8;

pub(crate) type Fields = Vec<(String, Vec<u8>)>;

/// A request as it was seen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Message {
    /// Method, path and fields, these ordered by their names.
    pub(crate) method: String,
    pub(crate) path: Vec<u8>,
    pub(crate) fields: Fields,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Fields,
    pub(crate) is_whole: bool,
}

/// How a connection was seen.
#[derive(Debug, Default)]
pub(crate) struct Conversation {
    pub(crate) messages: BTreeMap<u32, Message>,
    /// The connection was ended for that.
    pub(crate) broken: Option<Reason>,
}

pub(crate) fn sorted(map: &HeaderMap) -> Fields {
    let mut fields: Vec<_> = map
        .iter()
        .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()))
        .collect();
    fields.sort_by(|a, b| a.0.cmp(&b.0));
    fields
}

struct Open {
    stream: u32,
    body: RecvStream,
    respond: SendResponse<Bytes>,
    data_ended: bool,
}

/// Reads bytes that begin with a preface; each request that is whole gets an answer.
pub(crate) fn read(bounds: &Bounds, bytes: &[u8]) -> Conversation {
    let cx = &mut Context::from_waker(Waker::noop());
    let (mut client, server) = tokio::io::duplex(ROOM);
    let writing = pin!(client.write_all(bytes)).poll(cx);
    assert!(matches!(writing, Poll::Ready(Ok(()))), "the bytes fit");
    let settings = &bounds.settings;
    let mut builder = h2::server::Builder::new();
    builder
        .max_concurrent_streams(settings.max_concurrent_streams.unwrap_or(100))
        .initial_window_size(settings.initial_window_size)
        .initial_connection_window_size(bounds.window)
        .max_frame_size(settings.max_frame_size)
        .max_header_list_size(settings.max_header_list_size.unwrap_or(16_384))
        // Floods are another matter.
        .data_frame_budget(usize::MAX)
        .max_pending_accept_reset_streams(10_000)
        .max_local_error_reset_streams(None);
    let mut conversation = Conversation::default();
    let mut handshake = pin!(builder.handshake::<_, Bytes>(server));
    let mut connection = match handshake.as_mut().poll(cx) {
        Poll::Pending => return conversation,
        Poll::Ready(Ok(connection)) => connection,
        Poll::Ready(Err(error)) => {
            conversation.broken = error.reason().or(Some(Reason::PROTOCOL_ERROR));
            return conversation;
        }
    };
    let (mut open, mut quiet): (Vec<Open>, usize) = (Vec::new(), 0);
    while quiet < QUIET {
        quiet += 1;
        loop {
            match connection.poll_accept(cx) {
                Poll::Pending | Poll::Ready(None) => break,
                Poll::Ready(Some(Ok((request, respond)))) => {
                    quiet = 0;
                    open.push(begin(&mut conversation, request, respond));
                }
                Poll::Ready(Some(Err(error))) => {
                    conversation.broken = conversation.broken.or(error.reason()).or(Some(Reason::INTERNAL_ERROR));
                    break;
                }
            }
        }
        open.retain_mut(|open| {
            let message = conversation.messages.entry(open.stream).or_default();
            let progress = go_on(open, message, cx);
            if progress != Progress::Waits {
                quiet = 0;
            }
            progress != Progress::Over
        });
    }
    conversation
}

fn begin(conversation: &mut Conversation, request: Request<RecvStream>, respond: SendResponse<Bytes>) -> Open {
    let stream = respond.stream_id().as_u32();
    let (head, body) = request.into_parts();
    let path = head.uri.path_and_query().map_or("", |path| path.as_str());
    let message = Message {
        method: head.method.to_string(),
        path: path.as_bytes().to_vec(),
        fields: sorted(&head.headers),
        ..Message::default()
    };
    conversation.messages.insert(stream, message);
    Open {
        stream,
        body,
        respond,
        data_ended: false,
    }
}

#[derive(PartialEq, Eq)]
enum Progress {
    Waits,
    Moves,
    Over,
}

fn go_on(open: &mut Open, message: &mut Message, cx: &mut Context<'_>) -> Progress {
    if !open.data_ended {
        match open.body.poll_data(cx) {
            Poll::Pending => return Progress::Waits,
            Poll::Ready(Some(Err(_))) => return Progress::Over,
            Poll::Ready(Some(Ok(data))) => message.body.extend_from_slice(&data),
            Poll::Ready(None) => open.data_ended = true,
        }
        return Progress::Moves;
    }
    match open.body.poll_trailers(cx) {
        Poll::Pending => return Progress::Waits,
        Poll::Ready(Err(_)) => return Progress::Over,
        Poll::Ready(Ok(trailers)) => message.trailers = trailers.as_ref().map(sorted).unwrap_or_default(),
    }
    message.is_whole = true;
    let _ = open.respond.send_response(Response::new(()), true);
    Progress::Over
}
