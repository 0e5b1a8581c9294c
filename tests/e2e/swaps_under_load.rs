//! The promise itself: swaps under mixed load, the old app killed the moment it is safe to stop, and not one failure.

use std::time::Duration;

use crate::common::app::App;
use crate::common::fixture::Pair;
use crate::common::load::{Kind, Load, MIXED, Tally};
use crate::common::{count, eventually, holds, ms, secs};
use greengate::model::slot::Slot;
use tokio::sync::{Mutex, MutexGuard};

/// The machine carries one of these loads at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

async fn alone() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().await
}

/// The app that `swap` moved away from.
fn left(pair: &Pair, live: Slot) -> &App {
    match live {
        Slot::Green => &pair.blue,
        Slot::Blue | Slot::Upstream => &pair.green,
    }
}

/// Swaps, kills the old app the moment it is safe to stop, and brings it back as the next version.
async fn swap_and_kill(pair: &Pair, round: usize) {
    let finished = pair
        .door
        .swap("prod", &["--expect-version", &format!("v{}", round + 2)])
        .await;
    let old = left(pair, finished.assert_done());
    old.relaunch(&format!("v{}", round + 3)).await;
}

fn report(what: &str, rounds: usize, tally: &Tally, took: Duration) {
    eprintln!(
        "{what}: {rounds} swaps in {took:.1?}, {} good exchanges, {} failures; slowest {:?}",
        tally.total(),
        tally.failures.len(),
        tally.slowest
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn n1_swaps_under_mixed_load_and_kill_9_at_safe_to_stop_fail_nobody() {
    let _alone = alone().await;
    let pair = Pair::tls("health.version = \"header:X-Version\"\n").await;
    let load = Load::start(pair.target(), &MIXED).await;
    let begin = tokio::time::Instant::now();
    let rounds = count(12, 200);
    for round in 0..rounds {
        swap_and_kill(&pair, round).await;
        load.more(60).await;
    }
    let tally = load.stop().await;
    report("mixed load", rounds, &tally, begin.elapsed());
    tally.assert_no_failures();
    pair.ledger.assert_no_post_twice();
    let errors: u64 = pair
        .door
        .environment("prod")
        .await
        .services
        .iter()
        .map(|service| service.traffic.app_errors + service.traffic.proxy_errors)
        .sum();
    assert_eq!(errors, 0, "the proxy counted errors");
}

#[tokio::test(flavor = "multi_thread")]
async fn n1_ten_swaps_a_second_fail_nobody() {
    let _alone = alone().await;
    let quick = "health.version = \"header:X-Version\"\nhealth.passes = 1\nhealth.interval = \"10ms\"\n";
    let pair = Pair::tls(quick).await;
    let load = Load::start(pair.target(), &MIXED).await;
    let begin = tokio::time::Instant::now();
    let mut tick = tokio::time::interval(ms(100));
    let mut rounds = 0;
    while begin.elapsed() < secs(count(3, 30) as u64) {
        tick.tick().await;
        swap_and_kill(&pair, rounds).await;
        rounds += 1;
    }
    let tally = load.stop().await;
    report(
        "as fast as it goes, at most ten a second",
        rounds,
        &tally,
        begin.elapsed(),
    );
    assert!(rounds >= 5, "only {rounds} swaps: nothing is proved");
    tally.assert_no_failures();
    pair.ledger.assert_no_post_twice();
}

#[tokio::test(flavor = "multi_thread")]
async fn n21_a_rollback_under_load_fails_nobody_either() {
    let _alone = alone().await;
    let pair = Pair::tls("").await;
    let load = Load::start(pair.target(), &MIXED).await;
    for _ in 0..count(5, 50) {
        pair.door.swap("prod", &[]).await.assert_done();
        load.more(40).await;
        pair.door.rollback("prod", &[]).await.assert_done();
        load.more(40).await;
    }
    load.stop().await.assert_no_failures();
    pair.ledger.assert_no_post_twice();
}

#[tokio::test(flavor = "multi_thread")]
async fn n22_memory_threads_and_descriptors_do_not_grow_with_the_number_of_swaps() {
    let _alone = alone().await;
    let pair = Pair::tls("health.passes = 1\nhealth.interval = \"10ms\"\n").await;
    let kinds = [
        (Kind::Get, 2),
        (Kind::Fresh, 1),
        (Kind::Post, 1),
        (Kind::WebSocket, 1),
        (Kind::H2, 1),
        (Kind::H2WebSocket, 1),
    ];
    let load = Load::start(pair.target(), &kinds).await;
    let swaps = |number: usize| {
        let pair = &pair;
        async move {
            for _ in 0..number {
                pair.door.swap("prod", &[]).await.assert_done();
            }
        }
    };
    // Pools, buffers and the allocator's arenas reach their size first.
    swaps(count(20, 100)).await;
    let process = pair.door.process();
    let before = (process.own_kib(), process.threads());
    let descriptors = process.descriptors();
    let rounds = count(60, 1000);
    swaps(rounds).await;
    let after = (process.own_kib(), process.threads());
    eprintln!("{rounds} swaps: (own KiB, threads) {before:?} → {after:?}");
    load.stop().await.assert_no_failures();

    // A leak of one activation with its pool is tens of KiB a swap; noise is not.
    let grown = after.0.saturating_sub(before.0);
    assert!(
        grown < 8 * 1024,
        "memory grew by {grown} KiB in {rounds} swaps: {before:?} → {after:?}"
    );
    // File work runs on threads that come and go.
    assert!(after.1 <= before.1 + 2, "threads: {before:?} → {after:?}");
    eventually(secs(20), || async {
        let now = process.descriptors();
        holds(now <= descriptors + 4, || {
            format!("{now} descriptors after {rounds} swaps, {descriptors} before")
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_daemon_with_two_environments_stays_under_thirty_megabytes() {
    let _alone = alone().await;
    let [app, dev] = [App::start("blue", "v1").await, App::start("dev", "v1").await];
    let more = format!(
        "[env.dev]\nhost = \"dev.localhost\"\nupstream = \"{}\"\n",
        dev.address()
    );
    let spare = App::stopped("green", "v2");
    let prod = crate::common::door::environment("prod", "app.localhost", &app, &spare);
    let door = crate::common::door::Door::start(&format!("{}{prod}{more}", crate::common::door::QUICK)).await;
    let (own, resident) = (door.process().own_kib(), door.process().resident_kib());
    eprintln!("idle with two environments: {resident} KiB resident, {own} of its own");
    // The rest is the program: 12 MB of the build that is released, and 28 MB of one for tests.
    assert!(own < 8 * 1024, "{own} KiB of its own");
    assert!(resident < 30 * 1024 || cfg!(debug_assertions), "{resident} KiB");
    assert_eq!(door.status().await.environments.len(), 2);
}
