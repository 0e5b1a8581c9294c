//! Everything that is printed: data to stdout, progress and messages to stderr.
//!
//! What a line says is decided by pure functions, which take what they need to know; only `terminal` writes.
//!
//! - `terminal` the streams of this process, and what is drawn on a terminal
//! - `operation` the events of a swap or rollback as lines; `upkeep` those of a reload, a pause and of maintenance;
//!   `preview` those of a preview, `sleep` those of a sleep
//! - `deploy` a deployment: its commands, and how it ended
//! - `progress` the step that is under way, as the line that is rewritten
//! - `table` the picture of `status --watch`; `lately` what was done in the last minute, as `spark`lines
//! - `commands` the commands of a deployment
//! - `requests` those of the access log, a line each
//! - `evidence` what was measured, in words
//! - `explanation` what holds for a URL; `parity` what differs between two environments
//! - `age` how long something has lasted; `certificate` what is to say about its end
//! - `page` a command as a manual page, `reference` the configuration as one
//! - `line` a line before it is printed; `text` words and numbers as people read them

pub(super) mod age;
pub(super) mod certificate;
pub(super) mod commands;
pub mod deploy;
mod evidence;
mod explanation;
mod lately;
mod line;
mod operation;
mod page;
mod parity;
mod preview;
mod progress;
mod reference;
mod requests;
pub(super) mod sleep;
mod spark;
mod table;
mod terminal;
pub mod text;
mod upkeep;

pub(super) use evidence::complaint;
pub use explanation::explanation;
pub use lately::{has_failed, overview, whole};
pub use line::{Line, Stream};
pub use operation::{Transcript, render};
pub use page::{Page, pages};
pub use parity::parity;
pub use progress::progress;
pub use reference::reference;
pub use requests::Requests;
pub use table::{Rates, table};
pub use terminal::{
    Frame, Screen, err, err_raw, err_style, interactive, live, message, out, out_json, out_pretty_json, out_room,
    out_style, out_width, try_out, width,
};
pub use upkeep::{Words, render as render_upkeep};
