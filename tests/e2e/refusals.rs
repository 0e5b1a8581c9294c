//! Every refusal: its exit code, the app's own words, and nothing changed.

use crate::common::app::{App, Health, Step, send};
use crate::common::door::{Door, QUICK};
use crate::common::fixture::{HOST, Pair};
use crate::common::operation::Output;
use crate::common::{ms, secs};
use greengate::model::api::exit;
use greengate::model::history::Record;
use greengate::model::slot::Slot;

/// Runs an operation that has to be refused: status before and after are the same, blue serves, and nobody failed meanwhile.
async fn refused(pair: &Pair, args: &[&str], code: u8) -> Output {
    let before = pair.door.unmoved("prod").await;
    let serving = pair.serving().await;
    let output = pair.door.proxyctl(args).await;
    output.assert_code(code);
    assert_eq!(
        pair.door.unmoved("prod").await,
        before,
        "a refused operation changed something\n{output:#?}"
    );
    assert_eq!(
        pair.serving().await,
        serving,
        "a refused operation changed who serves\n{output:#?}"
    );
    assert!(
        pair.door.environment("prod").await.operation.is_none(),
        "a refused operation still holds the environment"
    );
    output
}

const SWAP: [&str; 4] = ["swap", "prod", "--deadline", "1s"];

