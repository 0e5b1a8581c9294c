//! What is in the file and who may read it, what is overwritten and what is not, and what `restore` says before it does anything.

use std::os::unix::fs::{MetadataExt as _, symlink};
use std::process::Stdio;

use tokio::process::Command;

use super::{CONFIG, Machine, STATE, content, mode};
use crate::common::door::{Door, QUICK_PLAIN};
use crate::common::operation::{run, run_with};

#[tokio::test]
async fn what_was_backed_up_is_restored_and_again_there_is_nothing_to_do() {
    let (a, b) = (Machine::installed(), Machine::empty());
    let file = a.at("backup.tar.gz");
    let made = a.backup(&file, &[]).await;
    made.assert_code(0)
        .assert_says(&["configuration, state, journal, ACME account, local CA, 1 certificate, 3 files that the configuration names"])
        .assert_says(&["private keys are in it"]);
    assert_eq!(made.stdout, "", "data goes to stdout, and there is none");
    assert_eq!(mode(&file), 0o600);
    let names: Vec<String> = content(&std::fs::read(&file).unwrap())
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(names[..2], ["manifest.json", "proxy.toml"]);
    assert_eq!(names.len(), 2 + STATE.len() + 3, "{names:?}");

    let shown = b.restore(&file, &["--dry-run"]).await;
    assert!(
        shown.assert_code(0).stdout.contains("state/certificates  new"),
        "{shown:?}"
    );
    assert!(b.files().is_empty(), "a dry run writes nothing");
    // The certificate is none, as `check` says, and restored all the same.
    let restored = b.restore(&file, &[]).await;
    restored
        .assert_code(0)
        .assert_says(&["✓ restored"])
        .assert_says(&["tls/chain.pem"]);
    let mut before = a.files();
    before.remove("backup.tar.gz");
    assert_eq!(b.files(), before);
    let again = b.restore(&file, &[]).await;
    again.assert_code(0).assert_says(&["all of it is here already"]);
}

#[tokio::test]
async fn it_goes_through_pipes_and_standard_tools_look_into_it() {
    let (a, b) = (Machine::installed(), Machine::empty());
    let archive = a
        .command("backup", "-".as_ref(), &[])
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    assert!(archive.status.success(), "{archive:?}");
    let file = b.at("piped");
    std::fs::write(&file, &archive.stdout).unwrap();
    let mut tar = Command::new("tar");
    tar.arg("-tvzf").arg(&file);
    run(tar)
        .await
        .assert_code(0)
        .assert_says(&["state/certificates/a.test/key.pem"]);
    let restored = run_with(
        b.command("restore", "-".as_ref(), &["--json"]),
        std::fs::File::open(&file).unwrap(),
    )
    .await;
    let json: serde_json::Value = serde_json::from_str(&restored.assert_code(0).stdout).unwrap();
    assert_eq!(
        (&json["done"], &json["steps"][0]["change"]),
        (&true.into(), &"new".into())
    );
    assert!(json["check"]["report"].is_string(), "{json}");
    assert_eq!(b.read("state/state.json"), a.read("state/state.json"));
    a.backup("-".as_ref(), &["--json"]).await.assert_code(2);
    // What a shell makes of `>`: others could read it.
    for (mode, code) in [(0o644, 2), (0o640, 2), (0o600, 0)] {
        let open = std::fs::File::create(b.at("redirected")).unwrap();
        b.mode("redirected", mode);
        let mut command = a.command("backup", "-".as_ref(), &[]);
        let ended = command
            .stdin(Stdio::null())
            .stdout(open)
            .stderr(Stdio::null())
            .status()
            .await
            .unwrap();
        assert_eq!(ended.code(), Some(code), "{mode:o}");
        assert_eq!(b.read_bytes("redirected").is_empty(), code != 0);
    }
    let json = a.backup(&a.at("x"), &["--json"]).await;
    let json: serde_json::Value = serde_json::from_str(&json.assert_code(0).stdout).unwrap();
    assert_eq!(
        (&json["version"], &json["files"][0]["name"]),
        (&1.into(), &"proxy.toml".into())
    );
}

