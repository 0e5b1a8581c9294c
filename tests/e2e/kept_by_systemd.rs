//! Under a real systemd: a restart, a crash and `kill -9` refuse no connection, because the listening sockets stay with systemd (N24);
//! a daemon that hangs is started again; after an upgrade it is the new process that systemd looks after.

use crate::common::app::App;
use crate::common::door::{QUICK, environment};
use crate::common::fixture::HOST;
use crate::common::ledger::Ledger;
use crate::common::load::{Kind, Load, MIXED, Target};
use crate::common::systemd::{Machine, in_the_network_of_a_systemd};
use crate::common::wire::trusting;
use crate::common::{count, eventually, holds, secs};
use crate::packaged::install;

/// systemd waits four seconds for a word, and not thirty. Less would be too little on a machine that is busy with other tests.
const QUICK_WATCHDOG: &str = "mkdir -p /etc/systemd/system/greengate.service.d && \
     printf '[Service]\\nWatchdogSec=4\\n' > /etc/systemd/system/greengate.service.d/quick.conf && \
     systemctl daemon-reload &&";

/// There is no journal.
const LOGGED: &str = "mkdir -p /etc/systemd/system/greengate.service.d && \
     printf '[Service]\\nStandardError=append:/mnt/stderr\\n' > /etc/systemd/system/greengate.service.d/log.conf && \
     systemctl daemon-reload &&";

/// Two apps, and the daemon in front of them on port 443.
struct Scene {
    machine: Machine,
    target: Target,
    blue: App,
    green: App,
    ledger: Ledger,
}

impl Scene {
    async fn new(machine: Machine, more: &str) -> Self {
        let ledger = Ledger::default();
        let blue = App::start_in("blue", "v1", &ledger).await;
        let green = App::start_in("green", "v2", &ledger).await;
        let config = format!("{QUICK}{}", environment("prod", HOST, &blue, &green));
        install(&machine, &config);
        machine.ok(&format!(
            "{LOGGED} {more} systemctl start greengate && cp /var/lib/greengate/ca/root.pem /mnt"
        ));
        let root = machine.folder().join("root.pem");
        let target = Target {
            address: ([127, 0, 0, 1], 443).into(),
            host: HOST.into(),
            tls: Some((trusting(&root, &["http/1.1"]), trusting(&root, &["h2"]))),
        };
        Self {
            machine,
            target,
            blue,
            green,
            ledger,
        }
    }

    /// What the daemon has said on standard error.
    fn log(&self) -> String {
        std::fs::read_to_string(self.machine.folder().join("stderr")).unwrap()
    }

    /// What systemd says of the service.
    fn show(&self, property: &str) -> String {
        let shown = self.machine.ok(&format!("systemctl show -P {property} greengate"));
        shown.trim().to_owned()
    }

    async fn get(&self, target: &str) -> String {
        let mut client = self.target.client().await.expect("the door accepts");
        let answer = client.get(HOST, target).await.expect("an answer");
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.app().to_owned()
    }

    /// An app begins to listen when a request waits for it.
    async fn comes_up_late(&self, app: &App) {
        eventually(secs(60), || async {
            let status = self.machine.run("proxyctl status --json");
            let status = serde_json::from_slice::<greengate::model::api::Status>(&status.stdout);
            let held = status.map_or(0, |status| status.environments[0].services[0].held);
            holds(held == 1, || "nobody is held".into())
        })
        .await;
        app.listen().await;
    }

    /// Waits until systemd has started another process than this one.
    async fn replaced(&self, pid: &str) {
        eventually(secs(60), || async {
            let (now, state) = (self.show("MainPID"), self.show("SubState"));
            holds(now != pid && now != "0" && state == "running", || {
                format!("{state}: {now}, was {pid}")
            })
        })
        .await;
    }
}

#[test]
fn n24_a_restart_by_systemd_fails_nobody() {
    in_the_network_of_a_systemd(
        "kept_by_systemd::n24_a_restart_by_systemd_fails_nobody",
        async |machine| {
            let scene = Scene::new(machine, "").await;
            assert_eq!(scene.show("NFileDescriptorStore"), "2");
            let load = Load::start(
                scene.target.clone(),
                &[(Kind::Get, 4), (Kind::Fresh, 4), (Kind::Post, 2), (Kind::H2, 2)],
            )
            .await;
            for _ in 0..count(2, 20) {
                load.more(40).await;
                let pid = scene.show("MainPID");
                scene.machine.ok("systemctl restart greengate");
                assert_ne!(scene.show("MainPID"), pid);
            }
            load.more(40).await;
            load.stop().await.assert_no_failures();
            scene.ledger.assert_no_post_twice();
            assert_eq!(scene.show("NFileDescriptorStore"), "2");
            scene
                .machine
                .ok("systemctl reload greengate && systemctl stop greengate");
            assert!(
                scene.target.client().await.is_err(),
                "a stopped service listens no more"
            );
        },
    );
}

