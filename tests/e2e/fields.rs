//! `headers.*`, `security_headers`, `cache`: the fields that apps and clients see, whoever answers, over HTTP/1.1 and HTTP/2.

use bytes::Bytes;

use crate::common::app::{App, Health, Step, send};
use crate::common::client::{Client, Response, WEB_SOCKET};
use crate::common::door::{Door, QUICK};
use crate::common::fixture::{HOST, PLAIN, Pair};

/// An answer with these fields, and a body.
fn with(fields: &str) -> Vec<Step> {
    vec![send(format!("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n{fields}\r\nok"))]
}

/// The values of a field, in order.
fn all<'a>(answer: &'a Response, name: &'a str) -> Vec<&'a str> {
    answer.fields.all(name).collect()
}

/// The same request over both protocols.
async fn both(pair: &Pair, target: &str) -> [Response; 2] {
    let h2 = pair.door.h2(HOST).await.unwrap();
    [pair.get(target).await, h2.get(HOST, target).await.unwrap()]
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_of_answers_are_set_and_taken_away() {
    let pair = Pair::tls(
        "headers.response = { X-Frame-Options = \"DENY\", Server = \"\", X-Powered-By = \"\", X-From = \"{environment}/{service}/{slot}\" }\n",
    )
    .await;
    let fields = "Server: app\r\nX-Powered-By: a\r\nx-powered-by: b\r\nX-FRAME-OPTIONS: a\r\nX-Frame-Options: b\r\nX-Kept: 1\r\n";
    pair.blue.on("/x", with(fields));
    for answer in both(&pair, "/x").await {
        assert_eq!(all(&answer, "x-frame-options"), ["DENY"]);
        assert_eq!(answer.field("server"), None);
        assert_eq!(answer.field("x-powered-by"), None);
        assert_eq!(answer.field("x-kept"), Some("1"));
        assert_eq!(answer.field("x-from"), Some("prod/prod/blue"));
        assert_eq!(answer.text(), "ok");
    }
    pair.door.swap("prod", &[]).await.assert_code(0);
    for answer in both(&pair, "/y").await {
        assert_eq!(answer.field("x-from"), Some("prod/prod/green"), "the slot that served");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_answers_have_them_too() {
    let pair = Pair::tls("headers.response.X-Own = \"{request_id}\"\nlimit.body = \"1B\"\nhold.for = \"off\"\n").await;
    let mut client = pair.door.tls(HOST).await.unwrap();
    let refused = client.post(HOST, "/", b"long").await.unwrap();
    assert_eq!(refused.status, 413);
    assert_eq!(refused.field("x-own"), refused.field("x-request-id"));
    pair.blue.stop_listening().await;
    for answer in both(&pair, "/").await {
        assert_eq!(answer.status, 503);
        assert!(answer.field("x-own").is_some_and(|id| id.len() == 16), "{answer:?}");
    }
    pair.door.proxyctl(&["maintenance", "prod", "on"]).await.assert_code(0);
    for answer in both(&pair, "/").await {
        assert_eq!((answer.status, answer.field("x-own").is_some()), (503, true));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_of_requests_are_set_and_taken_away() {
    let pair = Pair::tls(
        "headers.request = { X-Tenant = \"acme\", X-Client = \"{client}\", Cookie = \"\", X-Real-IP = \"\", Host = \"inner.test\" }\n\
         [[env.prod.at]]\npath = \"/head\"\nheaders.request = { X-Tenant = \"other\", X-Path = \"{host}{path}\" }\n",
    )
    .await;
    let fields = "X-TENANT: mine\r\nx-tenant: mine\r\nX-Client: 1.1.1.1\r\nCookie: a=1\r\nX-Kept: 1\r\n";
    let mut client = pair.door.tls(HOST).await.unwrap();
    let first = client
        .request("POST", HOST, "/head?x=1", fields, b"a body")
        .await
        .unwrap()
        .text();
    let h2 = pair.door.h2(HOST).await.unwrap();
    let request = http::Request::post(format!("https://{HOST}/head?x=1"))
        .header("x-tenant", "mine")
        .header("x-client", "1.1.1.1")
        .header("cookie", "a=1")
        .header("x-kept", "1");
    let second = h2.send(request, Bytes::from_static(b"a body")).await.unwrap().text();
    for head in [first, second] {
        let head = head.to_lowercase();
        assert!(head.starts_with("post /head?x=1 http/1.1\r\n"), "{head}");
        for line in [
            "x-tenant: other",
            "x-client: 127.0.0.1",
            "x-kept: 1",
            "host: inner.test",
            &format!("x-path: {HOST}/head"),
        ] {
            assert_eq!(head.matches(&format!("\r\n{line}\r\n")).count(), 1, "{line} in {head}");
        }
        for gone in ["mine", "1.1.1.1", "cookie", "x-real-ip"] {
            assert!(!head.contains(gone), "{gone} in {head}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_client_and_no_app_ends_a_line_by_a_placeholder() {
    let pair = Pair::tls(
        "headers.response.X-Echo = \"<{host}{path}>\"\nheaders.request.X-Echo = \"<{path}>\"\nhealth.version = \"json:version\"\n\
         [[env.prod.at]]\npath = \"/v\"\nheaders.response.X-Version = \"{version}\"\n",
    )
    .await;
    pair.green
        .health(Health::status(200).body("{\"version\":\"1\\r\\nX-Evil: 1\"}"));
    let mut client = pair.door.tls(HOST).await.unwrap();
    for target in ["/a%0d%0aX-Evil:%201", "/a\">,<b", "/a;b={}|^`"] {
        let Ok(answer) = client.get(HOST, target).await else {
            panic!("{target} has an answer");
        };
        if answer.status == 200 {
            assert_eq!(answer.field("x-evil"), None, "{target}");
            let echo = answer.field("x-echo").unwrap();
            assert_eq!(echo.matches(['<', '>', '"']).count(), 2, "{target}: {echo}");
        }
    }
    let echoed = client.get(HOST, "/head").await.unwrap().text();
    assert!(echoed.contains("x-echo: </head>\r\n"), "{echoed}");
    pair.door.swap("prod", &[]).await.assert_code(0);
    // From the first request on: the gate has heard it.
    let answer = pair.get("/v").await;
    assert_eq!((answer.app(), answer.field("x-evil")), ("green", None));
    assert_eq!(answer.field("x-version"), Some("1%5Cr%5CnX-Evil:%201"));
    // And behind a pause and a reload, which put another period of the same side in its place.
    pair.door.proxyctl(&["pause", "prod"]).await.assert_code(0);
    pair.door.proxyctl(&["resume", "prod"]).await.assert_code(0);
    pair.door.rewrite(|text| format!("{text}limit.body = \"1MiB\"\n"));
    pair.door.reload(&[]).await.assert_code(0);
    assert_eq!(pair.get("/v").await.field("x-version"), Some("1%5Cr%5CnX-Evil:%201"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_waits_tells_the_side_that_serves_it() {
    let pair = Pair::tls("headers.request.X-Slot = \"{slot}\"\n").await;
    pair.door.proxyctl(&["pause", "prod"]).await.assert_code(0);
    let mut held = pair.ask("/head").await;
    let mut upload = pair.door.tls(HOST).await.unwrap();
    upload
        .send(format!(
            "POST /head HTTP/1.1\r\nHost: {HOST}\r\nX-Slot: mine\r\nContent-Length: 6\r\n\r\na body"
        ))
        .await
        .unwrap();
    pair.door.held("prod", 2).await;
    pair.door.proxyctl(&["resume", "prod"]).await.assert_code(0);
    for (client, method) in [(&mut held, "GET"), (&mut upload, "POST")] {
        let head = client.response(method).await.unwrap().text();
        assert_eq!(head.to_lowercase().matches("x-slot: blue\r\n").count(), 1, "{head}");
        assert!(!head.contains("mine"), "{head}");
    }
    pair.blue.stop_hard().await;
    let mut held = pair.ask("/head").await;
    pair.door.held("prod", 1).await;
    pair.door.swap("prod", &[]).await.assert_code(0);
    let head = held.response("GET").await.unwrap().text();
    assert!(head.contains("x-slot: green\r\n") && !head.contains("blue"), "{head}");
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_that_we_set_for_the_app_let_nobody_in() {
    let it = Pair::plain("headers.request.Authorization = \"Basic YW5uYTpjb3JyZWN0IGhvcnNl\"\n").await;
    std::fs::write(it.door.folder().join("users"), {
        let hash = bcrypt::hash_with_salt("correct horse", 4, [9; 16]).unwrap();
        format!("anna:{}\n", hash.format_for_version(bcrypt::Version::TwoY))
    })
    .unwrap();
    it.blue.stop_listening().await;
    let mut held = it.ask("/").await;
    it.door.held("prod", 1).await;
    it.door.rewrite(|text| format!("{text}auth.basic = \"users\"\n"));
    it.door.reload(&[]).await.assert_code(0);
    it.blue.listen().await;
    assert_eq!(
        held.response("GET").await.unwrap().status,
        401,
        "the credentials were ours"
    );
    assert_eq!(it.blue.requests(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_safe_is_told_where_the_app_does_not_say_otherwise() {
    let pair =
        Pair::tls("security_headers = true\n[[env.prod.at]]\npath = \"/embed\"\nsecurity_headers = false\n").await;
    pair.blue.on(
        "/own",
        with("x-frame-options: DENY\r\nReferrer-Policy: no-referrer\r\nX-Content-Type-Options: mine\r\n"),
    );
    pair.blue.on(
        "/csp",
        with("Content-Security-Policy: default-src 'self'; Frame-Ancestors 'none'\r\n"),
    );
    pair.blue.on("/embed", with(""));
    let names = [
        "x-content-type-options",
        "referrer-policy",
        "x-frame-options",
        "strict-transport-security",
    ];
    let usual = [
        Some("nosniff"),
        Some("strict-origin-when-cross-origin"),
        Some("SAMEORIGIN"),
        None,
    ];
    for (target, expected) in [
        ("/", usual),
        ("/status/500", usual),
        ("/own", [Some("mine"), Some("no-referrer"), Some("DENY"), None]),
        ("/csp", [usual[0], usual[1], None, None]),
        ("/embed", [None; 4]),
    ] {
        for answer in both(&pair, target).await {
            // The local CA is trusted by nobody else, so there is no HSTS.
            assert_eq!(names.map(|name| answer.field(name)), expected, "{target}");
            assert!(names.iter().all(|name| all(&answer, name).len() < 2), "{target}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn browsers_are_told_to_stay_with_tls_where_they_trust_the_certificate_and_never_over_plain_http() {
    let app = App::start("app", "v1").await;
    let plain = App::start("plain", "v1").await;
    let any = "127.0.0.1:0".parse().unwrap();
    let text = format!(
        "{QUICK}security_headers = true\n[env.prod]\nhost = \"{HOST}\"\nupstream = \"{0}\"\ntls = {{ cert = \"a.pem\", key = \"a.key\" }}\n\
         [env.plain]\nhost = \"{PLAIN}\"\nupstream = \"{1}\"\ntls = \"off\"\n",
        app.address(),
        plain.address(),
    );
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new([HOST.to_owned()])
        .unwrap()
        .self_signed(&key)
        .unwrap();
    let door = Door::start_at(any, any, "trusted_proxies = [\"127.0.0.1\"]", &text, |folder| {
        std::fs::write(folder.join("a.pem"), certificate.pem()).unwrap();
        std::fs::write(folder.join("a.key"), key.serialize_pem()).unwrap();
    })
    .await;
    let strict = |answer: &Response| answer.field("strict-transport-security").map(str::to_owned);
    let mut client = door.plain().await;
    let answer = client.get(PLAIN, "/").await.unwrap();
    assert_eq!(
        (answer.status, strict(&answer), answer.field("x-content-type-options")),
        (200, None, Some("nosniff"))
    );
    // Behind a proxy that ends TLS, the browser speaks TLS.
    let answer = client
        .request("GET", HOST, "/", "X-Forwarded-Proto: https\r\n", b"")
        .await
        .unwrap();
    assert_eq!(
        (answer.status, strict(&answer).as_deref()),
        (200, Some("max-age=31536000"))
    );
    let answer = client.get(HOST, "/").await.unwrap();
    assert_eq!((answer.status, strict(&answer)), (308, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn caches_are_told_where_the_app_says_nothing() {
    let pair = Pair::tls(
        "[[env.prod.at]]\npath = [\"/static\", \"*.css\"]\ncache = \"immutable\"\n[[env.prod.at]]\npath = \"/hour\"\ncache = \"1h\"\n\
         [[env.prod.at]]\npath = \"/never\"\ncache = \"no-store\"\n[[env.prod.at]]\npath = \"/static/off\"\ncache = \"off\"\n\
         [[env.prod.at]]\npath = \"/status\"\ncache = \"1m\"\n",
    )
    .await;
    pair.blue.on("/static/own", with("CACHE-control: private\r\n"));
    for (target, expected) in [
        ("/", None),
        ("/static/x", Some("max-age=31536000, immutable")),
        ("/a/b.css", Some("max-age=31536000, immutable")),
        ("/static/own", Some("private")),
        ("/static/off/x", None),
        ("/hour", Some("max-age=3600")),
        ("/never", Some("no-store")),
        ("/status/200", Some("max-age=60")),
        ("/status/203", Some("max-age=60")),
        ("/status/206", Some("max-age=60")),
        ("/status/304", Some("max-age=60")),
        ("/status/201", None),
        ("/status/301", None),
        ("/status/404", None),
        ("/status/500", None),
    ] {
        for answer in both(&pair, target).await {
            assert_eq!(answer.field("cache-control"), expected, "{target}");
        }
    }
    let mut client = pair.door.tls(HOST).await.unwrap();
    for (method, expected) in [("HEAD", Some("max-age=3600")), ("POST", None), ("OPTIONS", None)] {
        let answer = client.request(method, HOST, "/hour", "", b"").await.unwrap();
        assert_eq!(
            (answer.status, answer.field("cache-control")),
            (200, expected),
            "{method}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_web_socket_and_a_stream_have_the_same_fields() {
    let pair = Pair::tls("headers.response.X-A = \"1\"\nheaders.request.X-B = \"2\"\nsecurity_headers = true\n").await;
    let mut client: Client = pair.door.tls(HOST).await.unwrap();
    client
        .send(format!("GET /ws HTTP/1.1\r\nHost: {HOST}\r\n{WEB_SOCKET}\r\n"))
        .await
        .unwrap();
    let (status, head) = client.head().await.unwrap();
    assert_eq!(
        (status, head.fields.get("x-a"), head.fields.get("x-frame-options")),
        (101, Some("1"), None)
    );
    assert_eq!(pair.blue.last_seen("/ws").head.fields.get("x-b"), Some("2"));
    for answer in both(&pair, "/sse?n=2&ms=1&each=1").await {
        assert_eq!((answer.status, answer.field("x-a")), (200, Some("1")));
    }
}
