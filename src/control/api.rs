//! The control socket's requests: HTTP in, answers of the [`Desk`] out. See `model::api` for what is said.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CONNECTION, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Limited};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::mpsc::UnboundedReceiver;

use super::query::history_query;
use crate::model::api::{
    CertificateReport, Certificates, Event, ImportRequest, Imported, OperationRequest, Problem, RenewRequest, Status,
    exit,
};
use crate::model::history::{Caller, Entry};

/// Bytes that the body of a request may have.
const BODY: usize = 1024 * 1024;
/// Time for it to arrive.
const BODY_TIME: Duration = Duration::from_secs(10);

/// The daemon, as the socket sees it.
#[expect(async_fn_in_trait, reason = "used on one thread, within this crate")]
pub trait Desk {
    /// How things stand.
    async fn status(&self) -> Status;

    /// The newest entries, newest last.
    async fn history(&self, environment: Option<String>, limit: usize) -> Vec<Entry>;

    /// How every certificate stands.
    fn certificates(&self) -> Certificates;

    /// Gets a host's certificate anew, and waits for it. Whether anyone waits changes nothing for the attempt.
    async fn renew(&self, request: RenewRequest) -> Result<CertificateReport, Problem>;

    /// Serves a certificate that another program obtained.
    fn import(&self, request: ImportRequest) -> Result<Imported, Problem>;

    /// Begins an operation; whether anyone listens to its events changes nothing for it.
    fn operate(&self, request: OperationRequest, caller: Caller) -> UnboundedReceiver<Event>;
}

/// The body of an answer.
#[derive(Debug)]
pub enum Reply {
    /// All of it.
    Whole(Option<Bytes>),
    /// A line for each event, until the operation is over.
    Events(UnboundedReceiver<Event>),
}

impl Body for Reply {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut *self {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Events(events) => {
                let event = std::task::ready!(events.poll_recv(context));
                Poll::Ready(event.map(|event| Ok(Frame::data(line(&event)))))
            }
        }
    }
}

/// What can be asked for.
#[derive(Debug, Clone, Copy)]
enum Place {
    Status,
    History,
    Operations,
    Certificates,
    Renew,
    Import,
}

impl Place {
    fn at(path: &str) -> Option<Self> {
        [
            Self::Status,
            Self::History,
            Self::Operations,
            Self::Certificates,
            Self::Renew,
            Self::Import,
        ]
        .into_iter()
        .find(|place| place.path() == path)
    }

    fn path(self) -> &'static str {
        match self {
            Self::Status => "/v1/status",
            Self::History => "/v1/history",
            Self::Operations => "/v1/operations",
            Self::Certificates => "/v1/certificates",
            Self::Renew => "/v1/certificates/renew",
            Self::Import => "/v1/certificates/import",
        }
    }

    fn method(self) -> (Method, HeaderValue) {
        match self {
            Self::Status | Self::History | Self::Certificates => (Method::GET, HeaderValue::from_static("GET")),
            Self::Operations | Self::Renew | Self::Import => (Method::POST, HeaderValue::from_static("POST")),
        }
    }
}

/// Answers one request of a caller who may ask.
pub async fn answer<B>(desk: &impl Desk, caller: Caller, request: Request<B>) -> Response<Reply>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let Some(place) = Place::at(request.uri().path()) else {
        let reason = format!("there is nothing at `{}`", request.uri().path().escape_debug());
        let hint = "`proxyctl` and `proxyd` may be of different versions";
        return problem(StatusCode::NOT_FOUND, exit::FAILED, reason, Some(hint));
    };
    let (method, name) = place.method();
    if request.method() != method {
        let reason = format!("`{}` is for {method}", place.path());
        let mut response = problem(StatusCode::METHOD_NOT_ALLOWED, exit::FAILED, reason, None);
        response.headers_mut().insert(ALLOW, name);
        return response;
    }
    match place {
        Place::Status => respond(
            StatusCode::OK,
            "application/json",
            Reply::Whole(Some(line(&desk.status().await))),
        ),
        Place::History => match history_query(request.uri().query().unwrap_or_default()) {
            Ok((environment, limit)) => {
                let entries = desk.history(environment, limit).await;
                let lines: Vec<u8> = entries.iter().flat_map(line).collect();
                respond(StatusCode::OK, LINES, Reply::Whole(Some(lines.into())))
            }
            Err(reason) => problem(StatusCode::BAD_REQUEST, exit::USAGE, reason, None),
        },
        Place::Certificates => whole(&desk.certificates()),
        Place::Renew => match read(request.into_body(), "renewal").await {
            Ok(renewal) => answered(desk.renew(renewal).await),
            Err((status, reason)) => problem(status, exit::USAGE, reason, None),
        },
        Place::Import => match read(request.into_body(), "certificate").await {
            Ok(certificate) => answered(desk.import(certificate)),
            Err((status, reason)) => problem(status, exit::USAGE, reason, None),
        },
        Place::Operations => match read(request.into_body(), "operation").await {
            Ok(operation) => respond(StatusCode::OK, LINES, Reply::Events(desk.operate(operation, caller))),
            Err((status, reason)) => problem(status, exit::USAGE, reason, None),
        },
    }
}

