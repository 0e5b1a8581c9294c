//! What operators are told by messages: what becomes one, in which words, in which form, and when it is tried again. Pure.
//!
//! - `message` one message, and its topics
//! - `operations` swaps, deployments and reloads, from the lines of the journal
//! - `standing` which side serves, and whether it is well
//! - `absences` services that cannot be reached, and are back
//! - `endings` certificates that end, or cannot be had
//! - `outbox` what waits for each destination, within bounds; `schedule` when it is tried again
//! - `payload` a message as Slack, Discord, ntfy and JSON have it

mod absences;
mod endings;
mod message;
mod operations;
mod outbox;
mod payload;
mod schedule;
mod standing;

pub use absences::{Absences, Reading, Seen, Wish, reading};
pub use endings::{CertificateReading, Endings, Nearing};
pub use message::{Draft, Message, Severity, Topic};
pub use operations::Operations;
pub use outbox::{Letter, Outbox, WAITING};
pub use payload::{Format, Payload, payload, test};
pub use schedule::{Schedule, Verdict, of_status};
pub use standing::standing;