#[test]
fn n24_after_a_kill_9_exactly_what_was_in_flight_is_lost_and_no_connection_is_refused() {
    in_the_network_of_a_systemd(
        "kept_by_systemd::n24_after_a_kill_9_exactly_what_was_in_flight_is_lost_and_no_connection_is_refused",
        async |machine| {
            let scene = Scene::new(machine, "").await;
            for round in 0..count(3, 20) {
                let path = format!("/slow-{round}");
                scene.blue.answer_when(&path, "never", "never");
                let mut lost = Vec::new();
                for _ in 0..5 {
                    let mut client = scene.target.client().await.unwrap();
                    client
                        .send(format!(
                            "POST {path} HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 0\r\n\r\n"
                        ))
                        .await
                        .unwrap();
                    lost.push(client);
                }
                eventually(secs(60), || async {
                    let status = scene.machine.ok("proxyctl status --json");
                    let status: greengate::model::api::Status = serde_json::from_str(&status).unwrap();
                    let inside = status.connections;
                    holds(inside == 5, || format!("{inside} connections"))
                })
                .await;
                scene.blue.reached(&path).await;
                let pid = scene.show("MainPID");
                scene.machine.ok(&format!("kill -9 {pid}"));
                // While nobody accepts, whoever connects waits.
                let waiting: Vec<_> = (0..20).map(|_| scene.get("/who")).collect();
                let answers = futures_util::future::join_all(waiting).await;
                assert!(answers.iter().all(|app| app == "blue"), "{answers:?}");
                for mut client in lost {
                    assert!(client.response("POST").await.is_err(), "it was in flight");
                }
                scene.replaced(&pid).await;
            }
            assert_eq!(scene.show("NRestarts"), count(3, 20).to_string());
        },
    );
}

#[test]
fn n24_an_upgrade_under_systemd_is_the_main_process_afterwards() {
    in_the_network_of_a_systemd(
        "kept_by_systemd::n24_an_upgrade_under_systemd_is_the_main_process_afterwards",
        async |machine| {
            let scene = Scene::new(machine, "").await;
            let load = Load::start(scene.target.clone(), &MIXED).await;
            for _ in 0..2 {
                load.more(40).await;
                let pid = scene.show("MainPID");
                scene.machine.ok("proxyctl upgrade");
                scene.replaced(&pid).await;
                // It ends when the last connection does: those that wait for a request have ten seconds.
                eventually(secs(60), || async {
                    let there = scene.machine.run(&format!("test -e /proc/{pid}")).status.success();
                    holds(!there, || format!("process {pid} still drains"))
                })
                .await;
                assert_eq!(scene.show("SubState"), "running");
            }
            load.more(40).await;
            load.stop().await.assert_no_failures();
            assert_eq!(
                (scene.show("NRestarts"), scene.show("NFileDescriptorStore")),
                ("0".into(), "2".into())
            );
            // What comes after it has the same sockets.
            let pid = scene.show("MainPID");
            scene.machine.ok(&format!("kill -9 {pid}"));
            assert_eq!(scene.get("/who").await, "blue");
            scene.machine.ok("systemctl stop greengate");
            assert_eq!(scene.show("Result"), "success");
        },
    );
}

#[test]
fn a_daemon_that_hangs_is_started_again() {
    in_the_network_of_a_systemd(
        "kept_by_systemd::a_daemon_that_hangs_is_started_again",
        async |machine| {
            let scene = Scene::new(machine, QUICK_WATCHDOG).await;
            let pid = scene.show("MainPID");
            // One that is alive says so again and again.
            let first = scene.show("WatchdogTimestampMonotonic");
            eventually(secs(60), || async {
                let now = scene.show("WatchdogTimestampMonotonic");
                holds(now != first, || format!("nothing was heard since {now}"))
            })
            .await;
            assert_eq!(
                (scene.show("MainPID"), scene.show("NRestarts")),
                (pid.clone(), "0".into())
            );
            scene.machine.ok(&format!("kill -STOP {pid}"));
            scene.replaced(&pid).await;
            assert_eq!(scene.get("/who").await, "blue");
        },
    );
}

