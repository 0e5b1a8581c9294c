//! What ends a preview: the switch, a reload, its time, or somebody who asks for that. Nobody new gets in from then on, and what it has
//! begun has the time of `drain`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::open::seconds_of;
use crate::config::Config;
use crate::control::ports::Durability;
use crate::control::switcher::drainer;
use crate::control::switcher::opened::{Opened, Side};
use crate::control::switcher::owner::Owner;
use crate::control::switcher::rules::limits;
use crate::control::switcher::saves::{PreviewChange, PreviewSave, Save};
use crate::model::api::{CommonStep, Event, PreviewEnd, PreviewStep};
use crate::model::history::Record;
use crate::model::slot::Generation;
use crate::model::state::EnvironmentState;
use crate::proxy::Snapshot;

impl Owner {
    /// When time alone ends one, or nobody can have a cookie of one any more.
    pub(in crate::control::switcher) fn preview_wake(&self) -> Option<Duration> {
        self.publisher.snapshot().previews()?;
        if self.upgrade.succession.has_begun() {
            return None;
        }
        let now = self.moment();
        let ends = self.previews.opened.iter().map(|it| it.preview.until);
        let next = ends.min().unwrap_or(self.saves.state().previews.around_until);
        Some(now.at.saturating_add(now.left_until(next)))
    }

    /// Ends those whose time is over. While another process takes over, that is its business: two would write the same file.
    pub(in crate::control::switcher) fn look_at_previews(&mut self) {
        if self.upgrade.succession.has_begun() {
            return;
        }
        let now = seconds_of(self.moment().wall);
        let over = self.take_previews(|opened| opened.preview.until <= now);
        let snapshot = self.publisher.snapshot();
        let published = snapshot.previews().map(|open| open.len());
        let next = self.with_previews(&snapshot);
        if next.previews().map(|open| open.len()) != published {
            self.publisher.publish(next, []);
        }
        self.end_previews(over, PreviewEnd::Time);
    }

    /// Ends those that were remembered, and that the file or the state leaves no room for.
    pub(in crate::control::switcher) fn end_lost_previews(&mut self) {
        let now = seconds_of(self.moment().wall);
        let known = |number| self.previews.opened.iter().any(|it| it.preview.number == number);
        let lost = self.saves.state().previews.open.iter().filter(|it| !known(it.number));
        let lost: Vec<_> = lost.cloned().collect();
        for preview in lost {
            let reason = if preview.until <= now {
                PreviewEnd::Time
            } else {
                PreviewEnd::Reload
            };
            self.end_previews(
                vec![Opened {
                    preview: Arc::new(preview),
                    sides: Vec::new(),
                }],
                reason,
            );
        }
    }

    /// The environment at this place was published in a new generation, without its previews.
    pub(in crate::control::switcher) fn end_previews_before(&mut self, place: usize, generation: Generation) {
        let Some(name) = self.environments.get(place).map(|it| it.name.clone()) else {
            return;
        };
        let over = self
            .take_previews(|opened| *opened.preview.environment == *name && opened.preview.generation != generation);
        self.end_previews(over, PreviewEnd::Switch);
    }

    /// Ends all of an environment, as was asked.
    pub(super) fn close_previews(&mut self, operation: u64, environment: String) {
        let over = self.take_previews(|opened| opened.preview.environment == environment);
        let snapshot = self.with_previews(&self.publisher.snapshot());
        self.publisher.publish(snapshot, []);
        let numbers: Vec<_> = over.iter().map(|opened| opened.preview.number).collect();
        self.drain_previews(over, PreviewEnd::Asked);
        self.save_end(Some(operation), environment, numbers);
    }

    pub(super) fn closed(
        &mut self,
        operation: u64,
        environment: String,
        previews: u64,
        result: Result<Durability, String>,
    ) {
        let name = environment.clone();
        let event = match result {
            Ok(_) => PreviewStep::Closed { environment, previews }.into(),
            Err(error) => {
                let reason = format!(
                    "the state could not be saved: {error}; nobody sees a preview any more, but after a restart they are open \
                     again"
                );
                Event::Common(CommonStep::Failed { reason, live: None })
            }
        };
        self.notices.tell(Some(&name), operation, event);
    }

