//! The Debian package under a real systemd: it is installed, configured, upgraded under load, removed and purged, and what is the
//! operator's stays the operator's.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::common::app::App;
use crate::common::door::{QUICK, environment};
use crate::common::fixture::HOST;
use crate::common::ledger::Ledger;
use crate::common::load::{Load, MIXED, Target};
use crate::common::package::{build, two_versions};
use crate::common::systemd::{Machine, Systemd, in_the_network_of_a_systemd};
use crate::common::wire::trusting;

/// What is served where no app has to run.
const CONFIG: &str = "[env.prod]\nhost = \"app.localhost\"\nblue = 3000\ngreen = 3001\n";

/// Installs a package; what was said.
fn install(machine: &Machine, name: &str) -> String {
    machine.ok(&format!(
        "dpkg --no-triggers --force-unsafe-io -i {} 2>&1",
        machine.inside(name).display()
    ))
}

fn configure(machine: &Machine, config: &str) {
    fs::write(machine.folder().join("proxy.toml"), config).unwrap();
    machine.ok("install -m 644 /mnt/proxy.toml /etc/greengate/proxy.toml");
}

/// What runs, by its id.
fn main_pid(machine: &Machine) -> String {
    let pid = machine.ok("systemctl show -P MainPID greengate");
    assert_ne!(pid, "0\n", "nothing runs");
    pid
}

fn is(machine: &Machine, what: &str) -> String {
    String::from_utf8(machine.run(&format!("systemctl {what} greengate")).stdout).unwrap()
}

#[test]
fn a_package_starts_what_is_configured_and_keeps_its_hands_off_the_configuration() {
    let machine = Systemd::boot();
    let [package, _] = two_versions(machine.folder());

    // Nothing can be served yet: it is told what to do, and nothing has failed.
    let said = install(&machine, &package);
    assert!(said.contains("no /etc/greengate/proxy.toml yet"), "{said}");
    assert_eq!(is(&machine, "is-enabled"), "enabled\n");
    assert_eq!(is(&machine, "is-active"), "inactive\n");
    assert_eq!(machine.ok("systemctl --failed --no-legend"), "");
    assert_eq!(machine.ok("ls -A /etc/greengate"), "");
    assert_eq!(
        machine.ok("stat -c '%n %a %U %G' /etc/greengate /var/lib/greengate /var/log/greengate"),
        "/etc/greengate 755 root root\n/var/lib/greengate 700 greengate greengate\n/var/log/greengate 750 greengate greengate\n"
    );
    let user = machine.ok("getent passwd greengate");
    assert!(user.ends_with("/nologin\n"), "{user}");

    configure(&machine, CONFIG);
    machine.ok("proxyctl check && systemctl start greengate && proxyctl maintenance prod on");
    assert_eq!(machine.ok("stat -c '%a %U' /run/greengate"), "755 greengate\n");

    // Removed, it serves no more; all that was written stays.
    machine.ok("chmod 604 /etc/greengate/proxy.toml && touch /etc/greengate/own.pem");
    machine.ok("dpkg --no-triggers -r greengate");
    assert_eq!(is(&machine, "is-active"), "inactive\n");
    assert!(!machine.run("command -v proxyd").status.success());
    assert_eq!(machine.ok("cat /etc/greengate/proxy.toml"), CONFIG);
    let state = machine.ok("cat /var/lib/greengate/state.json");

    // Installed again, it has the configuration, its modes and the state that it had.
    let said = install(&machine, &package);
    assert!(said.contains("systemctl start greengate"), "{said}");
    machine.ok("systemctl start greengate && proxyctl status");
    assert_eq!(machine.ok("stat -c %a /etc/greengate/proxy.toml"), "604\n");
    assert_eq!(machine.ok("cat /var/lib/greengate/state.json"), state);

    // Purged, what it has written is gone; what somebody has put beside its file is not.
    let said = machine.ok("dpkg --no-triggers -P greengate 2>&1");
    assert!(said.contains("left there"), "{said}");
    assert_eq!(machine.ok("ls -A /etc/greengate"), "own.pem\n");
    let left = machine.run("ls -d /var/lib/greengate /var/log/greengate /run/greengate");
    assert_eq!(String::from_utf8_lossy(&left.stdout), "");
    assert_eq!(machine.ok("find /etc/systemd/system -name '*greengate*'"), "");
    assert_eq!(
        machine.ok("getent passwd greengate"),
        user,
        "its number is nobody else's"
    );
}

