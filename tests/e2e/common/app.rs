//! A scriptable HTTP/1.1 app: says who it is, counts what it sees, and misbehaves exactly as it is told.
//!
//! What it answers without a script is in `app_routes.rs`. Its port is reserved for as long as the [`App`] lives, so that it
//! can be killed and started again at the same address while others open connections.

use std::collections::{HashSet, VecDeque};
use std::net::{Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use rustix::net::{Shutdown, shutdown};
use socket2::Socket;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::app_routes::{self, End};
use super::incoming::{Broken, Head, Incoming};
use super::ledger::Ledger;
use super::port::{listen, reserve};
use super::script::Script;
pub use super::script::{Health, Step, send};
use super::wire::Wire;

/// Requests that an app remembers in detail.
const REMEMBERED: usize = 4096;

/// A request as the app saw it.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Method.
    pub method: String,
    /// Target, as it was written.
    pub target: String,
    /// The whole head.
    pub head: Head,
    /// Number of the connection, from 1.
    pub connection: u64,
    /// Requests before it on the same connection.
    pub before: u64,
}

/// What the app's connections share.
#[derive(Debug)]
pub(super) struct Inner {
    pub(super) identity: Mutex<(String, String)>,
    pub(super) script: Mutex<Script>,
    pub(super) ledger: Ledger,
    pub(super) released: watch::Sender<HashSet<String>>,
    pub(super) seen: Mutex<VecDeque<Seen>>,
    remembered: AtomicUsize,
    pub(super) requests: AtomicU64,
    pub(super) probes: AtomicU64,
    pub(super) accepted: AtomicU64,
    pub(super) open: AtomicU64,
    /// Targets whose answer was given up by who had asked for it.
    pub(super) given_up: Mutex<Vec<String>>,
    /// Whose body ended as its framing says, of the requests that were not scripted.
    pub(super) bodies: Mutex<Vec<(String, bool)>>,
    /// Close codes that WebSockets got from the client's side; `None` for a close without a code.
    pub(super) closes: Mutex<Vec<Option<u16>>>,
    /// Counts the kills; a connection ends with RST when it changes.
    kills: watch::Sender<u64>,
}

#[derive(Debug)]
enum Place {
    /// The bound socket keeps the port from everybody else while the app does not listen.
    Tcp(Socket, SocketAddr),
    Unix(PathBuf),
}

/// A running (or killed) app.
#[derive(Debug)]
pub struct App {
    inner: Arc<Inner>,
    place: Place,
    accepting: Mutex<Option<Accepting>>,
}

/// An app that listens.
#[derive(Debug)]
struct Accepting {
    task: JoinHandle<()>,
    listener: OwnedFd,
}

impl App {
    /// An app on a port that the system chose.
    pub async fn start(name: &str, version: &str) -> Self {
        Self::start_in(name, version, &Ledger::default()).await
    }

    /// As [`App::start`], with a ledger that is shared.
    pub async fn start_in(name: &str, version: &str, ledger: &Ledger) -> Self {
        let app = Self::stopped_in(name, version, ledger);
        app.listen().await;
        app
    }

    /// An app that has an address but does not listen yet.
    pub fn stopped(name: &str, version: &str) -> Self {
        Self::stopped_in(name, version, &Ledger::default())
    }

    fn stopped_in(name: &str, version: &str, ledger: &Ledger) -> Self {
        let (socket, address) = reserve();
        Self::at(Place::Tcp(socket, address), name, version, ledger)
    }

    /// An app on a port of ::1, which nobody has on 127.0.0.1.
    pub fn stopped_on_v6(name: &str, version: &str) -> Self {
        let (socket, address) = reserve();
        let place = Place::Tcp(socket, (Ipv6Addr::LOCALHOST, address.port()).into());
        Self::at(place, name, version, &Ledger::default())
    }

    /// An app that has on ::1 the port that this one has on 127.0.0.1.
    pub async fn start_beside(&self, name: &str, version: &str) -> Self {
        let place = Place::Tcp(reserve().0, (Ipv6Addr::LOCALHOST, self.tcp().port()).into());
        let app = Self::at(place, name, version, &Ledger::default());
        app.listen().await;
        app
    }

    /// An app on a Unix socket.
    pub async fn start_unix(name: &str, version: &str, path: &Path) -> Self {
        let app = Self::at(Place::Unix(path.to_owned()), name, version, &Ledger::default());
        app.listen().await;
        app
    }

