//! Whether a request sees the idle side, and how a browser gets what it has to show for that (N33). Nothing in here is reached while no
//! token that was ever given out can be around.

use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::record::Record;
use crate::http1::head::{Method, Name};
use crate::model::preview::{Preview, Showing, Shown, set_cookie};
use crate::proxy::core::core::{Core, View};
use crate::proxy::core::preview::CorePreview;
use crate::proxy::core::service::CoreService;
use crate::proxy::message::answer::Answer;
use crate::proxy::message::error::ProxyError;
use crate::proxy::message::request::{Fields, Peer, Request};
use crate::proxy::route::route::{Found, route};
use crate::proxy::route::snapshot::Destination;

/// What serves a request to the service at this place in the stead of its live side; `None` where nothing does.
///
/// # Errors
/// It is for a preview or for nobody, and shows no valid token.
pub(super) fn serving<'v, 'r, F: Fields<'r>>(
    view: &'v View,
    previews: &'v [CorePreview],
    place: usize,
    record: &mut Record,
    request: &Request<'r, F>,
) -> Result<Option<&'v Rc<CoreService>>, ProxyError> {
    let mut shown = Shown::default();
    for (kind, _, value) in request.fields.iter() {
        match kind {
            Name::XGreengatePreview => shown.note_field(value),
            // No browser sends the cookie without TLS.
            Name::Cookie if record.secure => shown.note_cookies(value),
            _ => {}
        }
    }
    let environment = &view.services[place].config.environment;
    let find = |token| find(previews, |preview| preview.admits(environment, token, now()));
    let found = match shown.showing() {
        Showing::Nothing => None,
        Showing::Cookie(token) => find(token),
        Showing::Field(token) => {
            record.insists_on_preview = true;
            Some(find(token).ok_or(ProxyError::NoPreview)?)
        }
    };
    Ok(found.and_then(|preview| preview.at(place)))
}

/// The answer to a link, which carries this token.
///
/// # Errors
/// Why the browser gets no cookie.
pub(super) fn redeem<'r, F: Fields<'r>>(
    core: &Core,
    peer: &Peer,
    request: &Request<'r, F>,
    secure: bool,
    token: &[u8],
) -> Result<Answer, ProxyError> {
    if !matches!(request.method, Method::Get | Method::Head) {
        return Err(ProxyError::ReadOnly);
    }
    let view = core.view();
    let previews = view.previews.as_deref().unwrap_or_default();
    let now = now();
    let mut open = previews.iter();
    let landing = open.find_map(|open| {
        let place = landing(&view, open, &request.host)?;
        let admits = open
            .preview
            .admits(&view.services[place].config.environment, token, now);
        admits.then_some((place, &open.preview))
    });
    let (place, preview) = landing.ok_or(ProxyError::NoPreview)?;
    if !secure {
        return Err(ProxyError::PreviewWithoutTls);
    }
    let path = &*view.services[place].config.path;
    let (settings, front) = (&core.shared.settings, &core.shared.front);
    // By the same rules as any request to where it leads; what redirects elsewhere shows no preview.
    match route(
        &view.snapshot,
        settings,
        front,
        peer,
        secure,
        &request.host,
        path.as_bytes(),
    )? {
        Found::Service(found) if found == place => {
            let token = String::from_utf8_lossy(token);
            Ok(Answer::preview(set_cookie(&token, preview.until - now), path))
        }
        Found::Service(_) | Found::Answer(_) => Err(ProxyError::NoPreview),
    }
}

/// Where a link of a host leads: the shortest path there that the preview shows.
fn landing(view: &View, open: &CorePreview, host: &str) -> Option<usize> {
    let targets = view.snapshot.table().targets(host);
    let places = targets.filter_map(|destination| match *destination {
        Destination::Service(place) => open.at(place).map(|_| place),
        Destination::Redirect(_) => None,
    });
    places.min_by_key(|place| view.services[*place].config.path.len())
}

fn find(previews: &[CorePreview], admits: impl Fn(&Preview) -> bool) -> Option<&CorePreview> {
    previews.iter().find(|open| admits(&open.preview))
}

/// Seconds since 1970.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs()
}
