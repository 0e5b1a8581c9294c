//! Pebble, the real ACME server for tests, with a DNS of its own, its TLS, and an [`AcmeDoor`] in front of it; and the daemon at
//! the ports that Pebble checks. From Debian's package `pebble`.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use greengate::model::api::{CertificateReport, Certificates};
use http::Request;
use http_body_util::Full;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SanType};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use serde_json::json;
use socket2::Socket;
use tempfile::TempDir;

use super::acme_door::{AcmeDoor, forward};
use super::app::App;
use super::client::Client;
use super::door::Door;
use super::load::Target;
use super::port::reserve;
use super::process::Process;
use super::{eventually, holds, secs};

/// How Pebble is to behave.
#[derive(Debug, Clone, Copy)]
pub struct Manners {
    /// Seconds that its certificates live.
    pub validity: u32,
    /// Percentage of good nonces that it refuses.
    pub bad_nonces: u32,
    /// Whether accounts need an external one.
    pub external: bool,
    /// Whether it checks ports 80 and 443, as CAs do; only in a network of the test's own.
    pub well_known: bool,
}

impl Default for Manners {
    fn default() -> Self {
        Self {
            validity: 90 * 24 * 60 * 60,
            bad_nonces: 0,
            external: false,
            well_known: false,
        }
    }
}

/// What `eab` needs with [`Manners::external`].
pub const EAB: (&str, &str) = (
    "kid-1",
    "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W",
);

/// The CA, its DNS, and the ports that it checks.
#[derive(Debug)]
pub struct Pebble {
    /// In front of it.
    pub ca: AcmeDoor,
    _pebble: Process,
    _dns: Process,
    dns_management: SocketAddr,
    management: SocketAddr,
    client: Arc<ClientConfig>,
    http: SocketAddr,
    https: SocketAddr,
    _reserved: Vec<Socket>,
    folder: TempDir,
}

impl Pebble {
    /// Starts it.
    pub async fn start(manners: Manners) -> Self {
        let folder = tempfile::Builder::new().prefix("gg-ca-").tempdir().expect("a folder");
        let (server, client) = tls(folder.path(), None);
        let mut reserved = Vec::new();
        let mut port = || {
            let (socket, address) = reserve();
            reserved.push(socket);
            address
        };
        let (listen, management, dns, dns_management) = (port(), port(), port(), port());
        let (http, https) = if manners.well_known {
            (SocketAddr::from(([0; 4], 80)), SocketAddr::from(([0; 4], 443)))
        } else {
            (port(), port())
        };
        let config = json!({"pebble": {
            "listenAddress": listen, "managementListenAddress": management,
            "certificate": folder.path().join("leaf.pem"), "privateKey": folder.path().join("leaf.key"),
            "httpPort": http.port(), "tlsPort": https.port(), "ocspResponderURL": "",
            "certificateValidityPeriod": manners.validity,
            "externalAccountBindingRequired": manners.external,
            "externalAccountMACKeys": {EAB.0: EAB.1},
        }});
        std::fs::write(folder.path().join("pebble.json"), config.to_string()).expect("a file");
        let mut names = Command::new("pebble-challtestsrv");
        names.args(["-http01", "", "-https01", "", "-tlsalpn01", "", "-defaultIPv6", ""]);
        names.args([
            "-defaultIPv4",
            "127.0.0.1",
            "-dns01",
            &dns.to_string(),
            "-management",
            &dns_management.to_string(),
        ]);
        let names = Process::spawn("pebble-challtestsrv (apt install pebble)", names);
        let mut pebble = Command::new("pebble");
        pebble
            .arg("-config")
            .arg(folder.path().join("pebble.json"))
            .args(["-dnsserver", &dns.to_string()]);
        pebble.env("PEBBLE_VA_NOSLEEP", "1").env("PEBBLE_AUTHZREUSE", "0");
        pebble.env("PEBBLE_WFE_NONCEREJECT", manners.bad_nonces.to_string());
        let pebble = Process::spawn("pebble (apt install pebble)", pebble);
        for address in [listen, management, dns_management] {
            eventually(secs(60), || async {
                tokio::net::TcpStream::connect(address)
                    .await
                    .map(drop)
                    .map_err(|error| error.to_string())
            })
            .await;
        }
        let ca = AcmeDoor::start(server, client.clone(), listen).await;
        Self {
            ca,
            _pebble: pebble,
            _dns: names,
            dns_management,
            management,
            client,
            http,
            https,
            _reserved: reserved,
            folder,
        }
    }

