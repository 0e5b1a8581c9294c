//! The control socket's requests as HTTP: each is routed to the [`Desk`], and its answer is written as JSON. `model::api` has the
//! types.

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
use tokio::sync::mpsc::{Receiver, UnboundedReceiver};

use super::query::{
    HistoryQuery, LogsQuery, RequestsQuery, history_query, logs_query, parity_query, requests_query, series_query,
};
use crate::control::switcher::Request as Operation;
use crate::model::api::{
    CertificateReport, Certificates, Event, ImportRequest, Imported, NotifyRequest, NotifyTested, Parity, Problem,
    Range, ReleaseRequest, RenewRequest, Requests, Series, Status, StepRequest, exit,
};
use crate::model::history::{Caller, Entry};

/// Bytes that the body of a request may have.
const BODY: usize = 1024 * 1024;
/// Time for it to arrive.
const BODY_TIME: Duration = Duration::from_secs(10);

/// What the control socket can be asked.
pub(in crate::control) trait Desk {
    /// How things stand.
    async fn status(&self) -> Status;

    /// The newest entries, newest last.
    async fn history(&self, query: HistoryQuery) -> Vec<Entry>;

    /// What differs between two environments, and should not.
    async fn parity(&self, a: String, b: String) -> Result<Parity, Problem>;

    /// What was done lately.
    fn series(&self, range: Range) -> Series;

    /// Lines of the access log, in pieces.
    fn logs(&self, query: LogsQuery) -> Result<Receiver<Bytes>, Problem>;

    /// Requests of the last hour that failed or took long.
    fn requests(&self, query: RequestsQuery) -> Requests;

    /// How every certificate stands.
    fn certificates(&self) -> Certificates;

    /// Gets a host's certificate anew, and waits for it. Whether anyone waits changes nothing for the attempt.
    async fn renew(&self, request: RenewRequest) -> Result<CertificateReport, Problem>;

    /// Serves a certificate that another program obtained.
    fn import(&self, request: ImportRequest) -> Result<Imported, Problem>;

    /// Tries whether those who are told by messages get any.
    async fn notify(&self, request: NotifyRequest, caller: Caller) -> Result<NotifyTested, Problem>;

    /// Whether a command of a deployment may run; or it has run.
    async fn step(&self, request: StepRequest, caller: Caller) -> Result<(), Problem>;

    /// A deployment is over.
    async fn release(&self, request: ReleaseRequest, caller: Caller) -> Result<(), Problem>;

    /// Begins what is asked for; whether anyone listens to its events changes nothing for it, unless it is a deployment or an
    /// attached pause.
    fn ask(&self, operation: Operation, caller: Caller) -> UnboundedReceiver<Event>;
}

/// The body of a response.
#[derive(Debug)]
pub(in crate::control) enum Payload {
    /// One object, or lines that are there already.
    Whole(Option<Bytes>),
    /// A line for each event, until the operation is over.
    Events(UnboundedReceiver<Event>),
    /// Lines as they come, until nothing comes any more.
    Lines(Receiver<Bytes>),
}

impl Body for Payload {
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
            Self::Lines(pieces) => pieces
                .poll_recv(context)
                .map(|piece| piece.map(|piece| Ok(Frame::data(piece)))),
        }
    }
}

/// Where a request goes.
#[derive(Debug, Clone, Copy)]
enum Endpoint {
    Status,
    History,
    Parity,
    Series,
    Logs,
    Requests,
    Operations,
    Reload,
    Pause,
    Resume,
    Maintenance,
    Upgrade,
    Preview,
    Sleep,
    Wake,
    Certificates,
    Renew,
    Import,
    Notify,
    Deploy,
    Step,
    Release,
}

impl Endpoint {
    fn at(path: &str) -> Option<Self> {
        [
            Self::Status,
            Self::History,
            Self::Parity,
            Self::Series,
            Self::Logs,
            Self::Requests,
            Self::Operations,
            Self::Reload,
            Self::Pause,
            Self::Resume,
            Self::Maintenance,
            Self::Upgrade,
            Self::Preview,
            Self::Sleep,
            Self::Wake,
            Self::Certificates,
            Self::Renew,
            Self::Import,
            Self::Notify,
            Self::Deploy,
            Self::Step,
            Self::Release,
        ]
        .into_iter()
        .find(|endpoint| endpoint.path() == path)
    }

