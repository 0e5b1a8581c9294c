//! What is seen of the apps, as grounds for decisions: health before a switch, answers through the front door after it, and the
//! counters of both sides.
//!
//! - `instance` who is asked; `prober` asks; `answer` is what it says, and whether that is a pass
//! - `gating` asks several until all of them are well: the gate of a reload and of a pause
//! - `parity` asks live instances of an environment what another is compared with
//! - `front_door` asks for a service as a client would
//! - `figures` reads the counters

mod answer;
pub(super) mod awake;
pub(super) mod figures;
pub(super) mod front_door;
pub(super) mod gating;
pub(super) mod instance;
pub(super) mod parity;
pub(super) mod prober;
