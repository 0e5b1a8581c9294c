//! What goes over the line between two processes: descriptors, then lines of JSON.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};

/// Descriptors that go over a line at once; the kernel takes 253.
pub(super) const DESCRIPTORS: usize = 64;
/// What stands before the descriptors: a message without a byte carries none.
const MARK: [u8; 1] = *b"g";

/// Sends descriptors. The other process has duplicates of them from then on.
///
/// # Errors
/// The kernel's.
pub(super) fn send_descriptors(line: &UnixStream, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !ancillary.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(io::Error::other(format!("more than {DESCRIPTORS} descriptors")));
    }
    rustix::net::sendmsg(line, &[IoSlice::new(&MARK)], &mut ancillary, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// Receives descriptors.
///
/// # Errors
/// The kernel's, or that there were none.
pub(super) fn receive_descriptors(line: &UnixStream) -> io::Result<Vec<OwnedFd>> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut mark = [0];
    let flags = RecvFlags::CMSG_CLOEXEC;
    let received = rustix::net::recvmsg(line, &mut [IoSliceMut::new(&mut mark)], &mut ancillary, flags)?;
    let mut descriptors = Vec::new();
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(some) = message {
            descriptors.extend(some);
        }
    }
    if received.bytes == 0 || mark != MARK || descriptors.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(descriptors)
}

/// A value as a line.
///
/// # Errors
/// When it is not to be written as JSON.
pub(super) fn line(value: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    Ok(line)
}

/// Writes a value.
///
/// # Errors
/// When the other process is gone.
pub(in crate::control::daemon) async fn say(
    to: &mut (impl AsyncWrite + Unpin),
    value: &impl Serialize,
) -> io::Result<()> {
    to.write_all(&line(value)?).await
}

/// Reads the values that another process says. What cannot be understood is of another version, and left out.
#[derive(Debug)]
pub(in crate::control::daemon) struct Heard<R> {
    from: BufReader<R>,
    line: Vec<u8>,
}

impl<R: AsyncRead + Unpin> Heard<R> {
    pub(super) fn new(from: R) -> Self {
        Self {
            from: BufReader::new(from),
            line: Vec::new(),
        }
    }

    /// The next value; `None` when the other process is gone. Loses nothing when it is cancelled.
    pub(in crate::control::daemon) async fn next<T: DeserializeOwned>(&mut self) -> Option<T> {
        loop {
            let read = self.from.read_until(b'\n', &mut self.line).await.unwrap_or(0);
            if read == 0 || self.line.last() != Some(&b'\n') {
                return None;
            }
            let value = serde_json::from_slice(&self.line);
            self.line.clear();
            if let Ok(value) = value {
                return Some(value);
            }
        }
    }
}
