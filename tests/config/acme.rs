//! `[acme]`: every key and every default.

use std::path::Path;

use greengate::config::{Acme, Challenge, Config, Eab};

use super::accepted;

const SITE: &str = "[env.a]\nhost = \"a.com\"\nupstream = 3000\n";

fn acme(keys: &str) -> Acme {
    accepted(&format!("[acme]\n{keys}\n{SITE}")).acme
}

#[test]
fn without_the_table_it_is_lets_encrypt() {
    let acme = accepted(SITE).acme;
    assert_eq!(acme, Acme::default());
    assert_eq!(acme.directories, ["https://acme-v02.api.letsencrypt.org/directory"]);
    assert_eq!((acme.challenge, acme.email.len()), (Challenge::Either, 0));
}

#[test]
fn every_key_is_read_and_paths_start_at_the_folder_of_the_file() {
    let text = format!(
        "[acme]\nemail = [\"ops@example.com\", \"root@example.com\"]\ndirectory = [\"https://ca.internal:9000/dir\", \
         \"https://b.example/d\"]\nprofile = \"shortlived\"\neab = {{ kid = \"k\", key_file = \"eab.key\" }}\nroot = \
         \"ca.pem\"\nchallenge = {{ dns = \"hooks/dns.sh --zone a.com\" }}\n{SITE}"
    );
    let (config, _) = Config::parse(Path::new("/etc/greengate/proxy.toml"), &text).unwrap();
    let expected = Acme {
        email: vec!["ops@example.com".into(), "root@example.com".into()],
        directories: vec!["https://ca.internal:9000/dir".into(), "https://b.example/d".into()],
        profile: Some("shortlived".into()),
        eab: Some(Eab {
            kid: "k".into(),
            key_file: "/etc/greengate/eab.key".into(),
        }),
        root: Some("/etc/greengate/ca.pem".into()),
        challenge: Challenge::Dns("/etc/greengate/hooks/dns.sh --zone a.com".into()),
    };
    assert_eq!(config.acme, expected);
    assert_eq!(acme("challenge = \"http-01\"").challenge, Challenge::Http);
    assert_eq!(acme("challenge = \"tls-alpn-01\"").challenge, Challenge::TlsAlpn);
    assert_eq!(acme("email = \"ops@example.com\"").email, ["ops@example.com"]);
}
