//! What an attack may cost the proxy and whoever else uses it, and an HTTP/2 connection that writes without reading, or reads all the while.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::task::JoinHandle;

use crate::common::fixture::{HOST, Pair};
use crate::common::frames::{Frame, Frames, GOAWAY, RST_STREAM};
use crate::common::load::{Kind, Load};
use crate::common::process::Process;
use crate::common::wire::Wire;
use crate::common::{eventually, holds, ms, secs};

/// RFC 9113 §7.
pub(super) const PROTOCOL_ERROR: u32 = 1;
pub(super) const FLOW_CONTROL_ERROR: u32 = 3;
pub(super) const STREAM_CLOSED: u32 = 5;
pub(super) const COMPRESSION_ERROR: u32 = 9;
pub(super) const ENHANCE_YOUR_CALM: u32 = 11;

/// Exchanges of the good client by which the proxy is measured, before and after.
const EXCHANGES: u64 = 80;

/// What an attack may cost the proxy.
#[derive(Debug, Clone, Copy)]
pub(super) struct Allowed {
    /// Memory beyond what it had before, at any moment.
    pub(super) mib: u64,
    /// Time of a core, beside what the good client costs.
    pub(super) cpu: Duration,
}

/// Runs an attack beside a client that behaves well: it sees no failure, and the proxy keeps to what is allowed.
pub(super) async fn beside_a_good_client<T>(pair: &Pair, allowed: Allowed, attack: impl Future<Output = T>) -> T {
    let kinds = if pair.target().tls.is_some() {
        &[(Kind::Get, 1), (Kind::Fresh, 1), (Kind::H2, 1)][..]
    } else {
        &[(Kind::Get, 1), (Kind::Fresh, 1), (Kind::Post, 1)][..]
    };
    let load = Load::start(pair.target(), kinds).await;
    let process = pair.door.process();
    load.more(EXCHANGES).await;
    let quiet = per_exchange(&load, &process).await;

    let memory = process.own_kib();
    let (cpu, good) = (process.cpu_time(), load.so_far().total());
    let peak = Peak::follow(&process);
    let result = attack.await;
    let (cpu, good) = (process.cpu_time() - cpu, load.so_far().total() - good);
    let cost = cpu.saturating_sub(quiet.mul_f64(good as f64));
    assert!(
        cost <= allowed.cpu,
        "the attack cost {cost:?} of a core, beside {good} good exchanges of {quiet:?}: {allowed:?}"
    );

    let after = per_exchange(&load, &process).await;
    let spared = ms(100).div_f64(EXCHANGES as f64);
    assert!(
        after <= 2 * quiet + spared,
        "an exchange costs {after:?} after the attack, and cost {quiet:?} before"
    );
    let grown = peak.stop().await.max(process.own_kib()).saturating_sub(memory);
    assert!(grown <= allowed.mib * 1024, "{grown} KiB of memory more: {allowed:?}");
    load.stop().await.assert_no_failures();
    result
}

/// Time of a core that an exchange of the good client costs.
async fn per_exchange(load: &Load, process: &Process) -> Duration {
    let (cpu, good) = (process.cpu_time(), load.so_far().total());
    load.more(EXCHANGES).await;
    (process.cpu_time() - cpu).div_f64((load.so_far().total() - good) as f64)
}

/// The most memory that a process has had.
struct Peak(Arc<Mutex<u64>>, JoinHandle<()>);

impl Peak {
    fn follow(process: &Arc<Process>) -> Self {
        let (peak, process) = (Arc::new(Mutex::new(0)), Arc::clone(process));
        let seen = Arc::clone(&peak);
        let task = tokio::spawn(async move {
            loop {
                let now = process.own_kib();
                {
                    let mut peak = seen.lock().unwrap();
                    *peak = now.max(*peak);
                }
                tokio::time::sleep(ms(5)).await;
            }
        });
        Self(peak, task)
    }

    async fn stop(self) -> u64 {
        self.1.abort();
        drop(self.1.await);
        *self.0.lock().unwrap()
    }
}

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
        eventually(secs(10), || async {
            self.heard(|heard| holds(heard.ended, || format!("not ended: {heard:?}")))
        })
        .await;
        self.heard(|heard| heard.goaway)
    }

    /// Waits for something to come back.
    pub(super) async fn hears(&self, what: &str, is_so: impl Fn(&Heard) -> bool) {
        eventually(secs(10), || async {
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
