//! How a client reads its answer: as it comes, or so that we have to wait for it; and when one that is waited for is given up (E23).

use std::task::{Context, Poll};
use std::time::Duration;

use super::body::Cut;
use super::client::Client;
use crate::model::pace::{Rule, Verdict};
use crate::proxy::message::end::End;
use crate::proxy::stock::deadline::Deadline;
use crate::proxy::stock::owed::Owed;

/// Who takes less than this before it keeps us waiting again has not read on: otherwise one byte now and then would begin its time anew
/// each time, and it would never owe anything. It is far more than has to be read in the time after which it is looked at first.
const READS_ON: u64 = 4096;

/// How a client reads its answer.
#[derive(Default)]
pub(crate) struct Reading {
    /// It does not take what there is.
    stuck: bool,
    /// Bytes of the answer, where it has not taken them for a while.
    owed: Owed,
    /// Bytes of the answer that had left when it kept us waiting last.
    left: Option<u64>,
}

impl Reading {
    /// Whether the client does not take what there is.
    pub(crate) fn is_stuck(&self) -> bool {
        self.stuck
    }

    /// The client has taken something; so many bytes of the answer have left.
    pub(crate) fn goes_on(&mut self, left: u64) {
        if std::mem::take(&mut self.stuck) {
            self.owed.ends(left);
        }
    }

    /// The client does not take what there is. `Ready` when it has read too little for too long. It is looked at when the deadline
    /// has passed, for the first time `soon`: most of those that keep us waiting read on at once.
    pub(crate) fn poll_given_up(
        &mut self,
        cx: &mut Context<'_>,
        client: &mut impl Client,
        deadline: &mut Deadline,
        left: u64,
        rule: &Rule,
        soon: Duration,
    ) -> Poll<Cut> {
        if !std::mem::replace(&mut self.stuck, true) {
            let before = self.left.replace(left);
            if before.is_none_or(|before| left - before >= READS_ON) {
                deadline.set(soon);
            } else {
                self.owed.begins(left);
                match judged(self.owed.look(left, 0, rule)) {
                    Ok(next) => deadline.set(next),
                    Err(cut) => return Poll::Ready(cut),
                }
            }
        }
        while deadline.poll_passed(cx) {
            let taken = client.taken();
            if !self.owed.is_owed() {
                // What was taken before is not known; from here on it is.
                self.owed.begins(left);
                deadline.set(rule.first_look());
                continue;
            }
            match judged(self.owed.look(left, taken, rule)) {
                Ok(next) => deadline.set(next),
                Err(cut) => return Poll::Ready(cut),
            }
        }
        Poll::Pending
    }
}

/// When it is to be looked at again, or why it is given up.
fn judged(verdict: Verdict) -> Result<Duration, Cut> {
    match verdict {
        Verdict::Fine(next) => Ok(next),
        Verdict::Silent => Err(Cut(End::STOPPED_READING)),
        Verdict::Slow => Err(Cut(End::SLOW_READING)),
    }
}
