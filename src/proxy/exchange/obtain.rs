//! From a request to the head of its answer, whatever that takes: it is forwarded, and while its app cannot be reached or its
//! environment is paused or asleep it waits in the queue, and then goes the whole way again: route, admission, claim, send (N12, N13).
//!
//! What is kept of a request that waits is the head as it was built for the app, and what the client has asked for. The head's
//! bytes do not depend on the activation, only on the client and on one setting of the service, the prefix that is stripped. To
//! keep the client's head instead, every request would have to hold on to its buffer until the app has answered.

use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::time::sleep;

use super::admission::{self, Ahead};
use super::attempt::Setback;
use super::client::{Absence, Client};
use super::ending::Ending;
use super::exchange::Exchange;
use super::{kept, public, stale};
use crate::http1::framing::Framing;
use crate::model::hold::Why;
use crate::proxy::access::users::UserFile;
use crate::proxy::auth_service::auth_service::AuthService;
use crate::proxy::core::claim::Claim;
use crate::proxy::core::keeper;
use crate::proxy::message::error::ProxyError;
use crate::proxy::route::bell::Asleep;
use crate::proxy::route::route::{Found, Under, route, under};
use crate::proxy::route::snapshot::{Held, Snapshot};
use crate::proxy::stock::clock;
use crate::proxy::stock::deadline::Deadline;
use crate::proxy::wait::queue::{Pass, Place, Verdict};

/// Waits for the head of the answer. It is in the exchange then, which holds a claim.
///
/// # Errors
/// What the client is to be told; nothing was sent to it but interim responses.
pub(crate) async fn obtain(
    exchange: &mut Exchange,
    client: &mut impl Client,
    deadline: &mut Deadline,
) -> Result<(), Ending> {
    // The waits are boxed: the requests that need none should not carry the room for them.
    if exchange.claim.is_none() {
        Box::pin(wait(exchange, client, deadline, None)).await?;
    }
    loop {
        if exchange.service.public.is_some() && Box::pin(public::has(exchange, client, deadline)).await? {
            break;
        }
        // A folder that is not there is no app that will be back in a moment: nobody waits for it.
        if let Some(folder) = exchange.service.folder.clone() {
            let found = match exchange.look_up(&folder, client, deadline).await {
                Err(Ending::Error(ProxyError::FolderAway(error))) if exchange.service.preview.is_some() => {
                    return Err(ProxyError::PreviewAway(error).into());
                }
                found => found,
            };
            return Box::pin(stale::unless_found(exchange, found, client, deadline)).await;
        }
        match exchange.respond(client, deadline).await {
            Ok(()) => break,
            // Nobody waits for a side that serves nobody else.
            Err(Setback::Final(ProxyError::Unreachable(error))) if exchange.service.preview.is_some() => {
                return Err(ProxyError::PreviewAway(error).into());
            }
            Err(Setback::Final(ProxyError::Unreachable(error))) => {
                let period = exchange.service.config.hold.period;
                if exchange.record.is_inside() || period.is_zero() {
                    if !exchange.record.is_inside() {
                        exchange.service.queue.refused_at_once();
                    }
                    return Err(ProxyError::Unreachable(error).into());
                }
                exchange.queue_for(false);
                let why = Why::Away(exchange.service.activation.id);
                Box::pin(wait(exchange, client, deadline, Some(why))).await?;
            }
            Err(Setback::Final(error)) => return Err(error.into()),
            Err(Setback::MayRetry(error)) => {
                let budget = &exchange.service.retry_budget;
                let Some(pause) = exchange.retries.next(budget, fastrand::f64()) else {
                    return Err(ProxyError::AppBrokeOff(error).into());
                };
                exchange.record.retries += 1;
                exchange.counters().retried();
                exchange.give_up_claim();
                sleep(pause).await;
                Box::pin(wait(exchange, client, deadline, None)).await?;
            }
        }
    }
    exchange.pass = None;
    if exchange.file.is_none() && stale::is_wanted(exchange, exchange.head.status) {
        Box::pin(stale::ask(exchange, client, deadline)).await;
        if exchange.record.answered_by.is_none()
            && let Some(answer) = Box::pin(kept::answer(exchange)).await
        {
            return Err(Ending::Answer(answer));
        }
    }
    stale::note(exchange);
    Ok(())
}

