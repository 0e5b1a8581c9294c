//! What a Prometheus reads: the figures of the data plane, the environments, the certificates and the process, in the text formats of
//! OpenMetrics and of Prometheus.
//!
//! - `metrics` answers who asks, `readings` what is read for that, `page` how it is told
//! - `operations` counts what was asked for, out of the lines of the journal; `process` what the process uses
//! - `text` how a sample is written

mod metrics;
mod operations;
mod page;
mod process;
mod readings;
mod text;

pub(super) use metrics::Metrics;
