//! Answers who asks for metrics, and counts what happens meanwhile.

use std::cell::RefCell;
use std::rc::{Rc, Weak};
use std::sync::Arc;

use http::{Response, StatusCode};
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio::time::Instant;

use super::operations::Operations;
use super::page::page;
use super::readings::{Certificate, Figures, Readings};
use super::text::Format;
use crate::control::happenings::Happening;
use crate::control::socket::{Desk as _, Office};
use crate::control::web::{Answering, Asked, Names, Payload, Site, reply};
use crate::telemetry::Totals;

/// Connections at once: whoever scrapes has one.
const CONNECTIONS: usize = 16;

const TEXT: &str = "text/plain; charset=utf-8";

/// The metrics.
#[derive(Debug)]
pub(in crate::control) struct Metrics {
    office: Weak<Office>,
    totals: Totals,
    operations: RefCell<Operations>,
}

impl Metrics {
    /// Shows what the office knows, and what slots have counted.
    pub(in crate::control) fn new(office: &Rc<Office>, totals: Totals) -> Rc<Self> {
        Rc::new(Self {
            office: Rc::downgrade(office),
            totals,
            operations: RefCell::default(),
        })
    }

    /// Counts what happens, asked for or not, until nothing does any more.
    pub(in crate::control) async fn count(self: Rc<Self>, mut happenings: Receiver<Arc<Happening>>) {
        let began = Instant::now();
        loop {
            match happenings.recv().await {
                Ok(happening) => {
                    if let Happening::Entry(entry) = &*happening {
                        self.operations.borrow_mut().hear(entry, began.elapsed());
                    }
                }
                Err(RecvError::Lagged(missed)) => tracing::debug!(missed, "happenings were not counted"),
                Err(RecvError::Closed) => return,
            }
        }
    }

    async fn answered(&self, asked: Asked) -> Response<Payload> {
        if asked.path != "/metrics" {
            return reply(StatusCode::NOT_FOUND, TEXT, "metrics are at /metrics\n");
        }
        let Some(readings) = self.read().await else {
            return reply(StatusCode::SERVICE_UNAVAILABLE, TEXT, "the daemon is stopping\n");
        };
        let (format, totals) = (Format::of(&asked.headers), self.totals.clone());
        // A thousand services fill megabytes: no swap should wait for that.
        let written = tokio::task::spawn_blocking(move || page(format, &readings, &Figures::look(&totals)));
        match written.await {
            Ok(text) => reply(StatusCode::OK, format.content_type(), text),
            Err(error) => {
                tracing::error!(%error, "the metrics could not be written");
                reply(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    TEXT,
                    "the metrics could not be written\n",
                )
            }
        }
    }

    async fn read(&self) -> Option<Readings> {
        let office = self.office.upgrade()?;
        let status = office.status().await;
        let renewals = office.certificates.renewals();
        let certificates = office.certificates().certificates.into_iter().map(|report| {
            let counted = renewals.get(&report.host).copied().unwrap_or_default();
            Certificate {
                report,
                renewed: counted.obtained,
                failed: counted.failed,
            }
        });
        Some(Readings {
            certificates: certificates.collect(),
            operations: self.operations.borrow().clone(),
            unserved: office.plane.unserved(),
            connections: office.plane.counted(),
            open_connections: status.connections,
            dropped_log_lines: status.dropped_log_lines,
            started: status.started,
            environments: status.environments,
        })
    }
}

impl Site for Metrics {
    fn connections(&self) -> usize {
        CONNECTIONS
    }

    /// Who may come from elsewhere comes by whatever name that elsewhere has for this machine.
    fn names(&self) -> Names {
        let office = self.office.upgrade();
        let address = office.and_then(|office| office.current.load().config.server.metrics);
        match address.is_some_and(|address| !address.ip().is_loopback()) {
            true => Names::AnyOfPrograms,
            false => Names::Near,
        }
    }

    fn answer(self: Rc<Self>, asked: Asked) -> Answering {
        Box::pin(async move { self.answered(asked).await })
    }
}
