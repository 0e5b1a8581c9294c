//! `[[notify]]`: who asked for it is told what happened, in words, in the form that is understood there, however often it takes; and
//! nobody else waits for that.

mod receiver;
mod surroundings;

use std::collections::BTreeSet;
use std::path::Path;

use greengate::model::api::{NotifyTested, exit};
use serde_json::json;
use tempfile::TempDir;

use crate::common::app::{App, Health};
use crate::common::door::{Door, QUICK_PLAIN, ROOTS, TIMES, environment};
use crate::common::fixture::PLAIN;
use crate::common::ledger::Ledger;
use crate::common::{eventually, holds, secs};
use receiver::{Manner, Receiver};

/// So that no test waits for what it does not test.
const HASTE: &str = "notify_first=40,notify_longest=200,notify_look=40,";

/// What an app says at its gate.
const WORDS: &str = r#"{"db":"connection refused <@everyone>"}"#;

/// A door with blue and green, blue live, and who is told.
struct Stage {
    door: Door,
    blue: App,
    green: App,
}

impl Stage {
    async fn with(notify: &str, roots: Option<&Path>, times: &str) -> Self {
        let ledger = Ledger::default();
        let blue = App::start_in("blue", "v1", &ledger).await;
        let green = App::start_in("green", "v2", &ledger).await;
        let config = format!("{QUICK_PLAIN}{}\n{notify}\n", environment("prod", PLAIN, &blue, &green));
        let any = "127.0.0.1:0".parse().unwrap();
        let door = Door::start_at(any, any, "", &config, |folder| {
            std::fs::write(folder.join(TIMES), format!("{HASTE}{times}")).unwrap();
            if let Some(roots) = roots {
                std::fs::copy(roots, folder.join(ROOTS)).unwrap();
            }
        });
        let door = door.await;
        Self { door, blue, green }
    }

    /// With one receiver that is told everything in JSON.
    async fn telling(receiver: &Receiver, more: &str, times: &str) -> Self {
        let all = r#"events = ["swap", "rollback", "refused", "certificate", "away"]"#;
        let notify = format!("[[notify]]\nurl = \"{}\"\n{all}\n{more}", receiver.url("/all"));
        Self::with(&notify, None, times).await
    }

    /// A swap that is refused at its gate.
    async fn refuse(&self) {
        self.green.health(Health::status(503).body(WORDS));
        let swap = self.door.swap("prod", &["--deadline", "200ms"]).await;
        swap.assert_code(exit::REFUSED);
    }
}

