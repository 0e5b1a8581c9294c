//! Every policy that the entries of `at` make, laid over one another as paths match them.
//!
//! Of `n` entries, 2ⁿ sets could be made; but which of them match a path is said by its longest prefix and its longest ending
//! ([`PartTable`]). So there are at most as many policies as pairs of both, and fewer where pairs match the same entries.

use std::collections::HashMap;
use std::sync::Arc;

use super::merge::Merged;
use super::policy::{Standing, Surroundings, policy};
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
    refuse_rest_behind_endings(raw, problems);
    let laid = |matching: Vec<usize>, longest: Option<Arc<str>>| Laid {
        merged,
        raw,
        matching,
        longest,
    };
    let entries = raw.iter().enumerate().map(|(place, part)| {
        let paths: Vec<PathPattern> = part.paths.iter().map(|path| path.value.clone()).collect();
        let longest = paths.iter().find_map(prefix).cloned();
        Part {
            paths,
            keys: part.settings.keys().collect(),
            policy: laid(vec![place], longest).policy(around, problems),
        }
    });
    let entries = entries.collect();
    let (prefixes, endings) = (patterns(raw, prefix), patterns(raw, ending));
    let mut policies: Vec<Policy> = Vec::new();
    let mut known: HashMap<Distinct, u16> = HashMap::new();
    let mut is_too_much = false;
    let table = PartTable::new(&prefixes, &endings, |prefix, ending| {
        let longest = prefix.map(|place| prefixes[place].clone());
        let matching = matching(raw, longest.as_deref(), ending.map(|place| &*endings[place]));
        if matching.is_empty() {
            return 0;
        }
        let laid = laid(matching, longest);
        let distinct = laid.distinct();
        if let Some(place) = known.get(&distinct) {
            return *place;
        }
        is_too_much |= policies.len() == MOST;
        if is_too_much {
            return 0;
        }
        policies.push(laid.policy(around, problems));
        let place = u16::try_from(policies.len()).unwrap_or_default();
        known.insert(distinct, place);
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

/// What makes a policy another one: the entries that match, and the prefixes of those that say where paths lead.
type Distinct = (Vec<usize>, Vec<Arc<str>>);

/// The settings of a service, with the entries over them that match a path.
struct Laid<'a> {
    merged: &'a Merged,
    raw: &'a [RawPart],
    /// In the order of the file.
    matching: Vec<usize>,
    /// The longest of their prefixes that the path has.
    longest: Option<Arc<str>>,
}

impl Laid<'_> {
    fn policy(&self, around: Surroundings<'_>, problems: &mut Vec<Diagnostic>) -> Policy {
        let laid = |below: Settings, place: &usize| self.raw[*place].settings.over(&below);
        let settings = self.matching.iter().fold(self.merged.settings.clone(), laid);
        policy(&settings, around, self, problems)
    }

    fn distinct(&self) -> Distinct {
        let leading = ["redirect", "rewrite"]
            .into_iter()
            .filter(|key| self.says(key).is_some());
        (self.matching.clone(), leading.map(|key| self.prefix(key)).collect())
    }

    /// The last entry that this key stands in.
    fn says(&self, key: &str) -> Option<&RawPart> {
        let mut last = self.matching.iter().rev().map(|place| &self.raw[*place]);
        last.find(|part| part.settings.seen(key).is_some())
    }
}

impl Standing for Laid<'_> {
    fn scope(&self, key: &str) -> Scope {
        match self.says(key) {
            Some(part) => Scope::Part(Arc::from(part_name(part.paths.iter().map(|path| &path.value)))),
            None => self.merged.scope(key),
        }
    }

    fn prefix(&self, key: &str) -> Arc<str> {
        let Some(part) = self.says(key) else {
            return self.merged.prefix(key);
        };
        let longest = self.longest.as_deref().unwrap_or_default();
        let prefixes = part.paths.iter().filter_map(|path| prefix(&path.value));
        let matched = prefixes.filter(|prefix| lies_below(longest, prefix));
        // An entry of endings leads to one place, whatever the path.
        matched.max_by_key(|prefix| prefix.len()).cloned().unwrap_or_default()
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

/// Whether an entry matches a path.
pub(crate) fn matches(part: &RawPart, path: &str) -> bool {
    part.paths.iter().any(|pattern| match &pattern.value {
        PathPattern::Prefix(prefix) => lies_below(path, prefix),
        PathPattern::Ending(ending) => path.ends_with(&**ending),
    })
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

/// Refuses to replace a prefix where an ending has matched: there is none.
fn refuse_rest_behind_endings(raw: &[RawPart], problems: &mut Vec<Diagnostic>) {
    for part in raw {
        let Some(path) = part.paths.iter().find(|path| ending(&path.value).is_some()) else {
            continue;
        };
        let redirect = part.settings.redirect.as_ref();
        let redirect = redirect.and_then(|written| Some((&written.span, &written.value.as_ref()?.to)));
        let rewrite = part.settings.rewrite.as_ref();
        let rewrite = rewrite.and_then(|written| Some((&written.span, written.value.as_ref()?)));
        for (span, _) in redirect.into_iter().chain(rewrite).filter(|(_, to)| to.has_rest) {
            problems.push(
                Diagnostic::error(span, format!("behind `{}` no rest of a path is left", path.value))
                    .expected("expected a target without `*`")
                    .related(&path.span, "an ending here")
                    .hint("give prefixes and endings entries of their own"),
            );
        }
    }
}
