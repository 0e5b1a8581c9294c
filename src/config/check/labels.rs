//! Whether a ribbon has a label to show.

use std::ops::Range;

use crate::config::build::merge::Merged;
use crate::config::read::settings::Settings;
use crate::config::text::report::Diagnostic;

/// Refuses `label_ribbon = true` that shows nothing: none of the services that it holds for has a label. In `[defaults]` it is for those that
/// have one.
pub(crate) fn check(services: &[Merged], defaults: &Settings, problems: &mut Vec<Diagnostic>) {
    let of_defaults = defaults.place("label_ribbon");
    let mut told: Vec<&Range<usize>> = Vec::new();
    for service in services {
        let Some(written) = &service.settings.label_ribbon else {
            continue;
        };
        let span = &written.span;
        if !written.value || of_defaults == Some(span) || told.contains(&span) {
            continue;
        }
        let holds = |other: &&Merged| {
            let here = other.environment == service.environment;
            here && other.settings.place("label_ribbon") == Some(span)
        };
        // A label that could not be read is not a missing one.
        let is_labelled = |other: &Merged| other.settings.seen("label").is_some();
        if services.iter().filter(holds).any(is_labelled) {
            continue;
        }
        told.push(span);
        problems.push(
            Diagnostic::error(span, format!("{} has a ribbon and no `label`", service.title()))
                .expected("expected `label` beside this")
                .hint("write `label = \"staging\"`, which `extends` does not copy"),
        );
    }
}