/// The answer to a peer who may not ask. The connection ends with it.
#[must_use]
pub fn refuse(caller: &Caller, group: Option<&str>) -> Response<Reply> {
    let reason = format!("user `{}` may not use the control socket", caller.user.escape_debug());
    let hint = match group {
        Some(group) => format!("join the group `{group}`, or use `sudo`"),
        None => "use `sudo`, or name a group in `server.group`".to_owned(),
    };
    let mut response = problem(StatusCode::FORBIDDEN, exit::FAILED, reason, Some(&hint));
    response
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

const LINES: &str = "application/x-ndjson";

fn respond(status: StatusCode, content_type: &'static str, reply: Reply) -> Response<Reply> {
    let mut response = Response::new(reply);
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn problem(status: StatusCode, code: u8, reason: String, hint: Option<&str>) -> Response<Reply> {
    let hint = hint.map(str::to_owned);
    respond(
        status,
        "application/json",
        Reply::Whole(Some(line(&Problem { code, reason, hint }))),
    )
}

fn line(value: &impl Serialize) -> Bytes {
    let mut text = match serde_json::to_vec(value) {
        Ok(text) => text,
        // Our own types have string keys and no failing parts; a client that gets this at least sees a line that is no event.
        Err(error) => format!("{{\"unserializable\":{:?}}}", error.to_string()).into_bytes(),
    };
    text.push(b'\n');
    text.into()
}

fn whole(value: &impl Serialize) -> Response<Reply> {
    respond(StatusCode::OK, "application/json", Reply::Whole(Some(line(value))))
}

/// What the daemon did, or why it did not.
fn answered(answer: Result<impl Serialize, Problem>) -> Response<Reply> {
    match answer {
        Ok(value) => whole(&value),
        Err(Problem { code, reason, hint }) => problem(StatusCode::CONFLICT, code, reason, hint.as_deref()),
    }
}

/// Reads the body of a request, which is called `what` where it is none.
async fn read<T, B>(body: B, what: &str) -> Result<T, (StatusCode, String)>
where
    T: DeserializeOwned,
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let arrived = tokio::time::timeout(BODY_TIME, Limited::new(body, BODY).collect()).await;
    let bytes = match arrived {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
            return Err((
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("the request is longer than {BODY} bytes"),
            ));
        }
        Ok(Err(error)) => return Err((StatusCode::BAD_REQUEST, format!("the request broke off: {error}"))),
        Err(_) => return Err((StatusCode::REQUEST_TIMEOUT, "the request did not arrive in time".into())),
    };
    serde_json::from_slice(&bytes)
        .map_err(|error| (StatusCode::BAD_REQUEST, format!("the request is no {what}: {error}")))
}

