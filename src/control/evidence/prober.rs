//! HTTP probes → [`ProbeReport`]: what one instance says when it is asked at exactly its address (N6), as traffic would ask it (F1).
//! A folder is asked by the code that answers clients out of it. Redirects are not followed (N7). What the answers amount to is
//! `model::probing`'s to decide.

use std::future::{Future, pending};
use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::time::{Instant as Moment, timeout};

use super::answer::{fields, is_warm, objection, shown, version};
use super::instance::Instance;
use crate::config::Service;
use crate::model::api::ProbeReport;
use crate::model::slot::Address;
use crate::proxy::{self, Stream, dial, probe_request};

/// How many bytes of a body are read.
const BODY: usize = 64 * 1024;

/// Why a folder does not pass that has no file for `health.path`.
const EMPTY: &str = "the folder has nothing there: let `health.path` name a file that it has";

const CUT: &str = "closed the connection without a whole answer";

/// Asks one instance for its health.
pub(in crate::control) async fn probe(instance: &Instance) -> ProbeReport {
    let Instance {
        service,
        address,
        folder,
    } = instance;
    let health = &service.health;
    let began = Moment::now();
    let reply = within(health.timeout, exchange(instance, health.path.at(address))).await;
    let report = report(instance, began);
    match reply {
        Err(reason) => ProbeReport {
            reason: Some(reason),
            ..report
        },
        Ok(reply) => {
            let reason = objection(service, &health.host, reply.status, &reply.headers, &reply.body);
            let reason = match (folder, reply.status) {
                (Some(_), 404) => reason.map(|_| EMPTY.to_owned()),
                (Some(_) | None, _) => reason,
            };
            ProbeReport {
                reached: reply.reached,
                passed: reason.is_none(),
                status: Some(reply.status),
                reason,
                version: version(health, &reply.headers, &reply.body),
                body: shown(&reply.body),
                ..report
            }
        }
    }
}

/// Looks whether one instance accepts a connection, and asks for nothing (N8).
pub(in crate::control) async fn connect(instance: &Instance) -> ProbeReport {
    let began = Moment::now();
    let address = &instance.address;
    let connected = within(instance.service.health.timeout, async {
        match &instance.folder {
            Some(folder) => folder.open().await.map(|()| None).map_err(|error| of_folder(&error)),
            None => {
                let stream = dial(address).await.map_err(|error| in_words(&error))?;
                Ok(second(address, &stream))
            }
        }
    });
    let (reached, reason) = match connected.await {
        Ok(reached) => (reached, None),
        Err(reason) => (None, Some(reason)),
    };
    ProbeReport {
        reached,
        passed: reason.is_none(),
        reason,
        ..report(instance, began)
    }
}

/// Asks one instance for a warm-up path. Returns whether it is warm there: it answered with 2xx, or with what `health.status` lists.
pub(in crate::control) async fn warm(instance: &Instance, path: &str) -> bool {
    let (service, address) = (&instance.service, &instance.address);
    let patience = service.policy.timeout.response;
    let cold = match within(patience, exchange(instance, path)).await {
        Ok(reply) if is_warm(&service.health, reply.status) => return true,
        Ok(reply) => format!("answered {}", reply.status),
        Err(reason) => reason,
    };
    let Service { environment, name, .. } = &**service;
    tracing::warn!(%environment, service = %name, %address, path, "warm-up request failed: {cold}");
    false
}

/// Asks one instance for a file, as it is: its status, its fields and all of its body.
///
/// # Errors
/// Why there is none, in words; also where the body has more than `most` bytes.
pub(in crate::control) async fn fetch(
    service: &Service,
    address: &Address,
    path: &str,
    most: u64,
) -> Result<(u16, HeaderMap, Vec<u8>), String> {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let reply = converse(service, address, path, most.saturating_add(1)).await?;
    if reply.body.len() > most {
        return Err(format!("more than {most} bytes"));
    }
    Ok((reply.status, reply.headers, reply.body))
}

