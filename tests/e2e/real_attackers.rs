//! Attackers and examiners as the internet has them: slowhttptest in its four modes, beside clients that behave, and testssl.sh.
//! A tool that is missing is a failure: `tests/run` installs it.

use std::time::Duration;

use serde_json::Value;
use tokio::process::Command;

use crate::common::app::{App, Step, send};
use crate::common::beside::Peak;
use crate::common::door::{Door, QUICK, TIMES};
use crate::common::fixture::HOST;
use crate::common::load::{Kind, Load};
use crate::common::operation::run;
use crate::common::tool::tool;
use crate::common::{count, eventually, full, holds, ms, secs};

/// Times of the data plane for clients that are slow on purpose, in milliseconds.
const HASTY: &str = "head=4000,pace=3000,linger=1000";
/// What clients that behave do meanwhile.
const GOOD: [(Kind, usize); 4] = [(Kind::Get, 2), (Kind::Fresh, 1), (Kind::Post, 1), (Kind::H2, 1)];
/// What those that ask for much may leave behind all together: 16 large buffers for each of four cores, half a MiB with what TLS
/// makes of them.
const LARGE_BUFFERS: u64 = 32 * 1024;
/// What an attack may leave behind in memory, in KiB: once, and for each of its connections.
const LEFT_ONCE: u64 = 2 * 1024;
const LEFT_EACH: u64 = 16;
/// What it may take while it goes on, in KiB: once, for each of its connections, and for each that does not read a large answer.
const MEANWHILE_ONCE: u64 = 4 * 1024;
const MEANWHILE_EACH: u64 = 48;
const MEANWHILE_UNREAD: u64 = 448;
/// Time of a core that it may cost beside the clients that behave: once, and for each of its connections.
const CPU_ONCE: Duration = ms(500);
const CPU_EACH: Duration = ms(15);
/// Exchanges by which the cost of one is known.
const EXCHANGES: u64 = 200;

/// The door, with the address that slowhttptest asks for: it knows no names of tests, and sends none.
async fn door(app: &App) -> Door {
    let config = format!(
        "{QUICK}timeout.idle = \"5s\"\n[env.prod]\nhost = [\"{HOST}\", \"127.0.0.1\"]\nupstream = \"{}\"\n",
        app.address()
    );
    let any = "127.0.0.1:0".parse().unwrap();
    let hasty = |folder: &std::path::Path| std::fs::write(folder.join(TIMES), HASTY).unwrap();
    Door::start_at(any, any, "", &config, hasty).await
}

/// A door that is besieged, and what it was like before.
struct Siege {
    app: App,
    door: Door,
    load: Load,
    connections: usize,
    memory: u64,
    peak: Peak,
    cpu: Duration,
    good: u64,
    /// What an exchange of a client that behaves costs, with nobody else there.
    quiet: Duration,
    descriptors: usize,
}

impl Siege {
    async fn begin() -> Self {
        let app = App::start("app", "v1").await;
        let door = door(&app).await;
        let load = Load::start(door.target(HOST), &GOOD).await;
        let process = door.process();
        load.more(EXCHANGES).await;
        let (cpu, good) = (process.cpu_time(), load.so_far().total());
        load.more(EXCHANGES).await;
        let done = load.so_far().total() - good;
        let quiet = (process.cpu_time() - cpu).div_f64(done as f64);
        Self {
            memory: process.own_kib(),
            peak: Peak::follow(&process),
            cpu: process.cpu_time(),
            good: good + done,
            quiet,
            descriptors: door.process().descriptors(),
            connections: count(60, 500),
            app,
            door,
            load,
        }
    }

    fn attack(&self, mode: &[&str], target: &str) -> Command {
        let mut attack = tool("slowhttptest");
        attack.args(["-c", &self.connections.to_string(), "-r", "100", "-l", "45", "-p", "5"]);
        attack.args(mode);
        attack.args(["-u", &format!("https://{}{target}", self.door.https())]);
        attack
    }

