//! `redirect`, `rewrite`, `[redirect]` with paths and `public_https`: where clients are sent, and where apps find what was asked for.

use crate::common::app::App;
use crate::common::client::{Response, WEB_SOCKET};
use crate::common::door::{Door, QUICK};
use crate::common::fixture::{HOST, PLAIN, Pair};

/// Status and location over HTTP/1.1; over HTTP/2 they are the same.
async fn led(pair: &Pair, target: &str) -> (u16, String) {
    let h2 = pair.door.h2(HOST).await.unwrap();
    let led = |answer: Response| (answer.status, answer.field("location").unwrap_or_default().to_owned());
    let (one, other) = (led(pair.get(target).await), led(h2.get(HOST, target).await.unwrap()));
    assert_eq!(one, other, "{target} over HTTP/1.1 and over HTTP/2");
    one
}

/// The target that the app has seen.
async fn seen(pair: &Pair, target: &str) -> String {
    let answer = pair.get(target).await;
    assert_eq!(answer.status, 200, "{target}: {}", answer.text());
    let text = answer.text();
    text.rsplit(' ').next().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_leads_elsewhere() {
    let pair = Pair::tls(
        "[[env.prod.at]]\npath = \"/old\"\nredirect = \"/new\"\n\
         [[env.prod.at]]\npath = [\"/blog\", \"/news/blog\"]\nredirect = \"https://blog.test/x/*\"\n\
         [[env.prod.at]]\npath = \"/moved\"\nredirect = { to = \"/there/*\", status = 301 }\n\
         [[env.prod.at]]\npath = \"/moved/not\"\nredirect = \"off\"\n\
         [[env.prod.at]]\npath = \"*.php\"\nredirect = { to = \"/gone?from=php\", status = 302 }\n",
    )
    .await;
    for (target, status, location) in [
        ("/old", 308, "/new"),
        ("/old/x?a=1", 308, "/new?a=1"),
        ("/older", 200, ""),
        ("/new", 200, ""),
        ("/blog", 308, "https://blog.test/x/"),
        ("/blog/a/b?c=d", 308, "https://blog.test/x/a/b?c=d"),
        ("/news/blog/a", 308, "https://blog.test/x/a"),
        ("/moved/a", 301, "/there/a"),
        ("/moved/not/a", 200, ""),
        ("/x/index.php?a=1", 302, "/gone?from=php"),
        ("/old/%2e%2e/x", 400, ""),
    ] {
        assert_eq!(led(&pair, target).await, (status, location.to_owned()), "{target}");
    }
    let mut client = pair.door.tls(HOST).await.unwrap();
    for method in ["POST", "HEAD", "OPTIONS", "DELETE"] {
        let answer = client.request(method, HOST, "/old", "", b"").await.unwrap();
        assert_eq!(
            (answer.status, answer.field("location")),
            (308, Some("/new")),
            "{method}"
        );
    }
    let answer = client.request("GET", HOST, "/old", WEB_SOCKET, b"").await.unwrap();
    assert_eq!(answer.status, 308);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_path_leads_to_a_host_that_nobody_has_named() {
    let pair = Pair::tls("[[env.prod.at]]\npath = \"/out\"\nredirect = \"/*\"\n").await;
    let mut client = pair.door.tls(HOST).await.unwrap();
    for target in [
        "/out//evil.test",
        "/out///evil.test/x",
        "/out/\\evil.test",
        "/out/%5cevil.test",
        "/out/%2f/evil.test",
    ] {
        let answer = client.get(HOST, target).await.unwrap();
        let location = answer.field("location").unwrap_or("/").to_owned();
        let begins = location.get(..2).unwrap_or(&location);
        assert!(
            location.starts_with('/') && !["//", "/\\"].contains(&begins),
            "{target} leads to {location}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_an_answer_of_the_service_and_asks_nobody_who_he_is() {
    let pair = Pair::tls(
        "headers.response.X-A = \"1\"\nauth.allow = [\"192.0.2.1\"]\n[[env.prod.at]]\npath = \"/old\"\nredirect = \"/new\"\n",
    )
    .await;
    let answer = pair.get("/old").await;
    assert_eq!((answer.status, answer.field("x-a")), (308, Some("1")));
    assert_eq!(pair.get("/new").await.status, 403);
    let lines = pair.door.logged("\"/old\"", 1).await;
    assert_eq!(
        (&lines[0]["environment"], &lines[0]["status"]),
        (&"prod".into(), &308.into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_swap_is_verified_at_the_app_where_its_health_path_leads_elsewhere() {
    let pair = Pair::tls("redirect = \"https://other.test/*\"\n").await;
    pair.door.swap("prod", &[]).await.assert_code(0);
    assert_eq!(
        led(&pair, "/health").await,
        (308, "https://other.test/health".to_owned())
    );
    let pair = Pair::tls("rewrite = \"/v2/*\"\n").await;
    pair.door.swap("prod", &[]).await.assert_code(0);
    assert_eq!(seen(&pair, "/a").await, "/v2/a");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_app_finds_what_was_asked_for_below_another_prefix() {
    let pair = Pair::tls(
        "[[env.prod.at]]\npath = [\"/api\", \"/rest/api\"]\nrewrite = \"/v2/*\"\n[[env.prod.at]]\npath = \"/api/old\"\nrewrite = \"/v1/*\"\n\
         [[env.prod.at]]\npath = \"/api/raw\"\nrewrite = \"off\"\n[[env.prod.at]]\npath = \"*.html\"\nrewrite = \"/index.html\"\n",
    )
    .await;
    for (target, expected) in [
        ("/x", "/x"),
        ("/api", "/v2/"),
        ("/api/", "/v2/"),
        ("/api/x/y?z=1", "/v2/x/y?z=1"),
        ("/rest/api/x", "/v2/x"),
        ("/apix", "/apix"),
        ("/api/old/x", "/v1/x"),
        ("/api/raw/x", "/api/raw/x"),
        ("/a/b.html?c", "/index.html?c"),
        ("/api/a%20b", "/v2/a%20b"),
    ] {
        assert_eq!(seen(&pair, target).await, expected, "{target}");
        let h2 = pair
            .door
            .h2(HOST)
            .await
            .unwrap()
            .get(HOST, target)
            .await
            .unwrap()
            .text();
        assert!(h2.ends_with(&format!(" {expected}")), "{target} over HTTP/2: {h2}");
    }
    let mut client = pair.door.tls(HOST).await.unwrap();
    let answer = client.post(HOST, "/api/echo/../echo", b"a body").await.unwrap();
    assert_eq!(answer.status, 400, "an app could find it above the prefix");
    let mut client = pair.door.tls(HOST).await.unwrap();
    let answer = client.post(HOST, "/api/x", b"a body").await.unwrap();
    assert!(answer.text().ends_with(" /v2/x"), "{}", answer.text());
    let lines = pair.door.logged("/rest/api/x", 2).await;
    assert_eq!(lines[0]["path"], "/rest/api/x", "the log has what was asked for");
}

#[tokio::test(flavor = "multi_thread")]
async fn e20_no_path_climbs_out_of_the_prefix_that_it_was_put_below() {
    let pair = Pair::tls("rewrite = \"/public/*\"\n").await;
    for target in [
        "/../secret",
        "/x/../../secret",
        "/%2e%2e/secret",
        "/..%2fsecret",
        "/..;/secret",
        "/x\\..\\..\\secret",
        "/%252e%252e/x",
    ] {
        let answer = pair.get(target).await;
        assert_eq!(answer.status, 400, "{target}: {}", answer.text());
    }
    assert_eq!(seen(&pair, "/..x/y..").await, "/public/..x/y..");
    let mut client = pair.door.tls(HOST).await.unwrap();
    let answer = client.request("OPTIONS", HOST, "*", "", b"").await.unwrap();
    assert!(answer.text().ends_with(" *"), "{}", answer.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rewrite_wins_over_strip_prefix_and_a_request_that_waits_goes_by_the_new_one() {
    let pair = Pair::tls(
        "path = \"/app\"\nstrip_prefix = true\nhealth.path = \"/health\"\n[[env.prod.at]]\npath = \"/app/api\"\nrewrite = \"/v1/*\"\n",
    )
    .await;
    assert_eq!(
        (seen(&pair, "/app/x").await, seen(&pair, "/app/api/x").await),
        ("/x".into(), "/v1/x".into())
    );
    let head = pair.get("/app/head").await.text();
    assert!(head.contains("x-forwarded-prefix: /app\r\n"), "{head}");
    pair.blue.stop_hard().await;
    let mut held = [pair.ask("/app/api/x").await, pair.ask("/app/y").await];
    pair.door.held("prod", 2).await;
    pair.door.replace(
        "path = \"/app/api\"\nrewrite = \"/v1/*\"",
        "path = \"/app/y\"\nrewrite = \"/longer/than/before/*\"",
    );
    pair.door.reload(&[]).await.assert_code(0);
    pair.blue.relaunch("v1").await;
    let mut targets = Vec::new();
    for client in &mut held {
        targets.push(client.response("GET").await.unwrap().text());
    }
    assert!(
        targets[0].ends_with(" /api/x") && targets[1].ends_with(" /longer/than/before/"),
        "{targets:?}"
    );
    pair.blue.stop_hard().await;
    let mut held = pair.ask("/app/z").await;
    pair.door.held("prod", 1).await;
    pair.door.replace(
        "path = \"/app/y\"\nrewrite = \"/longer/than/before/*\"",
        "path = \"/app/z\"\nredirect = \"/elsewhere\"",
    );
    pair.door.reload(&[]).await.assert_code(0);
    pair.blue.relaunch("v1").await;
    let answer = held.response("GET").await.unwrap();
    assert_eq!((answer.status, answer.field("location")), (308, Some("/elsewhere")));
}

/// A door in front of an app, with these lines of `[redirect]`.
async fn redirecting(server: &str, lines: &str) -> (Door, App) {
    let app = App::start("app", "v1").await;
    let address = app.address();
    let text = format!("{QUICK}\n[env.prod]\nhost = \"{HOST}\"\nupstream = \"{address}\"\n[redirect]\n{lines}");
    (Door::start_with(server, &text).await, app)
}

#[tokio::test(flavor = "multi_thread")]
async fn sources_of_redirects_may_have_a_path() {
    let lines = format!(
        "\"{HOST}/blog/*\" = \"https://blog.test/*\"\n\"{HOST}/shop\" = \"https://shop.test\"\n\"{HOST}/docs/v1\" = \"https://docs.test/latest\"\n\
         \"www.localhost\" = \"https://{HOST}\"\n\"www.localhost/press/*\" = \"https://{HOST}:4443/news/*\"\n"
    );
    let (door, _app) = redirecting("", &lines).await;
    for (host, target, status, location) in [
        (HOST, "/", 200, String::new()),
        (HOST, "/blogger", 200, String::new()),
        (HOST, "/blog/a?b=c", 308, "https://blog.test/a?b=c".into()),
        (HOST, "/blog", 308, "https://blog.test/".into()),
        (HOST, "/shop/a", 308, "https://shop.test/shop/a".into()),
        (HOST, "/docs/v1/a", 308, "https://docs.test/latest".into()),
        (HOST, "/docs/v2", 200, String::new()),
        (HOST, "/blog/../x", 400, String::new()),
        ("www.localhost", "/a?b", 308, format!("https://{HOST}/a?b")),
        ("www.localhost", "/press/a", 308, format!("https://{HOST}:4443/news/a")),
    ] {
        let answer = door.tls(host).await.unwrap().get(host, target).await.unwrap();
        let led = answer.field("location").unwrap_or_default();
        assert_eq!((answer.status, led), (status, &*location), "{host}{target}");
        let answer = door.h2(host).await.unwrap().get(host, target).await.unwrap();
        assert_eq!(answer.status, status, "{host}{target} over HTTP/2");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_are_led_to_the_port_that_they_reach() {
    for (server, port) in [("public_https = 443", ""), ("public_https = 8443", ":8443")] {
        let (door, _app) = redirecting(server, "").await;
        let answer = door.plain().await.get(HOST, "/a?b=c").await.unwrap();
        let expected = format!("https://{HOST}{port}/a?b=c");
        assert_eq!(
            (answer.status, answer.field("location")),
            (308, Some(&*expected)),
            "{server}"
        );
    }
    let (door, _app) = redirecting("", "").await;
    let port = door.https().port();
    let answer = door.plain().await.get(HOST, "/").await.unwrap();
    assert_eq!(answer.field("location"), Some(&*format!("https://{HOST}:{port}/")));
    let plain = Pair::plain("").await;
    assert_eq!(plain.door.plain().await.get(PLAIN, "/").await.unwrap().status, 200);
}