    fn path(self) -> &'static str {
        match self {
            Self::Status => "/v1/status",
            Self::History => "/v1/history",
            Self::Parity => "/v1/parity",
            Self::Series => "/v1/series",
            Self::Logs => "/v1/logs",
            Self::Requests => "/v1/requests",
            Self::Operations => "/v1/operations",
            Self::Reload => "/v1/reload",
            Self::Pause => "/v1/pause",
            Self::Resume => "/v1/resume",
            Self::Maintenance => "/v1/maintenance",
            Self::Upgrade => "/v1/upgrade",
            Self::Preview => "/v1/preview",
            Self::Sleep => "/v1/sleep",
            Self::Wake => "/v1/wake",
            Self::Certificates => "/v1/certificates",
            Self::Renew => "/v1/certificates/renew",
            Self::Import => "/v1/certificates/import",
            Self::Notify => "/v1/notify/test",
            Self::Deploy => "/v1/deploy",
            Self::Step => "/v1/deploy/step",
            Self::Release => "/v1/deploy/release",
        }
    }

    fn method(self) -> (Method, HeaderValue) {
        match self {
            Self::Status
            | Self::History
            | Self::Parity
            | Self::Series
            | Self::Logs
            | Self::Requests
            | Self::Certificates => (Method::GET, HeaderValue::from_static("GET")),
            Self::Operations
            | Self::Reload
            | Self::Pause
            | Self::Resume
            | Self::Maintenance
            | Self::Upgrade
            | Self::Preview
            | Self::Sleep
            | Self::Wake
            | Self::Renew
            | Self::Import
            | Self::Notify
            | Self::Deploy
            | Self::Step
            | Self::Release => (Method::POST, HeaderValue::from_static("POST")),
        }
    }
}

