//! Who waits for whom: one deploy at a time holds an environment, and whoever is told to wait has its turn (N5).

use greengate::model::api::{Event, Progress, exit};
use greengate::model::slot::Slot;

use super::stage::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn a_second_deploy_is_refused_or_waits_for_its_turn() {
    let stage = Stage::start("").await;
    stage.put("hold-start");
    let first = stage.deploy("v2", &[]);
    stage.reached("start").await;
    let refused = stage.told("v3", &[]).await;
    refused.assert_code(exit::BUSY);
    stage.door.proxyctl(&["swap", "prod"]).await.assert_code(exit::BUSY);
    stage.door.proxyctl(&["rollback", "prod"]).await;
    stage.door.proxyctl(&["pause", "prod"]).await.assert_code(exit::BUSY);
    stage.door.proxyctl(&["upgrade"]).await.assert_code(exit::BUSY);
    let mut second = stage.deploy("v3", &["--wait", "1m"]);
    second
        .until("its place in the queue", |event| {
            matches!(event, Event::Progress(Progress::Queued { ahead: 0, .. }))
        })
        .await;
    assert_eq!(stage.steps(), ["start green v2"], "nothing is begun while it waits");
    stage.remove("hold-start");
    first.finish().await.assert_code(exit::DONE);
    second.finish().await.assert_code(exit::DONE);
    stage.serves("v3").await;
    let steps = stage.steps();
    assert_eq!(
        steps,
        [
            "start green v2",
            "stop blue",
            "after v2",
            "start blue v3",
            "stop green",
            "after v3"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_has_an_end() {
    let stage = Stage::start("").await;
    stage.put("hold-start");
    let first = stage.deploy("v2", &[]);
    stage.reached("start").await;
    let waited = stage.told("v3", &["--wait", "100ms"]).await;
    waited.assert_code(exit::BUSY);
    waited.assert_says(&["behind deploy"]);
    let timed_out = stage.told("v3", &["--wait", "1m", "--timeout", "100ms"]).await;
    timed_out.assert_code(exit::FAILED);
    timed_out.assert_says(&["nothing was begun"]);
    stage.remove("hold-start");
    first.finish().await.assert_code(exit::DONE);
}

#[tokio::test(flavor = "multi_thread")]
async fn n32_a_side_that_serves_is_neither_started_nor_stopped() {
    let stage = Stage::start("").await;
    stage.told("v2", &[]).await.assert_code(exit::DONE);
    // Somebody has `rollback` in mind while the old side still has a request.
    stage.remove("steps");
    let kept = stage.keep_a_request().await;
    let mut first = stage.deploy("v3", &[]);
    first.switched().await;
    // The deploy still waits for green's drain; a plain rollback makes green live again, and it is not stopped.
    let back = stage.door.rollback("prod", &["--no-wait"]).await;
    assert_eq!(back.code, 0, "{back:#?}");
    stage.serves("v2").await;
    stage.let_go();
    kept.await.unwrap();
    let finished = first.finish().await;
    assert_eq!(finished.code, i32::from(exit::ROLLED_BACK), "{finished:#?}");
    assert!(stage.runs(Slot::Green), "{:?}", stage.steps());
    stage.serves("v2").await;
    stage.free().await;
}
