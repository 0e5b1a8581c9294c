//! A bare port is one of 127.0.0.1, or of ::1 while that refuses: some development servers listen there alone (F5).

use greengate::model::api::exit;

use super::{HOST, PLAIN};
use crate::common::app::App;
use crate::common::door::{Door, QUICK, QUICK_PLAIN};
use crate::common::{eventually, holds, secs};

fn sides(defaults: &str, host: &str, blue: &str, green: &str) -> String {
    format!("{defaults}[env.prod]\nhost = \"{host}\"\nblue = {blue}\ngreen = {green}\n")
}

fn bare(app: &App) -> String {
    app.tcp().port().to_string()
}

async fn said(door: &Door, target: &str) -> String {
    door.plain().await.get(PLAIN, target).await.unwrap().text()
}

#[tokio::test(flavor = "multi_thread")]
async fn f5_apps_that_listen_on_v6_alone_are_served_probed_and_swapped() {
    let (blue, green) = (App::stopped_on_v6("blue", "v1"), App::stopped_on_v6("green", "v2"));
    blue.listen().await;
    green.listen().await;
    let plain = Door::start(&sides(QUICK_PLAIN, PLAIN, &bare(&blue), &bare(&green))).await;
    let tls = Door::start(&sides(QUICK, HOST, &bare(&blue), &bare(&green))).await;
    assert_eq!(said(&plain, "/a").await, "blue v1 /a");
    assert_eq!(
        tls.h2(HOST).await.unwrap().get(HOST, "/a").await.unwrap().text(),
        "blue v1 /a"
    );
    let reached = blue.tcp().to_string();
    eventually(secs(10), || async {
        let status = plain.proxyctl(&["status"]).await;
        holds(status.all().contains(&format!("at {reached}")), || {
            format!("{status:?}")
        })
    })
    .await;
    let health = plain.environment("prod").await.services[0].health[0].clone();
    assert_eq!(health.address.to_string(), format!("127.0.0.1:{}", bare(&blue)));
    assert_eq!(health.last.unwrap().reached.unwrap().to_string(), reached);
    for (door, host) in [(&plain, PLAIN), (&tls, HOST)] {
        let swap = door.swap("prod", &[]).await;
        swap.assert_done();
        let safe: Vec<_> = swap.safe_to_stop()[0]
            .addresses
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(safe, [format!("127.0.0.1:{}", bare(&blue))], "{host}: shown as ever");
    }
    assert_eq!(said(&plain, "/b").await, "green v2 /b");
}

#[tokio::test(flavor = "multi_thread")]
async fn f5_an_app_on_127_0_0_1_wins_and_one_on_v6_stands_in() {
    let first = App::start("first", "v1").await;
    let second = first.start_beside("second", "v1").await;
    let idle = App::stopped("idle", "v2");
    let door = Door::start(&sides(QUICK_PLAIN, PLAIN, &bare(&first), &bare(&idle))).await;
    assert_eq!(said(&door, "/a").await, "first v1 /a");
    let status = door.proxyctl(&["status"]).await;
    assert!(
        !status.all().contains("at 127.0.0.1") && !status.all().contains("[::1]"),
        "{status:?}"
    );
    first.stop_hard().await;
    assert_eq!(said(&door, "/b").await, "second v1 /b");
    first.listen().await;
    second.stop_hard().await;
    assert_eq!(said(&door, "/c").await, "first v1 /c");
}

#[tokio::test(flavor = "multi_thread")]
async fn f5_a_request_waits_for_an_app_that_comes_up_on_v6() {
    let (blue, idle) = (App::stopped_on_v6("blue", "v1"), App::stopped("idle", "v2"));
    let door = Door::start(&sides(QUICK_PLAIN, PLAIN, &bare(&blue), &bare(&idle))).await;
    let mut client = door.plain().await;
    client
        .send(format!("GET /held HTTP/1.1\r\nHost: {PLAIN}\r\n\r\n"))
        .await
        .unwrap();
    door.held("prod", 1).await;
    blue.listen().await;
    assert_eq!(client.response("GET").await.unwrap().text(), "blue v1 /held");
}

#[tokio::test(flavor = "multi_thread")]
async fn f5_an_address_that_was_written_is_taken_as_it_is() {
    let (blue, green) = (App::start("blue", "v1").await, App::stopped_on_v6("green", "v2"));
    green.listen().await;
    let written = format!("\"127.0.0.1:{}\"", bare(&green));
    let door = Door::start(&sides(QUICK_PLAIN, PLAIN, &bare(&blue), &written)).await;
    let refused = door.swap("prod", &["--deadline", "1s"]).await;
    refused.assert_code(exit::REFUSED);
    assert!(
        refused.refusal().contains("connection refused"),
        "{}",
        refused.refusal()
    );
    let localhost = format!("127.0.0.1:{}", bare(&green));
    let to = door.swap("prod", &["--to", &localhost, "--deadline", "1s"]).await;
    to.assert_code(exit::REFUSED);
    assert_eq!(said(&door, "/a").await, "blue v1 /a");
    let exact = format!("[::1]:{}", bare(&green));
    door.swap("prod", &["--to", &exact]).await.assert_done();
    assert_eq!(said(&door, "/b").await, "green v2 /b");
}

/// On the way to the daemon and into its state, too.
#[tokio::test(flavor = "multi_thread")]
async fn f5_a_bare_port_that_a_swap_was_told_stays_one_over_a_restart() {
    let (blue, green) = (App::start("blue", "v1").await, App::stopped_on_v6("green", "v2"));
    let other = App::stopped("other", "v3");
    green.listen().await;
    let door = Door::start(&sides(QUICK_PLAIN, PLAIN, &bare(&blue), &bare(&other))).await;
    door.swap("prod", &["--to", &bare(&green)]).await.assert_done();
    assert_eq!(said(&door, "/a").await, "green v2 /a");
    door.sigterm();
    door.end(secs(30)).await;
    door.restart().await;
    assert_eq!(said(&door, "/b").await, "green v2 /b");
}
