//! `docs/incident.md`, played: an app dies at night. Every command of the page is run, and says what the page says.

use std::path::Path;

use greengate::model::api::exit;

use crate::common::app::Health;
use crate::common::door::Door;
use crate::common::fixture::Pair;
use crate::common::operation::Output;
use crate::common::prometheus::Prometheus;
use crate::common::{eventually, holds, secs};

const MANUAL: &str = include_str!("../../docs/incident.md");

/// Runs a command of the page.
async fn play(door: &Door, line: &str) -> Output {
    let command = format!("$ proxyctl {line}\n");
    assert!(MANUAL.contains(&command), "{command:?} is not on the page");
    door.proxyctl(&line.split(' ').collect::<Vec<_>>()).await
}

/// Whether the page and the command say all of this.
fn both_say(output: &Output, words: &[&str]) -> Result<(), String> {
    for word in words {
        assert!(MANUAL.contains(word), "{word:?} is not on the page");
        holds(output.all().contains(word), || {
            format!("{word:?} is missing: {output:#?}")
        })?;
    }
    Ok(())
}

/// Waits for a message that says all of this, as the page does.
async fn message(said: &Path, words: &[&str]) {
    for word in words {
        assert!(MANUAL.contains(word), "{word:?} is not on the page");
    }
    eventually(secs(20), || async {
        let text = std::fs::read_to_string(said).map_err(|error| error.to_string())?;
        let message: serde_json::Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
        let text = message["data"]["text"].as_str().unwrap_or_default();
        holds(words.iter().all(|word| text.contains(word)), || {
            format!("not {words:?}: {text}")
        })
    })
    .await;
}

/// Waits for an alert that says all of this, as the page does; it need not have lasted as long as its rule wants it to.
async fn alert(prometheus: &Prometheus, name: &str, words: &[&str]) {
    for word in words.iter().chain([&name]) {
        assert!(MANUAL.contains(word), "{word:?} is not on the page");
    }
    eventually(secs(20), || async {
        let alerts = prometheus.alerts(name).await;
        let mut texts = alerts.iter().map(|alert| alert["annotations"].to_string());
        let all_said = |text: String| words.iter().all(|word| text.contains(word));
        holds(alerts.len() == 1 && texts.all(all_said), || {
            format!("{name} with {words:?}: {alerts:?}")
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_dies_at_night_is_found_and_helped_as_the_page_says() {
    let phone = tempfile::tempdir().unwrap();
    let said = phone.path().join("said");
    // Longer than it takes to look what is wrong, every 5 s.
    let notify = format!(
        "[[notify]]\ncommand = \"sh -c 'cat > {0}.new; mv {0}.new {0}'\"\nevents = \"away\"\nfor = \"5500ms\"\n",
        said.display()
    );
    let pair = Pair::plain_with("metrics = \"127.0.0.1:0\"", &format!("hold.for = \"1s\"\n{notify}"))
        .hasty("notify_look=40")
        .await;
    let door = &pair.door;
    let prometheus = Prometheus::start(door.site("metrics").unwrap()).await;
    door.swap("prod", &[]).await.assert_code(exit::DONE);
    assert_eq!(pair.serving().await, "green");
    pair.green.stop_hard().await;

    // Visitors wait, and then are told; those who come later are told at once.
    let visits = ["/cart", "/pay", "/items"].map(|path| pair.get(path));
    for answer in futures_util::future::join_all(visits).await {
        assert_eq!(answer.status, 503);
    }

    // The message.
    message(
        &said,
        &[
            "prod cannot be reached for ",
            "At fault is the app, not the proxy.",
            "green is live, and is NOT well",
        ],
    )
    .await;
    message(
        &said,
        &[
            "connection refused",
            "What helps: proxyctl status prod; start the app again, or go back",
        ],
    )
    .await;

    // The alert.
    let help = "proxyctl status prod says why and since when; start the app, or: proxyctl rollback prod";
    let summary = "prod: prod (green) is live, and is not healthy";
    alert(&prometheus, "GreengateAppAway", &[summary, help]).await;

    eventually(secs(20), || async {
        let status = play(door, "status prod").await;
        let since = [
            "✗ not healthy for ",
            ": connection refused",
            "5xx: app ",
            ", proxy 0",
            "away for ",
            "way back: proxyctl rollback prod",
        ];
        both_say(&status, &since)
    })
    .await;
    play(door, "status prod --exit-code").await.assert_code(exit::FAILED);

    // Whose fault it is.
    let told = eventually(secs(20), || async {
        let told = play(door, "logs prod --fault app").await;
        both_say(&told, &["✗ 503 GET", " green ", "app: unreachable for longer"]).map(|()| told)
    })
    .await;
    assert_eq!(told.stdout.lines().count(), 3, "{told:#?}");
    let ours = door.proxyctl(&["logs", "prod", "--fault", "proxy"]).await;
    assert_eq!(ours.stdout, "");
    // Prometheus sees what grows from one look to the next.
    for path in ["/cart", "/pay", "/items", "/cart", "/pay", "/items"] {
        prometheus.scraped().await;
        assert_eq!(pair.get(path).await.status, 503);
    }
    let help = "proxyctl status prod --watch; proxyctl logs prod --fault app";
    let summary = "% of requests to prod fail by the fault of the app";
    alert(&prometheus, "GreengateErrors", &[summary, help]).await;
    let why = "sum by (fault, reason) (increase(greengate_errors_total{environment=\"prod\"}[10m]))";
    assert!(MANUAL.contains(why), "{why} is not on the page");
    let seen = prometheus.query(why).await;
    let absent = seen.iter().find(|one| one.labels["reason"].starts_with("unreachable"));
    assert!(
        absent.is_some_and(|one| one.labels["fault"] == "app" && one.value > 0.0),
        "{seen:?}"
    );
    door.says("the app is away").await;
    let log = door.process().log().text();
    assert_eq!(
        log.matches("the app is away").count(),
        1,
        "once, and not for every request: {log}"
    );
    assert!(log.contains("connection refused"), "{log}");

    // What changed last.
    let history = play(door, "history prod").await;
    both_say(&history, &["prod swap #", "blue → green", "✓ green live after "]).unwrap();

    // The way back is no better at first, and says so.
    pair.blue.health(Health::status(503));
    let refused = door.proxyctl(&["rollback", "prod", "--deadline", "500ms"]).await;
    refused.assert_code(exit::REFUSED);
    let stays =
        "Nothing was switched; green stays live, and is not healthy (connection refused): proxyctl status prod.";
    both_say(&refused, &[stays]).unwrap();
    pair.blue.health(Health::status(200));

    play(door, "rollback prod").await.assert_code(exit::DONE);
    assert_eq!(pair.serving().await, "blue");
    let well = eventually(secs(20), || async {
        let status = play(door, "status prod --exit-code").await;
        holds(status.code == i32::from(exit::DONE), || format!("{status:#?}")).map(|()| status)
    })
    .await;
    both_say(&well, &["✓ healthy"]).unwrap();
    let history = door.proxyctl(&["history", "prod"]).await;
    history.assert_says(&["prod rollback #"]);
    message(&said, &["prod is back, after "]).await;
}
