//! The gate: who may become live, how it is asked, and one operation at a time (N5 to N8).

use crate::common::app::{App, Health};
use crate::common::door::{Door, QUICK, environment};
use crate::common::fixture::{HOST, Pair};
use crate::common::{eventually, holds, secs};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use greengate::model::api::{CommonStep, Event, SwapStep, exit};
use greengate::model::slot::Slot;

/// Waits until somebody holds the environment at the gate.
async fn gating(door: &Door) {
    eventually(secs(10), || async {
        let holder = door.environment("prod").await.operation;
        holds(holder.is_some(), || "no operation holds the environment".to_owned())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn n5_a_second_operation_is_refused_and_told_who_holds_the_environment() {
    let [blue, green] = [App::start("blue", "v1").await, App::start("green", "v2").await];
    let [dev_blue, dev_green] = [App::start("dev-blue", "v1").await, App::start("dev-green", "v2").await];
    let prod = environment("prod", HOST, &blue, &green);
    let dev = environment("dev", "dev.localhost", &dev_blue, &dev_green);
    let door = Door::start(&format!("{QUICK}{prod}{dev}")).await;
    green.health(Health::status(503));
    let first = door.watch(&["swap", "prod", "--deadline", "30s"]);
    gating(&door).await;

    let holder = door.environment("prod").await.operation.expect("a holder");
    for command in ["swap", "rollback"] {
        let output = door.proxyctl(&[command, "prod"]).await;
        output.assert_code(exit::BUSY).assert_says(&[&format!(
            "swap {} by {} holds `prod` since {}",
            holder.operation, holder.user, holder.since
        )]);
    }
    assert_eq!(
        door.swap("dev", &[]).await.assert_done(),
        Slot::Green,
        "another environment is free"
    );

    green.health(Health::status(200));
    assert_eq!(
        first.finish().await.assert_done(),
        Slot::Green,
        "the first one was not disturbed"
    );
    assert_eq!(
        door.swap("prod", &[]).await.assert_done(),
        Slot::Blue,
        "the environment is free again"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn n5_of_many_operations_at_once_exactly_one_wins() {
    let pair = Pair::tls("").await;
    // Whoever wins stays at the gate until all others have been refused.
    pair.green.health(Health::status(503));
    let swaps = (0..6).map(|_| pair.door.watch(&["swap", "prod", "--deadline", "60s"]).finish());
    let mut swaps: FuturesUnordered<_> = swaps.collect();
    for _ in 0..5 {
        swaps.next().await.expect("six swaps").assert_code(exit::BUSY);
    }
    pair.green.health(Health::status(200));
    let won = swaps.next().await.expect("six swaps");
    assert_eq!(won.assert_done(), Slot::Green);
    assert_eq!(pair.serving().await, "green");
}

#[tokio::test(flavor = "multi_thread")]
async fn n6_the_old_process_on_the_candidates_port_is_found_by_its_version() {
    let pair = Pair::tls("health.version = \"header:X-Version\"\n").await;
    pair.green.relaunch("v1").await;
    let before = pair.door.unmoved("prod").await;
    let output = pair
        .door
        .proxyctl(&["swap", "prod", "--expect-version", "v2", "--deadline", "1s"])
        .await;
    output
        .assert_code(exit::REFUSED)
        .assert_says(&["v1"])
        .assert_says(&["v2"]);
    assert_eq!(pair.door.unmoved("prod").await, before);

    pair.green.relaunch("v2").await;
    let finished = pair.door.swap("prod", &["--expect-version", "v2"]).await;
    finished.assert_done();
    let version = finished.find(|event| match event {
        Event::Common(CommonStep::Gated { version, .. }) => version.clone(),
        _ => None,
    });
    assert_eq!(version.as_deref(), Some("v2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn n6_a_version_may_stand_in_json() {
    let pair = Pair::tls("health.version = \"json:build.sha\"\n").await;
    pair.green
        .health(Health::status(200).body("{\"ok\":true,\"build\":{\"sha\":\"8b71ff7\"}}"));
    let refused = pair
        .door
        .proxyctl(&["swap", "prod", "--expect-version", "0000000", "--deadline", "1s"])
        .await;
    refused.assert_code(exit::REFUSED).assert_says(&["8b71ff7"]);
    pair.door
        .swap("prod", &["--expect-version", "8b71ff7"])
        .await
        .assert_done();
}

#[tokio::test(flavor = "multi_thread")]
async fn n6_every_instance_is_asked_at_the_address_that_traffic_will_use() {
    let [blue, one, two] = [
        App::start("blue", "v1").await,
        App::start("one", "v2").await,
        App::stopped("two", "v2"),
    ];
    let slots = format!(
        "blue = \"{}\"\ngreen = [\"{}\", \"{}\"]\n",
        blue.address(),
        one.address(),
        two.address()
    );
    let door = Door::start(&format!("{QUICK}[env.prod]\nhost = \"{HOST}\"\n{slots}")).await;
    let asked = blue.probes();
    let output = door.proxyctl(&["swap", "prod", "--deadline", "1s"]).await;
    output.assert_code(exit::REFUSED).assert_says(&[&two.address()]);
    assert!(one.probes() > 0, "the instance that is up was not asked");
    assert_eq!(one.last_seen("/health").head.fields.get("host"), Some(HOST));
    assert!(blue.probes() <= asked + 1, "the gate asked the live side");
    assert_eq!(one.requests(), 0);

    two.listen().await;
    door.swap("prod", &[]).await.assert_done();
}

#[tokio::test(flavor = "multi_thread")]
async fn n7_one_lucky_answer_does_not_open_the_gate() {
    let pair = Pair::tls("health.passes = 3\n").await;
    pair.green
        .health_script([Health::status(200), Health::status(200), Health::status(503)], true);
    let before = pair.door.unmoved("prod").await;
    let finished = pair.door.swap("prod", &["--deadline", "1s"]).await;
    finished.assert_code(exit::REFUSED);
    assert_eq!(pair.door.unmoved("prod").await, before);
    assert!(
        pair.green.probes() > 6,
        "the gate gave up after {} probes",
        pair.green.probes()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn n7_a_failure_starts_the_count_again() {
    let pair = Pair::tls("health.passes = 3\n").await;
    let answers = [200, 200, 503, 200, 200, 200];
    pair.green.health_script(answers.map(Health::status), false);
    let finished = pair.door.swap("prod", &[]).await;
    finished.assert_done();
    let (passes, probes) = finished
        .find(|event| match event {
            Event::Common(CommonStep::Gated { instances, .. }) => Some((instances[0].passes, instances[0].probes)),
            _ => None,
        })
        .expect("the gate opened");
    assert_eq!((passes, probes), (3, 6));
}

#[tokio::test(flavor = "multi_thread")]
async fn n7_a_redirect_is_neither_followed_nor_a_pass() {
    let pair = Pair::tls("").await;
    pair.green.health(Health::status(302).fields("Location: /login\r\n"));
    let output = pair.door.proxyctl(&["swap", "prod", "--deadline", "1s"]).await;
    output
        .assert_code(exit::REFUSED)
        .assert_says(&["redirect"])
        .assert_says(&["/login"]);
    assert!(
        !pair.green.targets().iter().any(|target| target.contains("/login")),
        "the redirect was followed"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn n7_status_body_and_path_are_the_users_to_say() {
    let more = "health.path = \"/healthz\"\nhealth.status = \"204\"\nhealth.host = \"probe.internal\"\n";
    let pair = Pair::tls(more).await;
    pair.door
        .proxyctl(&["swap", "prod", "--deadline", "1s"])
        .await
        .assert_code(exit::REFUSED)
        .assert_says(&["200"]);
    pair.green.health(Health::status(204));
    pair.door.swap("prod", &[]).await.assert_done();
    assert_eq!(pair.green.seen()[0].target, "/healthz");
    assert_eq!(pair.green.seen()[0].head.fields.get("host"), Some("probe.internal"));

    let pair = Pair::tls("health.body = \"ready\"\n").await;
    pair.green.health(Health::status(200).body("starting"));
    let output = pair.door.proxyctl(&["swap", "prod", "--deadline", "1s"]).await;
    output.assert_code(exit::REFUSED).assert_says(&["starting"]);
    pair.green.health(Health::status(200).body("ready to serve"));
    pair.door.swap("prod", &[]).await.assert_done();
}

#[tokio::test(flavor = "multi_thread")]
async fn n8_force_still_waits_until_the_candidate_accepts_a_connection() {
    let pair = Pair::tls("").await;
    pair.green.health(Health::status(503));
    pair.green.stop_listening().await;
    let mut swap = pair.door.watch(&["swap", "prod", "--force", "--deadline", "30s"]);
    swap.gating().await;
    assert_eq!(
        pair.serving().await,
        "blue",
        "a side that accepts no connection got traffic"
    );
    assert_eq!(pair.door.environment("prod").await.live, Some(Slot::Blue));

    pair.green.listen().await;
    swap.switched().await;
    assert!(
        matches!(
            swap.events().first(),
            Some(Event::Swap(SwapStep::Plan { forced: true, .. }))
        ),
        "{:?}",
        swap.events()
    );
    drop(swap.finish().await);
    let history = serde_json::to_string(&pair.door.history().await).unwrap();
    assert!(
        history.contains("\"forced\":true"),
        "the journal does not say that it was forced: {history}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn n8_force_is_refused_when_nobody_ever_accepts() {
    let pair = Pair::tls("").await;
    pair.green.stop_listening().await;
    let before = pair.door.unmoved("prod").await;
    let output = pair
        .door
        .proxyctl(&["swap", "prod", "--force", "--deadline", "1s"])
        .await;
    output.assert_code(exit::REFUSED).assert_says(&["refused"]);
    assert_eq!(pair.door.unmoved("prod").await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn health_alone_never_takes_the_only_live_slot_away() {
    let pair = Pair::tls("").await;
    pair.blue.health(Health::status(503));
    pair.green.health(Health::status(503));
    eventually(secs(20), || async {
        let health = pair.door.environment("prod").await.services[0].health.clone();
        holds(health[0].healthy == Some(false), || format!("{health:?}"))
    })
    .await;
    assert_eq!(pair.serving().await, "blue");
}
