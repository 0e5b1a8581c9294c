//! The body of an answer as it is read from its file, piece by piece, into buffers of the core's stock.

use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll};

use smallvec::SmallVec;
use tokio::sync::oneshot;

use super::opened::Opened;
use crate::proxy::stock::buffers::{BULK, Buffer, SMALL};

/// One stretch of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stretch {
    /// These bytes of the file.
    File(Range<u64>),
    /// Bytes of ours, between parts of it.
    Own(Vec<u8>),
}

/// A body of which nothing, or some, has been read.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    /// What is still to be sent, the last first.
    stretches: SmallVec<[Stretch; 1]>,
    file: Source,
}

/// Where the file is.
#[derive(Debug, Default)]
enum Source {
    /// Nothing of it is sent.
    #[default]
    Nowhere,
    Here(Opened),
    /// With a thread that reads it.
    Away(oneshot::Receiver<Read>),
}

/// What a thread has read of a file, and the file.
#[derive(Debug)]
struct Read {
    opened: Opened,
    bytes: Vec<u8>,
    read: io::Result<usize>,
}

/// Why a body ends before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broken {
    /// The file has become shorter than it was when it was opened.
    Shorter,
    /// The file system gave an error.
    Unreadable,
}

impl Broken {
    /// What the log says.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Shorter => "the file became shorter while it was sent",
            Self::Unreadable => "the file could not be read to its end",
        }
    }
}

impl Pieces {
    /// The body that is these stretches, one behind the other.
    pub(crate) fn of(file: Opened, stretches: impl DoubleEndedIterator<Item = Stretch>) -> Self {
        Self {
            stretches: stretches.rev().collect(),
            file: Source::Here(file),
        }
    }

    /// Whether everything has been read.
    pub(crate) fn is_over(&self) -> bool {
        self.stretches.is_empty()
    }

    /// The next piece; `None` at the end. `fast` says that the client took the last one without a wait.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>, fast: bool) -> Poll<Result<Option<Buffer>, Broken>> {
        let buffer = match &mut self.file {
            Source::Away(reading) => match Pin::new(reading).poll(cx) {
                Poll::Pending => return Poll::Pending,
                // The folder was given up, or its thread has died.
                Poll::Ready(Err(_)) => return Poll::Ready(Err(Broken::Unreadable)),
                Poll::Ready(Ok(Read { opened, bytes, read })) => {
                    self.file = Source::Here(opened);
                    read.map(|read| Buffer::holding(bytes, read))
                }
            },
            Source::Nowhere => return Poll::Ready(Ok(None)),
            Source::Here(opened) => match self.stretches.last_mut() {
                None => return Poll::Ready(Ok(None)),
                Some(Stretch::Own(bytes)) => {
                    let bytes = std::mem::take(bytes);
                    self.stretches.pop();
                    let all = bytes.len();
                    return Poll::Ready(Ok(Some(Buffer::holding(bytes, all))));
                }
                Some(Stretch::File(range)) => {
                    let rest = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
                    let bulk = fast && rest > SMALL;
                    let mut buffer = if bulk { Buffer::bulk() } else { Buffer::small() };
                    let read = buffer.fill(rest, |room| opened.read_now(range.start, room));
                    match read {
                        Some(read) => read.map(|()| buffer),
                        None => {
                            drop(buffer);
                            self.read_elsewhere(if bulk { BULK } else { SMALL });
                            return self.poll_next(cx, fast);
                        }
                    }
                }
            },
        };
        let Ok(buffer) = buffer else {
            return Poll::Ready(Err(Broken::Unreadable));
        };
        if buffer.is_empty() {
            return Poll::Ready(Err(Broken::Shorter));
        }
        if let Some(Stretch::File(range)) = self.stretches.last_mut() {
            range.start += buffer.filled().len() as u64;
            if range.is_empty() {
                self.stretches.pop();
            }
        }
        Poll::Ready(Ok(Some(buffer)))
    }

    /// Has a thread of the folder read on, at most so many bytes. It makes the room for them when its turn has come, so that nothing is
    /// held while a disk hangs.
    fn read_elsewhere(&mut self, most: usize) {
        let (Source::Here(_), Some(Stretch::File(range))) = (&self.file, self.stretches.last()) else {
            return;
        };
        let (at, rest) = (
            range.start,
            usize::try_from(range.end - range.start).unwrap_or(usize::MAX),
        );
        let (answer, reading) = oneshot::channel();
        let Source::Here(opened) = std::mem::replace(&mut self.file, Source::Away(reading)) else {
            return;
        };
        let errands = opened.errands().clone();
        errands.go_on(move || {
            // Who has left need not be waited for.
            if !answer.is_closed() {
                let mut bytes = vec![0; most];
                let read = opened.read(at, &mut bytes[..most.min(rest)]);
                let _ = answer.send(Read { opened, bytes, read });
            }
        });
    }
}
