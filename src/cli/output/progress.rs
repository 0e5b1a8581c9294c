//! The step that is under way as one line, which the next one replaces. Pure.

use super::evidence::{gate_reports, served};
use super::text::{count, escape, period};
use crate::model::api::{Event, Holder, Progress};

/// What the running step is at, for the live line; `None` for events that end a step.
#[must_use]
pub fn progress(event: &Event) -> Option<String> {
    let text = |name: &str, text: String| Some(format!("… {name:<8}{text}"));
    let Event::Progress(progress) = event else {
        return None;
    };
    match progress {
        Progress::Gating { instances, elapsed_ms } => text(
            "gate",
            format!("{}  {}", gate_reports(instances, true), period(*elapsed_ms)),
        ),
        Progress::Baking { traffic, left_ms } => {
            text("bake", format!("{} left: {}", period(*left_ms), served(traffic)))
        }
        Progress::Draining {
            requests,
            streams,
            elapsed_ms,
        } => text(
            "drain",
            format!(
                "{} and {} to go  {}",
                count(*requests, "request", "requests"),
                count(*streams, "stream", "streams"),
                period(*elapsed_ms)
            ),
        ),
        Progress::Queued { behind, ahead } => text(
            "wait",
            match ahead {
                0 => format!("behind {}", named(behind)),
                ahead => format!(
                    "behind {} and {}",
                    named(behind),
                    count(u64::from(*ahead), "deployment", "deployments")
                ),
            },
        ),
    }
}

/// `deploy 12 by ci (step: gate)`.
fn named(holder: &Holder) -> String {
    let Holder {
        operation,
        kind,
        user,
        step,
        ..
    } = holder;
    format!("{kind} {operation} by {} (step: {})", escape(user), escape(step))
}
