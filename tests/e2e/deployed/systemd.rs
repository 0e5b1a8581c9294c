//! Template units of a real systemd: those of the machine, deployed by root, and those of a user, deployed by that user.

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt as _;

use greengate::model::api::Stage;
use greengate::model::history::Entry;

use super::{HISTORY, LEDGER, assert_journal, deploy_under_load};
use crate::common::count;
use crate::common::door::QUICK;
use crate::common::fixture::HOST;
use crate::common::load::Target;
use crate::common::operation::Output;
use crate::common::place::tests;
use crate::common::systemd::{Machine, in_the_network_of_a_systemd};
use crate::common::wire::trusting;
use crate::packaged::install;

/// One unit for both sides; its file of variables is what a build leaves behind.
const UNIT: &str = "[Service]\nEnvironmentFile=/mnt/%p-%i.env\nExecStart=sh /mnt/start ${PORT} %i ${VERSION}\n";

/// A version that is broken says much, and goes on without what it needs. Of a user's process that has ended, journald no longer
/// knows whose it was.
const START: &str = "[ $3 != broken ] || { for i in $(seq 60); do echo line $i; done; echo cannot reach the database; exec sleep 60; }\n\
                     exec node /mnt/server.js $1 $2 $3\n";

const CONFIG: &str = r#"
[server]
group = "team"

[env.prod]
host = "HOST"
blue = 3000
green = 3010
health.version = "json:version"
[env.prod.deploy]
systemd = "web@{slot}"
before = "sh -c 'echo {version} {slot} >> migrations'"
after = "test -e migrations"
cwd = "/mnt"

[env.mine]
host = "mine.localhost"
blue = 4000
green = 4010
health.version = "json:version"
deploy.systemd = "mine@{slot}"
"#;

/// The systemd of a user who logs in, without the one who logs users in. By these names journald knows whose units are whose.
const USERS: &str = "[Service]\nUser=%i\nSlice=user-%i.slice\nDelegate=yes\nRuntimeDirectory=user/%i\nRuntimeDirectoryMode=0700\n\
                     Environment=XDG_RUNTIME_DIR=/run/user/%i HOME=/home/anna\nExecStart=/lib/systemd/systemd --user --unit=basic.target\n";

#[test]
fn units_are_deployed_under_load_those_of_the_machine_and_those_of_a_user() {
    in_the_network_of_a_systemd(
        "deployed::systemd::units_are_deployed_under_load_those_of_the_machine_and_those_of_a_user",
        async |machine| {
            prepare(&machine);
            let target = Target {
                address: ([127, 0, 0, 1], 443).into(),
                host: HOST.into(),
                tls: Some((
                    trusting(&machine.folder().join("root.pem"), &["http/1.1"]),
                    trusting(&machine.folder().join("root.pem"), &["h2"]),
                )),
            };
            let deploy = async |version: &str, side: &str| {
                build(&machine, "web", version, side, 3000);
                said(&machine, &format!("proxyctl deploy prod --version {version}"))
            };
            let active = async || active(&machine, "systemctl", "web");
            let deployments = deploy_under_load(target, machine.folder(), count(3, 30), deploy, active).await;
            let journal = journal(&machine);
            let stages = [Stage::Start, Stage::Before, Stage::Stop, Stage::After];
            assert_journal(&journal, "prod", deployments, &stages);
            let migrations = std::fs::read_to_string(machine.folder().join("migrations")).unwrap();
            let expected: Vec<String> = (1..=deployments)
                .map(|number| format!("v{number} {}", ["blue", "green"][number % 2]))
                .collect();
            assert_eq!(migrations.lines().collect::<Vec<_>>(), expected);
            let idle = ["green", "blue"][deployments % 2];
            build(&machine, "web", "broken", idle, 3000);
            broken(&machine, "prod", "proxyctl", "systemctl", &format!("web@{idle}"));

            units_of_a_user(&machine);
        },
    );
}

