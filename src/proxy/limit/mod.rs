//! How much of a service its clients may have at a time (`limit.concurrent`, `limit.rate`), so that one environment cannot starve
//! another (E30).
//!
//! - `limits` which counters belong to a policy, and the door that a request goes through
//! - `in_flight` how many requests are under way
//! - `clients` how often each client has asked

mod clients;
mod in_flight;
pub(crate) mod limits;

pub(crate) use in_flight::Token;
