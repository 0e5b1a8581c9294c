//! One HTTP/2 stream: its upload, and its response as the body that hyper asks for piece by piece.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::Instant;

use super::counted::Owed;
use crate::proxy::client::io::SharedIo;
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
    /// Those of them whose client does not take what there is of their answers.
    stuck: Cell<usize>,
    /// Pieces that were taken, of all of them together.
    moved: Cell<u64>,
    /// Until then the one that has moved last may stand still.
    patient_until: Cell<Option<Instant>>,
    /// One was given up while all the others stood still as well: the connection is not worth keeping (E28).
    pub(crate) stalled: Cell<bool>,
    /// The connection's task. h2 does not wake it for a stream that is given up while the socket has no room.
    task: RefCell<Waker>,
    io: SharedIo,
    /// The response that was begun by the stream that is being polled.
    begun: Cell<Option<Rc<RefCell<Streaming>>>>,
    /// Those that linger, each for so long.
    lingering: (Others, Duration),
}

impl Open {
    /// None yet; one whose upload is not wanted any more lingers for this time.
    pub(crate) fn new(io: SharedIo, linger: Duration) -> Self {
        Self {
            count: Cell::new(0),
            stuck: Cell::new(0),
            moved: Cell::new(0),
            patient_until: Cell::new(None),
            stalled: Cell::new(false),
            task: RefCell::new(Waker::noop().clone()),
            io,
            begun: Cell::new(None),
            lingering: (Others::default(), linger),
        }
    }

    /// The connection's task is this one.
    pub(crate) fn wake_by(&self, task: &Waker) {
        self.task.borrow_mut().clone_from(task);
    }

    /// Whether all streams wait for the client, and each has had its time.
    fn stands_still(&self) -> bool {
        let is_over = self.patient_until.get().is_none_or(|until| Instant::now() >= until);
        is_over && self.stuck.get() == self.count.get()
    }

    /// A stream's answer has moved, or begun: it may stand still until then.
    fn moves(&self, until: Instant) {
        self.patient_until.set(self.patient_until.get().max(Some(until)));
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

/// The upload of one stream, and what is known of how its client reads.
pub(crate) struct Upload {
    incoming: Option<Incoming>,
    open: Rc<Open>,
    /// What the client's system had taken of the whole connection when that was asked last.
    acked: u64,
    /// [`Open::moved`] when this stream's answer moved last.
    moved: u64,
}

/// Where other streams have moved on by so many pieces each, one that has not is not waiting for its turn.
const TURNS: u64 = 8;

impl Upload {
    pub(crate) fn new(incoming: Incoming, open: &Rc<Open>) -> Self {
        Self {
            incoming: Some(incoming),
            open: open.clone(),
            acked: 0,
            moved: open.moved.get(),
        }
    }

    /// A piece of the answer was taken.
    fn moves(&mut self) {
        self.moved = self.open.moved.get() + 1;
        self.open.moved.set(self.moved);
    }

    /// The answer has ended and did not wait for the rest: it is read and discarded within bounds (N15). After that nobody holds
    /// the stream, and h2 ends one that its client still sends on with RST_STREAM(NO_ERROR) (RFC 9113 §8.1).
    pub(crate) fn discard(&mut self) {
        let Some(mut incoming) = self.incoming.take_if(|incoming| !incoming.is_end_stream()) else {
            return;
        };
        let (others, linger) = &self.open.lingering;
        let mut lingering = Lingering::beside(others, *linger);
        let guard = self.open.enter();
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
        let Some(incoming) = &mut self.incoming else {
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

    /// Its share of what the client has taken of the connection, while the connection is what it waits for.
    fn taken(&mut self) -> u64 {
        let Some(taken) = self.open.io.taken() else { return 0 };
        let moved = taken.acked - std::mem::replace(&mut self.acked, taken.acked);
        let streams = self.open.count.get().max(1) as u64;
        let others = self.open.moved.get() - self.moved;
        // Where nothing waits in the kernel, or the others move on, it is the stream's own window that is closed.
        let waits = taken.waits && others < TURNS * streams;
        if waits { moved / streams } else { 0 }
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
    /// hyper has not asked for the next piece, not even for the first: the client has no room for it.
    waits: bool,
    /// Nothing more comes: END_STREAM went with the last piece, or goes with the trailers.
    ended: bool,
    guard: StreamGuard,
    owed: Owed,
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
    pub(crate) fn begin(reply: Reply, upload: Upload, deadline: Deadline, guard: StreamGuard, owed: Owed) -> H2Body {
        let open = guard.0.clone();
        open.moves(deadline.at());
        let streaming = Rc::new(RefCell::new(Self {
            reply,
            upload,
            deadline,
            waits: false,
            ended: false,
            guard,
            owed,
        }));
        streaming.borrow_mut().wait(true);
        open.begun.set(Some(streaming.clone()));
        H2Body::Reply(streaming)
    }

    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Reset>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        self.wait(false);
        self.reply.moves_on(&mut self.deadline);
        match ready!(self.reply.poll_piece(cx, &mut self.upload, &mut self.deadline, true)) {
            Ok(Piece::Data) => {
                let piece = self.reply.take_piece();
                self.wait(true);
                self.upload.moves();
                self.reply.be_patient(&mut self.deadline);
                self.guard.0.moves(self.deadline.at());
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
                self.owed.settle();
                self.reply.cut(cut);
                Poll::Ready(Some(Err(Reset)))
            }
        }
    }

    /// `Ready` when a client that does not take the last piece is given up.
    fn poll_stuck(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.waits {
            return Poll::Pending;
        }
        let cut = ready!(self.reply.poll_stuck(cx, &mut self.upload, &mut self.deadline));
        self.reply.cut(cut);
        let open = &self.guard.0;
        if cut.is_unread() && open.stands_still() {
            open.stalled.set(true);
            open.task.borrow().wake_by_ref();
        }
        Poll::Ready(())
    }

    fn wait(&mut self, waits: bool) {
        let stuck = &self.guard.0.stuck;
        match (std::mem::replace(&mut self.waits, waits), waits) {
            (false, true) => stuck.set(stuck.get() + 1),
            (true, false) => stuck.set(stuck.get() - 1),
            (true, true) | (false, false) => {}
        }
    }

    fn finish(&mut self) {
        self.ended = true;
        self.wait(false);
        self.reply.finish();
        self.owed.settle();
        self.upload.discard();
    }
}

impl Drop for Streaming {
    fn drop(&mut self) {
        self.wait(false);
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
