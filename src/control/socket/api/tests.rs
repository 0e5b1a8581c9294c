//! What each request of the control socket gets.

use std::cell::RefCell;
use std::rc::Rc;

use http_body_util::Full;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::*;
use crate::model::api::{CommonStep, Kind, LogsStatus, SeriesStatus};
use crate::model::history::Record;

/// A daemon that does nothing but remember who asked.
#[derive(Debug, Default)]
pub(in super::super) struct FakeDesk {
    pub(in super::super) operations: RefCell<Vec<(Operation, Caller, UnboundedSender<Event>)>>,
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
            series: SeriesStatus::default(),
            logs: LogsStatus::default(),
            notify: Vec::new(),
            configuration: None,
            earlier: Vec::new(),
            environments: Vec::new(),
            warnings: Vec::new(),
        }
    }

    async fn history(&self, query: HistoryQuery) -> Vec<Entry> {
        let HistoryQuery { environment, limit, .. } = query;
        let record = Record::Stopped { pid: 7 };
        let entry = Entry {
            time: "t".into(),
            environment,
            operation: None,
            record,
        };
        vec![entry; limit]
    }

    fn series(&self, range: Range) -> Series {
        Series {
            range,
            step_s: range.step(),
            end: 0,
            tracks: Vec::new(),
        }
    }

    fn logs(&self, query: LogsQuery) -> Result<Receiver<Bytes>, Problem> {
        let (pieces, read) = tokio::sync::mpsc::channel(1);
        pieces.try_send(format!("{query:?}\n").into()).unwrap();
        Ok(read)
    }

    fn requests(&self, _: RequestsQuery) -> Requests {
        Requests::default()
    }

    async fn parity(&self, a: String, b: String) -> Result<Parity, Problem> {
        Ok(Parity {
            a,
            b,
            differences: Vec::new(),
        })
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

    async fn notify(&self, _: NotifyRequest, _: Caller) -> Result<NotifyTested, Problem> {
        Ok(NotifyTested { results: Vec::new() })
    }

    fn import(&self, request: ImportRequest) -> Result<Imported, Problem> {
        Ok(Imported {
            name: request.name,
            hosts: Vec::new(),
            left: Vec::new(),
        })
    }

    async fn step(&self, request: StepRequest, caller: Caller) -> Result<(), Problem> {
        let operation = request.operation;
        let is_known = operation == 12 && caller == ann();
        is_known.then_some(()).ok_or(Problem {
            code: exit::REFUSED,
            reason: format!("there is no deployment {operation}"),
            hint: None,
        })
    }

    async fn release(&self, _: ReleaseRequest, _: Caller) -> Result<(), Problem> {
        Ok(())
    }

    fn ask(&self, request: Operation, caller: Caller) -> UnboundedReceiver<Event> {
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

fn ask(method: &str, uri: &str, body: &'static [u8]) -> (Rc<FakeDesk>, Response<Payload>) {
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

fn text(response: Response<Payload>) -> String {
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
    for uri in ["/v1/history?limit=all", "/v1/history?since=1", "/v1/history?output=2"] {
        assert_eq!(ask("GET", uri, b"").1.status(), 400, "{uri}");
    }
}

#[test]
fn series_are_of_the_range_that_is_asked_for() {
    let range = |uri: &str| {
        serde_json::from_str::<Series>(&text(ask("GET", uri, b"").1))
            .unwrap()
            .range
    };
    assert_eq!(range("/v1/series"), Range::TenMinutes);
    assert_eq!(range("/v1/series?range=24h"), Range::Day);
    for uri in ["/v1/series?range=1h", "/v1/series?env=prod"] {
        let (_, response) = ask("GET", uri, b"");
        assert_eq!(response.status(), 400, "{uri}");
    }
}

#[test]
fn an_operation_is_a_stream_that_ends_with_it() {
    let (desk, response) = ask("POST", "/v1/operations", br#"{"environment":"prod","kind":"swap"}"#);
    let (request, caller, events) = desk.operations.borrow_mut().pop().unwrap();
    let Operation::Operate(request) = request else {
        panic!("{request:?}");
    };
    assert_eq!((request.kind, caller), (Kind::Swap, ann()));
    events
        .send(Event::Common(CommonStep::Warning {
            message: "one\ntwo".into(),
        }))
        .unwrap();
    events.send(Event::Common(CommonStep::Planned)).unwrap();
    drop(events);
    let text = text(response);
    let events: Vec<Event> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events.len(), 2);
    assert_eq!(events[1], Event::Common(CommonStep::Planned));
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
fn a_step_of_a_deployment_is_answered_with_yes_or_with_the_reason() {
    let known = br#"{"operation":12,"step":{"begun":{"step":"before","command":["./migrate"]}}}"#;
    let (_, response) = ask("POST", "/v1/deploy/step", known);
    assert_eq!(response.status(), 200);
    assert_eq!(text(response), "{}\n");
    let unknown = br#"{"operation":13,"step":{"begun":{"step":"before","command":["./migrate"]}}}"#;
    let (_, response) = ask("POST", "/v1/deploy/step", unknown);
    assert_eq!(response.status(), 409);
    let problem: Problem = serde_json::from_str(&text(response)).unwrap();
    assert_eq!(problem.code, exit::REFUSED);
    let released = br#"{"operation":12,"outcome":"done"}"#;
    assert_eq!(ask("POST", "/v1/deploy/release", released).1.status(), 200);
    assert_eq!(ask("POST", "/v1/deploy/release", b"{}").1.status(), 400);
    assert_eq!(ask("GET", "/v1/deploy", b"").1.status(), 405);
}

#[test]
fn who_is_refused_learns_whom_to_ask() {
    let response = refuse(&ann(), Some("deploy"));
    assert_eq!(response.status(), 403);
    assert_eq!(response.headers()[CONNECTION], "close");
    let problem: Problem = serde_json::from_str(&text(response)).unwrap();
    assert_eq!(problem.hint.as_deref(), Some("join the group `deploy`, or use `sudo`"));
}

#[test]
fn the_log_is_asked_for_by_what_a_line_is() {
    let asked = "/v1/logs?env=prod&service=web&status=5xx&slower=1s&path=%2Fapi&fault=app&limit=7&follow=true";
    let (_, response) = ask("GET", asked, b"");
    assert_eq!(response.status(), StatusCode::OK);
    let read = text(response);
    for part in [
        "Some(\"prod\")",
        "Some(\"web\")",
        "Some(500..=599)",
        "Some(1000000)",
        "Some(\"/api\")",
        "Some(App)",
        "limit: 7",
        "follow: true",
    ] {
        assert!(read.contains(part), "{part} in {read}");
    }
    for (wrong, why) in [
        ("status=9xx", "`status` is `9xx`: write `404`, `5xx` or `500-503`"),
        ("slower=soon", "`slower` is `soon`: "),
        ("fault=mine", "`fault` is `mine`: it is app, proxy or client"),
        ("limit=10001", "`limit` is `10001`: it is a number up to 10000"),
        ("follow=maybe", "`follow` is `maybe`: it is true or false"),
        ("colour=red", "`colour` is no parameter of the log"),
    ] {
        let (_, response) = ask("GET", &format!("/v1/logs?{wrong}"), b"");
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        assert!(text(response).contains(why), "{wrong}");
    }
    let (_, response) = ask("GET", "/v1/requests?env=prod&limit=5", b"");
    assert_eq!(text(response), "{\"failed\":[],\"slowest\":[],\"left_out\":0}\n");
}
