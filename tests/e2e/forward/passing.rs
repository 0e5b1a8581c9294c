//! What a request passes with: the auth service's word, and nobody else's.

use super::{ANNA, Forwarded, LOGIN, VERIFY, forward};
use crate::common::app::App;
use crate::common::app::send;
use crate::common::client::Response;
use crate::common::fixture::{HOST, PLAIN, Pair};
use crate::common::frames::{DATA, Frames, Heads, field, text};
use crate::common::incoming::Broken;
use crate::common::{ms, secs};

/// Names and spellings by which a client could say who it is.
const LIES: &str = "Remote-User: eve\r\nREMOTE-USER: eve\r\nremote_user: eve\r\nRemote_Groups: root\r\nRemote-Email: eve@evil.test\r\n";

async fn get(it: &Forwarded, target: &str, fields: &str) -> Response {
    let mut client = it.pair.door.plain().await;
    client.request("GET", PLAIN, target, fields, b"").await.unwrap()
}

/// All that the app has seen of the last request for a path.
fn seen(app: &App, path: &str) -> String {
    app.last_seen(path).head.raw.to_lowercase()
}

#[tokio::test(flavor = "multi_thread")]
async fn any_2xx_passes_with_the_fields_that_are_copied_in_the_place_of_the_clients_own() {
    let it = Forwarded::plain("").await;
    for status in [200, 202, 204, 299] {
        it.says(&ANNA.replace("202", &status.to_string()));
        assert_eq!(get(&it, "/x", LIES).await.app(), "blue", "{status}");
        let head = it.pair.blue.last_seen("/x").head;
        assert_eq!(head.fields.all("remote-user").collect::<Vec<_>>(), ["anna"], "{status}");
        assert_eq!(
            head.fields.all("remote-groups").collect::<Vec<_>>(),
            ["staff", "beta"],
            "as often as it was said"
        );
        assert!(
            !head.raw.contains("remote_user") && !head.raw.contains("root"),
            "{}",
            head.raw
        );
        // Nobody copies this one, so it is between the client and the app.
        assert_eq!(head.fields.all("remote-email").collect::<Vec<_>>(), ["eve@evil.test"]);
        let asked = it.auth.last_seen(VERIFY).head;
        assert!(!asked.raw.to_lowercase().contains("remote-user"), "{}", asked.raw);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_answer_does_not_say_the_app_does_not_hear() {
    let it = Forwarded::plain("").await;
    it.says("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    assert_eq!(get(&it, "/x", LIES).await.status, 200);
    let head = seen(&it.pair.blue, "/x");
    for name in ["remote-user", "remote_user", "remote-groups", "remote_groups"] {
        assert!(!head.contains(name), "{name}: {head}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_says_who_he_is_where_nobody_is_asked_either() {
    let more = "auth.except = [\"/hooks\"]\n[[env.prod.at]]\npath = \"/open\"\nauth.forward = \"off\"\n";
    let it = Forwarded::plain(more).await;
    it.says(ANNA);
    for target in ["/hooks/x", "/open/x"] {
        assert_eq!(get(&it, target, LIES).await.app(), "blue", "{target}");
        let head = seen(&it.pair.blue, target);
        assert!(
            !head.contains("remote-user") && !head.contains("remote_user") && !head.contains("root"),
            "{target}: {head}"
        );
    }
    assert_eq!(it.auth.requests(), 0);
    assert_eq!(get(&it, "/opened", "").await.status, 200);
    assert_eq!(it.auth.requests(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authorization_that_is_copied_takes_the_place_of_the_clients_where_it_was_asked_about() {
    let auth = App::start("auth", "v1").await;
    let address = auth.address();
    let pair = Pair::plain(&format!(
        "auth.forward = {{ url = \"http://{address}{VERIFY}\", copy = [\"Authorization\"] }}\nauth.except = [\"/api\"]\n"
    ))
    .await;
    auth.on(
        VERIFY,
        vec![send(
            "HTTP/1.1 200 OK\r\nAuthorization: Bearer minted\r\nContent-Length: 0\r\n\r\n",
        )],
    );
    let mut client = pair.door.plain().await;
    let own = "Authorization: Bearer own\r\n";
    for (target, sees) in [("/x", "Bearer minted"), ("/api/x", "Bearer own")] {
        assert_eq!(
            client.request("GET", PLAIN, target, own, b"").await.unwrap().status,
            200
        );
        let head = pair.blue.last_seen(target).head;
        assert_eq!(head.fields.all("authorization").collect::<Vec<_>>(), [sees], "{target}");
    }
    let asked = auth.last_seen(VERIFY).head;
    assert_eq!(asked.fields.get("authorization"), Some("Bearer own"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_was_prolonged_reaches_the_client_with_the_apps_answer_or_with_ours() {
    let it = Forwarded::tls("").await;
    it.says(&ANNA.replace(
        "Content-Length",
        "Set-Cookie: session=2; Secure\r\nSet-Cookie: b=1\r\nContent-Length",
    ));
    it.pair.blue.every_answer("Set-Cookie: app=1\r\n");
    let mut client = it.pair.door.tls(HOST).await.unwrap();
    let h2 = it.pair.door.h2(HOST).await.unwrap();
    for answer in [
        client.get(HOST, "/x").await.unwrap(),
        client.get(HOST, "/status/404").await.unwrap(),
        h2.get(HOST, "/x").await.unwrap(),
    ] {
        let cookies: Vec<_> = answer.fields.all("set-cookie").collect();
        assert_eq!(cookies, ["app=1", "session=2; Secure", "b=1"]);
        assert_eq!(answer.app(), "blue");
    }
    it.pair.blue.on("/broken", vec![send("nonsense")]);
    let answer = client.get(HOST, "/broken").await.unwrap();
    assert_eq!(answer.status, 502);
    assert_eq!(
        answer.fields.all("set-cookie").collect::<Vec<_>>(),
        ["session=2; Secure", "b=1"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_waits_for_the_answer_and_arrives_whole() {
    let it = Forwarded::plain("").await;
    it.says(ANNA);
    let body = vec![b'x'; 300_000];
    let mut client = it.pair.door.plain().await;
    let answer = client.request("POST", PLAIN, "/echo", "", &body).await.unwrap();
    assert_eq!((answer.status, answer.body.len()), (200, body.len()));
    // Who waits for leave to send is not given it before the auth service has spoken.
    it.does(vec![crate::common::app::Step::Until("spoken"), send(ANNA)]);
    client
        .send(format!(
            "POST /echo HTTP/1.1\r\nHost: {PLAIN}\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
        ))
        .await
        .unwrap();
    it.auth.reached(VERIFY).await;
    client.incoming.patience = ms(300);
    assert!(
        matches!(client.head().await, Err(Broken::Timeout(_))),
        "it has leave already"
    );
    assert_eq!(it.pair.blue.requests(), 1, "the app has heard of the first alone");
    it.auth.release("spoken");
    client.incoming.patience = secs(90);
    assert_eq!(client.head().await.unwrap().0, 100);
    client.send("hello").await.unwrap();
    assert_eq!(client.response("POST").await.unwrap().text(), "hello");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_says_who_he_is_behind_his_body_either() {
    let it = Forwarded::plain("").await;
    it.says(ANNA);
    let mut client = it.pair.door.plain().await;
    let chunked = "Transfer-Encoding: chunked\r\nTrailer: Remote-User\r\n";
    client
        .send(format!(
            "POST /head HTTP/1.1\r\nHost: {PLAIN}\r\n{chunked}\r\n5\r\nhello\r\n0\r\nRemote-User: eve\r\nX-Sum: 1\r\n\r\n"
        ))
        .await
        .unwrap();
    let seen = client.response("POST").await.unwrap().text();
    assert!(!seen.contains("eve") && !seen.contains("X-Sum"), "{seen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operators_own_fields_have_the_last_word() {
    let it = Forwarded::plain("headers.request = { Remote-Groups = \"none\", X-Who = \"{client}\" }\n").await;
    it.says(ANNA);
    assert_eq!(get(&it, "/x", LIES).await.status, 200);
    let head = it.pair.blue.last_seen("/x").head;
    assert_eq!(head.fields.all("remote-user").collect::<Vec<_>>(), ["anna"]);
    assert_eq!(head.fields.all("remote-groups").collect::<Vec<_>>(), ["none"]);
    assert_eq!(head.fields.get("x-who"), Some("127.0.0.1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_to_the_auth_service_are_kept_and_one_that_was_closed_is_replaced() {
    let it = Forwarded::plain("").await;
    it.says(ANNA);
    let mut client = it.pair.door.plain().await;
    for _ in 0..20 {
        assert_eq!(client.get(PLAIN, "/x").await.unwrap().status, 200);
    }
    assert!(
        it.auth.accepted() < 5,
        "{} connections for 20 questions",
        it.auth.accepted()
    );
    // It closes each in the moment that it is used again: no client hears of that (N9).
    it.does(vec![crate::common::app::Step::CloseIfReused, send(ANNA)]);
    for _ in 0..20 {
        assert_eq!(client.get(PLAIN, "/x").await.unwrap().status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_may_be_asked_and_a_part_may_ask_somebody_else() {
    let folder = tempfile::tempdir().unwrap();
    let auth = App::start_unix("auth", "v1", &folder.path().join("auth.sock")).await;
    let other = App::start("other", "v1").await;
    let (address, part) = (auth.address(), forward(&other));
    let pair = Pair::plain(&format!(
        "auth.forward = {{ url = \"{address}:{VERIFY}\", copy = [\"Remote-User\"] }}\n[[env.prod.at]]\npath = \"/admin\"\n{part}\n"
    ))
    .await;
    auth.on(VERIFY, vec![send(ANNA)]);
    other.on(VERIFY, vec![send("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")]);
    assert_eq!(pair.get("/x").await.status, 200);
    assert_eq!(pair.get("/admin/x").await.status, 403);
    assert_eq!((auth.requests(), other.requests()), (1, 1));
    assert_eq!(pair.blue.last_seen("/x").head.fields.get("remote-user"), Some("anna"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_web_socket_over_http2_opens_by_the_word_of_the_auth_service_alone() {
    let it = Forwarded::tls("").await;
    let mut frames = Frames::connect(&it.pair.door, HOST).await;
    let mut heads = Heads::default();
    let lie: &[(&str, &[u8])] = &[("remote-user", b"eve"), ("cookie", b"session=1")];
    it.says(LOGIN);
    frames.web_socket(1, HOST, "/ws", lie).await;
    let head = frames.head(&mut heads, 1).await;
    assert_eq!((field(&head, ":status"), field(&head, "x-app")), (Some("302"), None));
    it.says("HTTP/1.1 500 x\r\nContent-Length: 0\r\n\r\n");
    frames.web_socket(3, HOST, "/ws", lie).await;
    let head = frames.head(&mut heads, 3).await;
    assert_eq!((field(&head, ":status"), field(&head, "x-app")), (Some("500"), None));
    assert_eq!(it.pair.blue.requests(), 0, "the app has heard of none of it");
    it.says(ANNA);
    frames.web_socket(5, HOST, "/ws", lie).await;
    let head = frames.head(&mut heads, 5).await;
    assert_eq!(
        (field(&head, ":status"), field(&head, "x-app")),
        (Some("200"), Some("blue"))
    );
    let asked = it.auth.last_seen(VERIFY).head;
    assert_eq!(asked.fields.get("cookie"), Some("session=1"));
    let seen = it.pair.blue.last_seen("/ws").head;
    assert_eq!(seen.fields.all("remote-user").collect::<Vec<_>>(), ["anna"]);
    frames.send(DATA, 0, 5, &text("hello")).await;
    loop {
        let frame = frames.next(&mut 0).await.expect("a frame");
        if frame.kind == DATA && frame.stream == 5 {
            assert_eq!(frame.payload, b"\x81\x05hello");
            break;
        }
    }
}
