//! The way back: `rollback` starts the previous side where it does not run, and stops the one that it leaves.

use greengate::model::api::exit;
use greengate::model::slot::Slot;

use super::stage::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_starts_the_side_that_a_deploy_has_stopped_by_its_version() {
    let stage = Stage::start("before = \"sh step.sh before\"").await;
    stage.told("v2", &[]).await.assert_code(exit::DONE);
    stage.told("v3", &[]).await.assert_code(exit::DONE);
    stage.remove("steps");
    let plan = stage.door.proxyctl(&["rollback", "prod", "--dry-run"]).await;
    assert!(plan.stdout.contains("green: version v2, first served "), "{plan:#?}");
    assert!(stage.steps().is_empty());
    let output = stage.door.proxyctl(&["rollback", "prod"]).await;
    output.assert_code(exit::DONE);
    assert!(
        output.stderr.contains("green: version v2, first served "),
        "{output:#?}"
    );
    assert_eq!(stage.steps(), ["start green v2", "stop blue"]);
    stage.serves("v2").await;
    assert!(!stage.runs(Slot::Blue));
    // And forth again.
    stage.door.proxyctl(&["rollback", "prod"]).await.assert_code(exit::DONE);
    stage.serves("v3").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_to_a_side_that_runs_starts_nothing_and_undoes_nothing() {
    let stage = Stage::start("keep = \"1m\"").await;
    let mut deploy = stage.deploy("v2", &[]);
    deploy.switched().await;
    stage.reached("after").await;
    stage.free().await;
    stage.remove("steps");
    stage.put("sick-v1");
    stage
        .door
        .proxyctl(&["rollback", "prod", "--deadline", "300ms"])
        .await
        .assert_code(exit::REFUSED);
    assert!(stage.runs(Slot::Blue), "it was not started by the rollback");
    stage.remove("sick-v1");
    stage
        .door
        .proxyctl(&["rollback", "prod", "--no-wait"])
        .await
        .assert_code(exit::DONE);
    assert!(stage.steps().is_empty(), "{:?}", stage.steps());
    stage.serves("v1").await;
    deploy.interrupt().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_whose_start_fails_leaves_what_serves() {
    let stage = Stage::start("").await;
    stage.told("v2", &[]).await.assert_code(exit::DONE);
    // Which version blue was is known to nobody: it was not deployed.
    let unknown = stage.door.proxyctl(&["rollback", "prod"]).await;
    unknown.assert_code(exit::USAGE);
    unknown.assert_says(&["start blue yourself"]);
    stage.told("v3", &[]).await.assert_code(exit::DONE);
    stage.remove("steps");
    stage.put("fail-start");
    let output = stage.door.proxyctl(&["rollback", "prod"]).await;
    output.assert_code(exit::REFUSED);
    output.assert_says(&["Nothing was switched; blue stays live."]);
    stage.serves("v3").await;
    assert!(!stage.runs(Slot::Green));
    stage.free().await;
}
