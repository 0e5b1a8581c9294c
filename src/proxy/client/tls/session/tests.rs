//! What both sides of a connection understand of each other, however the bytes are cut, and what is kept of it.

mod hostile;
mod pair;
mod schedules;

use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::task::Poll;

use rustls::pki_types::ServerName;
use rustls::version::{TLS12, TLS13};
use rustls::{AlertDescription, ClientConnection, Error};
use tokio::io::ReadBuf;

use super::{Came, Session, TOGETHER};
use crate::proxy::client::tls::name::{heard, overhear};
use pair::{Pair, VERSIONS, bytes, configs, give_all, read_all};

/// More than all records that leave together.
const LARGE: usize = 300_000;

#[test]
fn however_the_bytes_are_cut_both_sides_understand_each_other_and_nothing_is_kept() {
    for version in VERSIONS {
        for piece in [1, 2, 5, 6, 100, 1_000, 16_000] {
            let mut pair = Pair::open(version, piece);
            assert!(pair.holds_nothing(), "{version:?} in pieces of {piece}");
            assert_eq!(pair.say(b"GET / HTTP/1.1", 16_384), b"GET / HTTP/1.1");
            assert_eq!(pair.server.seal(b"HTTP/1.1 200 OK").unwrap(), 15);
            assert_eq!(pair.answer().unwrap(), b"HTTP/1.1 200 OK");
            assert!(pair.holds_nothing(), "{version:?} in pieces of {piece}");
        }
    }
}

#[test]
fn a_body_arrives_whole_whatever_room_its_reader_has() {
    let body = bytes(LARGE);
    for version in VERSIONS {
        for (room, piece) in [(1, 16_000), (1_000, 20_000), (16_384, 1_460), (256 * 1024, 20_000)] {
            let mut pair = Pair::open(version, 1_000);
            pair.piece = piece;
            assert!(pair.say(&body, room) == body, "{version:?} room {room}");
            assert!(pair.holds_nothing());
        }
    }
}

#[test]
fn what_is_sealed_at_once_is_bounded_and_in_records_of_the_full_size() {
    let body = bytes(LARGE);
    for version in VERSIONS {
        let mut pair = Pair::open(version, 1_000);
        let (mut heard, mut rest) = (Vec::new(), &body[..]);
        while !rest.is_empty() {
            let taken = pair.server.seal(rest).unwrap();
            assert_eq!(taken, rest.len().min(TOGETHER * 16 * 1024));
            rest = &rest[taken..];
            let (out, records) = (pair.server.out().len(), taken.div_ceil(16 * 1024));
            assert!(out <= taken + records * 32, "{out} bytes for {taken}");
            heard.extend(pair.answer().unwrap());
        }
        assert!(heard == body);
        assert!(pair.holds_nothing());
    }
}

#[test]
fn a_reader_that_takes_little_does_not_keep_the_writer_waiting_and_decrypts_no_more_than_one_record() {
    for version in VERSIONS {
        let mut pair = Pair::open(version, 1_000);
        let body = bytes(3_000);
        for part in body.chunks(1_000) {
            pair.client.writer().write_all(part).unwrap();
        }
        let sent = pair.sent();
        give_all(&mut pair.server, &sent);
        let mut little = [0; 10];
        assert_eq!(pair.server.read(&mut ReadBuf::new(&mut little)).unwrap(), Came::Bytes);
        for _ in 0..3 {
            assert_eq!(pair.server.seal(b"early answer").unwrap(), 12);
            assert_eq!(pair.answer().unwrap(), b"early answer");
        }
        assert_eq!(pair.server.plain.as_ref().unwrap().filled().len(), 990);
        let rest = read_all(&mut pair.server, 777).unwrap();
        assert!([&little[..], &rest].concat() == body);
    }
}

