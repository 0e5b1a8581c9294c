//! What the process tells about itself: counters, the access log, the application log.
//!
//! - `access_log` one line for each exchange, never waited for; `line` what it says, `log_writer` where to,
//!   `log_keeper` what of it stays in memory: `recent` lines, and those that `marks` say
//! - `formatter` how a line is written: `json_line` or `combined_line`, with `stamp` and `value` for both, `origin` for the first
//! - `logging` the application log, for operators
//! - `metrics` counters of each core, read together; `totals` those of every slot since the process began,
//!   `series` what they were second by second

mod access_log;
mod combined_line;
mod formatter;
mod json_line;
mod line;
mod log_keeper;
mod log_writer;
pub mod logging;
mod marks;
mod metrics;
mod origin;
mod recent;
mod series;
mod stamp;
mod totals;
mod value;

pub use access_log::{AccessLog, Lines};
pub use line::Line;
pub use log_keeper::Memory;
pub use metrics::{CoreCounters, Counters, ErrorFrom};
pub use origin::Origin;
pub use recent::{Follower, LINES as RECENT_LINES, Next, Piece, Recent};
pub use series::{Actor, Deeds, Series};
pub use totals::{PerCore, Totals, Whose};
pub use value::LONGEST_VALUE;
