//! An upgrade (N24, N25, N28): one process hands the front door to the next.
//!
//! `giving` is the side of the old process, which starts the new one and stops accepting only when that accepts; `taking` is the side
//! of the new one, from its start to the moment when it accepts. `earlier` is what a process knows of those before it that still
//! drain. `wire` is the line between two of them. What is decided, is decided in `model::handoff`.

mod earlier;
mod giving;
mod taking;
mod wire;

pub(super) use self::earlier::EarlierProcesses;
pub(super) use self::giving::{Giver, Program, Treasure};
pub(super) use self::taking::{Inheritance, enter};
pub(super) use self::wire::{Heard, say};