#[test]
fn a_part_of_a_record_waits_in_as_many_bytes_as_there_are_of_it() {
    let mut pair = Pair::open(&TLS13, 1_000);
    pair.client.writer().write_all(&bytes(5_000)).unwrap();
    let sent = pair.sent();
    let pending = |server: &mut Session| assert!(server.receive(|_| Poll::Pending).is_pending());
    for upto in [3, 1_000, 4_000] {
        let have = pair.server.inbox.as_ref().map_or(0, |inbox| inbox.filled().len());
        give_all(&mut pair.server, &sent[have..upto]);
        assert_eq!(read_all(&mut pair.server, 100).unwrap(), b"");
        pending(&mut pair.server);
        let inbox = pair.server.inbox.as_ref().unwrap();
        assert_eq!((inbox.filled().len(), inbox.is_full()), (upto, true));
        // Neither what is written in between nor a wait for nothing loses them.
        pair.server.seal(b"x").unwrap();
        assert_eq!(pair.answer().unwrap(), b"x");
    }
    give_all(&mut pair.server, &sent[4_000..]);
    assert!(read_all(&mut pair.server, 100).unwrap() == bytes(5_000));
    pending(&mut pair.server);
    assert!(pair.holds_nothing());
}

#[test]
fn keys_are_changed_and_the_client_gets_its_own_change_with_the_next_bytes() {
    let mut pair = Pair::open(&TLS13, 3);
    for round in 0..100 {
        pair.client.refresh_traffic_keys().unwrap();
        assert_eq!(pair.say(b"ping", 100), b"ping", "round {round}");
        pair.server.seal(b"pong").unwrap();
        assert_eq!(pair.answer().unwrap(), b"pong", "round {round}");
    }
    assert!(pair.holds_nothing());
}

#[test]
fn n17_a_client_that_has_ended_is_still_answered_and_both_say_goodbye() {
    for version in VERSIONS {
        let mut pair = Pair::open(version, 1);
        pair.client.writer().write_all(b"last words").unwrap();
        pair.client.send_close_notify();
        let mut sent = pair.sent();
        sent.extend_from_slice(b"nobody's");
        give_all(&mut pair.server, &sent);
        let read = read_all(&mut pair.server, 4).unwrap();
        assert_eq!(read, b"last words");
        let end = pair.server.read(&mut ReadBuf::new(&mut [0; 10])).unwrap();
        assert_eq!(end, Came::End);
        pair.server.seal(b"answer").unwrap();
        assert_eq!(pair.answer().unwrap(), b"answer");
        pair.server.close();
        pair.server.close();
        pair.answer().unwrap();
        assert_eq!(pair.client.reader().read(&mut [0; 10]).unwrap(), 0, "a clean end");
        assert!(pair.server.seal(b"too late").is_err());
        assert!(pair.holds_nothing());
    }
}

#[test]
fn e31_a_client_of_another_version_is_told_so() {
    let (_, server) = configs(&TLS13);
    let (client, _) = configs(&TLS12);
    let name = ServerName::try_from("app.example").unwrap();
    let mut pair = Pair {
        client: ClientConnection::new(Arc::new(client), name).unwrap(),
        server: Session::new(Arc::new(server)).unwrap(),
        piece: 100,
    };
    let sent = pair.sent();
    give_all(&mut pair.server, &sent);
    assert!(pair.server.shake_hands().is_err());
    assert_eq!(
        pair.answer(),
        Err(Error::AlertReceived(AlertDescription::ProtocolVersion))
    );
}

#[test]
fn e19_the_name_that_a_client_asks_for_is_heard_in_its_handshake_alone() {
    for (asked, expected) in [("App.Example", Some("app.example")), ("127.0.0.1", None)] {
        let (client, server) = configs(&TLS13);
        let mut client = ClientConnection::new(Arc::new(client), ServerName::try_from(asked).unwrap()).unwrap();
        let mut server = Session::new(overhear(&server)).unwrap();
        let mut hello = Vec::new();
        client.write_tls(&mut hello).unwrap();
        give_all(&mut server, &hello);
        assert_eq!(heard(), None);
        assert!(!server.shake_hands().unwrap());
        assert_eq!(heard().as_deref(), expected);
        assert_eq!(heard(), None);
    }
}
