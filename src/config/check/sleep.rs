//! Which environments may sleep: those whose app is one that can be stopped, and that nobody is promised to find awake.

use crate::config::checked::Environment;
use crate::config::read::environments::RawEnvironment;
use crate::config::text::report::Diagnostic;

/// Checks every table `sleep`.
pub(crate) fn check(raw: &[RawEnvironment], built: &[Environment], problems: &mut Vec<Diagnostic>) {
    for (raw, environment) in raw.iter().zip(built) {
        let Some(sleep) = &raw.sleep else { continue };
        let name = &environment.name;
        if environment.protected {
            problems.push(
                Diagnostic::error(&sleep.span, format!("`{name}` is protected, and would be put to sleep"))
                    .expected("expected no `sleep` beside `protected`")
                    .hint("what asks before every switch is not stopped while nobody looks"),
            );
        }
        let mut services = environment.services.iter();
        if let Some(service) = services.find(|service| service.slots.can_swap()) {
            problems.push(
                Diagnostic::error(
                    &sleep.span,
                    format!("`{name}` would be put to sleep, and `{}` has two slots", service.name),
                )
                .expected("expected `upstream` in the place of `blue` and `green`")
                .hint("an environment that is switched keeps the side that serves awake"),
            );
        }
        let mut services = environment.services.iter();
        if let Some(folder) = services.find_map(|service| service.slots.all().find(|slot| slot.folder().is_some())) {
            problems.push(
                Diagnostic::error(
                    &sleep.span,
                    format!("`{name}` would be put to sleep, and `{folder}` is a folder"),
                )
                .expected("nothing runs there")
                .hint("a folder needs no memory; give it an environment of its own"),
            );
        }
        if let Some(rules) = &environment.sleep
            && rules.start == rules.stop
        {
            problems.push(
                Diagnostic::error(sleep.place("stop"), "`sleep.stop` is the command that starts it")
                    .expected("expected the one that stops it"),
            );
        }
    }
}
