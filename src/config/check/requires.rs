//! Which environments a swap depends on: others of this file, and for their health not in a circle, in which none could be switched
//! once all of them are ill.

use crate::config::read::environments::RawEnvironment;
use crate::config::text::raw::At;
use crate::config::text::report::Diagnostic;
use crate::config::text::words;

const EXPECTED: &str = "expected another environment of this file";

/// Checks `require_healthy` and `require_parity` of every environment.
pub(crate) fn check(environments: &[RawEnvironment], problems: &mut Vec<Diagnostic>) {
    for environment in environments {
        let own = &*environment.name.value;
        for (key, written) in [
            ("require_healthy", &environment.require_healthy),
            ("require_parity", &environment.require_parity),
        ] {
            let Some(written) = written else { continue };
            if written.value == own {
                let message = format!("`{key}` of `{own}` names `{own}` itself");
                problems.push(Diagnostic::error(&written.span, message).expected(EXPECTED));
            } else if find(environments, &written.value).is_none() {
                problems.push(missing(environments, own, written));
            }
        }
        if let Some(through) = circle(environments, environment) {
            let way = words::all_of(through.iter().map(|one| &*one.name.value));
            if let Some(written) = &environment.require_healthy {
                problems.push(
                    Diagnostic::error(&written.span, format!("{way} wait for each other to be healthy"))
                        .expected("expected an environment that does not lead back")
                        .hint("when all of them are ill, none could be switched"),
                );
            }
        }
    }
}

fn find<'e>(environments: &'e [RawEnvironment], name: &str) -> Option<&'e RawEnvironment> {
    environments.iter().find(|environment| *environment.name.value == *name)
}

fn missing(environments: &[RawEnvironment], own: &str, written: &At<String>) -> Diagnostic {
    let names = environments.iter().map(|environment| &*environment.name.value);
    let near = words::nearest(&written.value, names.filter(|name| *name != own));
    let message = format!("there is no environment `{}`", written.value);
    let diagnostic = Diagnostic::error(&written.span, message).expected(EXPECTED);
    match near {
        Some(near) => diagnostic.hint(format!("did you mean `{near}`?")),
        None => diagnostic,
    }
}

/// The environments on the way from this one back to it, by whose health each depends on. A circle is told once, at the first of
/// its environments in the file.
fn circle<'e>(environments: &'e [RawEnvironment], first: &'e RawEnvironment) -> Option<Vec<&'e RawEnvironment>> {
    let mut way = vec![first];
    loop {
        let next = way.last()?.require_healthy.as_ref()?;
        let next = find(environments, &next.value)?;
        if std::ptr::eq(next, first) {
            break;
        }
        if way.iter().any(|one| std::ptr::eq(*one, next)) {
            // It leads into a circle that is another's.
            return None;
        }
        way.push(next);
    }
    let is_before = |one: &&&RawEnvironment| one.name.span.start < first.name.span.start;
    (way.len() > 1 && way.iter().find(is_before).is_none()).then_some(way)
}
