//! Who is asked while an environment is paused, under maintenance, away, swapped or reloaded.

use super::{ANNA, Forwarded, LOGIN, VERIFY, forward};
use crate::common::app::App;
use crate::common::app::{Step, send};
use crate::common::door::{Door, QUICK_PLAIN};
use crate::common::fixture::{HOST, PLAIN, Pair};
use crate::common::{eventually, holds, secs};

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_sees_neither_maintenance_nor_an_app_that_is_away() {
    let it = Forwarded::plain("").await;
    it.says(LOGIN);
    let on = ["maintenance", "prod", "on", "--message", "Back at noon"];
    it.pair.door.proxyctl(&on).await.assert_code(0);
    let answer = it.pair.get("/").await;
    assert_eq!(answer.status, 302);
    it.says(ANNA);
    let answer = it.pair.get("/").await;
    assert_eq!(answer.status, 503);
    assert!(answer.text().contains("Back at noon"), "{}", answer.text());
    it.pair
        .door
        .proxyctl(&["maintenance", "prod", "off"])
        .await
        .assert_code(0);
    it.says(LOGIN);
    it.pair.blue.stop_hard().await;
    assert_eq!(it.pair.get("/").await.status, 302, "nobody waits who may not enter");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_waited_is_asked_again_by_the_rules_of_the_moment_when_it_goes_on() {
    let it = Forwarded::plain("").await;
    it.says(ANNA);
    it.pair.blue.stop_hard().await;
    let mut first = it.pair.ask("/x").await;
    it.pair.door.held("prod", 1).await;
    // Meanwhile she was logged out.
    it.says(LOGIN);
    it.pair.blue.listen().await;
    assert_eq!(first.response("GET").await.unwrap().status, 302);
    assert_eq!((it.auth.requests(), it.pair.blue.requests()), (2, 0));

    it.says(ANNA);
    it.pair.blue.stop_hard().await;
    let mut second = it.pair.ask("/y").await;
    it.pair.door.held("prod", 1).await;
    it.says(&ANNA.replace("anna", "anna2"));
    it.pair.blue.listen().await;
    assert_eq!(second.response("GET").await.unwrap().app(), "blue");
    let head = it.pair.blue.last_seen("/y").head;
    assert_eq!(head.fields.all("remote-user").collect::<Vec<_>>(), ["anna2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_puts_the_question_there_and_takes_it_away_also_for_what_waits() {
    let auth = App::start("auth", "v1").await;
    auth.on(VERIFY, vec![send(LOGIN)]);
    let pair = Pair::plain("").await;
    assert_eq!(pair.get("/").await.status, 200);
    pair.blue.stop_hard().await;
    let ask = |target: &'static str| {
        let address = pair.door.http();
        tokio::spawn(async move {
            let mut client = crate::common::client::Client::plain(address).await.unwrap();
            let lie = "Remote-User: eve\r\n";
            client.request("GET", PLAIN, target, lie, b"").await.unwrap()
        })
    };
    let (stranger, anna) = (ask("/stranger"), ask("/anna"));
    pair.door.held("prod", 2).await;
    // Who is asked about `/anna` says yes.
    let kind = App::start("kind", "v1").await;
    kind.on(VERIFY, vec![send(ANNA)]);
    let (line, part) = (forward(&auth), forward(&kind));
    pair.door
        .rewrite(|text| format!("{text}{line}\n[[env.prod.at]]\npath = \"/anna\"\n{part}\n"));
    pair.door.proxyctl(&["reload"]).await.assert_code(0);
    pair.blue.listen().await;
    assert_eq!(stranger.await.unwrap().status, 302);
    assert_eq!(anna.await.unwrap().app(), "blue");
    let head = pair.blue.last_seen("/anna").head;
    assert_eq!(
        head.fields.all("remote-user").collect::<Vec<_>>(),
        ["anna"],
        "what the head said before the reload is gone"
    );
    assert_eq!(pair.get("/").await.status, 302);

    pair.blue.stop_hard().await;
    kind.on(VERIFY, vec![Step::Until("spoken"), send(ANNA)]);
    let waiting = ask("/anna/2");
    eventually(secs(10), || async {
        holds(kind.requests() == 2, || format!("{} questions", kind.requests()))
    })
    .await;
    pair.door.replace(&part, "auth.forward = \"off\"");
    pair.door.replace(&line, "");
    pair.door.proxyctl(&["reload"]).await.assert_code(0);
    kind.release("spoken");
    pair.blue.listen().await;
    assert_eq!(waiting.await.unwrap().app(), "blue");
    assert_eq!(
        pair.blue
            .last_seen("/anna/2")
            .head
            .fields
            .all("remote-user")
            .collect::<Vec<_>>(),
        ["eve"]
    );
    assert_eq!(pair.get("/").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_auth_service_keeps_no_side_from_draining_and_a_swap_is_verified_past_it() {
    let it = Forwarded::tls("health.version = \"header:x-version\"\nstale_assets = \"/assets/\"\n").await;
    it.does(vec![Step::Until("spoken"), send(ANNA)]);
    let mut waiting = it.pair.ask("/x").await;
    it.auth.reached(VERIFY).await;
    let finished = it.pair.door.swap("prod", &["--expect-version", "v2"]).await;
    assert_eq!(finished.code, 0, "{finished:?}");
    it.pair.door.quiet("prod").await;
    it.auth.release("spoken");
    assert_eq!(
        waiting.response("GET").await.unwrap().app(),
        "green",
        "it follows the swap"
    );
    assert_eq!(
        it.auth.requests(),
        1,
        "neither probes nor the look through the door are asked about"
    );
    it.pair.green.on(
        "/assets/a.js",
        vec![send("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n")],
    );
    it.says(ANNA);
    let mut client = it.pair.door.tls(HOST).await.unwrap();
    assert_eq!(client.get(HOST, "/assets/a.js").await.unwrap().app(), "blue");
    assert_eq!(
        it.pair.blue.last_seen("/assets/a.js").head.fields.get("remote-user"),
        Some("anna")
    );
    it.says(LOGIN);
    assert_eq!(client.get(HOST, "/assets/a.js").await.unwrap().status, 302);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_environment_asks_before_the_wait_and_behind_it() {
    let it = Forwarded::plain("").await;
    it.says(ANNA);
    it.pair.door.proxyctl(&["pause", "prod"]).await.assert_code(0);
    it.says(LOGIN);
    assert_eq!(it.pair.get("/").await.status, 302, "strangers do not wait");
    it.says(ANNA);
    let mut client = it.pair.ask("/x").await;
    it.pair.door.held("prod", 1).await;
    assert_eq!(it.auth.requests(), 2);
    it.pair.door.proxyctl(&["resume", "prod"]).await.assert_code(0);
    assert_eq!(client.response("GET").await.unwrap().app(), "blue");
    assert_eq!(it.auth.requests(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_sent_again_goes_by_the_answer_that_it_has() {
    let it = Forwarded::plain("").await;
    it.says(ANNA);
    it.pair.blue.on("/x", vec![Step::Close]);
    let answer = it.pair.get("/x").await;
    assert_eq!(answer.status, 502);
    assert!(it.pair.blue.requests() > 1 && it.auth.requests() == 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ca_is_never_asked_about() {
    let it = Forwarded::tls("").await;
    it.says(LOGIN);
    let path = "/.well-known/acme-challenge/greengate";
    let answer = it.pair.door.plain().await.get(HOST, path).await.unwrap();
    assert_eq!((answer.status, it.auth.requests()), (200, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_is_guarded_as_an_app_is() {
    let auth = App::start("auth", "v1").await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("index.html"), "a secret page").unwrap();
    let files = folder.path().display();
    let door = Door::start(&format!(
        "{QUICK_PLAIN}\n[env.site]\nhost = \"{PLAIN}\"\nupstream = \"files:{files}\"\n{}\n",
        forward(&auth)
    ))
    .await;
    auth.on(VERIFY, vec![send(LOGIN)]);
    let mut client = door.plain().await;
    for target in ["/", "/index.html", "/nothing", "/../x"] {
        let answer = client.get(PLAIN, target).await.unwrap();
        assert_eq!(answer.status, 302, "{target}: {}", answer.text());
    }
    let cookie = ANNA.replace("Content-Length", "Set-Cookie: session=2\r\nContent-Length");
    auth.on(VERIFY, vec![send(cookie)]);
    let answer = client.get(PLAIN, "/").await.unwrap();
    assert_eq!((answer.status, answer.text().as_str()), (200, "a secret page"));
    assert_eq!(answer.field("set-cookie"), Some("session=2"));
    auth.stop_hard().await;
    assert_eq!(client.get(PLAIN, "/").await.unwrap().status, 503);
}
