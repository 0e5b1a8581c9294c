//! `proxyctl upgrade`: another process takes over, and nobody notices (N24, N25, N28). Whatever goes wrong with the new process, the
//! old one goes on as if nothing had been.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use crate::common::app::{App, Health};
use crate::common::client::tls;
use crate::common::door::{Door, PROGRAM, QUICK, TIMES, environment};
use crate::common::fixture::{HOST, Pair};
use crate::common::load::{Load, MIXED, next, open_web_socket};
use crate::common::port::reserve;
use crate::common::wire::Wire;
use crate::common::{count, eventually, holds, secs};
use futures_util::SinkExt as _;
use greengate::model::api::{CommonStep, Event, UpgradeStep, exit};
use greengate::model::handoff::EarlierProcess;
use rustls::HandshakeKind;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

/// Upgrades, and returns the process id of the new daemon.
async fn upgrade(door: &Door) -> u32 {
    let finished = door.watch(&["upgrade"]).finish().await;
    finished.assert_code(exit::DONE);
    let pid = finished.find(|event| match event {
        Event::Upgrade(UpgradeStep::Upgraded { pid, .. }) => Some(*pid),
        _ => None,
    });
    let pid = pid.expect("the last event names the new process");
    assert_eq!(door.status().await.pid, pid, "the control socket is the new process'");
    pid
}

/// Waits until no process but the newest is left.
async fn alone(door: &Door) {
    eventually(secs(30), || async {
        let earlier = door.status().await.earlier;
        holds(earlier.is_empty(), || format!("{earlier:?} still drain"))
    })
    .await;
}

async fn earlier(door: &Door) -> EarlierProcess {
    let mut earlier = door.status().await.earlier;
    assert_eq!(earlier.len(), 1, "{earlier:?}");
    earlier.remove(0)
}

/// The inode of the socket that listens at an address.
fn inode(address: SocketAddr) -> String {
    let wanted = format!("0100007F:{:04X}", address.port());
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let line = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    // `0A` is LISTEN.
    let mut found = line.filter(|fields| fields.get(1) == Some(&&*wanted) && fields[3] == "0A");
    let inode = found.next().unwrap_or_else(|| panic!("nothing listens at {address}"))[9].to_owned();
    assert!(found.next().is_none(), "two sockets listen at {address}");
    inode
}

