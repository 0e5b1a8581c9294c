//! `[acme]`: every key, every default, and what is said about what cannot be meant.

use std::path::Path;

use greengate::config::{Acme, Challenge, Config, Eab};

use super::{accepted, complained, refused};

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

#[test]
fn everything_that_cannot_be_meant_is_said_at_once() {
    refused(
        r##"
[acme]
email = "ops"
directory = "http://ca.internal/dir"
eab = { kid = "k" }
challenge = "dns-01"
mail = "ops@example.com"
[env.a]
host = "a.com"
upstream = 3000
"##,
        r##"
error: `ops` is no address
 --> proxy.toml:2:9
  |
2 | email = "ops"
  |         ^^^^^ expected an address, as `"ops@example.com"`, or a list of these

error: `http://ca.internal/dir` is not safe: an ACME directory is reached by https
 --> proxy.toml:3:13
  |
3 | directory = "http://ca.internal/dir"
  |             ^^^^^^^^^^^^^^^^^^^^^^^^ expected the URL of an ACME directory, or a list of these

error: `eab` has no `key_file`
 --> proxy.toml:4:7
  |
4 | eab = { kid = "k" }
  |       ^^^^^^^^^^^^^ expected `{ kid = "…", key_file = "…" }`

error: `dns-01` is no challenge
 --> proxy.toml:5:13
  |
5 | challenge = "dns-01"
  |             ^^^^^^^^ expected `"http-01"`, `"tls-alpn-01"` or `{ dns = "COMMAND" }`
  |
  = hint: the DNS is changed by a command of yours: `challenge = { dns = "COMMAND" }`

error: unknown key `mail` in `[acme]`
 --> proxy.toml:6:1
  |
6 | mail = "ops@example.com"
  | ^^^^ unknown key
  |
  = hint: did you mean `email`?
"##,
    );
}

#[test]
fn two_addresses_that_no_client_can_tell_apart_are_a_warning() {
    let one = "[env.a]\nhost = [\"192.0.2.1\", \"a.com\"]\nupstream = 3000\n";
    accepted(one);
    let two = format!("{one}[env.b]\nhost = \"2001:db8::1\"\nupstream = 3001\n");
    let (_, said) = complained(&two);
    assert_eq!(said.len(), 1);
    assert_eq!(said[0].message, "with two addresses, neither is served over TLS");
    accepted(&format!("{two}tls = \"off\"\n"));
}

#[test]
fn a_wildcard_that_cannot_be_proved_is_a_warning() {
    let wildcard = "[env.a]\nhost = \"*.a.com\"\nhealth.host = \"www.a.com\"\nupstream = 3000\n";
    let (_, said) = complained(wildcard);
    assert_eq!(said.len(), 1);
    assert_eq!(said[0].message, "no certificate can be had for `*.a.com`");
    accepted(&format!("[acme]\nchallenge = {{ dns = \"hook\" }}\n{wildcard}"));
    accepted(&format!("[defaults]\ntls = \"internal\"\n{wildcard}"));
    accepted(
        &wildcard
            .replace("*.a.com", "*.a.localhost")
            .replace("www.a.com", "www.a.localhost"),
    );
}
