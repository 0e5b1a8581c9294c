//! `proxyctl deploy` and `proxyctl promote`, and `proxyctl rollback` where a deployment has stopped the side to go back to.
//!
//! The daemon says what there is to run and holds the environment; the commands run here, as the caller. Their order is decided in
//! `model::course`.
//!
//! - `deploy` and `rollback` what is asked before anything runs; `promote` a deploy of what another environment runs,
//!   which `proof` is about
//! - `drive` does one act after the other, and hears what happens meanwhile; `steps` runs the commands among them
//! - `hold` the lock; `child` a command as a process; `kept` what it has written
//! - `version` which version is deployed
//! - `show` what people and scripts see

mod child;
#[expect(clippy::module_inception, reason = "the command that the room is named after")]
mod deploy;
mod drive;
mod hold;
mod kept;
mod promote;
mod proof;
mod rollback;
mod show;
mod steps;
mod version;

pub use deploy::deploy;
pub use promote::promote;
pub use rollback::rollback;