    /// Clients that behave have not noticed; meanwhile it took so much memory, in KiB for each connection, and nothing is left behind but
    /// so much, once and for each connection.
    async fn end(self, meanwhile: u64, once: u64) {
        let process = self.door.process();
        let (cpu, good) = (process.cpu_time() - self.cpu, self.load.so_far().total() - self.good);
        let cost = cpu.saturating_sub(self.quiet.mul_f64(good as f64));
        let most = self.peak.stop().await.saturating_sub(self.memory);
        eprintln!(
            "{} connections have cost {cost:?} of a core beside {good} good exchanges of {:?}, and {most} KiB at most",
            self.connections, self.quiet
        );
        let (each, may) = (self.connections as u32, self.connections as u64);
        assert!(cost <= CPU_ONCE + CPU_EACH * each, "{cost:?} of a core");
        assert!(most <= MEANWHILE_ONCE + may * meanwhile, "{most} KiB at most");
        self.load.more(50).await;
        self.load.stop().await.assert_no_failures();
        eventually(secs(20), || async {
            let (open, before) = (self.door.process().descriptors(), self.descriptors);
            holds(open <= before, || format!("{open} descriptors, {before} before"))
        })
        .await;
        let grown = self.door.process().own_kib().saturating_sub(self.memory);
        // Lines of the log and what charts show are kept, within bounds of their own.
        let status = self.door.status().await;
        let logs = status.logs;
        let kept = (logs.bytes + logs.requests_bytes + status.series.bytes) / 1024;
        let allowed = once + self.connections as u64 * LEFT_EACH + kept;
        eprintln!("{} connections have left {grown} KiB behind", self.connections);
        assert!(
            grown <= allowed,
            "{grown} KiB more than before, and {allowed} are allowed"
        );
    }
}

/// One mode of slowhttptest, whose connections the door ends before it gives up by itself.
async fn withstands(mode: &[&str], target: &str) {
    let siege = Siege::begin().await;
    let output = run(siege.attack(mode, target)).await;
    let said = plain(&output.stdout);
    assert!(
        said.contains("No open connections left") && said.contains("service available:   YES"),
        "{said}\n{}",
        output.stderr
    );
    assert!(!said.contains("service available:   NO"), "{said}");
    siege.end(MEANWHILE_EACH, LEFT_ONCE).await;
}

