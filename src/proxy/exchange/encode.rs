//! An answer's body as it is encoded on its way, or as something is appended to it: streamed, flushed whenever its source has nothing more at
//! hand, in bounded memory.

use std::io::{self, Write};

use super::record::Record;
use crate::model::compress::{Compress, Encoding};
use crate::model::ribbon::Ribbon;
use crate::proxy::message::encoding::Said;
use crate::proxy::stock::seats::Seat;

/// As nginx' own default is 1 and what people write is 5 or 6; beyond this time grows faster than what is saved.
const GZIP_LEVEL: u32 = 5;
/// What answers that are made anew for each request are worth; higher ones are for files.
const BROTLI_QUALITY: u32 = 4;
/// 64 KiB are looked back upon, which bounds the memory.
const BROTLI_WINDOW: u32 = 16;
const BROTLI_BUFFER: usize = 4096;
const ZSTD_LEVEL: i32 = 3;
/// 128 KiB are looked back upon, which bounds the memory here, and that of clients.
const ZSTD_WINDOW: u32 = 17;

/// Whether the body leaves in another form than its source has it.
pub(super) enum Encoded {
    /// As it is.
    No,
    /// To HEAD: as a GET would be answered, without the body, which would be so long, where that is known.
    Head(Option<u64>),
    Body(Box<Encoder>),
}

impl Encoded {
    /// The same with a ribbon behind the body. `length` is the body's, where it is known.
    pub(super) fn with(self, ribbon: Ribbon, length: Option<u64>, is_head: bool) -> Self {
        let length = length.map(|length| length + ribbon.bytes().len() as u64);
        match self {
            Self::No if is_head => Self::Head(length),
            Self::No => Self::Body(Box::new(Encoder::plain(ribbon, length))),
            Self::Head(_) => self,
            Self::Body(mut encoder) => {
                encoder.tail = Some(ribbon);
                Self::Body(encoder)
            }
        }
    }
}

