//! Whether a request may enter its service: asked in `decide`, before it claims anything, and again wherever its route was resolved anew.
//! Credentials that are not known are checked elsewhere, and the request waits for that without a claim.

use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::client::{Absence, Client};
use super::exchange::Exchange;
use super::record::Record;
use crate::http1::head::Name;
use crate::model::access::{Credentials, Refusal};
use crate::model::client::network;
use crate::proxy::access::desk::Asked;
use crate::proxy::access::guard::Guard;
use crate::proxy::access::users::UserFile;
use crate::proxy::core::core::Core;
use crate::proxy::core::service::CoreService;
use crate::proxy::message::error::ProxyError;
use crate::proxy::message::headers;
use crate::proxy::message::request::{Fields, Request};
use crate::proxy::stock::deadline::Deadline;

/// What is known of a request at the door.
pub(crate) struct Entry {
    /// Whether it may enter now; if not, its credentials have to be checked first.
    pub(crate) is_open: bool,
    /// Those that it was asked for: they end here, and the app does not see them.
    pub(crate) credentials: Option<Box<Credentials>>,
}

/// Looks at a request that has just come.
///
/// # Errors
/// Why it does not enter.
pub(crate) fn enter<'r, F: Fields<'r>>(
    core: &Core,
    service: &Rc<CoreService>,
    record: &mut Record,
    request: &Request<'r, F>,
) -> Result<Entry, ProxyError> {
    let free = Entry {
        is_open: true,
        credentials: None,
    };
    let guard = service.door(record.policy).guard.as_ref();
    let Some(guard) = guard.filter(|_| !record.is_inside()) else {
        return Ok(free);
    };
    let Some(file) = guard.look(record.client, request.path())? else {
        return Ok(free);
    };
    let mut sent = request.fields.iter().filter(|field| field.0 == Name::Authorization);
    let credentials = match (sent.next(), sent.next()) {
        (Some((.., value)), None) => Credentials::parse(value),
        // Of two, nobody knows which one counts.
        (Some(_), Some(_)) | (None, _) => None,
    };
    let credentials = credentials.ok_or(Refusal::NoCredentials)?;
    Ok(Entry {
        is_open: is_known(core, record, file, &credentials),
        credentials: Some(Box::new(credentials)),
    })
}

/// Looks again at a request that has waited. The file whose users it has to be checked against, if it may not enter yet.
///
/// # Errors
/// Why it does not enter.
pub(crate) fn enter_again(
    exchange: &mut Exchange,
    core: &Core,
    guard: &Guard,
) -> Result<Option<Arc<UserFile>>, ProxyError> {
    let record = &exchange.record;
    let Some(file) = guard.look(record.client, record.asked.path())? else {
        return Ok(None);
    };
    if exchange.credentials.is_none() {
        // Nobody had asked for them, so they are in the head that was built for the app.
        let sent = headers::authorization(exchange.built_head()).and_then(Credentials::parse);
        exchange.credentials = Some(Box::new(sent.ok_or(Refusal::NoCredentials)?));
    }
    let record = &mut exchange.record;
    match &exchange.credentials {
        Some(credentials) if is_known(core, record, file, credentials) => Ok(None),
        Some(_) | None => Ok(Some(file.clone())),
    }
}

/// Has the credentials of a request checked, and waits for the end of that. They are known then.
///
/// # Errors
/// When they are wrong or not checked, or the client has left.
pub(crate) async fn check(
    exchange: &mut Exchange,
    file: &UserFile,
    client: &mut impl Client,
    deadline: &mut Deadline,
) -> Result<(), ProxyError> {
    let core = exchange.record.core().clone();
    let credentials = exchange.credentials.as_deref().ok_or(Refusal::NoCredentials)?;
    let desk = &core.shared.desk;
    let digest = desk.digest(file, credentials);
    let version = match desk.ask(digest, file, credentials, network(exchange.record.client))? {
        Asked::Right(version) => version,
        Asked::Waits(verdict) => {
            let times = core.times();
            let waiting = wait(verdict, client, deadline, times.look_after_client);
            timeout(times.password, waiting)
                .await
                .unwrap_or(Err(Refusal::TooManyChecks.into()))?
        }
    };
    core.visitors.remember(digest, version, credentials);
    Ok(())
}

async fn wait(
    mut verdict: oneshot::Receiver<Option<u64>>,
    client: &mut impl Client,
    deadline: &mut Deadline,
    every: Duration,
) -> Result<u64, ProxyError> {
    deadline.set(every);
    poll_fn(|cx| {
        match Pin::new(&mut verdict).poll(cx) {
            Poll::Ready(Ok(Some(version))) => return Poll::Ready(Ok(version)),
            Poll::Ready(Ok(None)) => return Poll::Ready(Err(Refusal::WrongCredentials.into())),
            // The process stops.
            Poll::Ready(Err(_)) => return Poll::Ready(Err(ProxyError::Stopping)),
            Poll::Pending => {}
        }
        // One that has only said everything still wants its answer (N17).
        match client.watch(cx, deadline, every) {
            Some(Absence::Certain) => Poll::Ready(Err(ProxyError::ClientGone)),
            Some(Absence::Possible) | None => Poll::Pending,
        }
    })
    .await
}

/// Whether this core knows the credentials as right. Then the record knows whose they are.
fn is_known(core: &Core, record: &mut Record, file: &UserFile, credentials: &Credentials) -> bool {
    record.user = core.visitors.name(&core.shared.desk, file, credentials);
    record.user.is_some()
}
