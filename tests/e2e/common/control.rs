//! The control socket as bytes: a deployment that holds its environment for as long as its connection lasts.

use std::path::Path;
use std::time::Duration;

use greengate::model::api::{
    CommandBegun, CommandEnded, DeployOutcome, DeployPlan, DeployRequest, DeployStep, Event, Kind, OperationRequest,
    Problem, ReleaseRequest, Stage, Step, StepRequest,
};
use greengate::model::slot::Slot;
use serde::Serialize;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

use super::door::Door;

const PATIENCE: Duration = Duration::from_secs(60);

/// A stream of events on a connection of its own. To drop it is to hang up.
#[derive(Debug)]
pub struct Stream {
    connection: BufReader<UnixStream>,
}

impl Stream {
    /// Asks at `path`, and does not wait for what comes.
    pub async fn ask(socket: &Path, path: &str, request: &impl Serialize) -> Self {
        let mut connection = UnixStream::connect(socket).await.expect("the control socket accepts");
        connection.write_all(&post(path, request)).await.unwrap();
        Self {
            connection: BufReader::new(connection),
        }
    }

    /// The next event; `None` when the stream has ended.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            let mut line = String::new();
            let read = tokio::time::timeout(PATIENCE, self.connection.read_line(&mut line)).await;
            if read.expect("an event or the end").unwrap_or(0) == 0 {
                return None;
            }
            // Between the events stand the head and the sizes of chunks.
            if line.starts_with('{') {
                return Some(serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}")));
            }
            if line.trim_end() == "0" {
                return None;
            }
        }
    }

    /// Reads on until an event is `wanted`.
    pub async fn until(&mut self, what: &str, wanted: impl Fn(&Event) -> bool) -> Event {
        let mut before = Vec::new();
        while let Some(event) = self.next().await {
            if wanted(&event) {
                return event;
            }
            before.push(event);
        }
        panic!("the stream ended without {what}: {before:#?}");
    }

    /// The final event.
    pub async fn end(&mut self) -> Event {
        self.until("a final event", |event| event.exit_code().is_some()).await
    }
}

/// What a request asks, if the daemon says yes.
pub async fn ask(socket: &Path, path: &str, request: &impl Serialize) -> Result<(), Problem> {
    let mut connection = UnixStream::connect(socket).await.expect("the control socket accepts");
    connection.write_all(&post(path, request)).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").expect("an answer");
    // The body may have come in a chunk.
    let body = &body[body.find('{').expect("an object")..=body.rfind('}').expect("an object")];
    if head.starts_with("HTTP/1.1 200 ") {
        assert_eq!(body, "{}");
        return Ok(());
    }
    assert!(head.starts_with("HTTP/1.1 409 "), "{answer}");
    Err(serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}")))
}

fn post(path: &str, request: &impl Serialize) -> Vec<u8> {
    let body = serde_json::to_string(request).unwrap();
    let length = body.len();
    let close = if path.ends_with("/step") || path.ends_with("/release") {
        "Connection: close\r\n"
    } else {
        ""
    };
    format!("POST {path} HTTP/1.1\r\nHost: g\r\n{close}Content-Length: {length}\r\n\r\n{body}").into_bytes()
}

/// A request to deploy to `prod`.
pub fn deployment() -> DeployRequest {
    DeployRequest {
        environment: "prod".into(),
        kind: Kind::Swap,
        version: None,
        confirmed: None,
        dry_run: false,
        wait_ms: None,
        since: None,
    }
}

/// A deployment that holds `prod`.
#[derive(Debug)]
pub struct Deployment {
    /// Its connection.
    pub stream: Stream,
    /// Its number.
    pub operation: u64,
    /// What it was told.
    pub plan: DeployPlan,
    door: std::path::PathBuf,
}

impl Deployment {
    /// Holds `prod` at once.
    pub async fn hold(door: &Door) -> Self {
        Self::of(door, &deployment()).await
    }

    /// Holds `prod` as it is asked.
    pub async fn of(door: &Door, request: &DeployRequest) -> Self {
        let stream = Stream::ask(&door.socket(), "/v1/deploy", request).await;
        Self::begun(door, stream).await
    }

    /// Holds `prod` when its turn has come.
    pub async fn begun(door: &Door, mut stream: Stream) -> Self {
        let is_held = |event: &Event| matches!(event, Event::Deploy(DeployStep::Deploying { .. }));
        let Event::Deploy(DeployStep::Deploying { operation, plan, .. }) = stream.until("the plan", is_held).await
        else {
            unreachable!("it was looked for");
        };
        Self {
            stream,
            operation: operation.expect("no dry run"),
            plan: *plan,
            door: door.socket(),
        }
    }

    async fn step(&self, step: Step) -> Result<(), Problem> {
        let operation = self.operation;
        ask(&self.door, "/v1/deploy/step", &StepRequest { operation, step }).await
    }

    /// A command is about to run. The error is the exit code of the refusal.
    pub async fn begin(&self, step: Stage, slot: Option<Slot>) -> Result<(), u8> {
        let begun = CommandBegun {
            step,
            service: None,
            slot,
            command: vec!["./tool".into(), step.to_string()],
        };
        self.step(Step::Begun(begun)).await.map_err(|problem| problem.code)
    }

    /// A command has run.
    pub async fn finish(&self, step: Stage, slot: Option<Slot>, exit: i32, output: &str) {
        let ended = CommandEnded {
            step,
            service: None,
            slot,
            command: vec!["./tool".into(), step.to_string()],
            exit: Some(exit),
            signal: None,
            error: None,
            output: output.into(),
            elapsed_ms: 7,
        };
        assert_eq!(self.step(Step::Ended(ended)).await, Ok(()));
    }

    /// A swap that is a part of it.
    pub async fn swap(&self, version: Option<&str>) -> Stream {
        let request = OperationRequest {
            within: Some(self.operation),
            version: version.map(str::to_owned),
            ..OperationRequest::new("prod", Kind::Swap)
        };
        Stream::ask(&self.door, "/v1/operations", &request).await
    }

    /// Its gate alone.
    pub async fn gate(&self) -> Stream {
        let request = OperationRequest {
            within: Some(self.operation),
            gate_only: true,
            ..OperationRequest::new("prod", Kind::Swap)
        };
        Stream::ask(&self.door, "/v1/operations", &request).await
    }

    /// It is over.
    pub async fn release(mut self, outcome: DeployOutcome) -> Event {
        let operation = self.operation;
        let reason = None;
        let request = ReleaseRequest {
            operation,
            outcome,
            reason,
        };
        assert_eq!(ask(&self.door, "/v1/deploy/release", &request).await, Ok(()));
        self.stream.end().await
    }
}
