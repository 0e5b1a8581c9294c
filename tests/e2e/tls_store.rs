//! Certificates as clients see them: real rustls handshakes, in memory, against the store's configuration.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use greengate::config::Tls;
use greengate::tls::{Host, Store, StoreError};
use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{
    ClientConfig, ClientConnection, HandshakeKind, ProtocolVersion, RootCertStore, ServerConfig, ServerConnection,
    SupportedProtocolVersion,
};
use tempfile::TempDir;

/// Both ends of a connection, and the wire between them.
struct Pipe {
    client: ClientConnection,
    server: ServerConnection,
}

impl Pipe {
    fn connect(server: &Arc<ServerConfig>, client: &Arc<ClientConfig>, name: &str) -> Result<Self, rustls::Error> {
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let client = ClientConnection::new(Arc::clone(client), name).unwrap();
        let server = ServerConnection::new(Arc::clone(server)).unwrap();
        let mut pipe = Self { client, server };
        pipe.pump()?;
        assert!(!pipe.client.is_handshaking() && !pipe.server.is_handshaking());
        Ok(pipe)
    }

    /// Carries bytes until neither end has any.
    fn pump(&mut self) -> Result<(), rustls::Error> {
        while self.client.wants_write() || self.server.wants_write() {
            let mut wire = Vec::new();
            while self.client.wants_write() {
                self.client.write_tls(&mut wire).unwrap();
            }
            let mut wire = &wire[..];
            while !wire.is_empty() {
                self.server.read_tls(&mut wire).unwrap();
                self.server.process_new_packets()?;
            }
            let mut wire = Vec::new();
            while self.server.wants_write() {
                self.server.write_tls(&mut wire).unwrap();
            }
            let mut wire = &wire[..];
            while !wire.is_empty() {
                self.client.read_tls(&mut wire).unwrap();
                self.client.process_new_packets()?;
            }
        }
        Ok(())
    }

    /// Why the server refuses a handshake, which is before it has shown a certificate.
    fn refused(server: &Arc<ServerConfig>, client: &Arc<ClientConfig>, name: &str) -> String {
        match Self::connect(server, client, name) {
            Ok(_) => panic!("{name} is shown a certificate"),
            Err(rustls::Error::InvalidCertificate(_)) => panic!("{name} is shown a certificate of another host"),
            Err(error) => error.to_string(),
        }
    }

    fn exchange(&mut self, text: &[u8]) {
        let mut got = vec![0; text.len()];
        self.client.writer().write_all(text).unwrap();
        self.pump().unwrap();
        self.server.reader().read_exact(&mut got).unwrap();
        assert_eq!(got, text);
        self.server.writer().write_all(text).unwrap();
        self.pump().unwrap();
        self.client.reader().read_exact(&mut got).unwrap();
        assert_eq!(got, text);
    }

    fn shown(&self) -> Vec<u8> {
        self.client.peer_certificates().unwrap()[0].to_vec()
    }
}

