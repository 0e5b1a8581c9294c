//! Who looks after a queue: the one that tries to connect while an app is away, and lets those who wait go (N12, N13).
//!
//! There is at most one keeper for each queue, on the core of whoever came first. It goes on while the app is away, whether
//! somebody waits or not: that is how later requests know at once that there is no use in trying.

use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout};

use super::core::Core;
use super::service::CoreService;
use crate::proxy::route::maintenance::MaintenancePage;
use crate::proxy::wait::queue::Queue;
use crate::proxy::wait::refusal::Refusal;
use crate::tasks;

/// Between two tries to connect: doubling from the first to the second.
const TRIES: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(250));
/// Those who were let go get so long for their answers before the next are.
const BATCH: Duration = Duration::from_millis(250);

/// How things are for a queue.
enum Outlook {
    /// Whoever waits is to resolve its route again, without an app being asked: the service is gone.
    NoApp,
    /// The environment is paused.
    Paused,
    /// The app is to be reached.
    Open(Rc<CoreService>),
}

/// Keeps a queue on this core until nobody waits in it and the app can be reached. `alive` says to others that it is kept.
pub(crate) fn keep(core: Rc<Core>, queue: Arc<Queue>, alive: Arc<()>) {
    tasks::connection(run(core, queue, alive));
}

async fn run(core: Rc<Core>, queue: Arc<Queue>, alive: Arc<()>) {
    let mut delay = TRIES.0;
    // The activation that a connection was made to.
    let mut reached = None;
    // The page that those who waited before it were sent to.
    let mut shown: Option<Arc<MaintenancePage>> = None;
    loop {
        let (outlook, page) = outlook(&core, &queue);
        if let Some(page) = page
            && !shown.as_ref().is_some_and(|shown| Arc::ptr_eq(shown, &page))
        {
            // Whoever it lets in comes back, and waits for the app like everybody else.
            shown = Some(page);
            queue.empty();
            tokio::task::yield_now().await;
            if queue.rest() {
                break;
            }
            continue;
        }
        match outlook {
            Outlook::NoApp => {
                queue.mark_reached();
                queue.empty();
                tokio::task::yield_now().await;
            }
            Outlook::Paused => {
                // The time of a pause is its operator's: no window runs.
                queue.mark_reached();
                (delay, reached) = (TRIES.0, None);
                if queue.rest() {
                    break;
                }
                queue.changed.notified().await;
                continue;
            }
            Outlook::Open(service) if reached == Some(service.activation.id) && !queue.is_marked() => {
                queue.let_go();
                if queue.rest() {
                    break;
                }
                wait_for_answers(&queue).await;
                continue;
            }
            Outlook::Open(service) => {
                let id = service.activation.id;
                let tried = attempt(&core, &queue, &service).await;
                match tried {
                    // Something has changed in the meantime: look again.
                    None => continue,
                    Some(Ok(())) => {
                        queue.mark_reached();
                        queue.forget_batch();
                        (delay, reached) = (TRIES.0, Some(id));
                        continue;
                    }
                    Some(Err(error)) => {
                        queue.mark_away(id);
                        reached = None;
                        tracing::debug!(
                            environment = &*queue.environment,
                            service = &*queue.service,
                            "still away: {error}"
                        );
                    }
                }
                refuse_if_over(&queue, &service);
                let next = Instant::now() + delay;
                // Those who wait are told when the window ends, and not at the try after it.
                let end = queue
                    .window_end(service.config.hold.period)
                    .filter(|end| *end > Instant::now());
                let changed = changed_before(&queue, end.map_or(next, |end| end.min(next))).await;
                refuse_if_over(&queue, &service);
                delay = if changed { TRIES.0 } else { (delay * 2).min(TRIES.1) };
                continue;
            }
        }
        if queue.rest() {
            break;
        }
    }
    drop(alive);
}

/// And the page that visitors see, under maintenance.
fn outlook(core: &Core, queue: &Queue) -> (Outlook, Option<Arc<MaintenancePage>>) {
    let view = core.view();
    let services = view.snapshot.services();
    let place = services
        .iter()
        .position(|live| live.service.environment == queue.environment && live.service.name == queue.service);
    let Some(place) = place else {
        return (Outlook::NoApp, None);
    };
    let stance = &services[place].stance;
    let outlook = if stance.paused {
        Outlook::Paused
    } else {
        Outlook::Open(view.services[place].clone())
    };
    (outlook, stance.maintenance.clone())
}

/// Connects to any instance. `None` when the control plane has changed something first, or the window has ended.
async fn attempt(core: &Core, queue: &Queue, service: &CoreService) -> Option<io::Result<()>> {
    let connect = service.config.timeout.connect;
    let addresses = &service.activation.addresses;
    let reach = |address| Some(Box::pin(service.pool.connect(address, connect, &core.reserve)));
    let mut tries: Vec<_> = addresses.iter().map(reach).collect();
    let any = poll_fn(|cx| {
        let (mut last, mut pending) = (None, false);
        for (instance, slot) in tries.iter_mut().enumerate() {
            let Some(one) = slot else { continue };
            match one.as_mut().poll(cx) {
                Poll::Pending => pending = true,
                Poll::Ready(Ok(upstream)) => return Poll::Ready(Ok((instance, upstream))),
                Poll::Ready(Err(error)) => {
                    *slot = None;
                    last = Some(error);
                }
            }
        }
        if pending {
            return Poll::Pending;
        }
        Poll::Ready(Err(last.unwrap_or_else(|| io::ErrorKind::NotFound.into())))
    });
    let now = Instant::now();
    let end = queue.window_end(service.config.hold.period).filter(|end| *end > now);
    tokio::select! {
        biased;
        tried = any => Some(tried.map(|(instance, upstream)| {
            // The first of those who wait can have it.
            service.pool.put(instance, upstream, None, Instant::now());
        })),
        () = queue.changed.notified() => None,
        () = sleep_until(end.unwrap_or(now)), if end.is_some() => {
            queue.refuse(Refusal::Over);
            None
        }
    }
}

fn refuse_if_over(queue: &Queue, service: &CoreService) {
    if queue
        .window_end(service.config.hold.period)
        .is_some_and(|end| end <= Instant::now())
    {
        queue.refuse(Refusal::Over);
    }
}

/// Waits until a moment. Whether something has changed before it.
async fn changed_before(queue: &Queue, moment: Instant) -> bool {
    tokio::select! {
        () = queue.changed.notified() => true,
        () = sleep_until(moment) => false,
    }
}

/// Waits until there may be room for more of those who wait.
async fn wait_for_answers(queue: &Queue) {
    let news = async {
        tokio::select! {
            () = queue.room.notified() => {}
            () = queue.changed.notified() => {}
        }
    };
    if timeout(BATCH, news).await.is_err() {
        queue.forget_batch();
    }
}
