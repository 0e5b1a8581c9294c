//! Heads as data: bytes in, bytes or decisions out.
//!
//! - `request` a checked request of either protocol
//! - `headers` what is forwarded of a head, and what is added to it; `prefix` what depends on the prefix that is stripped
//! - `names` whether two names are one to an app; `rules` what `headers.request` changes of a head; `changes` what is changed of an answer's fields
//! - `probe` the request of a probe, as traffic's
//! - `built` a head that was built for an app, read again
//! - `terms` what an app's head says of its connection
//! - `date` the moment of an answer
//! - `encoding` whether an answer may be encoded, and what it says then; `ribbon` likewise for a ribbon behind it
//! - `answer` answers of our own, `content` what is in them; `heard` what the daemon itself hears; `error` why there is one; `unanswered`
//!   why an auth service has given none
//! - `end` how an exchange has ended, and why (`model::termination` has the ways in which it can); `connection_error` what a connection
//!   to an app can die of; `folder_error` what a folder can
//! - `request_id` the name of one exchange

pub(crate) mod answer;
pub(crate) mod built;
pub(crate) mod changes;
pub(crate) mod connection_error;
pub(crate) mod content;
pub(crate) mod date;
pub(crate) mod encoding;
pub(crate) mod end;
pub(crate) mod error;
pub(crate) mod folder_error;
pub(crate) mod headers;
pub(crate) mod heard;
pub(crate) mod names;
pub(crate) mod prefix;
pub(crate) mod probe;
pub(crate) mod request;
pub(crate) mod request_id;
pub(crate) mod ribbon;
pub(crate) mod rules;
pub(crate) mod terms;
pub(crate) mod unanswered;
