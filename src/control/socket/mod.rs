//! The control socket: how `proxyctl` reaches the daemon.
//!
//! - `socket` binds it and serves its connections
//! - `access` who may use it
//! - `api` its requests, as HTTP; `query` what stands behind their `?`
//! - `logs` reads the kept lines of the access log for whoever follows them
//! - `office` answers them, from what the rooms of the daemon know

mod access;
mod api;
mod logs;
mod office;
mod query;
mod socket;

pub(super) use access::Access;
pub(super) use api::Desk;
pub(super) use office::Office;
pub(super) use query::HistoryQuery;
pub(super) use socket::ControlSocket;
