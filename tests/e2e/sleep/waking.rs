//! Requests that come to an app that sleeps.

use std::sync::Arc;

use greengate::model::api::SleepState;

use super::sleeper::{DEV, Made, Sleeper};
use crate::common::{eventually, holds, secs};

#[tokio::test(flavor = "multi_thread")]
async fn n36_a_hundred_requests_at_once_start_a_sleeping_app_once_and_all_are_answered_in_their_order() {
    let dev = Sleeper::made(Made {
        server: "workers = 1\n",
        ..Made::default()
    })
    .await;
    dev.put_to_sleep().await;
    dev.app.remember_all();
    dev.set("hold-start");
    let mut waiting = Vec::new();
    // These are numbered, so that their order is seen; the others come at once.
    for number in 0..10 {
        waiting.push(dev.ask(&format!("/in-order?n={number}")));
        dev.door.held("dev", number + 1).await;
    }
    waiting.extend((10..100).map(|number| dev.ask(&format!("/all?n={number}"))));
    dev.door.held("dev", 100).await;
    dev.is(SleepState::Waking).await;
    assert_eq!(dev.ran(), ["stop", "start"]);
    dev.clear("hold-start");
    for answer in waiting {
        assert_eq!(answer.await.unwrap().status, 200);
    }
    assert_eq!(dev.ran(), ["stop", "start"], "one start for all of them");
    let status = dev.status().await;
    assert_eq!((status.state, status.woke), (SleepState::Awake, 1));
    assert!(
        status.waking_ms.is_some_and(|took| took > 0) && status.since.is_none(),
        "{status:?}"
    );
    let order = dev.app.in_order("/in-order?n=");
    assert!(!order.is_empty() && order.is_sorted(), "{order:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn n36_a_request_over_http2_wakes_and_a_post_is_sent_once() {
    let dev = Sleeper::made(Made {
        tls: true,
        ..Made::default()
    })
    .await;
    dev.put_to_sleep().await;
    dev.app.remember_all();
    let h2 = dev.door.h2(DEV).await.unwrap();
    let (get, post) = tokio::join!(h2.get(DEV, "/a"), h2.post(DEV, "/b", b"x"));
    assert_eq!((get.unwrap().status, post.unwrap().status), (200, 200));
    let posts = dev.app.targets().iter().filter(|target| *target == "POST /b").count();
    assert_eq!((posts, dev.ran().len()), (1, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn n36_a_start_that_fails_is_told_at_once_and_tried_again_after_a_pause() {
    let dev = Sleeper::plain().await;
    dev.put_to_sleep().await;
    dev.set("fail-start");
    let answer = dev.get("/").await;
    assert_eq!(answer.status, 503);
    assert!(answer.text().contains("could not be started"), "{}", answer.text());
    // Who comes a moment later is told so at once, and starts nothing.
    let answer = dev.get("/").await;
    assert_eq!((answer.status, answer.field("retry-after")), (503, Some("1")));
    assert_eq!(dev.ran(), ["stop", "start"]);
    let status = dev.status().await;
    assert_eq!(status.state, SleepState::Asleep);
    let trouble = status.trouble.unwrap();
    assert!(
        trouble.ends_with("ended with exit status: 3: no luck with the start"),
        "{trouble}"
    );
    let said = dev.door.proxyctl(&["status"]).await;
    said.assert_code(0).assert_says(&["no luck with the start"]);
    dev.door
        .proxyctl(&["history"])
        .await
        .assert_says(&["no luck with the start"]);
    dev.door.says("no luck with the start").await;
    // Behind the pause the next request tries, and then the pause is longer.
    eventually(secs(10), || async {
        assert_eq!(dev.get("/").await.status, 503);
        holds(dev.ran().len() == 3, || "nothing was started again".into())
    })
    .await;
    let answer = dev.get("/").await;
    assert_eq!((answer.status, answer.field("retry-after")), (503, Some("2")));
    dev.clear("fail-start");
    // Who asks for it need not wait.
    dev.door.proxyctl(&["wake", "dev"]).await.assert_code(0);
    assert_eq!(dev.get("/").await.status, 200);
    let status = dev.status().await;
    assert_eq!((status.woke, status.trouble), (1, None));
    assert!(dev.door.access_log().contains("app: did not wake"));
}

#[tokio::test(flavor = "multi_thread")]
async fn n36_an_app_that_is_started_and_does_not_answer_is_given_up_at_the_deadline() {
    let dev = Sleeper::made(Made {
        sleep: ", deadline = \"1s\"",
        ..Made::default()
    })
    .await;
    dev.put_to_sleep().await;
    // The command hangs.
    dev.set("hold-start");
    assert_eq!(dev.get("/").await.status, 503);
    let trouble = dev.status().await.trouble.unwrap();
    assert!(trouble.contains("did not end within 1 s, and was ended"), "{trouble}");
    dev.clear("hold-start");
    // It returns, and the app answers that it is not there yet.
    dev.app.health(crate::common::app::Health::status(503));
    let wake = dev.door.watch(&["wake", "dev"]).finish().await;
    wake.assert_code(1);
    let trouble = dev.status().await.trouble.unwrap();
    assert!(
        trouble.contains("no answer within 1 s: `dev` at 127.0.0.1:"),
        "{trouble}"
    );
    dev.app.health(crate::common::app::Health::status(404));
    dev.door.watch(&["wake", "dev"]).finish().await.assert_code(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn n36_an_app_that_answers_although_its_start_failed_is_awake() {
    let dev = Sleeper::plain().await;
    dev.put_to_sleep().await;
    dev.set("fail-start");
    // Somebody else has started it before.
    dev.set("wanted");
    eventually(secs(20), || async {
        holds(dev.file("up").exists(), || "it is not up".into())
    })
    .await;
    assert_eq!(dev.get("/").await.status, 200);
    assert_eq!(dev.is(SleepState::Awake).await.trouble, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn n36_who_is_answered_by_the_proxy_itself_wakes_nobody() {
    let dev = Sleeper::made(Made {
        more: "auth.allow = [\"192.0.2.0/24\"]\nauth.except = [\"/open/\"]\nat = [{ path = \"/moved\", redirect = \"/new\" }]",
        ..Made::default()
    })
    .await;
    dev.put_to_sleep().await;
    assert_eq!(dev.get("/").await.status, 403);
    assert_eq!(dev.get("/moved").await.status, 308);
    let mut client = dev.target().client().await.unwrap();
    assert_eq!(client.get("nobody.test", "/open/").await.unwrap().status, 404);
    dev.door.proxyctl(&["maintenance", "dev", "on"]).await.assert_code(0);
    assert_eq!(dev.get("/open/").await.status, 503);
    dev.door.proxyctl(&["maintenance", "dev", "off"]).await.assert_code(0);
    assert_eq!(dev.is(SleepState::Asleep).await.woke, 0);
    assert_eq!(dev.ran(), ["stop"]);
    assert_eq!(dev.get("/open/").await.status, 200);
    assert_eq!(dev.ran(), ["stop", "start"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn n36_health_probes_do_not_ask_what_sleeps() {
    let dev = Sleeper::plain().await;
    dev.put_to_sleep().await;
    let probed = dev.app.probes();
    // As a socket that starts its app would: whoever connects is seen.
    dev.app.listen().await;
    tokio::time::sleep(secs(6)).await;
    assert_eq!(dev.app.probes(), probed, "a probe would have started it");
    dev.app.stop_listening().await;
    assert_eq!(dev.status().await.state, SleepState::Asleep);
    let services = dev.door.environment("dev").await.services;
    assert!(
        services[0].health.iter().all(|health| health.healthy.is_none()),
        "{services:?}"
    );
    assert_eq!(dev.get("/").await.status, 200);
    eventually(secs(10), || async {
        let services = dev.door.environment("dev").await.services;
        holds(services[0].health[0].healthy == Some(true), || format!("{services:?}"))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn n36_as_many_wait_for_a_sleeping_app_as_hold_lets_and_who_leaves_makes_room() {
    let dev = Sleeper::made(Made {
        more: "hold.max_requests = 3",
        ..Made::default()
    })
    .await;
    dev.put_to_sleep().await;
    dev.app.remember_all();
    dev.set("hold-start");
    let waiting: Vec<_> = (0..3).map(|number| dev.ask(&format!("/{number}"))).collect();
    dev.door.held("dev", 3).await;
    let full = dev.get("/full").await;
    assert_eq!(full.status, 503);
    dev.door.logged("proxy: hold is full", 1).await;
    waiting[1].abort();
    dev.door.held("dev", 2).await;
    let another = dev.ask("/another");
    dev.door.held("dev", 3).await;
    dev.clear("hold-start");
    let mut answered = 0;
    for answer in waiting {
        answered += usize::from(answer.await.is_ok_and(|answer| answer.status == 200));
    }
    assert_eq!(answered, 2);
    assert_eq!(another.await.unwrap().status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn n36_it_sleeps_and_wakes_under_load_and_no_request_is_lost() {
    let dev = Arc::new(Sleeper::after("1s").await);
    let mut sent = 0;
    for round in 1..=3 {
        dev.is(SleepState::Asleep).await;
        let answers: Vec<_> = (0..20).map(|number| dev.ask(&format!("/{round}/{number}"))).collect();
        for answer in answers {
            assert_eq!(answer.await.unwrap().status, 200);
            sent += 1;
        }
        assert_eq!(dev.status().await.woke, round);
    }
    assert_eq!(sent, 60);
    let ran = dev.ran();
    assert!(ran.chunks(2).all(|pair| pair[0] == "stop"), "{ran:?}");
    assert_eq!(ran.iter().filter(|command| *command == "start").count(), 3, "{ran:?}");
}