#[test]
fn a_daemon_with_one_core_that_hangs_is_started_again() {
    in_the_network_of_a_systemd(
        "kept_by_systemd::a_daemon_with_one_core_that_hangs_is_started_again",
        async |machine| {
            let scene = Scene::new(machine, QUICK_WATCHDOG).await;
            let pid = scene.show("MainPID");
            let threads = scene.machine.ok(&format!("grep -H . /proc/{pid}/task/*/comm"));
            let core = threads.lines().find(|line| line.ends_with(":core-1"));
            let core = core
                .unwrap_or_else(|| panic!("no core: {threads}"))
                .split('/')
                .nth(4)
                .unwrap();
            // A tracer stops one thread, and the others go on (ptrace(2): SEIZE, INTERRUPT). Its end is told to the tracer first.
            let tracer = format!(
                "import ctypes, os\ncall = ctypes.CDLL(None).ptrace\n\
                 assert call(0x4206, {core}, None, None) == 0 and call(0x4207, {core}, None, None) == 0\n\
                 os.waitpid({core}, 0x40000000)\nprint('stopped', flush=True)\nos.waitpid({core}, 0x40000000)\n"
            );
            std::fs::write(scene.machine.folder().join("tracer"), tracer).unwrap();
            scene
                .machine
                .ok("python3 /mnt/tracer > /mnt/traced 2>&1 & until grep -q stopped /mnt/traced; do sleep 0.02; done");
            scene.replaced(&pid).await;
            assert_eq!(scene.get("/who").await, "blue");
            assert!(scene.log().contains("a core does not go on"), "{}", scene.log());
        },
    );
}

#[test]
fn n31_with_a_socket_unit_the_first_client_starts_it_and_waits_for_an_app_that_comes_up_late() {
    in_the_network_of_a_systemd(
        "kept_by_systemd::n31_with_a_socket_unit_the_first_client_starts_it_and_waits_for_an_app_that_comes_up_late",
        async |machine| {
            let scene = Scene::new(machine, "").await;
            scene
                .machine
                .ok("proxyctl swap prod && systemctl stop greengate && systemctl start greengate.socket");
            scene.green.stop_listening().await;
            assert_eq!(scene.show("ActiveState"), "inactive");
            let (answer, ()) = tokio::join!(scene.get("/who"), scene.comes_up_late(&scene.green));
            assert_eq!(answer, "green", "the side that was live before");
            assert_eq!(scene.show("ActiveState"), "active");
            // The same sockets from the unit and from the store are the same sockets.
            for _ in 0..count(2, 20) {
                let pid = scene.show("MainPID");
                scene.machine.ok(&format!("kill -9 {pid}"));
                assert_eq!(scene.get("/who").await, "green");
                scene.replaced(&pid).await;
            }
            scene.machine.ok("systemctl restart greengate");
            assert_eq!(scene.get("/who").await, "green");
            assert_eq!(scene.show("NFileDescriptorStore"), "2");
        },
    );
}

#[test]
fn n31_after_a_reboot_the_side_that_was_live_serves_and_requests_wait_for_an_app_that_comes_up_late() {
    in_the_network_of_a_systemd(
        "kept_by_systemd::n31_after_a_reboot_the_side_that_was_live_serves_and_requests_wait_for_an_app_that_comes_up_late",
        async |machine| {
            let mut scene = Scene::new(machine, "systemctl enable greengate &&").await;
            scene.machine.ok("proxyctl swap prod");
            scene.green.stop_listening().await;
            scene.machine.reboot();
            assert_eq!(scene.show("NRestarts"), "0");
            let (answer, ()) = tokio::join!(scene.get("/who"), scene.comes_up_late(&scene.green));
            assert_eq!(answer, "green");
            // With the socket unit nobody is refused before the daemon is there.
            scene
                .machine
                .ok("systemctl stop greengate && systemctl disable greengate && systemctl enable greengate.socket");
            scene.machine.reboot();
            assert_eq!(scene.show("ActiveState"), "inactive");
            assert_eq!(scene.get("/who").await, "green");
        },
    );
}

