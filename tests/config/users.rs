//! Files of users: what is wrong with them, and what is said about those that several environments share.

use greengate::config::{Config, Diagnostic, Severity};

use super::write;

/// A hash of `U*U`.
const HASH: &str = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";

/// What is said about a file with these users; and `FOLDER` is where it is.
fn said(users: &str) -> (Vec<Diagnostic>, String) {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("dev.htpasswd"), users.as_bytes());
    let text = "[env.dev]\nhost = \"dev.example.com\"\nupstream = 4000\nauth.basic = \"dev.htpasswd\"\n";
    let (config, diagnostics) = Config::parse(&folder.path().join("proxy.toml"), text).unwrap();
    let service = &config.environments[0].services[0];
    assert_eq!(service.policy.auth.basic, Some(folder.path().join("dev.htpasswd")));
    (diagnostics, folder.path().display().to_string())
}

#[test]
fn a_file_as_htpasswd_writes_it_is_accepted_without_a_word() {
    let (diagnostics, _) = said(&format!("# the team\nanna:{HASH}\nbert:{}\n", HASH.replace("2a", "2y")));
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
}

#[test]
fn e35_every_wrong_line_is_an_error_of_check_with_a_way_out_and_without_its_secret() {
    let (diagnostics, folder) = said(&format!("anna:{HASH}\nbert:$apr1$salt$digest\nhunter2\n"));
    let shown: Vec<_> = diagnostics.iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        [
            format!(
                "`{folder}/dev.htpasswd`, line 2: the hash of `bert` is MD5 (apr1), and bcrypt alone is accepted; hint: \
                 `proxyctl passwd {folder}/dev.htpasswd bert` sets the password anew"
            ),
            format!("`{folder}/dev.htpasswd`, line 3: is not `name:hash`"),
        ]
    );
    assert!(
        diagnostics
            .iter()
            .all(|one| one.severity == Severity::Users && one.is_error_for_check())
    );
}

#[test]
fn a_file_without_anybody_is_a_warning() {
    let (diagnostics, folder) = said("# nobody yet\n");
    assert_eq!(diagnostics.len(), 1);
    assert_eq!(diagnostics[0].severity, Severity::Warning);
    let message = format!("`{folder}/dev.htpasswd` has no user, so nobody gets in");
    assert_eq!(diagnostics[0].message, message);
}

#[test]
fn two_ways_to_one_file_are_one_file() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("team"), format!("anna:{HASH}\n").as_bytes());
    std::os::unix::fs::symlink("team", folder.path().join("link")).unwrap();
    let text = "[env.a]\nhost = \"a.example.com\"\nupstream = 1\nauth.basic = \"team\"\n\
                [env.b]\nhost = \"b.example.com\"\nupstream = 2\nauth.basic = \"./link\"\n";
    let (_, diagnostics) = Config::parse(&folder.path().join("proxy.toml"), text).unwrap();
    assert_eq!(diagnostics.len(), 1);
    assert!(diagnostics[0].message.contains("opens `a` and `b`"), "{diagnostics:?}");
    assert_eq!(diagnostics[0].line(text), 8);
}
