//! Steady traffic of every kind, which forgives nothing: each answer is checked to its last byte, and everything that a user
//! would have noticed is counted as a failure, by kind, with the moment and the details.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::ClientConfig;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::client::{Client, Response};
use super::h2::H2;
use super::incoming::Broken;
use super::ledger::ID;
pub use super::socket::{Socket, next, open_web_socket};
use super::socket::{converse, over_http2};

/// Time between two requests of one worker: the load is steady, it does not try what the machine can do.
const PAUSE: Duration = Duration::from_millis(2);

/// Where a load goes.
#[derive(Debug, Clone)]
pub struct Target {
    /// The listener.
    pub address: SocketAddr,
    /// The host that is asked for.
    pub host: String,
    /// For HTTP/1.1 and HTTP/2 over TLS; `None` is plain HTTP/1.1.
    pub tls: Option<(Arc<ClientConfig>, Arc<ClientConfig>)>,
}

impl Target {
    /// An app itself, with nothing in front of it.
    pub fn direct(address: SocketAddr) -> Self {
        Self {
            address,
            host: address.to_string(),
            tls: None,
        }
    }

    /// A raw client.
    pub async fn client(&self) -> Result<Client, Broken> {
        match &self.tls {
            None => Client::plain(self.address).await,
            Some((h1, _)) => Client::tls(self.address, &self.host, h1).await,
        }
    }

    /// An HTTP/2 client.
    pub async fn h2(&self) -> Result<H2, Broken> {
        match &self.tls {
            None => Err(Broken::Wrong("HTTP/2 needs TLS".into())),
            Some((_, h2)) => H2::tls(self.address, &self.host, h2).await,
        }
    }
}

/// What one worker does, again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// GET on a connection that is kept.
    Get,
    /// GET on a connection of its own.
    Fresh,
    /// POST with an id; the echo is compared.
    Post,
    /// GET that the app takes some time for.
    Slow,
    /// A chunked answer, compared byte by byte.
    Stream,
    /// Events to their end.
    Events,
    /// A short WebSocket session with a clean end.
    WebSocket,
    /// GET and POST over HTTP/2.
    H2,
    /// A short WebSocket session with a clean end, on a stream of HTTP/2.
    H2WebSocket,
}

/// Every kind, with so many workers.
pub const MIXED: [(Kind, usize); 9] = [
    (Kind::Get, 4),
    (Kind::Fresh, 2),
    (Kind::Post, 3),
    (Kind::Slow, 2),
    (Kind::Stream, 2),
    (Kind::Events, 1),
    (Kind::WebSocket, 2),
    (Kind::H2, 2),
    (Kind::H2WebSocket, 2),
];

/// Every method, bodies both ways, and HTTP/2: what comes to an end by itself, which event streams and WebSockets do not.
pub const EVERY_METHOD: [(Kind, usize); 6] = [
    (Kind::Get, 4),
    (Kind::Fresh, 2),
    (Kind::Post, 4),
    (Kind::Slow, 2),
    (Kind::Stream, 2),
    (Kind::H2, 2),
];

/// The kinds that need no TLS.
pub const MIXED_PLAIN: [(Kind, usize); 7] = [
    (Kind::Get, 4),
    (Kind::Fresh, 2),
    (Kind::Post, 3),
    (Kind::Slow, 2),
    (Kind::Stream, 2),
    (Kind::Events, 1),
    (Kind::WebSocket, 2),
];

/// One thing that a user would have noticed.
#[derive(Debug, Clone)]
pub struct Failure {
    /// What the worker was doing.
    pub kind: Kind,
    /// What happened.
    pub broken: Broken,
    /// Since the load began.
    pub at: Duration,
}

/// What a load saw.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Whole and right, by kind.
    pub good: BTreeMap<Kind, u64>,
    /// Not so.
    pub failures: Vec<Failure>,
    /// The slowest good one, by kind.
    pub slowest: BTreeMap<Kind, Duration>,
    /// Kinds that were asked for.
    pub kinds: Vec<Kind>,
}

