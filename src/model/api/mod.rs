//! What the daemon and `proxyctl` say to each other: HTTP/1.1 with JSON over the control socket, under `/v1`.
//!
//! | request | answer |
//! |---|---|
//! | `GET /v1/status` | [`Status`] |
//! | `GET /v1/history?env=NAME&limit=N&output=true` | [`Entry`](super::history::Entry) lines, newest last; `output` is what commands wrote |
//! | `GET /v1/parity?a=NAME&b=NAME` | [`Parity`] |
//! | `GET /v1/series?range=10m` | [`Series`]; `range` is 1m, 10m, 2h or 24h |
//! | `GET /v1/logs?env=NAME&service=NAME&status=5xx&slower=1s&path=/api&fault=app&limit=N&follow=true` | lines of the access log, oldest first; [`Dropped`] where some were lost |
//! | `GET /v1/requests?env=NAME&limit=N` | [`Requests`] |
//! | `GET /v1/certificates` | [`Certificates`] |
//! | `POST /v1/certificates/renew` with a [`RenewRequest`] | the host's [`CertificateReport`], when the attempt is over |
//! | `POST /v1/certificates/import` with an [`ImportRequest`] | [`Imported`] |
//! | `POST /v1/notify/test` with a [`NotifyRequest`] | [`NotifyTested`], when every destination has answered |
//! | `POST /v1/operations` with an [`OperationRequest`] | a stream of [`Event`] lines; the last one is final |
//! | `POST /v1/reload` with a [`ReloadRequest`] | a stream of [`Event`] lines |
//! | `POST /v1/pause` with a [`PauseRequest`] | a stream of [`Event`] lines; hanging up on an attached pause resumes |
//! | `POST /v1/resume` with a [`ResumeRequest`] | a stream of [`Event`] lines |
//! | `POST /v1/upgrade` with an [`UpgradeRequest`] | a stream of [`Event`] lines |
//! | `POST /v1/maintenance` with a [`MaintenanceRequest`] | a stream of [`Event`] lines |
//! | `POST /v1/deploy` with a [`DeployRequest`] | a stream of [`Event`] lines; hanging up frees the environment |
//! | `POST /v1/deploy/step` with a [`StepRequest`] | `{}`, when the step may begin or is recorded |
//! | `POST /v1/deploy/release` with a [`ReleaseRequest`] | `{}`; the deployment's stream ends |
//! | `POST /v1/sleep` with a [`SleepRequest`] | a stream of [`Event`] lines |
//! | `POST /v1/wake` with a [`WakeRequest`] | a stream of [`Event`] lines |
//! | `POST /v1/preview` with a [`PreviewRequest`] | a stream of [`Event`] lines; the token is in the first one |
//!
//! An operation belongs to the daemon: a client that hangs up stops watching, not the operation. The exceptions are an
//! attached pause, which `proxyctl pause ENV -- COMMAND` asks for, and a deployment: they end with their connection (N13, N32).
//!
//! What is not an operation fails with a [`Problem`]: 400 when the request cannot be read, 403 for a user who may not use the
//! socket, 404 and 405 for a path or a method that there is not, 408 and 413 for a body that comes too slowly or is too long, and
//! 409 for what the daemon did not do.
//!
//! - `operation` swaps and rollbacks; `deploy` deployments; `upkeep` reloads, pauses and maintenance
//! - `preview` looks at an idle side; `sleep` environments that sleep
//! - `event` what an operation says while it goes on
//! - `seen` what probes and counters saw, as evidence
//! - `series` what was done lately, for charts
//! - `logs` what the access log said lately; `requests` those that failed or took long
//! - `status` how things stand; `certificates` how certificates stand
//! - `notify` who is told by messages, and how that goes
//! - `parity` what two environments should have in common, and have not
//! - `explanation` what a file makes of a URL
//! - `problem` why something was not done, and the exit codes

mod certificates;
mod deploy;
mod event;
mod explanation;
mod logs;
mod notify;
mod operation;
mod parity;
mod preview;
mod problem;
mod requests;
mod seen;
mod series;
mod sleep;
mod status;
mod upkeep;

pub use certificates::{CertificateReport, Certificates, ImportRequest, Imported, OnlineFinding, RenewRequest};
pub use deploy::{
    CommandBegun, CommandEnded, DeployOutcome, DeployPlan, DeployRequest, DeployService, Deployed, ReleaseRequest,
    Stage, Step, StepRequest,
};
pub use event::{
    Check, CommonStep, DeployStep, Event, MaintenanceStep, PauseStep, PreviewStep, Progress, ReloadStep, SafeToStop,
    SleepStep, SwapStep, UpgradeStep,
};
pub use explanation::{ExplainedEntry, ExplainedValue, Explanation};
pub use logs::{Blame, Dropped, Logged, LogsStatus};
pub use notify::{NotifyRequest, NotifyResult, NotifyStatus, NotifyTested};
pub use operation::{Kind, Move, OperationRequest, Side, Target};
pub use parity::{About, Difference, Parity};
pub use preview::{PreviewEnd, PreviewLink, PreviewRequest, PreviewStatus};
pub use problem::{Problem, STOPPING, exit};
pub use requests::{NotedRequest, Requests};
pub use seen::{GateReport, ProbeReport, Traffic, millis};
pub use series::{Range, Series, SeriesStatus, Track};
pub use sleep::{SleepRequest, SleepState, SleepStatus, WakeRequest};
pub use status::{
    CertificateStatus, ConfigurationStatus, DrainingStatus, EnvironmentStatus, HealthStatus, Holder, KeptStatus,
    MaintenanceStatus, ServiceStatus, Status, TrustedList, WaitingStatus,
};
pub use upkeep::{
    Action, Change, ChangeKind, MaintenanceRequest, Notice, PauseRequest, ReloadRequest, ResumeRequest, UpgradeRequest,
    ValueChange,
};
