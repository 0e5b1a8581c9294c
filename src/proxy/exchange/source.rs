//! Where head and body of a reply come from: an app, a folder, or ourselves.

use std::io;
use std::task::{Context, Poll};

use super::body::{Cut, Piece};
use super::client::Client;
use super::encode::Encoder;
use super::exchange::Exchange;
use super::file::File;
use super::record::Record;
use crate::http1::head::Method;
use crate::proxy::core::claim::Claim;
use crate::proxy::core::service::CoreService;
use crate::proxy::message::answer::Answer;
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
}
