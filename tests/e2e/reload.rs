//! A reload is a diff: it publishes one new snapshot, or nothing and all errors at once; what did not change does not notice (N29).

use crate::common::app::{App, Health, Step, send};
use crate::common::door::{Door, QUICK, environment};
use crate::common::fixture::{HOST, Pair};
use crate::common::load::{Kind, Load, MIXED, open_web_socket};
use crate::common::socket::echo;
use crate::common::{count, eventually, holds, ms, secs};
use greengate::model::api::{Change, ChangeKind, CommonStep, Event, ReloadStep, exit};
use greengate::model::history::Record;

const OTHER: &str = "other.localhost";

fn changes(events: &[Event]) -> Vec<Change> {
    let found = events.iter().find_map(|event| match event {
        Event::Reload(ReloadStep::Reloading { changes, .. }) => Some(changes.clone()),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("no `reloading` among {events:#?}"))
}

fn reloaded(events: &[Event]) -> usize {
    match events.last() {
        Some(Event::Reload(ReloadStep::Reloaded { changes, .. })) => *changes,
        other => panic!("the last event is not `reloaded` but {other:?}"),
    }
}

/// `GET /who` at a host; the app's name, or the status.
async fn who(door: &Door, host: &str) -> String {
    let mut client = match door.tls(host).await {
        Ok(client) => client,
        Err(broken) => return broken.to_string(),
    };
    let answer = client.get(host, "/who").await.expect("an answer");
    if answer.status == 200 {
        answer.app().to_owned()
    } else {
        answer.status.to_string()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn n29_a_file_that_says_the_same_publishes_nothing() {
    let pair = Pair::tls("").await;
    let before = pair.door.unmoved("prod").await;
    let finished = pair.door.reload(&[]).await;
    finished.assert_code(exit::DONE);
    assert!(changes(&finished.events).is_empty());
    pair.door.rewrite(|text| format!("# a word\n{text}"));
    assert!(pair.door.status().await.configuration.unwrap().differs.is_some());
    assert_eq!(reloaded(&pair.door.reload(&[]).await.events), 0);
    assert_eq!(pair.door.status().await.configuration.unwrap().differs, None);
    assert_eq!(pair.door.unmoved("prod").await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn n29_a_broken_file_changes_nothing_and_every_error_is_said_at_once() {
    let pair = Pair::tls("").await;
    let before = pair.door.unmoved("prod").await;
    let good = std::fs::read_to_string(pair.door.config()).unwrap();
    pair.door
        .rewrite(|text| format!("{text}grene = 3000\nhealth.timeout = \"soon\"\n"));
    let output = pair.door.proxyctl(&["reload"]).await;
    output
        .assert_code(exit::USAGE)
        .assert_says(&["grene"])
        .assert_says(&["soon"])
        .assert_says(&["2 errors"]);
    pair.door.reload(&[]).await.assert_code(exit::USAGE);
    pair.door.reload(&["--dry-run"]).await.assert_code(exit::USAGE);
    pair.door.rewrite(|_| "\u{0}".to_owned());
    pair.door.reload(&[]).await.assert_code(exit::USAGE);
    std::fs::remove_file(pair.door.config()).unwrap();
    let output = pair.door.proxyctl(&["reload"]).await;
    output.assert_code(exit::USAGE).assert_says(&["cannot read"]);
    let differs = pair.door.status().await.configuration.unwrap().differs;
    assert!(differs.unwrap().contains("cannot be read"));
    assert_eq!(pair.door.unmoved("prod").await, before);
    assert_eq!(pair.serving().await, "blue");
    pair.door.restore(&good);
    assert_eq!(pair.door.status().await.configuration.unwrap().differs, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn n29_other_settings_cut_no_connection_no_websocket_and_no_stream() {
    let pair = Pair::tls("").await;
    let mut socket = open_web_socket(&pair.target(), "/ws").await.unwrap();
    let mut client = pair.door.tls(HOST).await.unwrap();
    let h2 = pair.door.h2(HOST).await.unwrap();
    echo(&mut socket, "before").await;
    assert_eq!(client.get(HOST, "/a").await.unwrap().status, 200);
    let before = pair.door.environment("prod").await;
    pair.door
        .rewrite(|text| format!("{text}label = \"staging\"\ndrain.requests = \"7s\"\n"));
    let finished = pair.door.reload(&[]).await;
    assert_eq!(reloaded(&finished.events), 1);
    let [change] = &changes(&finished.events)[..] else {
        panic!("{finished:?}")
    };
    assert_eq!(
        change.to_string(),
        "prod/prod changed: drain.requests 60 s → 7 s, label staging"
    );
    echo(&mut socket, "after").await;
    let answer = client.get(HOST, "/b").await.unwrap();
    assert_eq!(answer.field("x-environment"), Some("staging"), "{answer:?}");
    assert_eq!(h2.get(HOST, "/c").await.unwrap().status, 200);
    let after = pair.door.environment("prod").await;
    assert_eq!((after.generation, after.since), (before.generation, before.since));
    assert!(after.services[0].traffic.requests >= 3, "the counters went on");
    assert!(after.draining.is_empty());
    // The drain of the next swap is by the new rules, and the WebSocket from before the reload is part of it.
    let mut swap = pair.door.watch(&["swap", "prod"]);
    swap.switched().await;
    echo(&mut socket, "while it drains").await;
    socket.close(None).await.unwrap();
    swap.finish().await.assert_done();
}

#[tokio::test(flavor = "multi_thread")]
async fn n29_environments_come_and_go_and_the_others_do_not_notice() {
    let pair = Pair::tls("").await;
    let other = App::start("other", "v1").await;
    let mut socket = open_web_socket(&pair.target(), "/ws").await.unwrap();
    let base = std::fs::read_to_string(pair.door.config()).unwrap();
    assert_ne!(who(&pair.door, OTHER).await, "other");
    let more = format!(
        "[env.other]\nhost = \"{OTHER}\"\nupstream = \"{}\"\ndrain.streams = \"20s\"\n",
        other.address()
    );
    for (round, go) in ["go-0", "go-1", "go-2"].into_iter().enumerate() {
        pair.door.rewrite(|_| format!("{base}{more}"));
        let finished = pair.door.reload(&[]).await;
        assert_eq!(reloaded(&finished.events), 1, "round {round}");
        assert_eq!(changes(&finished.events)[0].kind, ChangeKind::Added);
        assert_eq!(who(&pair.door, OTHER).await, "other", "round {round}");
        // What was begun is finished, though nothing new is served.
        other.on(
            "/slow-one",
            vec![
                Step::Until(go),
                send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone"),
            ],
        );
        let mut client = pair.door.tls(OTHER).await.unwrap();
        client
            .send(format!("GET /slow-one HTTP/1.1\r\nHost: {OTHER}\r\n\r\n"))
            .await
            .unwrap();
        other.reached("/slow-one").await;
        pair.door.rewrite(|_| base.clone());
        let finished = pair.door.reload(&[]).await;
        assert_eq!(changes(&finished.events)[0].to_string(), "other/other removed");
        assert_eq!(reloaded(&finished.events), 1, "round {round}");
        assert_ne!(who(&pair.door, OTHER).await, "other", "round {round}");
        let status = pair.door.status().await;
        assert_eq!(status.environments.len(), 1);
        assert!(
            status.warnings.iter().any(|it| it.contains("not in the file any more")),
            "{:?}",
            status.warnings
        );
        other.release(go);
        let answer = client.response("GET").await.unwrap();
        assert_eq!((answer.status, answer.text().as_str()), (200, "done"), "round {round}");
    }
    echo(&mut socket, "still here").await;
    let refused = pair.door.proxyctl(&["swap", "other"]).await;
    refused.assert_code(exit::USAGE);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_slots_new_address_is_gated_first_and_refused_whole_if_the_gate_fails() {
    let pair = Pair::tls("health.deadline = \"1s\"\n").await;
    let moved = App::stopped("moved", "v1");
    let before = pair.door.unmoved("prod").await;
    pair.door.replace(&pair.blue.address(), &moved.address());
    // Something harmless in the same file is not reloaded either.
    pair.door.rewrite(|text| format!("{text}label = \"staging\"\n"));
    let finished = pair.door.reload(&[]).await;
    finished.assert_code(exit::REFUSED);
    assert!(finished.refusal().contains(&moved.address()), "{}", finished.refusal());
    assert_eq!(pair.door.unmoved("prod").await, before);
    let answer = pair.get("/").await;
    assert_eq!((answer.app(), answer.field("x-environment")), ("blue", None));
    moved.health(Health::status(503).body("no database"));
    moved.listen().await;
    let output = pair.door.proxyctl(&["reload"]).await;
    output.assert_code(exit::REFUSED).assert_says(&["no database"]);
    moved.health(Health::status(200));
    // What was begun at the old address is finished there.
    pair.blue.answer_when("/slow-one", "go", "done");
    let mut client = pair.begin("/slow-one").await;
    let finished = pair.door.reload(&[]).await;
    assert_eq!(reloaded(&finished.events), 1);
    assert_eq!(pair.serving().await, "moved");
    let env = pair.door.environment("prod").await;
    assert_eq!(env.draining.len(), 1, "{env:?}");
    pair.blue.release("go");
    assert_eq!(client.response("GET").await.unwrap().text(), "done");
    pair.door.quiet("prod").await;
    // It is what a restart finds, too.
    let generation = pair.door.environment("prod").await.generation;
    pair.door.kill9();
    pair.door.restart().await;
    assert_eq!(pair.serving().await, "moved");
    assert_eq!(pair.door.environment("prod").await.generation, generation);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_slots_new_address_is_not_asked_before_a_swap() {
    let pair = Pair::tls("").await;
    let spare = App::stopped("spare", "v3");
    pair.door.replace(&pair.green.address(), &spare.address());
    assert_eq!(reloaded(&pair.door.reload(&[]).await.events), 1);
    assert_eq!(pair.serving().await, "blue");
    pair.door
        .swap("prod", &["--deadline", "500ms"])
        .await
        .assert_code(exit::REFUSED);
    spare.listen().await;
    pair.door.swap("prod", &[]).await.assert_done();
    assert_eq!(pair.serving().await, "spare");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_to_override_lasts_until_its_key_changes_in_the_file() {
    let pair = Pair::tls("").await;
    let [elsewhere, last] = [App::start("elsewhere", "v3").await, App::start("last", "v4").await];
    pair.door
        .swap("prod", &["--to", &elsewhere.address()])
        .await
        .assert_done();
    assert_eq!(pair.serving().await, "elsewhere");
    pair.door.rewrite(|text| format!("{text}label = \"staging\"\n"));
    assert_eq!(reloaded(&pair.door.reload(&[]).await.events), 1);
    assert_eq!(pair.serving().await, "elsewhere", "another key changed");
    pair.door.replace(&pair.green.address(), &last.address());
    let finished = pair.door.reload(&[]).await;
    assert_eq!(reloaded(&finished.events), 1);
    let warned = finished.find(|event| match event {
        Event::Common(CommonStep::Warning { message }) if message.contains("is forgotten") => Some(message.clone()),
        _ => None,
    });
    assert!(warned.is_some(), "{finished:?}");
    assert_eq!(pair.serving().await, "last");
}

#[tokio::test(flavor = "multi_thread")]
async fn n5_a_reload_and_a_swap_of_the_same_environment_keep_out_of_each_others_way() {
    let pair = Pair::tls("health.deadline = \"20s\"\n").await;
    let other = App::start("other", "v1").await;
    pair.green.health(Health::status(503));
    let mut swap = pair.door.watch(&["swap", "prod"]);
    swap.gating().await;
    let base = std::fs::read_to_string(pair.door.config()).unwrap();
    pair.door.rewrite(|text| format!("{text}label = \"staging\"\n"));
    let refused = pair.door.reload(&[]).await;
    refused.assert_code(exit::BUSY);
    assert!(refused.refusal().contains("swap"), "{}", refused.refusal());
    // What does not touch it need not wait.
    pair.door.rewrite(|_| {
        let address = other.address();
        format!("{base}[env.other]\nhost = \"{OTHER}\"\nupstream = \"{address}\"\n")
    });
    assert_eq!(reloaded(&pair.door.reload(&[]).await.events), 1);
    assert_eq!(who(&pair.door, OTHER).await, "other");
    pair.green.health(Health::status(200));
    swap.finish().await.assert_done();
    // The other way round.
    let moved = App::stopped("moved", "v2");
    pair.door.replace(&pair.green.address(), &moved.address());
    let mut reload = pair.door.watch(&["reload"]);
    reload.gating().await;
    let refused = pair.door.swap("prod", &[]).await;
    refused.assert_code(exit::BUSY);
    assert!(refused.refusal().contains("reload"), "{}", refused.refusal());
    pair.door.reload(&[]).await.assert_code(exit::BUSY);
    moved.listen().await;
    assert_eq!(reloaded(&reload.finish().await.events), 1);
    assert_eq!(pair.serving().await, "moved");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_shows_the_diff_and_publishes_nothing() {
    let pair = Pair::tls("").await;
    pair.door
        .rewrite(|text| format!("{text}label = \"staging\"\nprotected = true\n"));
    let output = pair.door.proxyctl(&["reload", "--dry-run"]).await;
    output.assert_code(exit::DONE).assert_says(&["dry run"]);
    assert!(output.stdout.contains("~ prod/prod"), "{output:?}");
    assert!(output.stdout.contains("protected  false → true"), "{output:?}");
    assert_eq!(pair.get("/").await.field("x-environment"), None);
    let kinds: Vec<_> = pair
        .door
        .history()
        .await
        .into_iter()
        .map(|entry| entry.record)
        .collect();
    assert!(
        !kinds.iter().any(|record| matches!(record, Record::Asked { .. })),
        "a dry run is no history"
    );
    pair.door.reload(&[]).await.assert_code(exit::DONE);
    assert_eq!(pair.get("/").await.field("x-environment"), Some("staging"));
    assert!(pair.door.environment("prod").await.protected);
    let history = pair.door.proxyctl(&["history"]).await;
    history.assert_says(&["reload #"]).assert_says(&["2 changes published"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn sighup_does_the_same_and_says_so_in_the_log() {
    let pair = Pair::tls("").await;
    pair.door.rewrite(|text| format!("{text}label = \"staging\"\n"));
    pair.door.process().hang_up();
    eventually(secs(10), || async {
        let label = pair.get("/").await.field("x-environment").map(str::to_owned);
        holds(label.as_deref() == Some("staging"), || format!("{label:?}"))
    })
    .await;
    pair.door.rewrite(|text| text.replace("label", "lable"));
    pair.door.process().hang_up();
    eventually(secs(10), || async {
        let log = pair.door.process().log().text();
        let words = ["prod/prod changed: label staging", "nothing changed", "lable"];
        let missing: Vec<_> = words.iter().filter(|word| !log.contains(**word)).collect();
        holds(missing.is_empty(), || format!("{missing:?} are not in the log:\n{log}"))
    })
    .await;
    assert_eq!(pair.serving().await, "blue");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_needs_a_restart_is_said_until_there_was_one() {
    let pair = Pair::tls("").await;
    pair.door.replace("[server]\n", "[server]\nworkers = 3\n");
    for _ in 0..2 {
        let output = pair.door.proxyctl(&["reload"]).await;
        output
            .assert_code(exit::DONE)
            .assert_says(&["takes effect at the next restart: server.workers"]);
    }
    let configuration = pair.door.status().await.configuration.unwrap();
    assert_eq!(
        (configuration.restart, configuration.differs),
        (vec!["server.workers".to_owned()], None)
    );
    let output = pair.door.proxyctl(&["status"]).await;
    output.assert_says(&["at the next restart: server.workers"]);
    pair.door.sigterm();
    pair.door.end(secs(30)).await;
    pair.door.restart().await;
    assert!(pair.door.status().await.configuration.unwrap().restart.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn n29_redirects_and_routes_change_without_touching_a_connection() {
    let pair = Pair::tls("").await;
    let mut socket = open_web_socket(&pair.target(), "/ws").await.unwrap();
    pair.door.rewrite(|text| {
        let text = text.replace(
            &format!("host = \"{HOST}\""),
            &format!("host = [\"{HOST}\", \"second.localhost\"]"),
        );
        format!("{text}[redirect]\n\"www.localhost\" = \"https://{HOST}\"\n")
    });
    assert_eq!(reloaded(&pair.door.reload(&[]).await.events), 2);
    assert_eq!(who(&pair.door, "second.localhost").await, "blue");
    assert_eq!(who(&pair.door, "www.localhost").await, "308");
    echo(&mut socket, "still here").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn n30_a_reload_that_cannot_be_saved_is_refused_before_it_publishes() {
    let pair = Pair::tls("").await;
    let moved = App::start("moved", "v1").await;
    // A folder where the state is written first: as with a full disk, no new state can be saved.
    let obstacle = pair.door.state_dir().join(".state.json.new");
    std::fs::create_dir(&obstacle).unwrap();
    let before = pair.door.unmoved("prod").await;
    pair.door.replace(&pair.blue.address(), &moved.address());
    let finished = pair.door.reload(&[]).await;
    finished.assert_code(exit::FAILED);
    assert!(format!("{finished:?}").contains("could not be saved"), "{finished:?}");
    assert_eq!(pair.door.unmoved("prod").await, before);
    assert_eq!(pair.serving().await, "blue");
    let failed = pair.door.swap("prod", &[]).await;
    failed.assert_code(exit::FAILED);
    assert_eq!(pair.door.unmoved("prod").await, before);
    let warnings = pair.door.status().await.warnings;
    assert!(
        warnings.iter().any(|it| it.contains("nothing can be switched")),
        "{warnings:?}"
    );
    // When there is room again, both go through, and nobody has to be told any more.
    std::fs::remove_dir(&obstacle).unwrap();
    assert_eq!(reloaded(&pair.door.reload(&[]).await.events), 1);
    pair.door.swap("prod", &[]).await.assert_done();
    let warnings = pair.door.status().await.warnings;
    assert!(
        !warnings.iter().any(|it| it.contains("nothing can be switched")),
        "{warnings:?}"
    );
}

/// One of the changes that the storm goes through; each is real, and each is published.
fn storm(base: &str, round: usize, spare: &App, other: &App) -> String {
    let prod = |more: &str| base.replace("# prod\n", more);
    match round % 6 {
        0 => prod("drain.requests = \"11s\"\n"),
        1 => prod("label = \"staging\"\n"),
        2 => format!(
            "{base}[env.other]\nhost = \"{OTHER}\"\nupstream = \"{}\"\n",
            other.address()
        ),
        3 => format!(
            "{base}[env.other]\nhost = \"{OTHER}\"\nupstream = \"{}\"\npath = \"/api\"\n[redirect]\n\"www.localhost\" = \"https://{HOST}\"\n",
            spare.address()
        ),
        4 => base.replace("upstream = \"DEV\"", &format!("upstream = \"{}\"", spare.address())),
        _ => prod("health.interval = \"25ms\"\nkeepalive.idle = \"3s\"\n"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn n29_a_storm_of_reloads_under_load_fails_nobody() {
    let [blue, green] = [App::start("blue", "v1").await, App::start("green", "v2").await];
    let [dev, spare, other] = [
        App::start("dev", "v1").await,
        App::start("spare", "v1").await,
        App::start("other", "v1").await,
    ];
    let prod = environment("prod", HOST, &blue, &green);
    let dev_at = |address: &str| format!("[env.dev]\nhost = \"dev.localhost\"\nupstream = \"{address}\"\n");
    let door = Door::start(&format!("{QUICK}{prod}# prod\n{}", dev_at(&dev.address()))).await;
    let served = std::fs::read_to_string(door.config()).unwrap();
    let base = served.replace(&dev_at(&dev.address()), &dev_at("DEV"));
    let load = Load::start(door.target(HOST), &MIXED).await;
    // The address of this one's live slot moves to and fro; every answer is right all the same.
    let moving = Load::start(
        door.target("dev.localhost"),
        &[(Kind::Get, 2), (Kind::Post, 1), (Kind::Stream, 1)],
    )
    .await;
    let mut sockets = Vec::new();
    for _ in 0..8 {
        sockets.push(open_web_socket(&door.target(HOST), "/ws").await.unwrap());
    }
    let certificates = || async {
        let env = door.environment("prod").await;
        env.services[0]
            .certificates
            .iter()
            .map(|it| it.not_after.clone())
            .collect::<Vec<_>>()
    };
    let before = certificates().await;
    let (begin, mut tick, mut rounds) = (tokio::time::Instant::now(), tokio::time::interval(ms(100)), 0);
    while rounds < count(5, 100) || begin.elapsed() < secs(count(3, 30) as u64) {
        tick.tick().await;
        let text = storm(&base, rounds, &spare, &other).replace("\"DEV\"", &format!("\"{}\"", dev.address()));
        door.rewrite(|_| text);
        let finished = door.reload(&[]).await;
        finished.assert_code(exit::DONE);
        assert!(
            reloaded(&finished.events) > 0,
            "round {rounds} changed nothing: {finished:?}"
        );
        rounds += 1;
    }
    for (index, socket) in sockets.iter_mut().enumerate() {
        echo(socket, &format!("socket {index} after the storm")).await;
    }
    let (tally, moved) = (load.stop().await, moving.stop().await);
    eprintln!(
        "{rounds} reloads in {:.1?}: {} and {} good exchanges, 8 WebSockets open throughout",
        begin.elapsed(),
        tally.total(),
        moved.total()
    );
    tally.assert_no_failures();
    moved.assert_no_failures();
    assert_eq!(certificates().await, before, "no certificate was made again");
    let errors: u64 = door
        .environment("prod")
        .await
        .services
        .iter()
        .map(|it| it.traffic.app_errors + it.traffic.proxy_errors)
        .sum();
    assert_eq!(errors, 0);
}