#[derive(Debug)]
struct Reply {
    /// See [`ProbeReport::reached`].
    reached: Option<Address>,
    status: u16,
    headers: HeaderMap,
    /// The first bytes.
    body: Vec<u8>,
}

/// A GET, as a visitor's would arrive.
async fn exchange(instance: &Instance, path: &str) -> Result<Reply, String> {
    let Instance {
        service,
        address,
        folder,
    } = instance;
    let Some(folder) = folder else {
        return converse(service, address, path, BODY).await;
    };
    let answer = folder.ask(service, path).await.map_err(|error| of_folder(&error))?;
    Ok(Reply {
        reached: None,
        status: answer.status,
        headers: fields(&answer),
        body: answer.body,
    })
}

/// Asks an app, on a connection of its own, for so many bytes of a body.
async fn converse(service: &Service, address: &Address, path: &str, most: usize) -> Result<Reply, String> {
    let stream = dial(address).await.map_err(|error| in_words(&error))?;
    let reached = second(address, &stream);
    let request = probe_request(service, path)
        .map_err(|error| format!("cannot be asked for `{path}`: {error}"))?
        .map(|()| Empty::<Bytes>::new());
    let (mut sender, connection) = http1::Builder::new()
        // As with traffic (RFC 9112 §5.1).
        .allow_spaces_after_header_name_in_responses(true)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| broken(&error))?;
    let talk = async {
        let response = sender.send_request(request).await.map_err(|error| broken(&error))?;
        let (head, mut rest) = response.into_parts();
        let mut body = Vec::new();
        while body.len() < most
            && let Some(frame) = rest.frame().await
        {
            let frame = frame.map_err(|error| broken(&error))?;
            if let Some(data) = frame.data_ref() {
                body.extend_from_slice(&data[..data.len().min(most - body.len())]);
            }
        }
        Ok(Reply {
            reached,
            status: head.status.as_u16(),
            headers: head.headers,
            body,
        })
    };
    // The connection only has to be driven; how it ends is what `talk` hears.
    let drive = async {
        drop(connection.await);
        pending::<Result<Reply, String>>().await
    };
    tokio::select! {
        reply = talk => reply,
        never = drive => never,
    }
}

async fn within<T>(patience: Duration, work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    timeout(patience, work)
        .await
        .unwrap_or_else(|_| Err(format!("no answer within {}", shortly(patience))))
}

fn shortly(time: Duration) -> String {
    if time.subsec_millis() == 0 {
        format!("{} s", time.as_secs())
    } else {
        format!("{} ms", time.as_millis())
    }
}

fn report(instance: &Instance, began: Moment) -> ProbeReport {
    ProbeReport {
        service: instance.service.name.to_string(),
        address: instance.address.clone(),
        reached: None,
        passed: false,
        status: None,
        latency_us: u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX),
        reason: None,
        body: String::new(),
        version: None,
    }
}

/// Where a bare port was reached, when that is its second place.
fn second(address: &Address, stream: &Stream) -> Option<Address> {
    address.second().filter(|_| stream.is_on_v6_loopback())
}

fn in_words(error: &io::Error) -> String {
    match proxy::in_words(error) {
        Some(words) => words.into(),
        None if error.kind() == io::ErrorKind::UnexpectedEof => CUT.into(),
        None => error.to_string(),
    }
}

/// Why a folder cannot be opened, or a file in it not be read.
fn of_folder(error: &io::Error) -> String {
    proxy::folder_in_words(error).map_or_else(|| error.to_string(), str::to_owned)
}

fn broken(error: &hyper::Error) -> String {
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref::<io::Error>());
    match source {
        Some(source) => in_words(source),
        None if error.is_incomplete_message() => CUT.into(),
        None if error.is_parse() => "does not speak HTTP/1.1".into(),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
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
}
