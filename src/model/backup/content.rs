//! What belongs in a backup, and where each of its files goes. Names in an archive are written by anybody, so that one is either on
//! this list or refused.

/// The manifest's name in the archive, where it comes first.
pub const MANIFEST: &str = "manifest.json";
/// The configuration's name in the archive, whatever it is called on the machine.
pub const CONFIGURATION: &str = "proxy.toml";
/// What of the state folder belongs in it: files and folders that are replaced whole.
pub const UNITS: [&str; 9] = [
    "state.json",
    "journal.jsonl",
    "journal.1.jsonl",
    "journal.2.jsonl",
    "journal.3.jsonl",
    "journal.4.jsonl",
    "acme",
    "certificates",
    "ca",
];
/// What of the state folder says something of the running process alone, of versions that are gone, or of messages that were to
/// be sent from here.
const PASSING: [&str; 8] = [
    "lock",
    "listeners.json",
    "control.sock",
    "assets",
    "notify.json",
    "notify.lock",
    "notify.late",
    "notify.broken.json",
];

/// Where a file of a backup goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place<'a> {
    /// It is the configuration.
    Configuration,
    /// Into the state folder, by this path in it.
    State(&'a str),
    /// To where the configuration names it.
    Named,
}

/// Where the file of this name in the archive goes; `None` when it belongs in no backup.
#[must_use]
pub fn place(name: &str) -> Option<Place<'_>> {
    if name == CONFIGURATION {
        return Some(Place::Configuration);
    }
    if let Some(path) = name.strip_prefix("state/") {
        return belongs(path).then_some(Place::State(path));
    }
    let (number, name) = name.strip_prefix("files/")?.split_once('/')?;
    let is_number = !number.is_empty() && number.len() <= 6 && number.bytes().all(|byte| byte.is_ascii_digit());
    (is_number && is_plain(name)).then_some(Place::Named)
}

/// Whether a file of the state folder, by its path in it, belongs in a backup.
#[must_use]
pub fn belongs(path: &str) -> bool {
    match *path.split('/').collect::<Vec<_>>() {
        [file] => UNITS[..6].contains(&file),
        ["acme", file] | ["acme", "orders", file] => is_plain(file),
        ["ca", file] => matches!(file, "root.pem" | "root-key.pem"),
        ["certificates", host, file] => is_plain(host) && matches!(file, "cert.pem" | "key.pem" | "meta.json"),
        _ => false,
    }
}

/// What of the state folder is replaced with this file of it.
#[must_use]
pub fn unit(path: &str) -> &str {
    path.split('/').next().unwrap_or_default()
}

/// Whether a name in the state folder is one that nobody misses: the process's own, or what a crash left of a file that was written.
#[must_use]
pub fn is_passing(name: &str) -> bool {
    PASSING.contains(&name) || name.starts_with('.')
}

/// The mode of a file in the state folder: for the daemon's user alone, but for the local CA's certificate, which is public.
#[must_use]
pub fn mode_in_state(path: &str) -> u32 {
    if path == "ca/root.pem" { 0o644 } else { 0o600 }
}

/// A name that leads nowhere else: no folder, no way up, nothing hidden, nothing that a terminal would take for a command.
fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 255
        && !name.starts_with('.')
        && !name.contains(|c: char| c == '/' || c.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_daemon_keeps_belongs_in_it() {
        for path in [
            "state.json",
            "journal.jsonl",
            "journal.4.jsonl",
            "acme/accounts.json",
            "acme/orders/x.json",
            "ca/root.pem",
            "ca/root-key.pem",
            "certificates/_wildcard.example.com/key.pem",
            "certificates/2001:db8::1/meta.json",
        ] {
            assert_eq!(place(&format!("state/{path}")), Some(Place::State(path)));
            assert!(UNITS.contains(&unit(path)), "{path}");
        }
        assert_eq!(place("proxy.toml"), Some(Place::Configuration));
        assert_eq!(place("files/12/dev.htpasswd"), Some(Place::Named));
    }

    #[test]
    fn no_name_leads_anywhere_else() {
        for name in [
            "",
            "/etc/passwd",
            "../proxy.toml",
            "./proxy.toml",
            "proxy.toml/",
            "state",
            "state/",
            "state/lock",
            "state/listeners.json",
            "state/journal.5.jsonl",
            "state/acme",
            "state/acme/..",
            "state/acme/../../x",
            "state/acme/orders/../x",
            "state/acme/.hidden",
            "state//state.json",
            "state/certificates/../ca/key.pem",
            "state/certificates/a.com/../key.pem",
            "state/certificates/a.com/other.pem",
            "state/certificates/\u{1b}[2J/key.pem",
            "state/ca/root.key",
            "files/1/..",
            "files/1/a/b",
            "files/x/a",
            "files//a",
            "files/1/",
            "files/1234567/a",
            "etc/cron.d/x",
        ] {
            assert_eq!(place(name), None, "{name:?}");
        }
        assert_eq!(place(&format!("state/acme/{}", "x".repeat(256))), None);
    }

    #[test]
    fn e35_what_is_put_into_the_state_folder_is_for_its_owner_alone() {
        assert_eq!(mode_in_state("ca/root.pem"), 0o644);
        for path in ["ca/root-key.pem", "state.json", "certificates/root.pem"] {
            assert_eq!(mode_in_state(path), 0o600);
        }
        assert!(is_passing(".state.json.new") && !is_passing("state.json") && !is_passing("notify.txt"));
    }
}
