//! From an empty state folder to an answer over trusted HTTPS, by every challenge.

use std::os::unix::fs::PermissionsExt;

use crate::common::app::App;
use crate::common::pebble::{Manners, Pebble, environment, report};

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
