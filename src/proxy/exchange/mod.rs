//! One request, from the decision what is done with it to the last byte of its answer, whatever the client's protocol.
//!
//! - `serve` the whole way, in the order of these files; its end is a `reply`, of whatever `source`
//! - `decide` route, claim, and build what leaves; or an answer of our own
//! - `preview` whether it sees the idle side
//! - `admission` whether it may enter, asked before anything is claimed
//! - `obtain` the head of the answer, whatever waiting and repeating that takes; `ending` why there is none
//! - `stale` files of the version before (N23), `kept` those of versions that are gone
//! - `public` files that are there before the app is asked
//! - `attempt` one attempt: connect or reuse, send, wait for the head; the retry rule
//! - `look_up` what is asked of a folder in place of an app; `file` the answer on its way
//! - `head`, `body`, `pieces` the response as it is read; `events` where an event stream may end
//! - `encode` an answer's body, encoded on its way; `ribbon` what is appended to pages; `length` what the head says of it
//! - `sending` the request as it is sent; `reading` how the client reads its answer
//! - `error_page` the operator's page for an error of ours
//! - `asked` what the client has asked for
//! - `fields` what a policy makes of the fields that leave
//! - `exchange` what all of these work on; `client` what they ask of the client's side; `record` what is counted and logged

pub(crate) mod admission;
pub(crate) mod asked;
pub(crate) mod attempt;
pub(crate) mod body;
pub(crate) mod client;
pub(crate) mod decide;
pub(crate) mod encode;
mod ending;
mod error_page;
mod events;
pub(crate) mod exchange;
pub(crate) mod fields;
mod file;
pub(crate) mod head;
mod kept;
mod length;
mod look_up;
pub(crate) mod obtain;
pub(crate) mod pieces;
mod preview;
mod public;
mod reading;
pub(crate) mod record;
pub(crate) mod reply;
mod ribbon;
pub(crate) mod sending;
pub(crate) mod serve;
mod source;
pub(crate) mod stale;
