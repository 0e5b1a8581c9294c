//! One HTTP/2 stream: its upload, and its response as the body that hyper asks for piece by piece.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use crate::proxy::client::lingering::{Lingering, Others};
use crate::proxy::exchange::body::Piece;
use crate::proxy::exchange::client::{Absence, Client, Interim};
use crate::proxy::exchange::reply::Reply;
use crate::proxy::message::error::ProxyError;
use crate::proxy::stock::buffers::SMALL;
use crate::proxy::stock::deadline::Deadline;
use crate::tasks;

/// The streams of one connection.
pub(crate) struct Open {
    pub(crate) count: Cell<usize>,
    /// The response that was begun by the stream that is being polled.
    begun: Cell<Option<Rc<RefCell<Streaming>>>>,
    /// Those that linger, each for so long.
    lingering: (Others, Duration),
}

impl Open {
    /// None yet; one whose upload is not wanted any more lingers for this time.
    pub(crate) fn new(linger: Duration) -> Self {
        Self {
            count: Cell::new(0),
            begun: Cell::new(None),
            lingering: (Others::default(), linger),
        }
    }

    pub(crate) fn enter(self: &Rc<Self>) -> StreamGuard {
        self.count.set(self.count.get() + 1);
        StreamGuard(self.clone())
    }

    /// Drives a stream of hyper's. hyper does not ask for the body of a client that does not read: then its upload goes on here, and
    /// the times that it may take are kept, as over HTTP/1. A stream that is given up is dropped, and so reset.
    pub(crate) async fn drive(self: Rc<Self>, stream: impl Future) {
        let mut stream = pin!(stream);
        let mut streaming: Option<Rc<RefCell<Streaming>>> = None;
        poll_fn(|cx| {
            let polled = stream.as_mut().poll(cx);
            // Taken in any case, so that no other stream takes it for its own.
            streaming = self.begun.take().or(streaming.take());
            if polled.is_ready() {
                return Poll::Ready(());
            }
            streaming
                .as_ref()
                .map_or(Poll::Pending, |streaming| streaming.borrow_mut().poll_stuck(cx))
        })
        .await;
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
pub(crate) struct Upload(Option<Incoming>);

impl Upload {
    pub(crate) fn new(incoming: Incoming) -> Self {
        Self(Some(incoming))
    }

    /// The answer has ended and did not wait for the rest: it is read and discarded within bounds (N15). After that nobody holds
    /// the stream, and h2 ends one that its client still sends on with RST_STREAM(NO_ERROR) (RFC 9113 §8.1).
    pub(crate) fn discard(&mut self, open: &Rc<Open>) {
        let Some(mut incoming) = self.0.take_if(|incoming| !incoming.is_end_stream()) else {
            return;
        };
        let (others, linger) = &open.lingering;
        let mut lingering = Lingering::beside(others, *linger);
        let guard = open.enter();
        tasks::connection(async move {
            poll_fn(|cx| {
                while !lingering.is_over(cx) {
                    match ready!(Pin::new(&mut incoming).poll_frame(cx)) {
                        Some(Ok(frame)) => lingering.discarded(frame.data_ref().map_or(0, Bytes::len)),
                        Some(Err(_)) | None => break,
                    }
                }
                Poll::Ready(())
            })
            .await;
            drop(guard);
        });
    }
}

impl Client for Upload {
    fn poll_upload(&mut self, cx: &mut Context<'_>, take: &mut impl FnMut(&[u8])) -> Poll<Result<bool, ProxyError>> {
        let Some(incoming) = &mut self.0 else {
            return Poll::Ready(Ok(true));
        };
        let mut taken = 0;
        loop {
            let frame = match Pin::new(&mut *incoming).poll_frame(cx) {
                Poll::Pending if taken > 0 => return Poll::Ready(Ok(false)),
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => return Poll::Ready(Ok(true)),
                Poll::Ready(Some(Err(_))) => return Poll::Ready(Err(ProxyError::ClientGone)),
                Poll::Ready(Some(Ok(frame))) => frame,
            };
            // Request trailers are dropped: no app that we know of reads them, and E6 forbids most.
            let Ok(data) = frame.into_data() else { continue };
            take(&data);
            taken += data.len();
            if taken >= SMALL {
                return Poll::Ready(Ok(false));
            }
        }
    }

    fn trailers(&self) -> &[u8] {
        b""
    }

    /// hyper's server cannot send interim responses over HTTP/2.
    fn interim(&mut self, _interim: Interim<'_>) {}

    fn poll_flush_interim(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), ProxyError>> {
        Poll::Ready(Ok(()))
    }

    /// A stream that was reset is dropped, and the exchange with it.
    fn is_gone(&mut self) -> bool {
        false
    }

    /// A stream that was reset is dropped, and with it the future that waits.
    fn watch(&mut self, _cx: &mut Context<'_>, _deadline: &mut Deadline, _every: Duration) -> Option<Absence> {
        None
    }
}

/// A response's body, as hyper asks for it.
pub(crate) enum H2Body {
    Ended,
    Reply(Rc<RefCell<Streaming>>),
}

/// A reply that is passed on while the upload goes on.
pub(crate) struct Streaming {
    reply: Reply,
    upload: Upload,
    deadline: Deadline,
    /// hyper has taken a piece, and has not asked for the next.
    taken: bool,
    /// Nothing more comes: END_STREAM went with the last piece, or goes with the trailers.
    ended: bool,
    guard: StreamGuard,
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
            Self::Reply(streaming) => ready!(streaming.borrow_mut().poll_frame(cx)),
        };
        if frame.is_none() {
            *this = Self::Ended;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Ended => true,
            Self::Reply(streaming) => streaming.borrow().ended,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Ended => SizeHint::with_exact(0),
            Self::Reply(_) => SizeHint::default(),
        }
    }
}

impl Streaming {
    /// The body of a response that begins.
    pub(crate) fn begin(reply: Reply, upload: Upload, deadline: Deadline, guard: StreamGuard) -> H2Body {
        let open = guard.0.clone();
        let streaming = Rc::new(RefCell::new(Self {
            reply,
            upload,
            deadline,
            taken: false,
            ended: false,
            guard,
        }));
        open.begun.set(Some(streaming.clone()));
        H2Body::Reply(streaming)
    }

    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Reset>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        self.taken = false;
        match ready!(self.reply.poll_piece(cx, &mut self.upload, &mut self.deadline, true)) {
            Ok(Piece::Data) => {
                let piece = self.reply.take_piece();
                self.taken = true;
                self.reply.be_patient(&mut self.deadline);
                if self.reply.is_over() && self.reply.trailers().is_empty() {
                    // Told by `is_end_stream`, so that END_STREAM needs no frame of its own.
                    self.finish();
                }
                Poll::Ready(Some(Ok(Frame::data(piece))))
            }
            Ok(Piece::End | Piece::EndOfEvents) => {
                let trailers = trailers(self.reply.trailers());
                self.finish();
                Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers))))
            }
            Err(cut) => {
                self.reply.cut(cut);
                Poll::Ready(Some(Err(Reset)))
            }
        }
    }

    /// `Ready` when a client that does not take the last piece is given up.
    fn poll_stuck(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.taken {
            return Poll::Pending;
        }
        let cut = ready!(self.reply.poll_stuck(cx, &mut self.upload, &mut self.deadline));
        self.reply.cut(cut);
        Poll::Ready(())
    }

    fn finish(&mut self) {
        self.ended = true;
        self.reply.finish();
        self.upload.discard(&self.guard.0);
    }
}

/// Trailers of HTTP/1, as field lines → a header map.
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
