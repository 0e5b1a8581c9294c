//! The recipes of docs/sleep.md with the tools themselves: a unit by polkit's rule, PM2, Docker, and what a real dev server costs.

use std::path::Path;
use std::time::Instant;

use greengate::model::api::SleepState;

use crate::common::docker::in_the_network_of_a_docker;
use crate::common::door::{Door, QUICK_PLAIN};
use crate::common::place::tests;
use crate::common::port::reserve;
use crate::common::systemd::in_the_network_of_a_systemd;
use crate::packaged::install;

const BUS: &str = "[Unit]\nDefaultDependencies=no\n[Socket]\nListenStream=/run/dbus/system_bus_socket\n";
const BUS_SERVICE: &str = "[Unit]\nDefaultDependencies=no\nRequires=dbus.socket\n[Service]\nType=notify\n\
     ExecStart=/usr/bin/dbus-daemon --system --address=systemd: --nofork --nopidfile --systemd-activation --syslog-only\n";
const POLKIT: &str = "[Unit]\nDefaultDependencies=no\n[Service]\nType=dbus\nBusName=org.freedesktop.PolicyKit1\n\
     ExecStart=/usr/lib/polkit-1/polkitd --no-debug\n";
const UNIT: &str = "[Unit]\nDefaultDependencies=no\n[Service]\nExecStart=node /mnt/server.js 4000 dev v1\n";

const CONFIG: &str = r#"
[env.dev]
host = "dev.test"
upstream = 4000
sleep = { after = "1h", start = "systemctl start web-dev", stop = "systemctl stop web-dev" }
[env.other]
host = "other.test"
upstream = 4001
sleep = { after = "1h", start = "systemctl start other", stop = "systemctl stop other" }
"#;

#[test]
fn n36_a_unit_is_started_and_stopped_by_the_rule_of_polkit_and_no_other_is() {
    in_the_network_of_a_systemd(
        "sleep::recipes::n36_a_unit_is_started_and_stopped_by_the_rule_of_polkit_and_no_other_is",
        async |machine| {
            let put = |name: &str, text: &str| std::fs::write(machine.folder().join(name), text).unwrap();
            install(&machine, &format!("{QUICK_PLAIN}{CONFIG}"));
            std::fs::copy(
                tests().join("apps/node-app/server.js"),
                machine.folder().join("server.js"),
            )
            .unwrap();
            let rule = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/polkit/50-greengate-sleep.rules");
            std::fs::copy(rule, machine.folder().join("rule")).unwrap();
            put("dbus.socket", BUS);
            put("dbus.service", BUS_SERVICE);
            put("polkit.service", POLKIT);
            put("web-dev.service", UNIT);
            put("other.service", UNIT);
            machine.ok("cp /mnt/*.service /mnt/dbus.socket /etc/systemd/system/ && systemctl daemon-reload");
            machine.ok("mkdir -p /etc/polkit-1/rules.d && install -m 644 /mnt/rule /etc/polkit-1/rules.d/50-greengate-sleep.rules");
            machine.ok("systemctl start dbus.socket dbus polkit web-dev && systemctl restart greengate");
            machine.ok("proxyctl sleep dev");
            let state = machine.run("systemctl is-active web-dev");
            assert_eq!(state.stdout.trim_ascii(), b"inactive", "{state:?}");
            let answer = machine.ok("curl -sS -H 'Host: dev.test' http://127.0.0.1/who");
            assert!(answer.starts_with("dev v1"), "{answer}");
            assert_eq!(machine.ok("systemctl is-active web-dev").trim(), "active");
            // Nothing runs there, so that it counts as asleep; and what the rule does not name is not started.
            machine.ok("proxyctl sleep other");
            let refused = machine.run("proxyctl wake other");
            assert!(!refused.status.success(), "{refused:?}");
            assert!(machine.ok("proxyctl status other").contains("systemctl start other"));
            let state = machine.run("systemctl is-active other");
            assert_eq!(state.stdout.trim_ascii(), b"inactive", "{state:?}");
        },
    );
}

