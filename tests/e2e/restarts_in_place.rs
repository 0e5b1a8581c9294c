//! Apps that are restarted where they run, under load and with nothing configured: no GET fails (N12).

use crate::common::door::{Door, QUICK};
use crate::common::fixture::HOST;
use crate::common::load::{Kind, Load, Target};
use crate::common::place::{Place, Runtime, accepts, python, tests};
use crate::common::port::reserve;
use crate::common::process::Process;
use crate::common::{count, eventually, holds, secs};

/// What may be asked twice, and is answered in one piece.
const GETS: [(Kind, usize); 3] = [(Kind::Get, 6), (Kind::Fresh, 3), (Kind::Slow, 4)];
fn config(address: std::net::SocketAddr) -> String {
    format!("{QUICK}[env.prod]\nhost = \"{HOST}\"\nupstream = \"{address}\"\n")
}

/// A request that three apps in a row die of is not sent to a fourth (N11): nobody still waits since the restart before the last.
async fn between_restarts(load: &Load) {
    load.each_once_more().await;
    load.more_of(Kind::Slow, 4).await;
}

async fn restarts_under_load(runtime: Runtime, rounds: usize) {
    let mut place = Place::new("only", runtime);
    place.start("v0").await;
    let door = Door::start(&config(place.address)).await;
    let load = Load::start(door.target(HOST), &GETS).await;
    for round in 1..=rounds {
        between_restarts(&load).await;
        place.stop().await;
        place.launch(&format!("v{round}"));
    }
    load.more(50).await;
    let tally = load.stop().await;
    eprintln!(
        "{runtime:?}: {rounds} restarts in place, {} GETs, slowest {:?}",
        tally.total(),
        tally.slowest
    );
    tally.assert_no_failures();
    let traffic = door.environment("prod").await.services[0].traffic;
    assert_eq!((traffic.app_errors, traffic.proxy_errors), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn n12_node_is_restarted_in_place_and_no_get_fails() {
    restarts_under_load(Runtime::Node, count(3, 20)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn n12_uvicorn_is_restarted_in_place_and_no_get_fails() {
    restarts_under_load(Runtime::Uvicorn, count(3, 20)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn n12_node_is_killed_with_9_and_no_get_fails() {
    let mut place = Place::new("only", Runtime::Node);
    place.start("v0").await;
    let door = Door::start(&config(place.address)).await;
    let load = Load::start(door.target(HOST), &GETS).await;
    for round in 1..=count(3, 20) {
        between_restarts(&load).await;
        place.kill9();
        place.launch(&format!("v{round}"));
    }
    load.more(50).await;
    load.stop().await.assert_no_failures();
}

#[tokio::test(flavor = "multi_thread")]
async fn n12_uvicorn_reloads_a_project_that_is_edited_and_no_get_fails() {
    let project = tempfile::tempdir().unwrap();
    let edit = |version: &str| {
        std::fs::write(project.path().join("version.py"), format!("VERSION = \"{version}\"\n")).unwrap();
    };
    std::fs::copy(tests().join("apps/reloading/main.py"), project.path().join("main.py")).unwrap();
    edit("v0");
    let (_port, address) = reserve();
    let mut command = python();
    command
        .args([
            "-m",
            "uvicorn",
            "main:app",
            "--reload",
            "--log-level",
            "warning",
            "--port",
        ])
        .arg(address.port().to_string())
        .current_dir(project.path());
    let process = Process::spawn("uvicorn --reload", command);
    accepts(address, &process).await;
    let door = Door::start(&config(address)).await;
    let target: Target = door.target(HOST);
    let load = Load::start(target.clone(), &GETS).await;
    for round in 1..=count(3, 20) {
        let version = format!("v{round}");
        between_restarts(&load).await;
        edit(&version);
        eventually(secs(60), || async {
            let mut client = target.client().await.map_err(|broken| broken.to_string())?;
            let answer = client.get(HOST, "/which").await.map_err(|broken| broken.to_string())?;
            holds(answer.version() == version, || format!("still {}", answer.text()))
        })
        .await;
    }
    let tally = load.stop().await;
    eprintln!("uvicorn --reload: {} GETs, slowest {:?}", tally.total(), tally.slowest);
    tally.assert_no_failures();
    // The reloader ends its worker only when it is asked to.
    process.term();
    process.end(secs(60)).await;
}
