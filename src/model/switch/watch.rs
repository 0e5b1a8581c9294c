//! What is kept of old sides on their way out, and of the operations that wait for them.

use std::time::Duration;

use super::messages::Ended;
use crate::model::api::{Move, Side, Traffic};
use crate::model::slot::Generation;

/// One activation that drains, or that has drained while an operation waits for others beside it.
#[derive(Debug)]
pub(super) struct Leaving {
    /// The generation that replaced it.
    pub(super) left: Generation,
    pub(super) service: usize,
    pub(super) side: Side,
    pub(super) requests: u64,
    pub(super) streams: u64,
    pub(super) over: Option<Ended>,
}

/// An operation that has switched and waits for its old side.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) operation: u64,
    pub(super) generation: Generation,
    pub(super) moves: Vec<Move>,
    pub(super) switched: Duration,
    pub(super) told: Option<Duration>,
    pub(super) drained: bool,
    pub(super) served: Traffic,
}

impl Watch {
    /// An operation that has just published `generation`.
    pub(super) fn new(operation: u64, moves: Vec<Move>, generation: Generation, now: Duration) -> Self {
        Self {
            operation,
            generation,
            moves,
            switched: now,
            told: None,
            drained: false,
            served: Traffic::default(),
        }
    }

    /// Whether this operation has to wait for an old side: for those that it replaced itself, and for earlier activations of the
    /// same instances, which are not safe to stop before these have drained too.
    pub(super) fn waits_for(&self, leaving: &Leaving) -> bool {
        let mut left = self.moves.iter().flat_map(|step| &step.from.addresses);
        leaving.left == self.generation || left.any(|address| leaving.side.addresses.contains(address))
    }
}
