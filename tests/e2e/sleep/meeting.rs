//! How a sleep meets what else is done to an environment: pauses, reloads, upgrades, comparisons.

use greengate::model::api::{SleepState, exit};

use super::sleeper::{DEV, Made, Sleeper};
use crate::common::app::App;
use crate::common::door::{environment, with};
use crate::common::{eventually, holds, ms, secs};

#[tokio::test(flavor = "multi_thread")]
async fn n36_a_pause_of_what_sleeps_is_refused_and_says_what_helps() {
    let dev = Sleeper::plain().await;
    dev.put_to_sleep().await;
    for args in [&["pause", "dev", "--", "true"][..], &["pause", "dev", "--writes"]] {
        let refused = dev.door.proxyctl(args).await;
        assert_ne!(refused.code, 0);
        refused.assert_says(&["proxyctl wake dev"]);
    }
    dev.door.proxyctl(&["wake", "dev"]).await.assert_code(0);
    dev.door.proxyctl(&["pause", "dev"]).await.assert_code(0);
    let refused = dev.door.proxyctl(&["sleep", "dev"]).await;
    refused.assert_code(exit::BUSY).assert_says(&["pause"]);
    dev.door.proxyctl(&["resume", "dev"]).await.assert_code(0);
    dev.door.proxyctl(&["sleep", "dev"]).await.assert_code(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn n36_a_pause_keeps_it_awake() {
    let dev = Sleeper::after("1s").await;
    dev.door.proxyctl(&["pause", "dev"]).await.assert_code(0);
    tokio::time::sleep(ms(2500)).await;
    assert_eq!(dev.status().await.state, SleepState::Awake);
    dev.door.proxyctl(&["resume", "dev"]).await.assert_code(0);
    dev.is(SleepState::Asleep).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn n36_other_rules_hold_from_the_next_reload_on_and_what_may_not_sleep_any_more_is_woken() {
    let dev = Sleeper::plain().await;
    dev.door.replace("after = \"1h\"", "after = \"1s\"");
    let reloaded = dev.door.proxyctl(&["reload"]).await;
    reloaded.assert_code(0).assert_says(&["sleep.after  1 h → 1 s"]);
    dev.is(SleepState::Asleep).await;
    // What does not touch it leaves it asleep.
    dev.door.rewrite(|text| with(text, "timeout.response = \"21s\""));
    dev.door.reload(&[]).await.assert_code(0);
    assert_eq!(dev.status().await.state, SleepState::Asleep);
    dev.door.rewrite(|text| {
        let lines = text.lines().filter(|line| !line.starts_with("sleep = "));
        lines.collect::<Vec<_>>().join("\n")
    });
    dev.door.reload(&[]).await.assert_code(0);
    eventually(secs(10), || async {
        let env = dev.door.environment("dev").await;
        holds(env.sleep.is_none(), || format!("{env:?}"))
    })
    .await;
    assert_eq!(dev.ran(), ["stop", "start"]);
    assert_eq!(dev.get("/").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn n36_a_reload_moves_what_sleeps_without_asking_for_its_health() {
    let dev = Sleeper::plain().await;
    dev.put_to_sleep().await;
    let other = App::start("other", "v2").await;
    dev.door.replace(&dev.app.address(), &other.address());
    dev.door.reload(&[]).await.assert_code(0);
    assert_eq!(dev.status().await.state, SleepState::Asleep);
    let answer = dev.get("/").await;
    assert_eq!((answer.status, answer.app()), (200, "other"));
}

#[tokio::test(flavor = "multi_thread")]
async fn n36_what_sleeps_is_compared_with_nothing_and_keeps_a_swap_back_that_wants_it_healthy() {
    let (blue, green) = (App::start("blue", "v1").await, App::start("green", "v2").await);
    let prod = environment("prod", "prod.test", &blue, &green);
    let dev = Sleeper::made(Made {
        more: &format!("{prod}require_healthy = \"dev\"\n"),
        ..Made::default()
    })
    .await;
    dev.put_to_sleep().await;
    let refused = dev.door.proxyctl(&["parity", "prod", "dev"]).await;
    refused.assert_code(exit::REFUSED).assert_says(&["proxyctl wake dev"]);
    let refused = dev.door.proxyctl(&["swap", "prod"]).await;
    refused.assert_code(exit::REFUSED).assert_says(&["proxyctl wake dev"]);
    assert_eq!(dev.ran(), ["stop"], "nobody has woken it");
    dev.door.proxyctl(&["wake", "dev"]).await.assert_code(0);
    dev.door.proxyctl(&["swap", "prod"]).await.assert_code(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn n36_an_upgrade_carries_on_what_sleeps_and_waits_for_what_is_being_woken() {
    let dev = Sleeper::plain().await;
    dev.put_to_sleep().await;
    assert_eq!(dev.get("/").await.status, 200);
    dev.put_to_sleep().await;
    let before = dev.status().await;
    dev.set("hold-start");
    let waits = dev.ask("/");
    dev.is(SleepState::Waking).await;
    let refused = dev.door.proxyctl(&["upgrade"]).await;
    refused.assert_code(exit::BUSY).assert_says(&["wake"]);
    dev.clear("hold-start");
    assert_eq!(waits.await.unwrap().status, 200);
    dev.put_to_sleep().await;
    let mut old = dev.target().client().await.unwrap();
    assert_eq!(old.get("nobody.test", "/").await.unwrap().status, 404);
    dev.door.proxyctl(&["upgrade"]).await.assert_code(0);
    // Who has a connection to the old process is told to come again, and starts nothing there.
    if let Ok(answer) = old.get(DEV, "/").await {
        assert_eq!(answer.status, 503);
    }
    let after = dev.status().await;
    assert_eq!((after.state, after.woke), (SleepState::Asleep, before.woke + 1));
    assert!(after.since.is_some());
    let mut client = dev.target().client().await.unwrap();
    assert_eq!(client.get(DEV, "/").await.unwrap().status, 200);
    assert_eq!(dev.ran().iter().filter(|command| *command == "start").count(), 3);
}
