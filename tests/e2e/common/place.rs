//! Apps as users have them, Node and FastAPI under uvicorn, each at a port that stays ours.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::client::Client;
use super::port::reserve;
use super::process::Process;
use super::{eventually, secs};

/// The folder of the tests.
pub fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

/// The Python that `tests/run` has set up.
pub fn python() -> Command {
    let python = tests().join(".venv/bin/python");
    assert!(python.exists(), "{} is missing: `tests/run` makes it", python.display());
    Command::new(python)
}

/// A program of the npm packages that `tests/run` has set up, run by `node` itself, so that the process is the program's.
pub fn npm_program(script: &str) -> Command {
    let script = tests().join("node/node_modules").join(script);
    assert!(script.exists(), "{} is missing: `tests/run` makes it", script.display());
    let mut command = Command::new("node");
    command.arg(script);
    command
}

/// What runs an app, with the arguments PORT, NAME and VERSION to come.
#[derive(Debug, Clone, Copy)]
pub enum Runtime {
    /// `node`.
    Node,
    /// uvicorn with its defaults.
    Uvicorn,
}

impl Runtime {
    fn command(self) -> Command {
        match self {
            Self::Node => {
                let mut command = Command::new("node");
                command.arg(tests().join("apps/node-app/server.js"));
                command
            }
            Self::Uvicorn => {
                let mut command = python();
                command.arg(tests().join("apps/fastapi_app.py"));
                command
            }
        }
    }
}

/// A slot: a port that stays ours, and the process that runs there.
#[derive(Debug)]
pub struct Place {
    name: &'static str,
    runtime: Runtime,
    _port: socket2::Socket,
    /// Where it runs.
    pub address: SocketAddr,
    process: Option<Process>,
}

impl Place {
    /// A place where nothing runs yet.
    pub fn new(name: &'static str, runtime: Runtime) -> Self {
        let (port, address) = reserve();
        Self {
            name,
            runtime,
            _port: port,
            address,
            process: None,
        }
    }

    /// Starts a version.
    pub fn launch(&mut self, version: &str) {
        let mut command = self.runtime.command();
        command.args([&self.address.port().to_string(), self.name, version]);
        let name = format!("{} {version} ({:?})", self.name, self.runtime);
        self.process = Some(Process::spawn(&name, command));
    }

    /// Starts a version, and waits until it accepts connections.
    pub async fn start(&mut self, version: &str) {
        self.launch(version);
        accepts(self.address, self.process()).await;
    }

    /// `kill -9` by its own process id.
    pub fn kill9(&mut self) {
        self.process.take().expect("the app runs").kill9();
    }

    /// SIGTERM, and waits for its end: the first half of what `systemctl restart` does.
    pub async fn stop(&mut self) {
        let process = self.process.take().expect("the app runs");
        process.term();
        process.end(secs(60)).await;
    }

    fn process(&self) -> &Process {
        self.process.as_ref().expect("the app runs")
    }
}

/// Waits until a process accepts connections.
pub async fn accepts(address: SocketAddr, process: &Process) {
    eventually(secs(60), || async {
        if let Some(status) = process.ended() {
            panic!("the app ended with {status}: {}", process.log().text());
        }
        Client::plain(address)
            .await
            .map(drop)
            .map_err(|broken| broken.to_string())
    })
    .await;
}
