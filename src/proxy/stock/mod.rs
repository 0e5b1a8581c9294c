//! What a core lends and gets back.
//!
//! - `buffers` memory for bytes on their way
//! - `clock` the time, read once for each look at a connection
//! - `descriptors` a reserve for the moment when there are none
//! - `deadline` one timer for each connection
//! - `owed` how fast a client moves what it owes
//! - `seldom` when to say what may happen often
//! - `seats` how many of something a core may have at a time
//! - `weakened` entity tags that are weak because answers are encoded
//! - `waiting` the connections that wait for a request, and which of them makes room; `wakers` tasks that are woken together

pub(crate) mod buffers;
pub(crate) mod clock;
pub(crate) mod deadline;
pub(crate) mod descriptors;
pub(crate) mod owed;
pub(crate) mod seats;
pub(crate) mod seldom;
pub(crate) mod waiting;
pub(crate) mod wakers;
pub(crate) mod weakened;
