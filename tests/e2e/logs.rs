//! `proxyctl logs` and `/v1/logs`: the newest requests and those that come, out of the daemon's memory; and `/v1/requests`, those that
//! failed or took long.

use greengate::cli::client::Client;
use greengate::model::api::{Blame, Requests, exit};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

use crate::common::app::App;
use crate::common::door::Door;
use crate::common::fixture::{PLAIN, Pair};
use crate::common::printed::Printed;
use crate::common::{eventually, holds, secs};

/// A `proxyctl logs -f` that runs.
fn follow(door: &Door, args: &[&str]) -> Printed {
    Printed::start(door, &[&["logs", "-f"], args].concat())
}

/// What `proxyctl logs --json ARGS` prints, once that are so many lines.
async fn logged(door: &Door, args: &[&str], wanted: usize) -> Vec<Value> {
    eventually(secs(20), || async {
        let output = door.proxyctl(&[&["logs", "--json"], args].concat()).await;
        output.assert_code(exit::DONE);
        let lines: Vec<Value> = output
            .stdout
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        holds(lines.len() == wanted, || format!("not {wanted} lines: {lines:#?}")).map(|()| lines)
    })
    .await
}

fn paths(lines: &[Value]) -> Vec<&str> {
    lines.iter().map(|line| line["path"].as_str().unwrap()).collect()
}

