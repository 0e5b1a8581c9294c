//! An HTTP/2 connection that writes without reading, or reads all the while.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};

use crate::common::fixture::{HOST, Pair};
use crate::common::frames::{Frame, Frames, GOAWAY, RST_STREAM};
use crate::common::wire::Wire;
use crate::common::{eventually, holds, ms, secs};

/// RFC 9113 §7.
pub(super) const PROTOCOL_ERROR: u32 = 1;
pub(super) const FLOW_CONTROL_ERROR: u32 = 3;
pub(super) const STREAM_CLOSED: u32 = 5;
pub(super) const COMPRESSION_ERROR: u32 = 9;
pub(super) const ENHANCE_YOUR_CALM: u32 = 11;

/// An HTTP/2 connection of an attacker, who answers nothing.
pub(super) struct Attacker {
    writer: WriteHalf<Wire>,
    /// Nobody reads as long as it is here.
    unread: Option<ReadHalf<Wire>>,
    heard: Arc<Mutex<Heard>>,
}

/// What came back on a connection.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// How many frames of each kind.
    pub(super) frames: BTreeMap<u8, usize>,
    /// Streams that were reset, by code.
    pub(super) resets: BTreeMap<u32, usize>,
    /// Heads of answers, by stream.
    pub(super) heads: BTreeMap<u32, Frame>,
    /// The code of the last GOAWAY.
    pub(super) goaway: Option<u32>,
    /// The connection has ended.
    pub(super) ended: bool,
}

/// How far a write has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Poured {
    /// The proxy has taken everything.
    Taken,
    /// It takes nothing more.
    Blocked,
    /// It has ended the connection.
    Closed,
}

impl Attacker {
    /// Connects, and never reads.
    pub(super) async fn deaf(pair: &Pair) -> Self {
        let (unread, writer) = tokio::io::split(Frames::narrow(&pair.door, HOST).await.into_wire());
        Self {
            writer,
            unread: Some(unread),
            heard: Arc::default(),
        }
    }

    /// Connects, and reads everything at once.
    pub(super) async fn hearing(pair: &Pair) -> Self {
        let mut attacker = Self::deaf(pair).await;
        let reader = attacker.unread.take().expect("not read yet");
        tokio::spawn(listen(reader, Arc::clone(&attacker.heard)));
        attacker
    }

    /// Writes until all is written, or nothing more is taken.
    pub(super) async fn pour(&mut self, bytes: &[u8]) -> Poured {
        let written = async {
            self.writer.write_all(bytes).await?;
            self.writer.flush().await
        };
        match tokio::time::timeout(ms(500), written).await {
            Ok(Ok(())) => Poured::Taken,
            Ok(Err(_)) => Poured::Closed,
            Err(_) => Poured::Blocked,
        }
    }

    /// Writes the same again and again.
    pub(super) async fn pour_times(&mut self, bytes: &[u8], times: usize) -> Poured {
        for _ in 0..times {
            let poured = self.pour(bytes).await;
            if poured != Poured::Taken {
                return poured;
            }
        }
        Poured::Taken
    }

    /// What has come back so far, looked at.
    pub(super) fn heard<T>(&self, look: impl FnOnce(&Heard) -> T) -> T {
        look(&self.heard.lock().unwrap())
    }

    /// Whether the connection has ended.
    pub(super) fn is_over(&self) -> bool {
        self.heard(|heard| heard.ended)
    }

    /// Waits for the end of the connection: the code of its GOAWAY.
    pub(super) async fn end(&self) -> Option<u32> {
        eventually(secs(30), || async {
            self.heard(|heard| holds(heard.ended, || format!("not ended: {heard:?}")))
        })
        .await;
        self.heard(|heard| heard.goaway)
    }

    /// Waits for something to come back.
    pub(super) async fn hears(&self, what: &str, is_so: impl Fn(&Heard) -> bool) {
        eventually(secs(30), || async {
            self.heard(|heard| holds(is_so(heard), || format!("not {what}: {heard:?}")))
        })
        .await;
    }
}

async fn listen(mut reader: ReadHalf<Wire>, heard: Arc<Mutex<Heard>>) {
    while let Some(frame) = read(&mut reader).await {
        let mut heard = heard.lock().unwrap();
        *heard.frames.entry(frame.kind).or_default() += 1;
        match frame.kind {
            GOAWAY => heard.goaway = Some(frame.code()),
            RST_STREAM => *heard.resets.entry(frame.code()).or_default() += 1,
            crate::common::frames::HEADERS => drop(heard.heads.insert(frame.stream, frame)),
            _ => {}
        }
    }
    heard.lock().unwrap().ended = true;
}

async fn read(reader: &mut ReadHalf<Wire>) -> Option<Frame> {
    let mut head = [0; 9];
    reader.read_exact(&mut head).await.ok()?;
    let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
    reader.read_exact(&mut payload).await.ok()?;
    Some(Frame {
        kind: head[3],
        flags: head[4],
        stream: u32::from_be_bytes([head[5], head[6], head[7], head[8]]),
        payload,
    })
}
