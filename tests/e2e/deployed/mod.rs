//! Deployments by every preset, with the tools themselves and under load: systemd, PM2, Docker, compose, and plain commands. No request
//! fails, no POST is seen twice, nothing is left running but the side that serves, and the journal knows every command.

mod docker;
mod plain;
mod pm2;
mod systemd;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use greengate::model::api::{DeployOutcome, DeployStep, Event, Stage};
use greengate::model::history::{Entry, Record};

use crate::common::client::Client;
use crate::common::load::{Load, MIXED, Target};
use crate::common::operation::Output;
use crate::common::{eventually, holds, secs};

/// A file in the folder of a test into which Node's app writes the ids of the POSTs that it sees.
const LEDGER: &str = "ledger";

/// Deploys so often under load: first to green, where nothing runs on either side, and then to and fro. `running` says which sides
/// run.
async fn deploy_under_load(
    target: Target,
    folder: &Path,
    rounds: usize,
    deploy: impl AsyncFn(&str, &str) -> Output,
    running: impl AsyncFn() -> BTreeSet<&'static str>,
) -> usize {
    deploy("v1", "green").await.assert_code(0);
    go_on_under_load(target, folder, rounds, deploy, running).await
}

/// The same where green serves `v1` already.
async fn go_on_under_load(
    target: Target,
    folder: &Path,
    rounds: usize,
    deploy: impl AsyncFn(&str, &str) -> Output,
    running: impl AsyncFn() -> BTreeSet<&'static str>,
) -> usize {
    let load = Load::start(target.clone(), &MIXED).await;
    for round in 0..rounds {
        load.more(40).await;
        let version = format!("v{}", round + 2);
        let side = ["blue", "green"][round % 2];
        deploy(&version, side).await.assert_code(0);
        // A stop says that a process shall end, and not always that it has.
        eventually(secs(60), || async {
            let running = running().await;
            holds(running == BTreeSet::from([side]), || {
                format!("{side} serves, and {running:?} run")
            })
        })
        .await;
        let answer = get(&target).await;
        assert!(answer.starts_with(&format!("{side} {version} ")), "{answer}");
    }
    load.more(40).await;
    let tally = load.stop().await;
    eprintln!(
        "{rounds} deployments: {} good exchanges, slowest {:?}",
        tally.total(),
        tally.slowest
    );
    tally.assert_no_failures();
    assert_no_post_twice(&folder.join(LEDGER));
    // Another load counts its ids from the beginning.
    std::fs::remove_file(folder.join(LEDGER)).expect("the ledger can be removed");
    rounds + 1
}

async fn get(target: &Target) -> String {
    let mut client: Client = target.client().await.expect("the door accepts");
    client.get(&target.host, "/who").await.expect("an answer").text()
}

fn assert_no_post_twice(ledger: &Path) {
    let text = std::fs::read_to_string(ledger).expect("the app writes a ledger");
    let mut seen = BTreeSet::new();
    let twice: Vec<&str> = text.lines().filter(|id| !seen.insert(*id)).collect();
    assert!(
        twice.is_empty() && !seen.is_empty(),
        "of {} POSTs, twice: {twice:?}",
        seen.len()
    );
}

/// All that the journal knows, as `proxyctl` is asked for it.
const HISTORY: [&str; 4] = ["history", "--limit", "10000", "--json"];

fn journal(lines: &str) -> Vec<Entry> {
    let entries = lines.lines().map(serde_json::from_str);
    entries
        .collect::<Result<_, _>>()
        .expect("`history --json` prints entries")
}

/// Each of so many deployments of an environment is in the journal with every command, all of which ended with 0. Where the first one
/// finds that there is nothing to stop, it stops nothing.
fn assert_journal(journal: &[Entry], environment: &str, deployments: usize, stages: &[Stage]) {
    let mut commands: BTreeMap<u64, Vec<Stage>> = BTreeMap::new();
    let mut done = BTreeSet::new();
    for entry in journal
        .iter()
        .filter(|entry| entry.environment.as_deref() == Some(environment))
    {
        let (Some(operation), Record::Step { event }) = (entry.operation, &entry.record) else {
            continue;
        };
        match &**event {
            Event::Deploy(DeployStep::CommandEnded(ended)) => {
                assert_eq!(ended.exit, Some(0), "{ended:?}");
                commands.entry(operation).or_default().push(ended.step);
            }
            Event::Deploy(DeployStep::Released { outcome, reason }) => {
                assert_eq!((*outcome, reason), (DeployOutcome::Done, &None));
                assert!(done.insert(operation), "{operation} ended twice");
            }
            _ => {}
        }
    }
    assert_eq!(done.len(), deployments, "{done:?}");
    let first = done.first().copied();
    for operation in done {
        let mut ran = commands.remove(&operation).unwrap_or_default();
        ran.dedup();
        let stops = first != Some(operation) || ran.contains(&Stage::Stop);
        let expected: Vec<Stage> = stages
            .iter()
            .copied()
            .filter(|stage| stops || *stage != Stage::Stop)
            .collect();
        assert_eq!(ran, expected, "deployment {operation}");
    }
}
