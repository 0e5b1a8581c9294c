//! What the process tells about itself: counters, the access log, the application log.
//!
//! - `access_log` one line for each exchange, never waited for; `line` what it says, `log_writer` where to,
//!   `log_keeper` what of it stays in memory: `recent` lines, and those that `marks` say
//! - `formatter` how a line is written: `json_line` or `combined_line`, with `stamp` and `value` for both, `origin` for the first
//! - `logging` the application log, for operators
//! - `counters` of each core, read together: `latency` for percentiles, `outcomes` how exchanges have ended, `connections` those of
//!   clients; `counter` how one is written
//! - `totals` the counters of every slot since the process began; `series` what they were second by second

mod access_log;
mod combined_line;
mod connections;
mod counter;
mod counters;
mod formatter;
mod json_line;
mod latency;
mod line;
mod log_keeper;
mod log_writer;
pub mod logging;
mod marks;
mod origin;
mod outcomes;
mod recent;
mod series;
mod stamp;
mod totals;
mod value;

pub use access_log::{AccessLog, Lines};
pub use connections::{Connections, CoreConnections, TLS_VERSIONS};
pub use counters::{CoreCounters, Counters};
pub use line::Line;
pub use log_keeper::Memory;
pub use origin::Origin;
pub use outcomes::{BOUNDS, Durations, Ended, ErrorFrom, Outcomes};
pub use recent::{Follower, LINES as RECENT_LINES, Next, Piece, Recent};
pub use series::{Actor, Deeds, Series};
pub use totals::{PerCore, Totals, Whose};
pub use value::LONGEST_VALUE;
