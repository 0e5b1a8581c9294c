//! Answers what the control socket is asked, out of the rooms of the daemon.

use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc::{Receiver, UnboundedReceiver};

use super::api::Desk;
use super::logs;
use super::query::{HistoryQuery, LogsQuery, RequestsQuery};
use crate::control::certificates;
use crate::control::disk::JournalFile;
use crate::control::happenings::Happenings;
use crate::control::limits;
use crate::control::notify::Notifier;
use crate::control::ports::Elders;
use crate::control::sampler::Sampler;
use crate::control::served::Current;
use crate::control::switcher::{Report, Request, Switcher};
use crate::model::api::{
    CertificateReport, Certificates, Event, ImportRequest, Imported, NotifyRequest, NotifyTested, Parity, Problem,
    Range, ReleaseRequest, RenewRequest, Requests, Series, Status, StepRequest,
};
use crate::model::history::{Caller, Entry};
use crate::proxy::DataPlane;
use crate::telemetry::AccessLog;

/// What the daemon consists of while it serves.
#[derive(Debug)]
pub(in crate::control) struct Office {
    pub(in crate::control) current: Current,
    pub(in crate::control) switcher: Switcher,
    pub(in crate::control) plane: Arc<DataPlane>,
    pub(in crate::control) certificates: certificates::Certificates,
    pub(in crate::control) journal: JournalFile,
    pub(in crate::control) log: AccessLog,
    /// What was done lately.
    pub(in crate::control) sampler: Sampler,
    /// What happens.
    pub(in crate::control) happenings: Happenings,
    /// Who is told by messages.
    pub(in crate::control) notifier: Notifier,
    /// RFC 3339.
    pub(in crate::control) started: String,
    /// The processes before this one that still drain.
    pub(in crate::control) earlier: Rc<dyn Elders>,
    /// What came up at the start and still holds.
    pub(in crate::control) warnings: Vec<String>,
}

impl Desk for Office {
    async fn status(&self) -> Status {
        let Report {
            mut environments,
            warnings,
        } = self.switcher.report().await;
        for environment in &mut environments {
            for service in &mut environment.services {
                service.certificates = self.certificates.of_service(&environment.name, &service.name);
            }
        }
        let served = self.current.load();
        let told = self.warnings.iter().cloned();
        let now = [self.journal.trouble(), self.log.trouble()].into_iter().flatten();
        Status {
            version: env!("CARGO_PKG_VERSION").into(),
            pid: std::process::id(),
            started: self.started.clone(),
            config: served.config.file.display().to_string(),
            series: self.sampler.status(),
            logs: self.log.memory().status(),
            notify: self.notifier.status(),
            configuration: Some(served.status()),
            resident_bytes: limits::resident_bytes(),
            connections: self.plane.connections() as u64,
            dropped_log_lines: self.log.dropped(),
            earlier: self.earlier.report(),
            environments,
            warnings: told
                .chain(warnings)
                .chain(now)
                .chain(self.certificates.ending())
                .chain(self.notifier.trouble())
                .collect(),
        }
    }

    async fn parity(&self, a: String, b: String) -> Result<Parity, Problem> {
        self.switcher.parity(a, b).await
    }

    fn series(&self, range: Range) -> Series {
        self.sampler.series(range)
    }

    fn logs(&self, query: LogsQuery) -> Result<Receiver<Bytes>, Problem> {
        logs::read(self.log.memory().recent(), query)
    }

    fn requests(&self, query: RequestsQuery) -> Requests {
        self.log.memory().requests(query.environment.as_deref(), query.limit)
    }

    fn certificates(&self) -> Certificates {
        self.certificates.report()
    }

    async fn renew(&self, request: RenewRequest) -> Result<CertificateReport, Problem> {
        self.certificates.renew(&request).await
    }

    fn import(&self, request: ImportRequest) -> Result<Imported, Problem> {
        self.certificates.import(request)
    }

    async fn notify(&self, request: NotifyRequest, caller: Caller) -> Result<NotifyTested, Problem> {
        self.notifier.test(&request, &caller.user).await
    }

    async fn history(&self, query: HistoryQuery) -> Vec<Entry> {
        let journal = self.journal.clone();
        // Up to 50 MiB are read: no swap should wait for that.
        let reading = tokio::task::spawn_blocking(move || {
            journal.newest(query.environment.as_deref(), query.limit, query.output)
        });
        reading.await.unwrap_or_else(|error| {
            tracing::error!(%error, "the journal could not be read");
            Vec::new()
        })
    }

    async fn step(&self, request: StepRequest, caller: Caller) -> Result<(), Problem> {
        self.switcher.step(request, caller).await
    }

    async fn release(&self, request: ReleaseRequest, caller: Caller) -> Result<(), Problem> {
        self.switcher.release(request, caller).await
    }

    fn ask(&self, request: Request, caller: Caller) -> UnboundedReceiver<Event> {
        self.switcher.ask(request, caller)
    }
}
