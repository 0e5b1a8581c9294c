//! `proxyctl pause ENV --writes`: readers see nothing of a migration, and no write is lost, refused or done twice (N35).

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::common::app::{Health, Step, send};
use crate::common::door::{Door, QUICK_PLAIN};
use crate::common::fixture::{HOST, PLAIN, Pair};
use crate::common::load::{next, open_web_socket};
use crate::common::notes::Notes;
use crate::common::place::{Place, Runtime, python, tests};
use crate::common::process::until_let_go;
use crate::common::{eventually, holds, secs};
use futures_util::SinkExt;
use greengate::model::api::exit;
use tokio_tungstenite::tungstenite::Message;

const TIMED_OUT: u8 = 124;

/// A command that says that it has begun, and runs until it is let go.
fn command(door: &Door) -> (PathBuf, PathBuf, PathBuf) {
    let (begun, go) = (door.folder().join("begun"), door.folder().join("go"));
    let file = door.folder().join("migrate.sh");
    std::fs::write(&file, format!("#!/bin/sh\n{}\n", until_let_go(&begun, &go))).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    (file, begun, go)
}

async fn exists(file: &Path) {
    eventually(secs(10), || async {
        holds(file.exists(), || "the command did not begin".into())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn n35_the_command_runs_when_no_write_is_inside_and_reads_and_streams_go_on() {
    let pair = Pair::tls("").await;
    let (file, begun, go) = command(&pair.door);
    // Three writes are under way: one waits for its answer, one is still sent, and one is still answered.
    pair.blue.answer_when("/slow", "slow", "slow");
    pair.blue.on(
        "/long",
        vec![
            Step::ReadBody,
            send("HTTP/1.1 200 OK\r\nX-App: blue\r\nContent-Length: 6\r\n\r\nabc"),
            Step::Until("long"),
            send("def"),
        ],
    );
    let slow = pair.request("POST", "/slow");
    pair.blue.reached("/slow").await;
    let mut upload = pair.target().client().await.unwrap();
    upload
        .send(format!(
            "PUT /upload HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 4\r\n\r\nab"
        ))
        .await
        .unwrap();
    pair.blue.reached("/upload").await;
    let mut long = pair.target().client().await.unwrap();
    long.send(format!("DELETE /long HTTP/1.1\r\nHost: {HOST}\r\n\r\n"))
        .await
        .unwrap();
    assert_eq!(long.head().await.unwrap().0, 200);
    let mut socket = open_web_socket(&pair.target(), "/ws").await.unwrap();
    let pause = pair
        .door
        .watch_plain(&["pause", "prod", "--writes", "--json", "--", file.to_str().unwrap()]);
    pair.door.step(Some("drain")).await;
    let mut held = Vec::new();
    for (index, (method, target)) in [("POST", "/w0"), ("PATCH", "/w1"), ("DELETE", "/w2")]
        .into_iter()
        .enumerate()
    {
        held.push(pair.request(method, target));
        pair.door.held("prod", index as u64 + 1).await;
    }
    let h2 = pair.door.h2(HOST).await.unwrap();
    let written = tokio::spawn(async move {
        let answer = h2.post(HOST, "/w3", b"x").await.expect("an answer");
        (h2, answer)
    });
    pair.door.held("prod", 4).await;
    // One after the other they end; the command waits for the last of them.
    pair.blue.release("slow");
    assert_eq!(slow.await.unwrap().text(), "slow");
    upload.send("cd").await.unwrap();
    assert_eq!(upload.response("PUT").await.unwrap().status, 200);
    for method in ["GET", "HEAD", "OPTIONS"] {
        assert_eq!(pair.request(method, "/read").await.unwrap().status, 200, "{method}");
    }
    pair.door.step(Some("drain")).await;
    assert!(!begun.exists(), "a write is still being answered");
    pair.blue.release("long");
    exists(&begun).await;
    let status = pair.door.proxyctl(&["status", "prod"]).await;
    status
        .assert_says(&["pause of writes by"])
        .assert_says(&["4 requests held"]);
    // Readers see nothing of it, whatever they speak.
    for method in ["GET", "HEAD", "OPTIONS"] {
        assert_eq!(pair.request(method, "/read").await.unwrap().status, 200, "{method}");
    }
    let reader = pair.door.h2(HOST).await.unwrap();
    assert_eq!(reader.get(HOST, "/read").await.unwrap().status, 200);
    socket.send(Message::text("still there")).await.unwrap();
    assert_eq!(next(&mut socket).await.unwrap(), Message::text("still there"));
    assert!(
        open_web_socket(&pair.target(), "/ws").await.is_ok(),
        "a stream begins as a read"
    );
    pair.door.held("prod", 4).await;
    std::fs::write(&go, "").unwrap();
    pause.finish().await.assert_code(exit::DONE);
    for answer in held {
        assert_eq!(answer.await.unwrap().status, 200);
    }
    assert_eq!(written.await.unwrap().1.status, 200);
    let writes: Vec<_> = pair.blue.targets().into_iter().filter(|it| it.contains("/w")).collect();
    let mut each: Vec<_> = writes
        .iter()
        .filter_map(|it| it.split("/w").nth(1)?.parse::<u8>().ok())
        .collect();
    each.sort_unstable();
    assert_eq!(each, [0, 1, 2, 3], "each of them once: {writes:?}");
    socket.send(Message::text("to the end")).await.unwrap();
    assert_eq!(next(&mut socket).await.unwrap(), Message::text("to the end"));
    let history = pair.door.proxyctl(&["history", "prod"]).await;
    history
        .assert_says(&["pause of writes #"])
        .assert_says(&["serves again"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn n35_a_write_that_does_not_end_leaves_the_app_alone() {
    let pair = Pair::plain("").await;
    let (file, begun, _) = command(&pair.door);
    pair.blue.answer_when("/slow", "slow", "slow");
    let slow = pair.request("POST", "/slow");
    pair.blue.reached("/slow").await;
    let arguments = [
        "pause",
        "prod",
        "--writes",
        "--timeout",
        "1s",
        "--",
        file.to_str().unwrap(),
    ];
    let output = pair.door.proxyctl(&arguments).await;
    output.assert_code(TIMED_OUT).assert_says(&["the app was not touched"]);
    assert!(!begun.exists());
    assert_eq!(pair.request("POST", "/next").await.unwrap().status, 200);
    pair.blue.release("slow");
    assert_eq!(slow.await.unwrap().text(), "slow");
}

#[tokio::test(flavor = "multi_thread")]
async fn n35_writes_wait_within_the_bounds_of_hold_and_the_rest_is_refused() {
    let pair = Pair::plain("hold.max_requests = 1\n").await;
    pair.door
        .proxyctl(&["pause", "prod", "--writes"])
        .await
        .assert_code(exit::DONE);
    let held = pair.request("POST", "/held");
    pair.door.held("prod", 1).await;
    assert_eq!(pair.request("POST", "/refused").await.unwrap().status, 503);
    assert_eq!(pair.get("/read").await.status, 200);
    // Nobody else takes the environment meanwhile, and a swap after it goes as ever.
    pair.door
        .proxyctl(&["swap", "prod"])
        .await
        .assert_code(exit::BUSY)
        .assert_says(&["pause of writes"]);
    pair.door.proxyctl(&["resume", "prod"]).await.assert_code(exit::DONE);
    assert_eq!(held.await.unwrap().status, 200);
    pair.door.swap("prod", &[]).await.assert_done();
}

#[tokio::test(flavor = "multi_thread")]
async fn n35_writes_are_released_behind_the_gate_and_in_the_order_in_which_they_came() {
    // Nobody of the queue looks after its client in the moment of the release, and comes first by that.
    let pair = Pair::plain_with("workers = 1", "")
        .hasty("look_after_client=600000")
        .await;
    pair.door
        .proxyctl(&["pause", "prod", "--writes"])
        .await
        .assert_code(exit::DONE);
    let mut held = Vec::new();
    for n in 0..20 {
        held.push(pair.request("POST", &format!("/in-order?n={n}")));
        pair.door.held("prod", n + 1).await;
    }
    pair.blue.health(Health::status(503));
    let mut resume = pair.door.watch(&["resume", "prod"]);
    resume.gating().await;
    // Some looks later they still wait, and who reads does not.
    let probes = pair.blue.probes();
    eventually(secs(30), || async {
        holds(pair.blue.probes() > probes + 3, || {
            "nobody asks the app for its health".into()
        })
    })
    .await;
    assert_eq!(pair.get("/read").await.status, 200);
    assert_eq!(pair.blue.asked("/in-order"), 0);
    pair.door.held("prod", 20).await;
    pair.blue.health(Health::status(200));
    resume.finish().await.assert_code(exit::DONE);
    for answer in held {
        assert_eq!(answer.await.unwrap().status, 200);
    }
    assert_eq!(pair.blue.in_order("/in-order?n="), (0..20).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn n35_a_pause_of_writes_ends_with_the_one_who_asked_for_it() {
    let pair = Pair::plain("").await;
    let (file, begun, go) = command(&pair.door);
    let pause = pair
        .door
        .watch_plain(&["pause", "prod", "--writes", "--json", "--", file.to_str().unwrap()]);
    exists(&begun).await;
    let held = pair.request("POST", "/held");
    pair.door.held("prod", 1).await;
    pause.kill9().await;
    assert_eq!(held.await.unwrap().status, 200);
    pair.door.step(None).await;
    std::fs::write(&go, "").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn n35_a_migration_of_sqlite_under_readers_and_writers_fails_nobody() {
    let mut place = Place::new("blue", Runtime::Uvicorn);
    let database = std::env::temp_dir().join(format!("greengate-notes-{}.db", place.address.port()));
    let remove = || {
        for ending in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{ending}", database.display()));
        }
    };
    remove();
    place.start("v1").await;
    let config = format!(
        "{QUICK_PLAIN}[env.prod]\nhost = \"{PLAIN}\"\nupstream = \"{}\"\n",
        place.address
    );
    let door = Door::start(&config).await;
    let notes = Notes::start(&door.plain_target(PLAIN), 2, 4);
    let migrate = tests().join("apps/migrate_notes.py");
    for round in 0..3 {
        let before = notes.reads();
        let python = python();
        let program = python.get_program().to_str().unwrap().to_owned();
        let arguments = [
            "pause",
            "prod",
            "--writes",
            "--",
            &program,
            migrate.to_str().unwrap(),
            database.to_str().unwrap(),
            &format!("column{round}"),
        ];
        door.proxyctl(&arguments).await.assert_code(exit::DONE);
        assert!(notes.reads() > before + 5, "readers waited for the migration");
    }
    notes.stop().await;
    place.stop().await;
    remove();
}

#[tokio::test(flavor = "multi_thread")]
async fn n35_a_write_on_the_side_that_a_swap_has_left_is_waited_for() {
    let pair = Pair::tls("").await;
    pair.blue.answer_when("/slow", "slow", "slow");
    let slow = pair.request("POST", "/slow");
    pair.blue.reached("/slow").await;
    let mut swap = pair.door.watch(&["swap", "prod"]);
    swap.switched().await;
    // From the drain on it holds nobody up.
    pair.door.step(None).await;
    let (file, begun, go) = command(&pair.door);
    let pause = pair
        .door
        .watch_plain(&["pause", "prod", "--writes", "--json", "--", file.to_str().unwrap()]);
    pair.door.step(Some("drain")).await;
    let held = pair.request("POST", "/held");
    pair.door.held("prod", 1).await;
    assert!(!begun.exists(), "blue still writes");
    pair.blue.release("slow");
    assert_eq!(slow.await.unwrap().text(), "slow");
    exists(&begun).await;
    std::fs::write(&go, "").unwrap();
    pause.finish().await.assert_code(exit::DONE);
    assert_eq!(held.await.unwrap().app(), "green");
    assert_eq!(swap.finish().await.safe_to_stop(), pair.safe(&pair.blue));
}