#[tokio::test]
async fn what_is_different_here_is_named_and_stays_unless_it_is_forced() {
    let (a, b) = (Machine::installed(), Machine::installed());
    let file = a.at("backup.tar.gz");
    a.backup(&file, &[]).await.assert_code(0);
    b.put("state/state.json", "{\"version\":1,\"next_operation\":9}\n");
    b.put("state/journal.2.jsonl", "{}\n");
    b.put("users/prod", "bert:$2y$05$x\n");
    let before = b.files();
    for args in [&["--dry-run"][..], &[], &["--json"]] {
        let refused = b.restore(&file, args).await;
        for path in ["users/prod`", "state/state.json`", "state/journal.2.jsonl`"] {
            refused.assert_code(4).assert_says(&[path]);
        }
        assert!(
            !refused.stderr.contains("/ca`") && refused.stderr.contains("--force"),
            "{refused:?}"
        );
        assert_eq!(b.files(), before);
    }
    let shown = b.restore(&file, &["--dry-run", "--force"]).await;
    for line in [
        "~ ",
        "state/state.json  overwritten",
        "- ",
        "state/journal.2.jsonl  removed",
        "state/ca  the same",
    ] {
        assert!(shown.assert_code(0).stdout.contains(line), "{shown:?}");
    }
    assert_eq!(b.files(), before);
    b.restore(&file, &["--force"]).await.assert_code(0);
    let mut wanted = a.files();
    wanted.remove("backup.tar.gz");
    assert_eq!(b.files(), wanted);
}

#[tokio::test]
async fn nothing_is_written_outside_of_the_folder_unless_that_is_said() {
    let (a, b, elsewhere) = (Machine::installed(), Machine::empty(), Machine::empty());
    let (key, up) = (elsewhere.at("live/key.pem"), elsewhere.at("users"));
    elsewhere.put("live/key.pem", "elsewhere");
    elsewhere.put("users", "anna:$2y$05$x\n");
    let way_up = format!(
        "../{}/users",
        elsewhere.folder.path().file_name().unwrap().to_str().unwrap()
    );
    a.put(
        "proxy.toml",
        &CONFIG
            .replace("tls/key.pem", key.to_str().unwrap())
            .replace("users/prod", &way_up),
    );
    let file = a.at("backup.tar.gz");
    a.backup(&file, &[]).await.assert_code(0);
    std::fs::remove_dir_all(elsewhere.at("live")).unwrap();
    std::fs::remove_file(&up).unwrap();
    for args in [&[][..], &["--force"]] {
        let refused = b.restore(&file, args).await;
        refused
            .assert_code(4)
            .assert_says(&["live/key.pem`"])
            .assert_says(&["users`"])
            .assert_says(&["--outside=write"]);
        assert!(b.files().is_empty() && elsewhere.files().is_empty());
    }
    b.restore(&file, &["--outside=leave"]).await.assert_code(0);
    assert!(b.at("tls/chain.pem").exists() && elsewhere.files().is_empty());
    b.restore(&file, &["--outside=write"]).await.assert_code(0);
    assert_eq!(elsewhere.read("live/key.pem"), "elsewhere");
    assert_eq!(elsewhere.read("users"), "anna:$2y$05$x\n");
}