/// A field that takes the place of the answer's own.
pub(super) type Set = (&'static str, Vec<u8>);

/// Whether an answer leaves encoded, and the fields that it has then. `said` is what it says of its body, `length` how long that is
/// or would be for GET.
pub(super) fn agree(
    compress: &Compress,
    record: &Record,
    (status, is_head): (u16, bool),
    said: &Said,
    length: Option<u64>,
) -> (Encoded, Vec<Set>) {
    let weakened = &record.core().shared.weakened;
    let wanted = record.encoding.filter(|encoding| compress.encodings.contains(encoding));
    let is_risky = compress.strict && record.asked.path().len() < record.asked.target().len();
    // What the client has was encoded, and its tag is weak.
    let strong = said.tag().map(|tag| tag.strip_prefix(b"W/").unwrap_or(tag));
    let is_revalidated = status == 304 && strong.is_some_and(|tag| weakened.knows(tag));
    if !is_revalidated && !said.is_encodable(status, length, is_risky) {
        return (Encoded::No, Vec::new());
    }
    let encoding = match wanted {
        Some(_) if is_revalidated => None,
        Some(encoding) if is_head => Some((encoding, Encoded::Head(None))),
        Some(encoding) => {
            let encoder = record
                .core()
                .encoders
                .take()
                .and_then(|seat| Encoder::new(encoding, seat));
            encoder.map(|encoder| (encoding, Encoded::Body(Box::new(encoder))))
        }
        None => None,
    };
    let changed = encoding.is_some() || (is_revalidated && wanted.is_some());
    let changed = said.fields(&["Accept-Encoding"], changed);
    let mut set: Vec<Set> = vec![("vary", changed.vary)];
    if let (Some(weak), Some(strong)) = (changed.etag, said.tag()) {
        weakened.note(strong);
        set.push(("etag", weak));
    }
    if changed.has_ranges {
        set.push(("accept-ranges", b"none".to_vec()));
    }
    match encoding {
        Some((encoding, encoded)) => {
            set.push(("content-encoding", encoding.name().as_bytes().to_vec()));
            (encoded, set)
        }
        None => (Encoded::No, set),
    }
}

/// Encodes one body.
pub(crate) struct Encoder {
    codec: Codec,
    /// Its place among those that a core may have, until the codec's memory goes; without a codec it takes none.
    seat: Option<Seat>,
    /// What comes behind the body.
    tail: Option<Ribbon>,
    /// How many bytes it puts out in all, where that is known.
    length: Option<u64>,
    /// Bytes of what the codec has put out that have left.
    sent: usize,
    /// It was fed since it was flushed.
    owes: bool,
}

/// A codec, which writes into a buffer.
enum Codec {
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
    Brotli(Box<brotli::CompressorWriter<Vec<u8>>>),
    Gzip(flate2::write::GzEncoder<Vec<u8>>),
    /// None: what comes in goes out.
    Plain(Vec<u8>),
    /// Only its last words are left.
    Done(Vec<u8>),
}

impl Encoder {
    /// An encoder; `None` when the library has no memory for one.
    fn new(encoding: Encoding, seat: Seat) -> Option<Self> {
        let codec = match encoding {
            Encoding::Zstd => {
                let mut codec = zstd::stream::write::Encoder::new(Vec::new(), ZSTD_LEVEL).ok()?;
                codec.window_log(ZSTD_WINDOW).ok()?;
                Codec::Zstd(codec)
            }
            Encoding::Brotli => {
                let codec = brotli::CompressorWriter::new(Vec::new(), BROTLI_BUFFER, BROTLI_QUALITY, BROTLI_WINDOW);
                Codec::Brotli(Box::new(codec))
            }
            Encoding::Gzip => {
                let level = flate2::Compression::new(GZIP_LEVEL);
                Codec::Gzip(flate2::write::GzEncoder::new(Vec::new(), level))
            }
        };
        Some(Self {
            codec,
            seat: Some(seat),
            tail: None,
            length: None,
            sent: 0,
            owes: false,
        })
    }

    /// One that only appends something.
    fn plain(tail: Ribbon, length: Option<u64>) -> Self {
        Self {
            codec: Codec::Plain(Vec::new()),
            seat: None,
            tail: Some(tail),
            length,
            sent: 0,
            owes: false,
        }
    }

    /// How many bytes it puts out in all, where that is known.
    pub(crate) fn length(&self) -> Option<u64> {
        self.length
    }

    /// What was put out and has not left.
    pub(crate) fn piece(&self) -> &[u8] {
        &self.codec.buffer()[self.sent..]
    }

    /// The first `n` bytes of the piece have left.
    pub(crate) fn consume(&mut self, n: usize) {
        self.sent += n;
        if self.piece().is_empty() {
            self.sent = 0;
            self.codec.buffer_mut().clear();
        }
    }

    /// Takes bytes of the body.
    ///
    /// # Errors
    /// When the codec fails, which none does that writes into memory.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.owes = true;
        self.codec.writer().map_or(Ok(()), |writer| writer.write_all(bytes))
    }

    /// Whether it was fed since it was flushed.
    pub(crate) fn owes(&self) -> bool {
        self.owes
    }

    /// Puts out all that it was fed, so that the client can decode it.
    ///
    /// # Errors
    /// As [`Encoder::feed`].
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.owes)
            && let Some(writer) = self.codec.writer()
        {
            writer.flush()?;
        }
        Ok(())
    }

    /// The body has ended: puts out the rest, and lets the codec's memory go.
    ///
    /// # Errors
    /// As [`Encoder::feed`].
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        if let Some(tail) = self.tail.take() {
            self.feed(tail.bytes())?;
        }
        self.owes = false;
        let rest = match std::mem::replace(&mut self.codec, Codec::Done(Vec::new())) {
            Codec::Zstd(codec) => codec.finish()?,
            Codec::Brotli(codec) => codec.into_inner(),
            Codec::Gzip(codec) => codec.finish()?,
            Codec::Plain(rest) | Codec::Done(rest) => rest,
        };
        self.codec = Codec::Done(rest);
        drop(self.seat.take());
        Ok(())
    }

    /// Whether nothing more will be put out.
    pub(crate) fn is_done(&self) -> bool {
        self.ends_with_piece() && self.piece().is_empty()
    }

    /// Whether nothing will be put out behind the piece that is there.
    pub(crate) fn ends_with_piece(&self) -> bool {
        matches!(self.codec, Codec::Done(_))
    }
}