#[tokio::test(flavor = "multi_thread")]
async fn n24_upgrades_under_load_of_every_kind_fail_nobody_and_the_sockets_stay_the_same() {
    // A thousand that wait are not all heard within the two seconds that other tests give them.
    let pair = Pair::tls("").await.hasty("drain_grace=10000").await;
    let (http, https) = (inode(pair.door.http()), inode(pair.door.https()));
    let load = Load::start(pair.target(), &MIXED).await;
    let mut pids = BTreeSet::from([pair.door.status().await.pid]);
    let rounds = count(3, 100);
    for round in 0..rounds {
        // Those that wait for a request go on with the process that they are connected to.
        let mut idle = Vec::new();
        for _ in 0..count(20, 1000) {
            let mut client = pair.target().client().await.unwrap();
            assert_eq!(client.get(HOST, "/who").await.unwrap().status, 200);
            idle.push(client);
        }
        load.more(50).await;
        assert!(pids.insert(upgrade(&pair.door).await), "the same process again");
        let asked = idle.iter_mut().map(|client| client.get(HOST, "/who"));
        for answer in futures_util::future::join_all(asked).await {
            let answer = answer.expect("the old process answers once more");
            assert_eq!(
                (answer.status, answer.field("connection")),
                (200, Some("close")),
                "round {round}"
            );
        }
        load.more(50).await;
        alone(&pair.door).await;
    }
    let tally = load.stop().await;
    eprintln!(
        "{rounds} upgrades, {} exchanges, slowest {:?}",
        tally.total(),
        tally.slowest
    );
    tally.assert_no_failures();
    pair.ledger.assert_no_post_twice();
    assert_eq!((inode(pair.door.http()), inode(pair.door.https())), (http, https));
    // What serves now can be swapped and stopped like any other.
    pair.door.swap("prod", &[]).await.assert_done();
    assert_eq!(pair.serving().await, "green");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_under_way_ends_in_the_old_process_and_status_says_what_that_waits_for() {
    let pair = Pair::tls("").await;
    let mut socket = open_web_socket(&pair.target(), "/ws").await.unwrap();
    pair.blue.answer_when("/slow-one", "slow", "slow");
    let mut slow = pair.begin("/slow-one").await;
    let old = pair.door.status().await.pid;
    upgrade(&pair.door).await;
    eventually(secs(10), || async {
        let one = earlier(&pair.door).await;
        let left = (one.pid, one.connections, one.requests, one.streams);
        holds(left == (old, 2, 1, 1), || format!("{one:?}"))
    })
    .await;
    pair.door
        .proxyctl(&["status"])
        .await
        .assert_says(&[&format!("process {old}"), "1 request and 1 stream to go"]);
    socket.send(Message::text("still here")).await.unwrap();
    assert_eq!(next(&mut socket).await.unwrap(), Message::text("still here"));
    pair.blue.release("slow");
    assert_eq!(slow.response("GET").await.unwrap().text(), "slow");
    socket.close(None).await.unwrap();
    alone(&pair.door).await;
    assert_eq!(pair.door.end(secs(10)).await.code(), Some(0));
    pair.door.proxyctl(&["history"]).await.assert_says(&["upgrade #"]);
    assert_eq!(pair.serving().await, "blue");
}

#[tokio::test(flavor = "multi_thread")]
async fn n1_an_app_is_safe_to_stop_only_when_the_earlier_process_has_nothing_in_it_either() {
    let pair = Pair::tls("").await;
    pair.blue.answer_when("/slow-one", "slow", "slow");
    let mut slow = pair.begin("/slow-one").await;
    upgrade(&pair.door).await;
    let mut swap = pair.door.watch(&["swap", "prod"]);
    swap.switched().await;
    assert_eq!(pair.serving().await, "green");
    assert_eq!(earlier(&pair.door).await.requests, 1);
    let holder = pair.door.environment("prod").await.draining;
    assert_eq!(holder.len(), 1, "blue drains: {holder:?}");
    pair.blue.release("slow");
    assert_eq!(slow.response("GET").await.unwrap().text(), "slow");
    let finished = swap.finish().await;
    assert_eq!(finished.safe_to_stop(), pair.safe(&pair.blue));
}

#[tokio::test(flavor = "multi_thread")]
async fn n13_a_pause_ends_the_streams_of_the_earlier_process_too() {
    let pair = Pair::tls("").await;
    let mut socket = open_web_socket(&pair.target(), "/ws").await.unwrap();
    socket.send(Message::text("here")).await.unwrap();
    assert_eq!(next(&mut socket).await.unwrap(), Message::text("here"));
    upgrade(&pair.door).await;
    let pause = pair.door.watch(&["pause", "prod"]);
    match next(&mut socket).await.unwrap() {
        Message::Close(Some(frame)) => assert_eq!(frame.code, CloseCode::Restart),
        other => panic!("{other:?} instead of a close"),
    }
    pause.finish().await.assert_code(exit::DONE);
    assert!(pair.door.status().await.earlier.iter().all(|one| one.streams == 0));
    pair.door.proxyctl(&["resume", "prod"]).await.assert_code(exit::DONE);
    assert_eq!(pair.serving().await, "blue");
}

#[tokio::test(flavor = "multi_thread")]
async fn n28_sessions_are_resumed_by_the_new_process() {
    let pair = Pair::tls("").await;
    let config = pair.door.trust(&["http/1.1"]);
    let kind = async || {
        let Wire::Tls(mut stream) = tls(pair.door.https(), HOST, &config).await.unwrap() else {
            panic!("no TLS");
        };
        // The ticket comes with the first answer.
        let request = format!("GET /who HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 200 "));
        stream.get_ref().1.handshake_kind()
    };
    assert_eq!(kind().await, Some(HandshakeKind::Full));
    assert_eq!(kind().await, Some(HandshakeKind::Resumed));
    upgrade(&pair.door).await;
    assert_eq!(kind().await, Some(HandshakeKind::Resumed));
    upgrade(&pair.door).await;
    assert_eq!(kind().await, Some(HandshakeKind::Resumed));
}

/// The door's folder is prepared for another program in the place of the daemon.
fn link(folder: &Path) {
    std::fs::write(folder.join(TIMES), "hand_over=6000").unwrap();
    symlink(env!("CARGO_BIN_EXE_proxyd"), folder.join(PROGRAM)).unwrap();
}

async fn linked() -> (Door, App, App) {
    let (blue, green) = (App::start("blue", "v1").await, App::start("green", "v2").await);
    let any = "127.0.0.1:0".parse().unwrap();
    let config = format!("{QUICK}{}", environment("prod", HOST, &blue, &green));
    let door = Door::start_at(any, any, "", &config, link).await;
    (door, blue, green)
}

/// From now on this shell script is what an upgrade starts.
fn replace(door: &Door, script: &str) {
    let (new, place) = (door.folder().join("new"), door.folder().join(PROGRAM));
    std::fs::write(&new, format!("#!/bin/bash\n{script}\n")).unwrap();
    std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::rename(&new, &place).unwrap();
}

/// An upgrade is refused with these words, and nothing has changed.
async fn refused(door: &Door, words: &[&str]) {
    let before = (door.status().await.pid, door.unmoved("prod").await);
    let output = door.proxyctl(&["upgrade"]).await;
    output
        .assert_code(exit::REFUSED)
        .assert_says(words)
        .assert_says(&["Nothing changed"]);
    assert_eq!((door.status().await.pid, door.unmoved("prod").await), before);
    assert!(door.environment("prod").await.operation.is_none(), "it is still held");
}