/// Waits in the queue, if there is a reason to, until the exchange has a claim again.
async fn wait(
    exchange: &mut Exchange,
    client: &mut impl Client,
    deadline: &mut Deadline,
    mut why: Option<Why>,
) -> Result<(), Ending> {
    let mut seen = None;
    loop {
        if let Some(why) = why {
            let began = clock::now();
            let verdict = stand_in_queue(exchange, client, deadline, why, seen.take()).await;
            exchange.record.held += began.elapsed();
            exchange.pass = verdict?;
        }
        why = match claim_again(exchange)? {
            Next::Claimed => {
                refuse_large(exchange)?;
                return Ok(());
            }
            Next::Paused(held, snapshot) => {
                exchange.queue_for(held == Held::Writes);
                seen = Some(snapshot);
                Some(Why::Paused)
            }
            Next::Check(file) => {
                admission::check(exchange, &file, client, deadline).await?;
                if exchange.record.token.is_none() {
                    let door = exchange.service.door(exchange.record.policy);
                    exchange.record.token = door.limits.admit(exchange.record.client)?;
                }
                refuse_large(exchange)?;
                None
            }
            Next::Ask(auth_service) => {
                if let Some(answer) = admission::ask(exchange, auth_service, client, deadline).await? {
                    return Err(Ending::Answer(answer));
                }
                if exchange.record.token.is_none() {
                    exchange.record.token = exchange.service.door(exchange.record.policy).limits.enter()?;
                }
                refuse_large(exchange)?;
                None
            }
        };
    }
}

/// Of a body that is known to be too large, by the policy that the route leads to now, no app gets the head: where the client comes in only now,
/// and where a reload has changed what it may send while it waited.
fn refuse_large(exchange: &Exchange) -> Result<(), ProxyError> {
    match exchange.sending.framing {
        Framing::Length(length) if length > exchange.sending.limit => Err(ProxyError::BodyTooLarge),
        _ => Ok(()),
    }
}

/// Waits in the queue for leave to go on; `None` where it is to look again at once. `seen` is by what it was decided to wait: whoever is
/// turned away is so behind the snapshot that says why, and only who stood in the queue by then is told.
async fn stand_in_queue(
    exchange: &mut Exchange,
    client: &mut impl Client,
    deadline: &mut Deadline,
    why: Why,
    seen: Option<Arc<Snapshot>>,
) -> Result<Option<Pass>, ProxyError> {
    exchange.give_up_claim();
    // Who is let in now may not be any more when the wait is over.
    exchange.vouched = None;
    let bounds = &exchange.service.config.hold;
    let bytes = exchange.kept(client);
    let queue = match exchange.queues_for_writes {
        true => &exchange.service.writes,
        false => &exchange.service.queue,
    };
    let place = queue.enter(why, exchange.number, bytes, bounds, |alive| {
        keeper::keep(exchange.record.core().clone(), queue.clone(), alive);
    });
    // Only now, so that nobody is let go in its place while the queue does not know that the app is away again.
    exchange.pass = None;
    let place = place?;
    exchange.number = Some(place.number);
    if seen.is_some_and(|seen| !Arc::ptr_eq(&seen, &exchange.record.core().view().snapshot)) {
        return Ok(None);
    }
    verdict(place, exchange, client, deadline).await.map(Some)
}

/// What becomes of a request in the queue. One that may not be repeated is not sent for a client that may have left.
async fn verdict(
    mut place: Place,
    exchange: &Exchange,
    client: &mut impl Client,
    deadline: &mut Deadline,
) -> Result<Pass, ProxyError> {
    let (every, idempotent) = (exchange.times().look_after_client, exchange.method.is_idempotent());
    deadline.set(every);
    poll_fn(|cx| {
        match place.poll_verdict(cx) {
            Poll::Ready(Verdict::Go(pass)) => return Poll::Ready(Ok(pass)),
            Poll::Ready(Verdict::Refused(why)) => return Poll::Ready(Err(why.into())),
            Poll::Pending => place.keeps(exchange.kept(client))?,
        }
        match client.watch(cx, deadline, every) {
            None => Poll::Pending,
            Some(Absence::Possible) if !idempotent => Poll::Ready(Err(ProxyError::ClientGone)),
            Some(Absence::Certain) => Poll::Ready(Err(ProxyError::ClientGone)),
            Some(Absence::Possible) => match place.doubt() {
                Ok(()) => Poll::Pending,
                Err(error) => Poll::Ready(Err(error)),
            },
        }
    })
    .await
}

