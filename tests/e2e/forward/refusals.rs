//! Any answer but 2xx is the client's, and the app never hears of the request.

use super::{ANNA, Forwarded, LOGIN};
use crate::common::app::{Step, send};
use crate::common::fixture::{HOST, PLAIN};

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_reaches_the_client_whole_over_every_protocol() {
    let it = Forwarded::tls("").await;
    it.says(LOGIN);
    let mut client = it.pair.door.tls(HOST).await.unwrap();
    let h2 = it.pair.door.h2(HOST).await.unwrap();
    for answer in [
        client.get(HOST, "/x").await.unwrap(),
        client.post(HOST, "/x", b"a body").await.unwrap(),
        h2.get(HOST, "/x").await.unwrap(),
        h2.post(HOST, "/x", b"a body").await.unwrap(),
    ] {
        assert_eq!((answer.status, answer.text().as_str()), (302, "log in 1!"));
        assert_eq!(answer.field("location"), Some("https://login.example/?rd=1"));
        assert_eq!(
            answer.fields.all("set-cookie").collect::<Vec<_>>(),
            ["state=1; HttpOnly", "csrf=2"]
        );
        assert_eq!(answer.field("x-why"), Some("nobody"));
        assert_eq!(
            answer.field("cache-control"),
            Some("no-store"),
            "nobody keeps it unasked"
        );
        assert_eq!(answer.fields.all("content-length").collect::<Vec<_>>(), ["9"]);
        assert!(answer.field("date").is_some());
    }
    let mut client = it.pair.door.tls(HOST).await.unwrap();
    let head = client.request("HEAD", HOST, "/x", "", b"").await.unwrap();
    assert_eq!((head.status, head.field("content-length")), (302, Some("9")));
    assert_eq!(
        client.get(HOST, "/x").await.unwrap().status,
        302,
        "the connection is in step"
    );
    let lines = it.pair.door.logged("client: not let in by the auth service", 6).await;
    assert!(
        lines
            .iter()
            .all(|line| line["status"] == 302 && line["environment"] == "prod")
    );
    assert_eq!(
        lines[0]["reason"],
        "the auth service has answered otherwise than with 2xx"
    );
    assert_eq!(it.pair.blue.requests(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_status_is_passed_on_with_its_fields() {
    let it = Forwarded::plain("security_headers = true\nheaders.response = { X-Own = \"1\", X-Why = \"\" }\n").await;
    let mut client = it.pair.door.plain().await;
    for status in [301, 303, 307, 308, 400, 401, 403, 404, 407, 418, 429, 500, 503, 599] {
        it.says(&format!(
            "HTTP/1.1 {status} x\r\nWWW-Authenticate: Bearer realm=\"a\"\r\nRetry-After: 7\r\nCache-Control: private\r\n\
             Connection: X-Hop, close\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nX-Why: x\r\nTransfer-Encoding: chunked\r\n\r\n\
             5\r\nhello\r\n0\r\nTrailing: 1\r\n\r\n"
        ));
        let answer = client.get(PLAIN, "/x").await.unwrap();
        assert_eq!((answer.status, answer.text().as_str()), (status, "hello"));
        for (name, value) in [
            ("www-authenticate", Some("Bearer realm=\"a\"")),
            ("retry-after", Some("7")),
            ("cache-control", Some("private")),
            ("content-length", Some("5")),
            ("x-own", Some("1")),
            ("x-content-type-options", Some("nosniff")),
            ("x-why", None),
            ("x-hop", None),
            ("keep-alive", None),
            ("transfer-encoding", None),
        ] {
            assert_eq!(answer.field(name), value, "{status}: {name}");
        }
        assert!(answer.trailers.0.is_empty());
    }
    let lines = it.pair.door.logged("proxy: the auth service failed", 3).await;
    assert_eq!(lines[0]["reason"], "the auth service has answered with 5xx");
    let traffic = it.pair.door.environment("prod").await.services[0].traffic;
    assert_eq!(
        (traffic.app_errors, traffic.proxy_errors),
        (0, 3),
        "no error is the app's"
    );
    assert_eq!(it.pair.blue.requests(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_leads_back_to_what_was_asked_for() {
    let it = Forwarded::plain("").await;
    let mut client = it.pair.door.plain().await;
    it.says("HTTP/1.1 302 Found\r\nLocation: /login?rd=/x\r\nContent-Length: 0\r\n\r\n");
    let answer = client.get(PLAIN, "/x").await.unwrap();
    assert_eq!((answer.status, answer.field("location")), (302, Some("/login?rd=/x")));
    it.says(ANNA);
    let back = client
        .request("GET", PLAIN, "/x", "Cookie: session=1\r\n", b"")
        .await
        .unwrap();
    assert_eq!(back.app(), "blue");
}

#[tokio::test(flavor = "multi_thread")]
async fn e36_a_refused_upload_is_answered_and_read_to_its_end() {
    let it = Forwarded::tls("").await;
    it.says("HTTP/1.1 401 No\r\nWWW-Authenticate: Bearer\r\nContent-Length: 2\r\n\r\nno");
    let body = vec![b'x'; 2 << 20];
    for _ in 0..5 {
        let mut client = it.pair.door.tls(HOST).await.unwrap();
        let answer = client.post(HOST, "/echo", &body).await.unwrap();
        assert_eq!((answer.status, answer.text().as_str()), (401, "no"));
        let h2 = it.pair.door.h2(HOST).await.unwrap();
        assert_eq!(h2.post(HOST, "/echo", &body).await.unwrap().status, 401);
    }
    let mut client = it.pair.door.tls(HOST).await.unwrap();
    let expecting = "Expect: 100-continue\r\nContent-Length: 5\r\n";
    client
        .send(format!("POST /echo HTTP/1.1\r\nHost: {HOST}\r\n{expecting}\r\n"))
        .await
        .unwrap();
    assert_eq!(client.head().await.unwrap().0, 401, "nobody is asked to go on");
    assert_eq!(it.pair.blue.requests(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_until_the_connection_ends_is_passed_on_with_its_length() {
    let it = Forwarded::plain("").await;
    it.does(vec![
        send("HTTP/1.1 403 No\r\nContent-Type: text/plain\r\n\r\nno, "),
        send("no"),
        Step::Close,
    ]);
    let answer = it.pair.get("/x").await;
    assert_eq!((answer.status, answer.text().as_str()), (403, "no, no"));
    assert_eq!(answer.field("content-length"), Some("6"));
    it.does(vec![send(
        "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n",
    )]);
    let answer = it.pair.get("/x").await;
    assert_eq!(
        (answer.status, answer.interim.len()),
        (403, 0),
        "interim answers were for us"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn e35_what_client_and_auth_service_tell_each_other_is_never_logged() {
    let it = Forwarded::plain("").await;
    let secrets = "Set-Cookie: session=S3cret\r\nAuthorization: Bearer S3cret\r\nRemote-User: S3cret\r\nContent-Length: 6\r\n\r\nS3cret";
    let mut client = it.pair.door.plain().await;
    let own = "Cookie: session=S3cret\r\nAuthorization: Bearer S3cret\r\n";
    for (status, passed) in [(200, 200), (302, 302), (401, 401), (500, 500)] {
        it.says(&format!("HTTP/1.1 {status} x\r\nLocation: /?code=S3cret\r\n{secrets}"));
        let answer = client.request("GET", PLAIN, "/x", own, b"").await.unwrap();
        assert_eq!(answer.status, passed);
    }
    it.does(vec![send(
        format!("HTTP/1.1 200 OK\r\n{secrets}").replace("\r\n\r\n", "\nS3cret: S3cret\r\n\r\n"),
    )]);
    assert_eq!(client.request("GET", PLAIN, "/x", own, b"").await.unwrap().status, 503);
    it.pair.door.logged("\"/x\"", 5).await;
    let status = it.pair.door.proxyctl(&["status", "prod"]).await;
    for (what, text) in [
        ("the access log", it.pair.door.access_log()),
        ("the log", it.pair.door.process().log().text()),
        ("status", status.stdout),
    ] {
        assert!(!text.contains("S3cret"), "{what}: {text}");
    }
}
