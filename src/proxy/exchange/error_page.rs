//! Which page of the operator's is shown for an error of ours.

use std::sync::Arc;

use super::record::Record;
use crate::model::error_pages::ErrorPages;
use crate::proxy::message::answer::Answer;

/// Shows the operator's page for the status of an answer, where there is one.
pub(super) fn show(answer: &mut Answer, record: &Record) {
    if let Some(page) = pages(record).and_then(|pages| pages.find(answer.status).cloned()) {
        answer.show(&page, record.id);
    }
}

/// The pages for the errors of a request: its service's, else those of the environment that its host belongs to, else those of
/// `[defaults]`.
///
/// Of a request that could not be understood, the name that its connection was made for has to do as the host. On a connection that was
/// made for another host (421), the host that is asked for tells nothing.
pub(super) fn pages(record: &Record) -> Option<Arc<ErrorPages>> {
    if let Some(service) = &record.service {
        return service.config.error_pages.clone();
    }
    let view = record.core().view();
    let host = match record.asked.host() {
        _ if record.status == 421 => "",
        "" => record.peer().sni.as_deref().unwrap_or_default(),
        host => host,
    };
    view.snapshot.error_pages(host).cloned()
}
