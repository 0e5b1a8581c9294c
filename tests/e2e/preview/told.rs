//! What `proxyctl` says of previews, and what it refuses.

use greengate::model::api::{Action, CommonStep, Event, PreviewStep, exit};
use greengate::model::history::Record;
use greengate::model::slot::Slot;

use super::{LINK, Look};
use crate::common::app::App;
use crate::common::fixture::{HOST, Pair};

#[tokio::test(flavor = "multi_thread")]
async fn links_are_data_and_status_shows_who_looks_for_how_long() {
    let pair = Pair::tls("").await;
    let output = pair.door.proxyctl(&["preview", "prod", "--for", "30m"]).await;
    output.assert_code(exit::DONE);
    let link = format!("https://{HOST}:{}{LINK}ggp_", pair.door.https().port());
    let lines: Vec<_> = output.stdout.lines().collect();
    assert!(lines.len() == 1 && lines[0].starts_with(&link), "{output:#?}");
    let told = ["for 30 min", "for 29 min"].map(|left| output.stderr.contains(&format!("green of prod {left}")));
    assert!(told.contains(&true), "{output:#?}");
    assert!(!output.stderr.contains("ggp_"), "{output:#?}");
    let shown = pair.door.environment("prod").await.previews;
    assert_eq!((shown.len(), shown[0].slot), (1, Slot::Green));
    let period = |from: &str, to: &str| {
        let (from, to): (jiff::Timestamp, jiff::Timestamp) = (from.parse().unwrap(), to.parse().unwrap());
        to.as_second() - from.as_second()
    };
    assert_eq!(period(&shown[0].since, &shown[0].until), 1800);
    let status = pair.door.proxyctl(&["status"]).await;
    status.assert_says(&["preview green by"]).assert_says(&["29 min"]);
    let output = pair.door.proxyctl(&["preview", "prod", "--end"]).await;
    output.assert_code(exit::DONE).assert_says(&["1 preview of prod ended"]);
    let output = pair.door.proxyctl(&["preview", "prod", "--end"]).await;
    output
        .assert_code(exit::DONE)
        .assert_says(&["no preview of prod was open"]);
    assert!(pair.door.environment("prod").await.previews.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn n33_the_journal_says_who_has_opened_one_for_how_long_and_why_it_ended_and_never_its_token() {
    let pair = Pair::tls("").await;
    let ended = Look::open(&pair.door, "prod", &["--for", "5m"]).await;
    pair.door
        .proxyctl(&["preview", "prod", "--end"])
        .await
        .assert_code(exit::DONE);
    let switched = Look::open(&pair.door, "prod", &[]).await;
    pair.door.swap("prod", &[]).await.assert_done();
    let history = pair.door.history().await;
    let of = |look: &Look| {
        let own = history.iter().filter(|entry| entry.operation == Some(look.operation));
        own.map(|entry| entry.record.clone()).collect::<Vec<_>>()
    };
    for (look, for_ms, reason) in [(&ended, 300_000, "asked"), (&switched, 3_600_000, "switch")] {
        let records = of(look);
        assert!(
            matches!(&records[0], Record::Asked { kind: Action::Preview, caller, .. } if !caller.user.is_empty()),
            "{records:?}"
        );
        let steps = records.iter().filter_map(|record| match record {
            Record::Step { event } => Some(event.as_ref()),
            _ => None,
        });
        let steps: Vec<_> = steps.collect();
        let [
            Event::Preview(PreviewStep::Opened { for_ms: said, slot, .. }),
            Event::Preview(over),
        ] = &steps[..]
        else {
            panic!("{steps:?}")
        };
        assert!((for_ms - 1000..=for_ms).contains(said), "{said}");
        assert_eq!(*slot, Slot::Green);
        assert!(
            serde_json::to_string(over)
                .unwrap()
                .contains(&format!("\"reason\":\"{reason}\"")),
            "{over:?}"
        );
    }
    let text = std::fs::read_to_string(pair.door.state_dir().join("journal.jsonl")).unwrap();
    for look in [&ended, &switched] {
        assert!(!text.contains(&look.token[4..]), "the journal has a token: {text}");
    }
    let shown = pair.door.proxyctl(&["history"]).await;
    shown
        .assert_says(&["it was ended by hand"])
        .assert_says(&["the environment was switched"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_looked_at_is_refused_in_words() {
    let only = App::start("only", "1").await;
    let pair = Pair::tls(&format!(
        "\n[env.dev]\nhost = \"dev.localhost\"\nupstream = \"{}\"\n",
        only.address()
    ))
    .await;
    let door = &pair.door;
    for (args, code, words) in [
        (&["preview", "nowhere"][..], exit::USAGE, "there is no environment"),
        (&["preview", "dev"], exit::REFUSED, "there is no idle side to look at"),
        (
            &["preview", "prod", "--for", "169h"],
            exit::USAGE,
            "from 1 second to 7 days",
        ),
        (
            &["preview", "prod", "--for", "999ms"],
            exit::USAGE,
            "from 1 second to 7 days",
        ),
        (
            &["preview", "prod", "--for", "1h", "--end"],
            exit::USAGE,
            "cannot be used with",
        ),
    ] {
        door.proxyctl(args).await.assert_code(code).assert_says(&[words]);
    }
    for _ in 0..16 {
        Look::open(door, "prod", &[]).await;
    }
    let finished = door.watch(&["preview", "prod"]).finish().await;
    finished.assert_code(exit::REFUSED);
    assert!(
        finished.refusal().contains("16 previews of `prod` are open"),
        "{finished:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn n30_a_preview_that_cannot_be_saved_is_not_opened() {
    let pair = Pair::tls("").await;
    std::fs::create_dir(pair.door.state_dir().join(".state.json.new")).unwrap();
    let finished = pair.door.watch(&["preview", "prod"]).finish().await;
    finished.assert_code(exit::FAILED);
    let is_told = finished.find(|event| match event {
        Event::Preview(PreviewStep::Issued { .. }) => Some(()),
        _ => None,
    });
    assert_eq!(is_told, None, "a token was given out: {finished:?}");
    assert!(
        matches!(finished.events.last(), Some(Event::Common(CommonStep::Failed { reason, .. })) if reason.contains("could not be saved")),
        "{finished:?}"
    );
    assert!(pair.door.environment("prod").await.previews.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn n33_where_nobody_looks_the_field_means_nothing_and_no_app_hears_it() {
    let pair = Pair::tls("").await;
    let mut client = pair.door.tls(HOST).await.unwrap();
    let answer = client
        .request(
            "GET",
            HOST,
            "/head",
            "X-Greengate-Preview: anything\r\nx_greengate_preview: y\r\n",
            b"",
        )
        .await
        .unwrap();
    assert_eq!((answer.status, answer.app()), (200, "blue"));
    assert!(!answer.text().to_lowercase().contains("greengate"), "{}", answer.text());
}