/// The same words in the file, deployed by the user whose units they are.
fn units_of_a_user(machine: &Machine) {
    let id = machine.ok("id -u anna");
    let id = id.trim();
    let anna =
        format!("setpriv --reuid anna --regid team --init-groups env HOME=/home/anna XDG_RUNTIME_DIR=/run/user/{id}");
    machine.ok("install -D -o anna -m 644 /mnt/unit /home/anna/.config/systemd/user/mine@.service");
    machine.ok(&format!("systemctl start user@{id}"));
    machine.ok(&format!(
        "for i in $(seq 100); do {anna} systemctl --user is-system-running --quiet && break; sleep 0.1; done"
    ));
    for (version, side) in [("v1", "green"), ("v2", "blue")] {
        build(machine, "mine", version, side, 4000);
        said(machine, &format!("{anna} proxyctl deploy mine --version {version}")).assert_code(0);
        assert_eq!(
            active(machine, &format!("{anna} systemctl --user"), "mine"),
            BTreeSet::from([side])
        );
    }
    assert_eq!(active(machine, "systemctl", "mine"), BTreeSet::new());
    assert_journal(&journal(machine), "mine", 2, &[Stage::Start, Stage::Stop]);
    build(machine, "mine", "broken", "green", 4000);
    broken(
        machine,
        "mine",
        &format!("{anna} proxyctl"),
        &format!("{anna} systemctl --user"),
        "mine@green",
    );
}

/// A candidate that never answers: the end of its unit's log is shown, it is stopped, and nothing has changed.
fn broken(machine: &Machine, environment: &str, proxyctl: &str, systemctl: &str, unit: &str) {
    let status = || {
        machine.ok(&format!(
            "proxyctl status {environment} --json | grep -o '\"generation\":[0-9]*'"
        ))
    };
    let before = status();
    let refused = said(
        machine,
        &format!("{proxyctl} deploy {environment} --version broken --deadline 1s"),
    );
    refused.assert_code(4).assert_says(&["cannot reach the database"]);
    let shown = |line: &str| refused.stderr.lines().any(|shown| shown.ends_with(line));
    assert!(shown(": line 60"), "{refused:#?}");
    assert!(!shown(": line 30"), "30 lines are shown: {refused:#?}");
    assert_eq!(machine.ok(&format!("{systemctl} show -P MainPID {unit}")).trim(), "0");
    assert_eq!(status(), before);
}

fn prepare(machine: &Machine) {
    let put = |name: &str, text: &str| std::fs::write(machine.folder().join(name), text).unwrap();
    let server = CONFIG.replace("HOST", HOST);
    machine.ok("groupadd team && useradd --create-home --gid team anna");
    install(machine, &format!("{server}{QUICK}"));
    machine.ok("usermod --append --groups team greengate");
    std::fs::copy(
        tests().join("apps/node-app/server.js"),
        machine.folder().join("server.js"),
    )
    .unwrap();
    put("unit", UNIT);
    put("start", START);
    put("user@.service", USERS);
    put(LEDGER, "");
    machine.ok(
        "chmod 666 /mnt/ledger && install -m 644 /mnt/unit /etc/greengate-units/web@.service && \
         install -m 644 /mnt/user@.service /etc/greengate-units && systemctl daemon-reload && \
         systemctl start systemd-journald greengate && cp /var/lib/greengate/ca/root.pem /mnt",
    );
}

/// What a build leaves behind for a side.
fn build(machine: &Machine, unit: &str, version: &str, side: &str, blue: u16) {
    let port = if side == "blue" { blue } else { blue + 10 };
    let file = machine.folder().join(format!("{unit}-{side}.env"));
    std::fs::write(file, format!("PORT={port}\nVERSION={version}\nLEDGER=/mnt/{LEDGER}\n")).unwrap();
}

fn said(machine: &Machine, words: &str) -> Output {
    let output = machine.run(words);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Output {
        code: output.status.into_raw() >> 8,
        stdout: text(&output.stdout),
        stderr: text(&output.stderr),
    }
}

/// The sides whose unit is not inactive.
fn active(machine: &Machine, systemctl: &str, unit: &str) -> BTreeSet<&'static str> {
    let sides = ["blue", "green"].into_iter();
    let runs = |side: &&str| {
        let shown = machine.ok(&format!("{systemctl} show -P ActiveState {unit}@{side}"));
        shown.trim() != "inactive"
    };
    sides.filter(runs).collect()
}

fn journal(machine: &Machine) -> Vec<Entry> {
    super::journal(&machine.ok(&format!("proxyctl {}", HISTORY.join(" "))))
}
