//! Makes a core's connections to sides that are about to serve: as many as it keeps of the side that serves (`model/ahead`). Nobody waits
//! for this for long, and nothing is made of its failures: who finds no connection later makes one.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::ahead::Follower;
use super::core::Core;
use crate::model::ahead::shares;
use crate::model::slot::Address;
use crate::proxy::upstream::connection::Upstream;
use crate::tasks;

/// What a core is to connect to.
pub(crate) struct Order {
    pub(crate) followers: Vec<Arc<Follower>>,
    /// Nothing is begun any more from then on.
    pub(crate) until: Instant,
    /// Dropped when all is done.
    pub(crate) tell: mpsc::UnboundedSender<()>,
}

/// Carries orders out until the data plane is gone.
pub(crate) async fn accept(core: Rc<Core>, mut orders: mpsc::UnboundedReceiver<Order>) {
    while let Some(Order { followers, until, tell }) = orders.recv().await {
        for follower in followers {
            let (kept, lasting) = kept(&core, &follower);
            let counts = shares(kept, follower.addresses.len(), core.id).enumerate();
            for (instance, count) in counts.filter(|(_, count)| *count > 0) {
                let (core, follower, tell) = (core.clone(), follower.clone(), tell.clone());
                tasks::connection(async move {
                    connect(&core, &follower, (instance, count), lasting, until).await;
                    drop(tell);
                });
            }
        }
    }
}

/// How many connections the core has to what serves until then, and for how long it keeps one that is idle.
fn kept(core: &Core, follower: &Follower) -> (usize, Duration) {
    let view = core.view();
    let mut services = view.services.iter();
    let serving = services.find(|service| Arc::ptr_eq(&service.activation, &follower.serving));
    let is_folder = |address: &Address| address.folder().is_some();
    match serving.filter(|_| !follower.addresses.iter().any(is_folder)) {
        Some(serving) => serving.pool.kept(Instant::now()),
        None => (0, Duration::ZERO),
    }
}

/// One after the other, between other newcomers, and no more at the first sign that the app would rather not.
async fn connect(core: &Core, follower: &Arc<Follower>, wanted: (usize, usize), lasting: Duration, until: Instant) {
    let (instance, count) = wanted;
    for _ in 0..count {
        let left = until.saturating_duration_since(Instant::now());
        let Ok(upstream) = Upstream::connect(&follower.addresses[instance], left).await else {
            return;
        };
        let over = Instant::now() + lasting.min(core.times().unused);
        core.ahead.keep(follower, instance, upstream, over);
    }
}
