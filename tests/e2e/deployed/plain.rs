//! Commands that the file writes out: a process that is put into the background, and a migration of a database of SQLite.

use std::collections::BTreeSet;

use greengate::model::api::Stage;

use super::{HISTORY, LEDGER, assert_journal, deploy_under_load, journal};
use crate::common::count;
use crate::common::door::{Door, QUICK};
use crate::common::fixture::HOST;
use crate::common::operation::run;
use crate::common::place::{python, tests};
use crate::common::port::reserve;

/// Notes which version has migrated the database. A second run for one version fails.
const MIGRATE: &str = "import os, sqlite3\n\
                       with sqlite3.connect('app.db') as db:\n\
                       \x20   db.execute('CREATE TABLE IF NOT EXISTS migrations (version TEXT PRIMARY KEY, slot TEXT, port TEXT)')\n\
                       \x20   values = [os.environ[name] for name in ('GREENGATE_VERSION', 'GREENGATE_SLOT', 'PORT')]\n\
                       \x20   db.execute('INSERT INTO migrations VALUES (?, ?, ?)', values)\n";

const START: &str = "#!/bin/sh\nsetsid node SERVER $1 $GREENGATE_SLOT $2 </dev/null >>$GREENGATE_SLOT.log 2>&1 &\necho $! >$GREENGATE_SLOT.pid\n";

const STOP: &str = "#!/bin/sh\n[ ! -e $1.pid ] || { kill $(cat $1.pid); rm $1.pid; }\n";

#[tokio::test(flavor = "multi_thread")]
async fn commands_deploy_under_load() {
    let place = tempfile::Builder::new().prefix("gg-").tempdir().unwrap();
    let folder = place.path();
    let put = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
    let server = tests().join("apps/node-app/server.js");
    put("start", &START.replace("SERVER", &server.display().to_string()));
    put("stop", STOP);
    put("migrate.py", MIGRATE);
    let ((_blue, blue), (_green, green)) = (reserve(), reserve());
    let door = Door::start(&format!(
        "{QUICK}\n[env.prod]\nhost = \"{HOST}\"\nblue = {}\ngreen = {}\nhealth.version = \"json:version\"\n\
         [env.prod.deploy]\nstart = \"sh ./start {{port}} {{version}}\"\nstop = \"sh ./stop {{slot}}\"\n\
         before = \"{} migrate.py\"\nafter = \"test -e {{slot}}.pid\"\ncwd = \"{}\"\n",
        blue.port(),
        green.port(),
        python().get_program().to_string_lossy(),
        folder.display(),
    ))
    .await;
    let deploy = async |version: &str, _: &str| {
        let mut command = door.command(&["deploy", "prod", "--version", version]);
        command.env("LEDGER", folder.join(LEDGER));
        run(command).await
    };
    let running = async || {
        let processes: Vec<String> = std::fs::read_dir("/proc")
            .unwrap()
            .filter_map(|entry| std::fs::read_to_string(entry.ok()?.path().join("cmdline")).ok())
            .collect();
        let runs = |port: u16| {
            processes
                .iter()
                .any(|words| words.contains(&format!("server.js\0{port}\0")))
        };
        let sides = [("blue", blue.port()), ("green", green.port())];
        let running: BTreeSet<&'static str> = sides
            .into_iter()
            .filter(|(_, port)| runs(*port))
            .map(|(side, _)| side)
            .collect();
        running
    };
    let deployments = deploy_under_load(door.target(HOST), folder, count(3, 30), deploy, running).await;
    let stages = [Stage::Start, Stage::Before, Stage::Stop, Stage::After];
    assert_journal(
        &journal(&door.proxyctl(&HISTORY).await.stdout),
        "prod",
        deployments,
        &stages,
    );
    let mut migrated = python();
    migrated.current_dir(folder).args([
        "-c",
        "import sqlite3; print(sqlite3.connect('app.db').execute('SELECT count(*) FROM migrations').fetchone()[0])",
    ]);
    let counted = run(migrated.into()).await;
    assert_eq!(counted.stdout.trim(), deployments.to_string());
    for side in ["blue", "green"] {
        let stop = run({
            let mut stop = tokio::process::Command::new("sh");
            stop.args(["./stop", side]).current_dir(folder);
            stop
        });
        stop.await.assert_code(0);
    }
}
