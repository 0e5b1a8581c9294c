//! What others notice of it: nothing. And what becomes of it in reloads, upgrades and storms.

use greengate::model::api::{Event, ReloadRequest, exit};

use super::receiver::{Manner, Receiver};
use super::{Stage, private};
use crate::common::app::Health;
use crate::common::control::Stream;
use crate::common::{count, eventually, holds, secs};

#[tokio::test(flavor = "multi_thread")]
async fn a_swap_waits_for_nobody_who_is_told() {
    let (hung, refused) = (
        Receiver::start().await,
        tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap(),
    );
    let closed = refused.local_addr().unwrap();
    drop(refused);
    hung.does(Manner::Hangs);
    let more = format!(
        "[[notify]]\nurl = \"http://{closed}/x\"\nevents = [\"swap\"]\n\
         [[notify]]\ncommand = \"sleep 600\"\nevents = [\"swap\"]\n"
    );
    let stage = Stage::telling(&hung, &more, "notify_answer=60000").await;
    let swaps = async |words: &str| {
        let began = std::time::Instant::now();
        for _ in 0..6 {
            stage.door.swap("prod", &[]).await.assert_done();
        }
        let each = began.elapsed() / 6;
        eprintln!("a swap with {words}: {} ms", each.as_millis());
        each
    };
    let with = swaps("three destinations that do not answer").await;
    // The first message is on its way, and still unanswered.
    hung.messages("/all", 1).await;
    assert_eq!(hung.got().len(), 1, "the second one waits for the first");
    let status = stage.door.status().await.notify;
    assert!(
        status.iter().all(|it| it.waiting == 6 && it.delivered.is_none()),
        "{status:?}"
    );
    stage
        .door
        .rewrite(|text| text.split("[[notify]]").next().unwrap().to_owned());
    stage.door.reload(&[]).await.assert_code(exit::DONE);
    let without = swaps("none").await;
    assert!(
        with < without * 4 + std::time::Duration::from_secs(1),
        "{with:?} against {without:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_is_bounded_and_what_is_dropped_is_counted() {
    let hung = Receiver::start().await;
    hung.does(Manner::Hangs);
    let stage = Stage::telling(&hung, "", "notify_answer=60000").await;
    stage.door.rewrite(|text| format!("{text}\n[typo]\n"));
    let storm = count(300, 10_000);
    for _ in 0..storm {
        let mut reload = Stream::ask(&stage.door.socket(), "/v1/reload", &ReloadRequest { dry_run: false }).await;
        let end = reload.end().await;
        assert!(matches!(end, Event::Reload(_)), "{end:?}");
    }
    let told = eventually(secs(20), || async {
        let told = stage.door.status().await.notify.remove(0);
        let all = told.dropped + told.waiting as u64;
        holds(all == storm as u64, || format!("{told:?} of {storm}")).map(|()| told)
    })
    .await;
    assert_eq!(told.waiting, 256);
    stage.door.proxyctl(&["status"]).await.assert_says(&["dropped"]);
    let kept = std::fs::metadata(stage.door.state_dir().join("notify.json")).unwrap();
    assert!(kept.len() < 2 << 20, "{} bytes", kept.len());
    // A swap is as ever.
    stage.door.rewrite(|text| text.replace("\n[typo]\n", ""));
    stage.door.swap("prod", &[]).await.assert_done();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_takes_destinations_up_and_lets_them_go_without_showing_them() {
    let receiver = Receiver::start().await;
    let stage = Stage::with("", None, "").await;
    let output = stage.door.proxyctl(&["notify", "test"]).await;
    output
        .assert_code(exit::USAGE)
        .assert_says(&["the file has no `[[notify]]`"]);
    assert!(
        !stage.door.state_dir().join("notify.lock").exists(),
        "what is off touches no file"
    );

    stage
        .door
        .rewrite(|text| format!("{text}\n[[notify]]\nurl = \"htps://me:hush@hooks.example.com/hush\"\n"));
    let output = stage.door.proxyctl(&["reload"]).await;
    output
        .assert_code(exit::USAGE)
        .assert_says(&["`url` is reached in a way that is not known here", "proxy.toml:"]);
    assert!(!output.all().contains("hush"), "{}", output.all());
    let output = stage.door.proxyctl(&["check", "proxy.toml"]).await;
    output.assert_code(exit::USAGE);
    assert!(!output.all().contains("hush"), "{}", output.all());

    let folder = tempfile::tempdir().unwrap();
    let url_file = private(&folder, "url", "no url, hush");
    let url = receiver.url("/hush");
    stage.door.rewrite(|text| {
        let own = text.split("[[notify]]").next().unwrap();
        format!("{own}[[notify]]\nurl = \"{url}\"\n[[notify]]\nurl_file = \"{url_file}\"\n")
    });
    let output = stage.door.proxyctl(&["reload"]).await;
    output.assert_code(exit::USAGE).assert_says(&["has a blank in it"]);
    std::fs::write(&url_file, &url).unwrap();
    let output = stage.door.proxyctl(&["reload"]).await;
    output.assert_code(exit::DONE).assert_says(&["notify", "127.0.0.1"]);
    stage.refuse().await;
    receiver.messages("/hush", 2).await;

    stage
        .door
        .rewrite(|text| text.split("[[notify]]").next().unwrap().to_owned());
    let output = stage.door.proxyctl(&["reload"]).await;
    output.assert_code(exit::DONE);
    assert!(stage.door.status().await.notify.is_empty());
    let log = stage.door.process().log().text();
    assert!(!log.contains("hush"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn over_an_upgrade_exactly_one_process_tells_and_what_the_old_one_ends_is_told_too() {
    let receiver = Receiver::start().await;
    receiver.does(Manner::Answers(503, None, ""));
    let stage = Stage::telling(&receiver, "", "").await;
    stage.refuse().await;
    receiver.messages("/all", 1).await;
    stage.green.health(crate::common::app::Health::status(200));
    // What blue has begun keeps its swap from ending.
    stage.blue.answer_when("/wait", "go", "done");
    let mut client = stage.door.plain().await;
    client
        .send(format!(
            "GET /wait HTTP/1.1\r\nHost: {}\r\n\r\n",
            crate::common::fixture::PLAIN
        ))
        .await
        .unwrap();
    stage.blue.reached("/wait").await;
    let mut swap = stage.door.watch(&["swap", "prod"]);
    swap.switched().await;
    // An upgrade waits for nothing: while the new side is verified, it is refused.
    swap.drains().await;
    stage.door.watch(&["upgrade"]).finish().await.assert_code(exit::DONE);
    receiver.does(Manner::Answers(200, None, ""));
    stage.blue.release("go");
    receiver.titled("green is live").await;
    let all = eventually(secs(20), || async {
        let status = stage.door.status().await;
        let waiting = status.notify[0].waiting;
        holds(waiting == 0 && status.earlier.is_empty(), || {
            format!("{waiting} wait, {:?}", status.earlier)
        })
        .map(|()| receiver.got())
    })
    .await;
    let taken: std::collections::BTreeSet<_> = all.iter().map(|got| got.field("webhook-id").to_owned()).collect();
    assert_eq!(taken.len(), 2, "the refusal and the swap, whoever sent them");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_repeats_what_it_was_asked_gives_no_secret_away() {
    let receiver = Receiver::start().await;
    receiver.does(Manner::Repeats);
    let url = receiver.url("/services/hush-hush?key=hush%2F");
    let url = url.replace("http://", "http://ops:hush%40home@");
    let stage = Stage::with(&format!("[[notify]]\nurl = \"{url}\"\n"), None, "").await;
    let test = stage.door.proxyctl(&["notify", "test"]).await;
    test.assert_code(exit::FAILED)
        .assert_says(&["status 404: Cannot POST … as Basic …"]);
    stage.refuse().await;
    let status = eventually(secs(20), || async {
        let given_up = stage.door.status().await.notify[0].given_up;
        holds(given_up == 1, || format!("{given_up} given up"))?;
        Ok(stage.door.proxyctl(&["status"]).await.all())
    })
    .await;
    let log = stage.door.process().log().text();
    // `ops:hush@home`: what the URL spells is what is sent.
    let sent = "b3BzOmh1c2hAaG9tZQ==";
    assert_eq!(receiver.got()[0].field("authorization"), format!("Basic {sent}"));
    for seen in [test.all(), status, log] {
        assert!(seen.contains("Cannot POST …"), "{seen}");
        assert!(!seen.contains("hush") && !seen.contains(sent), "{seen}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ends_with_the_stop_is_told_by_the_next_process() {
    let receiver = Receiver::start().await;
    let stage = Stage::telling(&receiver, "", "").await;
    stage.green.health(Health::status(503));
    let mut swap = stage.door.watch(&["swap", "prod", "--deadline", "60s"]);
    swap.until("the gate", |event| matches!(event, Event::Progress(_)))
        .await;
    stage.door.sigterm();
    stage.door.end(secs(30)).await;
    stage.door.restart().await;
    let got = receiver.messages("/all", 1).await.remove(0);
    let message = got.json();
    assert!(message.to_string().contains("prod"), "{message}");
}
