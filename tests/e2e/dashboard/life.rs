//! What becomes of it when the file changes, the daemon is upgraded, or starts again.

use std::net::{SocketAddr, TcpListener};

use super::{HERE, ON, Viewer, ask, place};
use crate::common::client::Client;
use crate::common::door::QUICK_PLAIN;
use crate::common::fixture::Pair;
use crate::common::{eventually, holds, secs};
use greengate::model::api::exit;

/// Whether nobody listens there.
async fn is_closed(address: SocketAddr) -> bool {
    Client::plain(address).await.is_err()
}

async fn status(address: SocketAddr) -> u16 {
    ask(address, "GET", HERE, "/", "").await.status
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_switches_it_on_and_off_and_is_refused_where_its_port_is_taken() {
    let pair = Pair::plain("").await;
    let door = &pair.door;
    assert_eq!(place(door), None);
    let without = std::fs::read_to_string(door.config()).unwrap();
    let with = |line: &str| without.replace("[server]\n", &format!("[server]\n{line}\n"));
    door.restore(&with(ON));
    let output = door.proxyctl(&["reload"]).await;
    output.assert_code(0).assert_says(&["dashboard"]);
    let here = place(door).expect("it is open");
    assert_eq!(status(here).await, 200);
    // A taken port: nothing changes, whoever asks.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let elsewhere = taken.local_addr().unwrap();
    door.restore(&with(&format!("dashboard = \"{elsewhere}\"")));
    for args in [&["reload", "--dry-run"][..], &["reload"]] {
        let refused = door.proxyctl(args).await;
        let address = elsewhere.to_string();
        refused
            .assert_code(exit::REFUSED)
            .assert_says(&["dashboard", &address, "nothing was reloaded"]);
    }
    assert_eq!((place(door), status(here).await), (Some(here), 200));
    // Elsewhere, when that is free; who looked is let go.
    let mut viewer = Viewer::join(here, "").await;
    drop(taken);
    door.reload(&[]).await.assert_code(0);
    assert_eq!((place(door), status(elsewhere).await), (Some(elsewhere), 200));
    assert!(is_closed(here).await);
    let ended = async { while viewer.next().await.is_some() {} };
    tokio::time::timeout(secs(10), ended)
        .await
        .expect("the feed of the closed address goes on");
    // A reload that changes something else leaves it alone.
    let mut viewer = Viewer::join(elsewhere, "").await;
    door.replace("health.passes = 2", "health.passes = 1");
    door.reload(&[]).await.assert_code(0);
    viewer
        .until("reload", |_, data| {
            (data["entry"]["event"]["event"] == "reloaded").then_some(())
        })
        .await;
    door.restore(&without);
    door.reload(&[]).await.assert_code(0);
    assert_eq!(place(door), None);
    assert!(is_closed(elsewhere).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_fails_where_its_port_is_taken_and_says_so() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("proxy.toml");
    let text = format!(
        "[server]\nhttp = \"127.0.0.1:0\"\nhttps = \"127.0.0.1:0\"\nsocket = \"{0}/control.sock\"\nstate_dir = \"{0}/state\"\n\
         dashboard = \"{address}\"\n{QUICK_PLAIN}\n[env.prod]\nhost = \"a.test\"\nupstream = {1}\n",
        folder.path().display(),
        address.port(),
    );
    std::fs::write(&file, text).unwrap();
    let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_proxyd"))
        .arg("--config")
        .arg(&file)
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{said}");
    let wanted = format!("the dashboard: cannot listen on {address}");
    assert!(said.contains(&wanted), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_opens_it_again_where_it_was_and_an_upgrade_hands_it_over() {
    // Some port that nobody has just now.
    let here = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let pair = Pair::plain_with(&format!("dashboard = \"{here}\""), "").await;
    let door = &pair.door;
    let mut viewer = Viewer::join(here, "").await;
    door.sigterm();
    door.end(secs(30)).await;
    assert_eq!(viewer.next().await.map(|(event, _)| event).as_deref(), Some("whole"));
    let ended = async { while viewer.next().await.is_some() {} };
    tokio::time::timeout(secs(10), ended)
        .await
        .expect("the feed of a daemon that has ended goes on");
    door.restart().await;
    assert_eq!((place(door), status(here).await), (Some(here), 200));
    let mut viewer = Viewer::join(here, "").await;
    let pid = |data: &serde_json::Value| data["head"]["pid"].as_u64();
    let before = viewer.until("whole state", |_, data| pid(data)).await;
    door.watch(&["upgrade"]).finish().await.assert_code(exit::DONE);
    let ended = async { while viewer.next().await.is_some() {} };
    tokio::time::timeout(secs(20), ended)
        .await
        .expect("the feed of the old process goes on");
    // Nobody is refused meanwhile: the socket is the same.
    assert_eq!(status(here).await, 200);
    let mut viewer = Viewer::join(here, "").await;
    let after = viewer.until("whole state", |_, data| pid(data)).await;
    assert_ne!(before, after);
    eventually(secs(10), || async {
        holds(place(door) == Some(here), || format!("{:?}", place(door)))
    })
    .await;
}
