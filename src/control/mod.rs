//! In the making.

pub mod ports;
