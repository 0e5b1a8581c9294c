//! What a client gets: the head and the body of an app's response, of a file, or of an answer of our own. Policy for responses is applied
//! here once, and the protocols only write the result down.

use std::task::{Context, Poll};

use super::body::{Cut, Piece};
use super::client::Client;
use super::encode::{Encoded, Set, agree};
use super::error_page;
use super::exchange::Exchange;
use super::fields;
use super::file::File;
pub(crate) use super::length::Length;
use super::reading::Reading;
use super::record::Record;
use super::ribbon;
use super::source::{Own, Source};
use crate::http1::framing::Framing;
use crate::http1::head::Name;
use crate::proxy::core::claim::Claim;
use crate::proxy::files::response::Response;
use crate::proxy::message::answer::Answer;
use crate::proxy::message::changes::{Changes, FieldName};
use crate::proxy::message::encoding::Said;
use crate::proxy::message::end::End;
use crate::proxy::message::error::ProxyError;
use crate::proxy::message::headers;
use crate::proxy::message::ribbon::Page;
use crate::proxy::stock::clock;
use crate::proxy::stock::deadline::Deadline;

/// A response on its way to the client.
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// What is changed of the fields that the source says.
    changes: Changes,
    source: Source,
    /// How the body is encoded on its way, if it is.
    encoding: Encoded,
    /// Why it is cut behind what is encoded so far.
    cut: Option<Cut>,
    reading: Reading,
}

impl Reply {
    /// The app's response, whose head is in the exchange.
    pub(crate) fn of_app(exchange: Box<Exchange>) -> Self {
        if let Some(claim) = &exchange.claim {
            claim.become_stream();
        }
        Self::new(exchange.head.status, Source::App(exchange))
    }

    /// What a folder has for the request of the exchange.
    pub(crate) fn of_file(exchange: Box<Exchange>, response: Box<Response>) -> Self {
        if let Some(claim) = &exchange.claim {
            claim.become_stream();
        }
        let file = File::new(*exchange, response);
        Self::new(file.response.status, Source::File(Box::new(file)))
    }

    /// An answer of our own. To HEAD its body is not sent.
    pub(crate) fn own(answer: Answer, record: Box<Record>, claim: Option<Claim>, is_head: bool) -> Self {
        let sent = if is_head { answer.content.len() } else { 0 };
        let own = Own {
            answer,
            sent,
            record,
            _claim: claim,
        };
        Self::new(own.answer.status, Source::Own(Box::new(own)))
    }

    /// The answer to an error.
    pub(crate) fn error(
        error: &ProxyError,
        mut record: Box<Record>,
        claim: Option<Claim>,
        wants_json: bool,
        is_head: bool,
    ) -> Self {
        record.failed(error);
        let mut answer = Answer::error(error, wants_json, record.id);
        if !wants_json && !error.is_of_preview() {
            error_page::show(&mut answer, &record);
        }
        Self::own(answer, record, claim, is_head)
    }

    fn new(status: u16, source: Source) -> Self {
        let mut reply = Self {
            status,
            changes: Changes::default(),
            source,
            encoding: Encoded::No,
            cut: None,
            reading: Reading::default(),
        };
        if let Some(service) = reply.source.service() {
            let has = |name: &str, is_such: &dyn Fn(&[u8]) -> bool| reply.has(name, is_such);
            reply.changes = fields::changes(status, reply.record(), service, &has);
        }
        reply.encode();
        reply
    }