    /// Lines for `[acme]`; `more` are further keys.
    pub fn acme(&self, more: &str) -> String {
        let root = self.root();
        format!(
            "[acme]\ndirectory = \"{}\"\nroot = \"{}\"\n{more}\n",
            self.ca.directory(),
            root.display()
        )
    }

    /// The root of the CA's own server.
    pub fn root(&self) -> PathBuf {
        self.folder.path().join("root.pem")
    }

    /// A folder for the test's own files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Boots the daemon at the ports that the CA checks; `config` holds `[acme]` and environments.
    pub async fn door(&self, config: &str) -> Door {
        self.door_prepared(config, |_| {}).await
    }

    /// The same, after `prepare` was shown the folder.
    pub async fn door_prepared(&self, config: &str, prepare: impl FnOnce(&Path)) -> Door {
        Door::start_at(self.http, self.https, "", config, prepare).await
    }

    /// The same, with plain HTTP at another port than the one that the CA checks.
    pub async fn door_with_closed_port_80(&self, config: &str) -> Door {
        let any = "127.0.0.1:0".parse().expect("an address");
        Door::start_at(any, self.https, "", config, |_| {}).await
    }

    /// Something else that answers on the plain port that the CA checks: a daemon that has no part in any order.
    pub async fn other_machine(&self) -> (Door, App) {
        let app = App::start("other", "v1").await;
        let config = format!(
            "[env.other]\nhost = \"other.test\"\ntls = \"off\"\nupstream = \"{}\"\n",
            app.address()
        );
        let any = "127.0.0.1:0".parse().expect("an address");
        (Door::start_at(self.http, any, "", &config, |_| {}).await, app)
    }

    /// A TLS client configuration that trusts what this CA gives, and nothing else.
    pub async fn trust(&self, alpn: &[&str]) -> Arc<ClientConfig> {
        let request = Request::get("/roots/0")
            .header("host", "pebble")
            .body(Full::default())
            .expect("a request");
        let answer = forward(request, self.client.clone(), self.management)
            .await
            .expect("Pebble's root");
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_slice(answer.body()).expect("PEM"))
            .expect("a root");
        trusting(roots, alpn)
    }

    /// A load's target that trusts this CA alone.
    pub async fn target(&self, door: &Door, host: &str) -> Target {
        let tls = (self.trust(&["http/1.1"]).await, self.trust(&["h2"]).await);
        Target {
            address: door.https(),
            host: host.to_owned(),
            tls: Some(tls),
        }
    }

    /// What a client that trusts this CA alone gets from a host.
    pub async fn get(&self, door: &Door, host: &str) -> Result<u16, String> {
        let trust = self.trust(&["http/1.1"]).await;
        let client = Client::tls(door.https(), host, &trust).await;
        let mut client = client.map_err(|error| error.to_string())?;
        let answer = client.get(host, "/who").await.map_err(|error| error.to_string())?;
        Ok(answer.status)
    }

    /// Waits until a host is served over HTTPS that is trusted.
    pub async fn served(&self, door: &Door, host: &str) {
        eventually(secs(60), || async {
            match self.get(door, host).await {
                Ok(200) => Ok(()),
                other => Err(format!("{host}: {other:?}; {}", door.proxyctl(&["certs"]).await.all())),
            }
        })
        .await;
    }

    /// Tells the DNS something: `/add-a`, `/set-txt` and the like of `pebble-challtestsrv`.
    pub async fn dns(&self, what: &str, body: serde_json::Value) {
        let mut client = Client::plain(self.dns_management).await.expect("the DNS");
        let answer = client
            .post("dns", what, body.to_string().as_bytes())
            .await
            .expect("an answer");
        assert_eq!(answer.status, 200, "{what}: {}", answer.text());
    }

    /// A host leads to where nobody listens.
    pub async fn mislead(&self, host: &str) {
        self.dns("/add-a", json!({"host": host, "addresses": ["127.0.0.9"]}))
            .await;
    }

    /// And back.
    pub async fn lead_right(&self, host: &str) {
        self.dns("/clear-a", json!({"host": host})).await;
    }

    /// A DNS command as `challenge = { dns = … }` takes it.
    pub fn hook(&self) -> PathBuf {
        let path = self.folder.path().join("dns-hook");
        let log = self.folder.path().join("dns-hook.log");
        let script = format!(
            "#!/bin/sh\nset -e\necho \"$@\" >> {}\ncase \"$1\" in\n\
             present) curl -sf http://{dns}/set-txt -d \"{{\\\"host\\\":\\\"$2.\\\",\\\"value\\\":\\\"$3\\\"}}\" ;;\n\
             cleanup) curl -sf http://{dns}/clear-txt -d \"{{\\\"host\\\":\\\"$2.\\\"}}\" ;;\nesac\n",
            log.display(),
            dns = self.dns_management,
        );
        std::fs::write(&path, script).expect("a file");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("a mode");
        path
    }

    /// What the command was called with so far.
    pub fn hook_log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("dns-hook.log")).unwrap_or_default()
    }
}