impl Tally {
    /// Everything that was good.
    pub fn total(&self) -> u64 {
        self.good.values().sum()
    }

    /// Failures by kind and cause.
    pub fn by_cause(&self) -> BTreeMap<(Kind, &'static str), usize> {
        let mut causes = BTreeMap::new();
        for failure in &self.failures {
            *causes.entry((failure.kind, failure.broken.kind())).or_default() += 1;
        }
        causes
    }

    /// Panics, with details, unless everything was good, and something of every kind was done at all.
    #[track_caller]
    pub fn assert_no_failures(&self) {
        let mut details = String::new();
        for failure in self.failures.iter().take(12) {
            let _ = writeln!(
                details,
                "  {:?} at {:.3?}: {}",
                failure.kind, failure.at, failure.broken
            );
        }
        assert!(
            self.failures.is_empty(),
            "{} failures beside {} good ones: {:?}\n{details}",
            self.failures.len(),
            self.total(),
            self.by_cause()
        );
        for kind in &self.kinds {
            assert!(
                self.good.contains_key(kind),
                "not one {kind:?} was done: a load that does nothing proves nothing"
            );
        }
    }
}

/// Load that runs.
#[derive(Debug)]
pub struct Load {
    stop: watch::Sender<bool>,
    workers: Vec<JoinHandle<()>>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    target: Target,
    tally: Mutex<Tally>,
    begin: Instant,
    next_id: AtomicU64,
    /// How many exchanges of each worker have ended, good or not.
    ended: Vec<AtomicU64>,
}

impl Load {
    /// Starts so many workers of each kind, and returns when each kind has had its first result.
    pub async fn start(target: Target, kinds: &[(Kind, usize)]) -> Self {
        let stop = watch::Sender::new(false);
        let kinds_only = kinds.iter().map(|(kind, _)| *kind).collect();
        let tally = Mutex::new(Tally {
            kinds: kinds_only,
            ..Tally::default()
        });
        let shared = Shared {
            target,
            tally,
            begin: Instant::now(),
            next_id: AtomicU64::new(0),
            ended: kinds
                .iter()
                .flat_map(|&(_, count)| (0..count).map(|_| AtomicU64::default()))
                .collect(),
        };
        let shared = Arc::new(shared);
        let mut workers = Vec::new();
        for (kind, count) in kinds {
            for _ in 0..*count {
                let number = workers.len();
                workers.push(tokio::spawn(work(*kind, number, Arc::clone(&shared), stop.subscribe())));
            }
        }
        let load = Self { stop, workers, shared };
        super::eventually(super::secs(30), || async {
            let tally = load.so_far();
            let tried = |kind: &Kind| tally.good.contains_key(kind) || tally.failures.iter().any(|f| f.kind == *kind);
            let waiting: Vec<_> = tally.kinds.iter().filter(|kind| !tried(kind)).collect();
            super::holds(waiting.is_empty(), || format!("no first result of {waiting:?}"))
        })
        .await;
        load
    }

    /// What was seen so far.
    pub fn so_far(&self) -> Tally {
        self.shared.tally.lock().unwrap().clone()
    }

    /// Waits until so many more exchanges were good (or anything failed).
    pub async fn more(&self, count: u64) {
        let goal = self.so_far().total() + count;
        super::eventually(super::secs(60), || async {
            let tally = self.so_far();
            let enough = tally.total() >= goal || !tally.failures.is_empty();
            super::holds(enough, || format!("{} exchanges of {goal}", tally.total()))
        })
        .await;
    }