fn client(roots: &[CertificateDer<'static>], version: &'static SupportedProtocolVersion) -> Arc<ClientConfig> {
    let mut store = RootCertStore::empty();
    for root in roots {
        store.add(root.clone()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(store)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    Arc::new(config)
}

fn local_root(store: &Store) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(store.local_root_pem_path()).unwrap()
}

fn host(name: &str, tls: Tls) -> Host {
    Host { name: name.into(), tls }
}

fn open(hosts: Vec<Host>, folder: &Path) -> (Arc<Store>, Vec<String>, Arc<ServerConfig>) {
    let (store, warnings) = Store::open(hosts, folder).unwrap();
    let config = store.server_config().unwrap();
    (store, warnings, config)
}

/// A folder with a state folder and a self-signed pair of files in it.
struct Files {
    folder: TempDir,
    cert: PathBuf,
    key: PathBuf,
}

impl Files {
    fn new(names: &[&str]) -> (Self, CertificateDer<'static>) {
        let folder = tempfile::tempdir().unwrap();
        let (cert, key) = (folder.path().join("app.pem"), folder.path().join("app-key.pem"));
        let files = Self { folder, cert, key };
        let root = files.renew(names);
        (files, root)
    }

    /// Replaces both files by a new pair.
    fn renew(&self, names: &[&str]) -> CertificateDer<'static> {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        self.put(&self.cert, &made.cert.pem(), 0o644);
        self.put(&self.key, &made.signing_key.serialize_pem(), 0o600);
        made.cert.der().clone()
    }

    #[expect(clippy::disallowed_methods, reason = "a test's own files need not survive a crash")]
    fn put(&self, path: &Path, contents: &str, mode: u32) {
        let fresh = self.folder.path().join("fresh");
        fs::write(&fresh, contents).unwrap();
        fs::set_permissions(&fresh, fs::Permissions::from_mode(mode)).unwrap();
        fs::rename(&fresh, path).unwrap();
    }

    fn tls(&self) -> Tls {
        Tls::Files {
            cert: self.cert.clone(),
            key: self.key.clone(),
        }
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }
}

#[test]
fn the_local_root_vouches_for_names_wildcards_and_an_address_in_both_versions() {
    let folder = tempfile::tempdir().unwrap();
    let hosts = vec![
        host("example.com", Tls::Acme),
        host("*.example.com", Tls::Internal),
        host("app.localhost", Tls::Acme),
        host("127.0.0.1", Tls::Internal),
    ];
    let (store, warnings, server) = open(hosts, folder.path());
    assert_eq!(warnings, Vec::<String>::new());
    for (version, number) in [(&TLS12, ProtocolVersion::TLSv1_2), (&TLS13, ProtocolVersion::TLSv1_3)] {
        let client = client(&[local_root(&store)], version);
        for name in [
            "example.com",
            "EXAMPLE.com",
            "a.example.com",
            "app.localhost",
            "127.0.0.1",
        ] {
            let mut pipe = Pipe::connect(&server, &client, name).unwrap();
            assert_eq!(pipe.client.protocol_version(), Some(number));
            assert_eq!(pipe.client.alpn_protocol(), Some(&b"h2"[..]));
            pipe.exchange(name.as_bytes());
        }
    }
    assert!(
        store
            .status("example.com")
            .note
            .unwrap()
            .contains("until an ACME certificate is there")
    );
    assert_eq!(store.status("app.localhost").note, None);
    assert_eq!(store.status("app.localhost").issuer, "local CA");
    assert!(store.status("a.example.com").not_after.ends_with('Z'));
}

/// E21.
#[test]
fn an_unknown_or_missing_name_is_refused_without_a_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let hosts = vec![
        host("example.com", Tls::Internal),
        host("*.example.com", Tls::Internal),
        host("plain.example.org", Tls::Off),
    ];
    let (store, _, server) = open(hosts, folder.path());
    let client = client(&[local_root(&store)], &TLS13);
    for name in [
        "example.org",
        "a.b.example.com",
        "com",
        "plain.example.org",
        "127.0.0.1",
        "::1",
    ] {
        Pipe::refused(&server, &client, name);
    }
}

/// E21.
#[test]
fn a_missing_name_means_an_address_only_when_there_is_exactly_one() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _, server) = open(vec![host("::1", Tls::Internal)], folder.path());
    let client = client(&[local_root(&store)], &TLS13);
    assert!(Pipe::connect(&server, &client, "::1").is_ok());
    assert!(store.covers("", "[::1]") && store.covers("", "::1"));

    store
        .replace_hosts(vec![host("::1", Tls::Internal), host("127.0.0.1", Tls::Internal)])
        .unwrap();
    Pipe::refused(&server, &client, "::1");
    assert!(!store.covers("", "::1"));
}

#[test]
fn the_exact_name_goes_before_the_wildcard() {
    let (files, root) = Files::new(&["a.example.com"]);
    let hosts = vec![host("*.example.com", Tls::Internal), host("a.example.com", files.tls())];
    let (store, warnings, server) = open(hosts, &files.state());
    assert_eq!(warnings, Vec::<String>::new());
    let client = client(&[local_root(&store), root.clone()], &TLS13);
    assert_eq!(
        Pipe::connect(&server, &client, "a.example.com").unwrap().shown(),
        root.to_vec()
    );
    assert_ne!(
        Pipe::connect(&server, &client, "b.example.com").unwrap().shown(),
        root.to_vec()
    );
}

#[test]
fn tls_below_1_2_and_early_data_are_off() {
    let folder = tempfile::tempdir().unwrap();
    let (_, _, server) = open(vec![host("example.com", Tls::Internal)], folder.path());
    assert_eq!(server.max_early_data_size, 0);
    assert_eq!(server.send_tls13_tickets, 1);
    assert!(!server.session_storage.can_cache());
}

