//! What the process tells about itself: counters, the access log, the application log.
//!
//! - `access_log` one line for each exchange, never waited for; `line` what it says, `json_line` how, `log_writer` where to
//! - `logging` the application log, for operators
//! - `metrics` counters of each core, read together

mod access_log;
mod json_line;
mod line;
mod log_writer;
pub mod logging;
mod metrics;

pub use access_log::{AccessLog, Lines};
pub use line::Line;
pub use metrics::{CoreCounters, Counters, ErrorFrom};
