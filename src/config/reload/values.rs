//! What is told of values that differ: before and after, in the words of the file, and nothing that a request proves itself with (E35).

use std::sync::Arc;

use super::describe::{Values, of_service};
use crate::config::checked::Service;
use crate::config::policy::{Forward, HeaderRule};
use crate::model::api::ValueChange;
use crate::model::header_value::Template;

/// What is shown in the place of a secret.
const VEIL: &str = "***";
/// Fields that prove something have one of these in their names.
const PROVES: [&str; 6] = ["auth", "cookie", "key", "password", "secret", "token"];

/// The values of a service that differ. A reload tells them to members of a group, to the log and to the journal.
pub(super) fn of_services(before: &Service, after: &Service) -> Vec<ValueChange> {
    let changes = differing(&of_service(before), &of_service(after));
    let (before, after) = (of_service(&veiled(before)), of_service(&veiled(after)));
    let shown = changes.into_iter().map(|ValueChange { key, from, to }| ValueChange {
        from: from.and_then(|_| find(&before, &key)),
        to: to.and_then(|_| find(&after, &key)),
        key,
    });
    shown.collect()
}

/// The values that differ.
pub(super) fn differing(before: &Values, after: &Values) -> Vec<ValueChange> {
    let mut values = Vec::new();
    for (key, text) in after {
        let from = find(before, key);
        if from.as_ref() != Some(text) {
            values.push(value(key, from, Some(text.clone())));
        }
    }
    for (key, text) in before {
        if find(after, key).is_none() {
            values.push(value(key, Some(text.clone()), None));
        }
    }
    values
}

/// One value, before and after.
pub(super) fn value(key: &str, from: Option<String>, to: Option<String>) -> ValueChange {
    ValueChange {
        key: key.into(),
        from,
        to,
    }
}

fn find(values: &Values, key: &str) -> Option<String> {
    let found = values.iter().find(|(known, _)| known == key);
    found.map(|(_, text)| text.clone())
}

/// A service whose fields prove nothing.
fn veiled(service: &Service) -> Service {
    let mut service = service.clone();
    let parts = &mut service.parts;
    let entries = parts.entries.iter_mut().map(|entry| &mut entry.policy);
    for policy in std::iter::once(&mut service.policy).chain(entries) {
        for rule in policy.request_headers.iter_mut().chain(&mut policy.response_headers) {
            veil(rule);
        }
        if let Some(forward) = &mut policy.auth.forward
            && let Some((path, _)) = forward.target.split_once('?')
        {
            let target = format!("{path}?{VEIL}").into();
            *forward = Arc::new(Forward {
                target,
                ..Forward::clone(forward)
            });
        }
    }
    service
}

/// Whether a field is one by which a request proves something, as far as its name says.
pub(crate) fn proves(name: &str) -> bool {
    PROVES.iter().any(|part| name.contains(part))
}

fn veil(rule: &mut HeaderRule) {
    if rule.value.is_some() && proves(&rule.name) {
        // A text without braces is a template.
        rule.value = Template::parse(VEIL).ok();
    }
}