#[cfg(test)]
pub(super) mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use http_body_util::Full;
    use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

    use super::*;
    use crate::model::api::Kind;
    use crate::model::history::Record;

    /// A daemon that does nothing but remember who asked.
    #[derive(Debug, Default)]
    pub(in super::super) struct FakeDesk {
        pub(in super::super) operations: RefCell<Vec<(OperationRequest, Caller, UnboundedSender<Event>)>>,
    }

    impl Desk for Rc<FakeDesk> {
        async fn status(&self) -> Status {
            Status {
                version: "1.2.3".into(),
                pid: 1,
                started: "2026-01-01T00:00:00.000Z".into(),
                config: "/etc/greengate/proxy.toml".into(),
                resident_bytes: 0,
                connections: 0,
                dropped_log_lines: 0,
                environments: Vec::new(),
                warnings: Vec::new(),
            }
        }

        async fn history(&self, environment: Option<String>, limit: usize) -> Vec<Entry> {
            let record = Record::Stopped { pid: 7 };
            let entry = Entry {
                time: "t".into(),
                environment,
                operation: None,
                record,
            };
            vec![entry; limit]
        }

        fn certificates(&self) -> Certificates {
            Certificates {
                certificates: Vec::new(),
                probe: "greengate 1".into(),
            }
        }

        async fn renew(&self, request: RenewRequest) -> Result<CertificateReport, Problem> {
            Err(Problem {
                code: exit::FAILED,
                reason: format!("`{}` is not served", request.host),
                hint: None,
            })
        }

        fn import(&self, request: ImportRequest) -> Result<Imported, Problem> {
            Ok(Imported {
                name: request.name,
                hosts: Vec::new(),
                left: Vec::new(),
            })
        }

        fn operate(&self, request: OperationRequest, caller: Caller) -> UnboundedReceiver<Event> {
            let (send, receive) = unbounded_channel();
            self.operations.borrow_mut().push((request, caller, send));
            receive
        }
    }

    pub(in super::super) fn ann() -> Caller {
        Caller {
            uid: 1000,
            user: "ann".into(),
        }
    }

    fn ask(method: &str, uri: &str, body: &'static [u8]) -> (Rc<FakeDesk>, Response<Reply>) {
        let desk = Rc::new(FakeDesk::default());
        let request = Request::builder()
            .method(method)
            .uri(uri)
            .body(Full::new(Bytes::from_static(body)))
            .unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let response = runtime.block_on(answer(&desk, ann(), request));
        (desk, response)
    }

    fn text(response: Response<Reply>) -> String {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let body = runtime.block_on(response.into_body().collect()).unwrap();
        String::from_utf8(body.to_bytes().to_vec()).unwrap()
    }

    #[test]
    fn status_is_one_object() {
        let (_, response) = ask("GET", "/v1/status", b"");
        assert_eq!(response.status(), 200);
        let status: Status = serde_json::from_str(&text(response)).unwrap();
        assert_eq!(status.version, "1.2.3");
    }

    #[test]
    fn history_is_asked_for_by_environment_and_limit() {
        let (_, response) = ask("GET", "/v1/history?env=pr%6fd&limit=2", b"");
        let text = text(response);
        let entries: Vec<Entry> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(entries.len(), 2);
        assert_eq!(entries[0].environment.as_deref(), Some("prod"));
        for uri in ["/v1/history?limit=all", "/v1/history?since=1"] {
            assert_eq!(ask("GET", uri, b"").1.status(), 400, "{uri}");
        }
    }

    #[test]
    fn an_operation_is_a_stream_that_ends_with_it() {
        let (desk, response) = ask("POST", "/v1/operations", br#"{"environment":"prod","kind":"swap"}"#);
        let (request, caller, events) = desk.operations.borrow_mut().pop().unwrap();
        assert_eq!((request.kind, caller), (Kind::Swap, ann()));
        events
            .send(Event::Warning {
                message: "one\ntwo".into(),
            })
            .unwrap();
        events.send(Event::Planned).unwrap();
        drop(events);
        let text = text(response);
        let events: Vec<Event> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(events.len(), 2);
        assert_eq!(events[1], Event::Planned);
    }

    #[test]
    fn what_is_no_request_is_answered_with_its_reason_and_begins_nothing() {
        let long: &'static [u8] = Box::leak(vec![b' '; BODY + 1].into_boxed_slice());
        let cases: [(&str, &str, &'static [u8], u16, &str); 6] = [
            ("GET", "/v2/status", b"", 404, "/v2/status"),
            ("GET", "/v1/operations", b"", 405, "POST"),
            ("POST", "/v1/status", b"", 405, "GET"),
            ("POST", "/v1/operations", b"{", 400, "no operation"),
            (
                "POST",
                "/v1/operations",
                br#"{"environment":"prod","kind":"swap","forse":true}"#,
                400,
                "forse",
            ),
            ("POST", "/v1/operations", long, 413, "longer"),
        ];
        for (method, uri, body, status, reason) in cases {
            let (desk, response) = ask(method, uri, body);
            assert_eq!(response.status(), status, "{method} {uri}");
            assert_eq!(response.headers().contains_key(ALLOW), status == 405);
            let problem: Problem = serde_json::from_str(&text(response)).unwrap();
            assert!(problem.reason.contains(reason), "{problem:?}");
            assert!(desk.operations.borrow().is_empty());
        }
    }

    #[test]
    fn who_is_refused_learns_whom_to_ask() {
        let response = refuse(&ann(), Some("deploy"));
        assert_eq!(response.status(), 403);
        assert_eq!(response.headers()[CONNECTION], "close");
        let problem: Problem = serde_json::from_str(&text(response)).unwrap();
        assert_eq!(problem.hint.as_deref(), Some("join the group `deploy`, or use `sudo`"));
    }
}
