//! What the certificates of a configuration are, without a CA that answers.

use std::path::Path;

use super::*;

fn certificates(text: &str) -> (tempfile::TempDir, Certificates) {
    let folder = tempfile::tempdir().unwrap();
    let (config, _) = Config::parse(Path::new("/etc/greengate/proxy.toml"), text).unwrap();
    let (certificates, _) = Certificates::open(&Arc::new(config), folder.path()).unwrap();
    (folder, certificates)
}

const TEXT: &str = r#"
    [env.prod]
    host = ["example.com", "www.example.com"]
    blue = 3000
    green = 3001
    [env.dev]
    host = "dev.localhost"
    upstream = 4000
    tls = "internal"
    [env.plain]
    host = "plain.example.com"
    upstream = 4001
    tls = "off"
"#;

#[test]
fn trouble_is_told_once_with_the_hosts_that_it_is_true_of() {
    let (_folder, certificates) = certificates(TEXT);
    let trouble = certificates.trouble("prod");
    assert_eq!(trouble.len(), 1, "{trouble:?}");
    assert!(
        trouble[0].starts_with("certificate of `example.com`, `www.example.com`: "),
        "{trouble:?}"
    );
    for quiet in ["dev", "plain", "nowhere"] {
        assert_eq!(certificates.trouble(quiet), Vec::<String>::new(), "{quiet}");
    }
}

#[test]
fn every_host_of_a_service_has_a_certificate_unless_tls_is_off() {
    let (_folder, certificates) = certificates(TEXT);
    let hosts = |environment: &str| -> Vec<String> {
        let shown = certificates.of_service(environment, environment);
        shown.into_iter().map(|status| status.host).collect()
    };
    assert_eq!(hosts("prod"), ["example.com", "www.example.com"]);
    assert_eq!(hosts("dev"), ["dev.localhost"]);
    assert!(hosts("plain").is_empty() && hosts("nowhere").is_empty());
    let front = certificates.front().unwrap();
    assert!((front.covers)("example.com", "example.com") && !(front.covers)("example.com", "dev.localhost"));
}

#[test]
fn n29_a_reload_keeps_what_stays_and_the_files_of_what_goes() {
    let (folder, certificates) = certificates(TEXT);
    let shelf = folder.path().join("certificates/example.com");
    std::fs::create_dir_all(&shelf).unwrap();
    let text = TEXT
        .replace("\"example.com\", ", "")
        .replace("[env.plain]", "[acme]\nprofile = \"shortlived\"\n[env.plain]");
    let (config, _) = Config::parse(Path::new("/etc/greengate/proxy.toml"), &text).unwrap();
    assert_eq!(
        ports::Hosts::serve(&certificates, &[&config]).unwrap(),
        Vec::<String>::new()
    );
    let hosts: Vec<String> = certificates
        .report()
        .certificates
        .into_iter()
        .map(|report| report.host)
        .collect();
    assert_eq!(hosts, ["dev.localhost", "www.example.com"]);
    assert_eq!(certificates.of_service("prod", "prod").len(), 1);
    assert!(shelf.exists());
}

#[test]
fn this_daemon_is_known_again_by_what_only_it_answers() {
    let (_one, one) = certificates(TEXT);
    let (_other, other) = certificates(TEXT);
    let answer = |certificates: &Certificates| (certificates.front().unwrap().acme)("greengate");
    assert_eq!(answer(&one), Some(one.report().probe));
    assert_ne!(answer(&one), answer(&other));
    assert_eq!((one.front().unwrap().acme)("another"), None);
}
