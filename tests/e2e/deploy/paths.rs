//! The steps, in their order, and what undoes what.

use greengate::model::api::{CommonStep, DeployOutcome, DeployStep, Event, Stage as Step, exit};
use greengate::model::history::Record;
use greengate::model::slot::Slot;

use super::stage::Stage;
use crate::common::count;
use crate::common::fixture::PLAIN;
use crate::common::load::{Load, MIXED, next, open_web_socket};
use futures_util::SinkExt as _;
use tokio_tungstenite::tungstenite::Message;

const BEFORE: &str = "before = \"sh step.sh before {version}\"";

#[tokio::test(flavor = "multi_thread")]
async fn a_version_is_started_checked_migrated_switched_to_and_the_old_one_stopped() {
    let stage = Stage::start(BEFORE).await;
    let output = stage.told("v2", &[]).await;
    output.assert_code(exit::DONE);
    assert_eq!(stage.steps(), ["start green v2", "before v2", "stop blue", "after v2"]);
    stage.serves("v2").await;
    assert_eq!((stage.runs(Slot::Blue), stage.runs(Slot::Green)), (false, true));
    let lines: Vec<_> = output
        .stderr
        .lines()
        .map(|line| line.get(..10).unwrap_or(line).trim())
        .collect();
    let marks = [
        "✓ start",
        "✓ gate",
        "✓ before",
        "✓ gate",
        "✓ switch",
        "✓ verify",
        "✓ drain",
        "✓ stop",
        "✓ after",
    ];
    let told: Vec<_> = lines.iter().filter(|line| line.starts_with('✓')).collect();
    assert_eq!(told.len(), marks.len(), "{output:#?}");
    assert!(
        told.iter().zip(marks).all(|(told, mark)| told.starts_with(mark)),
        "{output:#?}"
    );
    assert!(output.stderr.contains("  before  this is before v2\n"), "{output:#?}");
    assert!(
        output
            .stdout
            .starts_with("green is live.   Undo: proxyctl rollback prod"),
        "{output:#?}"
    );
    // `deploy` asks for its plan first, and that is nobody's deed.
    let history = stage.door.proxyctl(&["history"]).await;
    assert!(!history.stdout.contains("dry run"), "{history:#?}");
    // Back in the same way.
    stage.told("v3", &[]).await.assert_code(exit::DONE);
    assert_eq!(stage.live().await, Slot::Blue);
    stage.serves("v3").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn n34_the_journal_has_each_step_with_its_exit_code_and_its_output() {
    let stage = Stage::start(BEFORE).await;
    stage.put("fail-before");
    let finished = stage.deployed("v2", &[]).await;
    finished.assert_code(exit::REFUSED);
    assert_eq!(stage.steps(), ["start green v2", "before v2", "stop green"]);
    stage.serves("v1").await;
    assert!(!stage.runs(Slot::Green));
    let ended: Vec<_> = stage
        .journal()
        .await
        .into_iter()
        .filter_map(|entry| match entry.record {
            Record::Step { event } => match *event {
                Event::Deploy(DeployStep::CommandEnded(ended)) => Some((ended.step, ended.exit, ended.output)),
                Event::Deploy(DeployStep::Released { outcome, .. }) => {
                    assert_eq!(outcome, DeployOutcome::Refused);
                    None
                }
                _ => None,
            },
            _ => None,
        })
        .collect();
    let before = "this is before v2\nbefore has failed\n";
    assert_eq!(
        ended,
        [
            (Step::Start, Some(0), "this is start green v2\n".to_owned()),
            (Step::Before, Some(3), before.to_owned()),
            (Step::Stop, Some(0), "this is stop green\n".to_owned()),
        ]
    );
    let told = stage.door.proxyctl(&["history", "prod", "--verbose"]).await;
    told.assert_says(&["before has failed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn n34_a_migration_runs_only_behind_a_gate_that_was_passed() {
    let stage = Stage::start(BEFORE).await;
    stage.put("sick-v2");
    let output = stage.told("v2", &["--deadline", "2s"]).await;
    output.assert_code(exit::REFUSED);
    // The app's own words.
    output.assert_says(&["\"database\": \"gone\""]);
    assert!(
        output
            .stderr
            .ends_with("Nothing was switched; blue stays live, and is healthy.\n"),
        "{output:#?}"
    );
    assert_eq!(stage.steps(), ["start green v2", "stop green"]);
    stage.serves("v1").await;
    stage.free().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn n34_a_migration_that_breaks_the_new_version_is_noticed_before_the_switch() {
    let stage = Stage::start("before = \"sh -c 'sh step.sh before; touch sick-v2'\"").await;
    // The first gate has to be passed within that.
    let finished = stage.deployed("v2", &["--deadline", "4s"]).await;
    finished.assert_code(exit::REFUSED);
    assert_eq!(stage.steps(), ["start green v2", "before", "stop green"]);
    stage.serves("v1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_fails_is_undone_and_nothing_is_switched() {
    let stage = Stage::start(BEFORE).await;
    stage.put("fail-start");
    let output = stage.told("v2", &[]).await;
    output.assert_code(exit::REFUSED);
    output.assert_says(&["✗ start   prod@green exited with 3"]);
    assert_eq!(stage.steps(), ["start green v2", "stop green"]);
    assert!(!stage.runs(Slot::Green));
    stage.serves("v1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_side_that_still_answers_as_the_old_version_does_not_pass() {
    let stage = Stage::start("").await;
    // What is started is another version than the one that was named.
    let config = stage.door.config();
    let text = std::fs::read_to_string(&config)
        .unwrap()
        .replace("{port} {version}", "{port} v1");
    std::fs::write(&config, text).unwrap();
    stage.door.proxyctl(&["reload"]).await.assert_code(exit::DONE);
    let finished = stage.deployed("v2", &["--deadline", "1s"]).await;
    finished.assert_code(exit::REFUSED);
    let refused = finished.find(|event| match event {
        Event::Common(CommonStep::Refused { reason, .. }) => Some(reason.clone()),
        _ => None,
    });
    assert!(refused.is_some_and(|reason| reason.contains("v1")), "{finished:#?}");
    assert!(!stage.runs(Slot::Green));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_swap_that_rolls_itself_back_stops_the_new_version() {
    let stage = Stage::start_with("bake.for = \"5s\"", "").await;
    let mut deploy = stage.deploy("v2", &[]);
    deploy.switched().await;
    stage.put("sick-v2");
    let finished = deploy.finish().await;
    assert_eq!(finished.code, i32::from(exit::ROLLED_BACK), "{finished:#?}");
    stage.serves("v1").await;
    assert_eq!(stage.steps(), ["start green v2", "stop green"]);
    assert!(!stage.runs(Slot::Green));
    stage.free().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn services_with_tables_of_their_own_are_started_in_order_and_undone_backwards() {
    let stage = Stage::of_two_services().await;
    stage.put("fail-api");
    stage.told("v2", &[]).await.assert_code(exit::REFUSED);
    assert_eq!(
        stage.steps(),
        [
            "start web-green v2",
            "start api-green v2",
            "stop api-green",
            "stop web-green"
        ]
    );
    stage.serves("v1").await;
    stage.remove("fail-api");
    stage.remove("steps");
    stage.told("v2", &[]).await.assert_code(exit::DONE);
    assert_eq!(
        stage.steps(),
        [
            "start web-green v2",
            "start api-green v2",
            "stop web-blue",
            "stop api-blue"
        ]
    );
    stage.serves("v2").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_or_a_notice_that_fails_is_a_warning() {
    let stage = Stage::start("").await;
    stage.put("fail-stop");
    stage.put("fail-after");
    let output = stage.told("v2", &[]).await;
    output.assert_code(exit::DONE);
    output.assert_says(&["! stop    prod@blue exited with 3"]);
    output.assert_says(&["! after   sh step.sh after v2 exited with 3"]);
    output.assert_says(&["blue may still run; this command stops it:\n  sh stop.sh blue"]);
    assert!(stage.runs(Slot::Blue));
    stage.serves("v2").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_old_side_is_stopped_only_when_it_holds_no_request_any_more() {
    let stage = Stage::start("").await;
    let kept = stage.keep_a_request().await;
    let mut deploy = stage.deploy("v2", &[]);
    deploy.switched().await;
    stage.serves("v2").await;
    assert!(stage.runs(Slot::Blue));
    assert_eq!(stage.steps(), ["start green v2"]);
    stage.let_go();
    kept.await.unwrap();
    deploy.finish().await.assert_code(exit::DONE);
    assert!(!stage.runs(Slot::Blue));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_side_that_is_kept_runs_on_and_is_stopped_when_nobody_has_switched_since() {
    let stage = Stage::start("keep = \"1500ms\"").await;
    let mut deploy = stage.deploy("v2", &[]);
    deploy
        .until("the lock to be free", |event| {
            matches!(event, Event::Deploy(DeployStep::Released { .. }))
        })
        .await;
    assert!(stage.runs(Slot::Blue));
    assert_eq!(stage.steps(), ["start green v2", "after v2"]);
    stage.free().await;
    deploy.finish().await.assert_code(exit::DONE);
    assert_eq!(stage.steps().last().unwrap(), "stop blue");

    // An instant way back; what is live then is left alone.
    let mut deploy = stage.deploy("v3", &[]);
    deploy
        .until("the lock to be free", |event| {
            matches!(event, Event::Deploy(DeployStep::Released { .. }))
        })
        .await;
    stage.door.rollback("prod", &["--no-wait"]).await;
    stage.serves("v2").await;
    assert_eq!(deploy.finish().await.code, i32::from(exit::DONE));
    stage.serves("v2").await;
    assert!(stage.runs(Slot::Green), "{:?}", stage.steps());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_while_the_old_side_is_kept_switches_nothing_and_so_it_is_stopped() {
    let stage = Stage::of_two_services().await;
    let config = stage.door.config();
    let text = std::fs::read_to_string(&config).unwrap();
    let stop = "stop = \"sh stop.sh web-{slot}\"\n";
    let text = text.replace(stop, &format!("{stop}keep = \"5s\"\n"));
    std::fs::write(&config, &text).unwrap();
    stage.door.proxyctl(&["reload"]).await.assert_code(exit::DONE);
    let mut deploy = stage.deploy("v2", &[]);
    deploy
        .until("the lock to be free", |event| {
            matches!(event, Event::Deploy(DeployStep::Released { .. }))
        })
        .await;
    let before = stage.door.environment("prod").await.generation;
    let more = format!("[env.prod.service.more]\nhost = \"{PLAIN}\"\npath = \"/more\"\nupstream = \"127.0.0.1:9\"\n");
    std::fs::write(&config, text + &more).unwrap();
    stage.door.proxyctl(&["reload"]).await.assert_code(exit::DONE);
    assert!(stage.door.environment("prod").await.generation > before, "it counts on");
    assert!(!stage.steps().contains(&"stop web-blue".to_owned()), "it came too late");
    let finished = deploy.finish().await;
    assert_eq!((finished.code, &*finished.stderr), (0, ""));
    assert_eq!(stage.steps()[2..], ["stop web-blue", "stop api-blue"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_touches_nothing() {
    let stage = Stage::start(BEFORE).await;
    let output = stage.told("v2", &["--dry-run"]).await;
    output.assert_code(exit::DONE);
    assert!(
        output.stdout.contains("  before  sh step.sh before v2\n"),
        "{output:#?}"
    );
    assert!(stage.steps().is_empty());
    assert!(!stage.runs(Slot::Green));
    stage.free().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_web_socket_of_the_old_side_keeps_its_time_and_ends_politely_before_that_is_stopped() {
    let stage = Stage::tls("drain.streams = \"500ms\"", "").await;
    let mut socket = open_web_socket(&stage.target(), "/ws").await.unwrap();
    let mut deploy = stage.deploy("v2", &[]);
    deploy.switched().await;
    stage.serves("v2").await;
    assert_eq!(stage.steps(), ["start green v2"]);
    let message = Message::text("still here");
    socket.send(message.clone()).await.unwrap();
    assert_eq!(next(&mut socket).await.unwrap(), message);
    assert!(matches!(next(&mut socket).await.unwrap(), Message::Close(Some(_))));
    deploy.finish().await.assert_code(exit::DONE);
    assert_eq!(stage.steps(), ["start green v2", "stop blue", "after v2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn deploys_under_load_lose_no_request_stream_or_message() {
    let stage = Stage::tls("", BEFORE).await;
    let load = Load::start(stage.target(), &MIXED).await;
    for number in 2..2 + count(2, 30) {
        let finished = stage.deployed(&format!("v{number}"), &[]).await;
        finished.assert_code(exit::DONE);
    }
    load.stop().await.assert_no_failures();
    let mut posts = stage.posts();
    let all = posts.len();
    posts.sort();
    posts.dedup();
    assert_eq!(posts.len(), all, "a POST was seen twice");
}