    fn at(place: Place, name: &str, version: &str, ledger: &Ledger) -> Self {
        let inner = Inner {
            identity: Mutex::new((name.to_owned(), version.to_owned())),
            script: Mutex::default(),
            ledger: ledger.clone(),
            released: watch::Sender::default(),
            seen: Mutex::default(),
            remembered: AtomicUsize::new(REMEMBERED),
            requests: AtomicU64::new(0),
            probes: AtomicU64::new(0),
            accepted: AtomicU64::new(0),
            open: AtomicU64::new(0),
            given_up: Mutex::default(),
            bodies: Mutex::default(),
            closes: Mutex::default(),
            kills: watch::Sender::new(0),
        };
        Self {
            inner: Arc::new(inner),
            place,
            accepting: Mutex::default(),
        }
    }

    /// As `proxy.toml` and `--to` write it.
    pub fn address(&self) -> String {
        match &self.place {
            Place::Tcp(_, address) => address.to_string(),
            Place::Unix(path) => format!("unix:{}", path.display()),
        }
    }

    /// Its TCP address.
    pub fn tcp(&self) -> SocketAddr {
        match &self.place {
            Place::Tcp(_, address) => *address,
            Place::Unix(path) => panic!("{} is no TCP address", path.display()),
        }
    }

    /// Listens (again).
    pub async fn listen(&self) {
        let inner = Arc::clone(&self.inner);
        let (task, listener) = match &self.place {
            Place::Tcp(_, address) => {
                let listener = listen(*address).await;
                let same = listener.as_fd().try_clone_to_owned();
                (tokio::spawn(accept(listener, inner)), same)
            }
            Place::Unix(path) => {
                drop(std::fs::remove_file(path));
                let listener = UnixListener::bind(path).expect("the Unix socket can be bound");
                let same = listener.as_fd().try_clone_to_owned();
                let task = tokio::spawn(async move {
                    while let Ok((unix, _)) = listener.accept().await {
                        tokio::spawn(connection(Wire::Unix(unix), Arc::clone(&inner)));
                    }
                });
                (task, same)
            }
        };
        let listener = listener.expect("a descriptor");
        let before = self.accepting.lock().unwrap().replace(Accepting { task, listener });
        assert!(before.is_none(), "the app listens already");
    }

    /// Accepts nobody any more, and lets hardly anybody wait in the kernel for it; over TCP.
    pub async fn stop_accepting(&self) {
        let task = {
            let mut accepting = self.accepting.lock().unwrap();
            let accepting = accepting.as_mut().expect("it listens");
            rustix::net::listen(&accepting.listener, 0).expect("it listens");
            std::mem::replace(&mut accepting.task, tokio::spawn(std::future::ready(())))
        };
        task.abort();
        drop(task.await);
    }

    /// Accepts again.
    pub fn go_on_accepting(&self) {
        let mut accepting = self.accepting.lock().unwrap();
        let accepting = accepting.as_mut().expect("it listens");
        rustix::net::listen(&accepting.listener, 1024).expect("it listens");
        let same = accepting.listener.try_clone().expect("a descriptor");
        let listener = TcpListener::from_std(same.into()).expect("tokio takes the listener");
        accepting.task = tokio::spawn(accept(listener, Arc::clone(&self.inner)));
    }

    /// Stops listening: connects are refused, connections that are open go on.
    pub async fn stop_listening(&self) {
        let accepting = self.accepting.lock().unwrap().take();
        if let Some(Accepting { task, listener }) = accepting {
            // Other tests start processes at the same moment, and until each is what it shall be it has our descriptors too: with one
            // of them alone closed, the kernel would go on taking connections that nobody accepts.
            shutdown(&listener, Shutdown::Read).expect("it listens");
            task.abort();
            drop(task.await);
        }
    }

    /// Like `kill -9`, and harder: the listener is closed and every connection reset, at once.
    pub async fn stop_hard(&self) {
        self.stop_listening().await;
        self.inner.kills.send_modify(|kills| *kills += 1);
        super::eventually(super::secs(30), || async {
            super::holds(self.open_connections() == 0, || {
                "a connection outlived its app".to_owned()
            })
        })
        .await;
    }

    /// Kills what runs and starts a new version at the same address.
    pub async fn relaunch(&self, version: &str) {
        self.stop_hard().await;
        self.inner.identity.lock().unwrap().1 = version.to_owned();
        self.listen().await;
    }

    /// Scripts the answers of one path (without query).
    pub fn on(&self, path: &str, steps: Vec<Step>) {
        self.script().routes.insert(path.to_owned(), steps);
    }

    /// One answer of one path, whatever is asked of it.
    pub fn says(&self, path: &str, status: &str, body: &str) {
        let length = body.len();
        let (name, _) = self.inner.identity.lock().unwrap().clone();
        let answer = format!("HTTP/1.1 {status}\r\nX-App: {name}\r\nContent-Length: {length}\r\n\r\n{body}");
        self.on(path, vec![send(answer)]);
    }

