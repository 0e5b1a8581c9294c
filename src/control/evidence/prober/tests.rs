//! Apps that answer well, badly or not at all, on real sockets.

use std::path::Path;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener};

use super::*;
use crate::config::Config;

fn instance(service: &Arc<Service>, address: &Address) -> Instance {
    Instance::new(service.clone(), address.clone())
}

fn service(health: &str) -> Arc<Service> {
    let text = format!("[env.prod]\nhost = \"app.example.com\"\nupstream = 4000\ntls = \"internal\"\n{health}");
    let (config, _) = Config::parse(Path::new("proxy.toml"), &text).unwrap();
    config.environments[0].services[0].clone()
}

/// Probes an app that answers with these bytes and closes. Returns the report and the request's head.
async fn answered(service: &Arc<Service>, answer: &[u8]) -> (ProbeReport, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string().parse().unwrap();
    let app = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let head = head(&mut stream).await;
        // A prober that has read enough may be gone.
        let _ = stream.write_all(answer).await;
        head
    };
    let asked = instance(service, &address);
    tokio::join!(probe(&asked), app)
}

async fn head(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap().to_ascii_lowercase()
}

#[tokio::test]
async fn n6_a_probe_asks_for_the_path_under_the_real_host() {
    let (report, head) = answered(&service(""), b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    assert!(report.passed, "{report:?}");
    assert_eq!((report.status, report.body.as_str()), (Some(200), "ok"));
    assert!(head.starts_with("get /health http/1.1\r\n"), "{head}");
    for line in [
        "host: app.example.com",
        "user-agent: greengate-health",
        "connection: close",
    ] {
        assert!(head.contains(&format!("{line}\r\n")), "{head}");
    }
}

#[tokio::test]
async fn n7_a_redirect_is_not_followed_and_not_a_pass() {
    let answer = b"HTTP/1.1 302 Found\r\nlocation: /login\r\ncontent-length: 0\r\n\r\n";
    let (report, _) = answered(&service(""), answer).await;
    assert!(!report.passed);
    assert_eq!(
        report.reason.unwrap(),
        "redirects to /login, which is not a pass: let `health.path` name a path that answers by itself, or list 302 in \
         `health.status`"
    );
    let (report, _) = answered(&service("health.status = [\"2xx\", 302]"), answer).await;
    assert!(report.passed, "it is listed (F1): {report:?}");
}

#[tokio::test]
async fn a_bad_status_is_shown_with_the_apps_own_words() {
    let answer = b"HTTP/1.1 503 Service Unavailable\r\n\r\n{\"db\":\"down\x1b[31m\"}\n";
    let (report, _) = answered(&service(""), answer).await;
    assert_eq!((report.passed, report.status), (false, Some(503)));
    assert_eq!(report.reason.unwrap(), "answered 503");
    assert_eq!(report.body, "{\"db\":\"down\\u{1b}[31m\"}\\n");
}

#[tokio::test]
async fn a_text_that_is_asked_for_has_to_be_there() {
    let service = service("health.body = \"all good\"");
    let (report, _) = answered(&service, b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nmeh!").await;
    assert_eq!(report.reason.unwrap(), "its body does not contain `all good`");
    let (report, _) = answered(&service, b"HTTP/1.1 200 OK\r\n\r\nyes, all good here").await;
    assert!(report.passed);
}

#[tokio::test]
async fn a_version_stands_in_a_header_or_in_a_field() {
    let answer = b"HTTP/1.1 200 OK\r\nx-version: 8b71ff7\r\n\r\n{\"build\":{\"number\":42}}";
    let (report, _) = answered(&service("health.version = \"header:X-Version\""), answer).await;
    assert_eq!(report.version.unwrap(), "8b71ff7");
    let (report, _) = answered(&service("health.version = \"json:build.number\""), answer).await;
    assert_eq!(report.version.unwrap(), "42");
    let (report, _) = answered(&service("health.version = \"json:build\""), answer).await;
    assert_eq!((report.passed, report.version), (true, None));
}

#[tokio::test]
async fn only_the_beginning_of_a_long_body_is_read_and_shown() {
    let mut answer = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    answer.extend("ä".repeat(1_000_000).as_bytes());
    let (report, _) = answered(&service(""), &answer).await;
    assert!(report.passed);
    assert_eq!(report.body, "ä".repeat(100));
}

#[tokio::test]
async fn what_is_no_answer_is_said_in_words() {
    let (report, _) = answered(&service(""), b"").await;
    assert_eq!(report.reason.unwrap(), "closed the connection without a whole answer");
    let (report, _) = answered(&service(""), b"SSH-2.0-OpenSSH_9.2\r\n").await;
    assert_eq!(report.reason.unwrap(), "does not speak HTTP/1.1");
    let (report, _) = answered(&service(""), b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf").await;
    assert_eq!(report.reason.unwrap(), "closed the connection without a whole answer");
}

#[tokio::test]
async fn a_probe_takes_no_longer_than_it_may() {
    let service = service("health.timeout = \"50ms\"");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string().parse().unwrap();
    let report = probe(&instance(&service, &address)).await;
    assert_eq!(report.reason.unwrap(), "no answer within 50 ms");
    assert!(
        connect(&instance(&service, &address)).await.passed,
        "it accepts, and that is all that is asked"
    );
}

#[tokio::test]
async fn nobody_at_the_address_is_a_refused_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string().parse().unwrap();
    drop(listener);
    for report in [
        probe(&instance(&service(""), &address)).await,
        connect(&instance(&service(""), &address)).await,
    ] {
        assert_eq!((report.passed, report.status), (false, None));
        assert_eq!(report.reason.unwrap(), "connection refused");
    }
}

#[tokio::test]
async fn a_unix_socket_is_asked_like_any_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.sock");
    let address = Address::Unix(path.clone());
    assert_eq!(
        probe(&instance(&service(""), &address)).await.reason.unwrap(),
        "no such socket"
    );
    let listener = UnixListener::bind(&path).unwrap();
    let app = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        head(&mut stream).await;
        stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
    };
    let service = service("");
    let asked = instance(&service, &address);
    let (report, ()) = tokio::join!(probe(&asked), app);
    assert!(report.passed, "{report:?}");
}
