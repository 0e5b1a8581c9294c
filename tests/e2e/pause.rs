//! `proxyctl pause`: an app is restarted in place, and no request fails, whatever its method (N13).

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::common::app::Health;
use crate::common::client::Client;
use crate::common::door::{Door, QUICK};
use crate::common::fixture::{HOST, Pair};
use crate::common::load::{EVERY_METHOD, Load, next, open_web_socket};
use crate::common::port::reserve;
use crate::common::process::{Process, until_let_go};
use crate::common::{count, eventually, holds, ms, secs};
use futures_util::SinkExt;
use greengate::model::api::{Event, PauseStep, exit};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

const TIMED_OUT: u8 = 124;
const FAILED: u8 = 125;

fn resumed(events: &[Event]) -> bool {
    matches!(events.last(), Some(Event::Pause(PauseStep::Resumed { .. })))
}

/// A shell script in the door's folder.
fn script(door: &Door, name: &str, text: &str) -> PathBuf {
    let file = door.folder().join(name);
    std::fs::write(&file, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    file
}

#[tokio::test(flavor = "multi_thread")]
async fn n13_requests_wait_while_the_command_runs_and_go_on_when_the_app_is_well() {
    let pair = Pair::tls("").await;
    let (begun, go) = (pair.door.folder().join("begun"), pair.door.folder().join("go"));
    let file = script(&pair.door, "restart.sh", &until_let_go(&begun, &go));
    // What is under way ends before the command begins.
    pair.blue.answer_when("/slow-one", "slow", "slow");
    let slow = pair.request("POST", "/slow-one");
    pair.blue.reached("/slow-one").await;
    let pause = pair
        .door
        .watch_plain(&["pause", "prod", "--json", "--", file.to_str().unwrap()]);
    pair.door.step(Some("drain")).await;
    let early = pair.request("POST", "/early");
    pair.door.held("prod", 1).await;
    assert!(!begun.exists(), "the app still holds a request");
    pair.blue.release("slow");
    assert_eq!(slow.await.unwrap().text(), "slow");
    pair.door.step(Some("paused")).await;
    eventually(secs(10), || async {
        holds(begun.exists(), || "the command did not begin".into())
    })
    .await;
    // The worst restart there is.
    pair.blue.stop_hard().await;
    let late = pair.request("DELETE", "/late");
    pair.door.held("prod", 2).await;
    std::fs::write(&go, "").unwrap();
    pair.door.step(Some("gate")).await;
    pair.blue.health(Health::status(503));
    pair.blue.listen().await;
    pair.door.held("prod", 2).await;
    pair.blue.health(Health::status(200));
    let finished = pause.finish().await;
    finished.assert_code(exit::DONE);
    assert!(resumed(&finished.events), "{finished:#?}");
    for answer in [early.await.unwrap(), late.await.unwrap()] {
        assert_eq!((answer.status, answer.app()), (200, "blue"));
    }
    pair.door.step(None).await;
    pair.ledger.assert_no_post_twice();
    let history = pair.door.proxyctl(&["history", "prod"]).await;
    history.assert_says(&["pause #"]).assert_says(&["serves again"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn n13_who_stops_watching_a_pause_is_told_that_requests_are_still_held() {
    let pair = Pair::plain("").await;
    pair.blue.answer_when("/slow-one", "slow", "slow");
    let slow = pair.request("POST", "/slow-one");
    pair.blue.reached("/slow-one").await;
    let pause = pair.door.watch(&["pause", "prod"]);
    pair.door.step(Some("drain")).await;
    let output = pause.interrupt().await;
    output.assert_code(exit::STOPPED_WAITING);
    output.assert_says(&["requests are still held"]);
    output.assert_says(&["`proxyctl resume prod`"]);
    let held = pair.request("GET", "/held");
    pair.door.held("prod", 1).await;
    pair.blue.release("slow");
    slow.await.unwrap();
    pair.door.step(Some("paused")).await;
    pair.door.proxyctl(&["resume", "prod"]).await.assert_code(exit::DONE);
    assert_eq!(held.await.unwrap().status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn n13_websockets_and_event_streams_end_politely_and_downloads_to_their_end() {
    let pair = Pair::tls("").await;
    let mut socket = open_web_socket(&pair.target(), "/ws").await.unwrap();
    socket.send(Message::text("here")).await.unwrap();
    assert_eq!(next(&mut socket).await.unwrap(), Message::text("here"));
    let events = pair.request("GET", "/sse?n=100000&ms=20");
    let download = pair.request("GET", "/stream?chunks=40&size=2000&ms=25");
    pair.blue.reached("/sse").await;
    pair.blue.reached("/stream").await;
    let begin = tokio::time::Instant::now();
    let pause = pair.door.watch(&["pause", "prod"]);
    match next(&mut socket).await.unwrap() {
        Message::Close(Some(frame)) => assert_eq!(frame.code, CloseCode::Restart),
        other => panic!("{other:?} instead of a close"),
    }
    let events = events.await.unwrap();
    assert!(events.text().ends_with("\n\n"), "an event was cut");
    let finished = pause.finish().await;
    finished.assert_code(exit::DONE);
    // `drain.streams` is a minute.
    assert!(begin.elapsed() < secs(30), "it took {:?}", begin.elapsed());
    assert_eq!(
        download.await.unwrap().body.len(),
        40 * 2000,
        "a download takes its time"
    );
    pair.door.proxyctl(&["resume", "prod"]).await.assert_code(exit::DONE);
    assert_eq!(pair.serving().await, "blue");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_pause_lasts_until_resume() {
    let pair = Pair::tls("").await;
    let output = pair.door.proxyctl(&["pause", "prod"]).await;
    output.assert_code(exit::DONE).assert_says(&["proxyctl resume prod"]);
    let one = pair.request("POST", "/one");
    pair.door.held("prod", 1).await;
    // Nobody else takes the environment meanwhile, and everybody is told who has it.
    for args in [&["swap", "prod"][..], &["pause", "prod"]] {
        let busy = pair.door.proxyctl(args).await;
        busy.assert_code(exit::BUSY)
            .assert_says(&["pause"])
            .assert_says(&["proxyctl resume prod"]);
    }
    pair.door.rewrite(|text| format!("{text}label = \"staging\"\n"));
    pair.door.reload(&[]).await.assert_code(exit::BUSY);
    let status = pair.door.proxyctl(&["status"]).await;
    status.assert_says(&["pause by"]).assert_says(&["step paused"]);
    // `resume` waits for health, and says what it waits for.
    pair.blue.health(Health::status(503));
    let mut resume = pair.door.watch(&["resume", "prod"]);
    resume.gating().await;
    pair.door.held("prod", 1).await;
    pair.blue.health(Health::status(200));
    let finished = resume.finish().await;
    finished.assert_code(exit::DONE);
    assert_eq!(one.await.unwrap().status, 200);
    let again = pair.door.proxyctl(&["resume", "prod"]).await;
    again.assert_code(exit::REFUSED).assert_says(&["is not paused"]);
    pair.door.swap("prod", &[]).await.assert_done();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_pause_ends_at_its_limit_by_itself() {
    let pair = Pair::tls("").await;
    pair.door
        .proxyctl(&["pause", "prod", "--timeout", "1s"])
        .await
        .assert_code(exit::DONE);
    let one = pair.request("POST", "/one");
    assert_eq!(one.await.unwrap().status, 200);
    pair.door.step(None).await;
    let history = pair.door.proxyctl(&["history", "prod"]).await;
    history.assert_says(&["its limit of 1 s was reached"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn n13_if_health_does_not_come_back_in_time_the_held_requests_get_503() {
    let pair = Pair::tls("").await;
    pair.blue.health(Health::status(500).body("no database"));
    let mut pause = pair
        .door
        .watch_plain(&["pause", "prod", "--timeout", "2s", "--json", "--", "true"]);
    pause
        .until("`pausing`", |event| {
            matches!(event, Event::Pause(PauseStep::Pausing { .. }))
        })
        .await;
    let held = [pair.request("POST", "/one"), pair.request("GET", "/two")];
    let finished = pause.finish().await;
    assert_eq!(finished.code, i32::from(TIMED_OUT), "{finished:#?}");
    let said = format!("{:?}", finished.events.last());
    assert!(said.contains("Lapsed") && said.contains("no database"), "{said}");
    for answer in held {
        let answer = answer.await.unwrap();
        assert_eq!(answer.status, 503);
        assert!(answer.field("retry-after").is_some(), "{answer:?}");
    }
    // What comes after it goes to the app, whatever that says.
    pair.door.step(None).await;
    assert_eq!(pair.get("/three").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_exit_code_is_passed_on_and_ours_are_those_of_timeout() {
    let pair = Pair::tls("health.passes = 1\n").await;
    for (command, code) in [
        (&["true"][..], 0),
        (&["sh", "-c", "exit 3"], 3),
        (&["sh", "-c", "kill -9 $$"], 137),
        (&["./no-such-command"], 127),
        (&["./proxy.toml"], 126),
    ] {
        let output = pair.door.proxyctl(&[&["pause", "prod", "--"], command].concat()).await;
        assert_eq!(output.code, code, "{command:?}: {output:#?}");
        // Whatever became of it, the app serves again.
        pair.door.step(None).await;
        assert_eq!(pair.serving().await, "blue");
    }
    let output = pair
        .door
        .proxyctl(&["pause", "prod", "--", "echo", "from the command"])
        .await;
    assert_eq!(output.stdout, "from the command\n", "its output is the only data");
    pair.door
        .proxyctl(&["pause", "nowhere", "--", "true"])
        .await
        .assert_code(FAILED);
    pair.door.proxyctl(&["pause", "nowhere"]).await.assert_code(exit::USAGE);
    pair.door.proxyctl(&["pause", "prod"]).await.assert_code(exit::DONE);
    pair.door
        .proxyctl(&["pause", "prod", "--", "true"])
        .await
        .assert_code(FAILED);
    pair.door.proxyctl(&["resume", "prod"]).await.assert_code(exit::DONE);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_takes_too_long_is_asked_to_end_and_requests_go_on() {
    let pair = Pair::tls("health.passes = 1\n").await;
    let file = script(
        &pair.door,
        "long.sh",
        "trap 'echo asked > asked; exit 0' TERM\nwhile true; do sleep 0.05; done",
    );
    let pause = pair.door.watch_plain(&[
        "pause",
        "prod",
        "--timeout",
        "1s",
        "--json",
        "--",
        file.to_str().unwrap(),
    ]);
    pair.door.step(Some("paused")).await;
    let one = pair.request("POST", "/one");
    let finished = pause.finish().await;
    assert_eq!(finished.code, i32::from(TIMED_OUT), "{finished:#?}");
    assert_eq!(one.await.unwrap().status, 200, "the app was well all the time");
    assert!(
        pair.door.folder().join("asked").exists(),
        "the command was not asked to end"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn n13_a_pause_at_its_limit_gives_the_app_the_time_that_its_passes_take() {
    // Four seconds from the first probe to the third.
    let slowly = "health.interval = \"2s\"\nhealth.passes = 3\n";
    let pair = Pair::tls(slowly).await;
    let pause = pair.door.proxyctl(&["pause", "prod", "--timeout", "1s"]).await;
    pause.assert_code(exit::DONE);
    let one = pair.request("POST", "/one").await.unwrap();
    assert_eq!(one.status, 200, "the app was well all the time: {}", one.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_that_waits_for_a_request_too_long_touches_nothing() {
    let pair = Pair::tls("").await;
    pair.blue.answer_when("/slow-one", "slow", "slow");
    let slow = pair.request("POST", "/slow-one");
    pair.blue.reached("/slow-one").await;
    let ran = pair.door.folder().join("ran");
    let args = ["pause", "prod", "--timeout", "1s", "--", "touch", ran.to_str().unwrap()];
    let pause = pair.door.proxyctl(&args);
    let one = async {
        pair.door.step(Some("drain")).await;
        pair.request("POST", "/one").await.unwrap()
    };
    let (output, one) = tokio::join!(pause, one);
    output.assert_code(TIMED_OUT).assert_says(&["did not end within 1 s"]);
    assert_eq!(one.status, 200);
    assert!(!ran.exists());
    pair.blue.release("slow");
    assert_eq!(slow.await.unwrap().text(), "slow", "what was under way is not harmed");
}

#[tokio::test(flavor = "multi_thread")]
async fn n13_a_proxyctl_that_dies_releases_its_pause() {
    let pair = Pair::tls("health.passes = 1\n").await;
    for round in 0..3 {
        let mut pause = pair.door.watch_plain(&["pause", "prod", "--json", "--", "sleep", "20"]);
        pause
            .until("`paused`", |event| {
                matches!(event, Event::Pause(PauseStep::Paused { .. }))
            })
            .await;
        let one = pair.request("POST", &format!("/one-{round}"));
        pair.door.held("prod", 1).await;
        pause.kill9().await;
        assert_eq!(one.await.unwrap().status, 200, "round {round}");
        pair.door.step(None).await;
    }
    let history = pair.door.proxyctl(&["history", "prod"]).await;
    history.assert_says(&["whoever asked for it is gone"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_does_not_outlive_the_daemon() {
    let pair = Pair::tls("").await;
    pair.door
        .proxyctl(&["pause", "prod", "--timeout", "10m"])
        .await
        .assert_code(exit::DONE);
    pair.door.kill9();
    pair.door.restart().await;
    assert_eq!(pair.serving().await, "blue");
    assert!(pair.door.environment("prod").await.operation.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_does_not_outlive_a_daemon_that_dies() {
    let pair = Pair::tls("").await;
    let folder = tempfile::tempdir().unwrap();
    let (begun, ended) = (folder.path().join("begun"), folder.path().join("ended"));
    let script = format!(
        "trap 'touch {}; exit' TERM; touch {}; while :; do sleep 0.05; done",
        ended.display(),
        begun.display()
    );
    let pause = pair
        .door
        .watch_plain(&["pause", "prod", "--json", "--", "sh", "-c", &script]);
    eventually(secs(20), || async { holds(begun.exists(), || "not begun".to_owned()) }).await;
    pair.door.kill9();
    let finished = pause.finish().await;
    assert_eq!(finished.code, 125, "{finished:#?}");
    assert!(finished.stderr.contains("is asked to end (SIGTERM)"), "{finished:#?}");
    assert!(ended.exists(), "nobody has told it");
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_its_command_a_pause_can_be_interrupted() {
    let pair = Pair::tls("").await;
    pair.blue.health(Health::status(503));
    let pause = pair
        .door
        .watch_plain(&["pause", "prod", "--timeout", "10m", "--json", "--", "true"]);
    pair.door.step(Some("gate")).await;
    pause.signal_interrupt();
    let finished = pause.finish().await;
    assert_eq!(finished.code, 125, "{finished:#?}");
    assert!(finished.stderr.contains("interrupted"), "{finished:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn n13_restarts_in_place_under_load_fail_nobody_whatever_the_method() {
    let pair = Pair::tls("health.passes = 1\n").await;
    let load = Load::start(pair.target(), &EVERY_METHOD).await;
    for round in 0..count(5, 40) {
        let mut pause = pair.door.watch(&["pause", "prod"]);
        pause
            .until("`paused`", |event| {
                matches!(event, Event::Pause(PauseStep::Paused { .. }))
            })
            .await;
        // Nothing is under way, so that even this harms nobody.
        pair.blue.stop_hard().await;
        pause.finish().await.assert_code(exit::DONE);
        tokio::time::sleep(ms(fastrand::u64(0..60))).await;
        let resume = pair.door.watch(&["resume", "prod"]);
        pair.blue.listen().await;
        resume.finish().await.assert_code(exit::DONE);
        load.more(40).await;
        assert!(
            load.so_far().failures.is_empty(),
            "round {round}: {:?}",
            load.so_far().failures
        );
    }
    load.stop().await.assert_no_failures();
    pair.ledger.assert_no_post_twice();
}

/// What runs a real app, with the arguments PORT, NAME and VERSION to come.
fn runtime(node: bool) -> String {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    if node {
        return format!("node {}", tests.join("apps/node-app/server.js").display());
    }
    let python = tests.join(".venv/bin/python");
    assert!(python.exists(), "{} is missing: `tests/run` makes it", python.display());
    format!("{} {}", python.display(), tests.join("apps/fastapi_app.py").display())
}

/// Restarts a real app as a person would: stop it, start it at the same address, come back when it listens.
async fn real_restarts(node: bool) {
    let (_port, address) = reserve();
    let run = runtime(node);
    let start = |version: usize| {
        let mut words = run.split(' ');
        let mut command = std::process::Command::new(words.next().unwrap());
        command
            .args(words)
            .args([&address.port().to_string(), "only", &format!("v{version}")]);
        Process::spawn(&format!("v{version}"), command)
    };
    let mut app = start(0);
    eventually(secs(30), || async {
        Client::plain(address)
            .await
            .map(drop)
            .map_err(|broken| broken.to_string())
    })
    .await;
    let config = format!("{QUICK}health.passes = 1\n[env.prod]\nhost = \"{HOST}\"\nupstream = \"{address}\"\n");
    let config = config.replace("health.passes = 2\n", "");
    let door = Door::start(&config).await;
    let load = Load::start(door.target(HOST), &EVERY_METHOD).await;
    let rounds = count(3, 20);
    for round in 1..=rounds {
        // The command stands for `systemctl restart app`: it waits until the one that owns the process has done it.
        let (begun, done) = (door.folder().join("begun"), door.folder().join("done"));
        let file = script(&door, "restart.sh", &until_let_go(&begun, &done));
        let pause = door.watch_plain(&["pause", "prod", "--json", "--", file.to_str().unwrap()]);
        eventually(secs(30), || async {
            holds(begun.exists(), || "the command did not begin".into())
        })
        .await;
        app.term();
        app.end(secs(30)).await;
        app = start(round);
        std::fs::write(&done, "").unwrap();
        let finished = pause.finish().await;
        finished.assert_code(exit::DONE);
        std::fs::remove_file(&begun).unwrap();
        std::fs::remove_file(&done).unwrap();
        load.more(60).await;
    }
    let tally = load.stop().await;
    let name = if node { "Node" } else { "uvicorn" };
    eprintln!(
        "{name}: {rounds} restarts under `pause --`, {} good exchanges of every method, slowest {:?}",
        tally.total(),
        tally.slowest
    );
    tally.assert_no_failures();
}

#[tokio::test(flavor = "multi_thread")]
async fn n13_node_is_restarted_in_place_and_no_method_fails() {
    real_restarts(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn n13_uvicorn_is_restarted_in_place_and_no_method_fails() {
    real_restarts(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn n21_what_a_pause_left_behind_is_waited_for_by_the_swap_after_it() {
    let pair = Pair::tls("").await;
    pair.blue.answer_when("/slow-one", "slow", "slow");
    let slow = pair.request("POST", "/slow-one");
    pair.blue.reached("/slow-one").await;
    let lapsed = pair.door.proxyctl(&["pause", "prod", "--timeout", "1s"]).await;
    assert_ne!(lapsed.code, 0, "{}", lapsed.all());
    let mut swap = pair.door.watch(&["swap", "prod"]);
    swap.switched().await;
    swap.drains().await;
    pair.blue.release("slow");
    assert_eq!(slow.await.unwrap().text(), "slow");
    swap.finish().await.assert_done();
}

/// The request that outlived the first is inside of the app that the second is going to restart.
#[tokio::test(flavor = "multi_thread")]
async fn n13_a_pause_waits_for_what_an_earlier_one_or_a_swap_has_left_at_the_same_app() {
    for by_a_swap in [false, true] {
        let pair = Pair::tls("").await;
        pair.blue.answer_when("/slow-one", "slow", "slow");
        let slow = pair.request("POST", "/slow-one");
        pair.blue.reached("/slow-one").await;
        if by_a_swap {
            pair.door.swap("prod", &["--no-wait"]).await.assert_code(exit::DONE);
            pair.door.step(None).await;
            pair.door.rollback("prod", &["--no-wait"]).await.assert_code(exit::DONE);
            pair.door.step(None).await;
        } else {
            let lapsed = pair
                .door
                .proxyctl(&["pause", "prod", "--timeout", "1s", "--", "true"])
                .await;
            assert_ne!(lapsed.code, i32::from(exit::DONE), "{}", lapsed.all());
        }
        let begun = pair.door.folder().join("begun");
        let pause = pair
            .door
            .watch_plain(&["pause", "prod", "--json", "--", "touch", begun.to_str().unwrap()]);
        pair.door.step(Some("drain")).await;
        let held = pair.request("POST", "/held");
        pair.door.held("prod", 1).await;
        assert!(!begun.exists(), "the app still holds a request");
        pair.blue.release("slow");
        assert_eq!(slow.await.unwrap().text(), "slow");
        pause.finish().await.assert_code(exit::DONE);
        assert!(begun.exists());
        assert_eq!(held.await.unwrap().status, 200);
    }
}