/// How the certificate of a host stands, by the daemon's own word.
pub async fn report(door: &Door, host: &str) -> CertificateReport {
    let output = door.proxyctl(&["certs", "--json"]).await;
    let all: Certificates = serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:#?}"));
    let found = all.certificates.into_iter().find(|report| report.host == host);
    found.unwrap_or_else(|| panic!("{host} is not in {output:#?}"))
}

/// Waits until the last attempt for a host failed with these words, and returns all of them.
pub async fn refused(door: &Door, host: &str, words: &str) -> String {
    eventually(secs(60), || async {
        let report = report(door, host).await;
        let error = report.error.clone().unwrap_or_default();
        holds(error.contains(words) && !report.running, || format!("{report:?}")).map(|()| error)
    })
    .await
}

/// An environment with an app of its own, served by ACME.
pub fn environment(name: &str, host: &str, app: &App) -> String {
    format!("[env.{name}]\nhost = {host}\nupstream = \"{}\"\n", app.address())
}

/// A CA and a leaf for 127.0.0.1 in `folder`; the leaf ends at `until`. For the server, and for its clients.
pub fn tls(folder: &Path, until: Option<(i32, u8, u8)>) -> (Arc<ServerConfig>, Arc<ClientConfig>) {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = params.self_signed(&key).expect("a root");
    let issuer = Issuer::new(params, key);
    let leaf_key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::default();
    params.subject_alt_names = vec![SanType::IpAddress("127.0.0.1".parse().expect("an address"))];
    if let Some((year, month, day)) = until {
        params.not_after = rcgen::date_time_ymd(year, month, day);
    }
    let leaf = params.signed_by(&leaf_key, &issuer).expect("a leaf");
    for (name, text) in [
        ("root.pem", root.pem()),
        ("leaf.pem", leaf.pem()),
        ("leaf.key", leaf_key.serialize_pem()),
    ] {
        std::fs::write(folder.join(name), text).expect("a file");
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let server = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(
            vec![leaf.der().clone()],
            PrivateKeyDer::Pkcs8(leaf_key.serialize_der().into()),
        )
        .expect("a leaf with its key");
    let mut roots = RootCertStore::empty();
    roots.add(root.der().clone()).expect("a root");
    (Arc::new(server), trusting(roots, &[]))
}

fn trusting(roots: RootCertStore, alpn: &[&str]) -> Arc<ClientConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    Arc::new(config)
}
