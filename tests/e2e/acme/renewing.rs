//! Certificates are renewed without anybody noticing, when their life or the CA says so.

use futures_util::SinkExt;
use tokio_tungstenite::tungstenite::Message;

use crate::common::acme_door::{Renewal, Trick};
use crate::common::app::App;
use crate::common::load::{Load, MIXED, next, open_web_socket};
use crate::common::pebble::{Manners, Pebble, environment, refused, report};
use crate::common::{eventually, holds, secs};

const HOST: &str = "a.example.test";

#[tokio::test(flavor = "multi_thread")]
async fn a_60_second_certificate_is_renewed_under_load_and_nobody_notices() {
    let pebble = Pebble::start(Manners {
        validity: 60,
        ..Manners::default()
    })
    .await;
    let app = App::start("app", "v1").await;
    let door = pebble
        .door(&(pebble.acme("") + &environment("prod", "\"a.example.test\"", &app)))
        .await;
    pebble.served(&door, HOST).await;
    let first = report(&door, HOST).await;
    assert_eq!(first.why, "when half of its life is left");
    let target = pebble.target(&door, HOST).await;
    let mut socket = open_web_socket(&target, "/ws").await.unwrap();
    let due: jiff::Timestamp = first.next.as_deref().unwrap().parse().unwrap();
    eventually(secs(60), || async {
        let left = due.duration_since(jiff::Timestamp::now());
        holds(left.as_secs() < 2, || format!("it is due in {left:#}"))
    })
    .await;
    let load = Load::start(target, &MIXED).await;
    eventually(secs(60), || async {
        let now = report(&door, HOST).await;
        holds(now.not_after != first.not_after, || format!("{now:?}"))
    })
    .await;
    load.more(200).await;
    load.stop().await.assert_no_failures();
    // The tunnel from before the renewal still carries.
    socket.send(Message::text("after the renewal")).await.unwrap();
    assert_eq!(next(&mut socket).await.unwrap(), Message::text("after the renewal"));
    assert_eq!(pebble.ca.asked("/order-plz").len(), 2);
    assert_eq!(pebble.ca.asked("/sign-me-up").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cas_window_is_asked_for_and_a_renewal_says_what_it_replaces() {
    let pebble = Pebble::start(Manners::default()).await;
    let app = App::start("app", "v1").await;
    let end = jiff::Timestamp::now().as_second() + 40 * 86_400;
    let at = |second: i64| jiff::Timestamp::from_second(second).unwrap().to_string();
    pebble.ca.suggest(Some(Renewal {
        start: at(end - 86_400),
        end: at(end),
        retry_after: 3600,
    }));
    let door = pebble
        .door(&(pebble.acme("") + &environment("prod", "\"a.example.test\"", &app)))
        .await;
    pebble.served(&door, HOST).await;
    eventually(secs(20), || async {
        let report = report(&door, HOST).await;
        let next: i64 = report
            .next
            .as_deref()
            .unwrap()
            .parse::<jiff::Timestamp>()
            .unwrap()
            .as_second();
        holds(
            report.why == "the CA suggests it" && (end - 86_400..=end).contains(&next),
            || format!("{report:?}"),
        )
    })
    .await;
    let asked = pebble.ca.asked("/renewal/");
    let id = asked[0].path.rsplit('/').next().unwrap().to_owned();
    assert_eq!(id.split('.').count(), 2, "{id}");
    assert!(pebble.ca.asked("/order-plz")[0].payload.get("replaces").is_none());

    door.proxyctl(&["certs", "renew", HOST]).await.assert_code(0);
    let orders = pebble.ca.asked("/order-plz");
    assert_eq!(
        (orders.len(), orders[1].payload["replaces"].as_str()),
        (2, Some(id.as_str()))
    );

    // Somebody else has replaced it already: then it is an order like any other.
    pebble.ca.next(
        "/order-plz",
        Trick::Problem(409, "alreadyReplaced", "it was replaced".into()),
    );
    door.proxyctl(&["certs", "renew", HOST]).await.assert_code(0);
    let orders = pebble.ca.asked("/order-plz");
    assert_eq!(orders.len(), 4);
    assert!(orders[2].payload["replaces"].is_string() && orders[3].payload.get("replaces").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_window_is_asked_for_again_after_retry_after_and_the_renewal_moves_with_it() {
    let pebble = Pebble::start(Manners {
        validity: 240,
        ..Manners::default()
    })
    .await;
    let app = App::start("app", "v1").await;
    let began = jiff::Timestamp::now().as_second();
    // Less than a minute is taken for a minute.
    let suggest = |from: i64, until: i64| {
        let at = |second: i64| jiff::Timestamp::from_second(began + second).unwrap().to_string();
        pebble.ca.suggest(Some(Renewal {
            start: at(from),
            end: at(until),
            retry_after: 1,
        }));
    };
    suggest(180, 190);
    let door = pebble
        .door(&(pebble.acme("") + &environment("prod", "\"a.example.test\"", &app)))
        .await;
    pebble.served(&door, HOST).await;
    let next = |report: &greengate::model::api::CertificateReport| -> i64 {
        let next: jiff::Timestamp = report.next.as_deref().unwrap().parse().unwrap();
        next.as_second() - began
    };
    let first = eventually(secs(20), || async {
        let report = report(&door, HOST).await;
        holds(report.why == "the CA suggests it", || format!("{report:?}")).map(|()| report)
    })
    .await;
    assert!((180..=190).contains(&next(&first)), "{first:?}");
    let id = pebble.ca.asked("/renewal/")[0]
        .path
        .rsplit('/')
        .next()
        .unwrap()
        .to_owned();
    // The CA has to revoke it, say: it should have been renewed long ago.
    suggest(-3600, -1800);
    let renewed = eventually(secs(90), || async {
        let report = report(&door, HOST).await;
        let other = report.not_after != first.not_after;
        holds(other && !report.running, || format!("{report:?}")).map(|()| report)
    })
    .await;
    let took = jiff::Timestamp::now().as_second() - began;
    assert!((59..100).contains(&took), "renewed after {took} s");
    assert_eq!((renewed.failures, renewed.error), (0, None));
    let orders = pebble.ca.asked("/order-plz");
    assert_eq!(
        (orders.len(), orders[1].payload["replaces"].as_str()),
        (2, Some(id.as_str()))
    );
    let asked = pebble.ca.asked(&format!("/renewal/{id}"));
    assert_eq!(asked.len(), 2, "asked again once, when a minute was over");
    door.says("https://ca.test/why").await;
    assert_eq!(pebble.get(&door, HOST).await, Ok(200));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ca_that_never_answers_is_given_up_and_no_more_than_four_hosts_wait_for_it() {
    let pebble = Pebble::start(Manners::default()).await;
    let app = App::start("app", "v1").await;
    pebble.ca.always("/order-plz", Trick::Stall);
    let hosts: Vec<String> = (0..6).map(|number| format!("h{number}.example.test")).collect();
    let door = pebble
        .door(&(pebble.acme("") + &environment("prod", &format!("{hosts:?}"), &app)))
        .await;
    eventually(secs(20), || async {
        let asked = pebble.ca.asked("/order-plz").len();
        holds(asked == 4, || format!("{asked} orders"))
    })
    .await;
    let waiting = door.proxyctl(&["certs"]).await;
    assert_eq!(
        waiting.stdout.matches("one is being obtained").count(),
        4,
        "{waiting:?}"
    );
    eventually(secs(60), || async {
        let listed = door.proxyctl(&["certs"]).await;
        let given_up = listed
            .stdout
            .matches("cannot be reached: no answer within 30 s")
            .count();
        holds(given_up >= 4, || listed.stdout)
    })
    .await;
    // Then it is the others' turn; nobody has waited for those that failed.
    pebble.ca.behave();
    for host in &hosts {
        door.proxyctl(&["certs", "renew", host]).await;
        pebble.served(&door, host).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_certificate_is_served_while_renewal_fails_and_everybody_is_told() {
    let pebble = Pebble::start(Manners {
        validity: 8,
        ..Manners::default()
    })
    .await;
    let app = App::start("app", "v1").await;
    let door = pebble
        .door(&(pebble.acme("") + &environment("prod", "\"a.example.test\"", &app)))
        .await;
    pebble.served(&door, HOST).await;
    pebble.ca.always(
        "/order-plz",
        Trick::Problem(500, "serverInternal", "the CA is ill".into()),
    );
    refused(&door, HOST, "the CA refuses: the CA is ill").await;
    eventually(secs(20), || async {
        let report = report(&door, HOST).await;
        holds(report.note.as_deref() == Some("has expired"), || format!("{report:?}"))
    })
    .await;
    let shown = pebble.get(&door, HOST).await.unwrap_err();
    assert!(shown.contains("expired") || shown.contains("Expired"), "{shown}");
    let status = door.proxyctl(&["status"]).await;
    status
        .assert_says(&["and is not renewed"])
        .assert_says(&["has expired; the CA refuses: the CA is ill"]);
    door.says("and is not renewed").await;
    // One failed attempt a minute later and no more: no loop.
    assert_eq!(report(&door, HOST).await.failures, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn backoff_survives_a_restart_and_a_repaired_host_is_served_when_somebody_asks() {
    let pebble = Pebble::start(Manners::default()).await;
    let app = App::start("app", "v1").await;
    pebble.mislead(HOST).await;
    let door = pebble
        .door(&(pebble.acme("challenge = \"http-01\"") + &environment("prod", "\"a.example.test\"", &app)))
        .await;
    let error = refused(&door, HOST, "could not check").await;
    let before = report(&door, HOST).await;
    door.kill9();
    door.end(secs(30)).await;
    door.restart().await;
    let after = report(&door, HOST).await;
    assert_eq!(
        (after.failures, after.next, after.error),
        (before.failures, before.next, Some(error))
    );
    assert_eq!(pebble.ca.asked("/order-plz").len(), 1);
    pebble.lead_right(HOST).await;
    let renewed = door.proxyctl(&["certs", "renew", HOST]).await;
    renewed.assert_code(0).assert_says(&["Pebble Intermediate"]);
    assert_eq!(pebble.get(&door, HOST).await, Ok(200));
    assert_eq!(report(&door, HOST).await.failures, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_are_slow_lost_or_cut_cost_patience_and_nothing_else() {
    let pebble = Pebble::start(Manners::default()).await;
    let app = App::start("app", "v1").await;
    // On connections that are kept, so that each is asked a second time at once.
    pebble.ca.next("/sign-me-up", Trick::Cut);
    pebble.ca.next("/order-plz", Trick::Lose);
    pebble.ca.next("/finalize-order/", Trick::Slow(secs(2)));
    pebble.ca.next("/certZ/", Trick::Cut);
    let door = pebble
        .door(&(pebble.acme("") + &environment("prod", "\"a.example.test\"", &app)))
        .await;
    pebble.served(&door, HOST).await;
    assert_eq!(report(&door, HOST).await.failures, 0);
}
