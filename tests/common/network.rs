//! A network and an `/etc/hosts` of a test's own, where it may have port 80 and any address. It needs user namespaces.

use std::future::Future;
use std::process::Command;

/// Set for the process inside.
const INSIDE: &str = "GREENGATE_TEST_NETWORK";

/// Runs `inside` in a process of its own that sees nothing but a loopback, with these further addresses on it, and that resolves
/// these names and no others. `test` is the full name of the test that calls this.
pub fn in_a_network_of_its_own(
    test: &str,
    addresses: &[&str],
    names: &[(&str, &str)],
    inside: impl Future<Output = ()>,
) {
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
    let lines = names.iter().map(|(name, address)| format!("{address} {name}\n"));
    let hosts = write("hosts", format!("127.0.0.1 localhost\n{}", lines.collect::<String>()));
    let switch = write("nsswitch.conf", "hosts: files\n".to_owned());
    let mut script = vec!["ip link set lo up".to_owned()];
    script.extend(
        addresses
            .iter()
            .map(|address| format!("ip address add {address} dev lo")),
    );
    script.push(format!("mount --bind {hosts} /etc/hosts"));
    script.push(format!(
        "if [ -e /etc/nsswitch.conf ]; then mount --bind {switch} /etc/nsswitch.conf; fi"
    ));
    script.push("exec \"$0\" \"$@\"".to_owned());
    let output = Command::new("unshare")
        .args(["-Urnm", "sh", "-c", &script.join(" && ")])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("1 passed"), "{said}");
}
