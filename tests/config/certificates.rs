//! Certificate files: errors for `check`, no reason for the daemon not to start (N27).

use std::path::{Path, PathBuf};

use greengate::config::{Config, Diagnostic, Severity, Tls, render};
use rcgen::{CertificateParams, KeyPair};
use tempfile::TempDir;

use super::write;

/// A folder with `proxy.toml`'s neighbours.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Writes `NAME.pem` and `NAME.key` for these hosts.
    fn certificate(&self, name: &str, hosts: &[&str], change: impl FnOnce(&mut CertificateParams)) {
        let key = KeyPair::generate().unwrap();
        let mut params =
            CertificateParams::new(hosts.iter().map(|host| (*host).to_owned()).collect::<Vec<_>>()).unwrap();
        change(&mut params);
        let certificate = params.self_signed(&key).unwrap();
        self.write(&format!("{name}.pem"), certificate.pem().as_bytes());
        self.write(&format!("{name}.key"), key.serialize_pem().as_bytes());
    }

    fn protect(&self, name: &str, mode: u32) {
        let permissions = std::os::unix::fs::PermissionsExt::from_mode(mode);
        std::fs::set_permissions(self.0.path().join(name), permissions).unwrap();
    }

    fn write(&self, name: &str, content: &[u8]) {
        write(&self.0.path().join(name), content);
        self.protect(name, 0o600);
    }

    fn parse(&self, text: &str) -> (Config, Vec<Diagnostic>) {
        Config::parse(&self.0.path().join("proxy.toml"), text).unwrap_or_else(|error| panic!("{error}"))
    }

    /// What is said about a text, without the folder's own name.
    fn report(&self, text: &str) -> (String, Vec<Diagnostic>) {
        let (_, diagnostics) = self.parse(text);
        let folder = format!("{}/", self.0.path().display());
        let rendered = render("proxy.toml", text, &diagnostics, false).replace(&folder, "FOLDER/");
        (rendered, diagnostics)
    }
}

fn site(cert: &str, key: &str) -> String {
    format!("[env.a]\nhost = [\"a.com\", \"b.com\"]\nupstream = 3000\ntls = {{ cert = \"{cert}\", key = \"{key}\" }}\n")
}

#[test]
fn e35_a_key_that_others_than_the_daemons_group_can_read_is_a_warning() {
    let folder = Folder::new();
    folder.certificate("site", &["a.com", "b.com"], |_| {});
    for mode in [0o644, 0o660, 0o606, 0o620] {
        folder.protect("site.key", mode);
        let (report, diagnostics) = folder.report(&site("site.pem", "site.key"));
        assert_eq!(diagnostics.len(), 1, "{report}");
        assert_eq!(diagnostics[0].severity, Severity::Warning);
        assert!(
            report.contains(&format!(
                "mode {mode:04o} of `site.key` lets others read or write the key"
            )) && report.contains("`chgrp greengate FOLDER/site.key`), and then `chmod 640 FOLDER/site.key`"),
            "{report}"
        );
    }
    // As docs/install.md says: root:greengate, 640.
    for mode in [0o640, 0o440, 0o600, 0o400] {
        folder.protect("site.key", mode);
        assert_eq!(folder.report(&site("site.pem", "site.key")).1, [], "{mode:o}");
    }
}

#[test]
fn a_pair_that_fits_and_covers_every_host_is_accepted() {
    let folder = Folder::new();
    folder.certificate("site", &["a.com", "b.com"], |_| {});
    let (config, diagnostics) = folder.parse(&site("site.pem", "site.key"));
    assert_eq!(diagnostics, []);
    let at = |name: &str| -> PathBuf { folder.0.path().join(name) };
    assert_eq!(
        config.environments[0].services[0].tls,
        Tls::Files {
            cert: at("site.pem"),
            key: at("site.key"),
        }
    );
}

#[test]
fn n27_a_missing_file_is_an_error_for_check_but_not_for_the_daemon() {
    let (rendered, diagnostics) = Folder::new().report(&site("certs/a.pem", "certs/a.key"));
    assert!(
        diagnostics
            .iter()
            .all(|one| one.severity == Severity::Certificate && one.is_error_for_check())
    );
    assert_eq!(
        rendered,
        r#"error: cannot read `FOLDER/certs/a.pem`: No such file or directory (os error 2)
 --> proxy.toml:4:16
  |
4 | tls = { cert = "certs/a.pem", key = "certs/a.key" }
  |                ^^^^^^^^^^^^^ expected a readable PEM file
  |
  = hint: relative paths start at the folder of the configuration file

error: cannot read `FOLDER/certs/a.key`: No such file or directory (os error 2)
 --> proxy.toml:4:37
  |
4 | tls = { cert = "certs/a.pem", key = "certs/a.key" }
  |                                     ^^^^^^^^^^^^^ expected a readable PEM file
  |
  = hint: relative paths start at the folder of the configuration file
"#
    );
}

#[test]
fn a_key_that_does_not_fit_is_refused() {
    let folder = Folder::new();
    folder.certificate("site", &["a.com", "b.com"], |_| {});
    folder.certificate("other", &["a.com"], |_| {});
    let (rendered, diagnostics) = folder.report(&site("site.pem", "other.key"));
    assert_eq!(diagnostics[0].severity, Severity::Certificate);
    assert_eq!(
        rendered,
        r#"error: the private key does not fit the certificate
 --> proxy.toml:4:34
  |
4 | tls = { cert = "site.pem", key = "other.key" }
  |                ----------        ^^^^^^^^^^^ expected the key of `site.pem`
  |                |
  |                the certificate
"#
    );
}

