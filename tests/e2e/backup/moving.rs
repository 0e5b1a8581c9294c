//! From one machine to another: the second serves what the first did.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use greengate::model::api::exit;
use greengate::model::slot::Slot;

use super::content;
use crate::common::app::{App, send};
use crate::common::door::{Door, QUICK};
use crate::common::fixture::Pair;
use crate::common::load::{Kind, Load};
use crate::common::pebble::{Manners, Pebble, report};
use crate::common::{count, eventually, holds, secs};
use crate::packaged;

/// A user, with a password that nobody needs here.
const ANNA: &str = "anna:$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW\n";

/// `proxyctl restore FILE` onto a machine on which nothing is.
fn moved(file: &Path, folder: &Path) {
    std::fs::remove_file(folder.join("proxy.toml")).unwrap();
    let restored = Command::new(env!("CARGO_BIN_EXE_proxyctl"))
        .arg("restore")
        .arg(file)
        .arg("--config")
        .arg(folder.join("proxy.toml"))
        .output()
        .unwrap();
    assert!(restored.status.success(), "{restored:?}");
    let said = String::from_utf8_lossy(&restored.stderr);
    assert!(!said.contains("proxyctl check"), "{said}");
}

/// Writes the paths of a door's configuration as those that move with it: relative to its folder.
fn relative(door: &Door) {
    let folder = format!("{}/", door.folder().display());
    door.rewrite(|text| text.replace(&folder, ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_machine_serves_the_same_slot_with_the_same_certificates_and_orders_nothing() {
    let pebble = Pebble::start(Manners::default()).await;
    let (blue, green) = (App::start("blue", "v1").await, App::start("green", "v2").await);
    let dev = App::start("dev", "v1").await;
    let config = format!(
        "{}{}[env.prod]\nhost = \"a.example.test\"\ntls = \"acme\"\nblue = \"{}\"\ngreen = \"{}\"\n\
         [env.dev]\nhost = \"dev.localhost\"\nupstream = \"{}\"\nauth.basic = \"users\"\n",
        pebble.acme(""),
        QUICK,
        blue.address(),
        green.address(),
        dev.address()
    );
    let prepare = |folder: &Path| std::fs::write(folder.join("users"), ANNA).unwrap();
    let a = pebble.door_prepared(&config, prepare).await;
    pebble.served(&a, "a.example.test").await;
    assert_eq!(a.swap("prod", &[]).await.assert_done(), Slot::Green);
    relative(&a);
    let file = pebble.folder().join("backup.tar.gz");
    let made = a
        .proxyctl(&["backup", file.to_str().unwrap(), "--config", "proxy.toml"])
        .await;
    made.assert_code(0)
        .assert_says(&["ACME account, local CA, 1 certificate, 2 files"]);
    let asked = |what: &str| pebble.ca.asked(what).len();
    let (orders, accounts) = (asked("/order-plz"), asked("/sign-me-up"));
    let (before, history) = (report(&a, "a.example.test").await, a.history().await);
    let root = std::fs::read(a.state_dir().join("ca/root.pem")).unwrap();
    a.kill9();
    a.end(secs(30)).await;

    // The root of the private CA is named by where it is on both.
    let b = pebble.door_prepared("", |folder| moved(&file, folder)).await;
    assert_eq!(pebble.get(&b, "a.example.test").await, Ok(200));
    let now = report(&b, "a.example.test").await;
    assert_eq!(
        (now.not_after, now.issuer, now.obtained),
        (before.not_after, before.issuer, before.obtained)
    );
    assert!(!now.running);
    assert_eq!(b.environment("prod").await.live, Some(Slot::Green));
    assert_eq!(std::fs::read(b.state_dir().join("ca/root.pem")).unwrap(), root);
    let told = b.history().await;
    assert_eq!(told[..history.len()], history[..], "the history goes on");
    assert_eq!(
        (asked("/order-plz"), asked("/sign-me-up")),
        (orders, accounts),
        "nothing was ordered anew"
    );
    assert_eq!(b.rollback("prod", &[]).await.assert_done(), Slot::Blue);
    // The account is the same, too.
    b.proxyctl(&["certs", "renew", "a.example.test"]).await.assert_code(0);
    assert_eq!((asked("/order-plz"), asked("/sign-me-up")), (orders + 1, accounts));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_knows_all_that_a_daemon_puts_into_its_folder() {
    let more = "stale_assets = { paths = [\"/assets/\"], keep = \"7d\" }\n[[notify]]\ncommand = \"cat\"\n";
    let pair = Pair::tls(more).hasty("notify_look=40").await;
    let file = "HTTP/1.1 200 OK\r\nContent-Type: text/javascript\r\nContent-Length: 3\r\n\r\nold";
    pair.blue.on("/assets/old.js", vec![send(file)]);
    assert_eq!(pair.get("/assets/old.js").await.status, 200);
    pair.door.swap("prod", &[]).await.assert_done();
    pair.door.watch(&["upgrade"]).finish().await.assert_code(exit::DONE);
    let wanted = ["lock", "listeners.json", "assets", "notify.json", "notify.lock"];
    eventually(secs(10), || async {
        let there = |name: &&str| pair.door.state_dir().join(name).exists();
        holds(wanted.iter().all(there), || "not all of it is there".into())
    })
    .await;
    let file = pair.door.folder().join("backup.tar.gz");
    let made = pair
        .door
        .proxyctl(&["backup", file.to_str().unwrap(), "--config", "proxy.toml"])
        .await;
    made.assert_code(0);
    assert!(!made.all().contains("is nothing that the daemon keeps"), "{made:?}");
    std::fs::write(pair.door.state_dir().join("mine"), "").unwrap();
    let made = pair
        .door
        .proxyctl(&["backup", file.to_str().unwrap(), "--config", "proxy.toml"])
        .await;
    made.assert_code(0)
        .assert_says(&["/state/mine` is nothing that the daemon keeps"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_in_the_middle_of_swaps_under_load_is_whole_and_nobody_notices() {
    let pair = Pair::tls("").await;
    relative(&pair.door);
    let load = Load::start(
        pair.target(),
        &[(Kind::Get, 2), (Kind::Post, 1), (Kind::H2, 1), (Kind::WebSocket, 1)],
    )
    .await;
    let done = AtomicBool::new(false);
    let swaps = async {
        let mut swaps = 0;
        while !done.load(Ordering::Relaxed) {
            let swap = pair.door.swap("prod", &["--no-wait", "--force"]).await;
            // Who does not wait may come while the last one still looks after its switch.
            if swap.code != i32::from(exit::BUSY) {
                swap.assert_code(exit::DONE);
                swaps += 1;
            }
        }
        swaps
    };
    let backups = async {
        let mut files = Vec::new();
        for number in 0..count(4, 40) {
            let file = pair.door.folder().join(format!("backup-{number}"));
            let made = pair
                .door
                .proxyctl(&["backup", file.to_str().unwrap(), "--config", "proxy.toml"])
                .await;
            made.assert_code(0);
            files.push(file);
        }
        done.store(true, Ordering::Relaxed);
        files
    };
    let (swaps, files) = tokio::join!(swaps, backups);
    load.stop().await.assert_no_failures();
    assert!(swaps > 1, "{swaps}");
    pair.door.kill9();
    pair.door.end(secs(30)).await;
    for file in &files {
        for (name, bytes) in content(&std::fs::read(file).unwrap()) {
            let text = String::from_utf8(bytes).unwrap();
            let lines = if name.ends_with(".jsonl") {
                text.lines().collect()
            } else {
                vec![&*text]
            };
            if name.contains(".json") {
                for line in lines {
                    serde_json::from_str::<serde_json::Value>(line)
                        .unwrap_or_else(|error| panic!("{name}: {error}: {line}"));
                }
            }
        }
    }
    let b = Door::start_at(pair.door.http(), pair.door.https(), "", "", |folder| {
        moved(files.last().unwrap(), folder)
    })
    .await;
    assert_eq!(b.environment("prod").await.services.len(), 1);
}

#[test]
fn what_root_restores_the_units_user_serves_and_owns() {
    let systemd = packaged::installed();
    systemd.ok("proxyctl swap prod && proxyctl backup /etc/greengate/backup");
    let root = systemd.ok("cat /var/lib/greengate/ca/root.pem");
    // Nobody but root and the unit's own user can make one.
    systemd.ok("setpriv --reuid greengate --regid greengate --clear-groups proxyctl backup - --state-dir /var/lib/greengate > /dev/null");
    systemd.ok("! setpriv --reuid nobody --clear-groups --regid greengate proxyctl backup - --state-dir /var/lib/greengate > /dev/null");
    systemd.ok("systemctl stop greengate && rm -r /var/lib/greengate /etc/greengate/proxy.toml");
    systemd.ok("proxyctl restore /etc/greengate/backup && systemctl start greengate");
    let head = systemd.ok(
        "curl -sS -D - -o /dev/null --cacert /var/lib/greengate/ca/root.pem --resolve app.localhost:443:127.0.0.1 \
         https://app.localhost/",
    );
    assert!(head.contains("x-demo-version: green"), "{head}");
    assert_eq!(systemd.ok("cat /var/lib/greengate/ca/root.pem"), root);
    assert_eq!(
        systemd.ok("find /var/lib/greengate ! -user greengate -o ! -group greengate"),
        ""
    );
    assert_eq!(
        systemd.ok("stat -c '%U %a' /etc/greengate/proxy.toml /etc/greengate/backup"),
        "root 644\nroot 600\n"
    );
    systemd.ok("proxyctl history | grep -q swap && proxyctl rollback prod");
}
