//! An app under PM2, restarted and reloaded by it under load: no GET fails with nothing configured (N12), and under
//! `proxyctl pause prod -- pm2 restart app` no request does, whatever its method (N13).
//!
//! PM2 is AGPL. It is run here as a program of its own, and nothing of it is linked, copied or shipped.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;

use crate::common::client::Client;
use crate::common::door::{Door, QUICK};
use crate::common::fixture::HOST;
use crate::common::load::{EVERY_METHOD, Kind, Load};
use crate::common::operation::{Output, run};
use crate::common::place::{npm_program, tests};
use crate::common::port::reserve;
use crate::common::{count, eventually, holds, secs};
use tempfile::TempDir;

/// What may be asked twice, and is answered in one piece.
const GETS: [(Kind, usize); 3] = [(Kind::Get, 6), (Kind::Fresh, 3), (Kind::Slow, 4)];

/// How PM2 runs the app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// One process that listens itself.
    Fork,
    /// Two workers; PM2's daemon listens, accepts, and hands the connections to them.
    ///
    /// When a worker ends while a connection is on its way to it, Node keeps that connection open in the daemon and never
    /// looks at it again (nodejs/node-v0.x-archive#7006, still so in Node 20). It was accepted, so no proxy can tell it from an
    /// app that thinks for long: the request ends in 504 at `timeout.response`. Only a pause makes such a restart harmless.
    Cluster,
    /// As [`Mode::Cluster`], with workers that leave the cluster before they end. It helps as long as one worker stays to take
    /// what they give back: in a reload, and not in a restart (nodejs/node#21746).
    PoliteCluster,
    /// Two workers that accept from one socket themselves (`NODE_CLUSTER_SCHED_POLICY=none`).
    SharingCluster,
}

/// A PM2 daemon of the test's own, and the one app that it runs.
#[derive(Debug)]
struct Pm2 {
    home: TempDir,
    mode: Mode,
    _port: socket2::Socket,
    address: SocketAddr,
}

impl Pm2 {
    /// Starts the daemon and, in it, the app `app`; returns when the app accepts connections.
    async fn start(mode: Mode) -> Self {
        let (port, address) = reserve();
        let home = tempfile::Builder::new().prefix("gg-pm2-").tempdir().unwrap();
        let pm2 = Self {
            home,
            mode,
            _port: port,
            address,
        };
        let server = tests().join("apps/node-app/server.js");
        let port = address.port().to_string();
        // On a busy machine an app takes more than the 3 s and 1.6 s that PM2 gives it to come and to go.
        let patience = ["--listen-timeout", "20000", "--kill-timeout", "20000"];
        let mut args = vec!["start", server.to_str().unwrap(), "--name", "app"];
        args.extend(patience);
        if mode != Mode::Fork {
            args.extend(["-i", "2"]);
        }
        args.extend(["--", &port, "only", "v1"]);
        if mode == Mode::PoliteCluster {
            args.push("politely");
        }
        pm2.run(&args).await;
        eventually(secs(60), || async {
            Client::plain(address)
                .await
                .map(drop)
                .map_err(|broken| broken.to_string())
        })
        .await;
        pm2
    }

    /// `pm2 ARGS`, to be started.
    fn command(&self, args: &[&str]) -> std::process::Command {
        let mut command = npm_program("pm2/bin/pm2");
        command.args(args);
        self.at_home(&mut command);
        command
    }

    /// Only this test's daemon is spoken to, and it asks nobody on the internet.
    fn at_home(&self, command: &mut std::process::Command) {
        let policy = if self.mode == Mode::SharingCluster {
            "none"
        } else {
            "rr"
        };
        command
            .current_dir(self.home.path())
            .env("PM2_HOME", self.home.path())
            .env("PM2_DISABLE_VERSION_CHECK", "true")
            .env("NODE_CLUSTER_SCHED_POLICY", policy)
            .env("NO_COLOR", "1");
    }

    /// `pm2 ARGS`, to its end.
    async fn run(&self, args: &[&str]) -> Output {
        let output = run(self.command(args).into()).await;
        output.assert_code(0);
        output
    }

    /// The process ids of the workers; every one of them is online.
    async fn workers(&self) -> BTreeSet<i64> {
        let output = self.run(&["jlist"]).await;
        let list: serde_json::Value = serde_json::from_str(&output.stdout)
            .unwrap_or_else(|error| panic!("`pm2 jlist` printed no list: {error}\n{output:#?}"));
        let workers = list.as_array().expect("a list").iter().map(|worker| {
            assert_eq!(worker["pm2_env"]["status"], "online", "{worker:#}");
            worker["pid"].as_i64().expect("a process id")
        });
        workers.collect()
    }

