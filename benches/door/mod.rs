//! The real `proxyd` in a process of its own, and an app behind it.

#![allow(
    missing_docs,
    dead_code,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a part of measurements, which do not use all of it"
)]

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio_rustls::TlsConnector;

pub(crate) const HOST: &str = "app.localhost";

/// Answers every request in the same way.
pub(crate) fn app() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            thread::spawn(move || {
                let mut request = [0; 4096];
                while stream.read(&mut request).is_ok_and(|n| n > 0) {
                    if stream
                        .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                        .is_err()
                    {
                        return;
                    }
                }
            });
        }
    });
    address
}

/// `proxyd` in a folder of its own.
pub(crate) struct Door {
    process: Child,
    folder: tempfile::TempDir,
    /// Where TLS is served.
    pub(crate) address: SocketAddr,
}

impl Door {
    /// Starts it in front of an app, and returns when it is ready.
    pub(crate) fn start(app: SocketAddr) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        let text = format!(
            "[server]\nhttp = \"127.0.0.1:0\"\nhttps = \"127.0.0.1:0\"\nsocket = \"{}\"\nstate_dir = \"{}\"\nmax_connections = 20000\n\
             [defaults]\ntls = \"internal\"\nlog = false\n[env.prod]\nhost = \"{HOST}\"\nupstream = \"{app}\"\n",
            at("control.sock"),
            at("state"),
        );
        std::fs::write(folder.path().join("proxy.toml"), text).unwrap();
        let process = Command::new(env!("CARGO_BIN_EXE_proxyd"))
            .arg("--config")
            .arg(folder.path().join("proxy.toml"))
            .process_group(0)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let address = https(&folder.path().join("state/listeners.json"));
        Self {
            process,
            folder,
            address,
        }
    }

    /// What connects over TLS.
    pub(crate) fn connector(&self, alpn: &str) -> TlsConnector {
        let mut roots = rustls::RootCertStore::empty();
        for root in CertificateDer::pem_file_iter(self.folder.path().join("state/ca/root.pem")).unwrap() {
            roots.add(root.unwrap()).unwrap();
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![alpn.as_bytes().to_vec()];
        TlsConnector::from(Arc::new(config))
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// `proxyctl` with these words; what it printed.
    pub(crate) fn proxyctl(&self, words: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_proxyctl"));
        command.arg("--socket").arg(self.folder.path().join("control.sock"));
        let output = command.args(words).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }
}

/// Resident memory of a process, in KiB; none when it is gone.
pub(crate) fn resident(pid: u32) -> u64 {
    let Ok(status) = std::fs::read_to_string(format!("/proc/{pid}/status")) else {
        return 0;
    };

    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    line.map_or(0, |line| line.split_whitespace().nth(1).unwrap().parse().unwrap())
}

impl Drop for Door {
    fn drop(&mut self) {
        // Whoever has taken over is in the same group. There is nobody left to tell.
        let group = rustix::process::Pid::from_raw(i32::try_from(self.pid()).unwrap()).unwrap();
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        let _ = self.process.wait();
    }
}

/// Where TLS is served, once the daemon is ready.
fn https(listeners: &Path) -> SocketAddr {
    let until = Instant::now() + Duration::from_secs(30);
    while Instant::now() < until {
        if let Ok(text) = std::fs::read_to_string(listeners)
            && let Ok(places) = serde_json::from_str::<serde_json::Value>(&text)
        {
            return places["https"][0].as_str().unwrap().parse().unwrap();
        }
        thread::sleep(Duration::from_millis(20));
    }
    panic!("the daemon is not ready");
}
