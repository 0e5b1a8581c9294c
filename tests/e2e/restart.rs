//! The daemon ends: as asked, and by `kill -9` at any moment; what is live afterwards is what was written down (N27).

use std::os::unix::fs::PermissionsExt as _;

use crate::common::app::{App, Health, Step};
use crate::common::door::{Door, QUICK, environment};
use crate::common::fixture::{HOST, Pair};
use crate::common::load::{Kind, Load};
use crate::common::operation::run;
use crate::common::{count, eventually, holds, ms, secs};
use greengate::model::api::{Event, SwapStep, exit};
use greengate::model::history::{Entry, Record};
use greengate::model::slot::Slot;

fn torn(history: &[Entry]) -> Vec<u64> {
    let torn = history
        .iter()
        .filter(|entry| matches!(entry.record, Record::Torn { .. }));
    torn.filter_map(|entry| entry.operation).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn n27_a_restart_serves_the_side_that_was_live() {
    let pair = Pair::tls("").await;
    for live in ["green", "blue"] {
        pair.door.swap("prod", &[]).await.assert_done();
        let before = pair.door.environment("prod").await;
        pair.door.kill9();
        pair.door.restart().await;
        assert_eq!(pair.serving().await, live);
        let after = pair.door.environment("prod").await;
        assert_eq!((after.live, after.generation), (before.live, before.generation));
        assert!(after.can_roll_back, "the way back survives, too");
    }
    assert!(torn(&pair.door.history().await).is_empty(), "nothing was torn");
}

#[tokio::test(flavor = "multi_thread")]
async fn n27_kill_9_at_a_random_moment_of_a_swap_leaves_one_truth() {
    let pair = Pair::tls("health.interval = \"5ms\"\n").await;
    let (mut survived, mut cut) = (0, 0);
    let mut live = Slot::Blue;
    for round in 0..count(12, 150) {
        let before = pair.door.environment("prod").await;
        assert_eq!(before.live, Some(live), "round {round}");
        let mut swap = pair.door.watch(&["swap", "prod"]);
        // Half of the rounds are killed in the gate or earlier, the others from the switch on.
        if round % 2 == 0 {
            swap.until("`plan`", |event| matches!(event, Event::Swap(SwapStep::Plan { .. })))
                .await;
            tokio::time::sleep(ms(fastrand::u64(0..30))).await;
        } else {
            swap.switched().await;
        }
        pair.door.kill9();
        let finished = swap.finish().await;
        let operation = finished.find(|event| match event {
            Event::Swap(SwapStep::Plan { operation, .. }) => Some(*operation),
            _ => None,
        });
        let switched = finished
            .events
            .iter()
            .any(|event| matches!(event, Event::Swap(SwapStep::Switched { .. })));
        let ended = finished.events.iter().any(|event| event.exit_code().is_some());

        pair.door.restart().await;
        let after = pair.door.environment("prod").await;
        let now = after.live.expect("a live side");
        assert_eq!(
            pair.serving().await,
            now.as_str(),
            "round {round}: status and routing differ"
        );
        assert!(now == live || now == live.other(), "round {round}: {after:?}");
        if switched {
            assert_eq!(
                now,
                live.other(),
                "round {round}: a switch that was announced is forgotten: {finished:#?}"
            );
        }
        assert!(
            after.generation >= before.generation,
            "round {round}: the generation shrank"
        );
        if now == live {
            assert_eq!(after.generation, before.generation, "round {round}");
        }
        assert!(after.operation.is_none(), "round {round}: {after:?}");
        let operation = operation.expect("the plan was seen");
        let named = torn(&pair.door.history().await).contains(&operation);
        if ended {
            assert!(!named, "round {round}: a finished operation is called torn");
        } else if !named {
            // It may have ended in the moment between its last event and the kill; then the journal knows how.
            let history = pair.door.history().await;
            let done = history.iter().any(|entry| {
                entry.operation == Some(operation)
                    && matches!(&entry.record, Record::Step { event } if event.exit_code().is_some())
            });
            assert!(
                done,
                "round {round}: operation {operation} is neither torn nor ended in the journal: {history:#?}"
            );
        }
        if now == live {
            cut += 1
        } else {
            survived += 1
        }
        live = now;
    }
    eprintln!("of the swaps that were killed, {survived} had been written down and {cut} had not");
    assert!(survived > 0, "no kill came after the switch");
}

#[tokio::test(flavor = "multi_thread")]
async fn n27_a_killed_gate_switched_nothing_and_is_torn() {
    let pair = Pair::tls("").await;
    pair.green.health(Health::status(503));
    let mut swap = pair.door.watch(&["swap", "prod", "--deadline", "60s"]);
    swap.gating().await;
    let operation = pair
        .door
        .environment("prod")
        .await
        .operation
        .expect("a holder")
        .operation;
    pair.door.kill9();
    assert_ne!(
        swap.finish().await.code,
        0,
        "proxyctl says that a swap is done whose daemon died"
    );
    pair.door.restart().await;
    assert_eq!(pair.serving().await, "blue");
    assert_eq!(torn(&pair.door.history().await), [operation]);
    pair.green.health(Health::status(200));
    assert_eq!(
        pair.door.swap("prod", &[]).await.assert_done(),
        Slot::Green,
        "the environment is not locked for ever"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn n27_a_to_address_survives_a_restart() {
    let pair = Pair::tls("").await;
    let third = App::start("third", "v3").await;
    pair.door.swap("prod", &["--to", &third.address()]).await.assert_done();
    pair.door.kill9();
    pair.door.restart().await;
    assert_eq!(pair.serving().await, "third");
}

#[tokio::test(flavor = "multi_thread")]
async fn n27_torn_files_beside_the_state_keep_nobody_from_starting() {
    let pair = Pair::tls("").await;
    pair.door.swap("prod", &[]).await.assert_done();
    pair.door.kill9();
    let state = pair.door.state_dir();
    let files: Vec<_> = std::fs::read_dir(&state)
        .unwrap()
        .filter_map(|entry| entry.ok())
        .collect();
    for file in &files {
        let name = file.file_name().into_string().unwrap();
        // What a crash leaves of a write that did not get to its rename.
        if file.path().is_file() {
            std::fs::write(state.join(format!("{name}.tmp")), "{\"half").unwrap();
            std::fs::write(state.join(format!(".{name}.tmp")), "").unwrap();
        }
        if name.contains("journal") && file.path().is_file() {
            let mut journal = std::fs::read(file.path()).unwrap();
            journal.extend_from_slice(b"{\"time\":\"2026-01-01T00:0");
            std::fs::write(file.path(), journal).unwrap();
        }
    }
    pair.door.restart().await;
    assert_eq!(pair.serving().await, "green");
    assert!(!pair.door.history().await.is_empty());
    assert_eq!(pair.door.swap("prod", &[]).await.assert_done(), Slot::Blue);
}

#[tokio::test(flavor = "multi_thread")]
async fn n27_one_missing_certificate_takes_down_nothing_else() {
    let [good, other, spare] = [
        App::start("good", "v1").await,
        App::start("other", "v1").await,
        App::stopped("spare", "v2"),
    ];
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = (folder.path().join("other.pem"), folder.path().join("other.key"));
    let made = rcgen::generate_simple_self_signed(vec!["other.example.com".to_owned()]).unwrap();
    std::fs::write(&cert, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    let files = format!(
        "tls = {{ cert = \"{}\", key = \"{}\" }}\n",
        cert.display(),
        key.display()
    );
    let prod = environment("prod", HOST, &good, &spare);
    let with_files = format!(
        "[env.files]\nhost = \"other.example.com\"\nupstream = \"{}\"\n{files}",
        other.address()
    );
    let door = Door::start(&format!("{QUICK}{prod}{with_files}")).await;
    assert_eq!(door.status().await.warnings, Vec::<String>::new());
    door.kill9();
    std::fs::remove_file(&cert).unwrap();
    door.restart().await;
    assert_eq!(
        door.tls(HOST).await.unwrap().get(HOST, "/").await.unwrap().app(),
        "good"
    );
    let warnings = door.status().await.warnings;
    assert!(
        warnings.iter().any(|warning| warning.contains("other.pem")),
        "the status does not name the file that is missing: {warnings:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_lets_what_is_in_flight_finish() {
    let pair = Pair::plain("").await;
    pair.blue.answer_when("/wait", "go", "ok");
    let mut client = pair.begin("/wait").await;
    pair.door.sigterm();

    // Newcomers are still served, and told not to come again on the same connection.
    eventually(secs(10), || async {
        let answer = pair.get("/").await;
        assert_eq!(answer.status, 200);
        let told = answer.fields.has_token("connection", "close");
        holds(told, || "answers after SIGTERM carry no `Connection: close`".to_owned())
    })
    .await;
    assert!(
        pair.door.process().ended().is_none(),
        "the daemon ended with a request in flight"
    );
    pair.blue.release("go");
    let answer = client.response("GET").await.unwrap();
    assert_eq!((answer.status, answer.text().as_str()), (200, "ok"));
    assert_eq!(pair.door.end(secs(30)).await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_has_a_deadline() {
    let pair = Pair::plain("drain.requests = \"1s\"\n").await;
    pair.blue.on("/never", vec![Step::Hang]);
    let _client = pair.begin("/never").await;
    pair.door.sigterm();
    assert_eq!(pair.door.end(secs(30)).await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_under_load_breaks_no_request_that_was_accepted() {
    let pair = Pair::tls("").await;
    let kinds = [
        (Kind::Get, 4),
        (Kind::Post, 3),
        (Kind::Slow, 3),
        (Kind::WebSocket, 2),
        (Kind::H2, 2),
        (Kind::H2WebSocket, 2),
    ];
    let load = Load::start(pair.target(), &kinds).await;
    load.more(200).await;
    load.begin_nothing_new();
    pair.door.sigterm();
    load.stop().await.assert_no_failures();
    assert_eq!(pair.door.end(secs(30)).await.code(), Some(0));
    pair.door.restart().await;
    assert_eq!(pair.serving().await, "blue");
    let history = pair.door.history().await;
    assert!(
        history
            .iter()
            .any(|entry| matches!(entry.record, Record::Stopped { .. })),
        "{history:#?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_daemon_in_the_same_folder_is_refused_and_disturbs_nobody() {
    let pair = Pair::tls("").await;
    let mut second = tokio::process::Command::new(env!("CARGO_BIN_EXE_proxyd"));
    second.arg("--config").arg(pair.door.config());
    run(second)
        .await
        .assert_code(exit::FAILED)
        .assert_says(&[&format!("another daemon (process {})", pair.door.process().pid())]);
    assert_eq!(pair.serving().await, "blue");
    pair.door.status().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_number_is_given_twice_where_the_state_was_lost() {
    let pair = Pair::tls("").await;
    let number = async || {
        let finished = pair.door.swap("prod", &[]).await;
        let plan = finished.find(|event| match event {
            Event::Swap(SwapStep::Plan { operation, .. }) => Some(*operation),
            _ => None,
        });
        plan.expect("a plan")
    };
    let before = [number().await, number().await];
    pair.door.kill9();
    std::fs::remove_file(pair.door.folder().join("state/state.json")).unwrap();
    pair.door.restart().await;
    let after = number().await;
    assert_eq!((before[1], after), (before[0] + 1, before[0] + 2));
}