    /// Appends the ribbon, and encodes the body, where the service offers it and the client likes it; says in the head what follows from that.
    fn encode(&mut self) {
        let Some(service) = self.source.service() else { return };
        let ribbon = service.config.label_ribbon.clone();
        let compress = &service.config.policy(self.record().policy).compress;
        if compress.is_none() && ribbon.is_none() {
            return;
        }
        let compress = compress.clone();
        let (length, is_head) = (self.length().of_get(), self.source.is_head());
        let ribbon = ribbon.filter(|_| {
            let (mut page, said) = (Page::default(), self.said());
            self.for_each_field(|name, value| page.note(name, value));
            let (takes, set) = ribbon::agree(self.record(), self.status, &page, &said, length);
            self.set(set);
            takes
        });
        if let Some(compress) = compress {
            let asked = (self.status, is_head);
            let (encoded, set) = agree(&compress, self.record(), asked, &self.said(), length);
            self.encoding = encoded;
            self.set(set);
        }
        if let Some(ribbon) = ribbon {
            let encoded = std::mem::replace(&mut self.encoding, Encoded::No);
            self.encoding = encoded.with(ribbon, length, is_head);
        }
    }

    /// What the answer says of its body.
    fn said(&self) -> Said {
        let mut said = Said::default();
        self.for_each_field(|name, value| said.note(name, value));
        said
    }

    fn set(&mut self, fields: Vec<Set>) {
        for (name, value) in fields {
            self.changes.set(FieldName::Ours(name), Some(value));
        }
    }

    /// The reason phrase of the app; empty for the standard one.
    pub(crate) fn reason(&self) -> &[u8] {
        match &self.source {
            Source::App(exchange) => match &exchange.body.inbox {
                Some(inbox) => exchange.head.reason.of(inbox.filled()),
                None => b"",
            },
            Source::File(_) | Source::Own(_) => b"",
        }
    }

    /// Every field but those that frame the body, in order, and a date (RFC 9110 §6.6.1). Valid until [`Reply::begin_body`].
    pub(crate) fn for_each_field(&self, mut field: impl FnMut(&[u8], &[u8])) {
        let mut dated = self.status < 200;
        match &self.source {
            Source::App(exchange) => {
                let Some(inbox) = &exchange.body.inbox else { return };
                for (kind, name, value) in headers::response(&exchange.head.fields, inbox.filled()) {
                    if !self.changes.concern(kind, name) {
                        dated |= kind == Name::Date;
                        field(name, value);
                    }
                }
            }
            Source::File(file) => file.response.for_each_field(|name, value| {
                if !self.changes.concern(Name::of(name.as_bytes()), name.as_bytes()) {
                    field(name.as_bytes(), value);
                }
            }),
            Source::Own(own) => own.answer.for_each_field(|kind, name, value| {
                if !self.changes.concern(kind, name) {
                    dated |= kind == Name::Date;
                    field(name, value);
                }
            }),
        }
        for cookie in &self.record().cookies {
            if !self.changes.concern(Name::Other, b"set-cookie") {
                field(b"set-cookie", cookie);
            }
        }
        for (kind, name, value) in self.changes.fields() {
            dated |= kind == Name::Date;
            field(name, value);
        }
        if !dated {
            field(b"date", &self.record().core().date.now());
        }
    }

    /// What the client is told to upgrade to by a 426 (RFC 9110 §15.5.22), for a protocol that can say it. Valid until
    /// [`Reply::begin_body`].
    pub(crate) fn upgrades(&self) -> impl Iterator<Item = &[u8]> {
        let app = match &self.source {
            Source::App(exchange) if self.status == 426 => Some(exchange),
            Source::App(_) | Source::File(_) | Source::Own(_) => None,
        };
        let head = app.and_then(|exchange| Some((&exchange.head, exchange.body.inbox.as_ref()?.filled())));
        head.into_iter().flat_map(|(head, bytes)| {
            let upgrades = head.fields.iter().filter(|field| field.kind == Name::Upgrade);
            upgrades.map(|field| field.value.of(bytes))
        })
    }

    fn record(&self) -> &Record {
        self.source.record()
    }

    /// Whether a field of this name, in lower case, has such a value. Valid until [`Reply::begin_body`].
    fn has(&self, name: &str, is_such: &dyn Fn(&[u8]) -> bool) -> bool {
        let mut has = false;
        self.for_each_field(|known, value| has |= known.eq_ignore_ascii_case(name.as_bytes()) && is_such(value));
        has
    }

