//! An environment that sleeps while nobody needs it (N36): its app is stopped, and the next request starts it again.
//!
//! ```text
//! Awake → Closing → Saving → Stopping → Asleep → Waking → Awake
//!   ↑        │         │         └ it answers all the same ─┘ │
//!   └────────┴─────────┘ a request came                      └→ Asleep, with a pause before the next try
//! ```
//!
//! - `messages` what the machine hears, and what it wants done
//! - `rules` when it falls asleep, and by which commands
//! - `sleep` the machine; `falling` and `waking` its two ways, `phase` how far it is, `telling` what it says
//!
//! From `Closing` to the end of `Waking` new requests are held: they own no claim, and the first of them calls. `stop` runs only behind
//! the last claim, and `start` once for however many wait. What was saved says `asleep` before `stop` runs, and until the app has
//! answered: a process that is killed in between leaves a state from which the next request wakes it.

mod falling;
mod messages;
mod phase;
mod rules;
#[expect(clippy::module_inception, reason = "the noun of this folder")]
mod sleep;
mod telling;
#[cfg(test)]
mod tests;
mod waking;

pub use self::messages::{Effect, Input, Sample, StopFailed, Wanted};
pub use self::rules::{Rules, Times};
pub use self::sleep::{Sleep, Stance};
