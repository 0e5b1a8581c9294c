//! What a core lends and gets back.
//!
//! - `buffers` memory for bytes on their way
//! - `descriptors` a reserve for the moment when there are none
//! - `deadline` one timer for each connection
//! - `seldom` when to say what may happen often
//! - `wakers` tasks that are woken together

pub(crate) mod buffers;
pub(crate) mod deadline;
pub(crate) mod descriptors;
pub(crate) mod seldom;
pub(crate) mod wakers;
