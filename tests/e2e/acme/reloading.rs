//! A reload and certificates: no order is aborted, none is placed twice, and hosts come and go with their files (N29).

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::common::acme_door::Trick;
use crate::common::app::App;
use crate::common::door::Door;
use crate::common::pebble::{Manners, Pebble, environment, refused, report};
use crate::common::{eventually, holds, secs};

const HOST: &str = "a.example.test";
const OTHER: &str = "b.example.test";

/// The daemon for [`HOST`] in an environment `prod`, with its certificate.
async fn started(manners: Manners) -> (Pebble, App, Door) {
    let pebble = Pebble::start(manners).await;
    let app = App::start("app", "v1").await;
    let config = pebble.acme("email = \"ops@example.com\"") + &environment("prod", "\"a.example.test\"", &app);
    let door = pebble.door(&config).await;
    pebble.served(&door, HOST).await;
    (pebble, app, door)
}

async fn reloaded(door: &Door) {
    door.reload(&[]).await.assert_code(0);
}

/// Adds an environment of its own for a host, and reloads; returns its app.
async fn added(door: &Door, name: &str, host: &str) -> App {
    let app = App::start("added", "v1").await;
    come(door, name, host, &app).await;
    app
}

/// The same, with an app that runs.
async fn come(door: &Door, name: &str, host: &str, app: &App) {
    door.rewrite(|text| format!("{text}\n{}", environment(name, &format!("{host:?}"), app)));
    reloaded(door).await;
}

