//! `packaging/greengate.service` under a real systemd: the daemon serves, swaps and reloads there, and may do nothing else.

use std::fs;

use crate::common::systemd::{Machine, Systemd};

const SOCKET: &str = include_str!("../../packaging/greengate.socket");
const UNIT: &str = include_str!("../../packaging/greengate.service");

const CONFIG: &str = "[defaults]\ntls = \"internal\"\nhealth.interval = \"20ms\"\n\n\
                      [env.prod]\nhost = \"app.localhost\"\nblue = 3000\ngreen = 3001\n";

/// What a process in the unit tries, and what it must not be able to do: one word and one command a line.
const FORBIDDEN: &[(&str, &str)] = &[
    ("write-usr", "touch /usr/bin/x"),
    ("write-etc", "touch /etc/greengate/x"),
    ("write-home", "touch /home/x"),
    ("write-tmp-of-root", "touch /var/log/x"),
    ("read-shadow", "cat /etc/shadow"),
    ("become-root", "setpriv --reuid 0 true"),
    ("set-user-id", "chmod u+s /var/lib/greengate/file"),
    ("give-away", "chown 0 /var/lib/greengate/file"),
    ("mount", "mount -t tmpfs x /mnt"),
    ("namespace-of-users", "unshare -U true"),
    ("namespace-of-networks", "unshare -n true"),
    ("kernel-log", "dmesg"),
    ("clock", "date -s 2020-01-01"),
    ("host-name", "hostname other"),
    ("tunables", "echo 1 > /proc/sys/net/ipv4/ip_forward"),
    ("cgroups", "mkdir /sys/fs/cgroup/other"),
    ("devices", "test -e /dev/vda -o -e /dev/mem -o -e /dev/kmsg"),
    ("others-processes", "test -e /proc/1"),
    ("priority", "renice -n 5 $$"),
];

/// What it needs.
const ALLOWED: &[(&str, &str)] = &[
    ("state", "touch /var/lib/greengate/file"),
    ("runtime", "touch /run/greengate/file"),
    ("log", "touch /var/log/greengate/file"),
    ("read-home", "ls /home"),
];

/// A machine on which the package is installed, with an app in both colours.
pub(crate) fn installed() -> Systemd {
    let systemd = Systemd::boot();
    install(&systemd, CONFIG);
    let put = |name: &str, text: &str| fs::write(systemd.folder().join(name), text).unwrap();
    for (port, colour) in [(3000, "blue"), (3001, "green")] {
        let app = format!("[Service]\nExecStart=/usr/bin/proxyctl __demo-app --port={port} --version={colour}\n");
        put(&format!("{colour}.service"), &app);
        systemd.ok(&format!(
            "install -m 644 {} /etc/greengate-units",
            systemd.inside(&format!("{colour}.service")).display()
        ));
    }
    systemd.ok("systemctl daemon-reload && systemctl start blue green greengate");
    systemd
}

/// Puts programs, units and a configuration where they belong; nothing is started.
pub(crate) fn install(systemd: &Machine, config: &str) {
    let put = |name: &str, text: &str| fs::write(systemd.folder().join(name), text).unwrap();
    put("greengate.service", UNIT);
    put("greengate.socket", SOCKET);
    put("proxy.toml", config);
    for (name, program) in [
        ("proxyd", env!("CARGO_BIN_EXE_proxyd")),
        ("proxyctl", env!("CARGO_BIN_EXE_proxyctl")),
    ] {
        fs::copy(program, systemd.folder().join(name)).unwrap();
    }
    let at = |name: &str| systemd.inside(name).display().to_string();
    systemd.ok("useradd --system --user-group --no-create-home greengate");
    systemd.ok(&format!("install -m 755 {} {} /usr/bin", at("proxyd"), at("proxyctl")));
    systemd.ok("mkdir -m 755 /etc/greengate");
    systemd.ok(&format!("install -m 644 {} /etc/greengate", at("proxy.toml")));
    for unit in ["greengate.service", "greengate.socket"] {
        systemd.ok(&format!("install -m 644 {} /etc/greengate-units", at(unit)));
    }
    systemd.ok("systemctl daemon-reload");
}

