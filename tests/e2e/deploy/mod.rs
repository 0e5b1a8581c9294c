//! `proxyctl deploy` and `rollback` with plain commands, which start and stop real processes: what becomes of an environment when all
//! goes well, when a step fails, and when somebody is killed in the middle of one (N32, N34).
//!
//! - `stage` an environment with two sides that commands start and stop, and steps that stand still until a test lets them go
//! - `paths` the steps, in order, and what undoes what; `lock` who waits for whom; `back` the way back
//! - `promote` a deploy of what another environment runs
//! - `interrupted` Ctrl-C, `--timeout`, and a second Ctrl-C
//! - `killed` the table: who is killed at which step, and what is left

mod back;
mod interrupted;
mod killed;
mod lock;
mod paths;
mod promote;
mod stage;