    /// A path whose answer waits until `gate` is released.
    pub fn answer_when(&self, path: &str, gate: &'static str, body: &str) {
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        self.on(path, vec![Step::Until(gate), send(&answer)]);
    }

    /// From now on the health check answers this.
    pub fn health(&self, health: Health) {
        self.health_script([health], false);
    }

    /// From now on the health check answers these in turn; then the last one stays, or it starts again.
    pub fn health_script(&self, answers: impl IntoIterator<Item = Health>, cycle: bool) {
        let mut script = self.script();
        script.health = answers.into_iter().collect();
        script.cycle = cycle;
    }

    /// N9: after each answer, close at a random moment up to `within` later.
    pub fn close_within(&self, within: Duration) {
        self.script().close_within = Some(within);
    }

    /// Field lines for every answer, each ended by CRLF.
    pub fn every_answer(&self, fields: &str) {
        self.script().fields = fields.to_owned();
    }

    /// Sends everybody to https who did not come by it, as Rails, Django and .NET do behind a proxy.
    pub fn force_https(&self) {
        self.script().forces_https = true;
    }

    /// Lets answers go on that wait for this name.
    pub fn release(&self, name: &str) {
        self.inner.released.send_modify(|released| {
            released.insert(name.to_owned());
        });
    }

    /// Requests so far, without health checks.
    pub fn requests(&self) -> u64 {
        self.inner.requests.load(Ordering::SeqCst)
    }

    /// Health checks so far.
    pub fn probes(&self) -> u64 {
        self.inner.probes.load(Ordering::SeqCst)
    }

    /// Connections that were ever accepted.
    pub fn accepted(&self) -> u64 {
        self.inner.accepted.load(Ordering::SeqCst)
    }

    /// Connections that are open.
    pub fn open_connections(&self) -> u64 {
        self.inner.open.load(Ordering::SeqCst)
    }

    /// From now on it forgets no request.
    pub fn remember_all(&self) {
        self.inner.remembered.store(usize::MAX, Ordering::SeqCst);
    }

    /// The last requests, in order, health checks included.
    pub fn seen(&self) -> Vec<Seen> {
        self.inner.seen.lock().unwrap().iter().cloned().collect()
    }

    /// The last request with this path (without query).
    pub fn last_seen(&self, path: &str) -> Seen {
        let found = self
            .seen()
            .into_iter()
            .rev()
            .find(|seen| seen.target.split('?').next() == Some(path));
        found.unwrap_or_else(|| panic!("the app saw no request for {path}; it saw {:?}", self.targets()))
    }

    /// The numbers behind this beginning of a target, by the order of their connections: what is read first of connections that are
    /// made at one moment is the app's choice. Requests on a connection that was there before are left out.
    pub fn in_order(&self, begin: &str) -> Vec<usize> {
        let mut seen = self.seen();
        seen.retain(|request| request.target.starts_with(begin) && request.before == 0);
        seen.sort_by_key(|request| request.connection);
        let numbers = seen
            .iter()
            .filter_map(|request| request.target.strip_prefix(begin)?.parse().ok());
        numbers.collect()
    }

    /// Method and target of the last requests.
    pub fn targets(&self) -> Vec<String> {
        self.seen()
            .iter()
            .map(|seen| format!("{} {}", seen.method, seen.target))
            .collect()
    }

    /// Waits until a request for this path (without query) has reached the app.
    pub async fn reached(&self, path: &str) {
        super::eventually(super::secs(30), || async {
            let found = self
                .seen()
                .iter()
                .any(|seen| seen.target.split('?').next() == Some(path));
            super::holds(found, || {
                format!("no request for {path} reached the app; it saw {:?}", self.targets())
            })
        })
        .await;
    }

    /// Waits until the body of a request with this target has ended: whether it was whole.
    pub async fn whole(&self, target: &str) -> bool {
        super::eventually(super::secs(30), || async {
            let bodies = self.inner.bodies.lock().unwrap();
            let found = bodies.iter().find(|(of, _)| of == target).map(|(_, whole)| *whole);
            found.ok_or_else(|| format!("no body for {target} has ended; those that have: {bodies:?}"))
        })
        .await
    }

    /// How many requests with this path (without query) were given up by who had asked, while it worked for them.
    pub fn given_up(&self, path: &str) -> usize {
        let given_up = self.inner.given_up.lock().unwrap();
        given_up
            .iter()
            .filter(|target| target.split('?').next() == Some(path))
            .count()
    }

