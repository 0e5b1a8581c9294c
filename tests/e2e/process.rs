//! The daemon as a process: it starts with what it remembers, says where it listens, survives stray signals, and stops without
//! cutting what was begun (N26, N27, E32). The control socket is spoken to directly.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use crate::common::app::{Health, Step, send};
use crate::common::client::{Client, Response};
use crate::common::door::Door;
use crate::common::fixture::Pair;
use crate::common::{eventually, holds, secs};
use greengate::model::api::{Event, Status, SwapStep};
use greengate::model::history::{Entry, Record};
use greengate::model::slot::Slot;

const SWAP: &[u8] = br#"{"environment":"prod","kind":"swap"}"#;
const SLOW: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow";

fn signal(door: &Door, name: &str) {
    let pid = door.process().pid().to_string();
    assert!(
        Command::new("kill")
            .args(["-s", name, &pid])
            .status()
            .unwrap()
            .success()
    );
}

fn proxyd(config: &Path) -> (Option<i32>, String) {
    let run = Command::new(env!("CARGO_BIN_EXE_proxyd"))
        .arg("--config")
        .arg(config)
        .output();
    let Output { status, stderr, .. } = run.unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}

async fn control(door: &Door) -> Client {
    Client::unix(&door.socket()).await.unwrap()
}

async fn status(door: &Door) -> Status {
    let answer = control(door).await.get("greengate", "/v1/status").await.unwrap();
    serde_json::from_slice(&answer.body).unwrap()
}