    /// Every worker is another process than before.
    async fn assert_replaced(&self, before: &BTreeSet<i64>) {
        let now = self.workers().await;
        assert_eq!(now.len(), before.len(), "workers were {before:?} and are {now:?}");
        assert!(now.is_disjoint(before), "workers were {before:?} and are {now:?}");
    }

    /// `pm2 kill`; everything that this PM2 has started is gone after it.
    async fn end(self) {
        let daemon = self.daemon();
        self.run(&["kill"]).await;
        eventually(secs(60), || async {
            holds(!daemon.exists(), || format!("{} still runs", daemon.display()))
        })
        .await;
    }

    /// Where the daemon's process shows while it lives.
    fn daemon(&self) -> std::path::PathBuf {
        let pid = std::fs::read_to_string(self.home.path().join("pm2.pid")).expect("PM2 writes its process id");
        Path::new("/proc").join(pid.trim())
    }
}

impl Drop for Pm2 {
    fn drop(&mut self) {
        let home = self.home.path();
        if std::thread::panicking() {
            let said = std::fs::read_to_string(home.join("pm2.log")).unwrap_or_default();
            eprintln!("--- log of PM2 ({:?}) ---\n{said}\n--- end ---", self.mode);
        }
        // PM2 removes its own when it ends: without one there is nobody to be ended, and `pm2 kill` would start a daemon first.
        if home.join("pm2.pid").exists()
            && let Err(error) = self.command(&["kill", "--silent"]).status()
        {
            eprintln!("PM2's daemon at {} is not ended: {error}", home.display());
        }
    }
}

async fn door(pm2: &Pm2) -> Door {
    let config = format!("{QUICK}[env.prod]\nhost = \"{HOST}\"\nupstream = \"{}\"\n", pm2.address);
    Door::start(&config).await
}

/// `pm2 VERB app` again and again under GETs, with nothing configured.
async fn gets_go_on(mode: Mode, verbs: &[&str]) {
    let pm2 = Pm2::start(mode).await;
    let door = door(&pm2).await;
    let load = Load::start(door.target(HOST), &GETS).await;
    let rounds = count(2, 20);
    for _ in 0..rounds {
        for verb in verbs {
            let before = pm2.workers().await;
            // A request that was broken off three times is not sent again (N11).
            load.each_once_more().await;
            load.more(30).await;
            pm2.run(&[verb, "app"]).await;
            pm2.assert_replaced(&before).await;
        }
    }
    load.more(50).await;
    let tally = load.stop().await;
    eprintln!(
        "pm2 {verbs:?}, {mode:?}: {rounds} rounds, {} GETs, slowest {:?}",
        tally.total(),
        tally.slowest
    );
    tally.assert_no_failures();
    let traffic = door.environment("prod").await.services[0].traffic;
    assert_eq!((traffic.app_errors, traffic.proxy_errors), (0, 0));
    pm2.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn n12_pm2_restarts_and_reloads_a_forked_app_and_no_get_fails() {
    gets_go_on(Mode::Fork, &["restart", "reload"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn n12_pm2_reloads_a_cluster_of_polite_workers_and_no_get_fails() {
    gets_go_on(Mode::PoliteCluster, &["reload"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn n12_pm2_restarts_and_reloads_a_cluster_that_shares_its_socket_and_no_get_fails() {
    gets_go_on(Mode::SharingCluster, &["restart", "reload"]).await;
}

/// `proxyctl pause prod -- pm2 restart app` again and again, under everything that a client may send.
async fn every_method_goes_on(mode: Mode) {
    let pm2 = Pm2::start(mode).await;
    let door = door(&pm2).await;
    let load = Load::start(door.target(HOST), &EVERY_METHOD).await;
    let rounds = count(2, 20);
    let restart = pm2.command(&["restart", "app"]);
    let words: Vec<&str> = [restart.get_program()]
        .into_iter()
        .chain(restart.get_args())
        .map(|word| word.to_str().unwrap())
        .collect();
    for _ in 0..rounds {
        let before = pm2.workers().await;
        let mut pause = door.command(&[&["pause", "prod", "--"], words.as_slice()].concat());
        pm2.at_home(pause.as_std_mut());
        run(pause).await.assert_code(0);
        pm2.assert_replaced(&before).await;
        load.more(60).await;
    }
    let tally = load.stop().await;
    eprintln!(
        "pause -- pm2 restart, {mode:?}: {rounds} rounds, {} good exchanges of every method, slowest {:?}",
        tally.total(),
        tally.slowest
    );
    tally.assert_no_failures();
    pm2.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn n13_pm2_restarts_a_forked_app_under_pause_and_no_method_fails() {
    every_method_goes_on(Mode::Fork).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn n13_pm2_restarts_a_cluster_under_pause_and_no_method_fails() {
    every_method_goes_on(Mode::Cluster).await;
}