    /// The previews of a snapshot that a reload is about to publish, and what they leave behind.
    pub(in crate::control::switcher) fn previews_after_reload(
        &mut self,
        config: &Config,
        states: &BTreeMap<String, EnvironmentState>,
        snapshot: &Snapshot,
    ) -> (Snapshot, Vec<Opened>, Vec<Side>) {
        let (mut over, mut left, mut open) = (Vec::new(), Vec::new(), Vec::new());
        for before in std::mem::take(&mut self.previews.opened) {
            let name = &*before.preview.environment;
            let file = config.environments.iter().find(|it| *it.name == *name);
            let saved = self.saves.state().environments.get(name);
            let state = states.get(name).or(saved);
            let totals = self.publisher.totals();
            let next = file.zip(state);
            let next = next.and_then(|(file, state)| Opened::new(&before.preview, file, state, totals, &before.sides));
            match next {
                Some(next) => {
                    let stays = |side: &Side| {
                        next.sides
                            .iter()
                            .any(|it| Arc::ptr_eq(&it.activation, &side.activation))
                    };
                    left.extend(before.sides.into_iter().filter(|side| !stays(side)));
                    open.push(next);
                }
                None => over.push(before),
            }
        }
        self.previews.opened = open;
        (self.with_previews(snapshot), over, left)
    }

    /// A reload was published: this is over, and this was left.
    pub(in crate::control::switcher) fn previews_reloaded(&mut self, over: Vec<Opened>, left: Vec<Side>) {
        self.drain_sides(left);
        self.end_previews(over, PreviewEnd::Reload);
    }

    /// Another process shows them now; what was begun here has its time.
    pub(in crate::control::switcher) fn let_previews_go(&mut self) {
        let sides = std::mem::take(&mut self.previews.opened)
            .into_iter()
            .flat_map(|opened| opened.sides);
        self.drain_sides(sides.collect());
    }

    /// A snapshot with what is open now.
    pub(in crate::control::switcher) fn with_previews(&self, snapshot: &Snapshot) -> Snapshot {
        let now = seconds_of(self.moment().wall);
        let are_around = !self.previews.opened.is_empty() || self.saves.state().previews.are_around(now);
        snapshot.with_previews(are_around.then(|| self.previews.opened.iter().map(Opened::published).collect()))
    }

    /// Remembers them no longer.
    pub(super) fn forget_previews(&mut self, environment: &str, numbers: Vec<u64>) {
        self.save_end(None, environment.to_owned(), numbers);
    }

    fn take_previews(&mut self, is_over: impl Fn(&Opened) -> bool) -> Vec<Opened> {
        self.previews.opened.extract_if(.., |opened| is_over(opened)).collect()
    }

    /// They are published no longer: writes that down, and waits for what they have begun.
    fn end_previews(&mut self, over: Vec<Opened>, reason: PreviewEnd) {
        let mut by_environment: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for opened in &over {
            let preview = &opened.preview;
            by_environment
                .entry(preview.environment.clone())
                .or_default()
                .push(preview.number);
        }
        self.drain_previews(over, reason);
        for (environment, numbers) in by_environment {
            self.forget_previews(&environment, numbers);
        }
    }

    fn drain_previews(&mut self, over: Vec<Opened>, reason: PreviewEnd) {
        for Opened { preview, sides } in over {
            let (environment, slot) = (preview.environment.clone(), preview.slot);
            tracing::info!(environment, slot = slot.as_str(), "a preview is over: {reason}");
            let event = Box::new(
                PreviewStep::Over {
                    environment,
                    slot,
                    reason,
                }
                .into(),
            );
            let record = Record::Step { event };
            self.notices.record(Some(&preview.environment), preview.number, record);
            self.drain_sides(sides);
        }
    }

    /// Nobody new is admitted, and what is inside ends within the time of `drain`. No machine hears of it: a swap does not wait for that.
    fn drain_sides(&mut self, sides: Vec<Side>) {
        self.previews.draining.retain(|it| it.strong_count() > 0);
        for Side { service, activation } in sides {
            activation.close();
            self.previews.draining.push(Arc::downgrade(&activation));
            let (plane, at_close) = (self.publisher.plane.clone(), activation.counters());
            self.errands.run("preview's drain", async move {
                drainer::drain(activation, limits(&service), at_close, plane, |_, _| {}).await;
            });
        }
        self.publisher.plane.poke();
    }

    fn save_end(&mut self, operation: Option<u64>, environment: String, numbers: Vec<u64>) {
        self.saves.push(Save::Preview(PreviewSave {
            operation,
            environment,
            change: PreviewChange::End(numbers),
        }));
        self.saves.next(&self.errands);
    }
}
