//! From the link to the idle side: a browser by its cookie, a script by its field.

use greengate::model::api::exit;

use super::{COOKIE, LINK, Look, both, cookie, echo, over_h1, seen_by, web_socket};
use crate::common::app::App;
use crate::common::door::{Door, QUICK};
use crate::common::fixture::{HOST, Pair};

#[tokio::test(flavor = "multi_thread")]
async fn n33_a_link_gives_a_cookie_for_the_host_alone_and_leads_on_without_the_token() {
    let pair = Pair::tls("").await;
    let look = Look::open(&pair.door, "prod", &["--for", "10m"]).await;
    let port = pair.door.https().port();
    let expected = format!("https://{HOST}:{port}{LINK}{}", look.token);
    assert_eq!(look.links.len(), 1);
    assert_eq!(look.links[0].link.as_deref(), Some(&*expected));
    for method in ["GET", "HEAD"] {
        for answer in both(&pair, method, &format!("{}?utm=1", look.path()), &[]).await {
            assert_eq!(
                (answer.status, answer.field("location")),
                (303, Some("/")),
                "{answer:?}"
            );
            let set = answer.field("set-cookie").unwrap();
            let (pair, attributes) = set.split_once("; ").unwrap();
            assert_eq!(pair, format!("{COOKIE}={}", look.token));
            let (seconds, rest) = attributes
                .strip_prefix("Path=/; Max-Age=")
                .unwrap()
                .split_once("; ")
                .unwrap();
            assert!((1..=600).contains(&seconds.parse::<u64>().unwrap()), "{set}");
            assert_eq!(rest, "Secure; HttpOnly; SameSite=Lax");
            assert_eq!(answer.field("cache-control"), Some("private, no-store"));
            assert_eq!(answer.field("referrer-policy"), Some("no-referrer"));
            assert!(answer.body.is_empty());
        }
    }
    for answer in both(&pair, "POST", &look.path(), &[]).await {
        assert_eq!(
            (answer.status, answer.field("allow")),
            (405, Some("GET, HEAD")),
            "{answer:?}"
        );
        assert_eq!(answer.field("set-cookie"), None);
    }
    assert_eq!(
        pair.blue.requests() + pair.green.requests(),
        0,
        "an app has seen a link"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn n33_who_shows_the_token_sees_the_idle_side_and_after_the_switch_both_see_the_same() {
    let pair = Pair::tls("").await;
    let look = Look::open(&pair.door, "prod", &[]).await;
    for (method, fields) in [("GET", look.cookie()), ("GET", look.field()), ("POST", look.cookie())] {
        for answer in both(&pair, method, "/echo", &fields).await {
            assert_eq!((answer.status, answer.app()), (200, "green"), "{answer:?}");
            assert_eq!(answer.field("x-environment"), Some("preview green"));
            assert_eq!(answer.field("x-robots-tag"), Some("noindex"));
            assert_eq!(answer.field("cache-control"), Some("private, no-store"));
            if method == "POST" {
                assert_eq!(answer.text(), "a body");
            }
        }
    }
    for answer in both(&pair, "GET", "/who", &[]).await {
        assert_eq!(answer.app(), "blue");
        assert_eq!(
            (answer.field("x-environment"), answer.field("cache-control")),
            (None, None)
        );
    }
    let mut socket = web_socket(&pair.door, &look.cookie()).await;
    assert_eq!(pair.green.last_seen("/ws").target, "/ws");
    pair.door.swap("prod", &["--no-wait"]).await.assert_code(exit::DONE);
    echo(&mut socket).await;
    assert_eq!(seen_by(&pair, &[]).await, "green");
    for answer in both(&pair, "GET", "/who", &look.cookie()).await {
        assert_eq!(
            (answer.app(), answer.field("x-environment")),
            ("green", None),
            "{answer:?}"
        );
    }
    // A script that tries a version must not reach the live one in its place.
    for answer in both(&pair, "POST", "/echo", &look.field()).await {
        assert_eq!((answer.status, answer.app()), (403, ""), "{answer:?}");
        assert!(answer.text().contains("There is no such preview"), "{}", answer.text());
    }
    for answer in both(&pair, "GET", &look.path(), &[]).await {
        assert_eq!((answer.status, answer.field("set-cookie")), (403, None), "{answer:?}");
        assert_eq!(answer.field("referrer-policy"), Some("no-referrer"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn n33_all_services_of_an_environment_are_shown_together_each_host_by_its_own_cookie() {
    let [blue, green] = [App::start("web-blue", "1").await, App::start("web-green", "2").await];
    let [old, new] = [App::start("api-blue", "1").await, App::start("api-green", "2").await];
    let only = App::start("only", "1").await;
    let at = |name: &str, host: &str, path: &str, blue: &App, green: &App| {
        let (blue, green) = (blue.address(), green.address());
        format!("[env.prod.service.{name}]\nhost = {host}\npath = \"{path}\"\nblue = \"{blue}\"\ngreen = \"{green}\"\n")
    };
    let door = Door::start(&format!(
        "{QUICK}{}{}[env.prod.service.media]\nhost = \"app.localhost\"\npath = \"/media\"\nupstream = \"{}\"\n",
        at("web", "\"app.localhost\"", "/", &blue, &green),
        at("api", "[\"api.localhost\", \"app.localhost\"]", "/api", &old, &new),
        only.address(),
    ))
    .await;
    let look = Look::open(&door, "prod", &[]).await;
    let hosts: Vec<_> = look.links.iter().map(|one| one.host.as_str()).collect();
    assert_eq!(hosts, ["app.localhost", "api.localhost"]);
    for (host, target, app) in [
        ("app.localhost", "/", "web-green"),
        ("app.localhost", "/api/x", "api-green"),
        ("api.localhost", "/api/x", "api-green"),
        ("app.localhost", "/media/x", "only"),
    ] {
        let answer = over_h1(&door, host, "GET", target, &look.cookie()).await;
        assert_eq!(answer.app(), app, "{host}{target}");
        let marked = answer.field("x-environment");
        assert_eq!(marked.is_some(), app != "only", "{host}{target}: {marked:?}");
    }
    // Where nothing is served at the root of a host, the link leads to what it shows there.
    let answer = over_h1(&door, "api.localhost", "GET", &look.path(), &[]).await;
    assert_eq!(answer.field("location"), Some("/api"));
    for (host, target) in [("app.localhost", "/"), ("api.localhost", "/api/x")] {
        assert!(over_h1(&door, host, "GET", target, &[]).await.app().ends_with("blue"));
    }
    assert!(!super::heads(&only).contains(COOKIE), "{}", super::heads(&only));
}

#[tokio::test(flavor = "multi_thread")]
async fn n33_several_previews_stand_beside_each_other_and_a_new_one_shows_the_other_side() {
    let pair = Pair::tls("").await;
    let (one, other) = (
        Look::open(&pair.door, "prod", &[]).await,
        Look::open(&pair.door, "prod", &[]).await,
    );
    assert_ne!(one.token, other.token);
    for look in [&one, &other] {
        assert_eq!(seen_by(&pair, &look.cookie()).await, "green");
    }
    pair.door.swap("prod", &[]).await.assert_done();
    let back = Look::open(&pair.door, "prod", &[]).await;
    assert_eq!(seen_by(&pair, &back.cookie()).await, "blue");
    assert_eq!(seen_by(&pair, &one.cookie()).await, "green", "what serves everybody");
    pair.door.rollback("prod", &[]).await.assert_done();
    // Green is idle again, and in another generation.
    for look in [&one, &other, &back] {
        assert_eq!(seen_by(&pair, &look.cookie()).await, "blue");
    }
    assert_eq!(seen_by(&pair, &cookie("")).await, "blue");
}
