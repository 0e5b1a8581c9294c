//! In the making.

pub mod drainer;
pub mod figures;
pub mod front_door;
pub mod ports;
pub mod prober;
pub mod switcher;
pub mod wire;
