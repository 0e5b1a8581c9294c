//! One turn of rustls: it is shown bytes, and says what it has come to. Whoever asks holds the bytes.

use rustls::Error;
use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncodeTlsData, EncryptError, InsufficientSizeError, ReadTraffic, UnbufferedStatus,
    WriteTraffic,
};
use tokio::io::ReadBuf;

use crate::proxy::stock::buffers::Buffer;

/// Large enough for an alert in a record.
pub(super) const ALERT: usize = 64;

/// What rustls has come to.
pub(super) enum Turn<'c, 'i> {
    /// It wants to be asked again.
    Again,
    Plain(ReadTraffic<'c, 'i, ServerConnectionData>),
    /// It has seen all bytes, and would encrypt.
    Open(WriteTraffic<'c, ServerConnectionData>),
    /// It has seen all bytes, and needs more for the handshake.
    Blocked,
    /// The client sends no more.
    Ended,
    /// Neither does anybody.
    Closed,
}

/// Shows rustls bytes once. How many it is done with, and what it has come to; what it has to send is encoded already.
pub(super) fn turn<'c, 'i>(
    connection: &'c mut UnbufferedServerConnection,
    shown: &'i mut [u8],
    out: &mut Option<Buffer>,
) -> (usize, Result<Turn<'c, 'i>, Error>) {
    let UnbufferedStatus { discard, state } = connection.process_tls_records(shown);
    let turn = state.and_then(|state| {
        Ok(match state {
            ConnectionState::ReadTraffic(traffic) => Turn::Plain(traffic),
            ConnectionState::EncodeTlsData(data) => encode(data, out)?,
            ConnectionState::TransmitTlsData(sent) => {
                // It leaves before everything that is encrypted from here on.
                sent.done();
                Turn::Again
            }
            ConnectionState::BlockedHandshake => Turn::Blocked,
            ConnectionState::WriteTraffic(open) => Turn::Open(open),
            ConnectionState::PeerClosed => Turn::Ended,
            ConnectionState::Closed => Turn::Closed,
            // Early data is off (E31).
            _ => return Err(Error::General("rustls asks for what was not agreed on".into())),
        })
    });
    (discard, turn)
}

fn encode<'c, 'i>(
    mut data: EncodeTlsData<'c, ServerConnectionData>,
    out: &mut Option<Buffer>,
) -> Result<Turn<'c, 'i>, Error> {
    into(out, ALERT, |room| data.encode(room).map_err(Refused::from))
        .map(|()| Turn::Again)
        .map_err(|()| Error::General("a message was encoded twice".into()))
}

/// Hands decrypted bytes out, and keeps those for which there is no room. How many more received bytes are done with.
pub(super) fn pour(
    mut traffic: ReadTraffic<'_, '_, ServerConnectionData>,
    room: &mut ReadBuf<'_>,
    plain: &mut Option<Buffer>,
) -> Result<usize, Error> {
    let mut used = 0;
    while let Some(record) = traffic.next_record() {
        let record = record?;
        used += record.discard;
        let (fits, rest) = record.payload.split_at(record.payload.len().min(room.remaining()));
        room.put_slice(fits);
        if !rest.is_empty() {
            plain.get_or_insert_with(Buffer::record).append(rest);
        }
    }
    Ok(used)
}

/// Why nothing was written.
pub(super) enum Refused {
    /// It would need so much room.
    Small(usize),
    Never,
}

impl From<EncryptError> for Refused {
    fn from(error: EncryptError) -> Self {
        match error {
            EncryptError::InsufficientSize(InsufficientSizeError { required_size }) => Self::Small(required_size),
            EncryptError::EncryptExhausted => Self::Never,
        }
    }
}

impl From<EncodeError> for Refused {
    fn from(error: EncodeError) -> Self {
        match error {
            EncodeError::InsufficientSize(InsufficientSizeError { required_size }) => Self::Small(required_size),
            EncodeError::AlreadyEncoded => Self::Never,
        }
    }
}

/// Writes behind what is to be sent, with as much room as that asks for.
pub(super) fn into(
    out: &mut Option<Buffer>,
    least: usize,
    mut write: impl FnMut(&mut [u8]) -> Result<usize, Refused>,
) -> Result<(), ()> {
    let out = out.get_or_insert_with(Buffer::record);
    let mut least = least;
    loop {
        match write(out.room(least)) {
            Ok(n) => {
                out.wrote(n);
                return Ok(());
            }
            Err(Refused::Small(needed)) if needed > least => least = needed,
            Err(_) => return Err(()),
        }
    }
}
