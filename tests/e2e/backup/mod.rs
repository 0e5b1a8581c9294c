//! `proxyctl backup` and `restore`: what is in the file, where it goes, what is refused, and what a crash leaves.

mod crashing;
mod hostile;
mod moving;
mod refusing;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use tempfile::TempDir;
use tokio::process::Command;

use crate::common::operation::{Output, run};

/// A configuration whose every path starts at its own folder.
const CONFIG: &str = r#"
[server]
state_dir = "state"
socket = "control.sock"
[env.prod]
host = "app.localhost"
blue = 3000
green = 3001
auth.basic = "users/prod"
tls = { cert = "tls/chain.pem", key = "tls/key.pem" }
"#;

/// What a daemon might have left in the state folder.
const STATE: [(&str, &str); 9] = [
    ("state.json", "{\"version\":1,\"next_operation\":7}\n"),
    ("journal.jsonl", "{}\n"),
    ("journal.1.jsonl", "{\"old\":1}\n"),
    ("acme/accounts.json", "{}"),
    ("certificates/a.test/cert.pem", "cert"),
    ("certificates/a.test/key.pem", "key"),
    ("certificates/a.test/meta.json", "{}"),
    ("ca/root.pem", "root"),
    ("ca/root-key.pem", "root key"),
];

/// A machine on which no daemon runs: a folder with configuration and state.
struct Machine {
    folder: TempDir,
}

impl Machine {
    /// With nothing on it.
    fn empty() -> Self {
        let folder = tempfile::Builder::new().prefix("gg-").tempdir().unwrap();
        Self { folder }
    }

    /// With [`CONFIG`] and [`STATE`].
    fn installed() -> Self {
        let machine = Self::empty();
        machine.put("proxy.toml", CONFIG);
        machine.put("users/prod", "anna:$2y$05$x\n");
        machine.put("tls/chain.pem", "chain");
        machine.put("tls/key.pem", "the key");
        machine.mode("tls/key.pem", 0o640);
        for (path, text) in STATE {
            machine.put(&format!("state/{path}"), text);
        }
        machine
    }

    /// Writes a file, and the folders above it.
    fn put(&self, path: &str, text: &str) {
        let path = self.at(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn mode(&self, path: &str, mode: u32) {
        std::fs::set_permissions(self.at(path), PermissionsExt::from_mode(mode)).unwrap();
    }

    fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.at(path)).unwrap()
    }

    fn read_bytes(&self, path: &str) -> Vec<u8> {
        std::fs::read(self.at(path)).unwrap()
    }

    /// Every file and its content; a link is where it leads to. Locks say nothing.
    fn files(&self) -> BTreeMap<String, String> {
        files(self.folder.path())
    }

    /// `proxyctl backup|restore FILE --config proxy.toml ARGS`, to be started.
    fn command(&self, verb: &str, file: &Path, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_proxyctl"));
        command.arg(verb).arg(file).args(["--config", "proxy.toml"]).args(args);
        command.current_dir(self.folder.path());
        command
    }

    async fn backup(&self, file: &Path, args: &[&str]) -> Output {
        run(self.command("backup", file, args)).await
    }

    async fn restore(&self, file: &Path, args: &[&str]) -> Output {
        run(self.command("restore", file, args)).await
    }
}

/// Every file below a folder and its content, but for what says something of a process alone.
fn files(folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(folder).unwrap().display().to_string();
            if path.is_symlink() {
                found.insert(name, format!("→ {}", std::fs::read_link(&path).unwrap().display()));
            } else if path.is_dir() {
                folders.push(path);
            } else if !name.ends_with("lock") {
                found.insert(
                    name,
                    String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned(),
                );
            }
        }
    }
    found
}

fn mode(path: &Path) -> u32 {
    std::fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

/// The names and contents of an archive.
fn content(archive: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut archive = tar::Archive::new(GzDecoder::new(archive));
    let entries = archive.entries().unwrap();
    let read = |entry: std::io::Result<tar::Entry<'_, _>>| {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().display().to_string();
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut entry, &mut bytes).unwrap();
        (name, bytes)
    };
    entries.map(read).collect()
}
