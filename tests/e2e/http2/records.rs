//! What leaves together: all that several streams have to say in one look, and what their client is told besides, is one write. Over TLS
//! that is one record, as far as it fits, and records can be counted by anybody on the way.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

use crate::common::client::tls;
use crate::common::fixture::{HOST, Pair};
use crate::common::frames::{
    ACK, DATA, END_HEADERS, END_STREAM, Frame, Frames, HEADERS, PING, PREFACE, SETTINGS, WINDOW_UPDATE, block, encode,
};

/// Streams that say something at once.
const STREAMS: u32 = 8;
/// Half of what a client may send on a stream before it is told that there is room again.
const HALF: usize = 128 * 1024;
/// TLS: a record's head, and its type once keys are known (RFC 8446 §5.1).
const RECORD_HEAD: usize = 5;
const APPLICATION_DATA: u8 = 23;

/// A client, and the records that it got.
struct Counted {
    frames: Frames,
    records: Arc<AtomicUsize>,
}

impl Counted {
    /// Connects by way of somebody who counts. On its streams there is no room at first.
    async fn connect(pair: &Pair) -> Self {
        let records = Arc::<AtomicUsize>::default();
        let address = counting(pair.door.https(), records.clone()).await;
        let wire = tls(address, HOST, &pair.door.trust(&["h2"])).await.unwrap();
        let mut frames = Frames::over(wire);
        frames.write(PREFACE).await;
        frames.send(SETTINGS, 0, 0, &room(0)).await;
        Self { frames, records }
    }

    /// Says this in one record, and reads until `is_all` has been told of the last frame: what came, and in how many records.
    async fn say(&mut self, bytes: &[u8], mut is_all: impl FnMut(&Frame) -> bool) -> (Vec<Frame>, usize) {
        assert!(bytes.len() < 16 * 1024);
        self.quiet().await;
        let before = self.records.load(Ordering::SeqCst);
        self.frames.write(bytes).await;
        let mut seen = Vec::new();
        loop {
            let frame = self.frames.next(&mut 0).await.expect("a frame");
            let is_last = is_all(&frame);
            seen.push(frame);
            if is_last {
                return (seen, self.records.load(Ordering::SeqCst) - before);
            }
        }
    }

    /// Everything that was said before has been read, on both sides.
    async fn quiet(&mut self) {
        self.frames.send(PING, 0, 0, b"is quiet").await;
        loop {
            let frame = self.frames.next(&mut 0).await.expect("a frame");
            if frame.kind == PING && frame.flags & ACK != 0 {
                return;
            }
        }
    }
}

/// SETTINGS_INITIAL_WINDOW_SIZE.
fn room(bytes: u32) -> Vec<u8> {
    [&[0, 4][..], &bytes.to_be_bytes()].concat()
}

/// Passes one connection on, and counts the records that come back: each before the client has it.
async fn counting(door: SocketAddr, records: Arc<AtomicUsize>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (client, _) = listener.accept().await.unwrap();
        let door = TcpStream::connect(door).await.unwrap();
        for tcp in [&client, &door] {
            tcp.set_nodelay(true).unwrap();
        }
        let ((mut from_client, to_client), (from_door, mut to_door)) = (client.into_split(), door.into_split());
        tokio::spawn(async move { drop(copy(&mut from_client, &mut to_door).await) });
        pass_records(from_door, to_client, &records).await;
    });
    address
}

async fn pass_records(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, records: &AtomicUsize) {
    let mut record = vec![0; RECORD_HEAD];
    while from.read_exact(&mut record[..RECORD_HEAD]).await.is_ok() {
        let length = usize::from(record[3]) << 8 | usize::from(record[4]);
        record.resize(RECORD_HEAD + length, 0);
        if from.read_exact(&mut record[RECORD_HEAD..]).await.is_err() {
            return;
        }
        if record[0] == APPLICATION_DATA {
            records.fetch_add(1, Ordering::SeqCst);
        }
        if to.write_all(&record).await.is_err() {
            return;
        }
    }
}

/// HEADERS of a request that ends with them.
fn get(stream: u32, host: &str) -> Vec<u8> {
    let fields = [
        (":method", &b"GET"[..]),
        (":scheme", b"https"),
        (":authority", host.as_bytes()),
        (":path", b"/who"),
    ];
    encode(HEADERS, END_HEADERS | END_STREAM, stream, &block(&fields))
}

/// Says when so many streams have come to their end.
fn ends(streams: u32) -> impl FnMut(&Frame) -> bool {
    let mut open = streams;
    move |frame| {
        open -= u32::from(frame.ends_stream());
        open == 0
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_several_streams_have_to_say_at_once_is_one_record() {
    let pair = Pair::tls("").await;
    let mut counted = Counted::connect(&pair).await;
    let mut heads = 0;
    let asked: Vec<u8> = (0..STREAMS).flat_map(|n| get(2 * n + 1, HOST)).collect();
    let is_head = |frame: &Frame| {
        heads += u32::from(frame.kind == HEADERS);
        heads == STREAMS
    };
    counted.say(&asked, is_head).await;
    // All of them have something to say, and the same word gives them room for it.
    let word = encode(SETTINGS, 0, 0, &room(65_535));
    let (seen, records) = counted.say(&word, ends(STREAMS)).await;
    let data = seen.iter().filter(|frame| frame.kind == DATA);
    assert!(data.clone().all(Frame::ends_stream), "an end of its own: {seen:?}");
    assert_eq!((data.count(), records), (STREAMS as usize, 1), "(answers, records)");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_come_together_are_answered_together_where_no_app_is_asked() {
    let pair = Pair::tls("").await;
    let mut counted = Counted::connect(&pair).await;
    counted.frames.send(SETTINGS, 0, 0, &room(65_535)).await;
    let asked: Vec<u8> = (0..STREAMS).flat_map(|n| get(2 * n + 1, "nobody.localhost")).collect();
    let (seen, records) = counted.say(&asked, ends(STREAMS)).await;
    let heads = seen.iter().filter(|frame| frame.kind == HEADERS).count();
    assert_eq!((heads, records), (STREAMS as usize, 1), "(answers, records)");
}

#[tokio::test(flavor = "multi_thread")]
async fn room_for_an_upload_is_told_with_what_is_said_to_others() {
    let pair = Pair::tls("").await;
    let mut counted = Counted::connect(&pair).await;
    counted.frames.send(SETTINGS, 0, 0, &room(65_535)).await;
    counted.quiet().await;
    let fields = [
        (":method", &b"POST"[..]),
        (":scheme", b"https"),
        (":authority", HOST.as_bytes()),
        (":path", b"/echo"),
    ];
    let mut window = counted.frames.stream_window();
    counted.frames.request(1, &fields, false).await;
    pair.blue.reached("/echo").await;
    let mut sent = 0;
    while sent < HALF - 4096 {
        sent += counted.frames.data_up_to(1, &mut window, HALF - 4096 - sent).await;
    }
    // What is missing until the client hears of it comes with a request of another stream.
    let word = [encode(DATA, 0, 1, &[b'x'; 8192]), get(3, "nobody.localhost")].concat();
    let (seen, records) = counted.say(&word, ends(1)).await;
    let told = seen
        .iter()
        .filter(|frame| frame.kind == WINDOW_UPDATE && frame.stream == 1)
        .count();
    assert_eq!((told, records), (1, 1), "(updates, records): {seen:?}");
}