/// What comes of a route that was resolved again.
enum Next {
    /// The exchange has a claim.
    Claimed,
    /// The environment is paused, for these, as this snapshot says.
    Paused(Held, Arc<Snapshot>),
    /// The credentials have to be checked first, against these users.
    Check(Arc<UserFile>),
    /// This service has to be asked first.
    Ask(Rc<AuthService>),
}

/// Nobody is asked to stay away for longer than the longest pause between two tries.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// A request came for an app that does not run: it calls, unless it has to be turned away (N36).
fn called(exchange: &Exchange, asleep: &Asleep) -> Result<(), ProxyError> {
    if asleep.deaf_to_web_sockets && exchange.upgrade {
        return Err(ProxyError::Asleep);
    }
    let left = asleep
        .refuses_until
        .map(|until| until.saturating_duration_since(clock::now()));
    if let Some(left) = left.filter(|left| !left.is_zero()) {
        return Err(ProxyError::DidNotWake(Some(left.min(LONGEST_WAIT))));
    }
    asleep.bell.ring();
    Ok(())
}

/// Resolves the route and enters the activation that it leads to, if the client may.
fn claim_again(exchange: &mut Exchange) -> Result<Next, Ending> {
    let (core, peer) = (exchange.record.core().clone(), exchange.record.peer().clone());
    loop {
        let view = core.view();
        let (settings, front, asked) = (&core.shared.settings, &core.shared.front, &exchange.record.asked);
        let secure = exchange.record.secure;
        let place = match route(
            &view.snapshot,
            settings,
            front,
            &peer,
            secure,
            asked.host(),
            asked.target(),
        )? {
            Found::Service(place) => place,
            Found::Answer(answer) => return Err(Ending::Answer(answer)),
        };
        // A preview may have ended meanwhile: then who insists on it gets nothing, and the others what everybody gets.
        let service = match view.service(place, exchange.service.preview) {
            Some(service) => service,
            None if exchange.record.insists_on_preview => return Err(ProxyError::NoPreview.into()),
            None => &view.services[place],
        };
        let Under { policy, answer } = under(&service.config, asked.target(), exchange.record.is_inside());
        match answer {
            Ok(None) => {}
            Ok(Some(answer)) => {
                exchange.move_to(service, policy, None);
                return Err(Ending::Answer(answer));
            }
            Err(error) => {
                exchange.move_to(service, policy, None);
                return Err(error.into());
            }
        }
        let next = match admission::enter_again(exchange, &core, service.door(policy)) {
            Ok(Ahead::Nothing) => None,
            Ok(Ahead::Check(file)) => Some(Next::Check(file)),
            Ok(Ahead::Question(auth_service)) => Some(Next::Ask(auth_service)),
            Err(error) => {
                exchange.move_to(service, policy, None);
                return Err(error.into());
            }
        };
        if let Some(next) = next {
            exchange.move_to(service, policy, None);
            return Ok(next);
        }
        let stance = &view.snapshot.services()[place].stance;
        if let Some(page) = &stance.maintenance
            && !page.admits(exchange.record.client)
        {
            return Err(Ending::Maintenance(page.clone()));
        }
        if let Some(asleep) = &stance.sleep {
            exchange.move_to(service, policy, None);
            called(exchange, asleep)?;
            return Ok(Next::Paused(Held::Everything, view.snapshot.clone()));
        }
        let held = stance.held.holds(exchange.method);
        if held && service.preview.is_some() {
            return Err(ProxyError::PreviewPaused.into());
        }
        if held {
            exchange.move_to(service, policy, None);
            return Ok(Next::Paused(stance.held, view.snapshot.clone()));
        }
        // A closed gate means that a newer snapshot is published already, so this loop ends (N1).
        if let Some(claim) = Claim::of(service, exchange.method) {
            exchange.move_to(service, policy, Some(claim));
            return Ok(Next::Claimed);
        }
    }
}

impl Exchange {
    /// Its place is among the requests that write and wait for the end of a pause, or among all that wait.
    fn queue_for(&mut self, writes: bool) {
        if self.queues_for_writes != writes {
            // A number means something in its queue alone.
            self.number = None;
            self.queues_for_writes = writes;
        }
    }

    /// A waiter owns no claim, and no more memory than it needs.
    fn give_up_claim(&mut self) {
        self.claim = None;
        self.record.instance = None;
        self.sending.out.bytes.shrink_to_fit();
    }
}
