//! How a client reads its answer: as it comes, or so that we have to wait for it; and when one that is waited for is given up (E23).

use std::task::{Context, Poll};
use std::time::Duration;

use super::body::Cut;
use super::client::Client;
use crate::model::pace::{Rule, Verdict};
use crate::proxy::message::end::End;
use crate::proxy::stock::deadline::Deadline;
use crate::proxy::stock::owed::Owed;

/// How a client reads its answer.
#[derive(Default)]
pub(crate) struct Reading {
    /// It does not take what there is.
    stuck: bool,
    /// Bytes of the answer, where it has not taken them for a while.
    owed: Owed,
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
            deadline.set(soon);
        }
        while deadline.poll_passed(cx) {
            let taken = client.taken();
            if !self.owed.is_owed() {
                // What was taken before is not known; from here on it is.
                self.owed.begins(left);
                deadline.set(rule.first_look());
                continue;
            }
            match self.owed.look(left, taken, rule) {
                Verdict::Fine(next) => deadline.set(next),
                Verdict::Silent => return Poll::Ready(Cut(End::STOPPED_READING)),
                Verdict::Slow => return Poll::Ready(Cut(End::SLOW_READING)),
            }
        }
        Poll::Pending
    }
}