#[tokio::test(flavor = "multi_thread")]
async fn a_candidate_that_is_down_is_refused_with_the_sockets_error() {
    let pair = Pair::tls("").await;
    pair.green.stop_hard().await;
    let output = refused(&pair, &SWAP, exit::REFUSED).await;
    output.assert_says(&["refused"]).assert_says(&[&pair.green.address()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_candidate_that_answers_503_is_refused_with_its_own_words() {
    let pair = Pair::tls("").await;
    pair.green
        .health(Health::status(503).body("{\"db\":\"connection to 10.0.0.9 lost\"}"));
    let output = refused(&pair, &SWAP, exit::REFUSED).await;
    output
        .assert_says(&["503"])
        .assert_says(&["connection to 10.0.0.9 lost"]);
    output.assert_says(&["Nothing was switched; blue stays live"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_candidate_that_redirects_is_refused_with_the_place_it_points_to() {
    let pair = Pair::tls("").await;
    pair.green
        .health(Health::status(301).fields("Location: https://login.example.com/\r\n"));
    refused(&pair, &SWAP, exit::REFUSED)
        .await
        .assert_says(&["https://login.example.com/"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_candidate_that_is_too_slow_is_refused() {
    let pair = Pair::tls("health.timeout = \"100ms\"\n").await;
    pair.green.health(Health::status(200).after(secs(5)));
    let output = refused(&pair, &SWAP, exit::REFUSED).await;
    output.assert_says(&["no answer within 100 ms"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_candidate_that_accepts_and_says_nothing_is_refused() {
    let pair = Pair::tls("health.timeout = \"100ms\"\n").await;
    pair.green.on("/health", vec![Step::Hang]);
    let output = refused(&pair, &SWAP, exit::REFUSED).await;
    output.assert_says(&["no answer within 100 ms"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_candidate_that_does_not_speak_http_is_refused() {
    let pair = Pair::tls("").await;
    pair.green
        .on("/health", vec![send("SSH-2.0-OpenSSH_9.2\r\n"), Step::Close]);
    let output = refused(&pair, &SWAP, exit::REFUSED).await;
    output.assert_says(&["does not speak HTTP/1.1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_candidate_that_dies_in_its_answer_is_refused() {
    let pair = Pair::tls("").await;
    pair.green.on(
        "/health",
        vec![send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nok"), Step::Close],
    );
    let output = refused(&pair, &SWAP, exit::REFUSED).await;
    output.assert_says(&["closed the connection without a whole answer"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_candidate_that_flaps_is_refused() {
    let pair = Pair::tls("").await;
    pair.green
        .health_script([Health::status(200), Health::status(500).body("flapping")], true);
    let output = refused(&pair, &SWAP, exit::REFUSED).await;
    // Of the last answer before the deadline.
    let reasons = ["flapping", "not often enough in a row"];
    assert!(
        reasons.iter().any(|reason| output.all().contains(reason)),
        "{output:#?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_candidate_of_the_wrong_version_is_refused_with_both_versions() {
    let pair = Pair::tls("health.version = \"header:X-Version\"\n").await;
    let args = ["swap", "prod", "--expect-version", "v3", "--deadline", "1s"];
    refused(&pair, &args, exit::REFUSED)
        .await
        .assert_says(&["v2"])
        .assert_says(&["v3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expected_version_that_nobody_can_tell_is_refused() {
    let pair = Pair::tls("").await;
    let args = ["swap", "prod", "--expect-version", "v2", "--deadline", "1s"];
    refused(&pair, &args, exit::USAGE)
        .await
        .assert_says(&["no service of `prod` says which version it is", "health.version"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_candidate_must_not_be_the_live_side() {
    let pair = Pair::tls("").await;
    for to in ["blue".to_owned(), pair.blue.address()] {
        refused(&pair, &["swap", "prod", "--to", &to, "--deadline", "1s"], exit::REFUSED)
            .await
            .assert_says(&["live"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_rollback_target_is_refused_with_its_reason() {
    let pair = Pair::tls("").await;
    pair.door.swap("prod", &[]).await.assert_done();
    pair.blue.stop_hard().await;
    let output = refused(&pair, &["rollback", "prod", "--deadline", "1s"], exit::REFUSED).await;
    output.assert_says(&["refused"]).assert_says(&[&pair.blue.address()]);
    assert_eq!(pair.serving().await, "green");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_colour_that_still_drains_is_no_candidate_unless_forced() {
    let pair = Pair::plain("").await;
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n";
    pair.blue
        .on("/held", vec![send(head), Step::Until("go"), send("0\r\n\r\n")]);
    let mut client = pair.ask("/held").await;
    client.incoming.until(b"first").await.unwrap();
    pair.door.swap("prod", &["--no-wait"]).await.assert_code(exit::DONE);

    refused(&pair, &SWAP, exit::REFUSED).await.assert_says(&["drain"]);
    let mut forced = pair.door.watch(&["swap", "prod", "--force"]);
    forced.switched().await;
    assert_eq!(pair.serving().await, "blue");
    pair.blue.release("go");
    assert_eq!(client.response("GET").await.unwrap().text(), "first");
    assert_eq!(forced.finish().await.assert_done(), Slot::Blue);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_protected_environment_wants_its_name() {
    let pair = Pair::tls("protected = true\n").await;
    for args in [
        &["swap", "prod"][..],
        &["swap", "prod", "--yes=dev"],
        &["rollback", "prod"],
    ] {
        refused(&pair, args, exit::USAGE).await.assert_says(&["prod"]);
    }
    pair.door.swap("prod", &["--yes=prod"]).await.assert_done();
    pair.door.rollback("prod", &["--yes=prod"]).await.assert_done();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_environment_that_is_not_there_is_named() {
    let pair = Pair::tls("").await;
    refused(&pair, &["swap", "prdo"], exit::USAGE)
        .await
        .assert_says(&["prdo"])
        .assert_says(&["prod"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_with_one_side_cannot_be_swapped() {
    let app = App::start("only", "v1").await;
    let upstream = app.address();
    let door = Door::start(&format!(
        "{QUICK}[env.dev]\nhost = \"{HOST}\"\nupstream = \"{upstream}\"\n"
    ))
    .await;
    let before = door.unmoved("dev").await;
    for command in ["swap", "rollback"] {
        door.proxyctl(&[command, "dev"])
            .await
            .assert_code(exit::REFUSED)
            .assert_says(&["give a service `blue` and `green` in place of `upstream`"]);
    }
    assert_eq!(door.unmoved("dev").await, before);
    assert_eq!(
        door.tls(HOST).await.unwrap().get(HOST, "/").await.unwrap().app(),
        "only"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn usage_errors_are_two_and_no_daemon_is_three() {
    let pair = Pair::tls("").await;
    for args in [
        &["swap"][..],
        &["frobnicate"],
        &["swap", "prod", "--frobnicate"],
        &["swap", "prod", "--deadline", "soon"],
    ] {
        pair.door.proxyctl(args).await.assert_code(exit::USAGE);
    }
    pair.door.sigterm();
    assert!(pair.door.end(secs(30)).await.success());
    for args in [&["status"][..], &["swap", "prod"], &["history"]] {
        pair.door.proxyctl(args).await.assert_code(exit::UNREACHABLE);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_in_the_history_with_who_asked() {
    let pair = Pair::tls("health.timeout = \"500ms\"\n").await;
    pair.green.health(Health::status(503).body("not today").after(ms(1)));
    refused(&pair, &SWAP, exit::REFUSED).await;
    let history = pair.door.history().await;
    let uid = rustix::process::getuid().as_raw();
    let asked = history
        .iter()
        .any(|entry| matches!(&entry.record, Record::Asked { caller, .. } if caller.uid == uid));
    assert!(asked, "nobody asked, says the journal: {history:#?}");
    let text = serde_json::to_string(&history).unwrap();
    assert!(
        text.contains("not today"),
        "the journal does not carry the app's words: {text}"
    );
}
