//! Chromium opens a link and sees the idle side with its assets, its API and its WebSocket, while another window sees the live one.

use std::os::unix::process::CommandExt as _;

use serde_json::Value;

use super::Look;
use crate::browser::build;
use crate::common::app::App;
use crate::common::door::{Door, QUICK};
use crate::common::fixture::HOST;
use crate::common::place::tests;
use crate::common::process::Process;
use crate::common::tool::tool;
use crate::common::{eventually, holds, secs};

/// What each window says of its next visit, which begins with `go`.
async fn visits(browser: &Process, seen: usize) -> Vec<Value> {
    eventually(secs(120), || async {
        if let Some(status) = browser.ended() {
            panic!("the browser has ended with {status}: {}", browser.log().text());
        }
        let log = browser.log().text();
        let told: Vec<Value> = log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        holds(told.len() >= seen, || format!("{} visits: {log}", told.len())).map(|()| told)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn n33_a_browser_with_the_link_sees_green_and_another_one_blue_and_after_the_switch_both_see_green() {
    let folder = tempfile::tempdir().unwrap();
    let at = |side: &str| folder.path().join(side);
    build(&at("blue"), "1");
    build(&at("green"), "2");
    let api = [App::start("blue", "1").await, App::start("green", "2").await];
    let door = Door::start(&format!(
        "{QUICK}\n[env.prod.service.site]\nhost = \"{HOST}\"\nblue = \"files:{}\"\ngreen = \"files:{}\"\nhealth.path = \"/\"\n\
         [env.prod.service.api]\nhost = \"{HOST}\"\npath = \"/api\"\nstrip_prefix = true\nblue = \"{}\"\ngreen = \"{}\"\n",
        at("blue").display(),
        at("green").display(),
        api[0].address(),
        api[1].address(),
    ))
    .await;
    let look = Look::open(&door, "prod", &[]).await;
    let (profile, go) = (tempfile::tempdir().unwrap(), folder.path().join("go"));
    let mut command = tool("node").into_std();
    command
        .arg(tests().join("node/preview.js"))
        .arg(door.https().port().to_string())
        .arg(door.state_dir().join("ca/root.pem"))
        .arg(HOST)
        .arg(profile.path())
        .arg(look.path())
        .arg(&go)
        .process_group(0);
    drop((tool("chromium"), tool("certutil")));
    let browser = Process::spawn("the browser", command);
    let before = visits(&browser, 2).await;
    door.swap("prod", &[]).await.assert_done();
    std::fs::write(&go, "").unwrap();
    let visits = visits(&browser, 4).await;
    assert_eq!(visits.len(), 4, "{visits:?}");
    for (visit, (who, version)) in
        visits
            .iter()
            .zip([("guest", "2"), ("visitor", "1"), ("guest", "2"), ("visitor", "2")])
    {
        assert_eq!(
            (visit["who"].as_str(), &visit["wrong"]),
            (Some(who), &serde_json::json!([])),
            "{visit}"
        );
        let told = &visit["told"];
        for part in ["page", "script", "later", "lazy", "colour"] {
            assert_eq!(told[part], version, "{visit}");
        }
        let app = ["blue", "green"][usize::from(version == "2")];
        assert!(told["api"].as_str().unwrap().starts_with(app), "{visit}");
        assert_eq!(told["echo"], "hello", "{visit}");
        assert_eq!(told["path"], "/", "the token is still in the address: {visit}");
        assert_eq!(told["readable"], false, "a script can read the cookie: {visit}");
    }
    assert_eq!(before[0]["held"], true, "the browser has kept the cookie: {before:?}");
    let web_sockets = |app: &App| app.seen().iter().filter(|seen| seen.target == "/ws").count();
    assert_eq!((web_sockets(&api[0]), web_sockets(&api[1])), (1, 3));
    assert!(!super::heads(&api[0]).contains(&look.token[4..]) && !super::heads(&api[1]).contains(&look.token[4..]));
    browser.term();
    browser.end(secs(60)).await;
}
