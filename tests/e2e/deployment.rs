//! A deployment at the daemon: it holds its environment for as long as its client lives, and nothing that serves is touched (N32, N34).
//! The client here is raw bytes on the control socket.

use crate::common::app::Health;
use crate::common::control::{Deployment, Stream, deployment};
use crate::common::door::Door;
use crate::common::fixture::Pair;
use crate::common::{eventually, holds, secs};
use greengate::model::api::{
    Action, CommonStep, DeployOutcome, DeployRequest, DeployStep, Event, Kind, Progress, Stage, SwapStep, exit,
};
use greengate::model::history::{Entry, Record};
use greengate::model::slot::Slot;

const GREEN: Option<Slot> = Some(Slot::Green);
const BLUE: Option<Slot> = Some(Slot::Blue);

async fn holder(door: &Door) -> Option<(Action, String)> {
    let operation = door.environment("prod").await.operation?;
    Some((operation.kind, operation.step))
}

/// Waits until nobody holds the environment.
async fn free(door: &Door) {
    eventually(secs(20), || async {
        let holder = holder(door).await;
        holds(holder.is_none(), || format!("{holder:?} holds it"))
    })
    .await;
}

/// The last event of an operation in the journal; none follows a final one.
async fn end_of(door: &Door, operation: u64) -> Option<Event> {
    let entries = door.history().await.into_iter();
    let steps = entries.filter(|entry| entry.operation == Some(operation));
    let steps: Vec<_> = steps.filter_map(step).collect();
    let finals = steps.iter().filter(|event| event.exit_code().is_some()).count();
    assert!(finals <= 1, "{steps:#?}");
    steps.last().filter(|event| event.exit_code().is_some()).cloned()
}

