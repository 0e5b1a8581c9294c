//! Hears what happens, and looks how services and certificates stand.

use std::rc::Rc;
use std::sync::Arc;

use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio::time::MissedTickBehavior;

use super::desk::Desk;
use super::notifier::Notifier;
use super::post::follow_the_file;
use crate::control::certificates::Certificates;
use crate::control::clock;
use crate::control::disk::JournalFile;
use crate::control::happenings::Happening;
use crate::control::served::Current;
use crate::control::switcher::Switcher;
use crate::model::api::EnvironmentStatus;
use crate::model::clock::Moment;
use crate::model::history::{Entry, Record};
use crate::model::notify::{Reading, Topic, Wish, reading, standing};

/// Certificates change by the hour: they are looked at with every so manieth look.
const CERTIFICATES: u64 = 12;
/// Lines of the journal among which are those about operations that the last process did not finish.
const JOURNAL: usize = 64;

/// What this sees of the daemon.
#[derive(Debug)]
pub(in crate::control) struct Eyes {
    /// The configuration in use.
    pub(in crate::control) current: Current,
    /// How environments stand.
    pub(in crate::control) switcher: Switcher,
    /// How certificates stand.
    pub(in crate::control) certificates: Certificates,
    /// What happened before.
    pub(in crate::control) journal: JournalFile,
    /// When this process has begun, RFC 3339.
    pub(in crate::control) started: String,
}

impl Notifier {
    /// Tells what happens, and how services and certificates stand, to those who want to hear of it, until nothing happens any more.
    pub(in crate::control) fn listen(&self, eyes: Eyes, happenings: Receiver<Arc<Happening>>) {
        let own = self.clone();
        self.0.listening.spawn_local("happenings", own.tell(eyes, happenings));
    }

    async fn tell(self, eyes: Eyes, mut happenings: Receiver<Arc<Happening>>) {
        let desk = self.0;
        let mut ticks = tokio::time::interval(desk.look);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let began = tokio::time::Instant::now();
        let (mut looks, mut tells_torn) = (0_u64, true);
        loop {
            tokio::select! {
                happening = happenings.recv() => match happening {
                    Ok(happening) => {
                        if let Happening::Entry(entry) = &*happening {
                            eyes.hear(&desk, entry).await;
                        }
                    }
                    Err(RecvError::Lagged(missed)) => desk.missed(missed),
                    Err(RecvError::Closed) => return,
                },
                _ = ticks.tick() => {
                    if !follow_the_file(&desk).await {
                        continue;
                    }
                    if std::mem::take(&mut tells_torn) {
                        eyes.look_back(&desk).await;
                    }
                    let now = Moment { at: began.elapsed(), wall: jiff::Timestamp::now() };
                    eyes.look(&desk, now).await;
                    if looks.is_multiple_of(CERTIFICATES) {
                        eyes.look_at_certificates(&desk);
                        desk.take_late().await;
                    }
                    looks += 1;
                }
            }
        }
    }
}

impl Eyes {
    async fn hear(&self, desk: &Rc<Desk>, entry: &Entry) {
        if self.current.load().config.notify.is_empty() {
            return;
        }
        let draft = desk.operations.borrow_mut().hear(entry);
        let Some(mut draft) = draft else { return };
        let asks = |topic| matches!(topic, Topic::Swap | Topic::Rollback | Topic::Refused);
        if let Some(name) = draft.environments.first().filter(|_| asks(draft.topic))
            && let Some(environment) = self.environment(name).await
        {
            draft.lines.push(format!("Now: {}.", standing(&environment)));
        }
        desk.tell(draft);
    }

    /// What the last process did not finish: the journal has it since before anybody could hear of it.
    async fn look_back(&self, desk: &Rc<Desk>) {
        let journal = self.journal.clone();
        let newest = tokio::task::spawn_blocking(move || journal.newest(None, JOURNAL, false)).await;
        for entry in newest.unwrap_or_default() {
            if matches!(entry.record, Record::Torn { .. }) && entry.time >= self.started {
                self.hear(desk, &entry).await;
            }
        }
    }

    async fn environment(&self, name: &str) -> Option<EnvironmentStatus> {
        let environments = self.switcher.report().await.environments;
        environments.into_iter().find(|environment| environment.name == *name)
    }

    /// Looks who is away, and who is back.
    async fn look(&self, desk: &Rc<Desk>, now: Moment) {
        let wishes: Vec<Wish> = desk
            .destinations()
            .into_iter()
            .filter(|(_, it)| it.events.contains(&Topic::Away))
            .map(|(destination, it)| Wish {
                destination,
                after: it.away_for,
                environments: it
                    .environments
                    .map(|names| names.iter().map(ToString::to_string).collect()),
            })
            .collect();
        if wishes.is_empty() {
            return;
        }
        let environments = self.switcher.report().await.environments;
        let readings: Vec<Reading> = environments.iter().flat_map(reading).collect();
        let now_standing = |name: &str| environments.iter().find(|it| it.name == *name).map(standing);
        let told = {
            let mut kept = desk.kept.borrow_mut();
            let before = kept.absences.clone();
            let told = kept.absences.look(&readings, &wishes, now, now_standing);
            let is_news = !kept.absences.is_like(&before);
            drop(kept);
            if is_news {
                desk.changed();
            }
            told
        };
        for (draft, to) in told {
            desk.tell_these(draft, to);
        }
    }

    fn look_at_certificates(&self, desk: &Rc<Desk>) {
        let readings = self.certificates.readings(clock::unix_now());
        let drafts = {
            let mut kept = desk.kept.borrow_mut();
            let before = kept.endings.clone();
            let drafts = kept.endings.look(&readings);
            let is_news = kept.endings != before;
            drop(kept);
            if is_news {
                desk.changed();
            }
            drafts
        };
        for draft in drafts {
            desk.tell(draft);
        }
    }
}
