//! Everything at once, for twenty minutes: load, swaps with `kill -9`, reloads, certificates that are replaced, and attackers. Clients
//! that behave see no failure, and nothing grows.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use greengate::model::api::exit;
use greengate::model::slot::Slot;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::Instant;

use crate::common::app::App;
use crate::common::client::{Client, tls};
use crate::common::door::{Door, QUICK, TIMES, environment};
use crate::common::fixture::HOST;
use crate::common::frames::{
    END_HEADERS, END_STREAM, Frames, HEADERS, PING, PRIORITY, SETTINGS, WINDOW_UPDATE, block, encode, literal,
};
use crate::common::incoming::Broken;
use crate::common::load::{Load, MIXED, Target, open_web_socket};
use crate::common::{count, eventually, full, holds, ms, secs};

/// The host of the certificate that is replaced.
const OTHER: &str = "other.localhost";
/// What memory may grow by from the middle to the end, in KiB: less than one percent of what passes through in twenty minutes. In a few
/// seconds the allocator has not come to its level yet, which takes it a minute.
const GROWTH: (u64, u64) = (16 * 1024, 6 * 1024);

/// What attackers do, one after the other.
#[derive(Debug, Clone, Copy)]
enum Attack {
    /// Bytes that are neither TLS nor HTTP.
    Noise,
    /// Heads that are never finished.
    SlowHeads,
    /// Two framings in one request (E1).
    Smuggling,
    /// Uploads that break off.
    CutUploads,
    /// Uploads over `limit.body`, which go on after the answer.
    TooLarge,
    /// Streams that are given up as soon as they are open.
    Resets,
    /// WebSockets that end without a word.
    LostSockets,
    /// Answers that nobody reads.
    Unread,
    /// Frames of HTTP/2 without end, beside streams that are held open (E27).
    Floods,
    /// Heads that are a few bytes and would be megabytes (E27).
    Bombs,
    /// Answers over HTTP/2 for which there is never room (E28).
    Windows,
    /// Answers over HTTP/2 for which there is room by single bytes (E23).
    Sips,
}

const ATTACKS: [Attack; 12] = [
    Attack::Noise,
    Attack::SlowHeads,
    Attack::Smuggling,
    Attack::CutUploads,
    Attack::TooLarge,
    Attack::Resets,
    Attack::LostSockets,
    Attack::Unread,
    Attack::Floods,
    Attack::Bombs,
    Attack::Windows,
    Attack::Sips,
];

/// Clients of one attack at the same time.
const ATTACKERS: usize = 16;

