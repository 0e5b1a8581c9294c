//! What the process tells about itself: counters, the access log, the application log.

pub mod access_log;
mod json_line;
mod log_writer;
pub mod logging;
pub mod metrics;
