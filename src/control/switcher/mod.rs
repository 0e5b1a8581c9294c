//! One task owns every switch, and is the only writer of routing. Whatever happens comes through its mailbox; it decides with
//! `model::environment` and `model::reload`, carries the effects out, and never waits for one: their results come back through the
//! mailbox.
//!
//! From the door inwards: `mailbox` is the way to the owner, `request` what can be asked for, `message` everything that it hears.
//! `run` is its loop, `ask` gives each operation its number, `owner` is what it has. `environment` is one environment with its
//! machines; `change` is what its switch changes, `pause` what its pause does, `deployment` what a deployment asks and reports.
//! `sleep` what its sleep does,
//! `maintenance`, `preview`, `reload` and `upgrade` are what happens beside them; whatever needs an environment for itself holds it as a
//! swap does (N5). `plan` works out what a reload will publish.
//! `report` tells how things are, `parity` compares environments.
//!
//! Below lie what they share: `gated` keeps the folders that a gate has opened, `errands` runs what takes time, `notice` tells and writes down, `publisher` is where a snapshot goes,
//! `saves` keeps saves in their order, `vigil` watches what is live, `drainer` waits for what is left behind, `rules` and `initial`
//! read what the file and the state mean.

mod ask;
mod change;
mod deployment;
mod drainer;
mod environment;
mod errands;
mod gated;
mod initial;
mod mailbox;
mod maintenance;
mod message;
mod notice;
mod opened;
mod owner;
mod parity;
mod pause;
mod plan;
mod preview;
mod publisher;
mod reload;
mod report;
mod request;
mod rules;
mod run;
mod saves;
mod sleep;
#[cfg(test)]
mod tests;
mod upgrade;
mod vigil;

pub use self::initial::{Initial, initial};
pub(in crate::control) use self::mailbox::Switcher;
pub(in crate::control) use self::owner::Parts;
pub(in crate::control) use self::request::{Report, Request};