impl Codec {
    fn buffer(&self) -> &Vec<u8> {
        match self {
            Self::Zstd(codec) => codec.get_ref(),
            Self::Brotli(codec) => codec.get_ref(),
            Self::Gzip(codec) => codec.get_ref(),
            Self::Plain(rest) | Self::Done(rest) => rest,
        }
    }

    fn buffer_mut(&mut self) -> &mut Vec<u8> {
        match self {
            Self::Zstd(codec) => codec.get_mut(),
            Self::Brotli(codec) => codec.get_mut(),
            Self::Gzip(codec) => codec.get_mut(),
            Self::Plain(rest) | Self::Done(rest) => rest,
        }
    }

    fn writer(&mut self) -> Option<&mut dyn Write> {
        match self {
            Self::Zstd(codec) => Some(codec),
            Self::Brotli(codec) => Some(codec),
            Self::Gzip(codec) => Some(codec),
            Self::Plain(out) => Some(out),
            Self::Done(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;
    use crate::proxy::stock::seats::Seats;

    fn decoded(encoding: Encoding, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        // What a client has of a body that has not ended; the error is that it has not.
        let _ = match encoding {
            Encoding::Zstd => zstd::stream::read::Decoder::new(bytes).unwrap().read_to_end(&mut out),
            Encoding::Brotli => brotli::Decompressor::new(bytes, 4096).read_to_end(&mut out),
            Encoding::Gzip => flate2::read::GzDecoder::new(bytes).read_to_end(&mut out),
        };
        out
    }

    fn take(encoder: &mut Encoder, out: &mut Vec<u8>) {
        out.extend_from_slice(encoder.piece());
        encoder.consume(encoder.piece().len());
        assert!(encoder.piece().is_empty());
    }

    #[test]
    fn what_was_flushed_can_be_decoded_and_the_whole_is_the_whole() {
        for encoding in Encoding::ALL {
            let mut encoder = Encoder::new(encoding, Seats::new(1).take().unwrap()).unwrap();
            let (mut sent, mut fed) = (Vec::new(), Vec::new());
            for round in 0..50 {
                let text = format!("<p>{round} {}</p>", "abc".repeat(round * 50));
                encoder.feed(text.as_bytes()).unwrap();
                fed.extend_from_slice(text.as_bytes());
                encoder.flush().unwrap();
                take(&mut encoder, &mut sent);
                assert_eq!(decoded(encoding, &sent), fed, "{encoding:?} after {round}");
            }
            assert!(!encoder.is_done());
            encoder.finish().unwrap();
            take(&mut encoder, &mut sent);
            assert!(encoder.is_done());
            assert_eq!(decoded(encoding, &sent), fed, "{encoding:?}");
            assert!(
                sent.len() < fed.len() / 4,
                "{encoding:?}: {} of {}",
                sent.len(),
                fed.len()
            );
        }
    }

    #[test]
    fn a_flush_of_nothing_puts_nothing_out() {
        for encoding in Encoding::ALL {
            let mut encoder = Encoder::new(encoding, Seats::new(1).take().unwrap()).unwrap();
            encoder.feed(b"abc").unwrap();
            encoder.flush().unwrap();
            take(&mut encoder, &mut Vec::new());
            encoder.flush().unwrap();
            assert!(encoder.piece().is_empty(), "{encoding:?}");
        }
    }

    #[test]
    fn an_encoder_that_is_done_gives_its_place_back() {
        for encoding in Encoding::ALL {
            let seats = Seats::new(1);
            let mut encoder = Encoder::new(encoding, seats.take().unwrap()).unwrap();
            assert!(seats.take().is_none());
            encoder.finish().unwrap();
            assert!(seats.take().is_some(), "{encoding:?}");
        }
    }
}