impl Attack {
    /// What one attacker does. How it ends is the door's choice; that it ends is the test's.
    async fn strike(self, target: &Target) -> Result<(), Broken> {
        let host = &target.host;
        match self {
            Self::Noise => {
                let mut client = Client::plain(target.address).await?;
                client.send(crate::common::load::bytes(2000)).await?;
                client.until_end().await?;
            }
            Self::SlowHeads => {
                let mut client = target.client().await?;
                for byte in format!("GET / HTTP/1.1\r\nHost: {host}\r\nX: ").bytes() {
                    client.send([byte]).await?;
                    tokio::time::sleep(ms(20)).await;
                }
            }
            Self::Smuggling => {
                let mut client = target.client().await?;
                let head = "POST /echo HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n";
                client
                    .send(format!(
                        "{head}Host: {host}\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n"
                    ))
                    .await?;
                client.until_end().await?;
            }
            Self::CutUploads => {
                let mut client = target.client().await?;
                client
                    .send(format!(
                        "POST /echo HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1000000\r\n\r\n"
                    ))
                    .await?;
                client.send(vec![b'x'; 100_000]).await?;
            }
            Self::TooLarge => {
                let mut client = target.client().await?;
                client
                    .send(format!(
                        "POST /large HTTP/1.1\r\nHost: {host}\r\nContent-Length: 5000000\r\n\r\n"
                    ))
                    .await?;
                client.send(vec![b'x'; 1_000_000]).await?;
                client.until_end().await?;
            }
            Self::Resets => {
                let Some((_, tls)) = &target.tls else { return Ok(()) };
                let h2 = crate::common::h2::H2::tls(target.address, host, tls).await?;
                for _ in 0..20 {
                    let asked = h2.get(host, "/slow?ms=200");
                    // Dropped in time, and so reset.
                    drop(tokio::time::timeout(ms(5), asked).await);
                }
            }
            Self::LostSockets => drop(open_web_socket(target, "/ws").await?),
            Self::Unread => {
                let mut client = target.client().await?;
                client
                    .send(format!(
                        "GET /stream?chunks=64&size=65536&ms=0 HTTP/1.1\r\nHost: {host}\r\n\r\n"
                    ))
                    .await?;
                tokio::time::sleep(ms(300)).await;
            }
            Self::Floods => {
                let mut frames = http2(target).await?;
                for stream in [1, 3, 5] {
                    frames.request(stream, &get(host, "/sse?n=0"), true).await;
                }
                let ping = encode(PING, 0, 0, b"12345678").repeat(500);
                let others = [encode(SETTINGS, 0, 0, b""), encode(PRIORITY, 0, 1, &[0, 0, 0, 0, 9])]
                    .concat()
                    .repeat(250);
                let (mut reader, mut writer) = tokio::io::split(frames.into_wire());
                let flood = async {
                    for _ in 0..100 {
                        writer.write_all(&ping).await?;
                        writer.write_all(&others).await?;
                    }
                    writer.flush().await
                };
                let mut said = Vec::new();
                // It is ended in the middle, and hears so.
                let (_, _) = tokio::join!(flood, reader.read_to_end(&mut said));
            }
            Self::Bombs => {
                let mut frames = http2(target).await?;
                let large = literal(0x40, "x-bomb", &[b'x'; 3000]);
                let mut head = block(&get(host, "/bomb"));
                head.extend(large);
                // Each byte is the field that stands first in the table.
                head.extend([0xbe; 10_000]);
                frames.send(HEADERS, END_HEADERS | END_STREAM, 1, &head).await;
                while frames.next(&mut 0).await.is_some() {}
            }
            Self::Windows => {
                let mut frames = http2(target).await?;
                frames.send(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]).await;
                for stream in 0..5 {
                    let path = "/stream?chunks=64&size=65536&ms=0";
                    frames.request(2 * stream + 1, &get(host, path), true).await;
                }
                while frames.next(&mut 0).await.is_some() {}
            }
            Self::Sips => {
                let mut frames = http2(target).await?;
                frames.send(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]).await;
                frames
                    .request(1, &get(host, "/stream?chunks=64&size=65536&ms=0"), true)
                    .await;
                for _ in 0..60 {
                    frames.send(WINDOW_UPDATE, 0, 1, &1_u32.to_be_bytes()).await;
                    tokio::time::sleep(ms(20)).await;
                }
            }
        }
        Ok(())
    }
}

/// A connection of HTTP/2.
async fn http2(target: &Target) -> Result<Frames, Broken> {
    let Some((_, trust)) = &target.tls else {
        return Err(Broken::Wrong("HTTP/2 needs TLS".into()));
    };
    Ok(Frames::begin(tls(target.address, &target.host, trust).await?).await)
}

/// `GET path`.
fn get<'a>(host: &'a str, path: &'a str) -> [(&'static str, &'a [u8]); 4] {
    [
        (":method", b"GET"),
        (":scheme", b"https"),
        (":authority", host.as_bytes()),
        (":path", path.as_bytes()),
    ]
}

/// One attack after the other, by several at a time, until nobody listens; how many there were.
async fn attack(target: Target, struck: Arc<AtomicU64>) {
    for attack in ATTACKS.iter().cycle() {
        let strikes = (0..ATTACKERS).map(|_| attack.strike(&target));
        // That the door ends them badly is what they came for.
        drop(futures_util::future::join_all(strikes).await);
        struck.fetch_add(1, Ordering::Relaxed);
    }
}

