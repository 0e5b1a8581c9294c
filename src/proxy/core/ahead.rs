//! The connections that a core has made to sides that are about to serve, until one of them is published or a short time has passed.
//!
//! They are found by where the side runs, and not by its activation, which does not exist before the publish. So nobody has to say that
//! a swap was given up: what is not published is closed by time.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use tokio::time::Instant;

use super::service::CoreService;
use crate::model::slot::Address;
use crate::proxy::route::activation::Activation;
use crate::proxy::upstream::connection::Upstream;

/// A side that is about to serve.
#[derive(Debug, Clone)]
pub struct Follower {
    /// What serves until then.
    pub serving: Arc<Activation>,
    /// Where the side runs.
    pub addresses: Vec<Address>,
}

impl Follower {
    fn is(&self, activation: &Activation) -> bool {
        let serving = &self.serving;
        (&serving.environment, &serving.service, &self.addresses)
            == (&activation.environment, &activation.service, &activation.addresses)
    }
}

/// What a core has made ahead.
#[derive(Default)]
pub(crate) struct Ahead {
    made: RefCell<Vec<Made>>,
    /// When the last of them is over, used or not.
    until: Cell<Option<Instant>>,
}

struct Made {
    follower: Arc<Follower>,
    instance: usize,
    upstream: Upstream,
    until: Instant,
}

impl Ahead {
    /// Keeps a connection until this moment, unless the side is published before.
    pub(crate) fn keep(&self, follower: &Arc<Follower>, instance: usize, upstream: Upstream, until: Instant) {
        self.until.set(self.until.get().max(Some(until)));
        self.made.borrow_mut().push(Made {
            follower: follower.clone(),
            instance,
            upstream,
            until,
        });
    }

    /// Gives a service that begins to serve what was made for it.
    pub(crate) fn give(&self, service: &CoreService) {
        let mut made = self.made.borrow_mut();
        if made.is_empty() {
            return;
        }
        for own in made.extract_if(.., |made| made.follower.is(&service.activation)) {
            service.counters().connected();
            service.pool.keep(own.instance, own.upstream, own.until);
        }
    }

    /// Whether there were any and their time is over, also where they have found their service. Says so once.
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        let over = self.until.get().is_some_and(|until| until <= now);
        if over {
            self.until.set(None);
        }
        over
    }

    /// Closes those whose time is over.
    pub(crate) fn sweep(&self, now: Instant) {
        self.made.borrow_mut().retain(|made| made.until > now);
    }
}
