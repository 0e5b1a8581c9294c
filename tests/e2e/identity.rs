//! Who asks, for what, and what the app is told about it (E14 to E21), and where a request is routed to.

use crate::common::app::App;
use crate::common::client::{Client, Response};
use crate::common::door::{Door, QUICK, QUICK_PLAIN, environment};
use crate::common::fixture::{HOST, PLAIN, Pair};

/// The head as the app saw it, in lower case.
async fn seen_by_app(client: &mut Client, host: &str, fields: &str) -> String {
    let answer = client.request("GET", host, "/head", fields, b"").await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.text().to_lowercase()
}

fn values<'a>(head: &'a str, name: &str) -> Vec<&'a str> {
    head.lines()
        .filter_map(|line| line.strip_prefix(&format!("{name}: ")))
        .collect()
}

const SPOOFED: &str = "X-Forwarded-For: 203.0.113.66\r\nX-Forwarded-Proto: gopher\r\nX-Forwarded-Host: evil.test\r\n\
                       X-Real-IP: 203.0.113.66\r\nForwarded: for=203.0.113.66;host=evil.test\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn e14_spoofed_forwarding_headers_are_replaced_by_the_truth() {
    let (plain, tls) = (Pair::plain("").await, Pair::tls("").await);
    let over_plain = seen_by_app(&mut plain.door.plain().await, PLAIN, SPOOFED).await;
    let over_tls = seen_by_app(&mut tls.door.tls(HOST).await.unwrap(), HOST, SPOOFED).await;
    let request = http::Request::get(format!("https://{HOST}/head"))
        .header("x-forwarded-for", "203.0.113.66")
        .header("x-forwarded-proto", "gopher")
        .header("x-forwarded-host", "evil.test")
        .header("forwarded", "for=203.0.113.66");
    let over_h2 = tls
        .door
        .h2(HOST)
        .await
        .unwrap()
        .send(request, bytes::Bytes::new())
        .await
        .unwrap();
    let over_h2 = over_h2.text().to_lowercase();
    for (head, host, proto) in [
        (&over_plain, PLAIN, "http"),
        (&over_tls, HOST, "https"),
        (&over_h2, HOST, "https"),
    ] {
        assert!(
            !head.contains("203.0.113.66") && !head.contains("evil.test") && !head.contains("gopher"),
            "{head}"
        );
        assert_eq!(values(head, "x-forwarded-for"), ["127.0.0.1"], "{head}");
        assert_eq!(values(head, "x-forwarded-proto"), [proto], "{head}");
        assert_eq!(values(head, "x-forwarded-host"), [host], "{head}");
        assert_eq!(values(head, "x-real-ip"), ["127.0.0.1"], "{head}");
        assert_eq!(values(head, "host"), [host], "{head}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn e14_a_trusted_proxy_is_believed() {
    let pair = Pair::plain_with("trusted_proxies = [\"127.0.0.0/8\"]", "").await;
    let fields = "X-Forwarded-For: 203.0.113.66\r\nX-Forwarded-Proto: https\r\n";
    let head = seen_by_app(&mut pair.door.plain().await, PLAIN, fields).await;
    let chain = values(&head, "x-forwarded-for").join(", ");
    assert!(chain.starts_with("203.0.113.66"), "{head}");
    assert_eq!(values(&head, "x-forwarded-proto"), ["https"], "{head}");
    // A list that is sent on has no empty elements, whatever came (RFC 9110 §5.6.1.1).
    for (fields, expected) in [
        ("X-Forwarded-For: \r\n", "127.0.0.1"),
        ("X-Forwarded-For: ,\r\nX-Forwarded-For: \r\n", "127.0.0.1"),
        (
            "X-Forwarded-For: 203.0.113.66,, 203.0.113.67,\r\n",
            "203.0.113.66, 203.0.113.67, 127.0.0.1",
        ),
    ] {
        let head = seen_by_app(&mut pair.door.plain().await, PLAIN, fields).await;
        assert_eq!(values(&head, "x-forwarded-for"), [expected], "{head}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn e14_cloudflare_is_believed_where_it_is_named_and_what_it_adds_to_the_chain_counts() {
    // A balancer on this machine, behind Cloudflare; the client has made up the first address itself.
    let fields = "X-Forwarded-For: 198.51.100.1, 203.0.113.66, 172.71.0.1\r\nCF-Connecting-IP: 198.51.100.2\r\n";
    for (trusted, client) in [
        ("[\"127.0.0.1\", \"cloudflare\"]", "203.0.113.66"),
        ("[\"127.0.0.1\"]", "172.71.0.1"),
    ] {
        let pair = Pair::plain_with(&format!("trusted_proxies = {trusted}"), "").await;
        let head = seen_by_app(&mut pair.door.plain().await, PLAIN, fields).await;
        assert_eq!(values(&head, "x-real-ip"), [client], "{head}");
        assert_eq!(values(&head, "cf-connecting-ip"), ["198.51.100.2"], "{head}");
        let status = pair.door.status().await.configuration.unwrap();
        let lists: Vec<_> = status
            .trusted_lists
            .iter()
            .map(|list| (&*list.name, list.networks))
            .collect();
        let text = pair.door.proxyctl(&["status"]).await;
        if trusted.contains("cloudflare") {
            assert_eq!(lists, [("cloudflare", 22)]);
            let published = &status.trusted_lists[0].published;
            let line = format!("trusts cloudflare, as published on {published}: 22 networks");
            text.assert_says(&[&line]);
        } else {
            assert!(lists.is_empty() && !text.all().contains("trusts"));
        }
    }
    // Who comes past Cloudflare says nothing that is believed.
    let pair = Pair::plain_with("trusted_proxies = \"cloudflare\"", "").await;
    let head = seen_by_app(&mut pair.door.plain().await, PLAIN, fields).await;
    assert_eq!(values(&head, "x-forwarded-for"), ["127.0.0.1"], "{head}");
    assert!(values(&head, "cf-connecting-ip").is_empty(), "{head}");
}

#[tokio::test(flavor = "multi_thread")]
async fn e15_the_same_names_with_an_underscore_are_dropped() {
    let pair = Pair::plain("").await;
    let fields = "X_Forwarded_For: 203.0.113.66\r\nX_Forwarded-Proto: gopher\r\nX_Real_IP: 203.0.113.66\r\n\
                  X_Forwarded_Host: evil.test\r\nMy_Own_Header: kept\r\n";
    let head = seen_by_app(&mut pair.door.plain().await, PLAIN, fields).await;
    assert!(
        !head.contains("203.0.113.66") && !head.contains("gopher") && !head.contains("evil.test"),
        "{head}"
    );
    assert_eq!(
        values(&head, "my_own_header"),
        ["kept"],
        "only twins of names that we set are dropped: {head}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn e16_a_nominated_header_goes_and_ours_stays() {
    let pair = Pair::plain("").await;
    let fields = "Connection: X-Forwarded-For, X-Mine, Host\r\nX-Forwarded-For: 203.0.113.66\r\nX-Mine: 1\r\n\
                  Keep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nTE: gzip\r\nX-Other: 2\r\n";
    let head = seen_by_app(&mut pair.door.plain().await, PLAIN, fields).await;
    assert_eq!(values(&head, "x-forwarded-for"), ["127.0.0.1"], "{head}");
    assert_eq!(values(&head, "host"), [PLAIN], "{head}");
    assert_eq!(values(&head, "x-other"), ["2"], "{head}");
    for gone in ["x-mine", "keep-alive", "proxy-connection", "te"] {
        assert!(values(&head, gone).is_empty(), "{gone} is hop-by-hop: {head}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hop_by_hop_headers_of_the_app_stay_behind_too() {
    let pair = Pair::plain("").await;
    pair.blue
        .every_answer("Connection: X-Internal\r\nX-Internal: 1\r\nKeep-Alive: timeout=5\r\nX-Public: 2\r\n");
    let answer = pair.get("/").await;
    assert_eq!((answer.field("x-internal"), answer.field("keep-alive")), (None, None));
    assert_eq!(answer.field("x-public"), Some("2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn e17_a_host_matches_in_any_case_with_port_and_trailing_dot() {
    let pair = Pair::plain("").await;
    let port = pair.door.http().port();
    let upper = PLAIN.to_uppercase();
    for host in [
        upper.clone(),
        format!("{PLAIN}:{port}"),
        format!("{PLAIN}."),
        format!("{upper}.:80"),
    ] {
        let answer = pair.door.plain().await.get(&host, "/").await.unwrap();
        assert_eq!((answer.status, answer.app()), (200, "blue"), "{host}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn e18_an_unknown_host_never_falls_to_the_first_environment() {
    let (plain, tls) = (Pair::plain("").await, Pair::tls("").await);
    for host in ["unknown.test", "127.0.0.1", "test", "x.app.test", "xapp.test"] {
        let answer = plain.door.plain().await.get(host, "/").await.unwrap();
        assert_eq!((answer.status, answer.app()), (404, ""), "{host}");
        let answer = tls.door.tls(HOST).await.unwrap().get(host, "/").await.unwrap();
        assert_eq!((answer.status, answer.app()), (421, ""), "{host} over TLS");
        let answer = tls.door.h2(HOST).await.unwrap().get(host, "/").await.unwrap();
        assert_eq!((answer.status, answer.app()), (421, ""), "{host} over h2");
    }
    assert_eq!(plain.blue.requests() + tls.blue.requests(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn e19_the_host_of_another_environment_than_the_handshakes() {
    let [prod, dev, spare] = [
        App::start("prod", "v1").await,
        App::start("dev", "v1").await,
        App::stopped("spare", "v2"),
    ];
    let dev_env = format!(
        "[env.dev]\nhost = \"dev.localhost\"\nupstream = \"{}\"\n",
        dev.address()
    );
    let door = Door::start(&format!("{QUICK}{}{dev_env}", environment("prod", HOST, &prod, &spare))).await;
    for (name, host) in [(HOST, "dev.localhost"), ("dev.localhost", HOST)] {
        assert_eq!(
            door.tls(name).await.unwrap().get(host, "/").await.unwrap().status,
            421,
            "{name}, then {host}"
        );
        assert_eq!(
            door.h2(name).await.unwrap().get(host, "/").await.unwrap().status,
            421,
            "{name}, then {host}"
        );
    }
    assert_eq!(prod.requests() + dev.requests(), 0);
    assert_eq!(
        door.tls("dev.localhost")
            .await
            .unwrap()
            .get("dev.localhost", "/")
            .await
            .unwrap()
            .app(),
        "dev"
    );
}

/// One host, two services: `/` and `/api`.
async fn by_path(more: &str) -> (Door, App, App) {
    let (web, api) = (App::start("web", "v1").await, App::start("api", "v1").await);
    let service = |name: &str, path: &str, app: &App, more: &str| {
        let address = app.address();
        format!("[env.prod.service.{name}]\nhost = \"{PLAIN}\"\npath = \"{path}\"\nupstream = \"{address}\"\n{more}")
    };
    let config = format!(
        "{QUICK_PLAIN}{}{}",
        service("web", "/", &web, ""),
        service("api", "/api", &api, more)
    );
    (Door::start(&config).await, web, api)
}

async fn get(door: &Door, target: &str) -> Response {
    door.plain()
        .await
        .get(PLAIN, target)
        .await
        .unwrap_or_else(|broken| panic!("{target}: {broken}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn e20_a_path_is_forwarded_as_it_came_or_refused_where_it_could_mean_another_service() {
    let (door, web, api) = by_path("").await;
    for target in [
        "/a%20b",
        "/a/%2e%2e/b",
        "//double",
        "/a//b",
        "/a%2fb",
        "/a%00b",
        "/a?q=/api/%2e%2e",
        "/apis",
        "/a%41",
    ] {
        assert_eq!(get(&door, target).await.app(), "web", "{target}");
        assert_eq!(web.seen().last().unwrap().target, target, "forwarded as it came");
    }
    for target in [
        "/api",
        "/api/",
        "/api/x//y",
        "/api/a%2fb",
        "/api/a/%2e%2e/b",
        "/api?x=1",
        "/api/%41",
    ] {
        assert_eq!(get(&door, target).await.app(), "api", "{target}");
        assert_eq!(api.seen().last().unwrap().target, target, "forwarded as it came");
    }
    let before = (web.requests(), api.requests());
    for target in [
        "/api/%2e%2e/secret",
        "/api/../secret",
        "/x/../api/y",
        "/x/%2e%2e/api",
        "//api/x",
        "/%61pi/x",
        "/api/..%2fx",
    ] {
        assert_eq!(get(&door, target).await.status, 400, "{target}");
    }
    assert_eq!((web.requests(), api.requests()), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_longest_prefix_wins_and_may_be_stripped() {
    let (door, web, api) = by_path("strip_prefix = true\n").await;
    for (target, app, seen) in [
        ("/", &web, "/"),
        ("/apiary", &web, "/apiary"),
        ("/api", &api, "/"),
        ("/api?x=1", &api, "/?x=1"),
        ("/api/users/7", &api, "/users/7"),
    ] {
        assert_eq!(get(&door, target).await.status, 200, "{target}");
        assert_eq!(app.seen().last().unwrap().target, seen, "{target}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn e21_an_unknown_name_and_no_name_are_shown_no_certificate() {
    let pair = Pair::tls("").await;
    // An IP address is sent as no server name at all.
    for name in ["unknown.localhost", "unknown.example.com", "127.0.0.1"] {
        pair.door.refuses_name(name).await;
    }
    assert_eq!(pair.serving().await, "blue");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wildcard_covers_one_label_and_loses_to_the_exact_name() {
    let [exact, wild] = [App::start("exact", "v1").await, App::start("wild", "v1").await];
    let config = format!(
        "{QUICK}[env.a]\nhost = \"one.app.localhost\"\nupstream = \"{}\"\n[env.b]\nhost = \"*.app.localhost\"\nhealth.host = \"any.app.localhost\"\nupstream = \"{}\"\n",
        exact.address(),
        wild.address()
    );
    let door = Door::start(&config).await;
    for (host, app) in [("one.app.localhost", "exact"), ("any.app.localhost", "wild")] {
        assert_eq!(door.tls(host).await.unwrap().get(host, "/").await.unwrap().app(), app);
        assert_eq!(door.h2(host).await.unwrap().get(host, "/").await.unwrap().app(), app);
    }
    door.refuses_name("two.labels.app.localhost").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_plain_port_sends_to_https_and_redirects_keep_path_and_query() {
    let [blue, spare] = [App::start("blue", "v1").await, App::stopped("spare", "v2")];
    let redirect = "[redirect]\n\"www.localhost\" = \"https://app.localhost\"\n";
    let door = Door::start(&format!(
        "{QUICK}{redirect}{}",
        environment("prod", HOST, &blue, &spare)
    ))
    .await;
    let answer = door.plain().await.get(HOST, "/a/b?c=d").await.unwrap();
    assert_eq!(answer.status, 308);
    let location = answer.field("location").expect("a location").to_owned();
    assert!(
        location.starts_with("https://app.localhost") && location.ends_with("/a/b?c=d"),
        "{location}"
    );
    let answer = door
        .tls("www.localhost")
        .await
        .unwrap()
        .get("www.localhost", "/a/b?c=d")
        .await
        .unwrap();
    assert_eq!(
        (answer.status, answer.field("location")),
        (308, Some("https://app.localhost/a/b?c=d"))
    );
    assert_eq!(blue.requests(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_label_marks_what_is_not_production() {
    let pair = Pair::tls("label = \"staging\"\n").await;
    let answer = pair.get("/").await;
    assert_eq!(answer.field("x-environment"), Some("staging"));
    assert!(
        answer
            .field("x-robots-tag")
            .is_some_and(|value| value.contains("noindex")),
        "{answer:?}"
    );
    let unmarked = Pair::tls("").await.get("/").await;
    assert_eq!(
        (unmarked.field("x-environment"), unmarked.field("x-robots-tag")),
        (None, None)
    );
}