    /// How many requests with this path (without query) have reached it, of those that it remembers.
    pub fn asked(&self, path: &str) -> usize {
        let seen = self.inner.seen.lock().unwrap();
        seen.iter()
            .filter(|seen| seen.target.split('?').next() == Some(path))
            .count()
    }

    /// Waits until it works for no request with this path any more, of which so many have reached it: each was given up.
    pub async fn works_for_none(&self, path: &str) -> usize {
        super::eventually(super::secs(30), || async {
            let (reached, given_up) = (self.asked(path), self.given_up(path));
            super::holds(given_up == reached, || {
                format!("{given_up} of {reached} requests for {path} were given up")
            })
            .map(|()| reached)
        })
        .await
    }

    /// Close codes that its WebSockets received.
    pub fn closes(&self) -> Vec<Option<u16>> {
        self.inner.closes.lock().unwrap().clone()
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.inner.script.lock().unwrap()
    }
}

impl Drop for App {
    fn drop(&mut self) {
        if let Some(accepting) = self.accepting.lock().unwrap().take() {
            accepting.task.abort();
        }
        self.inner.kills.send_modify(|kills| *kills += 1);
        if std::thread::panicking() {
            let (name, version) = self.inner.identity.lock().unwrap().clone();
            let (requests, probes) = (self.requests(), self.probes());
            let seen = self.targets();
            let last = &seen[seen.len().saturating_sub(20)..];
            let place = self.address();
            eprintln!(
                "--- app {name} {version} at {place}: {requests} requests, {probes} probes; the last: {last:#?} ---"
            );
        }
    }
}

/// Counts an open connection for as long as it lives.
struct Open(Arc<Inner>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn accept(listener: TcpListener, inner: Arc<Inner>) {
    while let Ok((tcp, _)) = listener.accept().await {
        drop(tcp.set_nodelay(true));
        tokio::spawn(connection(Wire::Tcp(tcp), Arc::clone(&inner)));
    }
}

fn connection(wire: Wire, inner: Arc<Inner>) -> impl Future<Output = ()> {
    // As it is accepted: tasks begin in any order.
    let number = inner.accepted.fetch_add(1, Ordering::SeqCst) + 1;
    inner.open.fetch_add(1, Ordering::SeqCst);
    let mut kills = inner.kills.subscribe();
    // Declared before the wire, so that it counts down after the socket is closed.
    let open = Open(inner);
    let mut incoming = Incoming::new(wire, Duration::from_secs(300));
    async move {
        let end = tokio::select! {
            end = serve(&mut incoming, &open.0, number) => end,
            _ = kills.changed() => End::Reset,
        };
        match end {
            End::Close => {}
            End::Reset => incoming.wire.reset_on_drop(),
        }
        drop(incoming);
        drop(open);
    }
}

async fn serve(incoming: &mut Incoming, inner: &Arc<Inner>, number: u64) -> End {
    let mut before = 0;
    loop {
        let head = match next_head(incoming, inner, before).await {
            Some(head) => head,
            None => return End::Close,
        };
        let mut words = head.start.split(' ');
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let seen = Seen {
            method: method.to_owned(),
            target: target.to_owned(),
            head: head.clone(),
            connection: number,
            before,
        };
        remember(inner, &seen);
        match app_routes::answer(incoming, inner, &seen).await {
            Ok(None) => before += 1,
            Ok(Some(end)) => return end,
            // The proxy went away in the middle: nothing is left to be said.
            Err(_) => {
                inner.given_up.lock().unwrap().push(seen.target);
                return End::Close;
            }
        }
    }
}

async fn next_head(incoming: &mut Incoming, inner: &Inner, before: u64) -> Option<Head> {
    let within = inner.script.lock().unwrap().close_within;
    let read: Result<Head, Broken> = match within {
        Some(within) if before > 0 => {
            let after = within.mul_f64(fastrand::f64());
            tokio::time::timeout(after, incoming.head()).await.ok()?
        }
        _ => incoming.head().await,
    };
    read.ok()
}

fn remember(inner: &Inner, seen: &Seen) {
    let counter = if app_routes::is_health(&seen.target) {
        &inner.probes
    } else {
        &inner.requests
    };
    counter.fetch_add(1, Ordering::SeqCst);
    if seen.method == "POST"
        && let Some(id) = seen.head.fields.get(super::ledger::ID)
    {
        let (name, version) = inner.identity.lock().unwrap().clone();
        inner.ledger.saw(id, &format!("{name} {version}"));
    }
    let mut remembered = inner.seen.lock().unwrap();
    if remembered.len() >= inner.remembered.load(Ordering::SeqCst) {
        remembered.pop_front();
    }
    remembered.push_back(seen.clone());
}