#[test]
fn n36_a_container_of_docker_is_stopped_and_started() {
    in_the_network_of_a_docker(
        "sleep::recipes::n36_a_container_of_docker_is_stopped_and_started",
        async |docker| {
            docker.import("app:dev", "exec node /app/server.js 3000 dev v1");
            let app = format!("{}:/app:ro", tests().join("apps/node-app").display());
            docker.ok(&[
                "create",
                "--name",
                "web-dev",
                "--publish",
                "127.0.0.1:4000:3000",
                "--env",
                "HOST=0.0.0.0",
                "--volume",
                "/usr:/usr:ro",
                "--volume",
                &app,
                "app:dev",
            ]);
            docker.ok(&["start", "web-dev"]);
            let command = |what: &str| format!("docker --host {} {what} web-dev", docker.host());
            let door = Door::start(&format!(
                "{QUICK_PLAIN}\n[env.dev]\nhost = \"dev.test\"\nupstream = 4000\n\
                 sleep = {{ after = \"1h\", start = \"{}\", stop = \"{}\" }}\n",
                command("start"),
                command("stop --time 1"),
            ))
            .await;
            door.proxyctl(&["sleep", "dev"]).await.assert_code(0);
            assert_eq!(docker.ok(&["ps", "--quiet"]).trim(), "");
            let answer = door.plain().await.get("dev.test", "/who").await.unwrap();
            assert!(answer.text().starts_with("dev v1"), "{}", answer.text());
            assert_eq!(docker.ok(&["ps", "--quiet"]).lines().count(), 1);
        },
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn n36_a_process_of_pm2_is_stopped_and_started() {
    let home = tempfile::Builder::new().prefix("gg-pm2-").tempdir().unwrap();
    let (_port, address) = reserve();
    let script = tests().join("node/node_modules/pm2/bin/pm2");
    let pm2 = home.path().join("pm2");
    std::fs::write(
        &pm2,
        format!(
            "#!/bin/sh\nexport PM2_HOME={} PM2_DISABLE_VERSION_CHECK=true NO_COLOR=1\nexec node {} \"$@\"\n",
            home.path().display(),
            script.display()
        ),
    )
    .unwrap();
    let run = |words: &[&str]| {
        let output = std::process::Command::new("sh").arg(&pm2).args(words).output().unwrap();
        assert!(output.status.success(), "{words:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let server = tests().join("apps/node-app/server.js").display().to_string();
    let port = address.port().to_string();
    run(&["start", &server, "--name", "web-dev", "--", &port, "dev", "v1"]);
    let command = |what: &str| format!("sh {} {what} web-dev", pm2.display());
    let door = Door::start(&format!(
        "{QUICK_PLAIN}\n[env.dev]\nhost = \"dev.test\"\nupstream = {port}\n\
         sleep = {{ after = \"1h\", start = \"{}\", stop = \"{}\" }}\n",
        command("start"),
        command("stop"),
    ))
    .await;
    door.proxyctl(&["sleep", "dev"]).await.assert_code(0);
    assert!(run(&["jlist"]).contains("\"status\":\"stopped\""));
    let answer = door.plain().await.get("dev.test", "/who").await.unwrap();
    assert!(answer.text().starts_with("dev v1"), "{}", answer.text());
    run(&["kill"]);
}

/// Resident memory of a process and of what it has started, in KiB.
fn resident(pid: u32) -> u64 {
    let read = |name: &str| std::fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap_or_default();
    let status = read("status");
    let own = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let own: u64 = own
        .and_then(|line| line.split_whitespace().next()?.parse().ok())
        .unwrap_or(0);
    let children = read(&format!("task/{pid}/children"));
    own + children
        .split_whitespace()
        .filter_map(|pid| pid.parse().ok())
        .map(resident)
        .sum::<u64>()
}

#[tokio::test(flavor = "multi_thread")]
async fn n36_a_dev_server_of_vite_gives_its_memory_back_and_shows_its_page_again() {
    let project = tempfile::Builder::new().prefix("gg-vite-").tempdir().unwrap();
    for file in ["vite.config.mjs", "index.html", "main.js", "edited.js"] {
        std::fs::copy(tests().join("apps/vite-app").join(file), project.path().join(file)).unwrap();
    }
    let (_port, address) = reserve();
    let vite = tests().join("node/node_modules/vite/bin/vite.js");
    let at = |name: &str| project.path().join(name).display().to_string();
    std::fs::write(
        at("start"),
        format!(
            "cd {} || exit 1\nnode {} --host 127.0.0.1 --strictPort --port {} >vite.log 2>&1 &\necho $! >pid\n",
            project.path().display(),
            vite.display(),
            address.port()
        ),
    )
    .unwrap();
    std::fs::write(
        at("stop"),
        format!(
            "kill $(cat {0}); while kill -0 $(cat {0}) 2>/dev/null; do sleep 0.05; done\n",
            at("pid")
        ),
    )
    .unwrap();
    let door = Door::start(&format!(
        "{QUICK_PLAIN}\n[env.dev]\nhost = \"dev.example.test\"\nupstream = {}\n\
         sleep = {{ after = \"1h\", start = \"sh {}\", stop = \"sh {}\" }}\n",
        address.port(),
        at("start"),
        at("stop"),
    ))
    .await;
    // What is not there counts as stopped whatever `stop` says.
    std::fs::write(at("pid"), "999999999").unwrap();
    door.proxyctl(&["sleep", "dev"]).await.assert_code(0);
    for round in 1..=3 {
        let began = Instant::now();
        let page = door.plain().await.get("dev.example.test", "/").await.unwrap();
        let took = began.elapsed();
        assert!(
            page.status == 200 && page.text().contains("/@vite/client"),
            "{}",
            page.text()
        );
        for module in ["/@vite/client", "/main.js"] {
            assert_eq!(
                door.plain().await.get("dev.example.test", module).await.unwrap().status,
                200
            );
        }
        let pid: u32 = std::fs::read_to_string(at("pid")).unwrap().trim().parse().unwrap();
        let before = resident(pid);
        door.proxyctl(&["sleep", "dev"]).await.assert_code(0);
        let after = resident(pid);
        eprintln!(
            "round {round}: first page after {took:?}; {} MiB before, {} MiB after",
            before >> 10,
            after >> 10
        );
        assert!(
            before > 20 << 10 && after == 0,
            "{before} KiB before, {after} KiB after"
        );
    }
    let sleep = door.environment("dev").await.sleep.unwrap();
    assert_eq!((sleep.state, sleep.woke), (SleepState::Asleep, 3));
}
