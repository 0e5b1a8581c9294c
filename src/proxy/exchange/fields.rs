//! What the policy of a request makes of the fields that leave: for the app, and for the client, whoever answers.

use std::borrow::Cow;
use std::io::Write as _;

use super::record::Record;
use crate::config::{Forward, SecurityHeaders};
use crate::model::header_value::Placeholder;
use crate::proxy::core::service::CoreService;
use crate::proxy::message::changes::{Changes, FieldName};
use crate::proxy::message::names::is_vouched;
use crate::proxy::message::rules;

/// Whether an answer has a field of a name, in lower case, with such a value.
type Has<'a> = dyn Fn(&str, &dyn Fn(&[u8]) -> bool) -> bool + 'a;

/// For how long browsers are told to ask over TLS alone: a year.
const STRICT_TRANSPORT: &str = "max-age=31536000";
/// Fields that caches in front obey before `Cache-Control`: RFC 9213, and what single vendors have.
const ABOVE_CACHE_CONTROL: [&str; 9] = [
    "akamai-cache-control",
    "cdn-cache-control",
    "cloudflare-cdn-cache-control",
    "edge-control",
    "fastly-cache-control",
    "netlify-cdn-cache-control",
    "surrogate-control",
    "vercel-cdn-cache-control",
    "x-accel-expires",
];
/// The directive of `Content-Security-Policy` that says who may frame a page.
const FRAME_ANCESTORS: &[u8] = b"frame-ancestors";

/// The changes of an answer's fields that the service and the policy of its request ask for. `has` says whether the answer has a field of
/// this name, in lower case, with a value as asked for.
pub(super) fn changes(status: u16, record: &Record, service: &CoreService, has: &Has<'_>) -> Changes {
    let mut changes = of_policy(status, record, service, has);
    if service.preview.is_some() {
        mark_preview(&mut changes, service);
    }
    changes
}

/// What keeps an answer of a preview to the one who has asked, whatever the app and the configuration say.
fn mark_preview(changes: &mut Changes, service: &CoreService) {
    let mut set = |name, value: &str| changes.set(FieldName::Ours(name), Some(value.as_bytes().to_vec()));
    set("x-environment", &format!("preview {}", service.activation.slot));
    set("x-robots-tag", "noindex");
    set("cache-control", "private, no-store");
    for name in ABOVE_CACHE_CONTROL {
        changes.set(FieldName::Ours(name), None);
    }
}

fn of_policy(status: u16, record: &Record, service: &CoreService, has: &Has<'_>) -> Changes {
    let mut changes = Changes::default();
    if let Some(label) = &service.config.label {
        changes.set(FieldName::Ours("x-environment"), Some(label.as_bytes().to_vec()));
        changes.set(FieldName::Ours("x-robots-tag"), Some(b"noindex".to_vec()));
    }
    let policy = service.config.policy(record.policy);
    if !policy.changes_responses() {
        return changes;
    }
    let mut where_missing = |name: &'static str, value: &str| {
        if !has(name, &|_| true) {
            changes.set(FieldName::Ours(name), Some(value.as_bytes().to_vec()));
        }
    };
    if let Some(preset) = policy.security_headers.filter(|_| status >= 200) {
        secure(preset, record, has, &mut where_missing);
    }
    if let Some(cache) = policy.cache
        && matches!(status, 200 | 203 | 206 | 304)
        && matches!(record.asked.method(), b"GET" | b"HEAD")
    {
        where_missing("cache-control", &cache.value());
    }
    for rule in &policy.response_headers {
        let value = rule.value.as_ref();
        let value = value.map(|value| value.fill(|placeholder, out| fill(record, service, placeholder, out)));
        // A value that nobody knows yet is none.
        changes.set(
            FieldName::Configured(rule.name.clone()),
            value.filter(|value| !value.is_empty()),
        );
    }
    changes
}

/// What browsers are told for safety, where the app has not said otherwise.
fn secure(preset: SecurityHeaders, record: &Record, has: &Has<'_>, set: &mut impl FnMut(&'static str, &str)) {
    // RFC 6797 §7.2: never over plain HTTP.
    if preset.strict_transport && record.secure {
        set("strict-transport-security", STRICT_TRANSPORT);
    }
    set("x-content-type-options", "nosniff");
    set("referrer-policy", "strict-origin-when-cross-origin");
    // Who may frame a page may be said there, too, and wins over the older field.
    let frames = |value: &[u8]| {
        value.split(|byte| matches!(byte, b';' | b',')).any(|directive| {
            let name = directive.trim_ascii_start().get(..FRAME_ANCESTORS.len());
            name.is_some_and(|name| name.eq_ignore_ascii_case(FRAME_ANCESTORS))
        })
    };
    if !has("content-security-policy", &frames) {
        set("x-frame-options", "SAMEORIGIN");
    }
}

/// Whether a head that was built for the app is changed by the service, or by the policy at this place of it.
pub(super) fn changes_requests(service: &CoreService, policy: u16) -> bool {
    let config = &service.config;
    !config.policy(policy).request_headers.is_empty() || !config.vouched.is_empty()
}

/// A head that was built for the app, as `headers.request` changes it, with what an auth service has vouched for in the place of what
/// the client says; `None` where nothing is changed.
pub(super) fn ruled_head(
    head: &[u8],
    record: &Record,
    service: &CoreService,
    vouched: Option<(&Forward, &[u8])>,
) -> Option<Vec<u8>> {
    let names = &service.config.vouched;
    let copied = vouched.map_or(&[][..], |(forward, _)| &forward.copy);
    if !changes_requests(service, record.policy) && copied.is_empty() {
        return None;
    }
    let written = rules::Written {
        rules: &service.config.policy(record.policy).request_headers,
        withheld: &|name| is_vouched(name, names) || is_vouched(name, copied),
        vouched: vouched.map_or(b"", |(_, fields)| fields),
    };
    Some(rules::apply(head, &written, |placeholder, out| {
        fill(record, service, placeholder, out)
    }))
}

fn fill(record: &Record, service: &CoreService, placeholder: Placeholder, out: &mut Vec<u8>) {
    let activation = &service.activation;
    let value: Cow<'_, [u8]> = match placeholder {
        Placeholder::Client => {
            // Writing into a Vec cannot fail.
            let _ = write!(out, "{}", record.client);
            return;
        }
        Placeholder::Host => record.asked.host().as_bytes().into(),
        Placeholder::Path => record.asked.path().into(),
        Placeholder::RequestId => record.id.text().to_vec().into(),
        Placeholder::Environment => activation.environment.as_bytes().into(),
        Placeholder::Service => activation.service.as_bytes().into(),
        Placeholder::Slot => activation.slot.as_str().as_bytes().into(),
        Placeholder::Version => match activation.version() {
            Some(version) => version.as_bytes().to_vec().into(),
            None => return,
        },
    };
    out.extend_from_slice(&value);
}
