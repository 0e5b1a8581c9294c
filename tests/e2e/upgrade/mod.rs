//! `proxyctl upgrade`: another process takes over, and nobody notices (N24, N25, N28). Whatever goes wrong with the new process, the
//! old one goes on as if nothing had been.

mod failing;
mod surroundings;

use std::collections::BTreeSet;
use std::net::SocketAddr;

use crate::common::app::{App, Health};
use crate::common::client::{Client, tls};
use crate::common::door::Door;
use crate::common::fixture::{HOST, Pair};
use crate::common::load::{Load, MIXED, next, open_web_socket};
use crate::common::wire::Wire;
use crate::common::{count, eventually, holds, secs};
use futures_util::SinkExt as _;
use greengate::model::api::{Event, SwapStep, exit};
use greengate::model::handoff::EarlierProcess;
use greengate::model::succession::MAX_DRAINING;
use rustix::process::{Pid, Signal, kill_process};
use rustls::HandshakeKind;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

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
    let pair = Pair::tls("").hasty("drain_grace=10000").await;
    let (http, https) = (inode(pair.door.http()), inode(pair.door.https()));
    let load = Load::start(pair.target(), &MIXED).await;
    let mut pids = BTreeSet::from([pair.door.status().await.pid]);
    let rounds = count(3, 100);
    for round in 0..rounds {
        // Those that wait for a request go on with the process that they are connected to.
        let opened = (0..count(20, 1000)).map(|_| async {
            let mut client = pair.target().client().await.unwrap();
            assert_eq!(client.get(HOST, "/who").await.unwrap().status, 200);
            client
        });
        let mut idle = futures_util::future::join_all(opened).await;
        load.more(50).await;
        assert!(pids.insert(pair.door.upgrade().await), "the same process again");
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
        pair.door.alone().await;
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
    pair.door.upgrade().await;
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
    drop(slow);
    socket.close(None).await.unwrap();
    drop(socket);
    pair.door.alone().await;
    assert_eq!(pair.door.end(secs(30)).await.code(), Some(0));
    pair.door.proxyctl(&["history"]).await.assert_says(&["upgrade #"]);
    assert_eq!(pair.serving().await, "blue");
}

#[tokio::test(flavor = "multi_thread")]
async fn n24_sixteen_processes_may_drain_and_the_next_upgrade_waits_for_one_of_them() {
    let pair = Pair::tls("").await;
    let mut sockets = Vec::new();
    for _ in 0..MAX_DRAINING {
        sockets.push(open_web_socket(&pair.target(), "/ws").await.unwrap());
        pair.door.upgrade().await;
    }
    let pid = pair.door.status().await.pid;
    let refused = pair.door.proxyctl(&["upgrade"]).await;
    refused
        .assert_code(exit::REFUSED)
        .assert_says(&["16 earlier processes still drain", "proxyctl status"]);
    assert_eq!(pair.door.status().await.pid, pid);
    // Each of them still carries what it has begun.
    for (number, socket) in sockets.iter_mut().enumerate() {
        let word = Message::text(format!("socket {number}"));
        socket.send(word.clone()).await.unwrap();
        assert_eq!(next(socket).await.unwrap(), word);
    }
    let oldest = pair.door.status().await.earlier[0].pid;
    sockets.remove(0).close(None).await.unwrap();
    eventually(secs(10), || async {
        let earlier = pair.door.status().await.earlier;
        holds(earlier.iter().all(|one| one.pid != oldest), || format!("{earlier:?}"))
    })
    .await;
    pair.door.upgrade().await;
    drop(sockets);
    pair.door.alone().await;
    assert_eq!(pair.serving().await, "blue");
}

