//! Where a token must not turn up: in an app, in a log, at an auth service, in a redirect.

use super::{COOKIE, FIELD, LINK, Look, heads, lines, over_h1, over_h2, web_socket};
use crate::common::app::{App, send};
use crate::common::client::Client;
use crate::common::door::Door;
use crate::common::fixture::{HOST, Pair};
use crate::common::{eventually, holds, secs};

/// The access log and the log of the process, once so many lines are there.
pub(super) async fn logs(door: &Door, lines: usize) -> String {
    eventually(secs(10), || async {
        let log = door.access_log();
        holds(log.lines().count() >= lines, || format!("not {lines} lines: {log}"))
    })
    .await;
    door.access_log() + &door.process().log().text()
}

/// Every place of a head in which a client may have a token, beside those that are ours.
fn everywhere(token: &str) -> Vec<(&'static str, String)> {
    vec![
        ("Referer", format!("https://{HOST}{LINK}{token}?a=1")),
        ("User-Agent", format!("curl ({token})")),
        ("X-Original-Link", format!("{LINK}{token}")),
        ("Cookie", format!("seen={token}; b=2; {COOKIE}={token}; c=3")),
        ("Accept-Language", "de".to_owned()),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn n33_no_app_and_no_log_hears_a_token_whichever_side_answers() {
    let pair = Pair::tls("").await;
    let look = Look::open(&pair.door, "prod", &[]).await;
    let foreign = look.token.replace("ggp_", "ggp_A").split_at(68).0.to_owned();
    let mut requests = 0;
    for token in [&look.token, &foreign] {
        for method in ["GET", "POST"] {
            for fields in [
                everywhere(token),
                [everywhere(token), vec![(FIELD, token.clone())]].concat(),
            ] {
                for answer in [
                    over_h1(&pair.door, HOST, method, "/echo", &fields).await,
                    over_h2(&pair.door, HOST, method, "/echo", &fields).await,
                ] {
                    assert!(matches!(answer.status, 200 | 403), "{answer:?}");
                    requests += 1;
                }
            }
        }
        for target in [
            format!("/?q={token}"),
            format!("/{token}/x"),
            format!("{LINK}{token}/more?q={token}"),
        ] {
            for answer in [
                over_h1(&pair.door, HOST, "GET", &target, &[]).await,
                over_h2(&pair.door, HOST, "GET", &target, &[]).await,
            ] {
                assert!(matches!(answer.status, 400 | 403), "{target}: {answer:?}");
                assert!(!answer.text().contains(&token[4..]), "{}", answer.text());
                requests += 1;
            }
        }
    }
    drop(web_socket(&pair.door, &everywhere(&look.token)).await);
    let mut refused = pair.door.tls(HOST).await.unwrap();
    refused
        .send(format!(
            "GET {} HTTP/1.1\r\nHost: {HOST}\r\nHost: b\r\n\r\n",
            look.path()
        ))
        .await
        .unwrap();
    assert_eq!(refused.response("GET").await.unwrap().status, 400);
    let seen = heads(&pair.blue) + &heads(&pair.green);
    let logs = logs(&pair.door, requests + 1).await;
    for token in [&look.token, &foreign] {
        assert!(!seen.contains(&token[4..]), "{seen}");
        assert!(!logs.contains(&token[4..]), "{logs}");
    }
    assert!(!seen.to_lowercase().contains("greengate-preview"), "{seen}");
    // All else that the client has said reaches the app.
    let head = pair.green.last_seen("/echo").head;
    assert_eq!(head.fields.get("accept-language"), Some("de"));
    let cookies = head.fields.get("cookie").unwrap();
    assert!(
        cookies.starts_with("seen=ggp_xxx") && cookies.ends_with("; b=2; c=3"),
        "{cookies}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn n33_a_token_in_trailers_goes_no_further() {
    let pair = Pair::tls("").await;
    let look = Look::open(&pair.door, "prod", &[]).await;
    let mut client = pair.door.tls(HOST).await.unwrap();
    let request = format!(
        "POST /head HTTP/1.1\r\nHost: {HOST}\r\n{}Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n{FIELD}: {}\r\n\
         x_greengate_preview: {}\r\nX-Sum: 1\r\n\r\n",
        lines(&look.cookie()),
        look.token,
        look.token
    );
    client.send(request).await.unwrap();
    let text = client.response("POST").await.unwrap().text();
    assert!(text.contains("X-Sum: 1") && !text.contains(&look.token[4..]), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn n33_an_auth_service_is_asked_about_the_preview_without_its_token() {
    let auth = App::start("auth", "v1").await;
    let pair = Pair::tls(&format!(
        "auth.forward = {{ url = \"http://{}/verify\" }}\n",
        auth.address()
    ))
    .await;
    let look = Look::open(&pair.door, "prod", &[]).await;
    // To whom it lets in.
    auth.on("/verify", vec![send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")]);
    for fields in [look.cookie(), look.field(), everywhere(&look.token)] {
        for answer in super::both(&pair, "GET", "/who", &fields).await {
            assert_eq!(answer.app(), "green", "{answer:?}");
        }
    }
    drop(web_socket(&pair.door, &look.cookie()).await);
    // To whom it does not: the login is led back to without a token.
    auth.on(
        "/verify",
        vec![send(
            "HTTP/1.1 302 Found\r\nLocation: https://login.example/\r\nContent-Length: 0\r\n\r\n",
        )],
    );
    for answer in super::both(&pair, "GET", "/who", &look.cookie()).await {
        assert_eq!((answer.status, answer.app()), (302, ""), "{answer:?}");
        assert_eq!(answer.field("cache-control"), Some("private, no-store"));
    }
    let asked = auth.requests();
    assert_eq!(over_h1(&pair.door, HOST, "GET", &look.path(), &[]).await.status, 303);
    assert_eq!(auth.requests(), asked, "it was asked about a link");
    let asked = heads(&auth);
    assert!(!asked.contains(&look.token[4..]) && !asked.contains(COOKIE), "{asked}");
}

#[tokio::test(flavor = "multi_thread")]
async fn n33_no_redirect_carries_a_token_on() {
    let pair = Pair::tls(&format!(
        "[[env.prod.at]]\npath = \"/old\"\nredirect = \"/new\"\n[redirect]\n\"www.localhost\" = \"https://{HOST}\"\n"
    ))
    .await;
    let look = Look::open(&pair.door, "prod", &[]).await;
    let mut plain = pair.door.plain().await;
    for answer in [
        // Over plain HTTP, to a host that is served over TLS.
        plain.get(HOST, &look.path()).await.unwrap(),
        plain
            .request("GET", HOST, "/x", &lines(&look.field()), b"")
            .await
            .unwrap(),
        plain.get(HOST, &format!("/x?y={}", look.token)).await.unwrap(),
        // To a host that leads elsewhere.
        over_h1(&pair.door, "www.localhost", "GET", &look.path(), &[]).await,
        over_h1(&pair.door, "www.localhost", "GET", &format!("/x?y={}", look.token), &[]).await,
        // To a path that does.
        over_h1(&pair.door, HOST, "GET", &format!("/old/x?y={}", look.token), &[]).await,
        over_h1(&pair.door, HOST, "GET", "/old/x", &look.cookie()).await,
    ] {
        let location = answer.field("location").unwrap_or_default();
        assert!(!location.contains("ggp_"), "{answer:?}");
        assert_eq!(answer.field("set-cookie"), None, "{answer:?}");
        assert_eq!(answer.app(), "", "{answer:?}");
    }
    // On a connection that was made for another host.
    let mut client = pair.door.tls("www.localhost").await.unwrap();
    let answer = client.get(HOST, &look.path()).await.unwrap();
    assert_eq!((answer.status, answer.field("set-cookie")), (421, None), "{answer:?}");
    let elsewhere = pair
        .door
        .tls(HOST)
        .await
        .unwrap()
        .get("nobody.localhost", &look.path())
        .await
        .unwrap();
    assert_eq!(elsewhere.field("set-cookie"), None, "{elsewhere:?}");
    let logs = logs(&pair.door, 9).await;
    assert!(!logs.contains(&look.token[4..]), "{logs}");
}

#[tokio::test(flavor = "multi_thread")]
async fn n33_an_old_token_reaches_no_app_and_no_log_for_as_long_as_its_cookie_may_come() {
    let pair = Pair::tls("").await;
    let look = Look::open(&pair.door, "prod", &[]).await;
    pair.door.swap("prod", &[]).await.assert_done();
    pair.door.sigterm();
    pair.door.end(secs(30)).await;
    pair.door.restart().await;
    let mut client: Client = pair.door.tls(HOST).await.unwrap();
    let fields = lines(&everywhere(&look.token));
    let answer = client.request("GET", HOST, "/who", &fields, b"").await.unwrap();
    assert_eq!(answer.app(), "green");
    let link = client.get(HOST, &look.path()).await.unwrap();
    assert_eq!(link.status, 403);
    let seen = heads(&pair.blue) + &heads(&pair.green);
    let logs = logs(&pair.door, 2).await;
    assert!(!seen.contains(&look.token[4..]), "{seen}");
    assert!(!logs.contains(&look.token[4..]), "{logs}");
}
