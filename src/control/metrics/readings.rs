//! Everything that a page of metrics is made of, read at one moment.

use super::operations::Operations;
use super::process::Process;
use crate::model::api::{CertificateReport, EnvironmentStatus};
use crate::telemetry::{Connections, Counters, Outcomes, Totals, Whose};

/// What the rooms of the daemon say.
#[derive(Debug)]
pub(super) struct Readings {
    /// When the process began, RFC 3339.
    pub(super) started: String,
    pub(super) environments: Vec<EnvironmentStatus>,
    pub(super) certificates: Vec<Certificate>,
    pub(super) operations: Operations,
    /// Requests that were for no service.
    pub(super) unserved: Outcomes,
    pub(super) connections: Connections,
    pub(super) open_connections: u64,
    pub(super) dropped_log_lines: u64,
}

/// A certificate, and how often it was renewed in this process.
#[derive(Debug)]
pub(super) struct Certificate {
    pub(super) report: CertificateReport,
    pub(super) renewed: u64,
    pub(super) failed: u64,
}

/// What is looked up besides, where that may take its time.
#[derive(Debug)]
pub(super) struct Figures {
    pub(super) slots: Vec<(Whose, Counters, Outcomes)>,
    pub(super) process: Process,
}

impl Figures {
    /// As it is now. Adds up what all cores have counted.
    pub(super) fn look(totals: &Totals) -> Self {
        Self {
            slots: totals.read_in_detail(),
            process: Process::look(),
        }
    }
}
