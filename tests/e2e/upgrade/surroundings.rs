//! An upgrade where the disk is full, and one beside a CA.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::common::acme_door::Trick;
use crate::common::app::{App, Health};
use crate::common::door::{Door, QUICK, environment};
use crate::common::fixture::HOST;
use crate::common::load::{Load, MIXED};
use crate::common::network::{Network, in_a_network_of_its_own};
use crate::common::pebble::{self, Manners, Pebble, report};
use crate::common::{eventually, holds, secs};
use greengate::model::api::{Event, UpgradeStep, exit};
use greengate::model::handoff::Phase;

/// The state folder is a disk of its own, with room for the state and little more.
fn small_disk(folder: &Path) {
    let place = folder.join("state");
    std::fs::create_dir(&place).unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=1m,mode=700", "none"])
        .arg(&place)
        .status();
    assert!(mounted.unwrap().success());
}

#[test]
fn n25_with_a_full_disk_an_upgrade_is_refused_and_fails_nobody() {
    let test = "upgrade::surroundings::n25_with_a_full_disk_an_upgrade_is_refused_and_fails_nobody";
    in_a_network_of_its_own(test, &Network::default(), async {
        let (blue, green) = (App::start("blue", "v1").await, App::start("green", "v2").await);
        let any = "127.0.0.1:0".parse().unwrap();
        let config = format!("{QUICK}{}", environment("prod", HOST, &blue, &green));
        let door = Door::start_at(any, any, "", &config, small_disk).await;
        let load = Load::start(door.target(HOST), &MIXED).await;
        load.more(50).await;

        let ballast = door.state_dir().join("ballast");
        let full = std::fs::write(&ballast, vec![0; 2 << 20]).unwrap_err();
        assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
        let pid = door.status().await.pid;
        for _ in 0..3 {
            let refused = door.proxyctl(&["upgrade"]).await;
            refused.assert_code(exit::REFUSED).assert_says(&[
                "the state cannot be saved",
                "No space left on device",
                "Nothing changed",
            ]);
            load.more(20).await;
        }
        assert_eq!(door.status().await.pid, pid);

        std::fs::remove_file(&ballast).unwrap();
        assert_ne!(door.upgrade().await, pid);
        load.more(50).await;
        load.stop().await.assert_no_failures();
        door.swap("prod", &[]).await.assert_done();
    });
}

const NAME: &str = "a.example.test";

