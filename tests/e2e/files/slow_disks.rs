//! A disk that hangs holds up the folder that lies on it, and nobody else.

use std::time::Duration;

use tokio::time::Instant;

use super::fuse::{Disk, HANGS, LENGTH, STALLS};
use crate::common::app::App;
use crate::common::client::Client;
use crate::common::door::{Door, QUICK_PLAIN};
use crate::common::{eventually, holds, secs};

const SLOW: &str = "slow.test";
const FAST: &str = "fast.test";
const APP: &str = "app.test";
/// Requests that may wait for one folder, and threads that look into it.
const PLACES: usize = 256 + 4;

/// A door in front of a folder on a disk that may hang, one on a disk that does not, and an app.
struct Neighbours {
    // Before `door`: a process that waits for such a disk cannot even be killed.
    disk: Disk,
    door: Door,
    _fast: tempfile::TempDir,
    _app: App,
}

impl Neighbours {
    async fn start() -> Self {
        let disk = Disk::mount();
        let fast = tempfile::tempdir().unwrap();
        std::fs::write(fast.path().join("a.txt"), "fast").unwrap();
        let app = App::start("app", "v1").await;
        let config = format!(
            "{QUICK_PLAIN}\n[env.slow]\nhost = \"{SLOW}\"\nupstream = \"files:{}\"\ntimeout.response = \"5s\"\n\
             timeout.idle = \"4s\"\nhealth.path = \"/health.txt\"\n[env.fast]\nhost = \"{FAST}\"\nupstream = \"files:{}\"\n\
             [env.app]\nhost = \"{APP}\"\nupstream = \"{}\"\n",
            disk.path().display(),
            fast.path().display(),
            app.address()
        );
        let door = Door::start(&config).await;
        Self {
            disk,
            door,
            _fast: fast,
            _app: app,
        }
    }

    /// How long the slowest of some requests to the neighbours takes.
    async fn slowest_neighbour(&self) -> Duration {
        let mut client = self.door.plain().await;
        let mut slowest = Duration::ZERO;
        for _ in 0..40 {
            for (host, target) in [(APP, "/hello"), (FAST, "/a.txt"), (FAST, "/none")] {
                let began = Instant::now();
                let answer = client.get(host, target).await.unwrap();
                assert_eq!(
                    answer.status,
                    if target == "/none" { 404 } else { 200 },
                    "{host}{target}"
                );
                slowest = slowest.max(began.elapsed());
            }
        }
        slowest
    }

    /// Waits until so many requests to the slow folder are in flight.
    async fn in_flight(&self, wanted: usize) {
        eventually(secs(10), || async {
            let status = self.door.environment("slow").await;
            let requests: u64 = status.services.iter().map(|service| service.requests).sum();
            holds(requests == wanted as u64, || format!("{requests} are in flight"))
        })
        .await;
    }

    async fn ask(&self, target: &str) -> Client {
        let mut client = self.door.plain().await;
        client
            .send(format!("GET {target} HTTP/1.1\r\nHost: {SLOW}\r\n\r\n"))
            .await
            .unwrap();
        client
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_hangs_holds_up_its_own_folder_alone() {
    let all = Neighbours::start().await;
    let mut client = all.door.plain().await;
    let whole = client.get(SLOW, "/well.bin").await.unwrap();
    assert_eq!((whole.status, whole.body.len() as u64), (200, LENGTH));

    // As many as may wait, and some more, which are told at once.
    let mut waiting = Vec::new();
    for n in 0..PLACES + 40 {
        waiting.push(all.ask(&format!("/{HANGS}-{n}.txt")).await);
    }
    eventually(secs(10), || async {
        let hanging = all.disk.unanswered();
        holds(hanging >= 4, || format!("{hanging} hang"))
    })
    .await;
    let slowest = all.slowest_neighbour().await;
    assert!(slowest < secs(8), "a neighbour waited {slowest:?}");
    assert_eq!(all.disk.unanswered(), 4, "a folder has four threads");
    let mut answers = [0, 0];
    for mut client in waiting {
        match client.response("GET").await.unwrap().status {
            503 => answers[0] += 1,
            504 => answers[1] += 1,
            other => panic!("{other}"),
        }
    }
    assert!(answers[0] >= 40 && answers[1] >= 200, "{answers:?}");
    let line = &all.door.logged("\"status\":503", answers[0]).await[0];
    assert_eq!(line["termination"], "app: folder too slow");
    let line = &all.door.logged("\"status\":504", answers[1]).await[0];
    assert_eq!(line["termination"], "app: timed out");
    assert!(all.slowest_neighbour().await < secs(8));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_read_on_is_cut_when_its_time_is_over() {
    let all = Neighbours::start().await;
    let mut stalled = Vec::new();
    // Each keeps one thread of the folder.
    for n in 0..3 {
        stalled.push(all.ask(&format!("/{STALLS}-{n}.bin")).await);
    }
    let began = Instant::now();
    assert!(all.slowest_neighbour().await < secs(8));
    for mut client in stalled {
        assert_eq!(client.head().await.unwrap().0, 200);
        assert!(client.until_end().await.map_or(true, |rest| rest.is_empty()));
    }
    assert!(began.elapsed() < secs(16), "{:?}", began.elapsed());
    let lines = all.door.logged(STALLS, 3).await;
    for line in lines {
        assert_eq!(line["termination"], "app: stopped sending", "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_a_folder_that_hangs_is_forgotten() {
    let all = Neighbours::start().await;
    let mut clients = Vec::new();
    for n in 0..PLACES / 2 {
        clients.push(all.ask(&format!("/{HANGS}-{n}.txt")).await);
    }
    all.in_flight(PLACES / 2).await;
    drop(clients);
    all.in_flight(0).await;
}

/// Asked for its health, a folder that hangs costs its gate the time of a probe, and the control side nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_gate_before_a_disk_that_hangs_is_refused_in_its_time_and_holds_no_other_operation_up() {
    let disk = Disk::mount();
    let live = tempfile::tempdir().unwrap();
    std::fs::write(live.path().join("index.html"), "live").unwrap();
    let apps = [App::start("blue", "v1").await, App::start("green", "v2").await];
    let door = Door::start(&format!(
        "{QUICK_PLAIN}\n[env.site]\nhost = \"{SLOW}\"\nblue = \"files:{}\"\ngreen = \"files:{}\"\nhealth.path = \"/{HANGS}.html\"\n\
         health.timeout = \"300ms\"\n[env.app]\nhost = \"{APP}\"\nblue = \"{}\"\ngreen = \"{}\"\n",
        live.path().display(),
        disk.path().display(),
        apps[0].address(),
        apps[1].address(),
    ))
    .await;
    // The disk goes first: a process that waits for it cannot even be killed.
    let all = (disk, door);
    let (disk, door) = (&all.0, &all.1);
    let gate = door.proxyctl(&["swap", "site", "--deadline", "5s"]);
    let others = async {
        eventually(secs(10), || async {
            holds(disk.unanswered() > 0, || "nothing hangs yet".to_owned())
        })
        .await;
        door.swap("app", &[]).await.assert_done();
        let answer = door.plain().await.get(SLOW, "/").await.unwrap();
        assert_eq!((answer.status, answer.text().as_str()), (200, "live"));
        assert!(
            door.environment("site").await.operation.is_some(),
            "the gate is still asked"
        );
    };
    let (refused, ()) = tokio::join!(gate, others);
    refused.assert_code(4).assert_says(&["no answer within 300 ms"]);
}
