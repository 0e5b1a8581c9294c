//! Maintenance: visitors get 503 and a decent page, the operator does not, and a restart changes nothing.

use crate::common::app::App;
use crate::common::client::Response;
use crate::common::door::Door;
use crate::common::fixture::{HOST, Pair};
use crate::common::load::{next, open_web_socket};
use crate::common::{eventually, holds, secs};
use futures_util::SinkExt;
use greengate::model::api::{Event, SwapStep, exit};
use tokio_tungstenite::tungstenite::Message;

async fn get(pair: &Pair, accept: &str) -> Response {
    let mut client = pair.door.tls(HOST).await.unwrap();
    let accept = format!("Accept: {accept}\r\n");
    client.request("GET", HOST, "/page", &accept, b"").await.unwrap()
}

async fn switch(door: &Door, args: &[&str]) {
    door.proxyctl(&[&["maintenance", "prod"], args].concat())
        .await
        .assert_code(exit::DONE);
}

#[tokio::test(flavor = "multi_thread")]
async fn visitors_get_503_with_a_page_that_cannot_be_injected_into() {
    let pair = Pair::tls("").await;
    switch(&pair.door, &["on", "--message", "Back at <b>14:00</b> & \"soon\""]).await;
    let page = get(&pair, "text/html").await;
    assert_eq!((page.status, page.app()), (503, ""));
    assert!(page.field("retry-after").unwrap().parse::<u32>().unwrap() > 0);
    assert_eq!(page.field("cache-control"), Some("no-store"));
    assert!(page.field("content-type").unwrap().starts_with("text/html"));
    let text = page.text();
    assert!(text.contains("14:00") && !text.contains("<b>"), "{text}");
    let json = get(&pair, "application/json").await;
    assert_eq!(json.status, 503);
    let value: serde_json::Value = serde_json::from_slice(&json.body).unwrap();
    assert_eq!(value["message"], "Back at <b>14:00</b> & \"soon\"");
    let h2 = pair.door.h2(HOST).await.unwrap();
    assert_eq!(h2.get(HOST, "/page").await.unwrap().status, 503);
    assert_eq!(pair.blue.requests(), 0, "the app was asked");
    switch(&pair.door, &["off"]).await;
    assert_eq!(get(&pair, "text/html").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_let_in_sees_the_site() {
    let pair = Pair::tls("").await;
    switch(&pair.door, &["on", "--allow", "192.0.2.0/24"]).await;
    assert_eq!(get(&pair, "text/html").await.status, 503);
    switch(&pair.door, &["on", "--allow", "192.0.2.0/24,127.0.0.1"]).await;
    assert_eq!(get(&pair, "text/html").await.app(), "blue");
    let status = pair.door.proxyctl(&["status"]).await;
    status
        .assert_says(&["maintenance by"])
        .assert_says(&["but not 192.0.2.0/24, 127.0.0.1"]);
    let wrong = pair
        .door
        .proxyctl(&["maintenance", "prod", "on", "--allow", "localhost"])
        .await;
    wrong
        .assert_code(exit::USAGE)
        .assert_says(&["neither a network nor an address"]);
    let wrong = pair.door.proxyctl(&["maintenance", "nowhere", "on"]).await;
    wrong.assert_code(exit::USAGE);
    let wrong = pair
        .door
        .proxyctl(&["maintenance", "prod", "off", "--message", "x"])
        .await;
    wrong.assert_code(exit::USAGE);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_ones_own_is_kept_and_all_of_it_survives_a_restart() {
    let pair = Pair::tls("").await;
    let file = pair.door.folder().join("soon.html");
    let own = "<!doctype html><title>Soon</title><p>Grüße";
    std::fs::write(&file, own).unwrap();
    switch(
        &pair.door,
        &["on", "--page", file.to_str().unwrap(), "--message", "Soon"],
    )
    .await;
    std::fs::remove_file(&file).unwrap();
    for round in 0..3 {
        let page = get(&pair, "text/html").await;
        assert_eq!((page.status, page.text().as_str()), (503, own), "round {round}");
        let shown = pair.door.environment("prod").await.maintenance.unwrap();
        assert!(shown.page && shown.message.as_deref() == Some("Soon"), "{shown:?}");
        if round == 0 {
            pair.door.kill9();
        } else {
            pair.door.sigterm();
            pair.door.end(secs(30)).await;
        }
        pair.door.restart().await;
    }
    switch(&pair.door, &["off"]).await;
    pair.door.kill9();
    pair.door.restart().await;
    assert_eq!(pair.serving().await, "blue");
    // Too long, missing, and no text.
    for bytes in [vec![b'x'; 300 * 1024], vec![0xff, 0xfe]] {
        std::fs::write(&file, bytes).unwrap();
        let output = pair
            .door
            .proxyctl(&["maintenance", "prod", "on", "--page", file.to_str().unwrap()])
            .await;
        output.assert_code(exit::USAGE);
    }
    let output = pair
        .door
        .proxyctl(&["maintenance", "prod", "on", "--page", "missing.html"])
        .await;
    output.assert_code(exit::USAGE).assert_says(&["missing.html"]);
    assert_eq!(pair.serving().await, "blue");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_swap_goes_through_and_its_verification_sees_the_app() {
    let pair = Pair::tls("health.version = \"header:X-Version\"\n").await;
    switch(&pair.door, &["on"]).await;
    let finished = pair.door.swap("prod", &["--expect-version", "v2"]).await;
    finished.assert_done();
    let checks = finished.find(|event| match event {
        Event::Swap(SwapStep::Verified { checks }) => Some(checks.clone()),
        _ => None,
    });
    let [check] = &checks.unwrap()[..] else {
        panic!("{finished:?}")
    };
    assert_eq!((check.status, check.version.as_deref()), (Some(200), Some("v2")));
    assert_eq!(get(&pair, "text/html").await.status, 503, "it goes on");
    let health = pair.door.environment("prod").await.services[0].health.clone();
    assert!(health.iter().all(|one| one.healthy != Some(false)), "{health:?}");
    switch(&pair.door, &["off"]).await;
    assert_eq!(pair.serving().await, "green");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_begun_goes_on_and_other_environments_do_not_notice() {
    let pair = Pair::tls("").await;
    let other = App::start("other", "v1").await;
    pair.door.rewrite(|text| {
        format!(
            "{text}[env.other]\nhost = \"other.localhost\"\nupstream = \"{}\"\n",
            other.address()
        )
    });
    pair.door.reload(&[]).await.assert_code(exit::DONE);
    let mut socket = open_web_socket(&pair.target(), "/ws").await.unwrap();
    pair.blue.answer_when("/slow-one", "go", "done");
    let mut client = pair.begin("/slow-one").await;
    switch(&pair.door, &["on"]).await;
    pair.blue.release("go");
    assert_eq!(client.response("GET").await.unwrap().text(), "done");
    socket.send(Message::text("still")).await.unwrap();
    assert_eq!(next(&mut socket).await.unwrap(), Message::text("still"));
    let mut client = pair.door.tls("other.localhost").await.unwrap();
    assert_eq!(client.get("other.localhost", "/").await.unwrap().app(), "other");
    // A reload of the environment does not end it.
    pair.door
        .rewrite(|text| text.replace("[env.prod]\n", "[env.prod]\nlabel = \"staging\"\n"));
    pair.door.reload(&[]).await.assert_code(exit::DONE);
    assert_eq!(get(&pair, "text/html").await.status, 503);
}

#[tokio::test(flavor = "multi_thread")]
async fn n30_maintenance_that_cannot_be_saved_is_not_switched_on() {
    let pair = Pair::tls("").await;
    let obstacle = pair.door.state_dir().join(".state.json.new");
    std::fs::create_dir(&obstacle).unwrap();
    let output = pair.door.proxyctl(&["maintenance", "prod", "on"]).await;
    output.assert_code(exit::FAILED).assert_says(&["could not be saved"]);
    assert_eq!(get(&pair, "text/html").await.status, 200);
    assert!(pair.door.environment("prod").await.maintenance.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn n12_whoever_is_let_in_while_the_app_is_away_is_held_and_not_turned_in_circles() {
    let pair = Pair::tls("hold.for = \"1500ms\"\n").await;
    switch(&pair.door, &["on", "--allow", "127.0.0.1"]).await;
    pair.blue.stop_hard().await;
    assert_eq!(get(&pair, "text/html").await.status, 503);
    let line = pair.door.logged("\"status\":503", 1).await.remove(0);
    assert!(line["held_ms"].as_u64().unwrap() >= 1000, "{line}");
    assert_eq!(
        line["termination"], "app: unreachable for longer than hold.for",
        "{line}"
    );
    pair.blue.listen().await;
    eventually(secs(10), || async {
        let answer = get(&pair, "text/html").await;
        holds(answer.app() == "blue", || format!("{}", answer.status))
    })
    .await;
}
