//! Who may see it (E33): nobody's page but its own, and with `dashboard_users` nobody without a password.

use super::{HERE, ON, Viewer, ask, place};
use crate::access::{CHEAP, users};
use crate::common::client::Client;
use crate::common::fixture::Pair;
use crate::common::{eventually, holds, secs};

#[tokio::test(flavor = "multi_thread")]
async fn e33_nobody_but_its_own_page_reads_the_dashboard_and_nothing_can_be_posted() {
    let pair = Pair::plain_with(ON, "").await;
    let here = place(&pair.door).unwrap();
    for host in [HERE, "127.0.0.1:9146", "[::1]", "gate.localhost:80"] {
        assert_eq!(ask(here, "GET", host, "/", "").await.status, 200, "{host}");
    }
    // A name that somebody else has pointed here; another page on the same machine; a page that loads parts of it.
    for (host, fields) in [
        ("evil.example", ""),
        ("evil.example:9146", "Origin: http://evil.example:9146\r\n"),
        (HERE, "Origin: http://localhost:3000\r\n"),
        (HERE, "Origin: null\r\n"),
        (HERE, "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\n"),
        (HERE, "Sec-Fetch-Site: same-site\r\nSec-Fetch-Mode: cors\r\n"),
    ] {
        for target in ["/", "/events", "/series?range=10m", "/main.js"] {
            let answer = ask(here, "GET", host, target, fields).await;
            assert_eq!(answer.status, 403, "{host} {fields:?} {target}: {answer:?}");
            assert_eq!(answer.field("access-control-allow-origin"), None);
        }
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        let answer = ask(here, method, HERE, "/events", "").await;
        assert_eq!(
            (answer.status, answer.field("allow")),
            (405, Some("GET, HEAD")),
            "{method}"
        );
    }
    let link = "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n";
    assert_eq!(
        ask(here, "GET", HERE, "/", link).await.status,
        200,
        "a link to it is followed"
    );
    // What serves the sites does not serve it.
    let through = pair.door.plain().await.get(HERE, "/events").await.unwrap();
    assert_eq!(through.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_forbids_what_the_page_does_not_need() {
    let pair = Pair::plain_with(ON, "").await;
    let here = place(&pair.door).unwrap();
    for target in [
        "/",
        "/main.js",
        "/base.css",
        "/icon-bad.svg",
        "/series?range=2h",
        "/nothing",
        "/series?range=1y",
    ] {
        let answer = ask(here, "GET", HERE, target, "").await;
        let policy = answer.field("content-security-policy").unwrap();
        for part in [
            "default-src 'none'",
            "script-src 'self'",
            "connect-src 'self'",
            "frame-ancestors 'none'",
            "form-action 'none'",
            "base-uri 'none'",
        ] {
            assert!(policy.split("; ").any(|one| one == part), "{target}: {policy}");
        }
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(answer.field(name), Some(value), "{target}");
        }
    }
    assert_eq!(ask(here, "GET", HERE, "/nothing", "").await.status, 404);
    assert_eq!(ask(here, "GET", HERE, "/series?range=1y", "").await.status, 400);
    let script = ask(here, "GET", HERE, "/main.js", "").await;
    let known = format!("If-None-Match: {}\r\n", script.field("etag").unwrap());
    assert_eq!(ask(here, "GET", HERE, "/main.js", &known).await.status, 304);
    let head = ask(here, "HEAD", HERE, "/", "").await;
    assert_eq!((head.status, head.body.len()), (200, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_let_in_by_a_file_is_shown_nothing_more_when_another_one_is_named() {
    let pair = Pair::plain_with(ON, "").await;
    let folder = pair.door.folder();
    users(folder, &["bert:battery staple"], CHEAP);
    std::fs::copy(folder.join(crate::access::FILE), folder.join("others")).unwrap();
    users(folder, &["anna:correct horse"], CHEAP);
    let here = place(&pair.door).unwrap();
    let mut of_all = Viewer::join(here, "").await;
    let mut now = ON.to_owned();
    let mut anna = None;
    for file in [crate::access::FILE, "others"] {
        let next = format!("{ON}\ndashboard_users = \"{}\"", folder.join(file).display());
        pair.door.replace(&now, &next);
        pair.door.reload(&[]).await.assert_code(0);
        now = next;
        let viewer = anna.as_mut().unwrap_or(&mut of_all);
        let ended = async { while viewer.next().await.is_some() {} };
        tokio::time::timeout(secs(20), ended)
            .await
            .expect("the viewer is let go");
        if anna.is_none() {
            // `anna:correct horse`
            let known = "Authorization: Basic YW5uYTpjb3JyZWN0IGhvcnNl\r\n";
            anna = Some(Viewer::join(here, known).await);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_the_door_it_is_well_as_the_documentation_has_it_and_asks_for_its_own_password() {
    let pair = Pair::plain_with(ON, "").await;
    users(pair.door.folder(), &["anna:correct horse"], CHEAP);
    let file = pair.door.folder().join(crate::access::FILE);
    let guarded = format!("{ON}\ndashboard_users = \"{}\"", file.display());
    pair.door.replace(ON, &guarded);
    pair.door.reload(&[]).await.assert_code(0);
    let text = include_str!("../../../docs/dashboard.md");
    let (_, recipe) = text.split_once("\n[env.ops]\n").expect("the recipe");
    let (recipe, _) = recipe.split_once("```").unwrap();
    let port = place(&pair.door).unwrap().port().to_string();
    let recipe = recipe.replace("9146", &port).replace("10.0.0.0/8", "127.0.0.0/8");
    pair.door.rewrite(|text| format!("{text}\n[env.ops]\n{recipe}"));
    pair.door.reload(&[]).await.assert_code(0);
    eventually(secs(20), || async {
        let ops = pair.door.environment("ops").await;
        holds(ops.healthy_since.is_some(), || format!("{ops:?}"))
    })
    .await;
    let mut client = pair.door.plain().await;
    let known = "Authorization: Basic YW5uYTpjb3JyZWN0IGhvcnNl\r\n";
    for (fields, status) in [("", 401), (known, 200)] {
        let answer = client
            .request("GET", "ops.example.com", "/", fields, b"")
            .await
            .unwrap();
        assert_eq!(answer.status, status, "{}", answer.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_users_it_may_be_anywhere_and_asks_for_a_password_that_is_checked_within_bounds() {
    let pair = Pair::plain_with(ON, "").await;
    users(pair.door.folder(), &["anna:correct horse"], CHEAP);
    let file = pair.door.folder().join(crate::access::FILE);
    pair.door.replace(
        ON,
        &format!("dashboard = \"0.0.0.0:0\"\ndashboard_users = \"{}\"", file.display()),
    );
    pair.door.reload(&[]).await.assert_code(0);
    let here = place(&pair.door).unwrap();
    let here = (std::net::Ipv4Addr::LOCALHOST, here.port()).into();
    let basic = |text: &str| {
        use base64::Engine as _;
        let encoded = base64::engine::general_purpose::STANDARD.encode(text);
        format!("Authorization: Basic {encoded}\r\n")
    };
    for target in ["/", "/events", "/series?range=10m", "/main.js"] {
        let answer = ask(here, "GET", HERE, target, "").await;
        assert_eq!(answer.status, 401, "{target}");
        assert!(answer.field("www-authenticate").unwrap().starts_with("Basic "));
    }
    let anna = basic("anna:correct horse");
    // Whatever it is called: browsers send a password to the name alone that it was typed for.
    assert_eq!(ask(here, "GET", "ops.example.com", "/", &anna).await.status, 200);
    assert_eq!(
        ask(
            here,
            "GET",
            HERE,
            "/",
            &format!("{anna}Origin: http://evil.example\r\n")
        )
        .await
        .status,
        403
    );
    let mut viewer = Viewer::join(here, &anna).await;
    viewer
        .until("whole state", |event, _| (event == "whole").then_some(()))
        .await;
    // Somebody guesses, and has to wait.
    let mut client = Client::plain(here).await.unwrap();
    let mut statuses = Vec::new();
    for guess in 0..12 {
        let wrong = basic(&format!("anna:{guess}"));
        statuses.push(client.request("GET", HERE, "/", &wrong, b"").await.unwrap().status);
    }
    assert_eq!((statuses[0], statuses[11]), (401, 429), "{statuses:?}");
    // Who was known before still gets in; who is no user any more is not told anything.
    assert_eq!(ask(here, "GET", HERE, "/", &anna).await.status, 200);
    users(pair.door.folder(), &["bert:battery staple"], CHEAP);
    eventually(secs(20), || async {
        let status = ask(here, "GET", HERE, "/", &anna).await.status;
        holds(matches!(status, 401 | 429), || format!("anna gets {status}"))
    })
    .await;
    let ended = async { while viewer.next().await.is_some() {} };
    tokio::time::timeout(secs(20), ended)
        .await
        .expect("anna's feed goes on");
}