/// Answers one request of a user who may use the socket.
pub(in crate::control) async fn answer<B>(desk: &impl Desk, caller: Caller, request: Request<B>) -> Response<Payload>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let Some(endpoint) = Endpoint::at(request.uri().path()) else {
        let reason = format!("there is nothing at `{}`", request.uri().path().escape_debug());
        let hint = "`proxyctl` and `proxyd` may be of different versions";
        return problem(StatusCode::NOT_FOUND, exit::FAILED, reason, Some(hint));
    };
    let (method, name) = endpoint.method();
    if request.method() != method {
        let reason = format!("`{}` is for {method}", endpoint.path());
        let mut response = problem(StatusCode::METHOD_NOT_ALLOWED, exit::FAILED, reason, None);
        response.headers_mut().insert(ALLOW, name);
        return response;
    }
    match endpoint {
        Endpoint::Status => respond(
            StatusCode::OK,
            "application/json",
            Payload::Whole(Some(line(&desk.status().await))),
        ),
        Endpoint::History => match history_query(request.uri().query().unwrap_or_default()) {
            Ok(query) => {
                let entries = desk.history(query).await;
                let lines: Vec<u8> = entries.iter().flat_map(line).collect();
                respond(StatusCode::OK, LINES, Payload::Whole(Some(lines.into())))
            }
            Err(reason) => problem(StatusCode::BAD_REQUEST, exit::USAGE, reason, None),
        },
        Endpoint::Parity => match parity_query(request.uri().query().unwrap_or_default()) {
            Ok((a, b)) => answered(desk.parity(a, b).await),
            Err(reason) => problem(StatusCode::BAD_REQUEST, exit::USAGE, reason, None),
        },
        Endpoint::Series => match series_query(request.uri().query().unwrap_or_default()) {
            Ok(range) => whole(&desk.series(range)),
            Err(reason) => problem(StatusCode::BAD_REQUEST, exit::USAGE, reason, None),
        },
        Endpoint::Logs => match logs_query(request.uri().query().unwrap_or_default()) {
            Ok(query) => match desk.logs(query) {
                Ok(pieces) => respond(StatusCode::OK, LINES, Payload::Lines(pieces)),
                Err(refused) => answered::<Done>(Err(refused)),
            },
            Err(reason) => problem(StatusCode::BAD_REQUEST, exit::USAGE, reason, None),
        },
        Endpoint::Requests => match requests_query(request.uri().query().unwrap_or_default()) {
            Ok(query) => whole(&desk.requests(query)),
            Err(reason) => problem(StatusCode::BAD_REQUEST, exit::USAGE, reason, None),
        },
        Endpoint::Certificates => whole(&desk.certificates()),
        Endpoint::Renew => match read(request.into_body(), "renewal").await {
            Ok(renewal) => answered(desk.renew(renewal).await),
            Err((status, reason)) => problem(status, exit::USAGE, reason, None),
        },
        Endpoint::Import => match read(request.into_body(), "certificate").await {
            Ok(certificate) => answered(desk.import(certificate)),
            Err((status, reason)) => problem(status, exit::USAGE, reason, None),
        },
        Endpoint::Notify => match read(request.into_body(), "test").await {
            Ok(test) => answered(desk.notify(test, caller).await),
            Err((status, reason)) => problem(status, exit::USAGE, reason, None),
        },
        Endpoint::Operations => begin(desk, caller, request, Operation::Operate).await,
        Endpoint::Reload => begin(desk, caller, request, Operation::Reload).await,
        Endpoint::Pause => begin(desk, caller, request, Operation::Pause).await,
        Endpoint::Resume => begin(desk, caller, request, Operation::Resume).await,
        Endpoint::Maintenance => begin(desk, caller, request, Operation::Maintenance).await,
        Endpoint::Upgrade => begin(desk, caller, request, Operation::Upgrade).await,
        Endpoint::Preview => begin(desk, caller, request, Operation::Preview).await,
        Endpoint::Sleep => begin(desk, caller, request, Operation::Sleep).await,
        Endpoint::Wake => begin(desk, caller, request, Operation::Wake).await,
        Endpoint::Deploy => begin(desk, caller, request, Operation::Deploy).await,
        Endpoint::Step => match read(request.into_body(), "step").await {
            Ok(step) => answered(desk.step(step, caller).await.map(Done::from)),
            Err((status, reason)) => problem(status, exit::USAGE, reason, None),
        },
        Endpoint::Release => match read(request.into_body(), "release").await {
            Ok(release) => answered(desk.release(release, caller).await.map(Done::from)),
            Err((status, reason)) => problem(status, exit::USAGE, reason, None),
        },
    }
}

/// The answer to a user who may not use the socket: 403, and the connection ends with it.
#[must_use]
pub(in crate::control) fn refuse(caller: &Caller, group: Option<&str>) -> Response<Payload> {
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

fn respond(status: StatusCode, content_type: &'static str, reply: Payload) -> Response<Payload> {
    let mut response = Response::new(reply);
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn problem(status: StatusCode, code: u8, reason: String, hint: Option<&str>) -> Response<Payload> {
    let hint = hint.map(str::to_owned);
    respond(
        status,
        "application/json",
        Payload::Whole(Some(line(&Problem { code, reason, hint }))),
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

fn whole(value: &impl Serialize) -> Response<Payload> {
    respond(StatusCode::OK, "application/json", Payload::Whole(Some(line(value))))
}

/// `{}`: it is as it was asked, and there is nothing more to say.
#[derive(Debug, Serialize)]
struct Done {}

impl From<()> for Done {
    fn from((): ()) -> Self {
        Self {}
    }
}

/// What the daemon did, or why it did not.
fn answered<T: Serialize>(answer: Result<T, Problem>) -> Response<Payload> {
    match answer {
        Ok(value) => whole(&value),
        Err(Problem { code, reason, hint }) => problem(StatusCode::CONFLICT, code, reason, hint.as_deref()),
    }
}

/// Begins what the body asks for, and answers with its events.
async fn begin<T, B>(
    desk: &impl Desk,
    caller: Caller,
    request: Request<B>,
    operation: fn(T) -> Operation,
) -> Response<Payload>
where
    T: DeserializeOwned,
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    match read(request.into_body(), "operation").await {
        Ok(asked) => respond(
            StatusCode::OK,
            LINES,
            Payload::Events(desk.ask(operation(asked), caller)),
        ),
        Err((status, reason)) => problem(status, exit::USAGE, reason, None),
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
pub(super) mod tests;
