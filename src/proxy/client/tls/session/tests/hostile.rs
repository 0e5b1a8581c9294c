//! What clients do that mean no good, or whose bytes are changed on their way.

use std::io::Write as _;

use rustls::crypto::cipher::{AeadKey, MessageEncrypter, OutboundChunks, OutboundPlainMessage};
use rustls::version::TLS13;
use rustls::{
    AlertDescription, ClientConnection, ConnectionTrafficSecrets, ContentType, Error, InvalidMessage, PeerMisbehaved,
    ProtocolVersion,
};
use tokio::io::ReadBuf;

use super::pair::{Pair, VERSIONS, give_all, is_too_much, read_all};
use crate::proxy::client::tls::session::{Came, HANDSHAKE};
use crate::proxy::stock::buffers::RECORD;

/// A client that may do what rustls' never does: its keys, and records of its own making.
struct Forger {
    encrypter: Box<dyn MessageEncrypter>,
    sequence: u64,
}

impl Forger {
    fn of(client: ClientConnection) -> Self {
        let suite = client.negotiated_cipher_suite().unwrap().tls13().unwrap();
        let (sequence, secrets) = client.dangerous_extract_secrets().unwrap().tx;
        let ConnectionTrafficSecrets::Aes256Gcm { key, iv } = secrets else {
            panic!("another cipher")
        };
        let whole: [u8; 32] = key.as_ref().try_into().unwrap();
        Self {
            encrypter: suite.aead_alg.encrypter(AeadKey::from(whole), iv),
            sequence,
        }
    }

    fn record(&mut self, typ: ContentType, payload: &[u8]) -> Vec<u8> {
        let message = OutboundPlainMessage {
            typ,
            version: ProtocolVersion::TLSv1_2,
            payload: OutboundChunks::Single(payload),
        };
        let record = self.encrypter.encrypt(message, self.sequence).unwrap();
        self.sequence += 1;
        record.encode()
    }
}

#[test]
fn changes_of_keys_without_bytes_end_the_connection() {
    let mut pair = Pair::open(&TLS13, 1_000);
    let mut refused = None;
    for round in 0..100 {
        pair.client.refresh_traffic_keys().unwrap();
        let sent = pair.sent();
        give_all(&mut pair.server, &sent);
        if let Err(error) = read_all(&mut pair.server, 100) {
            refused = Some((round, error));
            break;
        }
    }
    let expected = Error::PeerMisbehaved(PeerMisbehaved::TooManyKeyUpdateRequests);
    assert_eq!(refused, Some((32, expected)));
}

#[test]
fn a_change_of_keys_in_pieces_is_understood_while_answers_leave_in_between() {
    let Pair { client, mut server, .. } = Pair::open(&TLS13, 1_000);
    let mut forger = Forger::of(client);
    for byte in [24, 0, 0, 1] {
        let record = forger.record(ContentType::Handshake, &[byte]);
        for piece in record.chunks(7) {
            give_all(&mut server, piece);
            assert_eq!(read_all(&mut server, 100).unwrap(), b"");
            server.seal(b"in between").unwrap();
        }
    }
    give_all(&mut server, &forger.record(ContentType::Handshake, &[0]));
    assert_eq!(read_all(&mut server, 100).unwrap(), b"");
    assert!(server.inbox.is_none());
    // From here on the client would have other keys: what comes under the old ones is refused.
    give_all(&mut server, &forger.record(ContentType::ApplicationData, b"old"));
    assert_eq!(read_all(&mut server, 100), Err(Error::DecryptError));
}

#[test]
fn a_message_that_never_ends_and_records_without_bytes_end_the_connection() {
    let Pair { client, mut server, .. } = Pair::open(&TLS13, 1_000);
    let mut forger = Forger::of(client);
    // 65,535 bytes of a message that no client sends at this place.
    let mut record = forger.record(ContentType::Handshake, &[&[4, 0, 255, 255][..], &[0; 5_000]].concat());
    let ended = (0..100).find(|_| {
        let is_over = is_too_much(&mut server, &record);
        assert!(server.inbox.as_ref().is_none_or(|inbox| inbox.filled().len() <= RECORD));
        record = forger.record(ContentType::Handshake, &[0; 5_000]);
        is_over
    });
    assert!(ended.is_some_and(|records| records < 5), "{ended:?}");

    let Pair { client, mut server, .. } = Pair::open(&TLS13, 1_000);
    let mut forger = Forger::of(client);
    let ended = (0..100).find(|_| {
        give_all(&mut server, &forger.record(ContentType::ApplicationData, b""));
        read_all(&mut server, 100).is_err()
    });
    assert_eq!(ended, Some(32));
}

