//! The daemon dies at the worst moments, or has nowhere to write: nothing is lost, and nothing is asked for twice.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use tokio::sync::Semaphore;

use super::importing::lineage;
use crate::common::acme_door::Trick;
use crate::common::app::App;
use crate::common::door::Door;
use crate::common::pebble::{Manners, Pebble, environment, refused, report};
use crate::common::{eventually, holds, secs};

const HOST: &str = "a.example.test";

async fn reached(pebble: &Pebble, path: &str) {
    eventually(secs(20), || async {
        holds(!pebble.ca.asked(path).is_empty(), || {
            format!("{path} was not asked for")
        })
    })
    .await;
}

/// Served, and nothing of the order is left to be done: a `kill -9` changes nothing.
async fn stored(pebble: &Pebble, door: &Door) {
    pebble.served(door, HOST).await;
    let orders = door.state_dir().join("acme/orders");
    eventually(secs(10), || async {
        holds(std::fs::read_dir(&orders).unwrap().count() == 0, || {
            "the order is not forgotten yet".into()
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_in_the_middle_of_an_order_ends_in_a_certificate() {
    let pebble = Pebble::start(Manners::default()).await;
    let app = App::start("app", "v1").await;
    pebble.ca.next("/chalZ/", Trick::Stall);
    let door = pebble
        .door(&(pebble.acme("") + &environment("prod", "\"a.example.test\"", &app)))
        .await;
    reached(&pebble, "/chalZ/").await;
    door.sigterm();
    assert_eq!(door.end(secs(20)).await.code(), Some(0));
    door.restart().await;
    pebble.served(&door, HOST).await;
    assert_eq!(pebble.ca.asked("/sign-me-up").len(), 1, "the account was kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn n27_after_kill_9_between_order_and_storing_the_same_order_is_fetched() {
    let pebble = Pebble::start(Manners::default()).await;
    let app = App::start("app", "v1").await;
    pebble.ca.next("/certZ/", Trick::Stall);
    let door = pebble
        .door(&(pebble.acme("") + &environment("prod", "\"a.example.test\"", &app)))
        .await;
    reached(&pebble, "/certZ/").await;
    door.kill9();
    door.end(secs(30)).await;
    door.restart().await;
    pebble.served(&door, HOST).await;
    assert_eq!(
        pebble.ca.asked("/order-plz").len(),
        1,
        "the CA gave one certificate, and it is used"
    );
    stored(&pebble, &door).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn n27_an_order_that_was_stored_and_not_forgotten_is_not_fetched_again() {
    let pebble = Pebble::start(Manners::default()).await;
    let app = App::start("app", "v1").await;
    let gate = Arc::new(Semaphore::new(0));
    pebble.ca.next("/certZ/", Trick::Until(gate.clone()));
    let door = pebble
        .door(&(pebble.acme("") + &environment("prod", "\"a.example.test\"", &app)))
        .await;
    reached(&pebble, "/certZ/").await;
    let orders = door.state_dir().join("acme/orders");
    let order = std::fs::read_dir(&orders).unwrap().next().unwrap().unwrap().path();
    let text = std::fs::read(&order).unwrap();
    gate.add_permits(1);
    stored(&pebble, &door).await;
    // As it is when the process dies between the two.
    std::fs::write(&order, text).unwrap();
    door.proxyctl(&["certs", "renew", HOST]).await.assert_code(0);
    assert_eq!(pebble.ca.orders(HOST), 2, "a renewal brings another certificate");
    stored(&pebble, &door).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_broken_on_disk_is_obtained_again_and_told() {
    let pebble = Pebble::start(Manners::default()).await;
    let app = App::start("app", "v1").await;
    let door = pebble
        .door(&(pebble.acme("") + &environment("prod", "\"a.example.test\"", &app)))
        .await;
    stored(&pebble, &door).await;
    for (round, broken) in ["cert.pem", "key.pem"].into_iter().enumerate() {
        door.kill9();
        door.end(secs(30)).await;
        let path = door.state_dir().join("certificates").join(HOST).join(broken);
        std::fs::write(&path, "torn").unwrap();
        door.restart().await;
        stored(&pebble, &door).await;
        let warnings = door.status().await.warnings;
        let said = |line: &&String| {
            line.contains(broken) && line.contains("a new certificate for `a.example.test` is obtained")
        };
        assert_eq!(warnings.iter().filter(said).count(), 1, "{warnings:?}");
        assert_eq!(pebble.ca.asked("/order-plz").len(), round + 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_or_expired_on_disk_is_obtained_again_and_the_expired_is_served_until_then() {
    let pebble = Pebble::start(Manners::default()).await;
    let app = App::start("app", "v1").await;
    let door = pebble
        .door(&(pebble.acme("") + &environment("prod", "\"a.example.test\"", &app)))
        .await;
    stored(&pebble, &door).await;
    let shelf = door.state_dir().join("certificates").join(HOST);
    let again = || async {
        door.kill9();
        door.end(secs(30)).await;
    };
    again().await;
    std::fs::remove_dir_all(&shelf).unwrap();
    door.restart().await;
    stored(&pebble, &door).await;
    assert_eq!(pebble.ca.orders(HOST), 2);

    again().await;
    let old = pebble.folder().join("old");
    lineage(&old, "old", &[HOST], 90, -1);
    for (from, to) in [("fullchain.pem", "cert.pem"), ("privkey.pem", "key.pem")] {
        std::fs::copy(old.join("live/old").join(from), shelf.join(to)).unwrap();
    }
    // It would say that this one is new.
    std::fs::remove_file(shelf.join("meta.json")).unwrap();
    pebble.ca.always("/order-plz", Trick::Plain(503, "busy"));
    door.restart().await;
    refused(&door, HOST, "status 503").await;
    let expired = report(&door, HOST).await;
    assert_eq!(
        (expired.issuer.as_str(), expired.note.as_deref()),
        ("Certbot's CA", Some("has expired"))
    );
    pebble.ca.behave();
    door.proxyctl(&["certs", "renew", HOST]).await.assert_code(0);
    assert_eq!(pebble.get(&door, HOST).await, Ok(200));
}

/// A disk that is full, where one may mount; else something in the folder's place that cannot be written to.
struct FullDisk {
    place: PathBuf,
    mounted: bool,
}

impl FullDisk {
    fn at(place: &Path) -> Self {
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        std::fs::create_dir(place).unwrap();
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=4k,mode=700", "none"])
            .arg(place)
            .output();
        let mounted = mount.is_ok_and(|output| output.status.success());
        if mounted {
            // One page: it holds this, and nothing more.
            std::fs::write(place.join("full"), [7; 4096]).unwrap();
        } else {
            std::fs::remove_dir(place).unwrap();
            std::fs::write(place, "in the way").unwrap();
        }
        Self {
            place: place.to_owned(),
            mounted,
        }
    }

    fn make_room(&mut self) {
        if self.mounted {
            let done = Command::new("umount").arg("-l").arg(&self.place).status();
            self.mounted = !done.is_ok_and(|status| status.success());
        } else {
            drop(std::fs::remove_file(&self.place));
        }
    }
}

impl Drop for FullDisk {
    fn drop(&mut self) {
        if self.mounted {
            self.make_room();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_full_disk_the_certificate_is_served_and_stored_when_there_is_room() {
    let pebble = Pebble::start(Manners::default()).await;
    let app = App::start("app", "v1").await;
    let mut disk = None;
    let config = pebble.acme("") + &environment("prod", "\"a.example.test\"", &app);
    let door = pebble
        .door_prepared(&config, |folder| {
            disk = Some(FullDisk::at(&folder.join("state/certificates")))
        })
        .await;
    pebble.served(&door, HOST).await;
    let unsaved = report(&door, HOST).await.unsaved.expect("it cannot be stored");
    assert!(unsaved.contains("certificates`: "), "{unsaved}");
    door.proxyctl(&["certs"]).await.assert_says(&["it cannot be stored: "]);
    assert!(
        door.process()
            .log()
            .text()
            .contains("the certificate is served, but it cannot be stored")
    );
    let mut disk = disk.unwrap();
    if disk.mounted {
        assert!(unsaved.ends_with("no space left on device"), "{unsaved}");
    }
    disk.make_room();
    eventually(secs(20), || async {
        holds(report(&door, HOST).await.unsaved.is_none(), || {
            "still not stored".into()
        })
    })
    .await;
    door.kill9();
    door.end(secs(30)).await;
    door.restart().await;
    assert_eq!(pebble.get(&door, HOST).await, Ok(200));
    assert_eq!(
        pebble.ca.asked("/order-plz").len(),
        1,
        "a full disk costs no second certificate"
    );
}
