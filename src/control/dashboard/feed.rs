//! What viewers are told, once for all of them: all that is known when they come, and from then on what is different, every second and
//! whenever something happens. While nobody looks nothing is worked out.
//!
//! Nobody is waited for. A message is written down once, and stands in one row for all viewers; who does not read it in time begins
//! anew with all that is known.

use std::cell::RefCell;
use std::rc::{Rc, Weak};

use bytes::Bytes;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::{mpsc, watch};

use super::assets::EDITION;
use super::entrance::Pass;
use super::known::{ENTRIES, Known, Sight};
use super::message::json;
use crate::control::clock::now;
use crate::control::socket::{Desk as _, HistoryQuery, Office};
use crate::control::web::Pieces;
use crate::model::api::Range;
use crate::tasks::Group;

/// Viewers at once.
const VIEWERS: usize = 64;
/// Messages that are kept for one who has not read them.
const KEPT: usize = 64;
/// Certificates change by the hour, requests fail by the second: each is looked at so often, in seconds.
const CERTIFICATES: u64 = 5;
const REQUESTS: u64 = 2;
/// Of requests that failed, and of slow ones, so many are shown.
const SHOWN: usize = 50;

/// The feed of the dashboard.
#[derive(Debug)]
pub(super) struct Feed {
    office: Weak<Office>,
    news: broadcast::Sender<Bytes>,
    viewers: watch::Sender<usize>,
    /// What was told; `None` while nobody looks.
    known: RefCell<Option<Known>>,
    /// The message for who comes now, where it was written down already.
    whole: RefCell<Option<Bytes>>,
    /// Whether something is known.
    ready: watch::Sender<bool>,
    tasks: Group,
}

/// The place of a viewer; given back when it is dropped.
struct Seat(Rc<Feed>);

impl Seat {
    fn take(feed: &Rc<Feed>) -> Option<Self> {
        if *feed.viewers.borrow() >= VIEWERS {
            return None;
        }
        feed.viewers.send_modify(|viewers| *viewers += 1);
        Some(Self(feed.clone()))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.viewers.send_modify(|viewers| *viewers -= 1);
    }
}

impl Feed {
    pub(super) fn new(office: &Rc<Office>) -> Rc<Self> {
        Rc::new(Self {
            office: Rc::downgrade(office),
            news: broadcast::channel(KEPT).0,
            viewers: watch::Sender::new(0),
            known: RefCell::default(),
            whole: RefCell::default(),
            ready: watch::Sender::new(false),
            tasks: Group::new("dashboard"),
        })
    }

    /// A further viewer, as long as the pass is valid; `None` when there are too many.
    pub(super) fn join(self: &Rc<Self>, pass: Pass) -> Option<Pieces> {
        let seat = Seat::take(self)?;
        let (sender, pieces) = mpsc::channel(1);
        self.tasks.spawn_local("viewer", show(seat, sender, pass));
        Some(pieces)
    }

    /// Tells whoever looks. Never ends.
    pub(super) async fn tell(&self) {
        let mut viewers = self.viewers.subscribe();
        while viewers.wait_for(|viewers| *viewers > 0).await.is_ok() {
            self.tell_those(&mut viewers).await;
            self.ready.send_replace(false);
            self.known.take();
            self.whole.take();
        }
    }

    /// Tells until nobody looks any more.
    async fn tell_those(&self, viewers: &mut watch::Receiver<usize>) {
        // The process is ending.
        let Some(office) = self.office.upgrade() else { return };
        let (mut happenings, mut looks) = (office.happenings.subscribe(), office.sampler.looks());
        drop(office);
        if self.begin().await.is_none() {
            return;
        }
        loop {
            tokio::select! {
                looked = looks.changed() => if looked.is_err() || self.second().await.is_none() { return },
                happening = happenings.recv() => match happening {
                    Ok(happening) => {
                        let message = self.known.borrow_mut().as_mut().and_then(|known| known.happened(&now(), &happening));
                        self.say(message);
                    }
                    // More than can be told one by one: all begin anew.
                    Err(RecvError::Lagged(_)) => {
                        if self.begin().await.is_none() {
                            return;
                        }
                        let whole = self.whole();
                        self.say(whole);
                    }
                    Err(RecvError::Closed) => return,
                },
                gone = viewers.wait_for(|viewers| *viewers == 0) => {
                    drop(gone);
                    return;
                }
            }
        }
    }

    /// Looks at everything.
    async fn begin(&self) -> Option<()> {
        let query = HistoryQuery {
            environment: None,
            limit: ENTRIES,
            output: false,
        };
        let sight = self.look(true, true).await?;
        let entries = self.office.upgrade()?.history(query).await;
        self.known.replace(Some(Known::new(sight, &entries)));
        self.whole.take();
        self.ready.send_replace(true);
        Some(())
    }