#[tokio::test(flavor = "multi_thread")]
async fn an_order_under_way_is_ended_by_the_new_process_and_costs_no_second_certificate() {
    let pebble = Pebble::start(Manners::default()).await;
    let app = App::start("app", "v1").await;
    let gate = Arc::new(Semaphore::new(0));
    pebble.ca.next("/certZ/", Trick::Until(gate.clone()));
    let config = pebble.acme("") + &pebble::environment("prod", "\"a.example.test\"", &app);
    let door = pebble.door(&config).await;
    eventually(secs(20), || async {
        holds(!pebble.ca.asked("/certZ/").is_empty(), || "nothing was ordered".into())
    })
    .await;
    door.upgrade().await;
    gate.add_permits(1);
    pebble.served(&door, NAME).await;
    assert_eq!((pebble.ca.orders(NAME), pebble.ca.asked("/sign-me-up").len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_old_process_obtains_while_the_new_one_prepares_is_served_by_that_and_ordered_once() {
    let pebble = Pebble::start(Manners::default()).await;
    let (app, there) = (App::start("app", "v1").await, App::start("there", "v2").await);
    let gate = Arc::new(Semaphore::new(0));
    pebble.ca.next("/certZ/", Trick::Until(gate.clone()));
    let quick = "[defaults]\nhealth.interval = \"20ms\"\nhealth.passes = 1\n";
    let config = pebble.acme("") + quick + &pebble::environment("prod", "\"a.example.test\"", &app);
    let door = pebble.door(&config).await;
    eventually(secs(20), || async {
        holds(!pebble.ca.asked("/certZ/").is_empty(), || "nothing was ordered".into())
    })
    .await;
    there.health(Health::status(503));
    let file = std::fs::read_to_string(door.config()).unwrap();
    std::fs::write(door.config(), file.replace(&app.address(), &there.address())).unwrap();
    let mut upgrading = door.watch(&["upgrade"]);
    upgrading
        .until("the gate", |event| {
            matches!(event, Event::Upgrade(UpgradeStep::Entered { phase: Phase::Gating }))
        })
        .await;
    let renewed = door.proxyctl(&["certs", "renew", NAME]).await;
    renewed
        .assert_code(exit::REFUSED)
        .assert_says(&["another process is about to take over", "try again"]);
    gate.add_permits(1);
    pebble.served(&door, NAME).await;
    there.health(Health::status(200));
    upgrading.finish().await.assert_code(exit::DONE);
    let report = report(&door, NAME).await;
    assert!(report.obtained && !report.running, "{report:?}");
    assert_eq!(pebble.get(&door, NAME).await, Ok(200));
    assert_eq!(pebble.ca.orders(NAME), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_new_process_renews_and_the_old_one_does_not() {
    let pebble = Pebble::start(Manners::default()).await;
    let app = App::start("app", "v1").await;
    let config = pebble.acme("") + &pebble::environment("prod", "\"a.example.test\"", &app);
    let door = pebble.door(&config).await;
    pebble.served(&door, NAME).await;
    let first = report(&door, NAME).await;
    let load = Load::start(pebble.target(&door, NAME).await, &MIXED).await;
    load.more(50).await;
    door.upgrade().await;
    // The one that drains has the same certificate, and leaves it alone.
    assert_eq!(report(&door, NAME).await.not_after, first.not_after);
    assert_eq!(pebble.ca.orders(NAME), 1);
    door.proxyctl(&["certs", "renew", NAME]).await.assert_code(0);
    assert_eq!(pebble.ca.orders(NAME), 2);
    load.more(50).await;
    door.upgrade().await;
    load.more(50).await;
    load.stop().await.assert_no_failures();
    door.alone().await;
    assert_eq!((pebble.ca.orders(NAME), pebble.ca.asked("/sign-me-up").len()), (2, 1));
    assert_eq!(pebble.get(&door, NAME).await, Ok(200));
}

/// Says in a file when it begins and ends. Its first `present` does not end, and a `cleanup` takes its time: it ends when another `present`
/// has begun, or after two seconds without any.
const HOOK: &str = r#"#!/bin/sh
echo "$1 begins" >> LOG
presents() { grep -c "present begins" LOG; }
case "$1" in
present) [ "$(presents)" -gt 1 ] || exec tail -f /dev/null ;;
cleanup) for _ in $(seq 20); do [ "$(presents)" -gt 1 ] || sleep 0.1; done ;;
esac
echo "$1 ends" >> LOG
"#;

#[tokio::test(flavor = "multi_thread")]
async fn the_new_process_sets_no_dns_record_before_the_old_one_has_taken_its_own_away() {
    let pebble = Pebble::start(Manners::default()).await;
    let app = App::start("app", "v1").await;
    let hook = pebble.folder().join("hook");
    let log = pebble.folder().join("log");
    std::fs::write(&hook, HOOK.replace("LOG", log.to_str().unwrap())).unwrap();
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).unwrap();
    let config = pebble.acme(&format!("challenge = {{ dns = \"{}\" }}\n", hook.display()))
        + &pebble::environment("prod", "\"a.example.test\"", &app);
    let door = pebble.door(&config).await;
    let begun = |presents: usize| {
        let log = &log;
        eventually(secs(30), move || async move {
            let log = std::fs::read_to_string(log).unwrap_or_default();
            holds(log.matches("present begins").count() == presents, || log.clone()).map(|()| log)
        })
    };
    begun(1).await;
    door.upgrade().await;
    let log = begun(2).await;
    let before: Vec<&str> = log.lines().take(4).collect();
    assert_eq!(
        before,
        ["present begins", "cleanup begins", "cleanup ends", "present begins"]
    );
}
