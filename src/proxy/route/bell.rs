//! How the first request that waits for a sleeping environment calls the control plane (N36).

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::time::Instant;

/// Rings once, whoever pulls it and however often.
pub struct Bell {
    rung: AtomicBool,
    tell: Box<dyn Fn() + Send + Sync>,
}

impl Bell {
    /// A bell that is heard by `tell`, which must not wait.
    pub fn new(tell: impl Fn() + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self {
            rung: AtomicBool::new(false),
            tell: Box::new(tell),
        })
    }

    /// Rings, unless it has rung before.
    pub fn ring(&self) {
        if !self.rung.swap(true, Ordering::AcqRel) {
            (self.tell)();
        }
    }
}

impl fmt::Debug for Bell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bell").field("rung", &self.rung).finish_non_exhaustive()
    }
}

/// What an environment does with new requests while its app does not run.
#[derive(Debug, Clone)]
pub struct Asleep {
    /// Who waits rings it.
    pub bell: Arc<Bell>,
    /// WebSockets do not wait, and wake nobody: those that were closed when it fell asleep come back by themselves.
    pub deaf_to_web_sockets: bool,
    /// Until then nobody waits: it could not be started.
    pub refuses_until: Option<Instant>,
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[test]
    fn n36_however_many_pull_it_a_bell_rings_once() {
        let heard = Arc::new(AtomicUsize::new(0));
        let bell = Bell::new({
            let heard = heard.clone();
            move || {
                heard.fetch_add(1, Ordering::Relaxed);
            }
        });
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| (0..100).for_each(|_| bell.ring()));
            }
        });
        assert_eq!(heard.load(Ordering::Relaxed), 1);
    }
}
