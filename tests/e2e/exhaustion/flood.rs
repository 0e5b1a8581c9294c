//! A flood on dev, with the limits that the example configuration sets, and prod beside it (E30).

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rustls::ClientConfig;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::common::app::App;
use crate::common::client::Client;
use crate::common::door::{Door, QUICK};
use crate::common::h2::H2;
use crate::common::load::{Load, MIXED, Target};
use crate::common::{count, eventually, full, holds, ms, secs};

const PROD: &str = "prod.localhost";
const DEV: &str = "dev.localhost";
/// What users begin with.
const EXAMPLE: &str = include_str!("../../../proxy.toml.example");

/// The lines of the example configuration that limit what stands beside prod.
fn limits() -> String {
    let table = EXAMPLE
        .split_once("[env.staging]\n")
        .expect("an environment beside prod")
        .1;
    let table = table.split("\n[").next().unwrap_or_default();
    let lines: Vec<_> = table.lines().filter(|line| line.starts_with("limit.")).collect();
    for key in ["limit.concurrent", "limit.rate", "limit.burst"] {
        assert!(lines.iter().any(|line| line.starts_with(key)), "{key} in {lines:?}");
    }
    lines.join("\n")
}

async fn prod_and_dev() -> (Door, [App; 2]) {
    let apps = [App::start("prod", "v1").await, App::start("dev", "v1").await];
    let config = format!(
        "{QUICK}\n[env.prod]\nhost = \"{PROD}\"\nupstream = \"{}\"\n\
         [env.dev]\nhost = \"{DEV}\"\nupstream = \"{}\"\n{}\n",
        apps[0].address(),
        apps[1].address(),
        limits()
    );
    (Door::start(&config).await, apps)
}