fn private(folder: &TempDir, name: &str, text: &str) -> String {
    use std::os::unix::fs::PermissionsExt as _;
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path.display().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_swap_is_told_to_each_as_it_understands_and_json_is_signed() {
    let folder = tempfile::tempdir().unwrap();
    let roots = folder.path().join("roots.pem");
    let (json, chats) = (Receiver::secure(&roots).await, Receiver::start().await);
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let url_file = private(
        &folder,
        "url",
        &format!("{}\n", json.secure_url("/hush-in-a-file?key=hush")),
    );
    let secret_file = private(&folder, "secret", secret);
    let said = folder.path().join("said.json");
    let script = private(
        &folder,
        "page-me",
        &format!("#!/bin/sh\ncat > {0}.new && mv {0}.new {0}\n", said.display()),
    );
    let notify = format!(
        "[[notify]]\nurl_file = \"{url_file}\"\nsecret_file = \"{secret_file}\"\n\
         [[notify]]\nurl = \"{}\"\nformat = \"slack\"\n\
         [[notify]]\nurl = \"{}\"\nformat = \"discord\"\n\
         [[notify]]\nurl = \"{}\"\nformat = \"ntfy\"\n\
         [[notify]]\ncommand = \"sh {script}\"\n\
         [[notify]]\nurl = \"{}\"\nevents = [\"away\"]\n",
        chats.url("/slack/hush"),
        chats.url("/discord/hush"),
        chats.url("/ntfy/hush"),
        chats.url("/others"),
    );
    let stage = Stage::with(&notify, Some(&roots), "").await;
    stage.refuse().await;

    let got = json.messages("/hush-in-a-file?key=hush", 1).await.remove(0);
    let message = got.json();
    assert_eq!(
        (&message["type"], &message["data"]["severity"]),
        (&json!("greengate.refused"), &json!("warning"))
    );
    let data = &message["data"];
    assert_eq!(data["title"], "prod: swap refused");
    assert_eq!(
        (&data["environments"], &data["key"]),
        (&json!(["prod"]), &json!("operation/prod"))
    );
    let text = data["text"].as_str().unwrap();
    for words in [
        "Nothing was switched; blue still serves.",
        "asked for by root",
        "Now: blue serves, and is well since ",
        WORDS,
        "What helps: ",
    ] {
        assert!(text.contains(words), "no {words:?} in {text}");
    }
    verify(secret, &got).await;

    let slack = chats.messages("/slack/hush", 1).await.remove(0).json();
    let text = slack["text"].as_str().unwrap();
    assert!(
        text.starts_with("⚠️ *prod: swap refused*\n") && text.contains("&lt;@everyone&gt;"),
        "{text}"
    );
    let discord = chats.messages("/discord/hush", 1).await.remove(0).json();
    assert!(
        discord["content"]
            .as_str()
            .unwrap()
            .starts_with("⚠️ **prod: swap refused**\n"),
        "{discord}"
    );
    assert_eq!(discord["allowed_mentions"], json!({ "parse": [] }));
    let ntfy = chats.messages("/ntfy/hush", 1).await.remove(0);
    assert_eq!(
        (ntfy.field("title"), ntfy.field("priority")),
        ("prod: swap refused", "high")
    );
    assert!(ntfy.body.contains(WORDS), "{}", ntfy.body);
    let told = eventually(secs(20), || async {
        std::fs::read_to_string(&said).map_err(|error| error.to_string())
    })
    .await;
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(
        (&told["type"], &told["data"]["operation"]),
        (&message["type"], &data["operation"])
    );
    assert!(
        chats.got().iter().all(|got| got.path != "/others"),
        "it wants to hear of something else"
    );

    // Nothing that people see has a URL in it.
    let output = stage.door.proxyctl(&["status", "--json"]).await.all();
    assert!(output.contains("localhost") || output.contains(&url_file), "{output}");
    let kept = std::fs::read_to_string(stage.door.state_dir().join("notify.json")).unwrap();
    let log = stage.door.process().log().text();
    for seen in [output, kept, log] {
        assert!(!seen.contains("hush") && !seen.contains("whsec"), "{seen}");
    }
}

/// Checks the signature by another hand: Python's `hmac`, in the words of the documentation.
async fn verify(secret: &str, got: &receiver::Got) {
    let manual = include_str!("../../../docs/notify.md");
    let shown = manual
        .split("```python\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next());
    let program = format!(
        "import json, sys\nit = json.load(sys.stdin)\nsecret, headers, body = it['secret'], it['headers'], it['body'].encode()\n\
         {}print(is_ours)",
        shown.expect("the documentation has a program")
    );
    let headers = ["webhook-id", "webhook-timestamp", "webhook-signature"].map(|name| (name, got.field(name)));
    let headers: std::collections::BTreeMap<_, _> = headers.into_iter().collect();
    let input = json!({ "secret": secret, "headers": headers, "body": got.body });
    assert_eq!(
        piped("python3", &["-c", &program], &input.to_string()).await.trim(),
        "True"
    );
    let forged = json!({ "secret": secret, "headers": headers, "body": format!("{} ", got.body) });
    assert_eq!(
        piped("python3", &["-c", &program], &forged.to_string()).await.trim(),
        "False"
    );
    assert!(got.field("webhook-id").starts_with("msg_"), "{got:?}");
}

async fn piped(program: &str, args: &[&str], input: &str) -> String {
    use tokio::io::AsyncWriteExt as _;
    let mut child = tokio::process::Command::new(program)
        .args(args)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).await.unwrap();
    String::from_utf8(child.wait_with_output().await.unwrap().stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_shows_what_each_destination_answers() {
    let (good, bad, hung) = (
        Receiver::start().await,
        Receiver::start().await,
        Receiver::start().await,
    );
    let notify = format!(
        "[[notify]]\nurl = \"{}\"\n[[notify]]\nurl = \"{}\"\nformat = \"slack\"\n[[notify]]\nurl = \"{}\"\n",
        good.url("/x"),
        bad.url("/x"),
        hung.url("/x")
    );
    let stage = Stage::with(&notify, None, "notify_answer=400").await;
    bad.does(Manner::Answers(
        302,
        Some(("location", good.url("/elsewhere"))),
        "no_team\u{1b}[31m",
    ));
    hung.does(Manner::Hangs);
    let output = stage.door.proxyctl(&["notify", "test", "--json"]).await;
    output.assert_code(exit::FAILED);
    let tested: NotifyTested = serde_json::from_str(&output.stdout).unwrap();
    let found: Vec<_> = tested
        .results
        .iter()
        .map(|one| (one.number, one.delivered, one.status))
        .collect();
    assert_eq!(found, [(1, true, Some(200)), (2, false, Some(302)), (3, false, None)]);
    let why = tested.results[1].reason.as_ref().unwrap();
    assert!(
        why.contains("redirects to `127.0.0.1`, which is not followed: no_team\\u{1b}"),
        "{why}"
    );
    assert_eq!(tested.results[2].reason.as_deref(), Some("no answer within 0.4 s"));
    assert_eq!(
        good.got().len(),
        1,
        "a redirect is not followed, and nothing is tried twice"
    );
    assert_eq!(good.got()[0].title(), "test: messages of Greengate arrive here");

    good.does(Manner::Babbles);
    let output = stage.door.proxyctl(&["notify", "test", "--to", "1"]).await;
    output
        .assert_code(exit::DONE)
        .assert_says(&["✓ 1 127.0.0.1: taken in", "status 200", "xxx"]);
    assert!(
        output.stdout.len() < 1000,
        "of an answer without end its beginning is read"
    );
    let output = stage.door.proxyctl(&["notify", "test", "--to", "7"]).await;
    output
        .assert_code(exit::USAGE)
        .assert_says(&["`7` is no destination", "1 (127.0.0.1), 2 (127.0.0.1)"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_nobody_took_is_sent_again_by_the_next_process_under_its_number() {
    let receiver = Receiver::start().await;
    receiver.does(Manner::Answers(503, None, "later"));
    let stage = Stage::telling(&receiver, "", "").await;
    stage.refuse().await;
    let first = receiver.messages("/all", 3).await;
    let id = first[0].field("webhook-id").to_owned();
    assert!(
        first
            .iter()
            .all(|got| got.field("webhook-id") == id && got.body == first[0].body)
    );
    let status = stage.door.proxyctl(&["status"]).await;
    status.assert_says(&[
        "messages to `127.0.0.1` do not arrive since",
        "status 503: later (1 waiting)",
    ]);

    stage.door.kill9();
    stage.door.end(secs(30)).await;
    let before = receiver.got().len();
    stage.door.restart().await;
    receiver.messages("/all", before + 1).await;
    receiver.does(Manner::Answers(204, None, ""));
    eventually(secs(20), || async {
        let notify = stage.door.status().await.notify.remove(0);
        holds(notify.waiting == 0 && notify.delivered.is_some(), || {
            format!("{notify:?}")
        })
    })
    .await;
    let all = receiver.got();
    assert!(
        all.iter().all(|got| got.field("webhook-id") == id),
        "one message, however often it was sent"
    );
    assert_eq!(
        stage
            .door
            .proxyctl(&["status"])
            .await
            .stdout
            .matches("do not arrive")
            .count(),
        0
    );

    // What has arrived is not told again.
    stage.door.sigterm();
    stage.door.end(secs(30)).await;
    stage.door.restart().await;
    stage
        .door
        .swap("prod", &["--deadline", "200ms"])
        .await
        .assert_code(exit::REFUSED);
    eventually(secs(20), || async {
        let last = receiver.got().last().unwrap().field("webhook-id").to_owned();
        holds(last != id, || "the second refusal is not told".to_owned())
    })
    .await;
    assert_eq!(receiver.got().len(), all.len() + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_refused_for_good_is_given_up_and_status_says_so() {
    let receiver = Receiver::start().await;
    receiver.does(Manner::Answers(404, None, "no_service"));
    let stage = Stage::telling(&receiver, "", "").await;
    stage.refuse().await;
    eventually(secs(20), || async {
        let notify = stage.door.status().await.notify.remove(0);
        holds((notify.given_up, notify.waiting) == (1, 0), || format!("{notify:?}"))
    })
    .await;
    let output = stage.door.proxyctl(&["status"]).await;
    output.assert_says(&[
        "messages to `127.0.0.1` do not arrive since",
        "status 404: no_service (1 given up)",
    ]);
    assert_eq!(receiver.got().len(), 1, "it is not tried again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_dies_is_told_once_and_so_is_its_return() {
    let receiver = Receiver::start().await;
    let stage = Stage::telling(&receiver, "for = \"300ms\"", "").await;
    stage.blue.stop_hard().await;
    let mut client = stage.door.plain().await;
    client
        .send(format!("GET / HTTP/1.1\r\nHost: {PLAIN}\r\n\r\n"))
        .await
        .unwrap();
    let got = receiver.titled("cannot be reached for").await.json();
    assert_eq!(
        (&got["type"], &got["data"]["severity"]),
        (&json!("greengate.away"), &json!("critical"))
    );
    assert!(
        got["data"]["text"].as_str().unwrap().contains("proxyctl rollback prod"),
        "{got}"
    );

    // Another process does not tell it again.
    stage.door.kill9();
    stage.door.end(secs(30)).await;
    stage.door.restart().await;
    stage.door.swap("prod", &[]).await.assert_done();
    receiver.titled("is live").await;
    let back = receiver.titled("prod is back").await.json();
    assert_eq!(
        (&back["data"]["key"], &back["data"]["resolved"]),
        (&got["data"]["key"], &json!(true))
    );
    // What was taken in the moment of the kill may come again, as itself.
    let all = receiver.got().into_iter();
    let away = all.filter(|got| got.title().contains("cannot be reached"));
    let ids: BTreeSet<String> = away.map(|got| got.field("webhook-id").to_owned()).collect();
    assert_eq!(ids.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_nobody_replaces_is_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut params = rcgen::CertificateParams::new(vec!["old.example.com".to_owned()]).unwrap();
    let end = jiff::Timestamp::now().as_second() + 5 * 24 * 3600;
    let day = |seconds: i64| {
        let date = jiff::Timestamp::from_second(seconds)
            .unwrap()
            .to_zoned(jiff::tz::TimeZone::UTC)
            .date();
        rcgen::date_time_ymd(
            date.year().into(),
            date.month().unsigned_abs(),
            date.day().unsigned_abs(),
        )
    };
    (params.not_before, params.not_after) = (day(end - 90 * 24 * 3600), day(end));
    let key = rcgen::KeyPair::generate().unwrap();
    let cert = private(&folder, "cert.pem", &params.self_signed(&key).unwrap().pem());
    let key = private(&folder, "key.pem", &key.serialize_pem());
    let receiver = Receiver::start().await;
    let more = format!(
        "[env.old]\nhost = \"old.example.com\"\nupstream = 1\ntls = {{ cert = \"{cert}\", key = \"{key}\" }}\n"
    );
    let stage = Stage::telling(&receiver, &more, "").await;
    let got = receiver
        .titled("old.example.com: the certificate ends soon")
        .await
        .json();
    assert_eq!(got["data"]["environments"], json!(["old"]));
    assert!(
        got["data"]["text"]
            .as_str()
            .unwrap()
            .contains("nobody has put newer ones there"),
        "{got}"
    );
    stage.door.sigterm();
    stage.door.end(secs(30)).await;
    stage.door.restart().await;
    stage.refuse().await;
    receiver.titled("swap refused").await;
    let certificates = receiver
        .got()
        .into_iter()
        .filter(|got| got.title().contains("the certificate"));
    assert_eq!(certificates.count(), 1, "and not again by the next process");
}
