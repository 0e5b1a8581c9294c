//! What becomes of those who look when the file changes, the daemon is upgraded, or starts again. What becomes of the port:
//! `sites.rs`.

use std::net::TcpListener;

use super::{ON, Viewer, place};
use crate::common::door::Door;
use crate::common::fixture::Pair;
use crate::common::secs;
use greengate::model::api::exit;

/// Waits until the feed has ended.
async fn let_go(viewer: &mut Viewer) {
    let ended = async { while viewer.next().await.is_some() {} };
    tokio::time::timeout(secs(20), ended).await.expect("the feed goes on");
}

/// The process that a viewer is told by.
async fn teller(viewer: &mut Viewer) -> u64 {
    viewer
        .until("whole state", |_, data| data["head"]["pid"].as_u64())
        .await
}

/// Writes the configuration anew, and has it read.
async fn reload(door: &Door, from: &str, to: &str) {
    door.replace(from, to);
    door.reload(&[]).await.assert_code(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_lets_go_who_looked_where_it_was_and_leaves_alone_who_looks_where_it_stays() {
    let pair = Pair::plain_with(ON, "").await;
    let door = &pair.door;
    let mut viewer = Viewer::join(place(door).unwrap(), "").await;
    reload(door, ON, "dashboard = \"127.0.0.2:0\"").await;
    let_go(&mut viewer).await;
    let elsewhere = place(door).unwrap();
    let mut viewer = Viewer::join(elsewhere, "").await;
    reload(door, "health.passes = 2", "health.passes = 1").await;
    viewer
        .until("reload", |_, data| {
            (data["entry"]["event"]["event"] == "reloaded").then_some(())
        })
        .await;
    assert_eq!(place(door), Some(elsewhere));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_looks_is_told_by_the_next_process_after_a_restart_and_after_an_upgrade() {
    // Some port that nobody has just now.
    let here = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let pair = Pair::plain_with(&format!("dashboard = \"{here}\""), "").await;
    let door = &pair.door;
    let mut viewer = Viewer::join(here, "").await;
    let first = teller(&mut viewer).await;
    door.sigterm();
    door.end(secs(30)).await;
    let_go(&mut viewer).await;
    door.restart().await;
    let mut viewer = Viewer::join(here, "").await;
    let second = teller(&mut viewer).await;
    door.watch(&["upgrade"]).finish().await.assert_code(exit::DONE);
    let_go(&mut viewer).await;
    let mut viewer = Viewer::join(here, "").await;
    let third = teller(&mut viewer).await;
    assert!(first != second && second != third, "{first}, {second}, {third}");
}