#[test]
fn replaced_files_are_shown_to_new_connections_while_old_ones_go_on() {
    let (files, first) = Files::new(&["example.com"]);
    let (store, warnings, server) = open(vec![host("example.com", files.tls())], &files.state());
    assert_eq!(warnings, Vec::<String>::new());
    assert!(!store.local_root_pem_path().exists(), "nobody needed the local CA");
    let trusting = client(std::slice::from_ref(&first), &TLS13);
    let mut old = Pipe::connect(&server, &trusting, "example.com").unwrap();
    old.exchange(b"before");
    assert_eq!(store.refresh(), Vec::<String>::new());

    let second = files.renew(&["example.com", "www.example.com"]);
    let messages = store.refresh();
    assert!(
        messages.len() == 1 && messages[0].contains("app.pem: read again"),
        "{messages:?}"
    );
    assert_eq!(store.refresh(), Vec::<String>::new());
    old.exchange(b"after");
    let trusting = client(std::slice::from_ref(&second), &TLS13);
    assert_eq!(
        Pipe::connect(&server, &trusting, "example.com").unwrap().shown(),
        second.to_vec()
    );
    assert!(store.covers("example.com", "www.example.com"));
}

#[test]
fn files_written_in_place_are_read_again() {
    let (files, _) = Files::new(&["example.com"]);
    let (store, _, server) = open(vec![host("example.com", files.tls())], &files.state());
    let made = rcgen::generate_simple_self_signed(vec!["example.com".to_owned()]).unwrap();
    fs::File::create(&files.cert)
        .unwrap()
        .write_all(made.cert.pem().as_bytes())
        .unwrap();
    fs::File::create(&files.key)
        .unwrap()
        .write_all(made.signing_key.serialize_pem().as_bytes())
        .unwrap();
    assert_eq!(store.refresh().len(), 1);
    let client = client(&[made.cert.der().clone()], &TLS13);
    assert!(Pipe::connect(&server, &client, "example.com").is_ok());
}

/// N27.
#[test]
fn a_broken_replacement_keeps_the_last_good_certificate_and_says_so() {
    let (files, root) = Files::new(&["example.com"]);
    let (store, _, server) = open(vec![host("example.com", files.tls())], &files.state());
    let client = client(&[root], &TLS13);
    let good_key = fs::read_to_string(&files.key).unwrap();
    let other_key = rcgen::KeyPair::generate().unwrap().serialize_pem();

    for (key, reason) in [
        (other_key.as_str(), "app.pem: key does not fit"),
        ("", "app-key.pem: no private key in it"),
        (
            "-----BEGIN PRIVATE KEY-----\n!!\n-----END PRIVATE KEY-----\n",
            "app-key.pem: not PEM",
        ),
        (
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
            "app-key.pem: not a usable key",
        ),
        (
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
            "has a password",
        ),
    ] {
        files.put(&files.key, key, 0o600);
        let messages = store.refresh();
        assert!(messages.len() == 1 && messages[0].contains(reason), "{messages:?}");
        assert_eq!(store.refresh(), Vec::<String>::new(), "nothing is said twice");
        let note = store.status("example.com").note.unwrap();
        assert!(
            note.contains(reason) && note.ends_with("; the last good one is kept"),
            "{note}"
        );
        assert!(Pipe::connect(&server, &client, "example.com").is_ok());
    }
    fs::remove_file(&files.key).unwrap();
    assert!(store.refresh()[0].contains("app-key.pem: no such file; the last good one is kept"));

    files.put(&files.key, &good_key, 0o600);
    assert!(store.refresh()[0].contains("read again"));
    assert_eq!(store.status("example.com").note, None);
}

#[test]
fn a_renewal_that_replaces_one_file_after_the_other_gets_there() {
    let (files, _) = Files::new(&["example.com"]);
    let (store, _, server) = open(vec![host("example.com", files.tls())], &files.state());
    let made = rcgen::generate_simple_self_signed(vec!["example.com".to_owned()]).unwrap();
    files.put(&files.cert, &made.cert.pem(), 0o644);
    assert!(store.refresh()[0].contains("key does not fit"));
    files.put(&files.key, &made.signing_key.serialize_pem(), 0o600);
    assert!(store.refresh()[0].contains("read again"));
    let client = client(&[made.cert.der().clone()], &TLS13);
    assert!(Pipe::connect(&server, &client, "example.com").is_ok());
}

