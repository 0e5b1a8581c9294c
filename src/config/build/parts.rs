//! Every policy that the entries of `at` make, laid over one another as paths match them.
//!
//! Of `n` entries, 2ⁿ sets could be made; but which of them match a path is said by its longest prefix and its longest ending
//! ([`PartTable`]). So there are at most as many policies as pairs of both, and fewer where pairs match the same entries.

use std::collections::HashMap;
use std::sync::Arc;

use super::merge::Merged;
use super::policy::{Surroundings, policy};
use crate::config::policy::{Part, Parts, PathPattern, Policy, Scope, part_name};
use crate::config::read::parts::RawPart;
use crate::config::read::settings::Settings;
use crate::config::text::report::Diagnostic;
use crate::model::parts::PartTable;

/// Policies that a service may have. A core keeps some two hundred bytes for each.
const MOST: usize = 1000;

/// Builds the parts of a service.
pub(crate) fn build(merged: &Merged, around: Surroundings<'_>, problems: &mut Vec<Diagnostic>) -> Parts {
    let Some(written) = &merged.parts else {
        return Parts::default();
    };
    let raw = &written.value;
    warn_of_other_paths(merged, raw, problems);
    let pattern = |part: &RawPart| part.paths.iter().map(|path| path.value.clone()).collect::<Vec<_>>();
    let parts = Laid { merged, raw, around };
    let entries = raw.iter().enumerate().map(|(place, part)| Part {
        paths: pattern(part),
        keys: part.settings.keys().collect(),
        policy: parts.policy(&[place]),
    });
    let entries = entries.collect();
    let (prefixes, endings) = (patterns(raw, prefix), patterns(raw, ending));
    let mut policies: Vec<Policy> = Vec::new();
    let mut known: HashMap<Vec<usize>, u16> = HashMap::from([(Vec::new(), 0)]);
    let mut is_too_much = false;
    let table = PartTable::new(&prefixes, &endings, |prefix, ending| {
        let matching = matching(
            raw,
            prefix.map(|place| &*prefixes[place]),
            ending.map(|place| &*endings[place]),
        );
        if let Some(place) = known.get(&matching) {
            return *place;
        }
        is_too_much |= policies.len() == MOST;
        if is_too_much {
            return 0;
        }
        policies.push(parts.policy(&matching));
        let place = u16::try_from(policies.len()).unwrap_or_default();
        known.insert(matching, place);
        place
    });
    if is_too_much {
        problems.push(
            Diagnostic::error(
                &written.span,
                format!("the entries of `at` match paths in more than {MOST} combinations"),
            )
            .expected("expected fewer prefixes beside fewer endings")
            .hint("endings that share their rules may stand in one entry: `path = [\"*.css\", \"*.js\"]`"),
        );
    }
    Parts {
        entries,
        policies,
        table,
    }
}

/// The settings of a service, and its entries to lay over them.
struct Laid<'a> {
    merged: &'a Merged,
    raw: &'a [RawPart],
    around: Surroundings<'a>,
}

impl Laid<'_> {
    /// The policy where exactly these entries match, in the order of the file.
    fn policy(&self, matching: &[usize]) -> Policy {
        let laid = |below: Settings, place: &usize| self.raw[*place].settings.over(&below);
        let settings = matching.iter().fold(self.merged.settings.clone(), laid);
        policy(&settings, self.around, |key| {
            let holds = |place: &&usize| self.raw[**place].settings.seen(key).is_some();
            match matching.iter().rev().find(holds) {
                Some(place) => {
                    let paths = self.raw[*place].paths.iter().map(|path| &path.value);
                    Scope::Part(Arc::from(part_name(paths)))
                }
                None => self.merged.scope(key),
            }
        })
    }
}

fn prefix(pattern: &PathPattern) -> Option<&Arc<str>> {
    match pattern {
        PathPattern::Prefix(prefix) => Some(prefix),
        PathPattern::Ending(_) => None,
    }
}

fn ending(pattern: &PathPattern) -> Option<&Arc<str>> {
    match pattern {
        PathPattern::Ending(ending) => Some(ending),
        PathPattern::Prefix(_) => None,
    }
}

/// Every pattern of a kind, once.
fn patterns(raw: &[RawPart], kind: impl Fn(&PathPattern) -> Option<&Arc<str>>) -> Vec<Arc<str>> {
    let mut patterns: Vec<Arc<str>> = raw
        .iter()
        .flat_map(|part| part.paths.iter().filter_map(|path| kind(&path.value)))
        .cloned()
        .collect();
    patterns.sort_unstable();
    patterns.dedup();
    patterns
}

/// The entries that match every path whose longest prefix and ending are these.
fn matching(raw: &[RawPart], longest: Option<&str>, ending: Option<&str>) -> Vec<usize> {
    let matches = |pattern: &PathPattern| match pattern {
        PathPattern::Prefix(prefix) => longest.is_some_and(|longest| lies_below(longest, prefix)),
        PathPattern::Ending(shorter) => ending.is_some_and(|ending| ending.ends_with(&**shorter)),
    };
    let entries = raw.iter().enumerate();
    let matching = entries.filter(|(_, part)| part.paths.iter().any(|path| matches(&path.value)));
    matching.map(|(place, _)| place).collect()
}

/// Whether a path is `prefix`, or lies below it.
fn lies_below(path: &str, prefix: &str) -> bool {
    let rest = path.strip_prefix(prefix.strip_suffix('/').unwrap_or(prefix));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Warns of prefixes that no request to the service has.
fn warn_of_other_paths(merged: &Merged, raw: &[RawPart], problems: &mut Vec<Diagnostic>) {
    let service = merged.settings.path();
    for path in raw.iter().flat_map(|part| &part.paths) {
        let PathPattern::Prefix(prefix) = &path.value else {
            continue;
        };
        if !lies_below(prefix, &service) && !lies_below(&service, prefix) {
            problems.push(
                Diagnostic::warning(
                    &path.span,
                    format!(
                        "{} answers to `{service}`, so `{prefix}` matches nothing",
                        merged.title()
                    ),
                )
                .hint("paths are written as clients ask for them, with what `strip_prefix` takes off"),
            );
        }
    }
}
