//! Commands that the file writes out: processes of Node and of FastAPI that are put into the background, and migrations of a database of
//! SQLite.

use std::collections::BTreeSet;
use std::path::Path;

use greengate::model::api::Stage;
use socket2::Socket;
use tempfile::TempDir;

use super::{HISTORY, LEDGER, assert_journal, deploy_under_load, go_on_under_load, journal};
use crate::common::count;
use crate::common::door::{Door, QUICK};
use crate::common::fixture::HOST;
use crate::common::load::Target;
use crate::common::notes::Notes;
use crate::common::operation::{Output, run};
use crate::common::place::{python, tests};
use crate::common::port::reserve;

/// Notes which version has migrated the database. A second run for one version fails.
const MIGRATE: &str = "import os, sqlite3\n\
                       with sqlite3.connect('app.db') as db:\n\
                       \x20   db.execute('CREATE TABLE IF NOT EXISTS migrations (version TEXT PRIMARY KEY, slot TEXT, port TEXT)')\n\
                       \x20   values = [os.environ[name] for name in ('GREENGATE_VERSION', 'GREENGATE_SLOT', 'PORT')]\n\
                       \x20   db.execute('INSERT INTO migrations VALUES (?, ?, ?)', values)\n";

const START: &str = "#!/bin/sh\nsetsid APP $1 $GREENGATE_SLOT $2 </dev/null >>$GREENGATE_SLOT.log 2>&1 &\necho $! >$GREENGATE_SLOT.pid\n";

const STOP: &str = "#!/bin/sh\n[ ! -e $1.pid ] || { kill $(cat $1.pid); rm $1.pid; }\n";

/// Two sides that scripts start and stop, and the door in front of them.
struct Yard {
    door: Door,
    folder: TempDir,
    /// The words of a process of the app before its port.
    app: String,
    sides: [(&'static str, u16); 2],
    _ports: [Socket; 2],
}

impl Yard {
    /// For an app of `tests/apps` and the program that runs it, with a migration by Python.
    async fn new(program: &str, app: &str, migrate: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("gg-").tempdir().unwrap();
        let app = tests().join("apps").join(app).display().to_string();
        let put = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        put("start", &START.replace("APP", &format!("{program} {app}")));
        put("stop", STOP);
        put("migrate.py", MIGRATE);
        let ((one, blue), (other, green)) = (reserve(), reserve());
        let door = Door::start(&format!(
            "{QUICK}\n[env.prod]\nhost = \"{HOST}\"\nblue = {}\ngreen = {}\nhealth.version = \"json:version\"\n\
             [env.prod.deploy]\nstart = \"sh ./start {{port}} {{version}}\"\nstop = \"sh ./stop {{slot}}\"\n\
             before = \"{} {migrate}\"\nafter = \"test -e {{slot}}.pid\"\ncwd = \"{}\"\n",
            blue.port(),
            green.port(),
            python().get_program().to_string_lossy(),
            folder.path().display(),
        ))
        .await;
        Self {
            door,
            folder,
            app,
            sides: [("blue", blue.port()), ("green", green.port())],
            _ports: [one, other],
        }
    }

    fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn target(&self) -> Target {
        self.door.target(HOST)
    }

    async fn deploy(&self, version: &str) -> Output {
        let mut command = self.door.command(&["deploy", "prod", "--version", version]);
        command
            .env("LEDGER", self.folder().join(LEDGER))
            .env("DATABASE", self.folder().join("app.db"))
            .env("PATIENCE", "10");
        run(command).await
    }

    /// The sides whose process runs.
    fn running(&self) -> BTreeSet<&'static str> {
        let processes: Vec<String> = std::fs::read_dir("/proc")
            .unwrap()
            .filter_map(|entry| std::fs::read_to_string(entry.ok()?.path().join("cmdline")).ok())
            .collect();
        let runs = |port: u16| {
            let words = format!("{}\0{port}\0", self.app);
            processes.iter().any(|process| process.contains(&words))
        };
        let running = self.sides.into_iter().filter(|(_, port)| runs(*port));
        running.map(|(side, _)| side).collect()
    }

    /// What the database says, in one word.
    async fn says(&self, query: &str) -> String {
        let mut asked = python();
        let script = "import sqlite3, sys; print(sqlite3.connect('app.db').execute(sys.argv[1]).fetchone()[0])";
        asked.current_dir(self.folder()).args(["-c", script, query]);
        run(asked.into()).await.stdout.trim().to_owned()
    }

    /// Every deployment is in the journal; nothing runs after it.
    async fn end(self, deployments: usize) {
        let stages = [Stage::Start, Stage::Before, Stage::Stop, Stage::After];
        let history = self.door.proxyctl(&HISTORY).await;
        assert_journal(&journal(&history.stdout), "prod", deployments, &stages);
    }
}

impl Drop for Yard {
    fn drop(&mut self) {
        for (side, _) in self.sides {
            let mut stop = std::process::Command::new("sh");
            drop(stop.args(["./stop", side]).current_dir(self.folder()).status());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_deploy_under_load() {
    let yard = Yard::new("node", "node-app/server.js", "migrate.py").await;
    let deploy = async |version: &str, _: &str| yard.deploy(version).await;
    let running = async || yard.running();
    let deployments = deploy_under_load(yard.target(), yard.folder(), count(3, 30), deploy, running).await;
    let migrated = yard.says("SELECT count(*) FROM migrations").await;
    assert_eq!(migrated, deployments.to_string());
    yard.end(deployments).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn n34_a_database_is_migrated_under_readers_and_writers_once_in_each_deployment() {
    let migrate = tests().join("apps/migrate_notes.py");
    let python = python().get_program().to_string_lossy().into_owned();
    let migrate = format!("{} app.db added_{{version}}", migrate.display());
    let yard = Yard::new(&python, "fastapi_app.py", &migrate).await;
    let deploy = async |version: &str, _: &str| yard.deploy(version).await;
    deploy("v1", "green").await.assert_code(0);
    let notes = Notes::start(&yard.target(), 1, 2);
    let running = async || yard.running();
    let deployments = go_on_under_load(yard.target(), yard.folder(), count(2, 30), deploy, running).await;
    let written = notes.stop().await;
    eprintln!("{written} notes were written");
    let columns = yard.says("SELECT count(*) FROM pragma_table_info('notes')").await;
    assert_eq!(columns, (1 + deployments).to_string());
    // What was written before a migration has its column filled in, and what was written behind it has not.
    let halves = "SELECT count(*) > count(added_v2) AND count(added_v2) > 0 FROM notes";
    assert_eq!(yard.says(halves).await, "1");
    yard.end(deployments).await;
}