#[test]
fn a_host_that_is_not_covered_is_refused() {
    let folder = Folder::new();
    folder.certificate("site", &["a.com", "*.b.com"], |_| {});
    let (rendered, diagnostics) = folder.report(&site("site.pem", "site.key"));
    assert_eq!(diagnostics[0].severity, Severity::Certificate);
    assert_eq!(
        rendered,
        r#"error: the certificate does not cover the host `b.com`
 --> proxy.toml:4:16
  |
2 | host = ["a.com", "b.com"]
  |                  ------- the host
3 | upstream = 3000
4 | tls = { cert = "site.pem", key = "site.key" }
  |                ^^^^^^^^^^ it is for `a.com` and `*.b.com`
"#
    );
}

#[test]
fn an_expired_certificate_is_a_warning() {
    let folder = Folder::new();
    folder.certificate("site", &["a.com", "b.com"], |params| {
        params.not_before = rcgen::date_time_ymd(2001, 1, 1);
        params.not_after = rcgen::date_time_ymd(2002, 1, 1);
    });
    let (rendered, diagnostics) = folder.report(&site("site.pem", "site.key"));
    assert_eq!(diagnostics.len(), 1);
    assert_eq!(diagnostics[0].severity, Severity::Warning);
    assert!(
        rendered.starts_with("warning: the certificate `site.pem` expired: it ended Jan  1 00:00:00 2002"),
        "{rendered}"
    );
}

#[test]
fn a_certificate_that_is_not_valid_yet_is_a_warning() {
    let folder = Folder::new();
    folder.certificate("site", &["a.com", "b.com"], |params| {
        params.not_before = rcgen::date_time_ymd(4000, 1, 1);
    });
    let (rendered, diagnostics) = folder.report(&site("site.pem", "site.key"));
    assert_eq!(diagnostics.len(), 1);
    assert!(
        rendered.starts_with("warning: the certificate `site.pem` is not valid yet"),
        "{rendered}"
    );
}

#[test]
fn files_that_hold_something_else_say_what_was_expected() {
    let folder = Folder::new();
    folder.certificate("site", &["a.com", "b.com"], |_| {});
    folder.write("empty.pem", b"");
    folder.write(
        "broken.pem",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    );
    folder.write(
        "broken.key",
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    );
    for (cert, key, message) in [
        ("empty.pem", "site.key", "`empty.pem` holds no certificate"),
        ("site.key", "site.key", "`site.key` holds no certificate"),
        ("broken.pem", "site.key", "`broken.pem` holds no X.509 certificate"),
        (
            "site.pem",
            "empty.pem",
            "`empty.pem` holds no private key that can be read",
        ),
        (
            "site.pem",
            "site.pem",
            "`site.pem` holds no private key that can be read",
        ),
        ("site.pem", "broken.key", "`broken.key` holds a key of an unknown kind"),
    ] {
        let (rendered, diagnostics) = folder.report(&site(cert, key));
        assert!(rendered.starts_with(&format!("error: {message}")), "{rendered}");
        assert!(
            diagnostics.iter().all(|one| one.severity == Severity::Certificate),
            "{rendered}"
        );
    }
}

#[test]
fn files_in_defaults_have_to_cover_redirected_hosts_too() {
    let folder = Folder::new();
    folder.certificate("site", &["a.com", "www.a.com"], |_| {});
    let text = r#"[defaults]
tls = { cert = "site.pem", key = "site.key" }
[env.a]
host = "a.com"
upstream = 3000
[redirect]
"www.a.com" = "https://a.com"
"old.a.com" = "https://a.com"
"#;
    let (_, diagnostics) = folder.report(text);
    let messages: Vec<&str> = diagnostics.iter().map(|one| one.message.as_str()).collect();
    assert_eq!(messages, ["the certificate does not cover the host `old.a.com`"]);
}

#[test]
fn addresses_and_local_names_are_served_from_files_as_any_host() {
    let folder = Folder::new();
    folder.certificate("site", &["localhost"], |_| {});
    let text = format!(
        r#"
[server]
http = "127.0.0.1:0"
https = "127.0.0.1:0"
socket = "{folder}/control.sock"
state_dir = "{folder}/state"
workers = 2

[env.plain]
host = "127.0.0.1"
tls = "off"
log = false
upstream = 9000

[env.tls]
host = "localhost"
tls = {{ cert = "{folder}/site.pem", key = "{folder}/site.key" }}
log = false
upstream = 9001
"#,
        folder = folder.0.path().display()
    );
    let (config, diagnostics) = Config::parse(Path::new("/elsewhere/bench.toml"), &text).unwrap();
    assert_eq!(diagnostics, []);
    assert_eq!(config.environments[0].services[0].tls, Tls::Off);
    assert!(!config.environments[0].services[0].policy.log);
    assert!(matches!(config.environments[1].services[0].tls, Tls::Files { .. }));
}

#[test]
fn no_word_of_a_key_stands_in_a_report() {
    let folder = Folder::new();
    folder.certificate("site", &["a.com", "b.com"], |_| {});
    folder.write(
        "secret.key",
        b"-----BEGIN PRIVATE KEY-----\nS3CRET!!\n-----END PRIVATE KEY-----\n",
    );
    let (rendered, _) = folder.report(&site("site.pem", "secret.key"));
    assert!(!rendered.contains("S3CRET"), "{rendered}");
}