/// Without the escapes that colour it.
fn plain(text: &str) -> String {
    let mut parts = text.split('\x1b');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |all, part| {
        let end = part.find(|c: char| c.is_ascii_alphabetic()).map_or(0, |at| at + 1);
        all + &part[end..]
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn e22_slowhttptests_slow_heads_end_and_nobody_else_notices() {
    withstands(&["-H", "-i", "1", "-x", "24"], "/").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e23_slowhttptests_slow_bodies_end_and_nobody_else_notices() {
    withstands(&["-B", "-i", "1", "-s", "8192", "-x", "10"], "/echo").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e23_slowhttptests_slow_readers_end_and_nobody_else_notices() {
    let siege = Siege::begin().await;
    // More than every buffer on the way takes.
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", 8 << 20);
    siege
        .app
        .on("/large", vec![send(head), Step::Send(vec![b'x'; 8 << 20])]);
    let attack = siege.attack(&["-X", "-w", "1", "-y", "64", "-n", "1", "-z", "16"], "/large");
    // What its OpenSSL has read keeps it busy for longer than it is connected: here the door says when it is over.
    let given_up = eventually(secs(40), || async {
        let log = siege.door.access_log();
        let ended = log.matches("\"termination\":\"client: ").count();
        holds(ended >= siege.connections, || {
            format!("{ended} of {} were given up: {log}", siege.connections)
        })
    });
    tokio::select! {
        output = run(attack) => panic!("it gave up by itself: {}", output.all()),
        () = given_up => {}
    }
    siege.end(MEANWHILE_UNREAD, LARGE_BUFFERS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e24_slowhttptests_ranges_end_and_nobody_else_notices() {
    withstands(&["-R", "-a", "1", "-b", "3000"], "/").await;
}

/// What testssl.sh calls a fault, and why it is none.
const NONE_OF_OURS: [(&str, &str); 6] = [
    ("engine_problem", "of the OpenSSL that it brings"),
    (
        "cipher_order",
        "every suite is strong, so the client takes the one that its processor is good at",
    ),
    (
        "cert_revocation",
        "the local CA has nothing to revoke; a public CA writes it",
    ),
    ("DNS_CAArecord", "of the domain's owner"),
    ("security_headers", "of the app"),
    (
        "secure_renego",
        "its OpenSSL is answered without the name that it did not send",
    ),
];

/// What the grade A+ is made of (SSL Labs, SSL Server Rating Guide 2009q), by what testssl.sh calls it: Debian's gives no grade itself. The
/// first are examined each time, the others with the long counts.
const GRADE: [&[&str]; 2] = [
    &[
        "SSLv2",
        "SSLv3",
        "TLS1_2",
        "TLS1_3",
        "cipherlist_NULL",
        "cipherlist_aNULL",
        "cipherlist_EXPORT",
        "cipherlist_LOW",
        "cipherlist_STRONG",
    ],
    &[
        "PFS",
        "PFS_ECDHE_curves",
        "protocol_negotiated",
        "cert_signatureAlgorithm",
        "cert_keySize",
        "cert_trust",
        "cert_chain_of_trust",
        "cert_expirationStatus",
        "HSTS_time",
        "fallback_SCSV",
        "secure_client_renego",
        "heartbleed",
        "CCS",
        "ticketbleed",
        "ROBOT",
        "CRIME_TLS",
        "POODLE_SSL",
        "SWEET32",
        "FREAK",
        "DROWN",
        "LOGJAM",
        "BEAST",
        "LUCKY13",
        "RC4",
    ],
];

/// What caps the grade where it is offered, and is no more than a remark to testssl.sh.
const NOT_OFFERED: [&str; 4] = ["TLS1", "TLS1_1", "cipherlist_3DES_IDEA", "cipherlist_AVERAGE"];

#[tokio::test(flavor = "multi_thread")]
async fn e31_testssl_finds_nothing_that_is_ours_to_mend() {
    let app = App::start("app", "v1").await;
    let answer = "HTTP/1.1 200 OK\r\nStrict-Transport-Security: max-age=31536000\r\nContent-Length: 2\r\n\r\nok";
    app.on("/", vec![send(answer)]);
    let door = door(&app).await;
    let report = door.folder().join("testssl.json");
    let mut examiner = tool("testssl");
    examiner.args(["--quiet", "--color", "0", "--warnings", "off", "--ip", "127.0.0.1"]);
    examiner.arg("--add-ca").arg(door.state_dir().join("ca/root.pem"));
    examiner.arg("--jsonfile").arg(&report);
    if !full() {
        // Protocols and suites: the rest takes minutes.
        examiner.args(["-p", "-s"]);
    }
    examiner.arg(format!("https://{HOST}:{}/", door.https().port()));
    let output = tokio::time::timeout(secs(600), examiner.kill_on_drop(true).output()).await;
    let output = output.expect("testssl ends").expect("testssl starts");
    let text = std::fs::read_to_string(&report).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    let findings: Vec<Value> = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let said = |id: &str, what: &str| {
        let finding = findings.iter().find(|finding| finding["id"] == id);
        finding.and_then(|finding| finding[what].as_str())
    };
    let examined = if full() { &GRADE[..] } else { &GRADE[..1] };
    for id in examined.concat() {
        assert_eq!(said(id, "severity"), Some("OK"), "{id}: {text}");
    }
    for id in NOT_OFFERED {
        assert_eq!(said(id, "finding"), Some("not offered"), "{id}: {text}");
    }
    let faults: Vec<_> = findings
        .iter()
        .filter(|finding| finding["severity"] != "OK" && finding["severity"] != "INFO")
        .filter(|finding| NONE_OF_OURS.iter().all(|(id, _)| finding["id"] != *id))
        .collect();
    assert!(faults.is_empty(), "{faults:#?}");
}
