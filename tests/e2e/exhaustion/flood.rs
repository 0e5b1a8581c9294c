//! A flood on dev, with the limits that the example configuration sets for it, and prod beside it (E30).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::common::app::App;
use crate::common::client::Client;
use crate::common::door::{Door, QUICK_PLAIN};
use crate::common::load::{Load, MIXED_PLAIN};
use crate::common::{count, full, ms, secs};

const PROD: &str = "prod.test";
const DEV: &str = "dev.test";

async fn prod_and_dev(limits: &str) -> (Door, [App; 2]) {
    let apps = [App::start("prod", "v1").await, App::start("dev", "v1").await];
    let config = format!(
        "{QUICK_PLAIN}\n[env.prod]\nhost = \"{PROD}\"\nupstream = \"{}\"\n\
         [env.dev]\nhost = \"{DEV}\"\nupstream = \"{}\"\n{limits}\n",
        apps[0].address(),
        apps[1].address()
    );
    (Door::start(&config).await, apps)
}

/// Asks dev for a slow answer, so many times a second from many connections, until it is dropped.
struct Flood {
    _tasks: JoinSet<()>,
    refused: Arc<AtomicU64>,
    served: Arc<AtomicU64>,
}

impl Flood {
    fn start(door: &Door, connections: usize, per_second: usize) -> Self {
        let (refused, served) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
        let mut tasks = JoinSet::new();
        let (address, pause) = (door.http(), secs(1) * connections as u32 / per_second as u32);
        for _ in 0..connections {
            let (refused, served) = (refused.clone(), served.clone());
            tasks.spawn(async move {
                let mut client = Client::plain(address).await.unwrap();
                loop {
                    let began = Instant::now();
                    match client.get(DEV, "/slow?ms=50").await.map(|answer| answer.status) {
                        Ok(429 | 503) => refused.fetch_add(1, Ordering::Relaxed),
                        Ok(200) => served.fetch_add(1, Ordering::Relaxed),
                        other => panic!("a flood that is refused is refused in words: {other:?}"),
                    };
                    tokio::time::sleep_until(began + pause).await;
                }
            });
        }
        Self {
            _tasks: tasks,
            refused,
            served,
        }
    }

    fn counts(&self) -> (u64, u64) {
        (
            self.refused.load(Ordering::Relaxed),
            self.served.load(Ordering::Relaxed),
        )
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn e30_prod_sees_nothing_of_a_flood_on_dev() {
    let (door, [_prod, dev]) = prod_and_dev("limit.concurrent = 10\nlimit.rate = \"100/s\"\nlimit.burst = 50").await;
    let load = Load::start(door.plain_target(PROD), &MIXED_PLAIN).await;
    let flood = Flood::start(&door, 50, 2000);
    load.more(count(300, 3000) as u64).await;
    let (refused, served) = flood.counts();
    drop(flood);
    load.stop().await.assert_no_failures();
    assert!(refused > served, "{refused} were refused and {served} served");
    assert!(served > 0, "dev is limited, and not closed");
    let traffic = door.environment("dev").await.services[0].traffic;
    assert!(traffic.limited >= refused, "{traffic:?}");
    assert!(
        dev.requests() <= served + 50,
        "what was refused never reached dev's app"
    );
    let prod = door.environment("prod").await.services[0].traffic;
    assert_eq!((prod.limited, prod.app_errors, prod.proxy_errors), (0, 0, 0));
}

/// The 99th percentile of answers that the app takes 20 ms for.
async fn p99(door: &Door, period: Duration) -> Duration {
    let mut tasks = JoinSet::new();
    let (address, end) = (door.http(), Instant::now() + period);
    for _ in 0..8 {
        tasks.spawn(async move {
            let mut client = Client::plain(address).await.unwrap();
            let mut took = Vec::new();
            while Instant::now() < end {
                let began = Instant::now();
                assert_eq!(client.get(PROD, "/slow?ms=20").await.unwrap().status, 200);
                took.push(began.elapsed());
            }
            took
        });
    }
    let mut all: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
    all.sort_unstable();
    all[all.len() * 99 / 100]
}

/// Timed, so it runs with the long counts alone.
#[tokio::test(flavor = "multi_thread")]
async fn e30_prods_p99_is_what_it_is_without_the_flood() {
    let (door, _apps) = prod_and_dev("limit.concurrent = 10\nlimit.rate = \"100/s\"\nlimit.burst = 50").await;
    let period = if full() { secs(10) } else { ms(300) };
    let before = p99(&door, period).await;
    let flood = Flood::start(&door, 50, 1000);
    let under = p99(&door, period).await;
    let counts = flood.counts();
    drop(flood);
    let after = p99(&door, period).await;
    let baseline = before.max(after);
    eprintln!(
        "p99 of prod: {before:.1?}, under a flood on dev {under:.1?}, after it {after:.1?}; (refused, served) {counts:?}"
    );
    if full() {
        assert!(
            under.as_secs_f64() <= 1.2 * baseline.as_secs_f64(),
            "{under:?} instead of {baseline:?}"
        );
    }
}
