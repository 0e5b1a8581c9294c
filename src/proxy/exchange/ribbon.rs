//! Which answers get the ribbon of an environment with a label.

use super::encode::Set;
use super::record::Record;
use crate::proxy::message::encoding::Said;
use crate::proxy::message::ribbon::{Page, VARIES_BY};

/// Whether an answer gets the ribbon, and the fields that it has then. `page` and `said` are what it says of itself, `length` how long its body is or
/// would be for GET.
pub(super) fn agree(record: &Record, status: u16, page: &Page, said: &Said, length: Option<u64>) -> (bool, Vec<Set>) {
    let weakened = &record.core().shared.weakened;
    // What the client has was a page with a ribbon, and its tag is weak.
    let is_revalidated = status == 304 && said.tag().is_some_and(|tag| weakened.knows(tag));
    let takes = page.is_shown(status) && page.takes_ribbon() && !said.is_fixed() && length != Some(0);
    if !takes && !is_revalidated {
        return (false, Vec::new());
    }
    let changed = said.fields(VARIES_BY, record.wants_page);
    let mut set: Vec<Set> = vec![("vary", changed.vary)];
    if let (Some(weak), Some(strong)) = (changed.etag, said.tag()) {
        weakened.note(strong);
        set.push(("etag", weak));
    }
    if changed.has_ranges && takes {
        set.push(("accept-ranges", b"none".to_vec()));
    }
    (takes && record.wants_page, set)
}