    /// Waits until every worker has come to the end of what it is doing now (or anything failed).
    pub async fn each_once_more(&self) {
        let ended = || -> Vec<u64> {
            self.shared
                .ended
                .iter()
                .map(|ended| ended.load(Ordering::Relaxed))
                .collect()
        };
        let before = ended();
        super::eventually(super::secs(60), || async {
            let still = ended()
                .iter()
                .zip(&before)
                .filter(|(now, before)| now == before)
                .count();
            let enough = still == 0 || !self.so_far().failures.is_empty();
            super::holds(enough, || format!("{still} workers still wait for an answer"))
        })
        .await;
    }

    /// Waits until so many more exchanges of one kind were good (or anything failed).
    pub async fn more_of(&self, kind: Kind, count: u64) {
        let good = |tally: &Tally| tally.good.get(&kind).copied().unwrap_or_default();
        let goal = good(&self.so_far()) + count;
        super::eventually(super::secs(60), || async {
            let tally = self.so_far();
            let enough = good(&tally) >= goal || !tally.failures.is_empty();
            super::holds(enough, || format!("{} of {goal} exchanges, {kind:?}", good(&tally)))
        })
        .await;
    }

    /// From now on no worker begins anything new.
    pub fn begin_nothing_new(&self) {
        self.stop.send_replace(true);
    }

    /// Lets every worker finish what it is doing, and counts.
    pub async fn stop(mut self) -> Tally {
        self.begin_nothing_new();
        for worker in std::mem::take(&mut self.workers) {
            worker.await.expect("a worker does not panic");
        }
        self.so_far()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        for worker in &self.workers {
            worker.abort();
        }
    }
}

/// What a worker keeps from one request to the next.
#[derive(Default)]
struct Kept {
    client: Option<Client>,
    h2: Option<H2>,
    rounds: u8,
}

async fn work(kind: Kind, number: usize, shared: Arc<Shared>, stop: watch::Receiver<bool>) {
    let mut kept = Kept::default();
    while !*stop.borrow() {
        let begin = Instant::now();
        let result = once(kind, &shared, &mut kept).await;
        let took = begin.elapsed();
        {
            let mut tally = shared.tally.lock().unwrap();
            match result {
                Ok(()) => {
                    *tally.good.entry(kind).or_default() += 1;
                    let slowest = tally.slowest.entry(kind).or_default();
                    *slowest = took.max(*slowest);
                }
                Err(broken) => {
                    kept = Kept::default();
                    tally.failures.push(Failure {
                        kind,
                        broken,
                        at: shared.begin.elapsed(),
                    });
                }
            }
        }
        shared.ended[number].fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(PAUSE).await;
    }
}

async fn once(kind: Kind, shared: &Shared, kept: &mut Kept) -> Result<(), Broken> {
    let id = format!(
        "{}-{}",
        std::process::id(),
        shared.next_id.fetch_add(1, Ordering::Relaxed)
    );
    match kind {
        Kind::Get => hello(shared, kept, &format!("/hello?n={id}")).await,
        Kind::Fresh => hello(shared, &mut Kept::default(), &format!("/fresh?n={id}")).await,
        Kind::Slow => hello(shared, kept, &format!("/slow?ms=30&n={id}")).await,
        Kind::Post => {
            let body = bytes(fastrand::usize(1..40_000));
            let answer = exchange(shared, kept, "POST", "/echo", &format!("{ID}: {id}\r\n"), &body).await?;
            expect(&answer, &body)
        }
        Kind::Stream => {
            let answer = exchange(shared, kept, "GET", "/stream?chunks=12&size=3000&ms=2", "", b"").await?;
            let expected: Vec<u8> = (0..12)
                .flat_map(|index| [super::app_routes::letter(index)].repeat(3000))
                .collect();
            expect(&answer, &expected)
        }
        Kind::Events => {
            let answer = exchange(shared, kept, "GET", "/sse?n=6&ms=8", "", b"").await?;
            let expected: String = (0..6)
                .map(|n| format!("id: {n}\ndata: {} {n}\n\n", answer.app()))
                .collect();
            expect(&answer, expected.as_bytes())
        }
        Kind::WebSocket => converse(open_web_socket(&shared.target, "/ws").await?, &id).await,
        Kind::H2 => h2(shared, kept, &id).await,
        Kind::H2WebSocket => h2_web_socket(shared, kept, &id).await,
    }
}

