//! What ends a preview, what outlasts it, and what does not.

use greengate::model::api::exit;

use super::{Look, both, echo, lines, over_h1, seen_by, web_socket};
use crate::common::client::Client;
use crate::common::fixture::{HOST, Pair};
use crate::common::{eventually, holds, secs};

/// A request that waits for the app's head, with these fields.
async fn begin(pair: &Pair, target: &str, fields: &[(&'static str, String)]) -> Client {
    let mut client = pair.door.tls(HOST).await.unwrap();
    let request = format!("GET {target} HTTP/1.1\r\nHost: {HOST}\r\n{}\r\n", lines(fields));
    client.send(request).await.unwrap();
    client
}

/// `proxyctl preview prod --end`.
async fn end(pair: &Pair) {
    pair.door
        .proxyctl(&["preview", "prod", "--end"])
        .await
        .assert_code(exit::DONE);
}

/// Its token is refused where it stands alone.
async fn turned_away(pair: &Pair, look: &Look) {
    let answer = over_h1(&pair.door, HOST, "GET", "/who", &look.field()).await;
    assert_eq!(answer.status, 403, "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn n33_its_time_ends_it_to_the_second() {
    let pair = Pair::tls("").await;
    let look = Look::open(&pair.door, "prod", &["--for", "3s"]).await;
    assert_eq!(seen_by(&pair, &look.cookie()).await, "green");
    let until: jiff::Timestamp = pair.door.environment("prod").await.previews[0].until.parse().unwrap();
    // By one request at a time: its end may fall between two.
    loop {
        let began = jiff::Timestamp::now();
        let answer = over_h1(&pair.door, HOST, "GET", "/who", &look.cookie()).await;
        if answer.app() == "blue" {
            assert!(jiff::Timestamp::now() >= until, "over before {until}");
            break;
        }
        assert_eq!(answer.app(), "green", "{answer:?}");
        assert!(
            began.as_second() <= until.as_second(),
            "at {began} it is not over, and ends at {until}"
        );
    }
    assert_eq!(seen_by(&pair, &look.cookie()).await, "blue");
    let answer = over_h1(&pair.door, HOST, "GET", "/who", &look.field()).await;
    assert!(answer.status == 403 || answer.app() == "blue", "{answer:?}");
    eventually(secs(10), || async {
        let history = pair.door.proxyctl(&["history"]).await;
        holds(history.stdout.contains("its time was over"), || history.stdout.clone())
    })
    .await;
    assert!(pair.door.environment("prod").await.previews.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn n33_its_time_ends_it_however_often_somebody_looks() {
    let pair = Pair::tls("").await;
    Look::open(&pair.door, "prod", &["--for", "1s"]).await;
    let over = async { while !pair.door.environment("prod").await.previews.is_empty() {} };
    tokio::time::timeout(secs(30), over).await.expect("its time is over");
}

#[tokio::test(flavor = "multi_thread")]
async fn n33_what_it_has_begun_is_finished_after_its_end_and_nothing_is_begun_any_more() {
    let pair = Pair::tls("").await;
    let look = Look::open(&pair.door, "prod", &[]).await;
    pair.green.answer_when("/late", "go", "done");
    let mut waits = begin(&pair, "/late", &look.cookie()).await;
    pair.green.reached("/late").await;
    let mut socket = web_socket(&pair.door, &look.cookie()).await;
    let shown = pair.door.environment("prod").await.previews;
    assert_eq!((shown[0].requests, shown[0].streams), (1, 1), "{shown:?}");
    end(&pair).await;
    assert_eq!(seen_by(&pair, &look.cookie()).await, "blue");
    pair.green.release("go");
    assert_eq!(waits.response("GET").await.unwrap().text(), "done");
    echo(&mut socket).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn n33_after_its_end_streams_are_closed_politely_when_the_time_of_drain_is_over() {
    let pair = Pair::tls("drain.requests = \"200ms\"\ndrain.streams = \"200ms\"\n").await;
    let look = Look::open(&pair.door, "prod", &[]).await;
    let mut socket = web_socket(&pair.door, &look.cookie()).await;
    pair.green.answer_when("/late", "never", "done");
    let mut waits = begin(&pair, "/late", &look.cookie()).await;
    pair.green.reached("/late").await;
    end(&pair).await;
    // Close, with a code (RFC 6455 §5.5.1).
    assert_eq!(socket.incoming.exactly(1).await.unwrap(), b"\x88");
    let answer = waits.response("GET").await.unwrap();
    assert_eq!(answer.status, 503, "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn n33_a_swap_waits_for_no_preview_and_finds_its_candidate_free() {
    let pair = Pair::tls("").await;
    let look = Look::open(&pair.door, "prod", &[]).await;
    pair.green.answer_when("/late", "go", "done");
    let mut waits = begin(&pair, "/late", &look.cookie()).await;
    pair.green.reached("/late").await;
    let mut socket = web_socket(&pair.door, &look.cookie()).await;
    // Once there, back, and there again, while the first preview still has a request and a stream on green.
    pair.door.swap("prod", &[]).await.assert_done();
    pair.door.rollback("prod", &[]).await.assert_done();
    let finished = pair.door.swap("prod", &[]).await;
    finished.assert_done();
    assert_eq!(finished.safe_to_stop(), pair.safe(&pair.blue));
    pair.green.release("go");
    assert_eq!(waits.response("GET").await.unwrap().text(), "done");
    echo(&mut socket).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn n33_a_refused_swap_ends_no_preview() {
    let pair = Pair::tls("").await;
    let look = Look::open(&pair.door, "prod", &[]).await;
    pair.green.health(crate::common::app::Health::status(500));
    let refused = pair.door.swap("prod", &["--deadline", "200ms"]).await;
    refused.assert_code(exit::REFUSED);
    assert_eq!(seen_by(&pair, &look.cookie()).await, "green");
}

#[tokio::test(flavor = "multi_thread")]
async fn n33_a_reload_moves_a_preview_with_its_side_and_ends_it_where_what_is_live_moves() {
    let pair = Pair::tls("").await;
    let other = crate::common::app::App::start("other", "v3").await;
    let look = Look::open(&pair.door, "prod", &[]).await;
    let mut socket = web_socket(&pair.door, &look.cookie()).await;
    // Nothing of it.
    pair.door
        .rewrite(|text| format!("{text}\n[redirect]\n\"www.localhost\" = \"https://{HOST}\"\n"));
    pair.door.reload(&[]).await.assert_code(exit::DONE);
    assert_eq!(seen_by(&pair, &look.cookie()).await, "green");
    // A rule of the environment.
    pair.door
        .replace("[env.prod]\n", "[env.prod]\nheaders.response = { X-Rule = \"new\" }\n");
    pair.door.reload(&[]).await.assert_code(exit::DONE);
    for answer in both(&pair, "GET", "/who", &look.cookie()).await {
        assert_eq!(
            (answer.app(), answer.field("x-rule")),
            ("green", Some("new")),
            "{answer:?}"
        );
    }
    // The idle side runs elsewhere.
    pair.door.replace(&pair.green.address(), &other.address());
    pair.door.reload(&[]).await.assert_code(exit::DONE);
    assert_eq!(seen_by(&pair, &look.cookie()).await, "other");
    echo(&mut socket).await;
    // The live side does.
    pair.door.replace(&pair.blue.address(), &pair.green.address());
    pair.door.reload(&[]).await.assert_code(exit::DONE);
    assert_eq!(seen_by(&pair, &look.cookie()).await, "green");
    for answer in both(&pair, "GET", "/who", &look.field()).await {
        assert_eq!(answer.status, 403, "{answer:?}");
    }
    pair.door
        .proxyctl(&["history"])
        .await
        .assert_says(&["a reload has moved its environment"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn n33_it_outlasts_kill_9_and_its_end_does_too() {
    let pair = Pair::tls("").await;
    let look = Look::open(&pair.door, "prod", &[]).await;
    pair.door.kill9();
    pair.door.restart().await;
    assert_eq!(seen_by(&pair, &look.cookie()).await, "green");
    assert_eq!(pair.door.environment("prod").await.previews.len(), 1);
    end(&pair).await;
    pair.door.kill9();
    pair.door.restart().await;
    assert_eq!(seen_by(&pair, &look.cookie()).await, "blue");
    turned_away(&pair, &look).await;
    // Switched, and killed before anything else is written.
    let look = Look::open(&pair.door, "prod", &[]).await;
    pair.door.watch(&["swap", "prod"]).switched().await;
    pair.door.kill9();
    pair.door.restart().await;
    assert_eq!(seen_by(&pair, &look.cookie()).await, "green");
    turned_away(&pair, &look).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn n33_a_start_ends_what_the_file_leaves_no_room_for() {
    let pair = Pair::tls("").await;
    let look = Look::open(&pair.door, "prod", &[]).await;
    pair.door.sigterm();
    pair.door.end(secs(30)).await;
    let (blue, green) = (pair.blue.address(), pair.green.address());
    pair.door.replace(
        &format!("blue = \"{blue}\"\ngreen = \"{green}\""),
        &format!("upstream = \"{blue}\""),
    );
    pair.door.restart().await;
    assert_eq!(seen_by(&pair, &look.cookie()).await, "blue");
    assert!(pair.door.environment("prod").await.previews.is_empty());
    turned_away(&pair, &look).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn n33_an_upgrade_takes_it_along_and_what_was_begun_goes_on() {
    // The connection of before is let go by nobody meanwhile.
    let pair = Pair::tls("").hasty("drain_grace=60000").await;
    let look = Look::open(&pair.door, "prod", &[]).await;
    let mut socket = web_socket(&pair.door, &look.cookie()).await;
    let mut kept = pair.door.tls(HOST).await.unwrap();
    assert_eq!(kept.get(HOST, "/who").await.unwrap().app(), "blue");
    pair.door.watch(&["upgrade"]).finish().await.assert_code(exit::DONE);
    assert_eq!(seen_by(&pair, &look.cookie()).await, "green");
    echo(&mut socket).await;
    end(&pair).await;
    assert_eq!(seen_by(&pair, &look.cookie()).await, "blue");
    // On a connection of before, too.
    let answer = kept
        .request("GET", HOST, "/who", &lines(&look.cookie()), b"")
        .await
        .unwrap();
    assert_eq!(answer.app(), "blue");
}

#[tokio::test(flavor = "multi_thread")]
async fn n33_what_is_opened_in_the_moment_of_an_upgrade_is_open_after_it_or_refused() {
    let pair = Pair::tls("").await;
    let open = pair.door.watch(&["preview", "prod"]).finish();
    let upgrade = pair.door.watch(&["upgrade"]).finish();
    let (opened, upgraded) = tokio::join!(open, upgrade);
    upgraded.assert_code(exit::DONE);
    let open = pair.door.environment("prod").await.previews.len();
    assert_eq!(open, usize::from(opened.code == 0), "{opened:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn n33_a_backup_holds_no_key_and_a_restore_opens_nothing() {
    let pair = Pair::tls("").await;
    let look = Look::open(&pair.door, "prod", &[]).await;
    let state = std::fs::read_to_string(pair.door.state_dir().join("state.json")).unwrap();
    let state: serde_json::Value = serde_json::from_str(&state).unwrap();
    let key = state["previews"]["open"][0]["key"].as_str().unwrap().to_owned();
    assert!(
        !state.to_string().contains(&look.token[4..]),
        "the token itself is kept"
    );
    let config = pair.door.config();
    let (config, file) = (config.to_str().unwrap(), pair.door.folder().join("b.tar.gz"));
    let file = file.to_str().unwrap();
    let made = pair.door.proxyctl(&["backup", file, "--config", config]).await;
    made.assert_code(exit::DONE);
    let unpacked = std::process::Command::new("tar")
        .args(["-xzOf", file])
        .output()
        .unwrap();
    assert!(unpacked.status.success());
    let text = String::from_utf8_lossy(&unpacked.stdout).into_owned();
    assert!(text.contains("next_operation") && !text.contains(&key), "{text}");
    pair.door.sigterm();
    pair.door.end(secs(30)).await;
    let restored = pair
        .door
        .proxyctl(&["restore", file, "--config", config, "--force"])
        .await;
    restored.assert_code(exit::DONE);
    pair.door.restart().await;
    assert_eq!(seen_by(&pair, &look.cookie()).await, "blue");
    assert!(pair.door.environment("prod").await.previews.is_empty());
}
