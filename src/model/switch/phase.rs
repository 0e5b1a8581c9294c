//! What an operation is at, as data: each phase with what it has to remember, and when it has to be looked at again.

use std::time::Duration;

use super::messages::{Effect, Ticket};
use super::plan::{Plan, Rules};
use crate::model::probing::{Look, Probing, Signature};
use crate::model::state::EnvironmentState;

/// Progress is told at most this often.
pub(super) const PROGRESS: Duration = Duration::from_secs(1);

/// What the operation that holds the environment is at.
#[derive(Debug)]
pub(super) enum Phase {
    Gating(Gating),
    Requiring {
        began: Duration,
        /// Who asks for what is being looked at.
        asks: Asks,
    },
    Warming {
        began: Duration,
    },
    Connecting,
    Persisting,
    Verifying(Verifying),
    Baking(Baking),
    Undoing(Undoing),
}

/// Who asks for something to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asks {
    /// The configuration.
    File,
    /// The promotion that this is.
    Promotion,
}

impl Phase {
    pub(super) fn probing(&mut self) -> Option<&mut Probing> {
        match self {
            Self::Gating(gating) => Some(&mut gating.probing),
            Self::Baking(baking) => Some(&mut baking.probing),
            Self::Undoing(undoing) => Some(&mut undoing.probing),
            Self::Requiring { .. }
            | Self::Warming { .. }
            | Self::Connecting
            | Self::Persisting
            | Self::Verifying(_) => None,
        }
    }

    pub(super) fn step(&self) -> &'static str {
        match self {
            Self::Gating(_) => "gate",
            Self::Requiring { .. } => "require",
            Self::Warming { .. } => "warm-up",
            // Nobody need know more of it: it is over in a moment, and nothing can come of it that stops the switch.
            Self::Connecting | Self::Persisting => "persist",
            Self::Verifying(_) => "verify",
            Self::Baking(_) => "bake",
            Self::Undoing(_) => "undo",
        }
    }

    /// When time alone brings the phase on; `None` while it waits for an answer.
    pub(super) fn wake(&self) -> Option<Duration> {
        match self {
            Self::Gating(gating) => gating.wake(),
            Self::Requiring { .. } | Self::Warming { .. } | Self::Connecting | Self::Persisting => None,
            Self::Verifying(verifying) => verifying.again,
            Self::Baking(baking) => baking.wake(),
            Self::Undoing(undoing) => undoing.wake(),
        }
    }
}

/// Step 3: the instances of the new side are asked for their health.
#[derive(Debug)]
pub(super) struct Gating {
    pub(super) probing: Probing,
    told: Option<(Duration, Signature)>,
}

impl Gating {
    pub(super) fn new(rules: &Rules, plan: &Plan, now: Duration) -> Self {
        let (look, needed, expected) = if plan.forced {
            (Look::Connect, Some(1), None)
        } else {
            (Look::Health, None, plan.expected.clone())
        };
        let candidates = rules.candidates(&plan.moves, |step| &step.to, needed);
        let probing = Probing::new(candidates, look, now, plan.deadline);
        Self {
            probing: probing.expect_version(expected),
            told: None,
        }
    }

    fn wake(&self) -> Option<Duration> {
        let deadline = self.probing.deadline;
        Some(self.probing.wake().map_or(deadline, |due| due.min(deadline)))
    }

    /// Whether it is time to tell how far it is.
    pub(super) fn news(&mut self, now: Duration) -> bool {
        let signature = self.probing.signature();
        let news = match &self.told {
            None => true,
            Some((at, told)) => *told != signature || now >= at.saturating_add(PROGRESS),
        };
        if news {
            self.told = Some((now, signature));
        }
        news
    }
}

/// Step 7: the new side is asked for through the front door.
#[derive(Debug)]
pub(super) struct Verifying {
    pub(super) attempts: u32,
    /// When the next attempt is due; `None` while one is under way.
    pub(super) again: Option<Duration>,
}

/// Step 8: the new side serves, and is watched.
#[derive(Debug)]
pub(super) struct Baking {
    pub(super) probing: Probing,
    /// When the counters are read next.
    pub(super) measure: Duration,
}

impl Baking {
    fn wake(&self) -> Option<Duration> {
        Some(self.probing.wake().map_or(self.measure, |due| due.min(self.measure)))
    }
}

/// The automatic rollback: the old side has to answer before it serves again.
#[derive(Debug)]
pub(super) struct Undoing {
    /// Why the new side has to go.
    pub(super) reason: String,
    /// The old side, which has to answer.
    pub(super) probing: Probing,
    /// The state that is being saved.
    pub(super) saving: Option<EnvironmentState>,
}

impl Undoing {
    pub(super) fn new(rules: &Rules, plan: &Plan, reason: String, now: Duration) -> Self {
        // As long as one probe may take: an app that is alive answers many of them in that time.
        let patience = rules.services.iter().map(|service| service.timeout).max();
        Self {
            reason,
            probing: Probing::new(
                rules.candidates(&plan.moves, |step| &step.from, Some(1)),
                Look::Health,
                now,
                patience.unwrap_or_default(),
            ),
            saving: None,
        }
    }

    fn wake(&self) -> Option<Duration> {
        if self.saving.is_some() {
            return None;
        }
        let deadline = self.probing.deadline;
        Some(self.probing.wake().map_or(deadline, |due| due.min(deadline)))
    }
}

/// Has every instance asked that is due.
pub(super) fn ask(effects: &mut Vec<Effect>, ticket: Ticket, probing: &mut Probing, now: Duration) {
    let look = probing.look;
    effects.extend(probing.due(now).into_iter().map(|(service, address)| Effect::Probe {
        ticket,
        service,
        address,
        look,
    }));
}