#[test]
fn an_invalid_file_does_not_cost_the_ports_of_a_socket_unit() {
    in_the_network_of_a_systemd(
        "kept_by_systemd::an_invalid_file_does_not_cost_the_ports_of_a_socket_unit",
        async |machine| {
            let scene = Scene::new(machine, "").await;
            // One address is the unit's, and one the daemon's own.
            let beside =
                "[server]\\nhttps = [\"0.0.0.0:443\", \"127.0.0.1:8443\"]\\nhttp = \"0.0.0.0:80\"\\n[defaults]";
            let unit =
                "sed -i 's/^ListenStream=/&0.0.0.0:/' /etc/greengate-units/greengate.socket && systemctl daemon-reload";
            scene.machine.ok(&format!(
                "systemctl stop greengate && {unit} && systemctl start greengate.socket && \
                 sed -i 's/\\[defaults\\]/{beside}/' /etc/greengate/proxy.toml && cp /etc/greengate/proxy.toml /etc/good"
            ));
            assert_eq!(scene.get("/who").await, "blue");
            assert_eq!(scene.show("NFileDescriptorStore"), "3");
            let beside = Target {
                address: ([127, 0, 0, 1], 8443).into(),
                ..scene.target.clone()
            };
            let pid = scene.show("MainPID");
            scene.machine.ok(&format!("kill -9 {pid}"));
            let mut client = beside.client().await.expect("systemd has kept it");
            assert_eq!(client.get(HOST, "/who").await.unwrap().app(), "blue");
            drop(client);

            scene
                .machine
                .run("echo nonsense = 1 >> /etc/greengate/proxy.toml; systemctl stop greengate");
            let starts = || scene.log().matches("nonsense").count();
            let began = std::time::Instant::now();
            let (answer, ()) = tokio::join!(scene.get("/who"), async {
                eventually(secs(60), || async {
                    holds(starts() >= 3, || format!("{} starts", starts()))
                })
                .await;
                // Its ports stay; systemd gives them up after 20 starts in 2 s.
                let per_second = starts() as f64 / began.elapsed().as_secs_f64();
                assert!(per_second < 5.0, "{per_second} starts a second");
                scene
                    .machine
                    .ok("systemctl is-active greengate.socket && cp /etc/good /etc/greengate/proxy.toml");
            });
            assert_eq!(answer, "blue", "who came meanwhile has waited");
        },
    );
}

#[test]
fn n24_an_address_that_the_file_moves_is_let_go_of() {
    in_the_network_of_a_systemd(
        "kept_by_systemd::n24_an_address_that_the_file_moves_is_let_go_of",
        async |machine| {
            let scene = Scene::new(machine, "").await;
            let moves = async |from: &str, to: &str, how: &str| {
                let edit = format!("sed -i 's/{from}/{to}/' /etc/greengate/proxy.toml");
                scene.machine.ok(&format!("{edit} && {how}"));
            };
            let server = "[server]\\nhttp = \"127.0.0.1:8080\"\\n[defaults]";
            moves("\\[defaults\\]", server, "systemctl restart greengate").await;
            let refused = |port: u16| std::net::TcpStream::connect(("127.0.0.1", port)).is_err();
            assert!(refused(80) && !refused(8080));
            // A narrower address stands in the way of a wider one until systemd lets go of it.
            moves("127.0.0.1:8080", "0.0.0.0:8080", "systemctl restart greengate").await;
            assert!(!refused(8080));
            assert_eq!(scene.show("NRestarts"), "0");
            moves("0.0.0.0:8080", "127.0.0.1:8081", "proxyctl upgrade").await;
            assert!(!refused(8081));
            eventually(secs(60), || async {
                holds(refused(8080), || "8080 is still open".into())
            })
            .await;
            assert_eq!(scene.show("NFileDescriptorStore"), "2");
            // A new process that fails takes nothing from the old one.
            let output = scene
                .machine
                .run("sed -i 's/127.0.0.1:8081/127.0.0.1:443/' /etc/greengate/proxy.toml && proxyctl upgrade");
            assert_eq!(output.status.code(), Some(4), "{output:?}");
            assert_eq!(scene.show("NFileDescriptorStore"), "2");
            assert_eq!(scene.get("/who").await, "blue");
        },
    );
}

#[test]
fn a_process_that_drains_does_not_speak_for_the_new_one() {
    in_the_network_of_a_systemd(
        "kept_by_systemd::a_process_that_drains_does_not_speak_for_the_new_one",
        async |machine| {
            let scene = Scene::new(machine, QUICK_WATCHDOG).await;
            scene.blue.answer_when("/slow-one", "slow", "slow");
            let mut slow = scene.target.client().await.unwrap();
            slow.send(format!("GET /slow-one HTTP/1.1\r\nHost: {HOST}\r\n\r\n"))
                .await
                .unwrap();
            scene.blue.reached("/slow-one").await;
            scene.machine.ok("proxyctl upgrade");
            let pid = scene.show("MainPID");
            scene.machine.ok(&format!("kill -STOP {pid}"));
            scene.replaced(&pid).await;
            assert_eq!(scene.get("/who").await, "blue");
        },
    );
}
