//! Processes of the real PM2, which an ecosystem file describes.
//!
//! PM2 is AGPL. It is run here as a program of its own, and nothing of it is linked, copied or shipped.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use greengate::model::api::Stage;

use super::{HISTORY, LEDGER, assert_journal, deploy_under_load, journal};
use crate::common::door::{Door, QUICK};
use crate::common::fixture::HOST;
use crate::common::operation::{Output, run};
use crate::common::place::tests;
use crate::common::port::reserve;
use crate::common::{count, eventually, holds, secs};

/// A PM2 of the test's own. It is found as `pm2` by what is started with its environment.
struct Pm2 {
    home: tempfile::TempDir,
}

impl Pm2 {
    fn new() -> Self {
        let home = tempfile::Builder::new().prefix("gg-pm2-").tempdir().unwrap();
        let program = home.path().join("bin/pm2");
        let script = tests().join("node/node_modules/pm2/bin/pm2");
        assert!(script.exists(), "{} is missing: `tests/run` makes it", script.display());
        std::fs::create_dir(home.path().join("bin")).unwrap();
        std::fs::write(&program, format!("#!/bin/sh\nexec node {} \"$@\"\n", script.display())).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        Self { home }
    }

    /// Only this test's daemon is spoken to, and it asks nobody on the internet.
    fn environment(&self) -> [(&'static str, String); 4] {
        let path = std::env::var("PATH").unwrap();
        [
            ("PATH", format!("{}/bin:{path}", self.home.path().display())),
            ("PM2_HOME", self.home.path().display().to_string()),
            ("PM2_DISABLE_VERSION_CHECK", "true".into()),
            ("NO_COLOR", "1".into()),
        ]
    }

    async fn run(&self, args: &[&str]) -> Output {
        let mut command = tokio::process::Command::new(self.home.path().join("bin/pm2"));
        command.args(args).envs(self.environment());
        let output = run(command).await;
        output.assert_code(0);
        output
    }

    /// The sides whose process is online.
    async fn online(&self) -> BTreeSet<&'static str> {
        let output = self.run(&["jlist"]).await;
        let list: serde_json::Value = serde_json::from_str(&output.stdout).expect("`pm2 jlist` prints a list");
        let is_online = |side: &&str| {
            let named = |process: &&serde_json::Value| process["name"] == format!("web-{side}");
            let found = list.as_array().expect("a list").iter().find(named);
            found.is_some_and(|process| process["pm2_env"]["status"] == "online")
        };
        ["blue", "green"].into_iter().filter(is_online).collect()
    }

    /// Everything that this PM2 has started is gone after it.
    async fn end(self) {
        let pid = std::fs::read_to_string(self.home.path().join("pm2.pid")).expect("PM2 writes its process id");
        self.run(&["kill"]).await;
        eventually(secs(60), || async {
            holds(!Path::new("/proc").join(pid.trim()).exists(), || {
                "PM2 still runs".into()
            })
        })
        .await;
    }
}

impl Drop for Pm2 {
    fn drop(&mut self) {
        if self.home.path().join("pm2.pid").exists() {
            let mut kill = std::process::Command::new(self.home.path().join("bin/pm2"));
            drop(kill.args(["kill", "--silent"]).envs(self.environment()).status());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_of_pm2_are_deployed_under_load() {
    let pm2 = Pm2::new();
    let folder = pm2.home.path();
    let ecosystem = format!(
        "const {{ PORT, GREENGATE_SLOT, GREENGATE_VERSION }} = process.env;\n\
         module.exports = {{ apps: ['blue', 'green'].map((slot) => ({{\n  name: `web-${{slot}}`,\n  \
         script: GREENGATE_VERSION === 'broken' ? 'broken.js' : '{}',\n  \
         args: `${{PORT}} ${{GREENGATE_SLOT}} ${{GREENGATE_VERSION}}`,\n  env: {{ LEDGER: '{}' }},\n}})) }};\n",
        tests().join("apps/node-app/server.js").display(),
        folder.join(LEDGER).display(),
    );
    std::fs::write(folder.join("ecosystem.config.js"), ecosystem).unwrap();
    let broken = "console.error('cannot reach the database'); process.exit(1);\n";
    std::fs::write(folder.join("broken.js"), broken).unwrap();
    let ((_blue, blue), (_green, green)) = (reserve(), reserve());
    let door = Door::start(&format!(
        "{QUICK}\n[env.prod]\nhost = \"{HOST}\"\nblue = {}\ngreen = {}\nhealth.version = \"json:version\"\n\
         [env.prod.deploy]\npm2 = \"web-{{slot}}\"\necosystem = \"ecosystem.config.js\"\nbefore = \"pm2 save --force\"\ncwd = \"{}\"\n",
        blue.port(),
        green.port(),
        folder.display(),
    ))
    .await;
    let deploy = async |version: &str, _: &str| {
        let mut command = door.command(&["deploy", "prod", "--version", version]);
        run({
            command.envs(pm2.environment());
            command
        })
        .await
    };
    let online = async || pm2.online().await;
    let deployments = deploy_under_load(door.target(HOST), folder, count(3, 30), deploy, online).await;
    assert_journal(
        &journal(&door.proxyctl(&HISTORY).await.stdout),
        "prod",
        deployments,
        &[Stage::Start, Stage::Before, Stage::Stop],
    );

    // What would run is shown, and nothing else: the idle side's process is there from before.
    let idle = format!("web-{}", ["green", "blue"][deployments % 2]);
    let mut command = door.command(&["deploy", "prod", "--version", "next", "--dry-run"]);
    command.envs(pm2.environment());
    let shown = run(command).await;
    shown.assert_code(0).assert_says(&[&format!("pm2 delete {idle}")]);
    pm2.run(&["delete", &idle]).await;
    let mut command = door.command(&["deploy", "prod", "--version", "next", "--dry-run"]);
    command.envs(pm2.environment());
    let shown = run(command).await;
    assert!(!shown.all().contains("pm2 delete"), "{shown:#?}");

    // A candidate that ends at once: its log is shown, it is stopped, and nothing has changed.
    let before = (door.unmoved("prod").await, pm2.online().await);
    let mut command = door.command(&["deploy", "prod", "--version", "broken", "--deadline", "1s"]);
    command.envs(pm2.environment());
    let refused = run(command).await;
    refused.assert_code(4).assert_says(&["cannot reach the database"]);
    assert_eq!(before, (door.unmoved("prod").await, pm2.online().await));
    pm2.end().await;
}
