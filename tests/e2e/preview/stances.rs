//! A preview while its candidate is away, its environment paused or under maintenance: whatever becomes of it, production never notices.

use greengate::model::api::{Event, PauseStep, SwapStep, exit};

use super::{Look, both, over_h1, seen_by, web_socket};
use crate::common::client::Response;
use crate::common::fixture::{HOST, Pair};
use crate::common::{eventually, holds, secs};

fn says(answer: &Response, words: &str) {
    assert_eq!((answer.status, answer.app()), (503, ""), "{answer:?}");
    assert!(answer.text().contains(words), "{}", answer.text());
    assert_eq!(answer.field("x-environment"), Some("preview green"), "{answer:?}");
    assert_eq!(answer.field("cache-control"), Some("private, no-store"), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn n33_a_candidate_that_is_stopped_answers_503_with_a_sentence_at_once_and_production_never_notices() {
    let pair = Pair::tls("hold.for = \"20s\"\n").await;
    std::fs::create_dir(pair.door.folder().join("pages")).unwrap();
    std::fs::write(pair.door.folder().join("pages/503.html"), "<p>The operator's own page").unwrap();
    pair.door.rewrite(|text| format!("{text}error_pages = \"pages\"\n"));
    pair.door.reload(&[]).await.assert_code(exit::DONE);
    let look = Look::open(&pair.door, "prod", &[]).await;
    assert_eq!(seen_by(&pair, &look.cookie()).await, "green");
    pair.green.stop_hard().await;
    let began = tokio::time::Instant::now();
    for method in ["GET", "POST"] {
        for fields in [look.cookie(), look.field()] {
            for answer in both(&pair, method, "/echo", &fields).await {
                says(&answer, "The version that is previewed cannot be reached");
            }
        }
    }
    assert!(began.elapsed() < secs(10), "it was held for {:?}", began.elapsed());
    let json = [look.cookie(), vec![("Accept", "application/json".to_owned())]].concat();
    let answer = over_h1(&pair.door, HOST, "GET", "/", &json).await;
    let value: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert!(value["message"].as_str().unwrap().contains("previewed"), "{value}");
    assert_eq!(seen_by(&pair, &[]).await, "blue");
    let service = pair.door.environment("prod").await.services.remove(0);
    assert_eq!((service.held, service.away_since), (0, None));
    assert_eq!(
        (service.traffic.app_errors, service.traffic.proxy_errors),
        (0, 0),
        "{:?}",
        service.traffic
    );
    pair.green.listen().await;
    assert_eq!(seen_by(&pair, &look.cookie()).await, "green");
    pair.door.sigterm();
    pair.door.end(secs(30)).await;
    let log = pair.door.process().last_words();
    assert!(!log.contains("the app is away"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn n33_the_live_side_may_be_away_and_its_preview_waits_for_nothing() {
    let pair = Pair::tls("hold.for = \"20s\"\n").await;
    let look = Look::open(&pair.door, "prod", &[]).await;
    pair.blue.stop_hard().await;
    let held = {
        let target = pair.target();
        tokio::spawn(async move { target.client().await.unwrap().get(HOST, "/who").await.unwrap() })
    };
    pair.door.held("prod", 1).await;
    assert_eq!(seen_by(&pair, &look.cookie()).await, "green");
    pair.door.held("prod", 1).await;
    pair.blue.listen().await;
    assert_eq!(held.await.unwrap().app(), "blue");
}

#[tokio::test(flavor = "multi_thread")]
async fn n33_while_its_environment_is_paused_a_preview_is_turned_away_and_never_held() {
    let pair = Pair::tls("").await;
    let look = Look::open(&pair.door, "prod", &[]).await;
    let mut pause = pair.door.watch(&["pause", "prod"]);
    pause
        .until("`paused`", |event| {
            matches!(event, Event::Pause(PauseStep::Paused { .. }))
        })
        .await;
    for fields in [look.cookie(), look.field()] {
        for answer in both(&pair, "GET", "/who", &fields).await {
            says(&answer, "paused");
        }
    }
    pair.door.held("prod", 0).await;
    pair.door.proxyctl(&["resume", "prod"]).await.assert_code(exit::DONE);
    assert_eq!(seen_by(&pair, &look.cookie()).await, "green");
}

#[tokio::test(flavor = "multi_thread")]
async fn n33_a_pause_waits_for_no_preview() {
    let pair = Pair::tls("").await;
    let look = Look::open(&pair.door, "prod", &[]).await;
    let mut socket = web_socket(&pair.door, &look.cookie()).await;
    let output = pair
        .door
        .proxyctl(&["pause", "prod", "--timeout", "10s", "--", "true"])
        .await;
    output.assert_code(exit::DONE);
    super::echo(&mut socket).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn n33_maintenance_is_for_previews_too_and_whoever_it_lets_in_sees_them() {
    let pair = Pair::tls("").await;
    let look = Look::open(&pair.door, "prod", &[]).await;
    let maintain = async |args: &[&str]| {
        let args = [&["maintenance", "prod"], args].concat();
        pair.door.proxyctl(&args).await.assert_code(exit::DONE);
    };
    maintain(&["on", "--message", "Back at noon"]).await;
    for answer in both(&pair, "GET", "/who", &look.cookie()).await {
        says(&answer, "Back at noon");
    }
    maintain(&["on", "--allow", "127.0.0.1"]).await;
    assert_eq!(seen_by(&pair, &look.cookie()).await, "green");
    maintain(&["off"]).await;
    assert_eq!(seen_by(&pair, &look.cookie()).await, "green");
    assert_eq!(pair.door.environment("prod").await.previews.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn n33_requests_of_previews_are_no_figures_of_the_live_side_and_roll_nothing_back() {
    let pair = Pair::tls("bake.for = \"1s\"\n").await;
    let before = pair.door.environment("prod").await.services[0].traffic.requests;
    let look = Look::open(&pair.door, "prod", &[]).await;
    for _ in 0..30 {
        over_h1(&pair.door, HOST, "GET", "/status/500", &look.cookie()).await;
    }
    let live = pair.door.environment("prod").await.services.remove(0);
    assert_eq!(
        (live.traffic.requests, live.traffic.app_errors),
        (before, 0),
        "{:?}",
        live.traffic
    );
    // While the new side bakes, the old one is looked at and fails: the bake does not hear of it.
    let mut swap = pair.door.watch(&["swap", "prod"]);
    swap.switched().await;
    let back = Look::open(&pair.door, "prod", &[]).await;
    for _ in 0..30 {
        let answer = over_h1(&pair.door, HOST, "GET", "/status/500", &back.cookie()).await;
        assert_eq!((answer.status, answer.app()), (500, "blue"));
    }
    let finished = swap.finish().await;
    finished.assert_done();
    let baked = finished.find(|event| match event {
        Event::Swap(SwapStep::Baked { traffic, .. }) => Some(*traffic),
        _ => None,
    });
    assert_eq!(baked.unwrap().app_errors, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn n33_a_candidate_that_dies_inside_an_answer_is_nobodys_but_its_own() {
    let pair = Pair::tls("").await;
    let look = Look::open(&pair.door, "prod", &[]).await;
    pair.green.answer_when("/late", "never", "done");
    let waits = {
        let (door, cookie) = (pair.door.target(HOST), super::lines(&look.cookie()));
        tokio::spawn(async move {
            let mut client = door.client().await.unwrap();
            client.request("POST", HOST, "/late", &cookie, b"x").await.unwrap()
        })
    };
    pair.green.reached("/late").await;
    pair.green.stop_hard().await;
    let answer = waits.await.unwrap();
    assert_eq!(
        (answer.status, answer.field("x-environment")),
        (502, Some("preview green"))
    );
    eventually(secs(10), || async {
        let app = seen_by(&pair, &[]).await;
        holds(app == "blue", || app)
    })
    .await;
    pair.door.quiet("prod").await;
}