#[tokio::test(flavor = "multi_thread")]
async fn n25_a_new_process_that_ends_in_any_phase_changes_nothing() {
    let (door, _blue, _green) = linked().await;
    let load = Load::start(door.target(HOST), &MIXED).await;
    let phases = ["configuration", "state", "certificates", "workers", "gating", "ready"];
    for count in 0..=phases.len() {
        let said: Vec<String> = phases[..count]
            .iter()
            .map(|phase| format!(r#"echo '{{"says":"enters","phase":"{phase}","version":"9.9.9"}}' >&0"#))
            .collect();
        let phase = count.checked_sub(1).map_or("starting", |last| phases[last]);
        let failed = format!("failed at `{phase}`");
        replace(&door, &format!("{}\nkill -9 $$", said.join("\n")));
        refused(&door, &[&failed, "signal: 9"]).await;
        load.more(20).await;
    }
    replace(&door, "exec sleep 60");
    refused(&door, &["failed at `starting`", "nothing was heard of it"]).await;
    let words = r#"echo '{"says":"fails","reason":"no room on this disk"}' >&0"#;
    replace(&door, words);
    refused(&door, &["failed at `starting`", "no room on this disk"]).await;
    std::fs::remove_file(door.folder().join(PROGRAM)).unwrap();
    refused(&door, &["cannot be started", "No such file"]).await;
    // Whatever went wrong, the next one is not kept from anything.
    symlink(env!("CARGO_BIN_EXE_proxyd"), door.folder().join(PROGRAM)).unwrap();
    upgrade(&door).await;
    load.more(20).await;
    load.stop().await.assert_no_failures();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_reads_the_file_as_a_reload_does() {
    let (door, blue, _green) = linked().await;
    let file = door.folder().join("proxy.toml");
    let good = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, good.replace("blue =", "bleu =")).unwrap();
    refused(&door, &["failed at `configuration`", "bleu"]).await;
    // A live side must not move to where nothing is.
    let nowhere = reserve();
    let moved = good.replace(&blue.address(), &nowhere.1.to_string());
    let moved = moved.replace("health.deadline = \"5s\"", "health.deadline = \"300ms\"");
    std::fs::write(&file, &moved).unwrap();
    refused(&door, &["failed at `gating`", &nowhere.1.to_string(), "refused"]).await;
    let there = App::start("there", "v3").await;
    std::fs::write(&file, good.replace(&blue.address(), &there.address())).unwrap();
    upgrade(&door).await;
    let mut client = door.target(HOST).client().await.unwrap();
    assert_eq!(client.get(HOST, "/who").await.unwrap().app(), "there");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_upgraded_while_something_else_is_under_way_and_nothing_else_begins_while_it_is() {
    let (door, _blue, green) = linked().await;
    green.health(Health::status(503));
    let mut swap = door.watch(&["swap", "prod"]);
    swap.until("the gate", |event| matches!(event, Event::Progress(_)))
        .await;
    let busy = door.proxyctl(&["upgrade"]).await;
    busy.assert_code(exit::BUSY)
        .assert_says(&["swap", "holds `prod` since"]);
    swap.finish().await.assert_code(exit::REFUSED);
    door.proxyctl(&["pause", "prod"]).await.assert_code(exit::DONE);
    let paused = door.proxyctl(&["upgrade"]).await;
    paused
        .assert_code(exit::REFUSED)
        .assert_says(&["prod is paused", "proxyctl resume prod"]);
    door.proxyctl(&["resume", "prod"]).await.assert_code(exit::DONE);

    let go = door.folder().join("go");
    let wait = format!("while [ ! -e {} ]; do sleep 0.02; done; exit 7", go.display());
    replace(&door, &wait);
    let upgrade = door.watch(&["upgrade"]);
    eventually(secs(10), || async {
        let holder = door.environment("prod").await.operation;
        holds(holder.is_some(), || "it has not begun".into())
    })
    .await;
    let maintenance = ["maintenance", "prod", "on"];
    for asked in [
        &["swap", "prod"][..],
        &["reload"],
        &["pause", "prod"],
        &maintenance,
        &["upgrade"],
    ] {
        let busy = door.proxyctl(asked).await;
        busy.assert_code(exit::BUSY)
            .assert_says(&["upgrade", "is under way since"]);
    }
    std::fs::write(&go, "").unwrap();
    let finished = upgrade.finish().await;
    finished.assert_code(exit::REFUSED);
    let reason = finished.find(|event| match event {
        Event::Common(CommonStep::Refused { reason, .. }) => Some(reason.clone()),
        _ => None,
    });
    assert!(reason.unwrap().contains("exit status: 7"));
    door.proxyctl(&["maintenance", "prod", "on"])
        .await
        .assert_code(exit::DONE);
}