/// N27.
#[test]
fn a_missing_file_takes_down_nothing_and_the_local_ca_stands_in_until_it_comes() {
    let (files, root) = Files::new(&["good.example"]);
    let missing = Tls::Files {
        cert: files.folder.path().join("late.pem"),
        key: files.key.clone(),
    };
    let hosts = vec![host("good.example", files.tls()), host("late.example", missing)];
    let (store, warnings, server) = open(hosts, &files.state());
    assert!(warnings.len() == 1 && warnings[0].contains("late.pem: no such file; another certificate stands in"));
    let stand_in = client(&[local_root(&store)], &TLS13);
    assert!(Pipe::connect(&server, &client(&[root], &TLS13), "good.example").is_ok());
    assert!(Pipe::connect(&server, &stand_in, "late.example").is_ok());
    let status = store.status("late.example");
    assert_eq!(status.issuer, "local CA");
    assert!(
        status
            .note
            .unwrap()
            .contains("late.pem: no such file; the local CA stands in")
    );

    let key = rcgen::KeyPair::from_pem(&fs::read_to_string(&files.key).unwrap()).unwrap();
    let late = rcgen::CertificateParams::new(vec!["late.example".to_owned()])
        .unwrap()
        .self_signed(&key)
        .unwrap();
    files.put(&files.folder.path().join("late.pem"), &late.pem(), 0o644);
    assert_eq!(store.refresh().len(), 1);
    let client = client(&[late.der().clone()], &TLS13);
    assert!(Pipe::connect(&server, &client, "late.example").is_ok());
    assert_eq!(store.status("late.example").note, None);
    assert_eq!(store.status("late.example").issuer, "rcgen self signed cert");
}

#[test]
fn a_key_that_others_may_read_and_a_certificate_for_another_host_are_told_about() {
    let (files, _) = Files::new(&["other.example"]);
    fs::set_permissions(&files.key, fs::Permissions::from_mode(0o660)).unwrap();
    let (store, warnings, _) = open(vec![host("example.com", files.tls())], &files.state());
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings[0].contains("mode 0660") && warnings[0].contains("`chmod 640 "));
    assert_eq!(warnings[1], "the certificate for `example.com` does not cover it");
    assert_eq!(
        store.status("example.com").note.as_deref(),
        Some("does not cover this host")
    );
    assert!(
        store.covers("example.com", "example.com"),
        "a wrong certificate is no misdirected request"
    );
}

#[test]
fn pipes_and_folders_are_not_waited_for() {
    let (files, _) = Files::new(&["example.com"]);
    let folder = Tls::Files {
        cert: files.folder.path().to_owned(),
        key: files.key.clone(),
    };
    let endless = Tls::Files {
        cert: "/dev/zero".into(),
        key: files.key.clone(),
    };
    let (_, warnings, _) = open(
        vec![host("a.example", folder), host("b.example", endless)],
        &files.state(),
    );
    assert_eq!(
        warnings
            .iter()
            .filter(|warning| warning.contains(": not a file"))
            .count(),
        2,
        "{warnings:?}"
    );
}

/// E19.
#[test]
fn a_certificate_covers_its_own_names_and_no_others() {
    let (files, _) = Files::new(&["a.example.com", "b.example.com", "*.dev.example.com"]);
    let hosts = vec![
        host("a.example.com", files.tls()),
        host("b.example.com", Tls::Internal),
        host("*.example.org", Tls::Internal),
    ];
    let (store, _, _) = open(hosts, &files.state());
    assert!(store.covers("a.example.com", "a.example.com"));
    assert!(store.covers("A.example.com.", "B.EXAMPLE.com"));
    assert!(store.covers("a.example.com", "x.dev.example.com"));
    assert!(!store.covers("a.example.com", "dev.example.com"));
    assert!(!store.covers("a.example.com", "x.y.dev.example.com"));
    assert!(!store.covers("b.example.com", "a.example.com"));
    assert!(store.covers("x.example.org", "y.example.org"));
    assert!(!store.covers("x.example.org", "example.org"));
    assert!(!store.covers("unknown.example", "unknown.example"));
    assert!(!store.covers("", "a.example.com"));
}