    /// What the head says of the body's length. Valid until [`Reply::begin_body`].
    pub(crate) fn length(&self) -> Length<'_> {
        match &self.encoding {
            Encoded::No => {}
            Encoded::Head(length) => return length.map_or(Length::Unsaid, Length::Known),
            Encoded::Body(encoder) => return encoder.length().map_or(Length::Open, Length::Known),
        }
        match &self.source {
            Source::App(exchange) => Length::of_app(exchange),
            Source::File(file) => file.response.length.map_or(Length::Unsaid, Length::Known),
            // RFC 9110 §8.6: what GET would have had, or nothing.
            Source::Own(own) if own.answer.status == 304 => Length::Unsaid,
            Source::Own(own) => Length::Known(own.answer.content.len() as u64),
        }
    }

    /// The head is written, and its bytes may go. Between two pieces the source may be silent for as long as this sets.
    pub(crate) fn begin_body(&mut self, deadline: &mut Deadline) {
        if let Source::App(exchange) = &mut self.source {
            exchange.body.drop_head(exchange.head.len);
        }
        self.be_patient(deadline);
    }

    /// The client has taken something: the deadline is the source's again.
    pub(crate) fn be_patient(&mut self, deadline: &mut Deadline) {
        let left = self.record().bytes_out;
        self.reading.goes_on(left);
        deadline.set(self.source.silence());
    }

    /// As [`Reply::be_patient`], if the client kept us waiting.
    pub(crate) fn moves_on(&mut self, deadline: &mut Deadline) {
        if self.reading.is_stuck() {
            self.be_patient(deadline);
        }
    }

    /// The next piece of the body, while the request's goes on being sent. `fast` says that the client took the last piece
    /// without a wait.
    pub(crate) fn poll_piece(
        &mut self,
        cx: &mut Context<'_>,
        client: &mut impl Client,
        deadline: &mut Deadline,
        fast: bool,
    ) -> Poll<Result<Piece, Cut>> {
        let Encoded::Body(encoder) = &mut self.encoding else {
            return self.source.poll_piece(cx, client, deadline, fast);
        };
        loop {
            if !encoder.piece().is_empty() {
                return Poll::Ready(Ok(Piece::Data));
            }
            if let Some(cut) = self.cut {
                return Poll::Ready(Err(cut));
            }
            if encoder.is_done() {
                return Poll::Ready(Ok(Piece::End));
            }
            // In small pieces, because each is encoded at one go.
            let polled = self.source.poll_piece(cx, client, deadline, false);
            let encoded = match polled {
                Poll::Ready(Ok(Piece::Data)) => self.source.feed(encoder),
                Poll::Ready(Ok(Piece::End | Piece::EndOfEvents)) => encoder.finish(),
                // What the app has said is the client's, also where no more follows.
                Poll::Ready(Err(cut)) if encoder.owes() => {
                    self.cut = Some(cut);
                    encoder.flush()
                }
                Poll::Pending if encoder.owes() => encoder.flush(),
                Poll::Ready(Err(cut)) => return Poll::Ready(Err(cut)),
                Poll::Pending => return Poll::Pending,
            };
            if encoded.is_err() {
                return Poll::Ready(Err(Cut(End::NOT_ENCODED)));
            }
        }
    }

    /// The client does not take what there is: meanwhile the upload goes on, and the time of the side that serves may end.
    pub(crate) fn poll_stuck(
        &mut self,
        cx: &mut Context<'_>,
        client: &mut impl Client,
        deadline: &mut Deadline,
    ) -> Poll<Cut> {
        if let Source::File(file) = &mut self.source
            && let Poll::Ready(cut) = file.poll_patience(cx, deadline)
        {
            return Poll::Ready(cut);
        }
        if let Source::App(exchange) = &mut self.source {
            if let Err(error) = exchange.poll_send(cx, client) {
                return Poll::Ready(Cut(End::of_upload(&error)));
            }
            match exchange.poll_patience(cx, deadline) {
                Poll::Ready(Err(cut)) => return Poll::Ready(cut),
                // It cannot end at a boundary for a client that takes none of it.
                Poll::Ready(Ok(())) if exchange.body.leaves_now(clock::now) && deadline.poll_passed(cx) => {
                    exchange.counters().exchange_cut();
                    return Poll::Ready(Cut(End::DRAINED));
                }
                Poll::Ready(Ok(())) | Poll::Pending => {}
            }
        }
        let (rule, left) = (self.source.rule(), self.record().bytes_out);
        let Some(rule) = rule else {
            return if deadline.poll_passed(cx) {
                Poll::Ready(Cut(End::STOPPED_READING))
            } else {
                Poll::Pending
            };
        };
        let soon = self.record().core().times().look_after_client;
        self.reading.poll_given_up(cx, client, deadline, left, &rule, soon)
    }

    /// The bytes of the piece.
    pub(crate) fn piece(&self) -> &[u8] {
        match (&self.encoding, &self.source) {
            (Encoded::Body(encoder), _) => encoder.piece(),
            (_, Source::App(exchange)) => exchange.piece(),
            (_, Source::File(file)) => file.piece(),
            (_, Source::Own(own)) => own.rest(),
        }
    }

    /// The first `n` bytes of the piece have left.
    pub(crate) fn consume(&mut self, n: usize) {
        if let Encoded::Body(encoder) = &mut self.encoding {
            encoder.consume(n);
            self.source.record_mut().bytes_out += n as u64;
            return;
        }
        match &mut self.source {
            Source::App(exchange) => exchange.consume(n),
            Source::File(file) => file.consume(n),
            Source::Own(own) => {
                own.record.bytes_out += n as u64;
                own.sent += n;
            }
        }
    }

    /// Trailers behind the body, as field lines.
    pub(crate) fn trailers(&self) -> &[u8] {
        match &self.source {
            Source::App(exchange) => exchange.body.trailers(),
            Source::File(_) | Source::Own(_) => b"",
        }
    }

    /// Whether nothing more will come: no piece, and no upload that is still to be sent.
    pub(crate) fn is_over(&self) -> bool {
        if matches!(&self.encoding, Encoded::Body(encoder) if !encoder.is_done()) {
            return false;
        }
        match &self.source {
            Source::App(exchange) => {
                exchange.body.is_over() || (exchange.body.framing == Framing::None && exchange.sending.done)
            }
            Source::File(file) => file.is_over(),
            Source::Own(own) => own.rest().is_empty(),
        }
    }

    /// Whether the answer ends with the piece that is there: no piece and no trailers follow.
    pub(crate) fn ends_with_piece(&self) -> bool {
        let is_last = match (&self.encoding, &self.source) {
            (Encoded::Body(encoder), _) => encoder.ends_with_piece(),
            (_, Source::App(exchange)) => exchange.body.over,
            (_, Source::File(file)) => file.ends_with_piece(),
            (_, Source::Own(own)) => own.ends_with_rest(),
        };
        is_last && self.trailers().is_empty()
    }

    /// Whether client and source agree where the request has ended, so that the client's connection may be kept: after an
    /// answer that did not wait for the upload's end it may not (N14, E13).
    pub(crate) fn is_in_step(&self) -> bool {
        match &self.source {
            Source::App(exchange) => exchange.sending.done && !exchange.sending.broken,
            // Nobody waits for the rest of the request.
            Source::File(_) | Source::Own(_) => true,
        }
    }

    /// The body has ended as it was meant to.
    pub(crate) fn finish(&mut self) {
        self.source.finish();
    }

    /// The body has ended before its end, and so has its source.
    pub(crate) fn cut(&mut self, cut: Cut) {
        self.source.cut(cut);
    }

    /// The exchange of a protocol switch (101), which goes on as a tunnel.
    pub(crate) fn into_tunnel(self) -> Option<Box<Exchange>> {
        match self.source {
            Source::App(exchange) => Some(exchange),
            Source::File(_) | Source::Own(_) => None,
        }
    }
}
