//! Files of the version before (N23): what the live side answers with 404 below `stale_assets` is asked of the previous one while
//! that still runs, on a connection of its own and without a claim, or looked for in its folder. Whatever goes wrong there, the client
//! gets the live 404, which waits untouched.

use std::future::poll_fn;
use std::rc::Rc;
use std::time::Duration;

use tokio::time::timeout;

use super::body::Body;
use super::client::Client;
use super::ending::Ending;
use super::exchange::Exchange;
use crate::http1::framing::Framing;
use crate::http1::head::{Method, Name, ResponseHead};
use crate::model::files::Missing;
use crate::model::kept_assets::is_page;
use crate::model::slot::Address;
use crate::proxy::files::find::Found;
use crate::proxy::files::folder::Folder;
use crate::proxy::message::error::ProxyError;
use crate::proxy::route::snapshot::Previous;
use crate::proxy::stock::deadline::Deadline;
use crate::proxy::upstream::connection::Upstream;

/// To connect to the previous side. It has to be at hand: the client waits with a 404 that is already there.
const CONNECT: Duration = Duration::from_secs(1);
/// For its response head.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether an answer with this status is one that the previous side may know better.
pub(crate) fn is_wanted(exchange: &Exchange, status: u16) -> bool {
    status == 404 && may_have(exchange)
}

/// Whether the previous side is asked for what the live one does not have.
pub(crate) fn may_have(exchange: &Exchange) -> bool {
    let prefixes = &exchange.service.config.stale_assets;
    // A version that is tried answers for itself.
    if prefixes.is_empty() || exchange.upgrade || exchange.service.preview.is_some() {
        return false;
    }
    let asks = matches!(exchange.method, Method::Get | Method::Head) && exchange.sending.framing == Framing::None;
    let path = exchange.record.asked.path();
    asks && prefixes.iter().any(|prefix| path.starts_with(prefix.as_bytes()))
}

/// What a live folder has found for a request, or what the previous side has where it has nothing.
///
/// # Errors
/// As the live folder has said.
pub(crate) async fn unless_found(
    exchange: &mut Exchange,
    found: Result<(), Ending>,
    client: &mut impl Client,
    deadline: &mut Deadline,
) -> Result<(), Ending> {
    let status = match &found {
        Ok(()) => exchange.file.as_ref().map_or(0, |file| file.status),
        Err(Ending::Error(ProxyError::NoFile)) => 404,
        Err(_) => 0,
    };
    if !is_wanted(exchange, status) {
        return found;
    }
    let live = exchange.file.take();
    ask(exchange, client, deadline).await;
    if exchange.file.is_none() && exchange.record.answered_by.is_none() {
        exchange.file = live;
        return found;
    }
    Ok(())
}

/// Remembers a file that a client has got, where files are kept when their version is gone. A page is no file: many apps answer one for
/// whatever they do not have.
pub(crate) fn note(exchange: &Exchange) {
    let Some(assets) = &exchange.service.assets else { return };
    if exchange.head.status != 200 || exchange.method != Method::Get || exchange.record.is_inside() {
        return;
    }
    let (path, prefixes) = (exchange.record.asked.path(), &exchange.service.config.stale_assets);
    if !prefixes.iter().any(|prefix| path.starts_with(prefix.as_bytes())) {
        return;
    }
    let inbox = exchange.body.inbox.as_ref().map_or(&b""[..], |inbox| inbox.filled());
    let kind = exchange.head.get(Name::ContentType, inbox).unwrap_or_default();
    if !str::from_utf8(kind).is_ok_and(is_page) {
        assets.note(path, exchange.record.started);
    }
}

/// Asks the previous side. If it has the file, its answer takes the place of the live one in the exchange.
pub(crate) async fn ask(exchange: &mut Exchange, client: &mut impl Client, deadline: &mut Deadline) {
    let Some(Previous {
        addresses,
        folder,
        public,
    }) = previous(exchange)
    else {
        return;
    };
    for folder in public.iter().chain(&folder) {
        if ask_folder(exchange, folder, client, deadline).await {
            return;
        }
    }
    if folder.is_some() {
        return;
    }
    let Some((upstream, address)) = connect(&addresses).await else {
        return;
    };
    let live = Live {
        upstream: exchange.upstream.replace(upstream),
        head: std::mem::take(&mut exchange.head),
        body: std::mem::replace(&mut exchange.body, Body::none()),
        reusable: exchange.reusable,
        app_idle: exchange.app_idle,
        broken: std::mem::take(&mut exchange.sending.broken),
    };
    exchange.sending.out.rewind();
    let asked = timeout(PATIENCE, poll_fn(|cx| exchange.poll_head(cx, client, deadline))).await;
    let has_it =
        matches!(asked, Ok(Ok(()))) && matches!(exchange.head.status, 200..300 | 304) && exchange.take_head().is_ok();
    if has_it {
        // Not the live side's connection: it must not get into its pool.
        exchange.reusable = false;
        exchange.record.head_came(exchange.head.status);
        exchange.record.answered_by = Some(address.to_string().into());
    } else {
        live.put_back(exchange);
    }
}

/// Looks into a folder of the previous side. Whether it has the file.
async fn ask_folder(
    exchange: &mut Exchange,
    folder: &Folder,
    client: &mut impl Client,
    deadline: &mut Deadline,
) -> bool {
    let looking = exchange.find(folder, &Missing::Nothing, client, deadline);
    let Ok(Ok(Ok(Found::File(file)))) = timeout(PATIENCE, looking).await else {
        return false;
    };
    exchange.disconnect();
    exchange.answer_with(folder, file);
    exchange.record.answered_by = Some(folder.name());
    true
}

/// The live side's 404, set aside.
struct Live {
    upstream: Option<Upstream>,
    head: ResponseHead,
    body: Body,
    reusable: bool,
    app_idle: Option<Duration>,
    broken: bool,
}

impl Live {
    fn put_back(self, exchange: &mut Exchange) {
        exchange.upstream = self.upstream;
        exchange.head = self.head;
        exchange.body = self.body;
        exchange.reusable = self.reusable;
        exchange.app_idle = self.app_idle;
        exchange.sending.broken = self.broken;
        // What was written to the other side must not look like a rest that is due here.
        let sent = exchange.sending.out.rest().len();
        exchange.sending.out.wrote(sent);
    }
}

/// Where the side before the exchange's own runs, or ran. `None` when a swap has come in between.
fn previous(exchange: &Exchange) -> Option<Previous> {
    let view = exchange.record.core().view();
    let mut services = view.services.iter();
    let place = services.position(|service| Rc::ptr_eq(service, &exchange.service))?;
    view.snapshot.services()[place].previous.clone()
}

async fn connect(addresses: &[Address]) -> Option<(Upstream, &Address)> {
    for address in addresses {
        if let Ok(upstream) = Upstream::connect(address, CONNECT).await {
            return Some((upstream, address));
        }
    }
    None
}