fn step(entry: Entry) -> Option<Event> {
    match entry.record {
        Record::Step { event } => Some(*event),
        Record::Asked { .. } | Record::Started { .. } | Record::Stopped { .. } | Record::Torn { .. } => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn n5_a_deployment_holds_its_environment_against_all_but_maintenance() {
    let pair = Pair::plain("").await;
    let deployment = Deployment::hold(&pair.door).await;
    assert_eq!((deployment.plan.live, deployment.plan.idle), (Slot::Blue, Slot::Green));
    assert!(deployment.plan.services[0].idle_answers);
    let status = pair.door.proxyctl(&["status", "prod"]).await;
    status.assert_says(&["deploy by"]).assert_says(&["between two steps"]);
    pair.door.replace("health.passes = 2", "health.passes = 1");
    let named = format!("deploy {} by", deployment.operation);
    for command in [
        &["swap", "prod"][..],
        &["rollback", "prod"],
        &["pause", "prod"],
        &["reload"],
        &["upgrade"],
    ] {
        let refused = pair.door.proxyctl(command).await;
        refused.assert_code(exit::BUSY).assert_says(&[&named]);
    }
    for command in [["maintenance", "prod", "on"], ["maintenance", "prod", "off"]] {
        pair.door.proxyctl(&command).await.assert_code(exit::DONE);
    }
    assert_eq!(pair.serving().await, "blue");
    let released = deployment.release(DeployOutcome::Done).await;
    assert_eq!(released.exit_code(), Some(exit::DONE));
    assert_eq!(pair.door.swap("prod", &[]).await.assert_done(), Slot::Green);
}

#[tokio::test(flavor = "multi_thread")]
async fn n5_whatever_holds_the_environment_holds_it_against_a_deployment() {
    let pair = Pair::plain("").await;
    pair.green.health(Health::status(503));
    let swap = pair.door.watch(&["swap", "prod"]);
    eventually(secs(10), || async {
        let holder = holder(&pair.door).await;
        holds(holder.is_some(), || "the swap has not begun".into())
    })
    .await;
    let socket = pair.door.socket();
    let refused = Stream::ask(&socket, "/v1/deploy", &deployment()).await.end().await;
    assert_eq!(refused.exit_code(), Some(exit::BUSY), "{refused:?}");
    let waits = DeployRequest {
        wait_ms: Some(60_000),
        ..deployment()
    };
    let mut waiting = Stream::ask(&socket, "/v1/deploy", &waits).await;
    let queued = waiting.next().await;
    let Some(Event::Progress(Progress::Queued { behind, ahead: 0 })) = &queued else {
        panic!("{queued:?}");
    };
    assert_eq!(behind.kind, Action::Swap);
    pair.green.health(Health::status(200));
    swap.finish().await.assert_done();
    let deployment = Deployment::begun(&pair.door, waiting).await;
    assert_eq!(deployment.plan.idle, Slot::Blue);
}

#[tokio::test(flavor = "multi_thread")]
async fn n5_deployments_wait_in_a_row_and_the_next_one_comes() {
    let pair = Pair::plain("").await;
    let first = Deployment::hold(&pair.door).await;
    let (socket, mut rest) = (pair.door.socket(), Vec::new());
    for place in 0..3 {
        let waits = DeployRequest {
            wait_ms: Some(60_000),
            version: Some(format!("v{place}")),
            ..deployment()
        };
        let mut stream = Stream::ask(&socket, "/v1/deploy", &waits).await;
        let queued = stream.next().await;
        let is_there = matches!(&queued, Some(Event::Progress(Progress::Queued { ahead, .. })) if *ahead == place);
        assert!(is_there, "{queued:?}");
        rest.push(stream);
    }
    let waiting = pair.door.environment("prod").await.waiting;
    let versions: Vec<_> = waiting.iter().filter_map(|one| one.version.as_deref()).collect();
    assert_eq!(versions, ["v0", "v1", "v2"]);
    let status = pair.door.proxyctl(&["status", "prod"]).await;
    status.assert_says(&["deploy of v0 by"]);
    // The one in the middle hangs up, and the first of all is killed.
    drop(rest.remove(1));
    eventually(secs(10), || async {
        let waiting = pair.door.environment("prod").await.waiting.len();
        holds(waiting == 2, || format!("{waiting} wait"))
    })
    .await;
    drop(first);
    let second = Deployment::begun(&pair.door, rest.remove(0)).await;
    assert_eq!(
        second.release(DeployOutcome::Refused).await.exit_code(),
        Some(exit::REFUSED)
    );
    let third = Deployment::begun(&pair.door, rest.remove(0)).await;
    drop(third);
    free(&pair.door).await;
    assert_eq!(pair.serving().await, "blue");
}

#[tokio::test(flavor = "multi_thread")]
async fn n32_nothing_that_serves_is_started_or_stopped() {
    let pair = Pair::plain("").await;
    pair.blue.answer_when("/slow", "slow", "slow");
    let deployment = Deployment::hold(&pair.door).await;
    for stage in [Stage::Start, Stage::Stop] {
        assert_eq!(deployment.begin(stage, BLUE).await, Err(exit::REFUSED), "blue is live");
        assert_eq!(deployment.begin(stage, None).await, Err(exit::USAGE));
    }
    assert_eq!(deployment.begin(Stage::Start, GREEN).await, Ok(()));
    // What is just being started is not switched to.
    let refused = deployment.swap(None).await.end().await;
    assert_eq!(refused.exit_code(), Some(exit::REFUSED), "{refused:?}");
    deployment.finish(Stage::Start, GREEN, 0, "").await;
    let mut slow = pair.begin("/slow").await;
    let mut swap = deployment.swap(None).await;
    swap.until("the switch", |event| {
        matches!(event, Event::Swap(SwapStep::Switched { .. }))
    })
    .await;
    swap.until("the check", |event| {
        matches!(event, Event::Swap(SwapStep::Verified { .. }))
    })
    .await;
    assert_eq!(
        deployment.begin(Stage::Stop, BLUE).await,
        Err(exit::BUSY),
        "blue drains"
    );
    assert_eq!(
        deployment.begin(Stage::Stop, GREEN).await,
        Err(exit::REFUSED),
        "green is live"
    );
    pair.blue.release("slow");
    assert_eq!(slow.response("GET").await.unwrap().text(), "slow");
    assert!(matches!(swap.end().await, Event::Swap(SwapStep::Done { .. })));
    assert_eq!(deployment.begin(Stage::Stop, BLUE).await, Ok(()));
    // The way back leads to a side that is just being stopped.
    let back = pair.door.rollback("prod", &[]).await;
    back.assert_code(exit::BUSY);
    deployment.finish(Stage::Stop, BLUE, 0, "").await;
    assert_eq!(pair.door.rollback("prod", &[]).await.assert_done(), Slot::Blue);
    assert_eq!(
        deployment.begin(Stage::Stop, BLUE).await,
        Err(exit::REFUSED),
        "it is live again"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn n32_who_wants_to_stop_the_old_side_later_is_refused_when_it_was_switched_meanwhile() {
    let pair = Pair::plain("").await;
    let first = Deployment::hold(&pair.door).await;
    first.swap(None).await.end().await;
    first.release(DeployOutcome::Done).await;
    let generation = pair.door.environment("prod").await.generation;
    let since = DeployRequest {
        since: Some(generation),
        ..deployment()
    };
    drop(Deployment::of(&pair.door, &since).await);
    free(&pair.door).await;
    pair.door.rollback("prod", &[]).await.assert_done();
    let refused = Stream::ask(&pair.door.socket(), "/v1/deploy", &since).await.end().await;
    let Event::Common(CommonStep::Refused { code, reason, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(code, exit::REFUSED);
    assert!(reason.contains("was switched meanwhile"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn n34_the_journal_has_each_step_with_its_command_exit_code_and_output() {
    let pair = Pair::plain("").await;
    let request = DeployRequest {
        version: Some("v2".into()),
        ..deployment()
    };
    let deployment = Deployment::of(&pair.door, &request).await;
    let operation = deployment.operation;
    assert_eq!(deployment.begin(Stage::Before, None).await, Ok(()));
    let output = format!("{}the table is there already\n", "x".repeat(200_000));
    deployment.finish(Stage::Before, None, 3, &output).await;
    assert_eq!(
        deployment.release(DeployOutcome::Refused).await.exit_code(),
        Some(exit::REFUSED)
    );
    let entries = pair.door.history().await;
    let own = |entry: &&Entry| entry.operation == Some(operation);
    let kinds: Vec<_> = entries
        .iter()
        .filter(own)
        .map(|entry| format!("{:?}", entry.record))
        .collect();
    let words = ["Asked", "Deploying", "CommandBegun", "CommandEnded", "Released"];
    assert_eq!(kinds.len(), words.len(), "{kinds:#?}");
    for (kind, word) in kinds.iter().zip(words) {
        assert!(kind.contains(word), "{kinds:#?}");
    }
    // Without being asked for, what commands wrote is not read out.
    assert!(!kinds.concat().contains("already"));
    let brief = pair.door.proxyctl(&["history", "prod"]).await;
    brief.assert_says(&["deploy #"]).assert_says(&["nothing was switched"]);
    assert!(!brief.all().contains("./tool"));
    let verbose = pair.door.proxyctl(&["history", "prod", "--verbose"]).await;
    verbose
        .assert_says(&["./tool before"])
        .assert_says(&["exit code 3"])
        .assert_says(&["the table is there already"]);
    assert!(verbose.all().len() < 70_000, "more than the end is kept");
    let json = pair.door.proxyctl(&["history", "prod", "--verbose", "--json"]).await;
    json.assert_says(&["the table is there already"]);
}

/// What a client is at when it is killed.
#[derive(Debug, Clone, Copy, PartialEq)]
enum At {
    Holding,
    Starting,
    Gating,
    Between,
    Migrating,
    Swapping,
    Baking,
    Draining,
    Stopping,
    After,
}

/// Kills the client there; what serves from then on, and what the journal says that it was at.
async fn killed(at: At) -> (&'static str, &'static str) {
    let pair = Pair::plain(if at == At::Baking { "bake.for = \"1s\"\n" } else { "" }).await;
    let deployment = Deployment::hold(&pair.door).await;
    let operation = deployment.operation;
    let gated = |event: &Event| matches!(event, Event::Progress(Progress::Gating { .. }));
    let (mut streams, mut slow) = (Vec::new(), None);
    match at {
        At::Holding => {}
        At::Starting => assert_eq!(deployment.begin(Stage::Start, GREEN).await, Ok(())),
        At::Gating | At::Swapping => {
            pair.green.health(Health::status(503));
            let mut stream = match at {
                At::Gating => deployment.gate().await,
                _ => deployment.swap(None).await,
            };
            stream.until("the gate", gated).await;
            streams.push(stream);
        }
        At::Between => {
            let passed = deployment.gate().await.end().await;
            assert_eq!(passed, Event::Swap(SwapStep::Passed));
        }
        At::Migrating => assert_eq!(deployment.begin(Stage::Before, None).await, Ok(())),
        At::Baking => {
            let mut stream = deployment.swap(None).await;
            let baking = |event: &Event| matches!(event, Event::Progress(Progress::Baking { .. }));
            stream.until("the bake window", baking).await;
            streams.push(stream);
        }
        At::Draining => {
            pair.blue.answer_when("/slow", "slow", "slow");
            slow = Some(pair.begin("/slow").await);
            let mut stream = deployment.swap(None).await;
            stream
                .until("the check", |event| {
                    matches!(event, Event::Swap(SwapStep::Verified { .. }))
                })
                .await;
            streams.push(stream);
        }
        At::Stopping | At::After => {
            deployment.swap(None).await.end().await;
            let (stage, slot) = if at == At::After {
                (Stage::After, None)
            } else {
                (Stage::Stop, BLUE)
            };
            assert_eq!(deployment.begin(stage, slot).await, Ok(()));
        }
    }
    drop((deployment, streams));
    // The lock goes at once; a swap that was asked for is the daemon's, and a gate alone is nobody's.
    let mut end = None;
    eventually(secs(10), || async {
        let abandoned = end_of(&pair.door, operation).await;
        holds(abandoned.is_some(), || "it holds the environment".into())
    })
    .await;
    if let Some(Event::Deploy(DeployStep::Abandoned { step, .. })) = end_of(&pair.door, operation).await {
        end = Some(step);
    }
    pair.green.health(Health::status(200));
    pair.blue.release("slow");
    if let Some(mut slow) = slow {
        assert_eq!(slow.response("GET").await.unwrap().text(), "slow");
    }
    free(&pair.door).await;
    let serving = if pair.serving().await == "green" {
        "green"
    } else {
        "blue"
    };
    drop(Deployment::hold(&pair.door).await);
    free(&pair.door).await;
    // Nothing is torn: every operation of the journal has its end.
    pair.door.kill9();
    pair.door.restart().await;
    let torn = |entry: &Entry| matches!(entry.record, Record::Torn { .. });
    let history = pair.door.history().await;
    assert!(!history.iter().any(torn), "{at:?}: {history:#?}");
    assert_eq!(pair.serving().await, serving);
    (serving, String::leak(end.unwrap_or_default()))
}

#[tokio::test(flavor = "multi_thread")]
async fn n34_a_client_that_is_killed_frees_the_environment_and_its_last_step_is_in_the_journal() {
    for (at, serving, step) in [
        (At::Holding, "blue", "between two steps"),
        (At::Starting, "blue", "start"),
        (At::Gating, "blue", "gate"),
        (At::Between, "blue", "between two steps"),
        (At::Migrating, "blue", "before"),
    ] {
        assert_eq!(killed(at).await, (serving, step), "{at:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn n34_a_client_that_is_killed_in_or_after_its_swap_leaves_that_to_the_daemon() {
    for (at, serving, step) in [
        (At::Swapping, "green", "gate"),
        (At::Baking, "green", "bake"),
        (At::Draining, "green", "drain"),
        (At::Stopping, "green", "stop"),
        (At::After, "green", "after"),
    ] {
        assert_eq!(killed(at).await, (serving, step), "{at:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn n34_a_daemon_that_is_killed_holds_nothing_afterwards_and_says_what_was_torn() {
    let pair = Pair::plain("").await;
    let mut deployment = Deployment::hold(&pair.door).await;
    assert_eq!(deployment.begin(Stage::Before, None).await, Ok(()));
    pair.door.kill9();
    while deployment.stream.next().await.is_some() {}
    pair.door.restart().await;
    assert_eq!((holder(&pair.door).await, pair.serving().await), (None, "blue".into()));
    let history = pair.door.proxyctl(&["history", "prod"]).await;
    history.assert_says(&["torn"]).assert_says(&["deploy #"]);
    Deployment::hold(&pair.door).await.release(DeployOutcome::Done).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn n34_a_daemon_that_stops_ends_a_deployment_with_its_reason() {
    let pair = Pair::plain("").await;
    let mut deployment = Deployment::hold(&pair.door).await;
    pair.door.sigterm();
    let end = deployment.stream.end().await;
    assert!(
        matches!(&end, Event::Common(CommonStep::Failed { reason, .. }) if reason.contains("stopped")),
        "{end:?}"
    );
    pair.door.end(secs(30)).await;
    pair.door.restart().await;
    assert_eq!(holder(&pair.door).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_gets_in_when_a_deployment_has_switched() {
    let pair = Pair::plain("bake.for = \"30s\"\n").await;
    let deployment = Deployment::hold(&pair.door).await;
    pair.door.rollback("prod", &[]).await.assert_code(exit::BUSY);
    let mut swap = deployment.swap(None).await;
    swap.until("the bake window", |event| {
        matches!(event, Event::Progress(Progress::Baking { .. }))
    })
    .await;
    pair.door.swap("prod", &[]).await.assert_code(exit::BUSY);
    // As a deployment of its own, which stands above the first one.
    let back = DeployRequest {
        kind: Kind::Rollback,
        ..crate::common::control::deployment()
    };
    let above = Deployment::of(&pair.door, &back).await;
    assert_eq!((above.plan.live, above.plan.idle), (Slot::Green, Slot::Blue));
    assert_eq!(deployment.begin(Stage::After, None).await, Err(exit::BUSY));
    above.release(DeployOutcome::Refused).await;
    assert_eq!(deployment.begin(Stage::After, None).await, Ok(()));
    deployment.finish(Stage::After, None, 0, "").await;
    // And as it always was.
    let back = pair.door.watch(&["rollback", "prod"]);
    assert!(matches!(swap.end().await, Event::Swap(SwapStep::RolledBack { .. })));
    assert_eq!(pair.serving().await, "blue");
    assert_eq!(
        deployment.begin(Stage::Stop, BLUE).await,
        Err(exit::REFUSED),
        "it is live"
    );
    drop(back);
    assert_eq!(
        deployment.release(DeployOutcome::RolledBack).await.exit_code(),
        Some(exit::ROLLED_BACK)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_deployed_to_each_side_is_told_and_kept() {
    let pair = Pair::plain("").await;
    for version in ["1.0", "1.1"] {
        let deployment = Deployment::hold(&pair.door).await;
        deployment.swap(Some(version)).await.end().await;
        deployment.release(DeployOutcome::Done).await;
    }
    let deployed = async |slot| {
        let deployed = pair.door.environment("prod").await.deployed;
        deployed.get(&slot).map(|it| it.version.clone())
    };
    let both = async || (deployed(Slot::Blue).await, deployed(Slot::Green).await);
    assert_eq!(both().await, (Some("1.1".into()), Some("1.0".into())));
    pair.door.kill9();
    pair.door.restart().await;
    assert_eq!(both().await, (Some("1.1".into()), Some("1.0".into())));
    let status = pair.door.proxyctl(&["status", "prod"]).await;
    status.assert_says(&["blue 1.1"]).assert_says(&["green 1.0"]);
    let back = DeployRequest {
        kind: Kind::Rollback,
        ..deployment()
    };
    let plan = Deployment::of(&pair.door, &back).await.plan;
    assert_eq!(plan.deployed_idle.map(|it| it.version), Some("1.0".into()));
    free(&pair.door).await;
    // A rollback comes back to what was there; of a swap that names no version nothing is known.
    pair.door.rollback("prod", &[]).await.assert_done();
    assert_eq!(both().await, (Some("1.1".into()), Some("1.0".into())));
    pair.door.swap("prod", &[]).await.assert_done();
    assert_eq!(both().await, (None, Some("1.0".into())));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_says_what_would_be_held_and_holds_nothing() {
    let pair = Pair::plain("protected = true\ndeploy = { start = \"true\", stop = \"true\" }\n").await;
    let dry = DeployRequest {
        dry_run: true,
        ..deployment()
    };
    let named = DeployRequest {
        confirmed: Some("prod".into()),
        ..deployment()
    };
    let held = Deployment::of(&pair.door, &named).await;
    pair.green.stop_listening().await;
    let mut stream = Stream::ask(&pair.door.socket(), "/v1/deploy", &dry).await;
    let Some(Event::Deploy(DeployStep::Deploying {
        operation: None, plan, ..
    })) = stream.next().await
    else {
        panic!("no plan");
    };
    assert!(plan.protected && !plan.services[0].idle_answers);
    assert!(plan.table.is_some(), "how the file says");
    assert_eq!(stream.next().await, Some(CommonStep::Planned.into()));
    held.release(DeployOutcome::Done).await;
    let refused = Stream::ask(&pair.door.socket(), "/v1/deploy", &deployment())
        .await
        .end()
        .await;
    assert_eq!(refused.exit_code(), Some(exit::USAGE), "{refused:?}");
}
