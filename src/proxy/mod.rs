//! The data plane, and a request's way through it.
//!
//! A connection arrives in `listen` and stays on the core that accepted it until it ends. `client` speaks its protocol. From there on
//! HTTP/1 and HTTP/2 are one: `exchange` asks `route` where the request leads, claims the activation there, builds the head that
//! leaves with `message`, sends it over `upstream` or finds what is asked for in a folder (`files`), and carries the claim to the last
//! byte of the answer. A request that has to wait does so in `wait`. `core` is what one thread has for itself, and `stock` lends it
//! buffers. Who may enter is for `access` to say, or for an `auth_service` that is asked. No step takes a lock that
//! another core takes, but for a request that waits.
//!
//! - `data_plane` the handle of the control plane; `worker` a thread that becomes a core; `inside` requests of the daemon itself
//! - `settings` what the data plane is told at its start
//! - `listen` → `client` → `exchange` → `core` → `wait`, `route`, `auth_service`, `upstream`, `limit` → `files` → `message` → `stock` → `access`, `assets`: an arrow points
//!   down only

mod access;
mod assets;
mod auth_service;
mod client;
mod core;
mod data_plane;
mod exchange;
mod files;
mod inside;
mod limit;
mod listen;
mod message;
mod route;
mod settings;
mod stock;
mod upstream;
mod wait;
mod worker;

pub(crate) use access::desk::{Asked, Desk};
pub use access::familiar::Familiar;
pub(crate) use access::users::UserFile;
pub use access::users::UserFiles;
pub use assets::Assets;
pub use client::frames::Frames;
pub use core::ahead::Follower;
pub use data_plane::DataPlane;
pub use files::folder::Folder;
pub use inside::Ask;
pub use listen::sockets::bind;
pub use message::connection_error::in_words;
pub use message::folder_error::in_words as folder_in_words;
pub use message::headers::{pass_fields_on, rewrite_head};
pub use message::heard::Answer;
pub use message::probe::probe_request;
pub use route::activation::{Activation, Patience};
pub use route::bell::{Asleep, Bell};
pub use route::gate::Gate;
pub use route::maintenance::MaintenancePage;
pub use route::preview::OpenPreview;
pub use route::snapshot::{Destination, Held, Live, Previous, Routing, Snapshot, Stance};
pub use settings::{AcmeLookup, ChallengeLookup, Covers, Front, Settings, Times, TlsChallenges};
pub use upstream::dial::{Stream, dial};
pub use wait::outage::Sign;
pub use wait::queue::Waiting;