/// A certificate of one's own, as certbot would replace it.
fn issue(folder: &Path) {
    let made = rcgen::generate_simple_self_signed(vec![OTHER.to_owned()]).unwrap();
    for (name, text) in [
        ("site.key", made.signing_key.serialize_pem()),
        ("site.pem", made.cert.pem()),
    ] {
        let (next, place) = (folder.join(format!("{name}.next")), folder.join(name));
        std::fs::write(&next, text).unwrap();
        std::fs::rename(next, place).unwrap();
    }
}

/// Memory of its own in KiB, descriptors and threads.
fn size(door: &Door) -> (u64, usize, usize) {
    let process = door.process();
    (process.own_kib(), process.descriptors(), process.threads())
}

#[tokio::test(flavor = "multi_thread")]
async fn swaps_reloads_renewals_attacks_and_load_together_fail_nobody_and_nothing_grows() {
    let (blue, green) = (App::start("blue", "v1").await, App::start("green", "v2").await);
    let apart = App::start("apart", "v1").await;
    let more = "limit.body = \"2MiB\"\ntimeout.idle = \"2s\"\n# more\n";
    let files = "tls = { cert = \"site.pem\", key = \"site.key\" }\n";
    let other = format!(
        "[env.other]\nhost = \"{OTHER}\"\nupstream = \"{}\"\n{files}",
        apart.address()
    );
    let config = format!("{QUICK}{}{more}{other}", environment("prod", HOST, &blue, &green));
    let any = "127.0.0.1:0".parse().unwrap();
    let door = Door::start_at(any, any, "", &config, |folder| {
        issue(folder);
        std::fs::write(folder.join(TIMES), "head=4000,pace=3000").unwrap();
    })
    .await;
    let text = std::fs::read_to_string(door.config()).unwrap();
    let target = door.target(HOST);
    let load = Load::start(target.clone(), &MIXED).await;
    let struck = Arc::new(AtomicU64::new(0));
    let attackers = tokio::spawn(attack(target, Arc::clone(&struck)));
    let (begin, time) = (Instant::now(), secs(count(6, 1200) as u64));
    let mut middle = None;
    let mut rounds = 0_u64;
    while begin.elapsed() < time || struck.load(Ordering::Relaxed) < ATTACKS.len() as u64 {
        let finished = door.swap("prod", &[]).await;
        let old = if finished.assert_done() == Slot::Green {
            &blue
        } else {
            &green
        };
        old.relaunch(&format!("v{}", rounds + 3)).await;
        issue(door.folder());
        let changed = format!("label = \"round-{rounds}\"\n# more\n");
        door.rewrite(|_| text.replace("# more\n", &changed));
        door.reload(&[]).await.assert_code(exit::DONE);
        rounds += 1;
        if begin.elapsed() > time / 2 {
            middle.get_or_insert_with(|| size(&door));
        }
    }
    attackers.abort();
    let tally = load.stop().await;
    let (_, descriptors, threads) = middle.expect("a middle");
    let settled = eventually(secs(30), || async {
        let now = size(&door);
        holds(now.1 <= descriptors && now.2 <= threads, || {
            format!("{now:?}; in the middle {middle:?}")
        })
        .map(|()| now)
    })
    .await;
    eprintln!(
        "{rounds} rounds and {} attacks in {:.1?}, {} good exchanges; KiB, descriptors, threads: {middle:?} in the middle, {settled:?} at the end",
        struck.load(Ordering::Relaxed),
        begin.elapsed(),
        tally.total(),
    );
    tally.assert_no_failures();
    let before = middle.expect("a middle").0;
    let growth = if full() { GROWTH.1 } else { GROWTH.0 };
    assert!(
        settled.0 <= before + growth,
        "{} KiB, {before} in the middle",
        settled.0
    );
    for app in [&blue, &green] {
        assert!(
            !app.targets().iter().any(|target| target.contains("/smuggled")),
            "{:?}",
            app.targets()
        );
    }
}
