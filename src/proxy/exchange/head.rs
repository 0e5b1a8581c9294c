//! The head of an app's response: interim ones are passed on (N19), the final one says how the body ends and what becomes of the
//! connection.

use std::io;
use std::task::{Context, Poll};

use super::client::{Client, Interim};
use super::exchange::Exchange;
use crate::http1::framing::{self, Framing};
use crate::http1::head::{Limits, Parsed};
use crate::proxy::message::error::ProxyError;
use crate::proxy::message::terms::Terms;
use crate::proxy::stock::buffers::Buffer;

/// N16: an app may send many and large fields.
const RESPONSE_LIMITS: Limits = Limits {
    bytes: 256 * 1024,
    fields: 1000,
};
/// Interim responses (1xx) before the final one.
const MAX_INTERIM: u32 = 64;

/// Why an attempt came to nothing.
pub(crate) enum Failure {
    /// Of the connection, with what the retry rule needs to know.
    Connection {
        error: Option<io::Error>,
        nothing_written: bool,
        nothing_read: bool,
    },
    /// Of something that another attempt would not change.
    Final(ProxyError),
}

impl From<ProxyError> for Failure {
    fn from(error: ProxyError) -> Self {
        Self::Final(error)
    }
}

impl Exchange {
    /// `Ready(true)` with the final head, `Ready(false)` after an interim one.
    pub(crate) fn poll_read_head(
        &mut self,
        cx: &mut Context<'_>,
        client: &mut impl Client,
    ) -> Poll<Result<bool, Failure>> {
        let Some(upstream) = &mut self.upstream else {
            return Poll::Ready(Err(ProxyError::AppBrokeOff(None).into()));
        };
        let nothing_written = !self.sending.out.has_begun() && self.sending.replayable;
        loop {
            if let Some(buffer) = &mut self.body.inbox {
                match self.head.parse(buffer.filled(), RESPONSE_LIMITS) {
                    Ok(Parsed::Whole) => return Poll::Ready(self.judge_head(client).map_err(Failure::Final)),
                    Ok(Parsed::Partial) => {
                        if buffer.is_full() {
                            buffer.make_room(buffer.filled().len() * 4);
                        }
                    }
                    Err(error) => {
                        return Poll::Ready(Err(ProxyError::AppNonsense(error.words()).into()));
                    }
                }
            }
            let buffer = self.body.inbox.get_or_insert_with(Buffer::small);
            let nothing_read = buffer.is_empty() && self.body.interim == 0;
            let broken = |error| Failure::Connection {
                error,
                nothing_written,
                nothing_read,
            };
            match upstream.poll_read(cx, buffer) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(broken(None))),
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(broken(Some(error)))),
                Poll::Pending => {
                    upstream.await_rest(!nothing_read);
                    if buffer.is_empty() {
                        self.body.inbox = None;
                    }
                    return Poll::Pending;
                }
            }
        }
    }

    /// A whole head is parsed: interim ones are passed on, the final one stays in the inbox.
    fn judge_head(&mut self, client: &mut impl Client) -> Result<bool, ProxyError> {
        let Some(buffer) = &mut self.body.inbox else {
            return Ok(false);
        };
        match self.head.status {
            100 => {
                if std::mem::take(&mut self.sending.awaits_continue) {
                    client.interim(Interim::Continue);
                }
            }
            101 if self.upgrade => return Ok(true),
            101 => return Err(ProxyError::AppNonsense("101 to a request that asked for no upgrade")),
            102..200 => client.interim(Interim::Head(&self.head, buffer.filled())),
            _ => return Ok(true),
        }
        buffer.consume(self.head.len);
        if buffer.is_empty() {
            self.body.inbox = None;
        }
        self.body.interim += 1;
        if self.body.interim > MAX_INTERIM {
            Err(ProxyError::AppNonsense("too many interim responses"))
        } else {
            Ok(false)
        }
    }

    /// The final head is in the inbox: its framing, and what becomes of the connection.
    pub(crate) fn take_head(&mut self) -> Result<(), ProxyError> {
        let Some(buffer) = &self.body.inbox else {
            return Err(ProxyError::AppNonsense("no head"));
        };
        let bytes = buffer.filled();
        let framing = match framing::of_response(self.method, &self.head, bytes) {
            Ok(framing) => framing,
            Err(error) => {
                self.disconnect();
                return Err(ProxyError::AppNonsense(error.words()));
            }
        };
        let terms = Terms::of(&self.head, bytes);
        self.app_idle = terms.idle;
        // One that says its length has to keep to it, and cannot end at an earlier event.
        self.body.is_event_stream = terms.is_event_stream && !matches!(framing, Framing::Length(_));
        self.body.has_events = self.body.is_event_stream && !terms.is_encoded;
        self.reusable = terms.keep_alive && !self.upgrade;
        self.body.begin(framing, self.head.len);
        Ok(())
    }
}
