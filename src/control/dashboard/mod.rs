//! The dashboard (`[server] dashboard`): a page that shows what is live, whether it is well, what changed last, and whose fault it is. It
//! is read-only, and nothing is worked out while nobody looks.
//!
//! - `dashboard` answers its requests: the page, its parts, series, and the feed
//! - `entrance` passwords, where the file names users
//! - `feed` what viewers are told, once for all of them
//! - `known` what was told so far, from which those who come later begin
//! - `message` what stands in one message
//! - `assets` the page itself: `page/` has its files

mod assets;
mod dashboard;
mod entrance;
mod feed;
mod known;
mod message;

pub(super) use dashboard::Dashboard;