/// A connection of either protocol.
enum Asking {
    H1(Client, &'static str),
    H2(H2, &'static str),
}

impl Asking {
    /// Every other one speaks HTTP/2.
    async fn connect(number: usize, target: &Target, host: &'static str) -> Self {
        let (address, (h1, h2)): (SocketAddr, &(Arc<ClientConfig>, Arc<ClientConfig>)) =
            (target.address, target.tls.as_ref().expect("TLS"));
        if number.is_multiple_of(2) {
            Self::H1(Client::tls(address, host, h1).await.unwrap(), host)
        } else {
            Self::H2(H2::tls(address, host, h2).await.unwrap(), host)
        }
    }

    async fn get(&mut self, path: &str) -> u16 {
        let answer = match self {
            Self::H1(client, host) => client.get(host, path).await,
            Self::H2(h2, host) => h2.get(host, path).await,
        };
        answer.expect("a flood that is refused is refused in words").status
    }
}

/// Asks dev for a slow answer, so many times a second from many connections, until it is stopped. Its clients stand for other machines:
/// they share a thread, which in the long counts gets the processor where nobody else wants it.
struct Flood {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
    refused: Arc<AtomicU64>,
    served: Arc<AtomicU64>,
}

impl Flood {
    async fn start(door: &Door, connections: usize, per_second: usize) -> Self {
        let (refused, served) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
        let (stop, stopped) = oneshot::channel::<()>();
        let (connected, all_connected) = oneshot::channel();
        let (target, pause) = (door.target(DEV), secs(1) * connections as u32 / per_second as u32);
        let asks = {
            let (refused, served) = (refused.clone(), served.clone());
            async move || {
                let mut clients = JoinSet::new();
                for number in 0..connections {
                    let asking = Asking::connect(number, &target, DEV).await;
                    clients.spawn(ask_for_ever(asking, pause, refused.clone(), served.clone()));
                }
                connected.send(()).expect("somebody waits for the flood");
                tokio::select! {
                    client = clients.join_next() => panic!("a client of the flood ended: {client:?}"),
                    _ = stopped => {}
                }
            }
        };
        let thread = std::thread::spawn(move || {
            // Beside other tests it would get no turn at all.
            if full() {
                stand_back();
            }
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(asks());
        });
        all_connected.await.expect("the flood connects");
        Self {
            stop,
            thread,
            refused,
            served,
        }
    }

    /// How many were refused, and how many served; none of them got anything else.
    async fn stop(self) -> (u64, u64) {
        let counts = self.counts();
        drop(self.stop);
        let ended = tokio::task::spawn_blocking(|| self.thread.join()).await;
        if let Err(panic) = ended.expect("its end is awaited") {
            std::panic::resume_unwind(panic);
        }
        counts
    }

    fn counts(&self) -> (u64, u64) {
        (
            self.refused.load(Ordering::Relaxed),
            self.served.load(Ordering::Relaxed),
        )
    }
}

/// From here on this thread runs where nobody else wants the processor (SCHED_IDLE), and gives it back at once.
fn stand_back() {
    let thread = std::fs::read_link("/proc/thread-self").expect("this thread");
    let changed = std::process::Command::new("chrt")
        .args(["--idle", "--pid", "0"])
        .arg(thread.file_name().expect("its number"))
        .status();
    assert!(changed.is_ok_and(|status| status.success()), "chrt (util-linux)");
}

/// One client of the flood.
async fn ask_for_ever(mut asking: Asking, pause: Duration, refused: Arc<AtomicU64>, served: Arc<AtomicU64>) {
    let mut due = Instant::now() + pause.mul_f64(fastrand::f64());
    loop {
        sleep_until(due).await;
        due = (due + pause).max(Instant::now());
        match asking.get("/slow?ms=50").await {
            429 | 503 => refused.fetch_add(1, Ordering::Relaxed),
            200 => served.fetch_add(1, Ordering::Relaxed),
            other => panic!("a flood got {other}"),
        };
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn e30_prod_sees_nothing_of_a_flood_on_dev() {
    let (door, [_prod, dev]) = prod_and_dev().await;
    let load = Load::start(door.target(PROD), &MIXED).await;
    let (began, flood) = (Instant::now(), Flood::start(&door, 50, 2000).await);
    load.more(count(300, 3000) as u64).await;
    // What the limits let through at once is little beside the rest.
    eventually(secs(30), || async {
        let (refused, served) = flood.counts();
        holds(refused > 2 * served, || format!("{refused} refused, {served} served"))
    })
    .await;
    let took = began.elapsed();
    let (refused, served) = flood.stop().await;
    load.stop().await.assert_no_failures();
    assert!(served > 0, "dev is limited, and not closed");
    // `limit.burst` at once, and `limit.rate` beside.
    let value = |key: &str| -> f64 {
        let limits = limits();
        let line = limits.lines().find(|line| line.starts_with(key)).expect("a limit");
        let digits = line.chars().skip_while(|c| !c.is_ascii_digit());
        digits
            .take_while(char::is_ascii_digit)
            .collect::<String>()
            .parse()
            .expect("a number")
    };
    let most = value("limit.burst") + value("limit.rate") * (took.as_secs_f64() + 1.0);
    assert!(served as f64 <= most, "{served} served in {took:?}, and {most} may be");
    let traffic = door.environment("dev").await.services[0].traffic;
    assert!(traffic.limited >= refused, "{traffic:?}");
    assert!(
        dev.requests() as f64 <= most + 50.0,
        "what was refused never reached dev's app"
    );
    let prod = door.environment("prod").await.services[0].traffic;
    assert_eq!((prod.limited, prod.app_errors, prod.proxy_errors), (0, 0, 0));
}

/// The 99th percentile of answers that the app has at once, over both protocols, asked for at a steady rate that leaves the machine room.
async fn p99(all: &mut [Asking], period: Duration) -> Duration {
    let end = Instant::now() + period;
    let asked = all.iter_mut().enumerate().map(|(number, asking)| async move {
        let (mut took, mut due) = (Vec::new(), Instant::now() + ms(1) * number as u32);
        while due < end {
            sleep_until(due).await;
            let began = Instant::now();
            assert_eq!(asking.get("/who").await, 200);
            took.push(began.elapsed());
            due = (due + ms(10)).max(Instant::now());
        }
        took
    });
    let mut took = futures_util::future::join_all(asked).await.concat();
    took.sort_unstable();
    took[took.len() * 99 / 100]
}

fn median(mut all: Vec<Duration>) -> Duration {
    all.sort_unstable();
    all[all.len() / 2]
}

/// Timed, so its ratio decides with the long counts alone. Rounds with the flood and without take turns: what else the machine does is in both.
#[tokio::test(flavor = "multi_thread")]
async fn e30_prods_p99_is_what_it_is_without_the_flood() {
    let (door, _apps) = prod_and_dev().await;
    let (rounds, period) = if full() { (15, secs(1)) } else { (1, ms(300)) };
    let target = door.target(PROD);
    let mut prod = Vec::new();
    for number in 0..8 {
        prod.push(Asking::connect(number, &target, PROD).await);
    }
    let (mut calm, mut flooded, mut refused) = (Vec::new(), Vec::new(), 0);
    for _ in 0..rounds {
        calm.push(p99(&mut prod, period).await);
        let flood = Flood::start(&door, 50, 1000).await;
        eventually(secs(10), || async {
            holds(flood.counts().0 > 0, || "nothing is refused".into())
        })
        .await;
        flooded.push(p99(&mut prod, period).await);
        refused += flood.stop().await.0;
    }
    let (calm, flooded) = (median(calm), median(flooded));
    eprintln!("p99 of prod: {calm:.1?}, under a flood on dev {flooded:.1?}; {refused} of dev's were refused");
    if full() {
        assert!(
            flooded.as_secs_f64() <= 1.2 * calm.as_secs_f64(),
            "{flooded:?} instead of {calm:?}"
        );
    }
}