#[test]
fn a_package_starts_with_the_configuration_that_is_there_already_and_survives_one_that_is_wrong() {
    let machine = Systemd::boot();
    let [package, _] = two_versions(machine.folder());
    machine.ok("mkdir /etc/greengate");
    configure(&machine, "nonsense = 1\n");
    let said = install(&machine, &package);
    assert!(said.contains("it did not start"), "{said}");
    machine.ok("dpkg --no-triggers -P greengate");
    assert!(!machine.run("test -e /etc/greengate").status.success());

    machine.ok("mkdir /etc/greengate");
    configure(&machine, CONFIG);
    install(&machine, &package);
    machine.ok("proxyctl status");

    // What the operator has switched off stays off over an upgrade.
    machine.ok("systemctl disable --now greengate");
    let next = build(machine.folder(), "9-1", |_| ());
    install(&machine, &next);
    assert_eq!(is(&machine, "is-enabled"), "disabled\n");
    assert_eq!(is(&machine, "is-active"), "inactive\n");
}

#[test]
fn an_upgrade_of_the_package_fails_no_request() {
    in_the_network_of_a_systemd(
        "installed::an_upgrade_of_the_package_fails_no_request",
        async |machine| {
            let [package, next] = two_versions(machine.folder());
            let ledger = Ledger::default();
            let blue = App::start_in("blue", "v1", &ledger).await;
            let green = App::start_in("green", "v2", &ledger).await;
            install(&machine, &package);
            configure(
                &machine,
                &format!("{QUICK}{}", environment("prod", HOST, &blue, &green)),
            );
            machine.ok("systemctl start greengate && cp /var/lib/greengate/ca/root.pem /mnt");
            let root = machine.folder().join("root.pem");
            let target = Target {
                address: ([127, 0, 0, 1], 443).into(),
                host: HOST.into(),
                tls: Some((trusting(&root, &["http/1.1"]), trusting(&root, &["h2"]))),
            };
            machine.ok("proxyctl swap prod");
            let before = machine.ok("sha256sum /etc/greengate/proxy.toml");
            let pid = main_pid(&machine);

            let load = Load::start(target, &MIXED).await;
            load.more(200).await;
            let said = install(&machine, &next);
            load.more(400).await;
            let tally = load.stop().await;
            tally.assert_no_failures();
            ledger.assert_no_post_twice();
            eprintln!("{} exchanges, no failure", tally.total());
            assert_ne!(main_pid(&machine), pid, "the old version serves on: {said}");
            assert_eq!(machine.ok("systemctl show -P NRestarts greengate"), "0\n");
            assert_eq!(machine.ok("sha256sum /etc/greengate/proxy.toml"), before, "{said}");
            let status = machine.ok("proxyctl status prod");
            assert!(status.contains("green is live"), "{status}");
        },
    );
}

#[test]
fn what_proxyctl_says_decides_how_the_new_version_takes_over() {
    let machine = Systemd::boot();
    let package = build(machine.folder(), "1-1", |_| ());
    machine.ok("mkdir /etc/greengate");
    configure(&machine, CONFIG);
    install(&machine, &package);

    // A package whose `proxyctl` is asked nothing but `upgrade`, and answers this.
    let upgrade = |version: &str, words: &str, code: u8| {
        let name = build(machine.folder(), version, |tree| {
            let script = format!("#!/bin/sh\n[ \"$1\" = upgrade ] || exit 99\necho '{words}' >&2\nexit {code}\n");
            stand_in(&tree.join("usr/bin/proxyctl"), &script);
        });
        let before = main_pid(&machine);
        let said = install(&machine, &name);
        (said, main_pid(&machine) != before)
    };
    let (said, restarted) = upgrade("1-2", "done", 0);
    assert!(!restarted && !said.contains("greengate: "), "{said}");

    let (said, restarted) = upgrade("1-3", "prod is paused by ann", 4);
    assert!(!restarted, "{said}");
    assert!(
        said.contains("prod is paused by ann\ngreengate: the old version serves on"),
        "{said}"
    );

    let (said, restarted) = upgrade("1-4", "proxyctl: there is nothing at `/v1/upgrade`", 1);
    assert!(restarted, "{said}");
    assert!(said.contains("cannot hand over yet"), "{said}");

    // It does not run because somebody has stopped it: an upgrade is no reason to start.
    machine.ok("systemctl stop greengate");
    let name = build(machine.folder(), "1-5", |_| ());
    let said = install(&machine, &name);
    assert!(said.contains("was left so"), "{said}");
    assert_eq!(is(&machine, "is-active"), "inactive\n");
}

fn stand_in(path: &Path, script: &str) {
    fs::write(path, script).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}
