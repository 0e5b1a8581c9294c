//! `proxyctl promote`: the version that dev runs is deployed to prod, once it has proven itself there.

use std::process::Stdio;

use greengate::model::api::{Event, SwapStep, exit};
use greengate::model::slot::Slot;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};

use super::stage::{PATIENCE, Stage};
use crate::common::{eventually, holds};

/// Dev is well for as long as anything takes.
const AT_ONCE: [&str; 2] = ["--for", "1ms"];

impl Stage {
    /// A promotion is refused with these words, and nothing was begun.
    async fn refuses(&self, args: &[&str], code: u8, words: &[&str]) {
        let output = self.promoted(args).await;
        output.assert_code(code);
        words.iter().for_each(|word| {
            output.assert_says(&[word]);
        });
        assert_eq!(self.steps(), [""; 0], "{output:#?}");
        assert_eq!(self.live().await, Slot::Blue);
        self.free().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_dev_runs_is_deployed_to_prod_and_once_is_enough() {
    let stage = Stage::with_dev("", "").await;
    let finished = stage
        .door
        .watch(&[&["promote", "dev", "prod"][..], &AT_ONCE].concat())
        .finish()
        .await;
    finished.assert_code(exit::DONE);
    assert_eq!(stage.steps(), ["start green v2", "stop blue", "after v2"]);
    stage.serves("v2").await;
    let required = finished.find(|event| match event {
        Event::Swap(SwapStep::Required { healthy, parity, .. }) => Some((healthy.clone(), parity.clone())),
        _ => None,
    });
    assert_eq!(required, Some((Some("dev".into()), Some("dev".into()))));
    eventually(PATIENCE, || async {
        let again = stage.promoted(&AT_ONCE).await;
        holds(again.stderr.contains("`prod` runs v2 already"), || {
            format!("{again:#?}")
        })
    })
    .await;
    assert_eq!(stage.live().await, Slot::Green);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dev_that_is_ill_is_not_promoted_and_not_waited_for() {
    let stage = Stage::with_dev("", "").await;
    stage.put("sick-v2");
    stage.dev_is(false).await;
    for args in [&AT_ONCE[..], &["--wait", "1h"]] {
        let words = [
            "`dev` is not healthy",
            "\"database\": \"gone\"",
            "Nothing was switched.",
        ];
        stage.refuses(args, exit::REFUSED, &words).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dev_that_was_well_for_too_short_a_time_is_waited_for_if_that_is_said() {
    let stage = Stage::with_dev("", "").await;
    let words = ["`dev` has been healthy as `v2` for", "asks for 2 min", "`--wait 10m`"];
    stage.refuses(&[], exit::REFUSED, &words).await;
    stage
        .refuses(&["--wait", "1s"], exit::REFUSED, &["is too short for that"])
        .await;
    let timed_out = ["--for", "1h", "--wait", "2h", "--timeout", "100ms"];
    stage.refuses(&timed_out, exit::FAILED, &["nothing was begun"]).await;
    let waited = stage.promoted(&["--for", "3s", "--wait", "1m"]).await;
    waited
        .assert_code(exit::DONE)
        .assert_says(&["dev is healthy as v2 for"]);
    stage.serves("v2").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dev_of_another_shape_is_not_promoted() {
    let stage = Stage::with_dev("", "limit.body = \"1GiB\"").await;
    let words = [
        "limit.body",
        "`prod` is not of one shape with `dev`",
        "proxyctl parity dev prod",
    ];
    stage.refuses(&AT_ONCE, exit::REFUSED, &words).await;
    stage
        .refuses(&[&AT_ONCE[..], &["--dry-run"]].concat(), exit::REFUSED, &words)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_new_side_answers_is_compared_and_not_what_it_is_there_to_replace() {
    let stage = Stage::with_dev("", "").await;
    stage.says("powered", stage.dev, "Express 5");
    let refused = stage.promoted(&AT_ONCE).await;
    refused.assert_code(exit::REFUSED).assert_says(&[
        "x-powered-by",
        "`prod` would differ from `dev`, whose version is promoted, in 1 thing",
    ]);
    assert_eq!(stage.steps(), ["start green v2", "stop green"]);
    stage.serves("v1").await;
    stage.says("powered", stage.green, "Express 5");
    let promoted = stage.promoted(&AT_ONCE).await;
    promoted
        .assert_code(exit::DONE)
        .assert_says(&["answer differently now"]);
    stage.serves("v2").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dev_that_does_not_say_its_version_has_none_to_promote() {
    let stage = Stage::with_dev("", "health.version = \"header:X-None\"").await;
    stage
        .refuses(
            &AT_ONCE,
            exit::REFUSED,
            &["`dev` of `dev` does not say which version it runs"],
        )
        .await;
    stage.door.replace("health.version = \"header:X-None\"", "");
    stage.door.replace("health.version = \"json:version\"\n", "");
    stage.door.reload(&[]).await.assert_code(exit::DONE);
    let words = ["does not say how `dev` tells which version it runs", "health.version"];
    stage.refuses(&AT_ONCE, exit::USAGE, &words).await;
    for (args, word) in [(["dev", "dev"], "to itself"), (["dve", "prod"], "did you mean `dev`?")] {
        let output = stage.door.proxyctl(&[&["promote"], &args[..]].concat()).await;
        output.assert_code(exit::USAGE).assert_says(&[word]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_says_whether_it_may_be_and_runs_nothing() {
    let stage = Stage::with_dev("protected = true", "protected = true").await;
    let dry = stage.promoted(&["--for", "1ms", "--dry-run"]).await;
    dry.assert_code(exit::DONE).assert_says(&["dev is healthy as v2"]);
    assert!(dry.stdout.contains("start   sh start.sh green"), "{dry:#?}");
    let json = stage.promoted(&["--for", "1ms", "--dry-run", "--json"]).await;
    let told: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(
        (told["environment"].as_str(), told["version"].as_str()),
        (Some("prod"), Some("v2"))
    );
    // Nobody waits for an hour to hear that a word was missing.
    stage
        .refuses(
            &["--for", "1h", "--wait", "2h"],
            exit::USAGE,
            &["`prod` is protected", "--yes=prod"],
        )
        .await;
    stage.refuses(&["--dry-run"], exit::REFUSED, &["asks for 2 min"]).await;
    let yes = stage.promoted(&["--for", "1ms", "--yes=prod"]).await;
    yes.assert_code(exit::DONE);
    stage.serves("v2").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_changes_while_it_is_waited_for_is_not_promoted() {
    let stage = Stage::with_dev("", "").await;
    let mut promote = stage
        .door
        .command(&["promote", "dev", "prod", "--for", "1h", "--wait", "2h"]);
    let mut promote = promote
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(promote.stderr.take().unwrap());
    let mut told = String::new();
    while !told.contains("waiting for 60 min") {
        assert!(stderr.read_line(&mut told).await.unwrap() > 0, "{told}");
    }
    stage.says("called", stage.dev, "v3");
    let status = tokio::time::timeout(PATIENCE, promote.wait()).await.unwrap().unwrap();
    stderr.read_to_string(&mut told).await.unwrap();
    assert_eq!(status.code(), Some(i32::from(exit::REFUSED)), "{told}");
    assert!(told.contains("`dev` runs `v3` by now, and no longer `v2`"), "{told}");
    assert_eq!(stage.steps(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_changes_while_it_is_deployed_is_not_switched_to() {
    let stage = Stage::with_dev("", "").await;
    stage.put("hold-start");
    let promote = stage.door.watch(&[&["promote", "dev", "prod"][..], &AT_ONCE].concat());
    stage.reached("start").await;
    stage.says("called", stage.dev, "v3");
    stage.remove("hold-start");
    let finished = promote.finish().await;
    assert_eq!(finished.code, i32::from(exit::REFUSED), "{finished:#?}");
    let told = format!("{finished:?}");
    assert!(told.contains("calls itself `v3`, not `v2`"), "{finished:#?}");
    assert_eq!(stage.steps(), ["start green v2", "stop green"]);
    stage.serves("v1").await;
}
