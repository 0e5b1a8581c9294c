//! Who enters, over every protocol, by every method.

use bytes::Bytes;

use super::{ANNA, BASIC, DEV, Guarded, PROD, assert_asked, basic, value};
use crate::common::client::WEB_SOCKET;
use crate::common::door::QUICK_PLAIN;
use crate::common::load::{next, open_web_socket};
use crate::common::wire::Wire;

/// What opens nothing: each is sent once.
fn wrong() -> Vec<String> {
    let right = basic(ANNA);
    vec![
        String::new(),
        basic("anna:wrong"),
        basic("nobody:correct horse"),
        basic("Anna:correct horse"),
        right.replace("Basic", "Bearer"),
        right.replace("Basic ", "Basic"),
        right.replace("\r\n", "=\r\n"),
        format!("{right}{right}"),
        format!("{right}Authorization: Bearer x\r\n"),
        right.replace("Authorization", "Proxy-Authorization"),
        right.replace("Authorization", "X-Authorization"),
        "Cookie: authorization=1\r\n".to_owned(),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_enters_without_a_password_by_any_method_over_any_protocol() {
    let it = Guarded::tls(BASIC).await;
    let tls = async || it.door.tls(DEV).await.unwrap();
    for (method, body) in [
        ("GET", ""),
        ("HEAD", ""),
        ("POST", "a body"),
        ("PUT", "a body"),
        ("PATCH", "a body"),
        ("DELETE", ""),
        ("OPTIONS", ""),
        ("PURGE", ""),
    ] {
        let preflight = "Origin: https://evil.test\r\nAccess-Control-Request-Method: GET\r\n";
        let answer = tls()
            .await
            .request(method, DEV, "/x", preflight, body.as_bytes())
            .await
            .unwrap();
        assert_asked(&answer, method);
    }
    let answer = tls().await.request("OPTIONS", DEV, "*", "", b"").await.unwrap();
    assert_asked(&answer, "OPTIONS *");
    let mut client = tls().await;
    for fields in wrong() {
        let answer = client.request("GET", DEV, "/", &fields, b"").await.unwrap();
        assert_asked(&answer, &fields);
    }
    for method in ["CONNECT", "TRACE"] {
        let mut client = it.door.tls(DEV).await.unwrap();
        assert_eq!(client.request(method, DEV, "/", "", b"").await.unwrap().status, 405);
    }
    let h2 = it.door.h2(DEV).await.unwrap();
    for method in ["GET", "POST", "OPTIONS", "DELETE"] {
        let request = http::Request::builder().method(method).uri(format!("https://{DEV}/x"));
        let answer = h2.send(request, Bytes::from_static(b"a body")).await.unwrap();
        assert_asked(&answer, method);
    }
    assert_eq!(
        (it.dev.requests(), it.prod.requests()),
        (0, 0),
        "no app has heard of any of it"
    );

    for method in ["GET", "POST", "OPTIONS"] {
        let answer = client.request(method, DEV, "/x", &basic(ANNA), b"").await.unwrap();
        assert_eq!((answer.status, answer.app()), (200, "dev"), "{method}");
        let request = http::Request::builder()
            .method(method)
            .uri(format!("https://{DEV}/x"))
            .header("authorization", value(ANNA));
        let answer = h2.send(request, Bytes::new()).await.unwrap();
        assert_eq!((answer.status, answer.app()), (200, "dev"), "{method} over HTTP/2");
    }
    assert_eq!(
        it.door.tls(PROD).await.unwrap().get(PROD, "/").await.unwrap().app(),
        "prod"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_web_socket_is_asked_before_the_tunnel_opens() {
    let it = Guarded::plain(BASIC).await;
    for fields in ["", &basic("anna:wrong")] {
        let answer = it.get("/ws", &format!("{WEB_SOCKET}{fields}")).await;
        assert_asked(&answer, "a WebSocket");
    }
    assert_eq!(it.dev.requests(), 0);
    let mut client = it.door.plain().await;
    let fields = format!("{WEB_SOCKET}{}", basic(ANNA));
    client
        .send(format!("GET /tunnel HTTP/1.1\r\nHost: {DEV}\r\n{fields}\r\n"))
        .await
        .unwrap();
    assert_eq!(client.head().await.unwrap().0, 101);
    client.send("echo").await.unwrap();
    assert_eq!(client.incoming.exactly(4).await.unwrap(), b"echo");
    // prod has no door of its own.
    let mut socket = open_web_socket(&it.door.plain_target(PROD), "/ws").await.unwrap();
    futures_util::SinkExt::send(&mut socket, "hello".into()).await.unwrap();
    assert_eq!(next(&mut socket).await.unwrap(), "hello".into());
}

#[tokio::test(flavor = "multi_thread")]
async fn where_address_and_password_are_asked_for_both_have_to_pass() {
    let it = Guarded::plain(&format!("{BASIC}\nauth.allow = [\"127.0.0.2\", \"127.0.0.128/25\"]")).await;
    for client in [2, 128, 200] {
        assert_asked(
            &it.get_from(client, "/", "").await,
            "an address that may, and no password",
        );
        assert_eq!(it.get_from(client, "/", &basic(ANNA)).await.app(), "dev");
    }
    for client in [1, 3, 127] {
        for fields in [String::new(), basic(ANNA), basic("anna:wrong")] {
            let answer = it.get_from(client, "/", &fields).await;
            assert_eq!((answer.status, answer.app()), (403, ""), "{client}: {fields}");
            assert_eq!(answer.field("www-authenticate"), None);
        }
    }
    let refused = it.door.logged("client: not allowed", 9).await;
    assert!(
        refused
            .iter()
            .all(|line| line["user"].is_null() && line["environment"] == "dev")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_address_is_the_clients_and_not_the_trusted_proxys() {
    let auth = "auth.allow = \"203.0.113.0/24\"";
    let it = Guarded::start("trusted_proxies = [\"127.0.0.1\"]", QUICK_PLAIN, auth, |_| {}).await;
    let by = |chain: &str| format!("X-Forwarded-For: {chain}\r\n");
    assert_eq!(it.get("/", &by("203.0.113.9")).await.status, 200);
    for chain in ["192.0.2.1", "203.0.113.9, 192.0.2.1", "127.0.0.1", "nonsense"] {
        assert_eq!(it.get("/", &by(chain)).await.status, 403, "{chain}");
    }
    assert_eq!(it.get("/", "").await.status, 403);
    // A stranger's word about himself counts for nothing.
    assert_eq!(it.get_from(2, "/", &by("203.0.113.9")).await.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_exempt_is_for_everybody_and_nothing_else_is() {
    let auth = format!("{BASIC}\nauth.allow = \"127.0.0.2\"\nauth.except = [\"/hooks\", \"/public/\"]");
    let it = Guarded::plain(&auth).await;
    for target in [
        "/hooks",
        "/hooks/",
        "/hooks/x?y=1",
        "/public",
        "/public/a.css",
        "/hooks?/../..",
    ] {
        assert_eq!(it.get(target, "").await.app(), "dev", "{target}");
    }
    for target in [
        "/",
        "/hooksx",
        "/Hooks",
        "/public.txt",
        "/x/hooks",
        "/x?/hooks",
        "/?/hooks",
    ] {
        assert_asked(&it.get_from(2, target, "").await, target);
        assert_eq!(it.get(target, "").await.status, 403, "{target}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn e20_a_path_that_is_exempt_only_to_one_reader_gets_400() {
    let it = Guarded::plain(&format!("{BASIC}\nauth.except = \"/hooks\"")).await;
    let seen = it.dev.requests();
    for target in [
        "/hooks/../admin",
        "/hooks/%2e%2e/admin",
        "/hooks/..%2fadmin",
        "/hooks%2f..%2fadmin",
        "/hooks/..;/admin",
        "/hooks\\..\\admin",
        "//hooks",
        "/admin/../hooks",
        "/%68ooks",
    ] {
        assert_eq!(it.get(target, "").await.status, 400, "{target}");
        assert_eq!(it.get(target, &basic(ANNA)).await.status, 400, "{target} by anna");
    }
    assert_eq!(it.dev.requests(), seen);
    for target in ["/a%2fb", "/a//b", "/x/../y"] {
        assert_eq!(it.get(target, &basic(ANNA)).await.app(), "dev", "{target}");
        assert_asked(&it.get(target, "").await, target);
    }
    assert_eq!(it.get("/hooks/a%2fb", "").await.app(), "dev");
}

#[tokio::test(flavor = "multi_thread")]
async fn e19_the_handshake_of_prod_does_not_open_dev() {
    let it = Guarded::tls(BASIC).await;
    for fields in [String::new(), basic(ANNA)] {
        let mut client = it.door.tls(PROD).await.unwrap();
        assert_eq!(client.request("GET", DEV, "/", &fields, b"").await.unwrap().status, 421);
    }
    let h2 = it.door.h2(PROD).await.unwrap();
    assert_eq!(h2.get(DEV, "/").await.unwrap().status, 421);
    // On the plain port nobody is asked for a password that could be overheard.
    let answer = it
        .door
        .plain()
        .await
        .request("GET", DEV, "/", &basic(ANNA), b"")
        .await
        .unwrap();
    assert_eq!((answer.status, answer.field("www-authenticate")), (308, None));
    assert_eq!(it.dev.requests(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_app_sees_no_credentials_that_were_for_the_proxy_and_all_others() {
    let it = Guarded::plain(BASIC).await;
    let guarded = it.get("/head", &basic(ANNA)).await.text().to_lowercase();
    assert!(
        guarded.starts_with("get /head ") && !guarded.contains("authorization"),
        "{guarded}"
    );
    let mut client = it.door.plain().await;
    let bearer = "Authorization: Bearer a-token\r\n";
    let prod = client.request("GET", PROD, "/head", bearer, b"").await.unwrap().text();
    assert!(prod.contains(bearer), "{prod}");
    let exempt = Guarded::plain(&format!("{BASIC}\nauth.except = \"/head\"")).await;
    for own in [bearer.to_owned(), basic(ANNA), basic("app:its own")] {
        let seen = exempt.get("/head", &own).await.text();
        assert!(seen.contains(&own), "{seen}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ca_is_never_asked() {
    let it = Guarded::tls(&format!("{BASIC}\nauth.allow = \"192.0.2.1\"")).await;
    let path = "/.well-known/acme-challenge/greengate";
    let answer = it.door.plain().await.get(DEV, path).await.unwrap();
    assert_eq!(answer.status, 200);
    assert!(answer.text().starts_with("greengate "), "{}", answer.text());
    assert_eq!(
        it.door.tls(DEV).await.unwrap().get(DEV, path).await.unwrap().status,
        403
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn e36_an_upload_that_is_not_let_in_is_answered_and_the_connection_stays_in_step() {
    let it = Guarded::plain(BASIC).await;
    let mut client = it.door.plain().await;
    let body = vec![b'x'; 256 * 1024];
    assert_asked(
        &client.request("POST", DEV, "/echo", "", &body).await.unwrap(),
        "a large upload",
    );
    let mut client = it.door.plain().await;
    let expecting = "Expect: 100-continue\r\nContent-Length: 5\r\n";
    client
        .send(format!("POST /echo HTTP/1.1\r\nHost: {DEV}\r\n{expecting}\r\n"))
        .await
        .unwrap();
    let (status, _) = client.head().await.unwrap();
    assert_eq!(status, 401, "nobody is asked to go on");
    // Credentials that are new to the door wait, and so does the upload: none of it is lost.
    let mut client = it.door.plain().await;
    let answer = client.request("POST", DEV, "/echo", &basic(ANNA), &body).await.unwrap();
    assert_eq!((answer.status, answer.body.len()), (200, body.len()));
    assert!(matches!(client.incoming.wire, Wire::Tcp(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_app_gets_the_head_of_an_upload_that_is_too_large_also_where_the_password_is_checked_first() {
    let it = Guarded::plain(&format!("{BASIC}\nlimit.body = \"1KiB\"")).await;
    let large = vec![b'x'; 2048];
    // Unknown to the door, and then known.
    for _ in 0..2 {
        let mut client = it.door.plain().await;
        let answer = client
            .request("POST", DEV, "/echo", &basic(ANNA), &large)
            .await
            .unwrap();
        assert_eq!((answer.status, answer.app()), (413, ""), "{}", answer.text());
    }
    assert_eq!(it.dev.requests(), 0);
}