#[test]
fn a_changed_record_ends_the_connection_with_an_alert_behind_the_bytes_before_it() {
    for version in VERSIONS {
        let mut pair = Pair::open(version, 1_000);
        pair.client.writer().write_all(b"good").unwrap();
        let mut sent = pair.sent();
        pair.client.writer().write_all(b"changed on the way").unwrap();
        sent.extend(pair.sent());
        *sent.last_mut().unwrap() ^= 1;
        give_all(&mut pair.server, &sent);
        let mut room = [0; 100];
        let mut room = ReadBuf::new(&mut room);
        assert_eq!(pair.server.read(&mut room).unwrap(), Came::Bytes);
        assert_eq!(room.filled(), b"good");
        for _ in 0..3 {
            assert_eq!(read_all(&mut pair.server, 100), Err(Error::DecryptError));
            assert_eq!(pair.server.seal(b"x"), Err(Error::DecryptError));
            pair.server.close();
        }
        assert_eq!(pair.answer(), Err(Error::AlertReceived(AlertDescription::BadRecordMac)));
        assert!(pair.holds_nothing());
    }
}

#[test]
fn a_record_larger_than_any_is_refused_by_its_head() {
    let mut pair = Pair::open(&TLS13, 1_000);
    give_all(&mut pair.server, &[23, 3, 3, 0x50, 0]);
    let too_large = Error::InvalidMessage(InvalidMessage::MessageTooLarge);
    assert_eq!(read_all(&mut pair.server, 100), Err(too_large));
    let told = Error::AlertReceived(AlertDescription::DecodeError);
    assert_eq!(pair.answer(), Err(told));
}

#[test]
fn a_hello_in_records_of_a_few_bytes_is_understood_and_one_that_never_ends_is_not_kept() {
    for size in [1, 4, 50] {
        let mut pair = Pair::new(&TLS13, 1_000);
        let hello = pair.sent();
        for part in hello[5..].chunks(size) {
            let head = [22, 3, 1, 0, u8::try_from(part.len()).unwrap()];
            give_all(&mut pair.server, &[&head, part].concat());
            assert!(!pair.server.shake_hands().unwrap());
        }
        pair.answer().unwrap();
        assert!(!pair.client.is_handshaking(), "records of {size}");
    }
    // As long as rustls takes one for, and in small records: what they are wrapped in counts too.
    for size in [16_000_u16, 20] {
        let mut server = Pair::new(&TLS13, 1_000).server;
        let mut record = [&[22, 3, 1][..], &size.to_be_bytes(), &[1, 0, 255, 255]].concat();
        let ended = (0..90_000 / usize::from(size)).find(|_| {
            record.resize(5 + usize::from(size), 0);
            let is_over = is_too_much(&mut server, &record);
            assert!(
                server
                    .inbox
                    .as_ref()
                    .is_none_or(|inbox| inbox.filled().len() <= HANDSHAKE)
            );
            record = [&[22, 3, 1][..], &size.to_be_bytes()].concat();
            is_over
        });
        assert!(ended.is_some(), "records of {size}");
    }
}

#[test]
fn whatever_a_client_changes_in_its_bytes_is_answered_without_a_panic() {
    for version in VERSIONS {
        for at in (0..2_000).step_by(3) {
            let mut pair = Pair::new(version, 1_000);
            let mut at = at;
            for _ in 0..3 {
                let mut sent = pair.sent();
                if let Some(byte) = sent.get_mut(at) {
                    *byte ^= 1 << (at % 8);
                }
                at = at.saturating_sub(sent.len());
                let piece = 1 + at % 700;
                for piece in sent.chunks(piece) {
                    if is_too_much(&mut pair.server, piece) {
                        break;
                    }
                }
                if pair.answer().is_err() {
                    break;
                }
            }
            let _ = pair.server.seal(b"x");
            let _ = read_all(&mut pair.server, 10);
            pair.server.close();
        }
    }
}