/// A GET whose answer names the target that was asked for: no client ever gets another one's answer.
async fn hello(shared: &Shared, kept: &mut Kept, target: &str) -> Result<(), Broken> {
    let answer = exchange(shared, kept, "GET", target, "", b"").await?;
    expect(
        &answer,
        format!("{} {} {target}", answer.app(), answer.version()).as_bytes(),
    )
}

async fn exchange(
    shared: &Shared,
    kept: &mut Kept,
    method: &str,
    target: &str,
    more: &str,
    body: &[u8],
) -> Result<Response, Broken> {
    let mut client = match kept.client.take() {
        Some(client) => client,
        None => shared.target.client().await?,
    };
    let answer = client.request(method, &shared.target.host, target, more, body).await?;
    if !answer.fields.has_token("connection", "close") {
        kept.client = Some(client);
    }
    Ok(answer)
}

/// The connection of the rounds before. One that was ended politely between two requests is no failure; one connection is not kept for ever.
async fn kept_h2(shared: &Shared, kept: &mut Kept) -> Result<H2, Broken> {
    kept.rounds = kept.rounds.wrapping_add(1);
    match kept.h2.take() {
        Some(h2) if h2.is_open() && !kept.rounds.is_multiple_of(50) => Ok(h2),
        _ => shared.target.h2().await,
    }
}

async fn h2_web_socket(shared: &Shared, kept: &mut Kept, id: &str) -> Result<(), Broken> {
    let host = &shared.target.host;
    let mut h2 = kept_h2(shared, kept).await?;
    let mut socket = over_http2(&h2, host, "/ws").await;
    if matches!(socket, Err(Broken::Unsent)) {
        h2 = shared.target.h2().await?;
        socket = over_http2(&h2, host, "/ws").await;
    }
    converse(socket?, id).await?;
    kept.h2 = Some(h2);
    Ok(())
}

async fn h2(shared: &Shared, kept: &mut Kept, id: &str) -> Result<(), Broken> {
    let host = &shared.target.host;
    let h2 = kept_h2(shared, kept).await?;
    let target = format!("/h2?n={id}");
    let body = bytes(fastrand::usize(1..40_000));
    let post = http::Request::post(format!("https://{host}/echo")).header(ID, id);
    let again = http::Request::post(format!("https://{host}/echo")).header(ID, id);
    let (mut get, mut post) = tokio::join!(h2.get(host, &target), h2.send(post, body.clone().into()));
    if matches!(get, Err(Broken::Unsent)) {
        get = shared.target.h2().await?.get(host, &target).await;
    }
    if matches!(post, Err(Broken::Unsent)) {
        let fresh = shared.target.h2().await?;
        post = fresh.send(again, body.clone().into()).await;
    }
    let get = get?;
    expect(&get, format!("{} {} {target}", get.app(), get.version()).as_bytes())?;
    expect(&post?, &body)?;
    kept.h2 = Some(h2);
    Ok(())
}

fn expect(answer: &Response, body: &[u8]) -> Result<(), Broken> {
    if answer.status != 200 {
        let text: String = answer.text().chars().take(200).collect();
        return Err(Broken::Wrong(format!("status {}: {text}", answer.status)));
    }
    if answer.app().is_empty() {
        return Err(Broken::Wrong("a 200 that no app signed".into()));
    }
    if answer.body != body {
        let at = answer.body.iter().zip(body).position(|(a, b)| a != b);
        let (got, wanted) = (answer.body.len(), body.len());
        return Err(Broken::Wrong(format!(
            "{got} bytes instead of {wanted}; the first difference is at {at:?}"
        )));
    }
    Ok(())
}

/// Any bytes, so that nothing can be right by accident.
pub fn bytes(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    fastrand::fill(&mut bytes);
    bytes
}
