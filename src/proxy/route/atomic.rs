//! The atomics of `gate`; its loom test puts loom's in their place.

pub(crate) use std::sync::atomic::{AtomicUsize, Ordering};
