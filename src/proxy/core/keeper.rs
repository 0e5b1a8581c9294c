//! Carries out what the keeper of a queue decides (`model::hold`): looks at the snapshot, connects, waits (N12, N13).
//!
//! A queue has at most one keeper, on the core of the request that came first.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use tokio::time::Instant;

use super::core::Core;
use super::service::CoreService;
use crate::model::hold::{App, Keeper, News, Outlook, Step, Times};
use crate::proxy::message::connection_error;
use crate::proxy::route::maintenance::MaintenancePage;
use crate::proxy::route::snapshot::{Held, Stance};
use crate::proxy::wait::queue::Queue;
use crate::tasks;

type Try = Pin<Box<dyn Future<Output = io::Result<()>>>>;

/// Keeps a queue on this core until nobody waits in it and the app can be reached. `alive` says to others that it is kept.
pub(crate) fn keep(core: Rc<Core>, queue: Arc<Queue>, alive: Arc<()>) {
    tasks::connection(run(core, queue, alive));
}

async fn run(core: Rc<Core>, queue: Arc<Queue>, alive: Arc<()>) {
    let mut keeper = Keeper::new(Times::USUAL);
    let mut shown = None;
    let mut news = News::Changed;
    // The try that is under way, and to which activation.
    let mut trying: Option<(u64, Try)> = None;
    loop {
        let (outlook, service) = outlook(&core, &queue, &mut shown);
        news = match (queue.look(&mut keeper, news, outlook), service) {
            (Step::Rest, _) => break,
            (Step::Yield, _) => {
                tokio::task::yield_now().await;
                News::Changed
            }
            (Step::Connect { until }, Some(service)) => {
                let activation = service.activation.id;
                trying.take_if(|(tried, _)| *tried != activation);
                let (_, attempt) = trying.get_or_insert_with(|| (activation, Box::pin(connect(core.clone(), service))));
                let tried = tokio::select! {
                    biased;
                    tried = attempt => Ok(tried),
                    interrupted = queue.news(until) => Err(interrupted),
                };
                match tried {
                    Ok(tried) => {
                        trying = None;
                        report(&queue, tried)
                    }
                    Err(interrupted) => interrupted,
                }
            }
            // Only what the outlook names is connected to.
            (Step::Connect { until } | Step::Wait { until }, _) => {
                trying = None;
                queue.news(until).await
            }
        };
    }
    drop(alive);
}

/// What the snapshot says about the service of a queue. `shown` is the maintenance page of the last look.
fn outlook(core: &Core, queue: &Queue, shown: &mut Option<Arc<MaintenancePage>>) -> (Outlook, Option<Rc<CoreService>>) {
    let view = core.view();
    let services = view.snapshot.services();
    let place = services
        .iter()
        .position(|live| live.service.environment == queue.environment && live.service.name == queue.service);
    let page = place.and_then(|place| services[place].stance.maintenance.clone());
    let new_page = match (&page, &*shown) {
        (Some(page), Some(shown)) => !Arc::ptr_eq(page, shown),
        (page, _) => page.is_some(),
    };
    *shown = page;
    let service = place.map(|place| view.services[place].clone());
    let app = match &service {
        None => App::Gone,
        Some(_) if place.is_some_and(|place| waits(&services[place].stance, queue)) => App::Paused,
        Some(service) => App::Live {
            activation: service.activation.id,
            period: service.config.hold.period,
        },
    };
    (Outlook { app, new_page }, service)
}

/// Whether those who wait here wait for the end of a pause or of a sleep.
fn waits(stance: &Stance, queue: &Queue) -> bool {
    if stance.sleep.is_some() {
        return true;
    }
    match stance.held {
        Held::Nothing => false,
        Held::Writes => queue.writes,
        Held::Everything => true,
    }
}

/// Connects to any instance. The first of the requests that wait can have the connection.
async fn connect(core: Rc<Core>, service: Rc<CoreService>) -> io::Result<()> {
    if service.folder.is_some() {
        // Nobody has to be reached: who asks for a file finds out.
        return Ok(());
    }
    let timeout = service.config.policy.timeout.connect;
    let tell = |instance: usize, tried: Result<(), &str>| {
        if core.expects(&service) || tried.is_ok() {
            service.queue.tried(&service.activation.addresses[instance], tried);
        }
    };
    let addresses = &service.activation.addresses;
    let reach = |address| Some(Box::pin(service.pool.connect(address, timeout, &core.reserve)));
    let mut tries: Vec<_> = addresses.iter().map(reach).collect();
    let (instance, upstream) = poll_fn(|cx| {
        let (mut last, mut pending) = (None, false);
        for (instance, slot) in tries.iter_mut().enumerate() {
            let Some(one) = slot else { continue };
            match one.as_mut().poll(cx) {
                Poll::Pending => pending = true,
                Poll::Ready(Ok(upstream)) => return Poll::Ready(Ok((instance, upstream))),
                Poll::Ready(Err(error)) => {
                    tell(instance, Err(connection_error::words(&error)));
                    *slot = None;
                    last = Some(error);
                }
            }
        }
        if pending {
            return Poll::Pending;
        }
        Poll::Ready(Err(last.unwrap_or_else(|| io::ErrorKind::NotFound.into())))
    })
    .await?;
    tell(instance, Ok(()));
    service.counters().connected();
    service.pool.put(instance, upstream, None, Instant::now());
    Ok(())
}

fn report(queue: &Queue, tried: io::Result<()>) -> News {
    match tried {
        Ok(()) => News::Connected,
        Err(error) => {
            tracing::debug!(
                environment = &*queue.environment,
                service = &*queue.service,
                "still away: {error}"
            );
            News::Failed
        }
    }
}
