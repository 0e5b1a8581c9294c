//! The upload of one stream as an exchange asks for it, and what is known of how its client reads.

use std::task::{Context, Poll};
use std::time::Duration;

use super::channel::Channel;
use super::fields;
use super::wire::Wire;
use crate::proxy::exchange::client::{Absence, Client, Interim};
use crate::proxy::message::error::ProxyError;
use crate::proxy::message::headers;
use crate::proxy::stock::deadline::Deadline;

/// One stream's upload.
pub(crate) struct Upload<'c> {
    pub(crate) wire: &'c Wire,
    pub(crate) channel: &'c Channel,
    trailers: Vec<u8>,
    /// What the client's system had taken of the whole connection when that was asked last.
    acked: u64,
    /// The number of the last piece of this stream's answer among those of all.
    moved: u64,
}

impl<'c> Upload<'c> {
    pub(crate) fn new(wire: &'c Wire, channel: &'c Channel) -> Self {
        Self {
            wire,
            channel,
            trailers: Vec::new(),
            acked: 0,
            moved: wire.progress.moved(),
        }
    }

    pub(crate) fn stream(&self) -> u32 {
        self.channel.stream.get()
    }

    /// A piece of the answer was taken, the last one until then.
    pub(crate) fn moves(&mut self, piece: u64) {
        self.moved = piece;
    }

    /// Hands what there is to `take`, and lets the client send as much more as that takes.
    pub(crate) fn take(&mut self, take: impl FnOnce(&[u8]) -> usize) -> usize {
        let taken = self.channel.take(take);
        if taken > 0 {
            self.wire.release(self.stream(), taken);
        }
        taken
    }
}

impl Client for Upload<'_> {
    fn poll_upload(
        &mut self,
        _cx: &mut Context<'_>,
        take: &mut impl FnMut(&[u8]) -> usize,
    ) -> Poll<Result<bool, ProxyError>> {
        let mut was_there = false;
        self.take(|bytes| {
            was_there = true;
            take(bytes)
        });
        if self.channel.is_taken() {
            self.trailers = self.channel.trailers();
            return Poll::Ready(Ok(true));
        }
        // The connection wakes the stream for more.
        if was_there {
            Poll::Ready(Ok(false))
        } else {
            Poll::Pending
        }
    }

    fn trailers(&self) -> &[u8] {
        &self.trailers
    }

    fn interim(&mut self, interim: Interim<'_>) {
        let stream = self.stream();
        match interim {
            Interim::Continue => self.wire.head(stream, 100, false, |_| {}),
            // Only the last word counts: a client that takes nothing gets nothing in between.
            Interim::Head(head, bytes) if self.wire.has_room() => self.wire.head(stream, head.status, false, |to| {
                for (_, name, value) in headers::response(&head.fields, bytes) {
                    fields::add(to, name, value);
                }
            }),
            Interim::Head(..) => {}
        }
    }

    /// The connection writes them as soon as its streams were looked at.
    fn poll_flush_interim(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), ProxyError>> {
        Poll::Ready(Ok(()))
    }

    /// What has come. More may, up to the window, and is asked for when it has.
    fn keeps(&self, _left: u64) -> u64 {
        self.channel.kept() as u64
    }

    /// A stream that was reset is dropped, and the exchange with it.
    fn is_gone(&mut self) -> bool {
        false
    }

    /// Its share of what the client has taken of the connection, while the connection is what it waits for.
    fn taken(&mut self) -> u64 {
        let Some(taken) = self.wire.io.borrow().taken() else {
            return 0;
        };
        let moved = taken.acked - std::mem::replace(&mut self.acked, taken.acked);
        let streams = self.wire.open_streams().max(1);
        // Where nothing waits in the kernel, or the others move on, it is the stream's own window that is closed.
        let waits = taken.waits && self.wire.progress.may_wait_for_others(self.moved, streams);
        if waits { moved / streams as u64 } else { 0 }
    }

    /// A stream that was reset is dropped, and with it the future that waits.
    fn watch(&mut self, _cx: &mut Context<'_>, _deadline: &mut Deadline, _every: Duration) -> Option<Absence> {
        None
    }
}
