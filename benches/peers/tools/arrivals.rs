//! Requests that come when they come, whether those before them were answered or not: at random (Poisson), or many at one instant.

use std::cell::RefCell;
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use crate::client::{Connection, Doorway};
use crate::latency::{Answers, ready};

/// Connections of HTTP/1.1, or streams that HTTP/2 has open at once, on so many connections.
const PLACES: usize = 64;
const HTTP2_CONNECTIONS: usize = 8;
/// Requests of one burst.
const BURST: usize = PLACES;

/// When requests come.
pub(crate) enum Rhythm {
    /// So many a second on average.
    Poisson(f64),
    /// So many bursts a second.
    Bursts(f64),
}

impl Rhythm {
    pub(crate) fn named(name: &str, rate: f64) -> Self {
        match name {
            "poisson" => Self::Poisson(rate),
            "bursts" => Self::Bursts(rate),
            _ => panic!("there is no rhythm named {name}"),
        }
    }

    /// How long until the next requests, and how many they are.
    fn next(&self, random: &mut fastrand::Rng) -> (Duration, usize) {
        match self {
            Self::Poisson(rate) => (Duration::from_secs_f64(-(1.0 - random.f64()).ln() / rate), 1),
            Self::Bursts(rate) => (Duration::from_secs_f64(1.0 / rate), BURST),
        }
    }
}

/// Sends them for so long; where a log is named, each answer has a line in it: when it was asked for by the monotonic clock, and how long it
/// took, in nanoseconds.
pub(crate) async fn run(rhythm: Rhythm, doorway: Doorway, time: Duration, log: Option<&str>) {
    let pool = Rc::new(Pool::open(&doorway).await);
    ready();
    let (sender, mut arrivals) = mpsc::unbounded_channel();
    // The runtime's own clock ticks in milliseconds.
    let clock = thread::spawn(move || {
        let mut random = fastrand::Rng::with_seed(1);
        let (began, mut due) = (Instant::now(), Duration::ZERO);
        loop {
            let (pause, requests) = rhythm.next(&mut random);
            due += pause;
            if due > time {
                return;
            }
            thread::sleep(due.saturating_sub(began.elapsed()));
            for _ in 0..requests {
                sender.send(Instant::now()).unwrap();
            }
        }
    });
    let (began, began_at) = (Instant::now(), monotonic());
    let (mut answers, mut lines) = (Answers::default(), String::new());
    let mut tasks = JoinSet::new();
    while let Some(asked) = arrivals.recv().await {
        let pool = pool.clone();
        tasks.spawn_local(async move { pool.ask().await.then(|| (asked, asked.elapsed())) });
    }
    while let Some(answer) = tasks.join_next().await {
        match answer.unwrap() {
            Some((asked, took)) => {
                answers.took.push(took);
                let at = began_at + asked.saturating_duration_since(began);
                lines += &format!("{} {}\n", at.as_nanos(), took.as_nanos());
            }
            None => answers.failed += 1,
        }
    }
    clock.join().unwrap();
    if let Some(path) = log {
        std::fs::write(path, lines).unwrap();
    }
    answers.print();
}

/// The clock that other processes have too.
fn monotonic() -> Duration {
    rustix::time::clock_gettime(rustix::time::ClockId::Monotonic)
        .try_into()
        .unwrap()
}

/// Connections that are open before anything is measured.
struct Pool {
    free: RefCell<Vec<Connection>>,
    places: Semaphore,
}

impl Pool {
    async fn open(doorway: &Doorway) -> Self {
        let mut free = Vec::with_capacity(PLACES);
        let connections = if doorway.is_http2() { HTTP2_CONNECTIONS } else { PLACES };
        for _ in 0..connections {
            let mut connection = doorway.connect().await;
            assert!(connection.ask().await, "the first answer on a connection");
            if let Connection::Http2(send) = &connection {
                free.extend((1..PLACES / HTTP2_CONNECTIONS).map(|_| Connection::Http2(send.clone())));
            }
            free.push(connection);
        }
        // Neighbours are of different connections.
        fastrand::Rng::with_seed(2).shuffle(&mut free);
        let places = Semaphore::new(free.len());
        Self {
            free: RefCell::new(free),
            places,
        }
    }

    /// One request, as soon as there is a place; whether it was answered.
    async fn ask(&self) -> bool {
        let place = self.places.acquire().await.unwrap();
        let mut connection = self.free.borrow_mut().pop().unwrap();
        let answered = connection.ask().await;
        self.free.borrow_mut().push(connection);
        drop(place);
        answered
    }
}
