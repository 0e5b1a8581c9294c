//! `stale_assets`: the path prefixes whose files outlive their version, and for how long.

use std::sync::Arc;
use std::time::Duration;

use super::plain::{self, Problems};
use super::values;
use crate::config::text::raw::{At, Kind, Value};
use crate::config::text::report::Diagnostic;
use crate::config::text::words;

const EXPECTED: &str = "`{ paths = […], keep = \"7d\" }`, or one of the two";

/// What one table says of it: a list is its `paths`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct RawStale {
    pub(crate) paths: Option<Vec<Arc<str>>>,
    /// `None` within keeps nothing.
    pub(crate) keep: Option<Option<Duration>>,
}

/// What a nearer table says over what one further away does, key by key.
pub(crate) fn over(near: Option<&At<RawStale>>, far: Option<&At<RawStale>>) -> Option<At<RawStale>> {
    let (Some(near), Some(far)) = (near, far) else {
        return near.or(far).cloned();
    };
    Some(At {
        value: RawStale {
            paths: near.value.paths.clone().or_else(|| far.value.paths.clone()),
            keep: near.value.keep.or(far.value.keep),
        },
        span: near.span.clone(),
    })
}

/// Reads one of its forms.
pub(crate) fn stale_assets(key: &str, value: &Value, problems: &mut Problems) -> Option<RawStale> {
    let Kind::Table(table) = &value.kind else {
        return Some(RawStale {
            paths: Some(values::asset_prefixes(key, value, problems)?),
            keep: None,
        });
    };
    if table.entries.is_empty() {
        let refusal = Diagnostic::error(&value.span, "`stale_assets` is an empty table");
        problems.push(refusal.expected(format!("expected {EXPECTED}")));
        return None;
    }
    let mut read = RawStale::default();
    let mut complete = true;
    for entry in &table.entries {
        let value = &entry.value;
        match entry.key.value.as_str() {
            "paths" => {
                read.paths = values::asset_prefixes("stale_assets.paths", value, problems);
                complete &= read.paths.is_some();
            }
            "keep" => {
                read.keep = keep(value, problems);
                complete &= read.keep.is_some();
            }
            other => {
                complete = false;
                let near = words::nearest(other, ["paths", "keep"]);
                let refusal = Diagnostic::error(&entry.key.span, format!("unknown key `stale_assets.{other}`"));
                problems.push(match near {
                    Some(near) => refusal.expected("unknown key").hint(format!("did you mean `{near}`?")),
                    None => refusal.expected("expected `paths` or `keep`"),
                });
            }
        }
    }
    complete.then_some(read)
}

fn keep(value: &Value, problems: &mut Problems) -> Option<Option<Duration>> {
    if matches!(&value.kind, Kind::Text(text) if text == "off") {
        return Some(None);
    }
    plain::positive_duration("stale_assets.keep", value, problems).map(Some)
}
