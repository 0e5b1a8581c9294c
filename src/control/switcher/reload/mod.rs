//! A reload is a diff (N29): it publishes one new snapshot, or nothing.
//!
//! read → diff → hold what is concerned → gate new live addresses → certificates for new hosts → save → publish → close. The order,
//! and what ends it early, is decided in `model::reload`. What stays keeps its activation, and a service that is equal keeps its
//! place in memory too, so that no connection and no WebSocket notices.
//!
//! `stages` carries the effects out, `publish` is the last of them. What will be published is worked out in `plan`, beside this room.

mod publish;
mod stages;