/// Takes the environment away again, and reloads.
async fn go(door: &Door, name: &str, host: &str, app: &App) {
    door.replace(&environment(name, &format!("{host:?}"), app), "");
    reloaded(door).await;
    let listed = door.proxyctl(&["certs"]).await;
    assert!(!listed.stdout.contains(host), "{listed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn n29_a_reload_never_aborts_an_order_wherever_it_stands() {
    let (pebble, _app, door) = started(Manners::default()).await;
    for (round, path) in ["/order-plz", "/chalZ/", "/finalize-order/", "/certZ/"]
        .into_iter()
        .enumerate()
    {
        let gate = Arc::new(Semaphore::new(0));
        pebble.ca.next(path, Trick::Until(gate.clone()));
        let before = pebble.ca.asked(path).len();
        let (name, host) = (format!("env{round}"), format!("h{round}.example.test"));
        let _one = added(&door, &name, &host).await;
        eventually(secs(10), || async {
            holds(pebble.ca.asked(path).len() > before, || {
                format!("{path} was not asked for")
            })
        })
        .await;
        // Other settings for orders to come, another host, another route; by the command and by the signal.
        let (was, will) = (
            format!("ops{}@", "+".repeat(round)),
            format!("ops{}@", "+".repeat(round + 1)),
        );
        door.replace(&was, &will);
        let _other = added(&door, &format!("more{round}"), &format!("m{round}.example.test")).await;
        door.rewrite(|text| format!("{text}label = \"round-{round}\"\n"));
        door.process().hang_up();
        eventually(secs(10), || async {
            let differs = door.status().await.configuration.unwrap().differs;
            holds(differs.is_none(), || format!("{differs:?}"))
        })
        .await;
        assert!(report(&door, &host).await.running, "{path}");
        gate.add_permits(1);
        pebble.served(&door, &host).await;
        pebble.served(&door, &format!("m{round}.example.test")).await;
        assert_eq!(report(&door, &host).await.failures, 0);
        assert_eq!(pebble.ca.orders(&host), 1, "{path}");
    }
    assert_eq!(pebble.ca.orders(HOST), 1, "a reload orders nothing again");
    assert_eq!(pebble.ca.asked("/sign-me-up").len(), 1, "nor makes it an account");
    let contacts = pebble.ca.asked("/my-account/");
    assert_eq!(
        contacts.last().unwrap().payload["contact"][0],
        "mailto:ops++++@example.com",
        "the CA knows the new address"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn n29_other_settings_of_acme_order_nothing_anew() {
    let (pebble, _app, door) = started(Manners::default()).await;
    let before = report(&door, HOST).await;
    door.replace(
        "email = \"ops@example.com\"",
        "profile = \"tlsserver\"\nchallenge = \"tls-alpn-01\"",
    );
    // When the added host is served, every host was looked at with the new settings.
    let _other = added(&door, "other", OTHER).await;
    pebble.served(&door, OTHER).await;
    let after = report(&door, HOST).await;
    assert_eq!((after.not_after, after.next), (before.not_after, before.next));
    assert_eq!((pebble.ca.orders(HOST), pebble.ca.orders(OTHER)), (1, 1));
    // The order that was due went by them.
    assert_eq!(report(&door, OTHER).await.challenge.as_deref(), Some("tls-alpn-01"));
    assert_eq!(pebble.ca.asked("/order-plz")[1].payload["profile"], "tlsserver");
}

#[tokio::test(flavor = "multi_thread")]
async fn n29_a_host_that_is_added_is_served_within_seconds_and_one_that_comes_back_from_its_files() {
    let (pebble, _app, door) = started(Manners::default()).await;
    let began = tokio::time::Instant::now();
    let other = added(&door, "other", OTHER).await;
    pebble.served(&door, OTHER).await;
    assert!(began.elapsed() < secs(30), "it took {:?}", began.elapsed());
    let before = report(&door, OTHER).await;
    go(&door, "other", OTHER, &other).await;
    assert!(pebble.get(&door, OTHER).await.is_err(), "nobody answers to it");
    assert!(
        door.state_dir()
            .join("certificates")
            .join(OTHER)
            .join("cert.pem")
            .exists()
    );
    come(&door, "other", OTHER, &other).await;
    assert_eq!(pebble.get(&door, OTHER).await, Ok(200), "from the first moment");
    let after = report(&door, OTHER).await;
    assert_eq!((after.not_after, after.next), (before.not_after, before.next));
    assert_eq!(pebble.ca.orders(OTHER), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn n29_removing_a_host_stops_its_renewals_and_keeps_its_files() {
    let (pebble, _app, door) = started(Manners {
        validity: 10,
        ..Manners::default()
    })
    .await;
    let other = added(&door, "other", OTHER).await;
    pebble.served(&door, OTHER).await;
    go(&door, "other", OTHER, &other).await;
    let stopped = pebble.ca.orders(OTHER);
    let file = door.state_dir().join("certificates").join(OTHER).join("cert.pem");
    let kept = std::fs::read(&file).unwrap();
    // The host that stays is renewed again and again meanwhile.
    let orders = pebble.ca.orders(HOST);
    eventually(secs(40), || async {
        let now = pebble.ca.orders(HOST);
        holds(now >= orders + 3, || format!("{now} orders, {orders} before"))
    })
    .await;
    assert_eq!(pebble.ca.orders(OTHER), stopped);
    assert_eq!(std::fs::read(&file).unwrap(), kept);
}

#[tokio::test(flavor = "multi_thread")]
async fn n29_an_order_whose_host_is_removed_comes_to_its_end_and_is_there_when_the_host_comes_back() {
    let (pebble, _app, door) = started(Manners::default()).await;
    let gate = Arc::new(Semaphore::new(0));
    pebble.ca.next("/finalize-order/", Trick::Until(gate.clone()));
    let before = pebble.ca.asked("/finalize-order/").len();
    let other = added(&door, "other", OTHER).await;
    eventually(secs(10), || async {
        holds(pebble.ca.asked("/finalize-order/").len() > before, || {
            "no order".to_owned()
        })
    })
    .await;
    go(&door, "other", OTHER, &other).await;
    gate.add_permits(1);
    let file = door.state_dir().join("certificates").join(OTHER).join("cert.pem");
    eventually(secs(20), || async { holds(file.exists(), || "no file".to_owned()) }).await;
    come(&door, "other", OTHER, &other).await;
    assert_eq!(pebble.get(&door, OTHER).await, Ok(200), "from the first moment");
    assert_eq!(pebble.ca.orders(OTHER), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_ca_has_limited_is_asked_of_another_at_once_when_the_file_names_it() {
    let pebble = Pebble::start(Manners::default()).await;
    let app = App::start("app", "v1").await;
    let limit = "too many certificates".to_owned();
    pebble
        .ca
        .next("/order-plz", Trick::Limited(429, "rateLimited", limit, 7200));
    let config = pebble.acme("") + &environment("prod", "\"a.example.test\"", &app);
    let door = pebble.door(&config).await;
    refused(&door, HOST, "the CA's limit is reached").await;
    door.rewrite(|text| format!("{text}label = \"dev\"\n"));
    reloaded(&door).await;
    door.proxyctl(&["certs", "renew", HOST]).await.assert_code(4);
    // Another directory, though the same Pebble is behind it.
    door.replace("/dir\"", "/dir?other\"");
    reloaded(&door).await;
    pebble.served(&door, HOST).await;
    assert_eq!(pebble.ca.asked("/sign-me-up").len(), 2);
}
