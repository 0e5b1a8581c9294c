//! What the process tells about itself: counters, the access log, the application log.

pub mod access_log;
pub mod metrics;
