//! Whether a request may enter its service: asked in `decide`, before it claims anything, and again wherever its route was resolved anew.
//! Credentials that are not known are checked elsewhere, and an auth service is asked over the network: the request waits for either
//! without a claim.

use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::time::timeout;

use super::client::{Absence, Client};
use super::exchange::Exchange;
use super::record::Record;
use crate::http1::head::Name;
use crate::model::access::{Credentials, Refusal};
use crate::model::client::network;
use crate::proxy::access::desk::Asked;
use crate::proxy::access::guard::Wanted;
use crate::proxy::access::users::UserFile;
use crate::proxy::auth_service::auth_service::AuthService;
use crate::proxy::auth_service::question::{Subject, question};
use crate::proxy::auth_service::verdict::Verdict;
use crate::proxy::core::core::Core;
use crate::proxy::core::service::{CoreService, Door};
use crate::proxy::message::answer::Answer;
use crate::proxy::message::end::End;
use crate::proxy::message::error::ProxyError;
use crate::proxy::message::headers;
use crate::proxy::message::request::{Fields, Request};
use crate::proxy::stock::deadline::Deadline;

/// What is known of a request at the door.
pub(crate) struct Entry {
    /// What comes before it may enter.
    pub(crate) first: First,
    /// Credentials that it was asked for: they end here, and the app does not see them.
    pub(crate) credentials: Option<Box<Credentials>>,
}

/// What comes before a request may enter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum First {
    /// Nothing.
    Nothing,
    /// Its credentials are checked.
    Check,
    /// An auth service is asked.
    Question,
}

/// What comes before a request may enter that has waited, and who has a part in that.
pub(crate) enum Ahead {
    Nothing,
    /// Its credentials are checked against these users.
    Check(Arc<UserFile>),
    /// This service is asked.
    Question(Rc<AuthService>),
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
    let without_credentials = |first| Entry {
        first,
        credentials: None,
    };
    let guard = service.door(record.policy).guard.as_ref();
    let Some(guard) = guard.filter(|_| !record.is_inside()) else {
        return Ok(without_credentials(First::Nothing));
    };
    let file = match guard.look(record.client, request.path())? {
        Wanted::Nothing => return Ok(without_credentials(First::Nothing)),
        Wanted::Verdict => return Ok(without_credentials(First::Question)),
        Wanted::Password(file) => file,
    };
    let mut sent = request.fields.iter().filter(|field| field.0 == Name::Authorization);
    let credentials = match (sent.next(), sent.next()) {
        (Some((.., value)), None) => Credentials::parse(value),
        // Of two, nobody knows which one counts.
        (Some(_), Some(_)) | (None, _) => None,
    };
    let credentials = credentials.ok_or(Refusal::NoCredentials)?;
    let first = if is_known(core, record, file, &credentials) {
        First::Nothing
    } else {
        First::Check
    };
    Ok(Entry {
        first,
        credentials: Some(Box::new(credentials)),
    })
}

/// Looks again at a request that has waited: what comes before it may enter by this door.
///
/// # Errors
/// Why it does not enter.
pub(crate) fn enter_again(exchange: &mut Exchange, core: &Core, door: &Door) -> Result<Ahead, ProxyError> {
    let record = &exchange.record;
    let guard = door.guard.as_ref().filter(|_| !record.is_inside());
    let wanted = guard.map(|guard| guard.look(record.client, record.asked.path()));
    let wanted = wanted.transpose()?.unwrap_or(Wanted::Nothing);
    if !matches!(wanted, Wanted::Verdict) {
        exchange.vouched = None;
    }
    match (wanted, &door.auth_service) {
        (Wanted::Password(file), _) => {
            if exchange.credentials.is_none() {
                // Nobody had asked for them, so they are in the head that was built for the app.
                let sent = headers::authorization(exchange.built_head()).and_then(Credentials::parse);
                exchange.credentials = Some(Box::new(sent.ok_or(Refusal::NoCredentials)?));
            }
            let record = &mut exchange.record;
            match &exchange.credentials {
                Some(credentials) if is_known(core, record, file, credentials) => Ok(Ahead::Nothing),
                Some(_) | None => Ok(Ahead::Check(file.clone())),
            }
        }
        (Wanted::Verdict, Some(wanted)) => match &exchange.vouched {
            Some((by, _)) if by.forward == wanted.forward => Ok(Ahead::Nothing),
            Some(_) | None => Ok(Ahead::Question(wanted.clone())),
        },
        // Where there is nobody to be asked, nobody passes.
        (Wanted::Verdict, None) => Err(Refusal::NotAllowed.into()),
        (Wanted::Nothing, _) => Ok(Ahead::Nothing),
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
            let verdict = timeout(times.password, verdict);
            match beside(verdict, client, deadline, times.look_after_client).await? {
                Ok(Ok(Some(version))) => version,
                Ok(Ok(None)) => return Err(Refusal::WrongCredentials.into()),
                // The process stops.
                Ok(Err(_)) => return Err(ProxyError::Stopping),
                Err(_) => return Err(Refusal::TooManyChecks.into()),
            }
        }
    };
    core.visitors.remember(digest, version, credentials);
    Ok(())
}

/// Asks an auth service whether a request may pass, and waits for the answer. `None` when it may; otherwise what the client gets.
///
/// # Errors
/// When there is no answer, or the client has left.
pub(crate) async fn ask(
    exchange: &mut Exchange,
    auth_service: Rc<AuthService>,
    client: &mut impl Client,
    deadline: &mut Deadline,
) -> Result<Option<Answer>, ProxyError> {
    let core = exchange.record.core().clone();
    let record = &exchange.record;
    let subject = Subject {
        head: exchange.built_head(),
        method: record.asked.method(),
        target: record.asked.target(),
        secure: record.secure,
    };
    let question = question(&subject, &auth_service.forward);
    let asked = auth_service.ask(&question, &core.reserve);
    let verdict = beside(asked, client, deadline, core.times().look_after_client).await?;
    let record = &mut exchange.record;
    match verdict? {
        Verdict::Pass(vouched) => {
            if !vouched.cookies.is_empty() {
                record.cookies = vouched.cookies;
            }
            exchange.vouched = Some((auth_service, vouched.fields));
            Ok(None)
        }
        Verdict::Refusal(answer) => {
            record.cookies.clear();
            record.ended(match answer.status {
                500.. => End::AUTH_FAILED,
                _ => End::NOT_LET_IN,
            });
            Ok(Some(answer))
        }
    }
}

/// Waits for something while the client is looked after.
///
/// # Errors
/// The client has left.
async fn beside<T>(
    awaited: impl Future<Output = T>,
    client: &mut impl Client,
    deadline: &mut Deadline,
    every: Duration,
) -> Result<T, ProxyError> {
    let mut awaited = pin!(awaited);
    deadline.set(every);
    poll_fn(|cx| {
        if let Poll::Ready(done) = awaited.as_mut().poll(cx) {
            return Poll::Ready(Ok(done));
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
