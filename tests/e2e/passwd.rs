//! `proxyctl passwd`: the file that it writes, and what of a password can be seen.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt};
use std::path::Path;
use std::process::Stdio;

use greengate::model::access::{Credentials, Users};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::common::operation::Output;
use crate::common::place::python;

const PASSWORD: &str = "correct horse battery";

/// `proxyctl passwd ARGS` in a folder, with this on standard input.
async fn passwd(folder: &Path, args: &[&str], typed: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_proxyctl"))
        .arg("--socket")
        .arg(folder.join("control.sock"))
        .arg("passwd")
        .args(args)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // It may have ended without reading.
    let _ = stdin.write_all(typed.as_bytes()).await;
    drop(stdin);
    let output = child.wait_with_output().await.unwrap();
    Output {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn read(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("dev.htpasswd")).unwrap()
}

/// Whether name and password open what the file guards.
fn admits(text: &str, name_and_password: &str) -> bool {
    use base64::Engine as _;
    let sent = base64::engine::general_purpose::STANDARD.encode(name_and_password);
    let sent = Credentials::parse(format!("Basic {sent}").as_bytes()).unwrap();
    Users::parse(text).unwrap().admit(&sent, 0)
}

#[tokio::test]
async fn a_user_is_added_and_changed_and_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let added = passwd(folder, &["dev.htpasswd", "anna"], &format!("{PASSWORD}\n")).await;
    added
        .assert_code(0)
        .assert_says(&["✓ added `anna` in `dev.htpasswd`: 1 user"]);
    assert_eq!(added.stdout, "", "data goes to stdout, and there is none");
    assert!(admits(&read(folder), &format!("anna:{PASSWORD}")));
    let mode = std::fs::metadata(folder.join("dev.htpasswd")).unwrap().mode() & 0o7777;
    assert!(matches!(mode, 0o600 | 0o640), "{mode:o}");

    let changed = passwd(folder, &["dev.htpasswd", "anna", "--json"], "another").await;
    let json: serde_json::Value = serde_json::from_str(&changed.assert_code(0).stdout).unwrap();
    assert_eq!((&json["done"], &json["users"]), (&"changed".into(), &1.into()));
    assert!(admits(&read(folder), "anna:another") && !admits(&read(folder), &format!("anna:{PASSWORD}")));

    let gone = passwd(folder, &["dev.htpasswd", "anna", "--delete"], "").await;
    gone.assert_code(0).assert_says(&["deleted `anna`", "0 users"]);
    assert_eq!(read(folder), "");
    let twice = passwd(folder, &["dev.htpasswd", "anna", "--delete"], "").await;
    twice.assert_code(1).assert_says(&["has no user `anna`"]);
}

#[tokio::test]
async fn nobody_is_lost_when_several_write_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let names = ["anna", "bert", "cleo", "dora"];
    let typed = names.map(|name| (["dev.htpasswd", name], format!("{name}'s\n")));
    let writing = typed.iter().map(|(args, typed)| passwd(folder.path(), args, typed));
    for written in futures_util::future::join_all(writing).await {
        written.assert_code(0).assert_says(&["✓ added"]);
    }
    let text = read(folder.path());
    for name in names {
        assert!(admits(&text, &format!("{name}:{name}'s")), "{name} is not in:\n{text}");
    }
}

#[tokio::test]
async fn other_users_comments_mode_and_link_stay() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let before = "# the team\nbert:$apr1$x$y\n\n# the end\n";
    let real = folder.join("real");
    std::fs::write(&real, before).unwrap();
    std::fs::set_permissions(&real, PermissionsExt::from_mode(0o604)).unwrap();
    std::os::unix::fs::symlink("real", folder.join("dev.htpasswd")).unwrap();
    let added = passwd(folder, &["dev.htpasswd", "anna"], "secret\n").await;
    added
        .assert_code(0)
        .assert_says(&["line 2: the hash of `bert` is MD5 (apr1), and bcrypt alone is accepted"]);
    let after = read(folder);
    assert!(after.starts_with(&format!("{before}anna:$2y$10$")), "{after}");
    let link = std::fs::symlink_metadata(folder.join("dev.htpasswd")).unwrap();
    assert!(link.is_symlink());
    assert_eq!(std::fs::metadata(&real).unwrap().mode() & 0o7777, 0o604);
    let left: Vec<_> = std::fs::read_dir(folder).unwrap().collect();
    assert_eq!(left.len(), 2, "nothing is left beside it: {left:?}");
}

#[tokio::test]
async fn what_can_be_no_name_or_no_password_is_refused_and_nothing_written() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for (name, typed, why) in [
        ("an:na", "secret", "has a colon"),
        ("an\nna", "secret", "control character"),
        ("", "secret", "is empty"),
        ("anna", "", "the password is empty"),
        ("anna", "\n", "the password is empty"),
        ("anna", &"x".repeat(73), "more than 72 bytes"),
        ("anna", &"x".repeat(100_000), "more than 72 bytes"),
        ("anna", "se\0cret", "control character"),
        ("anna", "one\ntwo\n", "more than one line"),
    ] {
        let output = passwd(folder, &["dev.htpasswd", name], typed).await;
        output.assert_code(2).assert_says(&[why]);
        assert!(!folder.join("dev.htpasswd").exists(), "{why}");
    }
    let output = passwd(folder, &["nowhere/dev.htpasswd", "anna"], "secret").await;
    output.assert_code(1).assert_says(&["cannot be made"]);
    let output = passwd(folder, &[".", "anna"], "secret").await;
    output.assert_code(1).assert_says(&["it is no file"]);
}

/// Types on a terminal of its own, and prints what could be seen there, and the exit code.
const ON_A_TERMINAL: &str = r#"
import os, pty, sys
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:-2])
seen = b""
for prompt, typed in [(b"anna: ", sys.argv[-2]), (b"more: ", sys.argv[-1])]:
    while not seen.endswith(prompt):
        seen += os.read(terminal, 1024)
    os.write(terminal, typed.encode() + b"\r")
try:
    while more := os.read(terminal, 1024):
        seen += more
except OSError:
    pass
sys.stdout.write(seen.decode())
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"#;

#[tokio::test]
async fn e35_on_a_terminal_it_is_asked_for_twice_and_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for (again, code) in [("other", 1), (PASSWORD, 0)] {
        let output = Command::from(python())
            .args(["-c", ON_A_TERMINAL, env!("CARGO_BIN_EXE_proxyctl")])
            .args(["passwd", "dev.htpasswd", "anna", PASSWORD, again])
            .current_dir(folder)
            .output()
            .await
            .unwrap();
        let seen = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(code), "{seen}");
        assert!(
            seen.contains("Password for anna: ") && !seen.contains("horse"),
            "{seen}"
        );
        assert_eq!(folder.join("dev.htpasswd").exists(), code == 0, "{seen}");
    }
    assert!(admits(&read(folder), &format!("anna:{PASSWORD}")));
    assert!(!read(folder).contains("horse"));
}
