//! What a CA suggests for a certificate that it gave: when it is asked, and what is remembered of its answer (ARI, RFC 9773).

use std::rc::Rc;

use super::ledger::{HostRecord, Suggested};
use super::renewer::Renewer;
use crate::control::clock::unix_now;
use crate::model::renewal;
use crate::tls::AcmeHost;

/// A CA that does not say when it wants to be asked again about renewal, or cannot be asked, is asked after this.
const ASK_AGAIN: i64 = 6 * 60 * 60;

impl Renewer {
    /// Whether it is time to ask the CA when this certificate should be renewed.
    pub(super) fn ask_is_due(&self, host: &AcmeHost, record: &HostRecord, now: i64) -> bool {
        let Some(current) = &host.current else { return false };
        let Some(id) = &current.id else { return false };
        current.life.until > now
            && match &record.suggestion {
                Some(known) if known.id == *id => renewal::may_ask(known.ask, now),
                Some(_) | None => true,
            }
    }

    /// Asks, and remembers the answer.
    pub(super) fn ask(self: &Rc<Self>, host: AcmeHost) {
        let Some(current) = host.current else { return };
        let Some(id) = current.id else { return };
        let name = host.name;
        let renewer = self.clone();
        self.asking.borrow_mut().insert(name.clone());
        self.tasks.spawn_local(format!("suggestion for {name}"), async move {
            let authority = renewer.authority();
            let first = authority.settings().directories.first().cloned();
            let directory = current.meta.directory.or(first).unwrap_or_default();
            let answer = authority.suggestion(&directory, &id).await;
            let now = unix_now();
            renewer.ledger.borrow_mut().change(&name, |record| {
                let known = record.suggestion.take().filter(|known| known.id == id);
                let (window, wait) = match answer {
                    Ok(answer) => {
                        let before = known.and_then(|known| known.window);
                        if let Some(why) = answer.explanation.filter(|_| before != answer.window) {
                            tracing::info!(host = name, why, "the CA explains when it wants a renewal");
                        }
                        (answer.window, answer.ask_again.unwrap_or(ASK_AGAIN))
                    }
                    // What was known still counts, and before a renewal is due it is no trouble.
                    Err(error) => {
                        tracing::debug!(host = name, %error, "the CA cannot be asked about renewal");
                        (known.and_then(|known| known.window), ASK_AGAIN)
                    }
                };
                record.suggestion = Some(Suggested {
                    id,
                    window,
                    ask: renewal::next_question(now, wait),
                });
            });
            renewer.asking.borrow_mut().remove(&name);
        });
    }
}