/// E35.
#[test]
fn the_root_is_made_once_and_its_key_is_for_its_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("var/state");
    let mode = |path: &str| fs::metadata(state.join(path)).unwrap().permissions().mode() & 0o7777;
    let (first, _, _) = open(vec![host("example.com", Tls::Internal)], &state);
    let root = local_root(&first);
    assert_eq!(first.local_root_pem_path(), state.join("ca/root.pem"));
    assert_eq!(
        (mode("ca"), mode("ca/root.pem"), mode("ca/root-key.pem")),
        (0o700, 0o644, 0o600)
    );

    let (second, warnings, server) = open(vec![host("example.com", Tls::Internal)], &state);
    assert_eq!(warnings, Vec::<String>::new());
    assert_eq!(local_root(&second), root);
    assert!(Pipe::connect(&server, &client(&[root], &TLS13), "example.com").is_ok());
    assert_eq!(
        fs::read_dir(&state).unwrap().count(),
        1,
        "nothing is left beside the folder"
    );

    fs::set_permissions(state.join("ca/root-key.pem"), fs::Permissions::from_mode(0o644)).unwrap();
    fs::set_permissions(state.join("ca"), fs::Permissions::from_mode(0o755)).unwrap();
    let (_, warnings, _) = open(vec![host("example.com", Tls::Internal)], &state);
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert_eq!((mode("ca"), mode("ca/root-key.pem")), (0o700, 0o600));
}

/// What a test does to the CA's folder.
type Damage<'a> = &'a dyn Fn(&Path);

#[test]
#[expect(clippy::disallowed_methods, reason = "a test's own files need not survive a crash")]
fn a_broken_local_ca_is_an_error_with_path_and_hint() {
    let broken = |damage: Damage<'_>| {
        let folder = tempfile::tempdir().unwrap();
        open(vec![host("example.com", Tls::Internal)], folder.path());
        damage(&folder.path().join("ca"));
        let Err(error) = Store::open(vec![host("example.com", Tls::Internal)], folder.path()) else {
            panic!("it opened")
        };
        assert!(matches!(error, StoreError::LocalCa(_)));
        let error = error.to_string();
        assert!(error.contains("/ca") && error.contains("; hint: "), "{error}");
        error
    };
    let other_key = rcgen::KeyPair::generate().unwrap();
    let foreign = |ca: &Path| {
        let mut params = rcgen::CertificateParams::default();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(rcgen::DnType::OrganizationName, "Elsewhere");
        fs::write(ca.join("root.pem"), params.self_signed(&other_key).unwrap().pem()).unwrap();
        fs::write(ca.join("root-key.pem"), other_key.serialize_pem()).unwrap();
    };
    let cases: [(&str, Damage<'_>); 7] = [
        ("root.pem`: no certificate in it", &|ca| {
            fs::write(ca.join("root.pem"), "").unwrap()
        }),
        ("root.pem`: no such file", &|ca| {
            fs::remove_file(ca.join("root.pem")).unwrap()
        }),
        ("root-key.pem`: no such file", &|ca| {
            fs::remove_file(ca.join("root-key.pem")).unwrap()
        }),
        ("root-key.pem`: not the key of", &|ca| {
            fs::write(ca.join("root-key.pem"), other_key.serialize_pem()).unwrap();
        }),
        ("root.pem`: a CA that Greengate did not make", &foreign),
        ("root.pem`: no such file", &|ca| {
            fs::remove_file(ca.join("root.pem")).unwrap();
            fs::rename(ca.join("root-key.pem"), ca.join("old")).unwrap();
        }),
        ("ca`: not a folder", &|ca| {
            fs::remove_dir_all(ca).unwrap();
            fs::write(ca, "").unwrap();
        }),
    ];
    for (reason, damage) in cases {
        let error = broken(damage);
        assert!(error.contains(reason), "{reason}: {error}");
    }
}

/// N27.
#[test]
#[expect(clippy::disallowed_methods, reason = "a test's own files need not survive a crash")]
fn a_broken_local_ca_does_not_matter_to_hosts_with_files() {
    let (files, root) = Files::new(&["example.com"]);
    fs::create_dir(files.state()).unwrap();
    fs::write(files.state().join("ca"), "").unwrap();
    let missing = Tls::Files {
        cert: files.folder.path().join("late.pem"),
        key: files.key.clone(),
    };
    let hosts = vec![host("example.com", files.tls()), host("late.example", missing)];
    let (store, warnings, server) = open(hosts, &files.state());
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings[1].contains("`late.example`: handshakes are refused"));
    assert!(
        store
            .status("late.example")
            .note
            .unwrap()
            .ends_with("late.pem: no such file; handshakes are refused")
    );
    assert!(Pipe::connect(&server, &client(&[root], &TLS13), "example.com").is_ok());
}

