//! A new process that fails, and everything else that refuses an upgrade: the old process goes on as if nothing had been (N25).

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use crate::common::app::{App, Health};
use crate::common::door::{Door, PROGRAM, QUICK, TIMES, environment, with};
use crate::common::fixture::HOST;
use crate::common::load::{Load, MIXED};
use crate::common::port::reserve;
use crate::common::process::until_let_go;
use crate::common::{eventually, holds, secs};
use greengate::model::api::{CommonStep, Event, exit};

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
    door.upgrade().await;
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
    let moved = with(&moved, "health.deadline = \"300ms\"");
    std::fs::write(&file, &moved).unwrap();
    refused(&door, &["failed at `gating`", &nowhere.1.to_string(), "refused"]).await;
    let there = App::start("there", "v3").await;
    std::fs::write(&file, good.replace(&blue.address(), &there.address())).unwrap();
    door.upgrade().await;
    let mut client = door.target(HOST).client().await.unwrap();
    assert_eq!(client.get(HOST, "/who").await.unwrap().app(), "there");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_upgraded_while_something_else_is_under_way_and_nothing_else_begins_while_it_is() {
    let (door, _blue, green) = linked().await;
    green.health(Health::status(503));
    let mut swap = door.watch(&["swap", "prod", "--deadline", "6s"]);
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
    let wait = until_let_go(&door.folder().join("begun"), &go);
    replace(&door, &format!("{wait}; exit 7"));
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
