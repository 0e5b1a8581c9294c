//! A restore that is killed, and a disk that is full: what is there is the old or the new, or says that it is neither.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use super::{CONFIG, Machine};
use crate::common::count;
use crate::common::operation::run;

/// Files that the configuration names: the more there are, the longer it takes to put all in place.
const MANY: usize = 12;

/// A machine with many files, all of which say `words`.
fn machine(words: &str) -> Machine {
    let machine = Machine::installed();
    let mut config = format!("# {words}\n{CONFIG}");
    for number in 0..MANY {
        let service = format!(
            "[env.e{number}]\nhost = \"e{number}.localhost\"\nupstream = {}\nauth.basic = \"users/{number}\"\n",
            4000 + number
        );
        config.push_str(&service);
        machine.put(&format!("users/{number}"), &format!("# {words}\n"));
    }
    machine.put("proxy.toml", &config);
    for path in [
        "certificates/a.test/key.pem",
        "ca/root.pem",
        "acme/accounts.json",
        "state.json",
    ] {
        machine.put(&format!("state/{path}"), &format!("\"{words}\""));
    }
    machine
}

#[tokio::test]
async fn n27_a_restore_that_is_killed_leaves_the_old_or_the_new_or_is_finished_by_the_next() {
    let (a, b) = (machine("new"), machine("old"));
    let (new_file, old_file) = (a.at("backup"), b.at("backup"));
    a.backup(&new_file, &[]).await.assert_code(0);
    b.backup(&old_file, &[]).await.assert_code(0);
    let (mut new, old) = (a.files(), b.files());
    new.insert("backup".into(), old["backup"].clone());
    let mut seen = [0; 4];
    let kills = count(4, 200);
    let mut length = Duration::ZERO;
    for kill in 0..=kills {
        let begun = tokio::time::Instant::now();
        let mut restore = b.command("restore", &new_file, &["--force"]);
        let mut child = restore.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        if kill == 0 {
            // How long it takes where nobody kills it.
            assert!(child.wait().await.unwrap().success());
            length = begun.elapsed();
        } else {
            // At first it only reads.
            let share = 0.5 + fastrand::f64() / 2.0;
            tokio::time::sleep(length.mul_f64(share)).await;
            child.start_kill().unwrap();
            child.wait().await.unwrap();
        }
        let record = b.at(".proxy.toml.restore");
        let is_begun = record.exists();
        let now: BTreeMap<_, _> = (b.files().into_iter())
            .filter(|(name, _)| !name.contains("restor"))
            .collect();
        match (is_begun, now == old, now == new) {
            (false, true, _) => seen[0] += 1,
            (false, _, true) => seen[1] += 1,
            (true, ..) => {
                seen[2] += 1;
                let mut daemon = Command::new(env!("CARGO_BIN_EXE_proxyd"));
                daemon.args(["--config", "proxy.toml"]).current_dir(b.folder.path());
                run(daemon)
                    .await
                    .assert_code(1)
                    .assert_says(&["has begun and did not finish"]);
                b.backup(&b.at("other"), &[])
                    .await
                    .assert_code(1)
                    .assert_says(&["did not finish"]);
            }
            (false, false, false) => panic!("neither the old nor the new, and nobody is told: {now:#?}"),
        }
        // Whichever is restored next, what was begun is finished first.
        let again = b.restore(&new_file, &["--force"]).await;
        again.assert_code(0);
        seen[3] += usize::from(again.all().contains("it is finished now"));
        assert_eq!(b.files(), new);
        b.restore(&old_file, &["--force"]).await.assert_code(0);
        assert_eq!(b.files(), old);
    }
    assert_eq!(seen[2], seen[3], "{seen:?}");
    assert_eq!(seen[..3].iter().sum::<usize>(), 1 + kills, "{seen:?}");
}

/// Runs in a namespace where `full` is a file system with next to no room.
fn on_a_full_disk(machine: &Machine, script: &str) -> Command {
    let mut command = Command::new("unshare");
    let script = format!("mkdir -p full && mount -t tmpfs -o size=48k full full && {script}");
    command
        .args(["-Urm", "sh", "-c", &script, env!("CARGO_BIN_EXE_proxyctl")])
        .current_dir(machine.folder.path());
    command
}

/// Text that no packing makes smaller.
fn noise(bytes: usize) -> String {
    std::iter::repeat_with(fastrand::alphanumeric).take(bytes).collect()
}

#[tokio::test]
async fn n30_a_full_disk_leaves_the_last_backup_and_what_was_here() {
    let a = Machine::installed();
    let file = a.at("backup");
    a.backup(&file, &[]).await.assert_code(0);
    a.put("state/journal.jsonl", &format!("{}\n", noise(200_000)));
    let script = "cp backup full/ && cp backup before && ! \"$0\" backup full/backup --config proxy.toml \
                  && cmp before full/backup && test \"$(ls -A full)\" = backup";
    run(on_a_full_disk(&a, script))
        .await
        .assert_code(0)
        .assert_says(&["no space left"]);

    a.backup(&file, &[]).await.assert_code(0);
    let script = "mkdir full/state && echo '{\"version\":1,\"next_operation\":5}' > full/state/state.json && \
                  ! \"$0\" restore backup --force --config full/proxy.toml && ls -AR full >&2 && \
                  test \"$(cd full && find . -type f | sort | xargs)\" = './state/lock ./state/state.json' && \
                  grep -q 5 full/state/state.json";
    run(on_a_full_disk(&a, script))
        .await
        .assert_code(0)
        .assert_says(&["nothing was restored: no space left"]);
}
