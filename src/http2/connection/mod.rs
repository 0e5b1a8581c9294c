//! The server's side of a connection: a client's bytes in, events out; an answer's heads and data in, bytes out.
//!
//! - `connection` the machine and its input, frame by frame; `headers`, `data` and `control` what each kind of frame does; `partial`
//!   what is not read whole yet
//! - `send` what its caller has it say
//! - `event` what it tells, and what it counts
//!
//! It decides nothing that RFC 9113 leaves open. It answers malformed requests with nothing, counts what may be too much of something
//! without ending anything, and looks at no clock.

mod connection;
mod control;
mod data;
mod event;
mod headers;
mod partial;
mod send;

pub use connection::{Bounds, Connection, Step};
pub use event::{Counts, Event};
pub use partial::Unfinished;
pub use send::{Fields, NotSent};
