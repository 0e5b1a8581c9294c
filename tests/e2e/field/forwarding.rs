//! What an app learns of the client and of what it asked for, and from whom that is believed (F2, F4, F14).

use super::{PLAIN, Pair, TRUSTED, get, get_h2, values};
use crate::common::app::App;
use crate::common::client::WEB_SOCKET;
use crate::common::door::{Door, QUICK_PLAIN};

/// By these an app learns what a proxy knows; none is set by us.
const FORWARDING: &str = "Ali-CDN-Real-IP CDN-Src-IP CF-Connecting-IP CF-Connecting-IPv6 CF-Pseudo-IPv4 CF-Visitor Client-Cert \
    Client-Cert-Chain Client-IP CloudFront-Forwarded-Proto CloudFront-Viewer-Address DO-Connecting-IP Fastly-Client-IP \
    Fastly-SSL Fly-Client-IP Forwarded-For Front-End-Https Path-Info Proxy-Client-IP Script-Name True-Client-IP \
    WL-Proxy-Client-IP X-Appengine-User-IP X-ARR-SSL X-Azure-ClientIP X-Azure-SocketIP X-Client-IP X-Cluster-Client-IP \
    X-Envoy-External-Address X-Envoy-Original-Path X-Forwarded X-Forwarded-By X-Forwarded-Client-Cert X-Forwarded-Path \
    X-Forwarded-Port X-Forwarded-Protocol X-Forwarded-Scheme X-Forwarded-Server X-Forwarded-Ssl X-Forwarded-User X-Host \
    X-HTTP-Host-Override X-Ingress-Path X-NF-Client-Connection-IP X-Original-For X-Original-Forwarded-For X-Original-Host \
    X-Original-Method X-Original-Path X-Original-Port X-Original-Prefix X-Original-Proto X-Original-Remote-Addr \
    X-Original-Scheme X-Original-URI X-Original-URL X-Originating-IP X-ProxyContextPath X-ProxyUser-IP X-Real-Port \
    X-Remote-Addr X-Remote-IP X-Replaced-Path X-Request-URI X-Rewrite-URL X-Scheme X-Script-Name X-Url-Scheme \
    X-Vercel-Forwarded-For X-Vercel-Proxied-For";

/// We set these ourselves.
const OURS: &str = "X-Forwarded-For X-Forwarded-Proto X-Forwarded-Host X-Forwarded-Prefix X-Real-IP X-Request-ID";

/// Nobody has to say these to an app, trusted or not.
const NEVER: &str = "Proxy X-Environment Forwarded";

/// With `_` for `-` they are other names to us, and the same to many apps.
const TWINS: &str = "Content-Length Transfer-Encoding Keep-Alive Proxy-Authorization Proxy-Connection X-Environment";

