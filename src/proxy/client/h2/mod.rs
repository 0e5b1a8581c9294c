//! HTTP/2 clients, over our own codec.
//!
//! - `serve` a connection from its first byte to its last; `events` what its client says, `connection` what it has, and what it says at
//!   its end; `rest` how long it may do nothing, `slow_head` how long a head may take, `floods` how much its client may do beside requests
//! - `streams` a future for each stream in the connection's own task; `ready` which of them were woken, `turn` in which order they write
//! - `wire` what the streams have in common; `line` what is on its way out, `progress` whether their answers move
//! - `life` a stream from its request to its end; `stream` its answer on the way out, `channel` what it shares with the connection, `upload` its upload as an exchange
//!   asks for it, `fields` the fields of its answer, `web_socket` the stream as a tunnel

mod channel;
mod connection;
mod events;
mod fields;
mod floods;
mod life;
mod line;
mod progress;
mod ready;
mod rest;
pub(crate) mod serve;
mod slow_head;
mod stream;
mod streams;
mod turn;
mod upload;
mod web_socket;
mod wire;