#[tokio::test(flavor = "multi_thread")]
async fn n1_an_app_is_safe_to_stop_only_when_the_earlier_process_has_nothing_in_it_either() {
    let pair = Pair::tls("").await;
    pair.blue.answer_when("/slow-one", "slow", "slow");
    let mut slow = pair.begin("/slow-one").await;
    pair.door.upgrade().await;
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

/// A client that has asked once, is connected to the process that an upgrade has replaced, and takes its time.
async fn idle(pair: &Pair) -> Client {
    let mut client = pair.target().client().await.unwrap();
    assert_eq!(client.get(HOST, "/who").await.unwrap().app(), "blue");
    pair.door.upgrade().await;
    client
}

#[tokio::test(flavor = "multi_thread")]
async fn n1_an_app_is_safe_to_stop_only_when_the_earlier_process_sends_it_nothing_more() {
    let pair = Pair::tls("").hasty("drain_grace=60000").await;
    let mut idle = idle(&pair).await;
    let mut swap = pair.door.watch(&["swap", "prod"]);
    swap.switched().await;
    assert_eq!(pair.serving().await, "green");
    let draining = pair.door.environment("prod").await.draining;
    assert_eq!(draining.len(), 1, "blue may still be asked: {draining:?}");
    assert_eq!(idle.get(HOST, "/who").await.unwrap().app(), "blue");
    let finished = swap.finish().await;
    assert_eq!(finished.safe_to_stop(), pair.safe(&pair.blue));
}

#[tokio::test(flavor = "multi_thread")]
async fn n1_a_connection_of_the_earlier_process_holds_up_a_swap_for_the_time_that_it_may_send() {
    let dev = App::start("dev", "v1").await;
    let more = format!("[env.dev]\nhost = \"dev.localhost\"\nupstream = \"{}\"", dev.address());
    let pair = Pair::tls(&more).hasty("drain_grace=300").await;
    let mut socket = open_web_socket(&pair.door.target("dev.localhost"), "/ws")
        .await
        .unwrap();
    pair.door.upgrade().await;
    let finished = pair.door.swap("prod", &[]).await;
    assert_eq!(finished.safe_to_stop(), pair.safe(&pair.blue));
    socket.send(Message::text("still here")).await.unwrap();
    assert_eq!(next(&mut socket).await.unwrap(), Message::text("still here"));
}

#[tokio::test(flavor = "multi_thread")]
async fn n1_a_side_that_the_earlier_process_never_led_to_is_safe_to_stop_at_once() {
    let pair = Pair::tls("").hasty("drain_grace=60000").await;
    let _idle = idle(&pair).await;
    pair.door.swap("prod", &["--no-wait"]).await.assert_code(exit::DONE);
    let second = App::start("second", "v3").await;
    let finished = pair
        .door
        .swap("prod", &[&format!("--to={}", second.address()), "--force"])
        .await;
    assert_eq!(finished.safe_to_stop(), pair.safe(&pair.green));
}

#[tokio::test(flavor = "multi_thread")]
async fn n13_a_pause_waits_until_the_earlier_process_sends_the_app_nothing_more() {
    let pair = Pair::tls("").hasty("drain_grace=60000").await;
    let mut idle = idle(&pair).await;
    let lapsed = pair.door.proxyctl(&["pause", "prod", "--timeout", "1s"]).await;
    lapsed.assert_says(&[
        "connections to a process from before an upgrade",
        "did not end within 1 s",
        "proxyctl status",
    ]);
    for args in [&["pause", "prod"][..], &["pause", "prod", "--writes"]] {
        let pause = pair.door.watch(args);
        eventually(secs(10), || async {
            let step = pair.door.environment("prod").await.operation.map(|holder| holder.step);
            holds(step.as_deref() == Some("drain"), || format!("the step is {step:?}"))
        })
        .await;
        assert_eq!(idle.get(HOST, "/who").await.unwrap().app(), "blue");
        pause.finish().await.assert_code(exit::DONE);
        pair.door.proxyctl(&["resume", "prod"]).await.assert_code(exit::DONE);
        idle = self::idle(&pair).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn n1_what_is_live_again_by_a_rollback_in_the_new_process_is_not_safe_to_stop() {
    let pair = Pair::tls("").await;
    let mut socket = open_web_socket(&pair.target(), "/ws").await.unwrap();
    let mut swap = pair.door.watch(&["swap", "prod"]);
    swap.switched().await;
    // From the drain on it holds nobody up.
    eventually(secs(10), || async {
        let operation = pair.door.environment("prod").await.operation;
        holds(operation.is_none(), || format!("{operation:?}"))
    })
    .await;
    pair.door.upgrade().await;
    let rollback = pair.door.watch(&["rollback", "prod"]);
    eventually(secs(10), || async {
        let serving = pair.serving().await;
        holds(serving == "blue", || format!("{serving} serves"))
    })
    .await;
    // The old side of the swap has drained, and it is the live one.
    socket.close(None).await.unwrap();
    drop(socket);
    let finished = swap.finish().await;
    finished.assert_code(exit::ROLLED_BACK);
    let reason = finished.find(|event| match event {
        Event::Swap(SwapStep::RolledBack { reason, .. }) => Some(reason.clone()),
        _ => None,
    });
    assert!(reason.is_some_and(|reason| reason.contains("moved it back while the old side still drained")));
    rollback.finish().await.assert_done();
    pair.door.alone().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn n20_signals_that_do_not_say_stop_cut_nothing_in_a_process_that_drains() {
    let pair = Pair::tls("").await;
    let mut socket = open_web_socket(&pair.target(), "/ws").await.unwrap();
    let old = Pid::from_raw(i32::try_from(pair.door.status().await.pid).unwrap()).unwrap();
    pair.door.upgrade().await;
    let access_log = pair.door.folder().join("access.log");
    std::fs::rename(&access_log, access_log.with_extension("1")).unwrap();
    for signal in [Signal::HUP, Signal::USR1] {
        kill_process(old, signal).unwrap();
    }
    // It has heard of both when it has opened the file again.
    eventually(secs(10), || async {
        holds(access_log.exists(), || "not opened again".into())
    })
    .await;
    socket.send(Message::text("still here")).await.unwrap();
    assert_eq!(next(&mut socket).await.unwrap(), Message::text("still here"));
    kill_process(old, Signal::TERM).unwrap();
    pair.door.alone().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn n26_a_process_that_is_told_to_stop_while_another_takes_over_ends_what_it_has_begun() {
    let pair = Pair::tls("").await;
    pair.blue.answer_when("/slow-one", "slow", "slow");
    let mut slow = pair.begin("/slow-one").await;
    // The new process waits at the gate of a side that the file has moved.
    let moved = App::start("moved", "v1").await;
    moved.health(Health::status(503));
    pair.door.replace(&pair.blue.address(), &moved.address());
    let (old, process) = (pair.door.status().await.pid, pair.door.process());
    let _upgrade = pair.door.watch(&["upgrade"]);
    eventually(secs(10), || async {
        holds(moved.probes() > 0, || "nobody asks for its health".into())
    })
    .await;
    let pid = Pid::from_raw(i32::try_from(old).unwrap()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    let logged = async |words: &str| {
        let is_logged = || process.log().text().contains(words);
        eventually(secs(10), || async {
            holds(is_logged(), || format!("{words:?} is not logged"))
        })
        .await;
    };
    logged("\"stopping\"").await;
    moved.health(Health::status(200));
    logged("\"draining\"").await;
    pair.blue.release("slow");
    assert_eq!(slow.response("GET").await.unwrap().text(), "slow");
    assert_ne!(pair.door.status().await.pid, old);
    assert_eq!(pair.serving().await, "moved");
}

#[tokio::test(flavor = "multi_thread")]
async fn n13_a_pause_ends_the_streams_of_the_earlier_process_too() {
    let pair = Pair::tls("").await;
    let mut socket = open_web_socket(&pair.target(), "/ws").await.unwrap();
    socket.send(Message::text("here")).await.unwrap();
    assert_eq!(next(&mut socket).await.unwrap(), Message::text("here"));
    pair.door.upgrade().await;
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
    pair.door.upgrade().await;
    assert_eq!(kind().await, Some(HandshakeKind::Resumed));
    pair.door.upgrade().await;
    assert_eq!(kind().await, Some(HandshakeKind::Resumed));
}