fn names(list: &'static str) -> impl Iterator<Item = &'static str> {
    list.split_whitespace()
}

/// A field line for each name.
fn lines(names: impl Iterator<Item = String>) -> String {
    names.map(|name| format!("{name}: spoofed\r\n")).collect()
}

/// Every name as it is, and the twins of all of them; fewer at a time than a head may have.
fn all() -> Vec<String> {
    let written = || names(FORWARDING).chain(names(OURS)).chain(names(NEVER));
    let twins = || written().chain(names(TWINS)).filter(|name| name.contains('-'));
    let mixed = twins().map(|name| name.to_uppercase().replacen('-', "_", 1));
    let names: Vec<_> = written()
        .map(str::to_owned)
        .chain(twins().map(|name| name.replace('-', "_")))
        .chain(mixed)
        .collect();
    names.chunks(60).map(|names| lines(names.iter().cloned())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn f4_what_a_proxy_would_say_is_dropped_from_anybody_else() {
    let (plain, tls) = (Pair::plain("").await, Pair::tls("").await);
    for fields in all() {
        for head in [
            get(&plain, "/head", &fields).await.text(),
            get(&tls, "/head", &fields).await.text(),
            get_h2(&tls, "/head", &fields).await.text(),
        ] {
            assert!(!head.contains("spoofed"), "{head}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f4_it_is_dropped_from_trailers_and_from_the_head_of_a_web_socket_too() {
    let pair = Pair::plain("").await;
    for fields in all() {
        let mut client = pair.door.plain().await;
        let head = format!("POST /head HTTP/1.1\r\nHost: {PLAIN}\r\nTransfer-Encoding: chunked\r\n\r\n");
        let body = format!("1\r\na\r\n0\r\n{fields}X-Fine: 1\r\n\r\n");
        client.send(head + &body).await.unwrap();
        let seen = client.response("POST").await.unwrap().text();
        assert!(
            !seen.contains("spoofed") && seen.contains("trailer X-Fine: 1"),
            "{seen}"
        );

        let mut client = pair.door.plain().await;
        client
            .send(format!("GET /ws HTTP/1.1\r\nHost: {PLAIN}\r\n{WEB_SOCKET}{fields}\r\n"))
            .await
            .unwrap();
        assert_eq!(client.head().await.unwrap().0, 101);
        let seen = pair.blue.last_seen("/ws").head.raw;
        assert!(!seen.contains("spoofed"), "{seen}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f4_a_trusted_proxy_may_say_what_it_knows_and_no_more() {
    let (plain, tls) = (Pair::plain_with(TRUSTED, "").await, Pair::tls_with(TRUSTED, "").await);
    let fields = lines(names(FORWARDING).map(str::to_owned));
    let never = lines(
        names(NEVER)
            .map(str::to_owned)
            .chain(names(TWINS).map(|name| name.replace('-', "_"))),
    );
    let nominated = format!("Connection: x-client-ip\r\n{never}X-Client-IP: spoofed\r\nX_Client_IP: spoofed\r\n");
    for head in [
        get(&plain, "/head", &fields).await.text(),
        get(&tls, "/head", &fields).await.text(),
        get_h2(&tls, "/head", &fields).await.text(),
    ] {
        for name in names(FORWARDING) {
            assert_eq!(values(&head, name), ["spoofed"], "{name}: {head}");
        }
    }
    for head in [
        get(&plain, "/head", &nominated).await.text(),
        get_h2(&tls, "/head", &never).await.text(),
    ] {
        assert!(!head.contains("spoofed"), "{head}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f4_names_that_only_look_alike_are_the_apps_business() {
    let (plain, tls) = (Pair::plain("").await, Pair::tls("").await);
    let names = "Via Authorization Cookie X-Requested-With X_Requested_With X-CSRF-Token X-Original-Filename X-Forwarder X-Realm \
                 X-Http-Method-Override User_Agent My_Own_Header Proxy-Status Hosts Clients-IP";
    let fields: String = names
        .split_whitespace()
        .map(|name| format!("{name}: kept\r\n"))
        .collect();
    for head in [
        get(&plain, "/head", &fields).await.text(),
        get(&tls, "/head", &fields).await.text(),
        get_h2(&tls, "/head", &fields).await.text(),
    ] {
        for name in names.split_whitespace() {
            assert_eq!(values(&head, name), ["kept"], "{name}: {head}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f4_an_app_behind_a_stripped_prefix_is_told_which() {
    const STRIP: &str = "path = \"/api\"\nstrip_prefix = true\n";
    let prefix = async |pair: &Pair, fields: &str| {
        let head = get(pair, "/api/head", fields).await.text();
        values(&head, "x-forwarded-prefix").join(" and ")
    };
    let claim = "X-Forwarded-Prefix: /outer\r\n";
    let pair = Pair::plain(STRIP).await;
    for fields in [
        "",
        claim,
        "X-Forwarded-Prefix: //evil\r\nX_Forwarded_Prefix: //evil\r\n",
    ] {
        assert_eq!(prefix(&pair, fields).await, "/api", "{fields}");
    }
    let tls = Pair::tls(STRIP).await;
    let head = get_h2(&tls, "/api/head", claim).await.text();
    assert_eq!(values(&head, "x-forwarded-prefix"), ["/api"], "{head}");
    let trusting = Pair::plain_with(TRUSTED, STRIP).await;
    for (fields, expected) in [
        ("", "/api"),
        (claim, "/outer/api"),
        ("X-Forwarded-Prefix: /\r\n", "/api"),
    ] {
        assert_eq!(prefix(&trusting, fields).await, expected, "{fields}");
    }
    // What is not stripped here is nobody's prefix, unless somebody else has stripped one.
    let app = App::start("blue", "v1").await;
    let config = format!(
        "{QUICK_PLAIN}[env.prod]\nhost = \"{PLAIN}\"\nupstream = \"{}\"\n",
        app.address()
    );
    for (server, expected) in [("", vec![]), (TRUSTED, vec!["/outer"])] {
        let door = Door::start_with(server, &config).await;
        let mut client = door.plain().await;
        let head = client.request("GET", PLAIN, "/head", claim, b"").await.unwrap().text();
        assert_eq!(values(&head, "x-forwarded-prefix"), expected, "{head}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f4_the_prefix_is_told_to_the_app_that_gets_the_request_and_not_to_the_one_it_waited_for() {
    const STRIP: &str = "strip_prefix = true\n";
    for (before, after, told) in [(STRIP, "", vec!["/outer"]), ("", STRIP, vec!["/outer/api"])] {
        let pair = Pair::plain_with(TRUSTED, &format!("path = \"/api\"\n{before}")).await;
        pair.blue.stop_hard().await;
        let mut client = pair.door.plain().await;
        let fields = "X-Forwarded-Prefix: /outer\r\nTransfer-Encoding: chunked\r\n";
        let head = format!("PUT /api/users/7?x=1 HTTP/1.1\r\nHost: {PLAIN}\r\n{fields}\r\n");
        client.send(format!("{head}4\r\nbody\r\n0\r\n\r\n")).await.unwrap();
        pair.door.held("prod", 1).await;
        pair.door.rewrite(|text| format!("{}{after}", text.replace(STRIP, "")));
        pair.door.reload(&[]).await.assert_code(0);
        pair.blue.listen().await;
        assert_eq!(client.response("PUT").await.unwrap().status, 200);
        let seen = pair.blue.seen().pop().unwrap();
        let target = if after == STRIP {
            "/users/7?x=1"
        } else {
            "/api/users/7?x=1"
        };
        assert_eq!(seen.target, target);
        assert_eq!(values(&seen.head.raw, "x-forwarded-prefix"), told, "{}", seen.head.raw);
        assert_eq!(values(&seen.head.raw, "host"), [PLAIN], "{}", seen.head.raw);
    }
}
