//! What strangers see of a guarded environment that is paused, under maintenance, away, or about to be swapped: that it is guarded.

use super::{ANNA, BASIC, CHEAP, DEV, Guarded, assert_asked, basic, users};
use crate::common::app::App;
use crate::common::door::{Door, QUICK};

#[tokio::test(flavor = "multi_thread")]
async fn maintenance_is_shown_to_those_who_may_enter() {
    let it = Guarded::plain(BASIC).await;
    let on = ["maintenance", "dev", "on", "--message", "Back at noon"];
    it.door.proxyctl(&on).await.assert_code(0);
    let wrong = basic("anna:wrong");
    for fields in ["", &wrong] {
        let answer = it.get("/", fields).await;
        assert_asked(&answer, "maintenance");
        assert!(!answer.text().contains("noon"));
    }
    for _ in 0..2 {
        let answer = it.get("/", &basic(ANNA)).await;
        assert_eq!(answer.status, 503);
        assert!(answer.text().contains("Back at noon"), "{}", answer.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_does_not_wait_for_an_app_that_is_away_nor_for_a_pause_to_end() {
    let it = Guarded::plain(BASIC).await;
    it.dev.stop_listening().await;
    assert_asked(&it.get("/", "").await, "away");
    assert_asked(&it.get("/", &basic("anna:wrong")).await, "away");
    let mut client = it.door.plain().await;
    let waiting = tokio::spawn(async move { client.request("GET", DEV, "/", &basic(ANNA), b"").await });
    it.door.held("dev", 1).await;
    it.dev.listen().await;
    assert_eq!(waiting.await.unwrap().unwrap().app(), "dev");

    it.door.proxyctl(&["pause", "dev"]).await.assert_code(0);
    assert_asked(&it.get("/", "").await, "paused");
    let mut client = it.door.plain().await;
    let waiting = tokio::spawn(async move { client.request("GET", DEV, "/", &basic(ANNA), b"").await });
    it.door.held("dev", 1).await;
    assert_asked(&it.get("/", "").await, "paused");
    it.door.proxyctl(&["resume", "dev"]).await.assert_code(0);
    assert_eq!(waiting.await.unwrap().unwrap().app(), "dev");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_asked_again_when_a_reload_has_put_a_guard_there() {
    let it = Guarded::plain("").await;
    it.dev.stop_listening().await;
    let ask = |fields: String| {
        let address = it.door.http();
        tokio::spawn(async move {
            let mut client = crate::common::client::Client::plain(address).await.unwrap();
            client.request("GET", DEV, "/", &fields, b"").await.unwrap()
        })
    };
    let (stranger, wrong, anna) = (ask(String::new()), ask(basic("anna:wrong")), ask(basic(ANNA)));
    it.door.held("dev", 3).await;
    it.door.rewrite(|text| format!("{text}{BASIC}\n"));
    it.door.proxyctl(&["reload"]).await.assert_code(0);
    it.dev.listen().await;
    assert_asked(&stranger.await.unwrap(), "a stranger who waited");
    assert_asked(&wrong.await.unwrap(), "a wrong password that waited");
    assert_eq!(anna.await.unwrap().app(), "dev");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_swap_is_verified_past_the_guard_and_the_guard_stays() {
    let (blue, green) = (App::start("blue", "v1").await, App::start("green", "v2").await);
    let environment = format!(
        "{QUICK}[env.dev]\nhost = \"{DEV}\"\nblue = \"{}\"\ngreen = \"{}\"\nhealth.version = \"header:x-version\"\n{BASIC}\n\
         auth.allow = \"127.0.0.1\"\nstale_assets = \"/assets/\"\n",
        blue.address(),
        green.address()
    );
    let any = "127.0.0.1:0".parse().unwrap();
    let door = Door::start_at(any, any, "", &environment, |folder| users(folder, &[ANNA], CHEAP)).await;
    let finished = door.swap("dev", &["--expect-version", "v2"]).await;
    assert_eq!(finished.code, 0, "{finished:?}");
    let mut client = door.tls(DEV).await.unwrap();
    for target in ["/", "/assets/old.js", "/health"] {
        assert_asked(&client.get(DEV, target).await.unwrap(), target);
    }
    let answer = client.request("GET", DEV, "/", &basic(ANNA), b"").await.unwrap();
    assert_eq!(answer.app(), "green");
    // The four of the client have their lines, and what verified the swap has none.
    door.logged("", 4).await;
}
