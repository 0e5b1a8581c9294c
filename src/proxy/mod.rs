//! The data plane, and a request's way through it.
//!
//! A connection is accepted by the `listener` of one core and stays on that core until it ends. `connection` does the TLS
//! handshake and learns the protocol; `client_h1` speaks HTTP/1 over our own codec, `client_h2` HTTP/2 over hyper. From there
//! on both are one: `service` asks `routing` for the snapshot, matches host and path, and claims the activation at its `gate`;
//! `headers` builds the request that leaves; `forward` sends it on a connection of the core's `pool` or a new one
//! (`upstream`), and decides by the retry rule what a failure means; `body` or `tunnel` carries the claim to the last byte.
//! No step goes back up, and none takes a lock that another core takes.

mod activation;
mod answer;
mod answering;
mod asked;
mod atomic;
mod attempt;
mod body;
mod claim;
mod client;
mod client_h1;
mod client_h2;
mod client_io;
mod connection;
mod core;
mod core_service;
mod data_plane;
mod deadline;
mod error;
mod exchange;
mod gate;
mod h2_stream;
mod headers;
mod hold;
mod inside;
mod keeper;
mod listener;
mod maintenance;
mod passing;
mod pieces;
mod pool;
mod record;
mod refusal;
mod request;
mod request_id;
mod reserve;
mod response_head;
mod retry;
mod route;
mod routing;
mod sending;
mod service;
mod settings;
mod shared;
mod sockets;
mod stale;
mod stock;
mod terms;
mod tunnel;
mod upstream;
mod wakers;
mod websocket;
mod wire;
mod worker;

pub use activation::{Activation, Patience};
pub use data_plane::DataPlane;
pub use gate::Gate;
pub use headers::rewrite_head;
pub use hold::Waiting;
pub use inside::{Answer, Ask};
pub use maintenance::MaintenancePage;
pub use routing::{Destination, Live, Routing, Snapshot, Stance};
pub use settings::{AcmeLookup, ChallengeLookup, Covers, Front, Settings, TlsChallenges};
pub use sockets::bind;
