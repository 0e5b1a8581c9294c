//! One connection of TLS without a socket: bytes that were received go in, bytes to send come out. rustls decides everything; here is
//! only who holds which bytes, and for how long.
//!
//! What was received and cannot be used yet (a part of a record), what was decrypted beyond what the reader had room for, and what the
//! socket has not taken: each is in a buffer of the stock, or nowhere. Between two calls rustls itself holds none of it.

use std::io;
use std::sync::Arc;
use std::task::Poll;

use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::WriteTraffic;
use rustls::{CommonState, Error, ServerConfig};
use tokio::io::ReadBuf;

use super::turn::{ALERT, Refused, Turn, into, pour, turn};
use crate::proxy::stock::buffers::{Buffer, RECORD};

/// What a record holds at most, and what encrypting adds to one at most (RFC 5246 §6.2.3.3: TLS 1.2 carries a nonce).
const FRAGMENT: usize = 16 * 1024;
const OVERHEAD: usize = 32;
/// Records that leave with one write.
const TOGETHER: usize = 4;
/// What may be received of a message of the handshake: as much as rustls takes one for, in records of their full size.
const HANDSHAKE: usize = 68 * 1024;

/// A connection of TLS.
pub(super) struct Session {
    connection: UnbufferedServerConnection,
    /// Bytes that were received, and not used.
    inbox: Option<Buffer>,
    /// As many came at once as a buffer for one record holds.
    brimful: bool,
    /// And they were good for something: there may be more.
    plenty: bool,
    /// As many of them as rustls has seen and cannot use yet.
    seen: usize,
    /// Decrypted bytes that the reader had no room for.
    plain: Option<Buffer>,
    /// Encrypted bytes that were not sent.
    out: Option<Buffer>,
    /// The client has said that it sends no more.
    ended: bool,
    /// We have.
    closed: bool,
    /// Why the connection is of no more use.
    failed: Option<Box<Error>>,
}

/// What a reader gets.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Came {
    Bytes,
    /// The client sends no more.
    End,
    /// Nothing before more is received.
    Nothing,
}

/// What follows from a turn for who reads.
enum Next {
    Again,
    /// Bytes have come; there may be more.
    Read,
    Receive,
    End,
}

impl Session {
    /// # Errors
    /// When the configuration is of no use to rustls.
    pub(super) fn new(config: Arc<ServerConfig>) -> Result<Self, Error> {
        Ok(Self {
            connection: UnbufferedServerConnection::new(config)?,
            inbox: None,
            brimful: false,
            plenty: false,
            seen: 0,
            plain: None,
            out: None,
            ended: false,
            closed: false,
            failed: None,
        })
    }

    /// What was agreed on.
    pub(super) fn agreed(&self) -> &CommonState {
        &self.connection
    }