    /// What is different since the last step.
    async fn second(&self) -> Option<()> {
        let at = *self.office.upgrade()?.sampler.looks().borrow();
        let sight = self
            .look(at.is_multiple_of(CERTIFICATES), at.is_multiple_of(REQUESTS))
            .await?;
        let minute = self.office.upgrade()?.series(Range::Minute);
        let message = self
            .known
            .borrow_mut()
            .as_mut()
            .map(|known| known.second(&now(), sight, &minute));
        self.say(message);
        Some(())
    }

    async fn look(&self, certificates: bool, requests: bool) -> Option<Sight> {
        let office = self.office.upgrade()?;
        let status = office.status().await;
        Some(Sight {
            status,
            certificates: certificates.then(|| json(&office.certificates().certificates)),
            requests: requests.then(|| json(&office.log.memory().requests(None, SHOWN))),
            at: *office.sampler.looks().borrow(),
        })
    }

    /// Whether a viewer may see what comes next, by the configuration of now.
    fn still_admits(&self, pass: &Pass) -> bool {
        let served = self.office.upgrade().map(|office| office.current.load_full());
        let users = served
            .as_ref()
            .and_then(|served| served.config.server.dashboard_users.as_deref());
        pass.is_valid(users)
    }

    fn say(&self, message: Option<Bytes>) {
        self.whole.take();
        // The last viewer may have left meanwhile.
        let _ = message.map(|message| self.news.send(message));
    }

    /// All that is known; written down once for all who ask before something changes.
    fn whole(&self) -> Option<Bytes> {
        if let Some(whole) = &*self.whole.borrow() {
            return Some(whole.clone());
        }
        let known = self.known.borrow();
        let known = known.as_ref()?;
        let office = self.office.upgrade()?;
        // The series may be a step ahead of what was told.
        let (minute, at) = (office.series(Range::Minute), *office.sampler.looks().borrow());
        let whole = known.whole(&now(), &EDITION, at, &minute);
        self.whole.replace(Some(whole.clone()));
        Some(whole)
    }
}

/// Hands messages to a viewer, one after the other, as it reads them.
async fn show(seat: Seat, sender: mpsc::Sender<Bytes>, pass: Pass) {
    let feed = &seat.0;
    let (mut news, mut ready) = (feed.news.subscribe(), feed.ready.subscribe());
    let mut message = None;
    while feed.still_admits(&pass) {
        let next = match message.take() {
            Some(message) => message,
            None => {
                if ready.wait_for(|ready| *ready).await.is_err() {
                    return;
                }
                let Some(whole) = feed.whole() else { return };
                whole
            }
        };
        if sender.send(next).await.is_err() {
            return;
        }
        let heard = tokio::select! {
            heard = news.recv() => heard,
            () = sender.closed() => return,
        };
        message = match heard {
            Ok(message) => Some(message),
            // What it has missed is in all that is known.
            Err(RecvError::Lagged(_)) => None,
            Err(RecvError::Closed) => return,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A feed that somebody else tells, and what it begins with.
    fn told() -> Rc<Feed> {
        let feed = Feed {
            office: Weak::new(),
            news: broadcast::channel(KEPT).0,
            viewers: watch::Sender::new(0),
            known: RefCell::default(),
            whole: RefCell::new(Some(Bytes::from_static(b"whole"))),
            ready: watch::Sender::new(true),
            tasks: Group::new("test"),
        };
        Rc::new(feed)
    }

    async fn locally(test: impl Future<Output = ()>) {
        tokio::task::LocalSet::new().run_until(test).await;
    }

    #[tokio::test]
    async fn who_does_not_read_in_time_begins_anew_and_holds_up_nobody() {
        locally(async {
            let feed = told();
            let mut slow = feed.join(Pass::default()).unwrap();
            let mut quick = feed.join(Pass::default()).unwrap();
            assert_eq!(quick.recv().await.unwrap(), "whole");
            // More than is kept for anybody.
            let many = KEPT * 3;
            for number in 0..many {
                feed.news.send(number.to_string().into()).unwrap();
                assert_eq!(quick.recv().await.unwrap(), number.to_string());
            }
            let mut read = vec![slow.recv().await.unwrap()];
            while read.last().is_none_or(|last| *last != (many - 1).to_string()) {
                read.push(slow.recv().await.unwrap());
            }
            assert!(read.len() <= KEPT + 3, "{} were kept for it", read.len());
            let begins = read.iter().filter(|one| **one == "whole").count();
            assert_eq!(
                (read[0].as_ref(), begins),
                (&b"whole"[..], 2),
                "it is told again what it has missed"
            );
        })
        .await;
    }

    #[tokio::test]
    async fn so_many_may_look_and_a_place_that_is_left_is_given_again() {
        locally(async {
            let feed = told();
            let mut all: Vec<_> = std::iter::repeat_with(|| feed.join(Pass::default()))
                .take(VIEWERS)
                .collect();
            assert!(all.iter().all(Option::is_some) && feed.join(Pass::default()).is_none());
            all.pop();
            let mut viewers = feed.viewers.subscribe();
            viewers.wait_for(|viewers| *viewers < VIEWERS).await.unwrap();
            assert!(feed.join(Pass::default()).is_some());
        })
        .await;
    }
}