async fn followers(door: &Door, wanted: u64) {
    eventually(secs(20), || async {
        let logs = door.status().await.logs;
        holds(logs.followers == wanted, || format!("not {wanted}: {logs:?}"))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_lines_are_there_and_the_daemon_picks_those_that_are_asked_for() {
    // Whatever the log's own format is: the fields are all there.
    let pair = Pair::plain_with("access_log_format = \"combined\"", "").await;
    let app = App::start("quiet", "v1").await;
    let quiet = format!(
        "\n[env.quiet]\nhost = \"quiet.test\"\nupstream = \"{}\"\nlog = false\n",
        app.address()
    );
    pair.door.rewrite(|text| format!("{text}{quiet}"));
    pair.door.reload(&[]).await.assert_code(exit::DONE);
    let mut client = pair.door.plain().await;
    for path in ["/echo?a=1", "/status/500", "/status/404", "/api/x"] {
        client.get(PLAIN, path).await.unwrap();
    }
    client.get("quiet.test", "/status/500").await.unwrap();
    client.get("nowhere.test", "/unknown").await.unwrap();
    let door = &pair.door;
    let all = logged(door, &[], 5).await;
    assert!(paths(&all).contains(&"/unknown"), "{all:#?}");
    assert_eq!(all[0].as_object().unwrap().len(), 23, "every field: {}", all[0]);
    let lines = logged(door, &["prod", "--status", "5xx"], 1).await;
    assert_eq!(
        (paths(&lines), &lines[0]["slot"]),
        (vec!["/status/500"], &"blue".into())
    );
    assert_eq!(
        paths(&logged(door, &["--status", "404-500", "-n", "1"], 1).await).len(),
        1
    );
    assert_eq!(paths(&logged(door, &["--fault", "app"], 1).await), ["/status/500"]);
    assert_eq!(paths(&logged(door, &["--fault", "client"], 1).await), ["/unknown"]);
    assert_eq!(logged(door, &["--path", "/api"], 1).await.len(), 1);
    logged(door, &["--slower", "1h"], 0).await;
    logged(door, &["-n", "0"], 0).await;
    logged(door, &["quiet"], 0).await;
    logged(door, &["prod", "--service", "prod"], 4).await;

    let shown = door.proxyctl(&["logs", "prod", "--fault", "app"]).await;
    shown.assert_code(exit::DONE);
    let line = shown.stdout.trim_end();
    assert!(line.contains(" ✗ 500 GET  ") && line.contains("blue"), "{line}");
    assert!(line.ends_with(" app.test/status/500  app: answered 500"), "{line}");
    let hostile = door.proxyctl(&["logs", "--path", "/api"]).await;
    assert!(!hostile.stdout.contains('\u{1b}'), "{hostile:?}");

    door.proxyctl(&["logs", "prd"])
        .await
        .assert_code(exit::USAGE)
        .assert_says(&["did you mean `prod`?"]);
    door.proxyctl(&["logs", "prod", "--service", "web"])
        .await
        .assert_code(exit::USAGE)
        .assert_says(&["there is no service `web`"]);
    for wrong in [["--status", "9xx"], ["--fault", "mine"], ["--slower", "soon"]] {
        door.proxyctl(&["logs", wrong[0], wrong[1]])
            .await
            .assert_code(exit::USAGE);
    }
    let logs = door.status().await.logs;
    assert_eq!((logs.lines, logs.followers, logs.failed), (5, 0, 1), "{logs:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_stays_over_an_upgrade_and_a_restart_and_ends_with_its_reader() {
    let pair = Pair::plain("").await;
    pair.get("/before").await;
    let mut follower = follow(&pair.door, &["prod", "--json"]);
    assert!(follower.line().await.contains("\"/before\""));
    pair.get("/first").await;
    assert!(follower.line().await.contains("\"/first\""));
    pair.door.proxyctl(&["upgrade"]).await.assert_code(exit::DONE);
    pair.get("/upgraded").await;
    assert!(follower.line().await.contains("\"/upgraded\""));
    let pid = pair.door.status().await.pid;
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    eventually(secs(20), || async {
        // It may stay as a zombie, which holds nothing any more.
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
        let gone = stat.map_or(true, |stat| stat.contains(") Z "));
        holds(gone, || "the daemon still runs".into())
    })
    .await;
    pair.door.restart().await;
    pair.get("/restarted").await;
    assert!(follower.line().await.contains("\"/restarted\""));
    follower.stop_reading();
    let ended = async {
        loop {
            pair.get("/after").await;
            if let Some(status) = follower.ended() {
                return status;
            }
        }
    };
    let status = tokio::time::timeout(secs(30), ended).await.expect("it ends");
    assert_eq!(status.code(), Some(0), "nobody reads any more, which is no failure");
    followers(&pair.door, 0).await;
}

/// A follower on a connection of its own, which reads only when it is told to.
async fn silent(door: &Door) -> BufReader<UnixStream> {
    let mut stream = UnixStream::connect(door.socket()).await.unwrap();
    let request = b"GET /v1/logs?limit=0&follow=true HTTP/1.1\r\nHost: g\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut head = [0; 12];
    stream.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 200");
    BufReader::new(stream)
}

#[tokio::test(flavor = "multi_thread")]
async fn followers_that_do_not_read_cost_nobody_anything_and_are_told_what_they_missed() {
    let pair = Pair::plain("").await;
    let mut silent_ones = Vec::new();
    for _ in 0..5 {
        silent_ones.push(silent(&pair.door).await);
    }
    followers(&pair.door, 5).await;
    // Long lines, so that few of them reach the bound.
    let long = "x".repeat(1024);
    let workers = (0..4).map(|_| {
        let (target, long) = (pair.target(), long.clone());
        tokio::spawn(async move {
            let mut client = target.client().await.unwrap();
            let fields = format!("Referer: {long}\r\nUser-Agent: {long}\r\n");
            for _ in 0..900 {
                let answer = client.request("GET", PLAIN, &format!("/{long}"), &fields, b"").await;
                assert_eq!(answer.unwrap().status, 200);
            }
        })
    });
    for worker in workers.collect::<Vec<_>>() {
        worker.await.unwrap();
    }
    let status = eventually(secs(20), || async {
        let status = pair.door.status().await;
        holds(status.logs.lines > 2_000, || format!("{:?}", status.logs)).map(|()| status)
    })
    .await;
    let logs = status.logs;
    assert!(
        logs.bytes <= 8 * 1024 * 1024 && logs.bytes > 7 * 1024 * 1024,
        "{logs:?}"
    );
    assert!(logs.lines < 3_600, "the bound was reached: {logs:?}");
    assert_eq!((logs.followers, status.dropped_log_lines), (5, 0));
    // One of them reads at last.
    let mut reader = silent_ones.pop().unwrap();
    let (mut seen, mut dropped, mut left_out) = (0_u64, 0, 0);
    while seen + dropped < 3_600 {
        let mut line = String::new();
        let read = tokio::time::timeout(secs(30), reader.read_line(&mut line)).await;
        assert!(
            read.expect("a line in time").unwrap() > 0,
            "{seen} lines, {dropped} dropped"
        );
        if line.starts_with("{\"dropped\":") {
            let told: Value = serde_json::from_str(&line).unwrap();
            dropped += told["dropped"].as_u64().unwrap();
            left_out += 1;
        } else if line.starts_with("{\"time\":") {
            seen += 1;
        }
    }
    assert_eq!(seen + dropped, 3_600);
    assert!(dropped > 500 && left_out >= 1, "{dropped} in {left_out} pieces");
    drop(reader);
    // There is an end to how many may follow.
    followers(&pair.door, 4).await;
    for _ in 4..16 {
        silent_ones.push(silent(&pair.door).await);
    }
    pair.door
        .proxyctl(&["logs"])
        .await
        .assert_code(exit::FAILED)
        .assert_says(&["as many as may read the log already do"]);
    drop(silent_ones);
    followers(&pair.door, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_fail_and_the_slowest_are_remembered() {
    let pair = Pair::plain("").await;
    pair.get("/echo").await;
    pair.get("/slow?ms=300").await;
    pair.get("/status/503?token=secret").await;
    pair.get("/status/404").await;
    let client = Client::new(pair.door.socket());
    let requests: Requests = eventually(secs(20), || async {
        let requests: Requests = client.get("/v1/requests?env=prod&limit=10").await.unwrap();
        let all = requests.failed.len() == 1 && requests.slowest.len() == 4;
        holds(all, || format!("{requests:#?}")).map(|()| requests)
    })
    .await;
    let failed = &requests.failed[0];
    assert_eq!((failed.path.as_str(), failed.status), ("/status/503", 503));
    assert_eq!((failed.fault, failed.slot.as_str()), (Some(Blame::App), "blue"));
    assert_eq!(failed.request_id.len(), 16, "{failed:?}");
    assert!(requests.slowest.is_sorted_by(|a, b| a.waited_us() >= b.waited_us()));
    assert_eq!(requests.slowest[0].path, "/slow");
    let nothing: Requests = client.get("/v1/requests?env=dev").await.unwrap();
    assert_eq!(nothing, Requests::default());
}
