//! Clients as users have them: programs of the system, of npm and of PyPI. One that is missing is a failure: `tests/run` installs it.

use tokio::process::Command;

use super::fixture::{HOST, Pair};
use super::operation::{Output, run};
use super::place::{python, tests};

/// A program of the system.
pub fn tool(name: &str) -> Command {
    let found = std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(name).is_file()));
    assert!(found, "`{name}` is not on this machine: `tests/run` installs it");
    Command::new(name)
}

/// curl with the local CA, and the host at the door's port.
pub fn curl(pair: &Pair, args: &[&str]) -> Command {
    let port = pair.door.https().port();
    let mut command = tool("curl");
    command.args([
        "--silent",
        "--show-error",
        "--max-time",
        "30",
        "--resolve",
        &format!("{HOST}:{port}:127.0.0.1"),
    ]);
    command.arg("--cacert").arg(root(pair)).args(args);
    command
}

/// A program of `tests/clients` with the arguments PORT, CA, HOST, and these.
pub fn client(script: &str, pair: &Pair, args: &[&str]) -> Command {
    let folder = tests().join("clients");
    let read_by = |mut interpreter: Command| {
        interpreter.arg(folder.join(script));
        interpreter
    };
    let mut command = match script.rsplit_once('.') {
        // `tests/run` has built it.
        Some((program, "go")) => Command::new(folder.join("bin").join(program)),
        Some((_, "py")) => read_by(python().into()),
        _ => read_by(tool("node")),
    };
    command.arg(pair.door.https().port().to_string());
    command.arg(root(pair)).arg(HOST).args(args);
    command
}

/// A target of the host at the door's port.
pub fn url(pair: &Pair, target: &str) -> String {
    format!("https://{HOST}:{}{target}", pair.door.https().port())
}

/// Runs a command that has to succeed.
pub async fn good(command: Command) -> Output {
    let output = run(command).await;
    output.assert_code(0);
    output
}

fn root(pair: &Pair) -> std::path::PathBuf {
    pair.door.state_dir().join("ca/root.pem")
}
