//! A request's way, from what is decided of it to the reply.

use super::client::Client;
use super::decide::Decision;
use super::ending::Ending;
use super::error_page;
use super::exchange::Exchange;
use super::obtain::obtain;
use super::reply::Reply;
use crate::http1::head::Method;
use crate::proxy::message::end::End;
use crate::proxy::message::error::ProxyError;
use crate::proxy::stock::deadline::Deadline;

/// Nobody is there any more who could be answered.
#[derive(Debug)]
pub(crate) struct Gone;

/// Gets the reply to a request: the app's, or one of our own.
///
/// # Errors
/// When the client has left.
pub(crate) async fn serve(
    decision: Decision,
    client: &mut impl Client,
    deadline: &mut Deadline,
) -> Result<Reply, Gone> {
    let mut exchange = match decision {
        Decision::Forward(exchange) => exchange,
        Decision::Reply(reply) => return Ok(reply),
    };
    match obtain(&mut exchange, client, deadline).await {
        Ok(()) if exchange.switches_at_2xx && matches!(exchange.status(), 200..300) => {
            let error = match exchange.file {
                Some(_) => ProxyError::NoFile,
                None => ProxyError::AppNonsense("2xx to a request for a WebSocket, and no switch"),
            };
            Ok(in_its_place(exchange, error.into()))
        }
        Ok(()) => Ok(match exchange.file.take() {
            Some(response) => Reply::of_file(exchange, response),
            None => Reply::of_app(exchange),
        }),
        Err(Ending::Error(ProxyError::ClientGone)) => {
            let (mut record, claim) = exchange.into_record();
            record.ended(End::CLIENT_GONE);
            // Counted before the claim is gone: nobody looks at the counters of a drained activation again.
            drop(record);
            drop(claim);
            Err(Gone)
        }
        Err(ending) => Ok(in_its_place(exchange, ending)),
    }
}

/// We answer in the app's place; the claim is held until the answer has left.
fn in_its_place(exchange: Box<Exchange>, ending: Ending) -> Reply {
    let (wants_json, is_head) = (exchange.wants_json, exchange.method == Method::Head);
    let (mut record, claim) = exchange.into_record();
    let answer = match ending {
        Ending::Error(error) => return Reply::error(&error, record, claim, wants_json, is_head),
        Ending::Answer(answer) => answer,
        Ending::Maintenance(page) => page.answer(error_page::pages(&record).as_deref(), wants_json, record.id),
    };
    record.answered(answer.status);
    Reply::own(answer, record, claim, is_head)
}