/// The head of an answer over HTTPS, on port 443.
fn head(systemd: &Systemd) -> String {
    systemd.ok(
        "curl -sS -D - -o /dev/null --cacert /var/lib/greengate/ca/root.pem --resolve app.localhost:443:127.0.0.1 \
         https://app.localhost/",
    )
}

#[test]
fn the_unit_serves_swaps_and_reloads_with_one_capability_and_no_way_to_more() {
    let systemd = installed();
    assert!(head(&systemd).contains("x-demo-version: blue"), "{}", head(&systemd));
    systemd.ok("proxyctl swap prod");
    assert!(head(&systemd).contains("x-demo-version: green"), "{}", head(&systemd));

    // A reload says whether the file is served.
    systemd.ok("sed -i 's/^host/label = \"canary\"\\nhost/' /etc/greengate/proxy.toml && systemctl reload greengate");
    assert!(head(&systemd).contains("x-environment: canary"), "{}", head(&systemd));
    let refused = systemd.run("echo broken >> /etc/greengate/proxy.toml; systemctl reload greengate");
    assert!(!refused.status.success());
    assert!(head(&systemd).contains("x-environment: canary"), "{}", head(&systemd));

    let status = systemd.ok("cat /proc/$(systemctl show -P MainPID greengate)/status");
    let line = |name: &str| {
        let found = status
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(":\t"));
        found.unwrap_or_else(|| panic!("{name}: {status}")).to_owned()
    };
    let bind = "0000000000000400";
    for (name, expected) in [
        ("CapEff", bind),
        ("CapPrm", bind),
        ("CapBnd", bind),
        ("CapAmb", bind),
        ("NoNewPrivs", "1"),
        ("Seccomp", "2"),
    ] {
        assert_eq!(line(name), expected, "{name}");
    }
    let user = systemd.ok("id -u greengate");
    assert_eq!(line("Uid"), [user.trim(); 4].join("\t"));

    // Nobody else can read what it keeps; the root is what browsers are given.
    let open = systemd.ok(
        "find /var/lib/greengate /var/log/greengate -perm /077 ! -type s ! -path /var/log/greengate ! -name root.pem",
    );
    assert_eq!(open, "", "others can read or write");
    systemd.ok("systemctl stop greengate");
    assert_eq!(systemd.ok("systemctl show -P Result greengate"), "success\n");
}

#[test]
fn what_the_daemon_has_no_need_of_is_forbidden_to_it() {
    let systemd = Systemd::boot();
    // The unit itself, with a list of attempts in the place of the daemon.
    let mut unit: Vec<&str> = UNIT
        .lines()
        .filter(|line| !line.starts_with("Exec") && !line.starts_with("Restart"))
        .collect();
    let at = unit.iter().position(|line| *line == "Type=notify").unwrap();
    unit.splice(at..=at, ["Type=oneshot", "ExecStart=/bin/sh /etc/greengate/attempts"]);
    let attempts: String = ALLOWED
        .iter()
        .chain(FORBIDDEN)
        .map(|(name, attempt)| {
            format!("if ( {attempt} ) >/dev/null 2>&1; then echo {name}; fi >> /var/lib/greengate/could\n")
        })
        .collect();
    fs::write(systemd.folder().join("attempts"), attempts).unwrap();
    fs::write(systemd.folder().join("greengate.service"), unit.join("\n")).unwrap();
    systemd.ok("useradd --system --user-group --no-create-home greengate");
    systemd.ok("mkdir -m 755 /etc/greengate && install -m 644 /mnt/attempts /etc/greengate");
    systemd.ok("install -m 644 /mnt/greengate.service /etc/greengate-units && systemctl daemon-reload");
    systemd.ok("systemctl start greengate");
    let could = systemd.ok("cat /var/lib/greengate/could");
    let allowed: Vec<&str> = ALLOWED.iter().map(|(name, _)| *name).collect();
    assert_eq!(could.lines().collect::<Vec<_>>(), allowed);

    // Of 100, the worst: what is left is the network, what apps and certificates may lie in, and the notes of children.
    let exposure = systemd.run("systemd-analyze security --no-pager --threshold=20 greengate.service");
    assert!(
        exposure.status.success(),
        "{}",
        String::from_utf8_lossy(&exposure.stdout)
    );
}
