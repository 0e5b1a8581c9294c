//! From an empty state folder to an answer over trusted HTTPS, by every challenge.

use std::os::unix::fs::PermissionsExt;

use crate::common::acme_door::Asked;
use crate::common::app::App;
use crate::common::client::Client;
use crate::common::pebble::{EAB, Manners, Pebble, environment, refused, report};
use crate::common::{eventually, holds, secs};

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_folder_becomes_trusted_https_by_http_01() {
    let pebble = Pebble::start(Manners::default()).await;
    let app = App::start("app", "v1").await;
    let config = pebble.acme("email = \"ops@example.com\"\n") + &environment("prod", "\"a.example.test\"", &app);
    let door = pebble.door(&config).await;
    pebble.served(&door, "a.example.test").await;

    let report = report(&door, "a.example.test").await;
    assert!(report.issuer.starts_with("Pebble Intermediate"), "{report:?}");
    assert_eq!(report.challenge.as_deref(), Some("http-01"));
    assert_eq!((report.error, report.failures, report.note), (None, 0, None));
    let account = &pebble.ca.asked("/sign-me-up")[0].payload;
    assert_eq!(account["contact"][0], "mailto:ops@example.com");
    assert_eq!(account["termsOfServiceAgreed"], true);

    let state = door.state_dir();
    let mode = |path: &str| std::fs::metadata(state.join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("acme"), 0o700);
    assert_eq!(mode("acme/account.json"), 0o600);
    assert_eq!(mode("certificates/a.example.test"), 0o700);
    assert_eq!(mode("certificates/a.example.test/key.pem"), 0o600);
    let log = door.process().log().text();
    assert!(!log.contains("PRIVATE KEY"), "a key is in the log");
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_alpn_01_answers_on_our_443_and_the_main_configuration_never_offers_it() {
    let pebble = Pebble::start(Manners::default()).await;
    let app = App::start("app", "v1").await;
    let config = pebble.acme("challenge = \"tls-alpn-01\"\n") + &environment("prod", "\"a.example.test\"", &app);
    let door = pebble.door(&config).await;
    pebble.served(&door, "a.example.test").await;
    assert_eq!(
        report(&door, "a.example.test").await.challenge.as_deref(),
        Some("tls-alpn-01")
    );
    let refused = Client::tls(door.https(), "a.example.test", &pebble.trust(&["acme-tls/1"]).await).await;
    let refused = refused.err().map(|broken| broken.to_string()).unwrap_or_default();
    assert!(refused.contains("NoApplicationProtocol"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_port_80_is_closed_port_443_proves_the_host_and_is_tried_first_the_next_time() {
    let pebble = Pebble::start(Manners::default()).await;
    let app = App::start("app", "v1").await;
    let config = pebble.acme("") + &environment("prod", "\"a.example.test\"", &app);
    let door = pebble.door_with_closed_port_80(&config).await;
    pebble.served(&door, "a.example.test").await;
    assert_eq!(
        report(&door, "a.example.test").await.challenge.as_deref(),
        Some("tls-alpn-01")
    );
    let before = pebble.ca.asked("/order-plz").len();
    assert_eq!(before, 2, "one order for each way");
    door.proxyctl(&["certs", "renew", "a.example.test"])
        .await
        .assert_code(0);
    assert_eq!(pebble.ca.asked("/order-plz").len(), before + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wildcard_is_proved_by_the_dns_command_and_the_record_is_taken_away_again() {
    let pebble = Pebble::start(Manners::default()).await;
    let app = App::start("app", "v1").await;
    let hook = pebble.hook();
    let config = pebble.acme(&format!("challenge = {{ dns = \"{} \" }}\n", hook.display()))
        + &environment("prod", "\"*.example.test\"\nhealth.host = \"a.example.test\"", &app);
    let door = pebble.door(&config).await;
    pebble.served(&door, "anything.example.test").await;
    let report = report(&door, "*.example.test").await;
    assert_eq!(report.challenge.as_deref(), Some("dns-01"));
    assert!(
        door.state_dir()
            .join("certificates/_wildcard.example.test/cert.pem")
            .exists()
    );
    let called = eventually(secs(10), || async {
        let log = pebble.hook_log();
        holds(log.lines().count() == 2, || log.clone()).map(|()| log)
    })
    .await;
    let words: Vec<Vec<&str>> = called.lines().map(|line| line.split(' ').collect()).collect();
    assert_eq!((words[0][0], words[1][0]), ("present", "cleanup"));
    assert_eq!(
        (words[0][1], words[0][1..].to_vec()),
        ("_acme-challenge.example.test", words[1][1..].to_vec())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wildcard_without_a_dns_command_is_told_about_and_never_asked_for() {
    let pebble = Pebble::start(Manners::default()).await;
    let app = App::start("app", "v1").await;
    let config = pebble.acme("") + &environment("prod", "[\"*.example.test\", \"a.example.test\"]", &app);
    let door = pebble.door(&config).await;
    pebble.served(&door, "a.example.test").await;
    let report = report(&door, "*.example.test").await;
    assert_eq!((report.next, report.obtained), (None, false));
    assert!(
        report.why.contains("proved in the DNS; hint: set `challenge"),
        "{}",
        report.why
    );
    door.proxyctl(&["certs", "renew", "*.example.test"])
        .await
        .assert_code(4);
    let checked = door.proxyctl(&["check", "proxy.toml"]).await;
    checked
        .assert_code(0)
        .assert_says(&["no certificate can be had for `*.example.test`"]);
    assert_eq!(pebble.ca.asked("/order-plz").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_every_third_nonce_refused_several_hosts_at_once_make_one_account_and_are_served() {
    let pebble = Pebble::start(Manners {
        bad_nonces: 30,
        ..Manners::default()
    })
    .await;
    let app = App::start("app", "v1").await;
    let hosts: Vec<String> = (0..6).map(|number| format!("h{number}.example.test")).collect();
    let door = pebble
        .door(&(pebble.acme("") + &environment("prod", &format!("{hosts:?}"), &app)))
        .await;
    for host in &hosts {
        pebble.served(&door, host).await;
    }
    let text = std::fs::read_to_string(door.state_dir().join("acme/account.json")).unwrap();
    let accounts: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(accounts["accounts"].as_array().unwrap().len(), 1);
    let names = |asked: Asked| asked.payload["identifiers"].as_array().map_or(0, Vec::len);
    assert!(
        pebble.ca.asked("/order-plz").into_iter().all(|asked| names(asked) == 1),
        "one certificate per host"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_external_account_and_a_profile_are_sent() {
    let pebble = Pebble::start(Manners {
        external: true,
        ..Manners::default()
    })
    .await;
    let app = App::start("app", "v1").await;
    let key = pebble.folder().join("eab.key");
    std::fs::write(&key, format!("{}\n", EAB.1)).unwrap();
    let more = format!(
        "profile = \"shortlived\"\neab = {{ kid = \"{}\", key_file = \"{}\" }}\n",
        EAB.0,
        key.display()
    );
    let door = pebble
        .door(&(pebble.acme(&more) + &environment("prod", "\"a.example.test\"", &app)))
        .await;
    pebble.served(&door, "a.example.test").await;
    assert!(pebble.ca.asked("/sign-me-up")[0].payload["externalAccountBinding"].is_object());
    assert_eq!(pebble.ca.asked("/order-plz")[0].payload["profile"], "shortlived");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_never_validates_harms_no_other_and_says_why() {
    let pebble = Pebble::start(Manners::default()).await;
    let app = App::start("app", "v1").await;
    pebble.mislead("bad.example.test").await;
    let config = pebble.acme("") + &environment("prod", "[\"bad.example.test\", \"good.example.test\"]", &app);
    let door = pebble.door(&config).await;
    pebble.served(&door, "good.example.test").await;
    let error = refused(
        &door,
        "bad.example.test",
        "could not check `bad.example.test` by http-01: ",
    )
    .await;
    assert!(
        error.contains("127.0.0.9") && error.contains("; the CA could not check `bad.example.test` by tls-alpn-01"),
        "{error}"
    );
    assert!(
        error.contains("hint: is port 80 of this machine open to the internet, and do the A and AAAA records of `bad.example.test` point to it?"),
        "{error}"
    );
    // The placeholder is served meanwhile, and status says why.
    assert_eq!(
        door.tls("bad.example.test")
            .await
            .unwrap()
            .get("bad.example.test", "/who")
            .await
            .unwrap()
            .status,
        200
    );
    door.proxyctl(&["status"]).await.assert_says(&[&format!(
        "the local CA stands in until an acme certificate is there; {error}"
    )]);
    let listed = door.proxyctl(&["certs"]).await;
    listed
        .assert_code(0)
        .assert_says(&["next attempt in", "the last attempt failed"])
        .assert_says(&[&error]);
    assert_eq!(pebble.get(&door, "good.example.test").await, Ok(200));

    // Five failed validations an hour, and no more, whoever asks.
    for _ in 0..2 {
        door.proxyctl(&["certs", "renew", "bad.example.test"])
            .await
            .assert_code(1);
    }
    let output = door.proxyctl(&["certs", "renew", "bad.example.test"]).await;
    output
        .assert_code(4)
        .assert_says(&["`bad.example.test` has to wait until"])
        .assert_says(&[
            "Z, because 5 checks failed within an hour, and CAs bear no more; the last error: the CA could not",
        ]);
    assert_eq!(
        pebble.ca.asked("/order-plz").len(),
        5 + 1,
        "five failed validations and the good host's order"
    );
    output.assert_says(&[&error[..40]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_keeps_account_and_certificate_and_asks_for_neither() {
    let pebble = Pebble::start(Manners::default()).await;
    let app = App::start("app", "v1").await;
    let door = pebble
        .door(&(pebble.acme("") + &environment("prod", "\"a.example.test\"", &app)))
        .await;
    pebble.served(&door, "a.example.test").await;
    let before = report(&door, "a.example.test").await;
    door.kill9();
    door.end(secs(30)).await;
    door.restart().await;
    assert_eq!(
        pebble.get(&door, "a.example.test").await,
        Ok(200),
        "served from the first moment"
    );
    let after = report(&door, "a.example.test").await;
    assert_eq!((after.not_after, after.next), (before.not_after, before.next));
    door.proxyctl(&["certs", "renew", "a.example.test"])
        .await
        .assert_code(0);
    assert_eq!(pebble.ca.asked("/sign-me-up").len(), 1);
    assert_eq!(pebble.ca.asked("/order-plz").len(), 2);
}