#[test]
fn many_processes_that_start_at_once_share_one_root() {
    let folder = tempfile::tempdir().unwrap();
    let roots: Vec<_> = std::thread::scope(|scope| {
        let openers: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| local_root(&open(vec![host("a.localhost", Tls::Internal)], folder.path()).0)))
            .collect();
        openers.into_iter().map(|opener| opener.join().unwrap()).collect()
    });
    assert!(roots.iter().all(|root| *root == roots[0]));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn sessions_resume_with_tickets_also_after_a_refresh_and_a_reload() {
    let (files, root) = Files::new(&["example.com"]);
    for version in [&TLS12, &TLS13] {
        let (store, _, server) = open(vec![host("example.com", files.tls())], &files.state());
        let mut client = Arc::unwrap_or_clone(client(std::slice::from_ref(&root), version));
        client.resumption = Resumption::in_memory_sessions(8);
        let client = Arc::new(client);
        let kind = |server: &Arc<ServerConfig>| {
            Pipe::connect(server, &client, "example.com")
                .unwrap()
                .client
                .handshake_kind()
        };
        assert_eq!(kind(&server), Some(HandshakeKind::Full));
        assert_eq!(kind(&server), Some(HandshakeKind::Resumed));
        store.refresh();
        assert_eq!(kind(&server), Some(HandshakeKind::Resumed));
        store
            .replace_hosts(vec![host("example.com", files.tls()), host("b.example", Tls::Internal)])
            .unwrap();
        assert_eq!(kind(&store.server_config().unwrap()), Some(HandshakeKind::Resumed));

        let (_, _, stranger) = open(vec![host("example.com", files.tls())], &files.state());
        assert_eq!(
            kind(&stranger),
            Some(HandshakeKind::Full),
            "tickets of other keys are no use"
        );
    }
}

#[test]
fn a_host_that_is_gone_is_refused_even_with_a_ticket() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _, server) = open(vec![host("example.com", Tls::Internal)], folder.path());
    let client = client(&[local_root(&store)], &TLS13);
    assert!(Pipe::connect(&server, &client, "example.com").is_ok());
    store.replace_hosts(vec![host("b.example", Tls::Internal)]).unwrap();
    Pipe::refused(&server, &client, "example.com");
}

#[test]
fn a_chain_and_keys_of_other_kinds_are_read() {
    let (files, _) = Files::new(&["example.com"]);
    let (store, _, server) = open(vec![host("example.com", files.tls())], &files.state());
    let ca_key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let ca = params.self_signed(&ca_key).unwrap();
    let issuer = rcgen::Issuer::new(params, ca_key);
    for algorithm in [
        &rcgen::PKCS_ECDSA_P384_SHA384,
        &rcgen::PKCS_ED25519,
        &rcgen::PKCS_RSA_SHA256,
    ] {
        let key = rcgen::KeyPair::generate_for(algorithm).unwrap();
        let leaf = rcgen::CertificateParams::new(vec!["example.com".to_owned()]).unwrap();
        let leaf = leaf.signed_by(&key, &issuer).unwrap();
        files.put(&files.cert, &(leaf.pem() + &ca.pem()), 0o644);
        files.put(&files.key, &(leaf.pem() + &key.serialize_pem()), 0o600);
        assert_eq!(store.refresh().len(), 1);
        let pipe = Pipe::connect(&server, &client(&[ca.der().clone()], &TLS13), "example.com").unwrap();
        assert_eq!(pipe.client.peer_certificates().unwrap().len(), 2);
    }
}

#[test]
fn a_thousand_hosts_open_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let hosts = (0..1000)
        .map(|n| host(&format!("h{n}.example.com"), Tls::Internal))
        .collect();
    let (store, warnings, server) = open(hosts, folder.path());
    assert_eq!(warnings, Vec::<String>::new());
    let client = client(&[local_root(&store)], &TLS13);
    assert!(Pipe::connect(&server, &client, "h999.example.com").is_ok());
}
