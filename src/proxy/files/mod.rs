//! Folders that are served: what is found below one, and how it is read. What is answered for it is decided in `model::files`.
//!
//! A disk may take its time, and a broken one for ever, so a core's own thread asks only for what the kernel has in memory and refuses
//! otherwise; what is refused goes to threads of the folder, of which there are few. A folder that hangs holds up nobody else.
//!
//! - `folder` a folder that was opened once, and is served from then on
//! - `find` path → file; the same steps on either kind of thread
//! - `disk` the system's calls, those that may wait and those that do not
//! - `errands` the threads of one folder, and what waits for them
//! - `opened` one open file
//! - `ask` what the daemon itself is answered
//! - `response` head and body of the answer; `pieces` the body as it is read

mod ask;
mod disk;
mod errands;
pub(crate) mod find;
pub(crate) mod folder;
mod opened;
pub(crate) mod pieces;
pub(crate) mod response;
