//! Whether two environments are of one shape: what differs between them, and should not.
//!
//! A [`Shape`] is what is to be compared of an environment, as facts with a name each. The configuration makes the first of them, the
//! answers of its apps add theirs. [`differences`] compares two shapes.
//!
//! - `shape` the facts, and their comparison
//! - `names` hosts that stand for each other: an environment may have a domain of its own
//! - `answer` what is worth comparing of an app's answer

mod answer;
mod names;
mod shape;

pub use answer::{Answer, OwnVersion, facts};
pub use shape::{Fact, Manner, ServiceShape, Shape, differences};