    /// Receives once, into a buffer that is borrowed for that.
    pub(super) fn receive(
        &mut self,
        read: impl FnOnce(&mut ReadBuf<'_>) -> Poll<io::Result<()>>,
    ) -> Poll<io::Result<usize>> {
        let mut inbox = match self.inbox.take() {
            Some(inbox) if inbox.is_lent() && (inbox.is_large() || !self.plenty) => inbox,
            parked => {
                let large = if self.plenty { Buffer::records() } else { None };
                let mut inbox = large.unwrap_or_else(Buffer::record);
                if let Some(parked) = parked {
                    inbox.append(parked.filled());
                }
                inbox
            }
        };
        inbox.make_room(if self.connection.is_handshaking() { HANDSHAKE } else { 0 });
        if inbox.is_full() {
            const TOO_LARGE: &str = "a message is larger than TLS allows";
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, TOO_LARGE)));
        }
        let read = inbox.read_with(read);
        if let Poll::Ready(Ok(n)) = read {
            self.brimful = inbox.is_full() || n >= RECORD;
            self.plenty &= self.brimful;
        }
        self.inbox = match read {
            _ if inbox.is_empty() => None,
            // Who waits for the rest of a record keeps no more than there is of it.
            Poll::Pending => {
                let len = inbox.filled().len();
                Some(Buffer::holding(inbox.filled().to_vec(), len))
            }
            Poll::Ready(_) => Some(inbox),
        };
        read
    }

    /// Goes on with the handshake. Whether it is over.
    ///
    /// # Errors
    /// What the client did wrong; what it is told of that is in [`Session::out`].
    pub(super) fn shake_hands(&mut self) -> Result<bool, Error> {
        self.advance(&mut ReadBuf::new(&mut []))?;
        Ok(!self.connection.is_handshaking())
    }

    /// Decrypts what was received, as far as there is room.
    ///
    /// # Errors
    /// As [`Session::shake_hands`]; bytes from before that are handed out first.
    pub(super) fn read(&mut self, room: &mut ReadBuf<'_>) -> Result<Came, Error> {
        if room.remaining() == 0 {
            return Ok(Came::Bytes);
        }
        let before = room.filled().len();
        if let Some(plain) = &mut self.plain {
            let n = plain.filled().len().min(room.remaining());
            room.put_slice(&plain.filled()[..n]);
            plain.consume(n);
            if !plain.is_empty() {
                return Ok(Came::Bytes);
            }
            self.plain = None;
        }
        let advanced = if self.inbox.is_some() && room.remaining() > 0 {
            self.advance(room)
        } else {
            Ok(())
        };
        if room.filled().len() > before {
            return Ok(Came::Bytes);
        }
        advanced?;
        match &self.failed {
            Some(error) => Err((**error).clone()),
            None if self.ended => Ok(Came::End),
            None => Ok(Came::Nothing),
        }
    }

    /// Shows rustls what was received until nothing more comes of it, or there is no more room.
    fn advance(&mut self, room: &mut ReadBuf<'_>) -> Result<(), Error> {
        while self.failed.is_none() {
            let shown = self.inbox.as_mut().map_or(&mut [][..], Buffer::filled_mut);
            let (used, next) = match turn(&mut self.connection, shown, &mut self.out) {
                (used, Ok(Turn::Plain(traffic))) => match pour(traffic, room, &mut self.plain) {
                    Ok(more) => (used + more, Ok(Next::Read)),
                    Err(error) => (used, Err(error)),
                },
                (used, Ok(Turn::Again)) => (used, Ok(Next::Again)),
                (used, Ok(Turn::Open(_) | Turn::Blocked)) => (used, Ok(Next::Receive)),
                (used, Ok(Turn::Ended | Turn::Closed)) => (used, Ok(Next::End)),
                (used, Err(error)) => (used, Err(error)),
            };
            self.used(used);
            match next.map_err(|error| self.fail(error))? {
                Next::Again => {}
                Next::Read => {
                    (self.seen, self.plenty) = (0, self.brimful);
                    if room.remaining() == 0 || self.plain.is_some() {
                        break;
                    }
                }
                Next::Receive => {
                    self.seen = self.inbox.as_ref().map_or(0, |inbox| inbox.filled().len());
                    break;
                }
                Next::End => {
                    // What comes behind the end is nobody's (RFC 8446 §6.1).
                    (self.inbox, self.seen, self.ended) = (None, 0, true);
                    break;
                }
            }
            // Nothing is left to be shown, and nothing to be said.
            if self.inbox.is_none() && !self.connection.is_handshaking() && !self.connection.wants_write() {
                break;
            }
        }
        Ok(())
    }

    /// The first bytes of the inbox are done with.
    fn used(&mut self, n: usize) {
        let Some(inbox) = &mut self.inbox else { return };
        inbox.consume(n);
        self.seen = self.seen.min(inbox.filled().len());
        if inbox.is_empty() {
            self.inbox = None;
        }
    }

    /// Keeps what the client is told of an error, which is for the last bytes that leave.
    fn fail(&mut self, error: Error) -> Error {
        self.inbox = None;
        while self.connection.wants_write() {
            if !matches!(turn(&mut self.connection, &mut [], &mut self.out), (_, Ok(Turn::Again))) {
                break;
            }
        }
        self.failed = Some(Box::new(error.clone()));
        error
    }

    /// Encrypts as much as leaves with one write. How much that was.
    ///
    /// # Errors
    /// When the connection is of no more use.
    pub(super) fn seal(&mut self, data: &[u8]) -> Result<usize, Error> {
        if data.is_empty() {
            return Ok(0);
        }
        if self.closed && self.failed.is_none() {
            return Err(behind_the_end());
        }
        let mut most = FRAGMENT;
        if data.len() > FRAGMENT && self.out.is_none() {
            self.out = Buffer::records();
            if self.out.is_some() {
                most = TOGETHER * FRAGMENT;
            }
        }
        let data = &data[..data.len().min(most)];
        let sealed = self.open(|open, out| {
            into(out, data.len() + data.len().div_ceil(FRAGMENT) * OVERHEAD, |room| {
                open.encrypt(data, room).map_err(Refused::from)
            })
        });
        // Of a buffer that nothing was written to, nothing is kept.
        self.sent(0);
        match sealed? {
            Some(Ok(())) => Ok(data.len()),
            // rustls has said goodbye in its place: no key may encrypt more than it is good for.
            Some(Err(())) => Err(self.fail(Error::EncryptError)),
            None => Err(behind_the_end()),
        }
    }

    /// Says that nothing more comes.
    pub(super) fn close(&mut self) {
        if self.closed {
            return;
        }
        self.closed = true;
        // A connection that has failed has said why; that is its last word.
        let _ = self.open(|open, out| into(out, ALERT, |room| open.queue_close_notify(room).map_err(Refused::from)));
    }

    /// Asks rustls until it would encrypt; `None` when it never will.
    ///
    /// It is shown only what it has seen, so that no more is decrypted than a reader asks for. A part of a message that it
    /// remembers has to be there again.
    fn open<R>(
        &mut self,
        mut then: impl FnMut(&mut WriteTraffic<'_, ServerConnectionData>, &mut Option<Buffer>) -> R,
    ) -> Result<Option<R>, Error> {
        loop {
            if let Some(error) = &self.failed {
                return Err((**error).clone());
            }
            let seen = self.seen;
            let shown = self
                .inbox
                .as_mut()
                .map_or(&mut [][..], |inbox| &mut inbox.filled_mut()[..seen]);
            let (used, opened) = match turn(&mut self.connection, shown, &mut self.out) {
                (used, Ok(Turn::Open(mut open))) => (used, Ok(Some(Some(then(&mut open, &mut self.out))))),
                (used, Ok(Turn::Blocked | Turn::Closed)) => (used, Ok(Some(None))),
                (used, Ok(Turn::Again)) => (used, Ok(None)),
                (used, Ok(Turn::Ended)) => {
                    self.ended = true;
                    (used, Ok(None))
                }
                (used, Ok(Turn::Plain(traffic))) => {
                    let poured = pour(traffic, &mut ReadBuf::new(&mut []), &mut self.plain);
                    (used, poured.map(|_| None))
                }
                (used, Err(error)) => (used, Err(error)),
            };
            self.seen -= used;
            self.used(used);
            if let Some(opened) = opened.map_err(|error| self.fail(error))? {
                return Ok(opened);
            }
        }
    }

    /// What is to be sent.
    pub(super) fn out(&self) -> &[u8] {
        self.out.as_ref().map_or(&[], Buffer::filled)
    }

    /// So much of it was.
    pub(super) fn sent(&mut self, n: usize) {
        let Some(out) = &mut self.out else { return };
        out.consume(n);
        if out.is_empty() {
            self.out = None;
        }
    }
}

fn behind_the_end() -> Error {
    Error::General("bytes behind the end of a connection".into())
}

#[cfg(test)]
mod tests;
