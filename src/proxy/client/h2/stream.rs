//! One HTTP/2 stream: its upload, and its response as the body that hyper asks for piece by piece.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http::{HeaderName, HeaderValue};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use crate::http1::write::{chunk_size, last_chunk};
use crate::proxy::exchange::body::Piece;
use crate::proxy::exchange::client::{Client, Left};
use crate::proxy::exchange::exchange::Exchange;
use crate::proxy::exchange::record::Record;
use crate::proxy::message::error::ProxyError;
use crate::proxy::route::activation::Patience;
use crate::proxy::stock::buffers::SMALL;
use crate::proxy::stock::deadline::Deadline;

/// From here on a piece leaves in the buffer it was read into, instead of a copy.
const COPIED: usize = 4 * 1024;

/// The streams of one connection.
#[derive(Default)]
pub(crate) struct Open {
    pub(crate) count: Cell<usize>,
    streaming: RefCell<Vec<Weak<RefCell<Option<Streaming>>>>>,
}

impl Open {
    pub(crate) fn enter(self: &Rc<Self>) -> StreamGuard {
        self.count.set(self.count.get() + 1);
        StreamGuard(self.clone())
    }

    pub(crate) fn watch(&self, streaming: &Rc<RefCell<Option<Streaming>>>) {
        let mut list = self.streaming.borrow_mut();
        list.retain(|stream| stream.strong_count() > 0);
        list.push(Rc::downgrade(streaming));
    }

    /// hyper does not ask for a body that its client does not read; such a stream hears of a drain's end here.
    pub(crate) fn cut_stalled(&self) {
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
pub(crate) struct StreamGuard(pub(crate) Rc<Open>);

impl Drop for StreamGuard {
    fn drop(&mut self) {
        self.0.count.set(self.0.count.get() - 1);
    }
}

/// The upload of one stream.
pub(crate) struct Upload {
    incoming: Incoming,
    pub(crate) uploaded: u64,
    limit: u64,
}

impl Upload {
    /// At most `limit` bytes are taken.
    pub(crate) fn new(incoming: Incoming, limit: u64) -> Self {
        Self {
            incoming,
            uploaded: 0,
            limit,
        }
    }
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
            if out.len() >= SMALL {
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

/// What an answer of our own holds until it has left.
pub(crate) enum Keep {
    #[expect(dead_code, reason = "held for its end")]
    Record(Box<Record>),
    #[expect(dead_code, reason = "held for its end")]
    Exchange(Box<Exchange>),
}

/// A response's body, as hyper asks for it.
pub(crate) enum H2Body {
    Ended,
    Own {
        body: Bytes,
        _keep: Keep,
        _guard: StreamGuard,
    },
    Exchange(Rc<RefCell<Option<Streaming>>>),
}

/// A response that is passed on while the upload goes on.
pub(crate) struct Streaming {
    exchange: Box<Exchange>,
    upload: Upload,
    deadline: Deadline,
    /// Nothing more comes: END_STREAM went with the last piece, or goes with the trailers.
    ended: bool,
    _guard: StreamGuard,
}

/// The stream is reset: the client sees a cut body, never a clean end (N18).
#[derive(Debug)]
pub(crate) struct Reset;

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
            Self::Exchange(streaming) => streaming.borrow().as_ref().is_some_and(|streaming| streaming.ended),
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
    pub(crate) fn new(exchange: Box<Exchange>, upload: Upload, deadline: Deadline, guard: StreamGuard) -> Self {
        Self {
            exchange,
            upload,
            deadline,
            ended: false,
            _guard: guard,
        }
    }

    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Reset>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        match ready!(self.exchange.poll_piece(cx, &mut self.upload, &mut self.deadline, true)) {
            Ok(Piece::Data) => {
                let piece = self.take_piece();
                if self.exchange.body.is_over() && self.exchange.body.trailers().is_empty() {
                    // Told by `is_end_stream`, so that END_STREAM needs no frame of its own.
                    self.finish();
                }
                Poll::Ready(Some(Ok(Frame::data(piece))))
            }
            Ok(Piece::End | Piece::EndOfEvents) => {
                let trailers = trailers(self.exchange.body.trailers());
                self.finish();
                Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers))))
            }
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
        self.ended = true;
        finish(&mut self.exchange, &self.upload);
    }
}

/// The response has ended as the app meant it.
pub(crate) fn finish(exchange: &mut Exchange, upload: &Upload) {
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
