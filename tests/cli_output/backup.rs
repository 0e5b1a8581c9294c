//! What `backup` and `restore` print.

use greengate::cli::commands::{backup, restore};
use greengate::cli::output::text::Style;
use greengate::model::backup::{Change, Manifest, Member, Rights, Step};

fn manifest(names: &[&str]) -> Manifest {
    let member = |name: &&str| Member {
        name: (*name).to_owned(),
        path: None,
        size: 0,
        sha256: String::new(),
        rights: Rights {
            mode: 0o600,
            user: "root".into(),
            group: "root".into(),
        },
        folder: None,
    };
    let text = String::new;
    Manifest::new(text(), text(), text(), text(), names.iter().map(member).collect())
}

#[test]
fn what_is_in_a_backup_is_said_in_one_line() {
    assert_eq!(backup::content(&manifest(&["proxy.toml"])), "configuration");
    let all = manifest(&[
        "proxy.toml",
        "state/acme/accounts.json",
        "state/acme/attempts.json",
        "state/ca/root.pem",
        "state/certificates/a.test/cert.pem",
        "state/certificates/a.test/key.pem",
        "state/certificates/b.test/key.pem",
        "state/journal.1.jsonl",
        "state/journal.jsonl",
        "state/state.json",
        "files/1/users",
    ]);
    assert_eq!(
        backup::content(&all),
        "configuration, state, journal, ACME account, local CA, 2 certificates, 1 file that the configuration names"
    );
}

#[test]
fn e34_each_step_is_a_line_and_no_path_commands_the_terminal() {
    let line = |change| {
        let path = "/etc/\u{1b}[2J".to_owned();
        restore::line(&Step { path, change }, Style::default())
    };
    assert_eq!(line(Change::New), "+ /etc/\\u{1b}[2J  new");
    assert_eq!(line(Change::Same), "= /etc/\\u{1b}[2J  the same");
    assert_eq!(line(Change::Overwrite), "~ /etc/\\u{1b}[2J  overwritten");
    assert_eq!(line(Change::Remove), "- /etc/\\u{1b}[2J  removed");
    assert_eq!(line(Change::Leave), "· /etc/\\u{1b}[2J  left as it is");
}
