//! A network and an `/etc/hosts` of a test's own, where it may have port 80 and any address. It needs user namespaces.

use std::future::Future;
use std::process::Command;

/// Set for the process inside.
const INSIDE: &str = "GREENGATE_TEST_NETWORK";

/// What is different there.
#[derive(Debug, Default)]
pub struct Network<'a> {
    /// Further addresses of the loopback.
    pub addresses: &'a [&'a str],
    /// The only names that resolve, with their addresses.
    pub names: &'a [(&'a str, &'a str)],
    /// The first and the last of the ports for connections that are opened.
    pub ports: Option<(u16, u16)>,
}

/// Runs `inside` in a process of its own that sees nothing but a loopback. `test` is the full name of the test that calls this.
pub fn in_a_network_of_its_own(test: &str, network: &Network<'_>, inside: impl Future<Output = ()>) {
    if std::env::var_os(INSIDE).is_some() {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        runtime.unwrap().block_on(inside);
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let lines = network
        .names
        .iter()
        .map(|(name, address)| format!("{address} {name}\n"));
    let hosts = write("hosts", format!("127.0.0.1 localhost\n{}", lines.collect::<String>()));
    let switch = write("nsswitch.conf", "hosts: files\n".to_owned());
    let mut script = vec!["ip link set lo up".to_owned()];
    script.extend(
        network
            .addresses
            .iter()
            .map(|address| format!("ip address add {address} dev lo")),
    );
    if let Some((first, last)) = network.ports {
        script.push(format!(
            "echo '{first} {last}' > /proc/sys/net/ipv4/ip_local_port_range"
        ));
    }
    script.push(format!("mount --bind {hosts} /etc/hosts"));
    script.push(format!(
        "if [ -e /etc/nsswitch.conf ]; then mount --bind {switch} /etc/nsswitch.conf; fi"
    ));
    script.push("exec \"$0\" \"$@\"".to_owned());
    let mut command = Command::new("unshare");
    command.args(["-Urnm", "sh", "-c", &script.join(" && ")]);
    in_a_process_of_its_own(command.env(INSIDE, "1"), test);
}

/// Runs a test by a command that takes a program and its arguments; the test has to pass there.
pub fn in_a_process_of_its_own(command: &mut Command, test: &str) {
    let program = std::env::current_exe().unwrap();
    let output = command.arg(program).args(["--exact", test, "--nocapture"]).output();
    let output = output.unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("1 passed"), "{said}");
    // What it measured.
    eprintln!("{said}");
}
