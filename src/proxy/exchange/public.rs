//! A folder that is looked into before the app (`public`): what is asked for and is a file in it never reaches the app, and everything
//! else reaches it untouched, also where the folder cannot be looked into.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::client::Client;
use super::exchange::Exchange;
use crate::http1::framing::Framing;
use crate::http1::head::Method;
use crate::model::files::Missing;
use crate::proxy::files::find::{Found, Role};
use crate::proxy::files::folder::Folder;
use crate::proxy::message::connection_error::is_ours;
use crate::proxy::message::error::ProxyError;
use crate::proxy::message::folder_error;
use crate::proxy::stock::deadline::Deadline;

/// A disk that takes longer keeps nobody from the app.
const PATIENCE: Duration = Duration::from_secs(1);

/// Whether the folder has what is asked for. Its answer is in the exchange then.
///
/// # Errors
/// The client has left, or has no more time.
pub(super) async fn has(
    exchange: &mut Exchange,
    client: &mut impl Client,
    deadline: &mut Deadline,
) -> Result<bool, ProxyError> {
    let asks = matches!(exchange.method, Method::Get | Method::Head) && exchange.sending.framing == Framing::None;
    let Some(folder) = exchange.service.public.clone().filter(|_| asks && !exchange.upgrade) else {
        return Ok(false);
    };
    let looked = match exchange.find_now(&folder, &Missing::Nothing) {
        Some(looked) => looked,
        None if folder.is_stalled() => return Ok(false),
        None => match timeout(PATIENCE, exchange.find(&folder, &Missing::Nothing, client, deadline)).await {
            Ok(Ok(looked)) => looked,
            Ok(Err(ProxyError::FolderBusy)) => return Ok(false),
            Ok(Err(error)) => return Err(error),
            Err(_) => {
                exchange.stalls(&folder, &Missing::Nothing);
                tell(exchange, &folder, Some("its disk gives no answer"));
                return Ok(false);
            }
        },
    };
    match looked {
        // The page of a folder would hide what the app has at this path.
        Ok(Found::File(file)) if file.role == Role::Asked => {
            tell(exchange, &folder, None);
            exchange.answer_with(&folder, file);
            exchange.record.answered_by = Some(folder.name());
            Ok(true)
        }
        Ok(Found::File(_) | Found::Folder | Found::Nothing) => {
            tell(exchange, &folder, None);
            Ok(false)
        }
        Err(error) => {
            // A lack of our own says nothing of the folder.
            if !is_ours(&error) {
                tell(exchange, &folder, Some(folder_error::words(&error)));
            }
            Ok(false)
        }
    }
}

/// Tells the log when the folder cannot be looked into, and when it can again.
fn tell(exchange: &Exchange, folder: &Arc<Folder>, cause: Option<&str>) {
    if exchange.record.is_inside() || exchange.service.preview.is_some() || !folder.is_news(cause.is_some()) {
        return;
    }
    let (activation, folder) = (&exchange.service.activation, folder.name());
    let (environment, service) = (&*activation.environment, &*activation.service);
    match cause {
        Some(cause) => tracing::warn!(
            environment,
            service,
            %folder,
            "the folder of `public` is away, and its requests go to the app: {cause}"
        ),
        None => tracing::info!(environment, service, %folder, "the folder of `public` is back"),
    }
}
