//! The small HTTP server for what an operator looks at with other programs than `proxyctl`: pages and figures, to read and never to
//! change anything. It is off until the file switches it on.
//!
//! - `sites` which addresses are open, over reloads and upgrades
//! - `server` serves one of them: connections, deadlines
//! - `origin` who may ask (E33): no page of somebody else's, whatever name it comes by
//! - `reply` what is answered
//! - `patient` a connection whose client has to read

mod origin;
mod patient;
mod reply;
mod server;
mod sites;

pub(super) use origin::{Names, is_same};
pub(super) use reply::{Payload, Pieces, reply, stream};
pub(super) use server::{Answering, Asked, Site};
pub(super) use sites::{DASHBOARD, METRICS, Places, Sites, wanted};
