//! What is told of how an environment sleeps.

use super::describe::{Values, named};
use crate::config::text::units::format_duration;
use crate::model::argv::typed;
use crate::model::sleep::Rules;

/// Every value of a table `sleep`.
pub(super) fn of_rules(rules: &Rules) -> Values {
    let Rules {
        after,
        start,
        stop,
        deadline,
    } = rules;
    named([
        ("sleep.after", format_duration(*after)),
        ("sleep.start", typed(start)),
        ("sleep.stop", typed(stop)),
        ("sleep.deadline", format_duration(*deadline)),
    ])
}