#[tokio::test]
async fn e35_nobody_else_may_read_it_whatever_the_umask_and_modes_are_as_before() {
    let (a, b) = (Machine::installed(), Machine::empty());
    let file = a.at("backup.tar.gz");
    let with_umask = |machine: &Machine, verb: &str| {
        let mut command = Command::new("sh");
        command
            .args([
                "-c",
                "umask 000; exec \"$0\" \"$@\"",
                env!("CARGO_BIN_EXE_proxyctl"),
                verb,
            ])
            .arg(&file)
            .args(["--config", "proxy.toml"])
            .current_dir(machine.folder.path());
        command
    };
    run(with_umask(&a, "backup")).await.assert_code(0);
    assert_eq!(mode(&file), 0o600);
    run(with_umask(&b, "restore")).await.assert_code(0);
    for (path, wanted) in [
        ("state", 0o700),
        ("state/lock", 0o600),
        ("state/state.json", 0o600),
        ("state/journal.jsonl", 0o600),
        ("state/acme", 0o700),
        ("state/certificates", 0o700),
        ("state/certificates/a.test", 0o700),
        ("state/certificates/a.test/key.pem", 0o600),
        ("state/ca", 0o700),
        ("state/ca/root-key.pem", 0o600),
        ("state/ca/root.pem", 0o644),
        ("tls/key.pem", 0o640),
        ("tls", mode(&a.at("tls"))),
        ("proxy.toml", mode(&a.at("proxy.toml"))),
    ] {
        assert_eq!(mode(&b.at(path)), wanted, "{path}");
    }
}

/// Of no account in particular.
const NOBODY: u32 = 65_534;

