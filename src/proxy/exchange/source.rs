//! Where head and body of a reply come from: an app, a folder, or ourselves.

use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

use super::body::{Cut, Piece};
use super::client::Client;
use super::encode::Encoder;
use super::exchange::Exchange;
use super::file::File;
use super::record::Record;
use crate::http1::framing::Framing;
use crate::http1::head::Method;
use crate::model::pace::Rule;
use crate::proxy::core::claim::Claim;
use crate::proxy::core::service::CoreService;
use crate::proxy::message::answer::Answer;
use crate::proxy::message::end::End;
use crate::proxy::stock::deadline::Deadline;

/// As many bytes of an answer of our own are encoded at one go.
const ENCODED: usize = 16 * 1024;

/// Where head and body come from.
pub(super) enum Source {
    App(Box<Exchange>),
    File(Box<File>),
    Own(Box<Own>),
}

/// An answer of our own.
pub(super) struct Own {
    pub(super) answer: Answer,
    /// Bytes of its body that have left, or never will.
    pub(super) sent: usize,
    pub(super) record: Box<Record>,
    /// Held for its end, behind the record's.
    pub(super) _claim: Option<Claim>,
}

impl Source {
    /// What is remembered of the exchange.
    pub(super) fn record(&self) -> &Record {
        match self {
            Self::App(exchange) => &exchange.record,
            Self::File(file) => &file.record,
            Self::Own(own) => &own.record,
        }
    }

    pub(super) fn record_mut(&mut self) -> &mut Record {
        match self {
            Self::App(exchange) => &mut exchange.record,
            Self::File(file) => &mut file.record,
            Self::Own(own) => &mut own.record,
        }
    }

    /// Whose answer it is, if anybody's.
    pub(super) fn service(&self) -> Option<&CoreService> {
        match self {
            Self::App(exchange) => Some(&exchange.service),
            Self::File(file) => Some(&file.service),
            Self::Own(own) => own.record.service.as_deref(),
        }
    }

    /// Whether HEAD was asked, so that no body follows.
    pub(super) fn is_head(&self) -> bool {
        match self {
            Self::App(exchange) => exchange.method == Method::Head,
            Self::File(file) => file.is_head,
            Self::Own(own) => own.rest().is_empty(),
        }
    }

    /// How long it may be silent between two pieces.
    pub(super) fn silence(&self) -> Duration {
        match self {
            Self::App(exchange) => exchange.silence(),
            Self::File(file) => file.policy().timeout.idle,
            Self::Own(own) => own.record.core().times().head,
        }
    }

    /// What the client has to keep to while it does not take what there is; `None` for an event stream, which may stand still.
    pub(super) fn rule(&self) -> Option<Rule> {
        match self {
            Self::App(exchange) if exchange.body.is_event_stream => None,
            Self::App(exchange) => Some(exchange.rule()),
            Self::File(file) => Some(file.rule()),
            Self::Own(own) => {
                let times = own.record.core().times();
                Some(Rule {
                    idle: times.head,
                    period: times.pace,
                })
            }
        }
    }

    /// The next piece of the body; see [`Exchange::poll_piece`].
    pub(super) fn poll_piece(
        &mut self,
        cx: &mut Context<'_>,
        client: &mut impl Client,
        deadline: &mut Deadline,
        fast: bool,
    ) -> Poll<Result<Piece, Cut>> {
        match self {
            Self::App(exchange) => exchange.poll_piece(cx, client, deadline, fast),
            Self::File(file) => file.poll_piece(cx, deadline, fast),
            Self::Own(own) if own.rest().is_empty() => Poll::Ready(Ok(Piece::End)),
            Self::Own(_) => Poll::Ready(Ok(Piece::Data)),
        }
    }

    /// The body has ended as it was meant to.
    pub(super) fn finish(&mut self) {
        match self {
            Self::App(exchange) => {
                if exchange.body.framing == Framing::None {
                    exchange.body.skip();
                }
                exchange.record.bytes_in = exchange.sending.received;
                exchange.record.ended(End::DONE);
                exchange.finish();
            }
            Self::File(file) => file.record.ended(End::DONE),
            Self::Own(_) => {}
        }
    }

    /// The body has ended before its end.
    pub(super) fn cut(&mut self, cut: Cut) {
        match self {
            Self::App(exchange) => {
                exchange.record.bytes_in = exchange.sending.received;
                exchange.record.ended(cut.0);
                exchange.disconnect();
            }
            Self::File(file) => file.record.ended(cut.0),
            Self::Own(own) => own.record.ended(cut.0),
        }
    }

    /// Hands the piece to an encoder.
    pub(super) fn feed(&mut self, encoder: &mut Encoder) -> io::Result<()> {
        match self {
            Self::App(exchange) => {
                let fed = encoder.feed(exchange.piece());
                exchange.drop_piece(exchange.piece().len());
                fed
            }
            Self::File(file) => {
                let fed = encoder.feed(file.piece());
                file.drop_piece(file.piece().len());
                fed
            }
            Self::Own(own) => {
                let rest = own.rest();
                let piece = &rest[..rest.len().min(ENCODED)];
                let fed = encoder.feed(piece);
                own.sent += piece.len();
                fed
            }
        }
    }
}

impl Own {
    /// What is left of the body, or the first part of it.
    pub(super) fn rest(&self) -> &[u8] {
        self.answer.content.rest(self.sent)
    }

    /// Whether that is all that is left.
    pub(super) fn ends_with_rest(&self) -> bool {
        self.sent + self.rest().len() == self.answer.content.len()
    }
}
