//! What is checked when something is published or told, and what is counted.

use std::collections::BTreeSet;

use greengate::model::api::{CommonStep, Event, Kind, Move, Progress, SwapStep, exit};

use super::{PASSES, World};

/// What came to pass.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub done: u64,
    pub refused: u64,
    pub busy: u64,
    pub rolled_back: u64,
    pub failed: u64,
    pub forced: u64,
    pub crashes: u64,
    pub crashes_in_a_save: u64,
    pub cut: u64,
    pub turned_away: u64,
    pub held: u64,
    pub paused: u64,
    pub resumed: u64,
    pub lapsed: u64,
    pub left: u64,
    pub reloaded: u64,
    pub not_reloaded: u64,
    pub deployed: u64,
    pub queued: u64,
    pub came_next: u64,
    pub abandoned: u64,
    pub touched: u64,
    pub kept_from_a_side: u64,
    pub gate_only: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, other: &Self) {
        self.done += other.done;
        self.refused += other.refused;
        self.busy += other.busy;
        self.rolled_back += other.rolled_back;
        self.failed += other.failed;
        self.forced += other.forced;
        self.crashes += other.crashes;
        self.crashes_in_a_save += other.crashes_in_a_save;
        self.cut += other.cut;
        self.turned_away += other.turned_away;
        self.held += other.held;
        self.paused += other.paused;
        self.resumed += other.resumed;
        self.lapsed += other.lapsed;
        self.left += other.left;
        self.reloaded += other.reloaded;
        self.not_reloaded += other.not_reloaded;
        self.deployed += other.deployed;
        self.queued += other.queued;
        self.came_next += other.came_next;
        self.abandoned += other.abandoned;
        self.touched += other.touched;
        self.kept_from_a_side += other.kept_from_a_side;
        self.gate_only += other.gate_only;
    }
}

/// What a person was promised.
#[derive(Default)]
pub(super) struct Promise {
    pub(super) moves: Vec<Move>,
    pub(super) forced: bool,
    pub(super) gated: bool,
    pub(super) goes_back: bool,
    pub(super) required: bool,
    pub(super) answers: u32,
}

impl World {
    /// No unforced publish without a passed gate; no way back without a good answer from there.
    pub(super) fn may_publish(&mut self, moves: &[Move]) {
        let holder = self.holder.expect("published, and nobody holds the environment");
        let promise = &self.promises[&holder];
        if promise.moves == moves {
            assert!(promise.gated, "published without a passed gate");
            let depends = !promise.forced && !promise.goes_back && !self.environment.rules().requires.is_nothing();
            assert_eq!(
                promise.required, depends,
                "published without what it depends on, or asked for nothing"
            );
            self.tally.forced += u64::from(promise.forced);
            return;
        }
        for (service, step) in moves.iter().enumerate() {
            assert_eq!(step.to, promise.moves[service].from, "neither forward nor back");
            for address in &step.to.addresses {
                let answered = self.passes.get(&(service, address.clone()));
                assert!(
                    answered.is_some_and(|(_, passed)| *passed),
                    "back to {address}, which did not answer"
                );
            }
        }
    }

    /// Nobody but the switch holds the environment (N5).
    pub(super) fn is_alone(&self) {
        assert_eq!(self.pausing.operation, None, "a pause holds the environment");
        assert_eq!(self.reloading.taken, None, "a reload holds the environment");
    }

    pub(super) fn told(&mut self, operation: u64, event: &Event) {
        if let Event::Swap(SwapStep::Plan { kind, .. }) = event {
            self.is_alone();
            self.may_move(operation, *kind);
            assert_eq!(self.moving, None, "two operations at once");
            self.moving = Some(operation);
        }
        if matches!(event, Event::Swap(SwapStep::Switched { .. })) || event.exit_code().is_some() {
            self.moving.take_if(|moving| *moving == operation);
        }
        self.deploy_hears(operation, event);
        let promise = self.promises.get_mut(&operation).expect("told to nobody");
        assert_eq!(promise.answers, 0, "told after the answer: {event:?}");
        match event {
            Event::Swap(SwapStep::Plan {
                moves, forced, kind, ..
            }) => {
                (promise.moves, promise.forced) = (moves.clone(), *forced);
                promise.goes_back = *kind == Kind::Rollback;
            }
            Event::Swap(SwapStep::Required { .. }) => promise.required = true,
            Event::Progress(Progress::Gating { .. }) if self.holder != Some(operation) => {
                self.holder = Some(operation);
            }
            Event::Common(CommonStep::Gated { .. }) => {
                for (service, step) in promise.moves.iter().enumerate() {
                    for address in &step.to.addresses {
                        let (passes, accepted) = self
                            .passes
                            .get(&(service, address.clone()))
                            .copied()
                            .unwrap_or_default();
                        let passed = if promise.forced { accepted } else { passes >= PASSES };
                        assert!(passed, "{address} passed {passes} times, and the gate is open");
                    }
                }
                promise.gated = true;
            }
            Event::Swap(SwapStep::Drained { cut, .. }) => self.tally.cut += cut,
            _ => {}
        }
        let Some(code) = event.exit_code() else {
            return;
        };
        promise.answers += 1;
        let count = match (event, code) {
            (Event::Common(CommonStep::Refused { .. }), exit::BUSY) => &mut self.tally.busy,
            (Event::Common(CommonStep::Refused { .. }), _) => &mut self.tally.refused,
            (Event::Swap(SwapStep::RolledBack { .. }), _) => &mut self.tally.rolled_back,
            (Event::Common(CommonStep::Failed { .. }), _) => &mut self.tally.failed,
            _ => &mut self.tally.done,
        };
        *count += 1;
        if let Event::Swap(SwapStep::Done { live, safe_to_stop, .. }) = event {
            assert_eq!(*live, self.plane.live(0).slot);
            let live: BTreeSet<_> = (0..2).flat_map(|service| &self.plane.live(service).addresses).collect();
            let stop = safe_to_stop.iter().flat_map(|stop| &stop.addresses);
            assert_eq!(
                stop.filter(|address| live.contains(address)).count(),
                0,
                "safe to stop what is live"
            );
        }
        // A bake window that goes on when the rollback that interrupted it was refused.
        if self.holder == Some(operation) {
            self.holder = self.environment.switching().map(|holder| holder.operation);
        }
    }
}