#[tokio::test]
async fn e35_root_gives_the_state_to_whom_the_folder_belongs_and_who_is_not_root_gets_no_key() {
    if !rustix::process::getuid().is_root() {
        // Only root can give something away, and become somebody else.
        return;
    }
    let (a, b) = (Machine::installed(), Machine::empty());
    let file = a.at("backup.tar.gz");
    a.backup(&file, &[]).await.assert_code(0);
    std::fs::create_dir(b.at("state")).unwrap();
    std::os::unix::fs::chown(b.at("state"), Some(NOBODY), Some(NOBODY)).unwrap();
    b.restore(&file, &[]).await.assert_code(0);
    for path in [
        "state/state.json",
        "state/lock",
        "state/certificates/a.test",
        "state/certificates/a.test/key.pem",
    ] {
        let metadata = std::fs::metadata(b.at(path)).unwrap();
        assert_eq!((metadata.uid(), metadata.gid()), (NOBODY, NOBODY), "{path}");
    }
    assert_eq!(std::fs::metadata(b.at("proxy.toml")).unwrap().uid(), 0);

    // A member of the socket's group, say: no daemon reads for them what they may not read.
    b.mode("", 0o755);
    b.mode("state", 0o700);
    std::os::unix::fs::chown(b.at("state"), Some(0), Some(0)).unwrap();
    let open = tempfile::tempdir().unwrap();
    std::fs::set_permissions(open.path(), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let mut command = b.command("backup", &open.path().join("mine"), &[]);
    command.uid(NOBODY).gid(NOBODY);
    let refused = run(command).await;
    refused
        .assert_code(1)
        .assert_says(&["permission denied"])
        .assert_says(&["as root, or as the user that `proxyd` runs as"]);
    assert_eq!(std::fs::read_dir(open.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_backup_overwrites_a_backup_and_nothing_else() {
    let a = Machine::installed();
    let file = a.at("backup.tar.gz");
    a.backup(&file, &[]).await.assert_code(0);
    a.put("state/state.json", "{\"version\":1,\"next_operation\":8}\n");
    symlink("backup.tar.gz", a.at("newest")).unwrap();
    a.backup(&a.at("newest"), &[]).await.assert_code(0);
    assert!(a.at("newest").is_symlink());
    let state =
        |(name, bytes): (String, Vec<u8>)| (name == "state/state.json").then(|| String::from_utf8(bytes).unwrap());
    let held = content(&std::fs::read(&file).unwrap()).into_iter().find_map(state);
    assert_eq!(held.as_deref(), Some(&*a.read("state/state.json")));
    let before = a.files();
    for path in ["proxy.toml", "state/state.json"] {
        let refused = a.backup(&a.at(path), &[]).await;
        refused.assert_code(4).assert_says(&["is there, and no backup"]);
    }
    a.backup("/dev/null".as_ref(), &[]).await.assert_code(1);
    a.backup(&a.at("state"), &[]).await.assert_code(1);
    a.backup(&a.at("nowhere/backup"), &[]).await.assert_code(1);
    assert_eq!(a.files(), before);
}

#[tokio::test]
async fn what_cannot_be_backed_up_whole_is_not_backed_up() {
    let a = Machine::installed();
    let file = a.at("backup.tar.gz");
    a.put("proxy.toml", &CONFIG.replace("host", "hots"));
    a.backup(&file, &[])
        .await
        .assert_code(2)
        .assert_says(&["`prod` has no `host`"]);
    a.put("proxy.toml", CONFIG);
    std::fs::rename(a.at("state"), a.at("other")).unwrap();
    a.backup(&file, &[])
        .await
        .assert_code(1)
        .assert_says(&["there is no state of a daemon"]);
    assert!(!file.exists());
    let nowhere = a.backup(&file, &["--config", "nowhere.toml"]).await;
    assert_eq!(nowhere.code, 2, "named twice");
    // What is missing or not the daemon's is told, and the rest is taken.
    std::fs::remove_file(a.at("users/prod")).unwrap();
    a.put("other/notes", "mine");
    symlink("/etc/passwd", a.at("other/certificates/a.test/link")).unwrap();
    let told = a.backup(&file, &["--state-dir", "other"]).await;
    for words in [
        "users/prod` is named by",
        "other/notes` is nothing",
        "a.test/link` is nothing",
    ] {
        told.assert_code(0).assert_says(&[words]);
    }
    let names: Vec<String> = content(&std::fs::read(&file).unwrap())
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert!(
        names.contains(&"state/ca/root.pem".to_owned()) && !names.iter().any(|name| name.contains("link")),
        "{names:?}"
    );
}

#[tokio::test]
async fn what_is_too_large_for_a_backup_is_not_read_into_memory() {
    let a = Machine::installed();
    let large = |path: &str, mebibytes: u64| {
        std::fs::File::create(a.at(path))
            .unwrap()
            .set_len(mebibytes << 20)
            .unwrap();
    };
    large("state/acme/one", 33);
    let file = a.at("backup");
    a.backup(&file, &[])
        .await
        .assert_code(1)
        .assert_says(&["state/acme/one` cannot be read: it is larger than 32 mib"]);
    for name in ["one", "two", "three", "four"] {
        large(&format!("state/acme/{name}"), 30);
    }
    a.backup(&file, &[])
        .await
        .assert_code(1)
        .assert_says(&["all together is larger than 96 mib"]);
    assert!(!file.exists());
    large("backup", 129);
    a.restore(&file, &[])
        .await
        .assert_code(2)
        .assert_says(&["is larger than 128 MiB"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_runs_keeps_its_state_whatever_is_forced() {
    let door = Door::start(&format!("{QUICK_PLAIN}[env.prod]\nhost = \"app.test\"\nupstream = 9\n")).await;
    let file = door.folder().join("backup.tar.gz");
    let (config, file) = (door.config().display().to_string(), file.display().to_string());
    door.proxyctl(&["backup", &file, "--config", &config])
        .await
        .assert_code(0);
    // Nothing would be lost, nor is anything done.
    let same = door.proxyctl(&["restore", &file, "--config", &config]).await;
    same.assert_code(0).assert_says(&["all of it is here already"]);
    std::fs::remove_file(door.state_dir().join("journal.jsonl")).unwrap();
    for args in [&["--force"][..], &["--dry-run"], &[]] {
        let refused = door
            .proxyctl(&[&["restore", &file, "--config", &config], args].concat())
            .await;
        let pid = format!("another daemon (process {})", door.process().pid());
        refused
            .assert_code(4)
            .assert_says(&[&pid])
            .assert_says(&["systemctl stop greengate"]);
    }
    assert!(!door.state_dir().join("journal.jsonl").exists());
    door.kill9();
    door.end(crate::common::secs(10)).await;
    door.proxyctl(&["restore", &file, "--config", &config])
        .await
        .assert_code(0);
    door.restart().await;
}
