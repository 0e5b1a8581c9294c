//! The daemon as the control socket sees it: who answers which question.

use std::sync::Arc;

use tokio::sync::mpsc::UnboundedReceiver;

use super::api::Desk;
use super::certificates;
use super::journal::JournalFile;
use super::limits;
use super::switcher::Switcher;
use crate::config::Config;
use crate::model::api::{
    CertificateReport, Certificates, Event, ImportRequest, Imported, OperationRequest, Problem, RenewRequest, Status,
};
use crate::model::history::{Caller, Entry};
use crate::proxy::data_plane::DataPlane;
use crate::telemetry::access_log::AccessLog;

/// Everyone who knows something.
#[derive(Debug)]
pub(super) struct Office {
    pub(super) config: Arc<Config>,
    pub(super) switcher: Switcher,
    pub(super) plane: Arc<DataPlane>,
    pub(super) certificates: certificates::Certificates,
    pub(super) journal: JournalFile,
    pub(super) log: AccessLog,
    /// RFC 3339.
    pub(super) started: String,
    /// What came up at the start and still holds.
    pub(super) warnings: Vec<String>,
}

impl Desk for Office {
    async fn status(&self) -> Status {
        let mut environments = self.switcher.environments().await;
        for environment in &mut environments {
            for service in &mut environment.services {
                service.certificates = self.certificates.of_service(&environment.name, &service.name);
            }
        }
        Status {
            version: env!("CARGO_PKG_VERSION").into(),
            pid: std::process::id(),
            started: self.started.clone(),
            config: self.config.file.display().to_string(),
            resident_bytes: limits::resident_bytes(),
            connections: self.plane.connections() as u64,
            dropped_log_lines: self.log.dropped(),
            environments,
            warnings: self
                .warnings
                .iter()
                .cloned()
                .chain(self.certificates.ending())
                .collect(),
        }
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

    async fn history(&self, environment: Option<String>, limit: usize) -> Vec<Entry> {
        let journal = self.journal.clone();
        // Up to 50 MiB are read: no swap should wait for that.
        let reading = tokio::task::spawn_blocking(move || journal.newest(environment.as_deref(), limit));
        reading.await.unwrap_or_else(|error| {
            tracing::error!(%error, "the journal could not be read");
            Vec::new()
        })
    }

    fn operate(&self, request: OperationRequest, caller: Caller) -> UnboundedReceiver<Event> {
        self.switcher.operate(request, caller)
    }
}