async fn history(door: &Door) -> Vec<Entry> {
    let answer = control(door)
        .await
        .get("greengate", "/v1/history?limit=100")
        .await
        .unwrap();
    answer
        .text()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

async fn swap(door: &Door) -> Event {
    let answer: Response = control(door)
        .await
        .post("greengate", "/v1/operations", SWAP)
        .await
        .unwrap();
    serde_json::from_str(answer.text().lines().last().unwrap()).unwrap()
}

/// A request that the app has and does not answer until it is released.
async fn under_way(pair: &Pair) -> Client {
    pair.blue.on("/slow", vec![Step::Until("go"), send(SLOW)]);
    pair.begin("/slow").await
}

#[tokio::test(flavor = "multi_thread")]
async fn n26_sigterm_finishes_what_was_begun_and_serves_newcomers_meanwhile() {
    let pair = Pair::plain("").await;
    let mut client = under_way(&pair).await;
    pair.door.sigterm();
    pair.door.says("stopping").await;
    for _ in 0..20 {
        let newcomer = pair.get("/who").await;
        assert_eq!((newcomer.status, newcomer.field("connection")), (200, Some("close")));
    }
    assert!(
        status(&pair.door).await.connections > 0,
        "the control socket answers to the end"
    );
    pair.blue.release("go");
    let answer = client.response("GET").await.unwrap();
    assert_eq!(
        (answer.status, answer.text().as_str(), answer.field("connection")),
        (200, "slow", Some("close"))
    );
    assert_eq!(pair.door.end(secs(30)).await.code(), Some(0));
    for gone in [pair.door.socket(), pair.door.state_dir().join("listeners.json")] {
        assert!(!gone.exists(), "{} is left behind", gone.display());
    }
    let lines = pair.door.access_log();
    assert_eq!(lines.lines().count(), 21, "{lines}");
    let journal = std::fs::read_to_string(pair.door.state_dir().join("journal.jsonl")).unwrap();
    let last: Entry = serde_json::from_str(journal.lines().last().unwrap()).unwrap();
    assert!(matches!(last.record, Record::Stopped { .. }), "{last:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_stops_at_once() {
    let pair = Pair::plain("").await;
    let mut client = under_way(&pair).await;
    pair.door.sigterm();
    pair.door.says("stopping").await;
    pair.door.process().interrupt();
    // `drain.requests` is a minute.
    assert_eq!(pair.door.end(secs(30)).await.code(), Some(0));
    assert!(client.response("GET").await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn n26_what_does_not_end_is_cut_after_the_longest_drain() {
    let pair = Pair::plain("drain.requests = \"1s\"\n").await;
    let mut client = under_way(&pair).await;
    pair.door.sigterm();
    assert_eq!(pair.door.end(secs(30)).await.code(), Some(0));
    assert!(client.response("GET").await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hangup_reloads_and_usr1_opens_the_log_again() {
    let pair = Pair::plain("").await;
    signal(&pair.door, "HUP");
    pair.door.says("reload: done").await;
    assert_eq!(pair.get("/one").await.status, 200);
    pair.door.logged("/one", 1).await;
    let moved = pair.door.folder().join("access.log.1");
    std::fs::rename(pair.door.folder().join("access.log"), &moved).unwrap();
    signal(&pair.door, "USR1");
    eventually(secs(10), || async {
        holds(pair.door.folder().join("access.log").exists(), || "not opened".into())
    })
    .await;
    assert_eq!(pair.get("/two").await.status, 200);
    pair.door.logged("/two", 1).await;
    assert!(!std::fs::read_to_string(moved).unwrap().contains("/two"));
}

#[tokio::test(flavor = "multi_thread")]
async fn n27_after_kill_9_the_recorded_slot_serves_and_a_finished_swap_is_finished() {
    let pair = Pair::plain("").await;
    assert!(matches!(
        swap(&pair.door).await,
        Event::Swap(SwapStep::Done { live: Slot::Green, .. })
    ));
    pair.door.kill9();
    pair.door.end(secs(30)).await;
    pair.door.restart().await;
    assert_eq!(pair.serving().await, "green");
    let now = status(&pair.door).await;
    assert_eq!(
        (now.environments[0].live, now.warnings),
        (Some(Slot::Green), Vec::<String>::new())
    );
    let entries = history(&pair.door).await;
    let starts = entries
        .iter()
        .filter(|entry| matches!(entry.record, Record::Started { .. }));
    assert_eq!(starts.count(), 2);
    let is_done = |entry: &&Entry| matches!(&entry.record, Record::Step { event } if matches!(**event, Event::Swap(SwapStep::Done { .. })));
    assert_eq!(entries.iter().filter(is_done).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn n27_a_swap_that_was_killed_at_the_gate_changed_nothing_and_is_told_about_once() {
    let pair = Pair::plain("health.deadline = \"60s\"\n").await;
    pair.green.health(Health::status(503));
    let mut watching = control(&pair.door).await;
    let request = format!(
        "POST /v1/operations HTTP/1.1\r\nHost: g\r\nContent-Length: {}\r\n\r\n",
        SWAP.len()
    );
    watching.send([request.as_bytes(), SWAP].concat()).await.unwrap();
    eventually(secs(10), || async {
        holds(pair.green.probes() > 2, || "not at the gate".into())
    })
    .await;
    pair.door.kill9();
    pair.door.end(secs(30)).await;
    pair.door.restart().await;
    assert_eq!(pair.serving().await, "blue");
    let warnings = status(&pair.door).await.warnings;
    assert_eq!(
        warnings,
        ["swap 1 of `prod` did not finish before the last stop; blue is live"]
    );
    pair.door.sigterm();
    pair.door.end(secs(30)).await;
    pair.door.restart().await;
    assert_eq!(status(&pair.door).await.warnings, Vec::<String>::new());
    let entries = history(&pair.door).await;
    let torn = entries
        .iter()
        .filter(|entry| matches!(entry.record, Record::Torn { .. }));
    assert_eq!(torn.map(|entry| entry.operation).collect::<Vec<_>>(), [Some(1)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_keeps_a_daemon_from_starting_is_said_with_its_exit_code() {
    let pair = Pair::plain("").await;
    let (code, said) = proxyd(&pair.door.config());
    assert_eq!(code, Some(1), "{said}");
    let pid = pair.door.process().pid();
    assert!(
        said.contains(&format!("another daemon (process {pid})")) && said.contains("hint: "),
        "{said}"
    );

    let broken = pair.door.folder().join("broken.toml");
    std::fs::write(&broken, "[env.prod]\nhost = \"a.example\"\nblau = 3000\n").unwrap();
    let (code, said) = proxyd(&broken);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("blau") && said.contains("broken.toml:3"), "{said}");

    pair.door.kill9();
    pair.door.end(secs(30)).await;
    std::fs::write(pair.door.state_dir().join("state.json"), "{\"version\":1,").unwrap();
    let (code, said) = proxyd(&pair.door.config());
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("state.json") && said.contains("is damaged") && said.contains("hint: "),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn e32_socket_and_state_are_for_the_daemons_user_alone() {
    let pair = Pair::plain("").await;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    let state = pair.door.state_dir();
    assert_eq!(mode(&pair.door.socket()), 0o600);
    assert_eq!(mode(&state), 0o700);
    assert!(matches!(swap(&pair.door).await, Event::Swap(SwapStep::Done { .. })));
    for name in ["state.json", "journal.jsonl", "listeners.json", "lock"] {
        assert_eq!(mode(&state.join(name)), 0o600, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_cannot_be_opened_keeps_no_site_down() {
    let pair = Pair::plain_with("", "").await;
    pair.door.kill9();
    pair.door.end(secs(30)).await;
    let text = std::fs::read_to_string(pair.door.config()).unwrap();
    let text: Vec<_> = text.lines().filter(|line| !line.starts_with("access_log")).collect();
    let text = text
        .join("\n")
        .replacen("[server]", "[server]\naccess_log = \"/nowhere/access.log\"", 1);
    std::fs::write(pair.door.config(), text).unwrap();
    pair.door.restart().await;
    assert_eq!(pair.get("/who").await.status, 200);
    let warnings = status(&pair.door).await.warnings;
    assert!(
        warnings.iter().any(|warning| warning.contains("/nowhere/access.log")),
        "{warnings:?}"
    );
    pair.door.says("\"path\":\"/who\"").await;
}
