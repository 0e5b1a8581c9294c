//! `proxyctl status --watch`: a table that can be read at 80 columns, and a stream of JSON lines.

use crate::common::door::Door;
use crate::common::fixture::{HOST, Pair};
use crate::common::load::{Kind, Load, open_web_socket};
use crate::common::printed::Printed;
use crate::common::secs;
use greengate::model::api::{Status, exit};

/// A `proxyctl status --watch` that runs.
struct Watch {
    printed: Printed,
    /// The first line of the picture that comes next, once it was read.
    begun: Option<String>,
}

impl Watch {
    fn start(door: &Door, args: &[&str]) -> Self {
        Self {
            printed: Printed::start(door, &[&["status", "--watch"], args].concat()),
            begun: None,
        }
    }

    /// One picture: up to the first line of the next one.
    async fn picture(&mut self) -> Vec<String> {
        let mut lines = vec![match self.begun.take() {
            Some(first) => first,
            None => self.printed.line().await,
        }];
        loop {
            let line = self.printed.line().await;
            if line.starts_with("proxyd ") {
                self.begun = Some(line);
                return lines;
            }
            lines.push(line);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_shows_every_service_in_eighty_columns() {
    let pair = Pair::tls("").await;
    let _socket = open_web_socket(&pair.target(), "/ws").await.unwrap();
    let load = Load::start(pair.target(), &[(Kind::Get, 2), (Kind::Post, 1)]).await;
    let mut watch = Watch::start(&pair.door, &[]);
    let first = watch.picture().await;
    let second = watch.picture().await;
    eprintln!("{}", second.join("\n"));
    assert!(
        first[0].contains("MiB") && first[0].contains("connection"),
        "{first:#?}"
    );
    let row = |picture: &[String]| {
        let found = picture.iter().find(|line| line.starts_with("prod "));
        found.unwrap_or_else(|| panic!("no row: {picture:#?}")).clone()
    };
    let cells: Vec<String> = row(&second).split_whitespace().map(str::to_owned).collect();
    assert_eq!((cells[1].as_str(), cells[3].as_str()), ("blue", "✓"), "{cells:?}");
    let rate: f64 = cells[6].parse().unwrap_or_else(|_| panic!("no rate in {cells:?}"));
    assert!(rate > 10.0, "{cells:?}");
    let all = |name: &str| second.iter().any(|line| line.contains(name));
    for name in [
        "SERVICE", "LIVE", "HEALTH", "REQ/S", "APP", "PRX", "P50/P95", "HELD", "WS", "CERT",
    ] {
        assert!(all(name), "{name} is missing: {second:#?}");
    }
    assert_eq!(cells[cells.len() - 2], "1", "one WebSocket: {cells:?}");
    let lately = second.iter().position(|line| line.starts_with("LAST MINUTE"));
    let minute = &second[lately.expect("the last minute") + 1];
    assert!(minute.starts_with("prod ") && minute.contains('▁'), "{minute}");
    for line in first.iter().chain(&second) {
        assert!(line.chars().count() <= 80, "{} columns: {line}", line.chars().count());
        assert!(!line.contains('\u{1b}'), "colours without a terminal: {line:?}");
    }
    load.stop().await.assert_no_failures();
    // What cannot be seen from the columns is said below the row.
    pair.door.proxyctl(&["pause", "prod"]).await.assert_code(exit::DONE);
    pair.door
        .proxyctl(&["maintenance", "prod", "on"])
        .await
        .assert_code(exit::DONE);
    let text = loop {
        let text = watch.picture().await.join("\n");
        if text.contains("maintenance by") {
            break text;
        }
    };
    assert!(text.contains("pause by") && text.contains("step paused"), "{text}");
    assert_eq!(watch.printed.interrupt().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_environment_shows_who_fails_since_when_and_what_helps() {
    let pair = Pair::tls("").await;
    pair.door.swap("prod", &[]).await.assert_code(exit::DONE);
    pair.get("/status/500").await;
    pair.green.stop_hard().await;
    let mut watch = Watch::start(&pair.door, &["--environment", "prod"]);
    let picture = loop {
        let picture = watch.picture().await;
        let text = picture.join("\n");
        if text.contains("not healthy") && text.contains("1 in a minute") {
            break picture;
        }
    };
    let text = picture.join("\n");
    eprintln!("{text}");
    for words in [
        "connection refused",
        "way back: proxyctl rollback prod",
        "requests/s",
        "5xx by door",
        "proxyctl logs prod --fault app",
        "/status/500  app: answered 500",
    ] {
        assert!(text.contains(words), "{words:?} is missing:\n{text}");
    }
    let bad = picture.iter().find(|line| line.contains("5xx by app")).unwrap();
    assert!(bad.contains('█') || bad.contains('▃'), "one failure is seen: {bad}");
    assert!(picture.iter().all(|line| line.chars().count() <= 80), "{text}");
    assert_eq!(watch.printed.interrupt().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn json_is_one_status_a_second_on_a_line_each() {
    let pair = Pair::tls("").await;
    let mut watch = Watch::start(&pair.door, &["prod", "--json"]);
    let begin = tokio::time::Instant::now();
    for _ in 0..3 {
        let line = watch.printed.line().await;
        let status: Status = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert_eq!(status.environments[0].services[0].routes, [HOST]);
    }
    assert!(begin.elapsed() >= secs(2), "three lines in {:?}", begin.elapsed());
    // A daemon that restarts is waited for.
    pair.door.kill9();
    pair.door.restart().await;
    let status: Status = serde_json::from_str(&watch.printed.line().await).unwrap();
    assert!(status.pid > 0);
    let nowhere = pair.door.proxyctl(&["status", "nowhere", "--watch"]).await;
    nowhere.assert_code(exit::USAGE);
}
