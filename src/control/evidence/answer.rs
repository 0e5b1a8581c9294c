//! An answer to a probe: whether it is a pass, and what it says of the app.

use std::fmt::Write as _;

use http::{HeaderMap, HeaderName, HeaderValue, Uri, header};

use crate::config::{Health, Service, Tls, VersionSource};
use crate::model::treacherous::is_treacherous;
use crate::proxy::Answer;

/// How many bytes of a body are shown to people.
const SHOWN: usize = 200;

/// Why an answer is no pass; `None` when it is one. `host` is the one that was asked for.
#[must_use]
pub(in crate::control) fn objection(
    service: &Service,
    host: &str,
    status: u16,
    headers: &HeaderMap,
    body: &[u8],
) -> Option<String> {
    let health = &service.health;
    if !health.status.contains(status) {
        return Some(match status {
            301 | 302 | 303 | 307 | 308 => redirect(service, host, status, headers.get(header::LOCATION)),
            _ => format!("answered {status}"),
        });
    }
    let text = health.body.as_ref()?;
    let found = memchr::memmem::find(body, text.as_bytes()).is_some();
    (!found).then(|| format!("its body does not contain `{text}`"))
}

/// The fields of an answer that came from inside the process.
#[must_use]
pub(super) fn fields(answer: &Answer) -> HeaderMap {
    let pairs = answer.headers.iter().filter_map(|(name, value)| {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        Some((name, HeaderValue::from_bytes(value).ok()?))
    });
    let mut fields = HeaderMap::new();
    for (name, value) in pairs {
        fields.append(name, value);
    }
    fields
}

/// Whether a warm-up path was answered as an app answers that works: a redirect has done nothing of the work behind it.
#[must_use]
pub(super) fn is_warm(health: &Health, status: u16) -> bool {
    (200..300).contains(&status) || health.status.contains(status)
}

/// What an app calls its version, where `health.version` says.
#[must_use]
pub(in crate::control) fn version(health: &Health, headers: &HeaderMap, body: &[u8]) -> Option<String> {
    match health.version.as_ref()? {
        VersionSource::Header(name) => {
            let value = headers.get(name.as_str())?;
            Some(shown(value.as_bytes()))
        }
        VersionSource::Json(field) => {
            let whole: serde_json::Value = serde_json::from_slice(body).ok()?;
            match field.split('.').try_fold(&whole, |value, key| value.get(key))? {
                serde_json::Value::String(text) => Some(shown(text.as_bytes())),
                serde_json::Value::Number(number) => Some(number.to_string()),
                serde_json::Value::Null
                | serde_json::Value::Bool(_)
                | serde_json::Value::Array(_)
                | serde_json::Value::Object(_) => None,
            }
        }
    }
}

/// What a redirect means that is no pass, and what to do about it.
fn redirect(service: &Service, host: &str, status: u16, location: Option<&header::HeaderValue>) -> String {
    let to = location.map_or("nowhere".into(), |to| shown(to.as_bytes()));
    let target = location.and_then(|to| Uri::try_from(to.as_bytes()).ok());
    let scheme = target.as_ref().and_then(Uri::scheme_str);
    let elsewhere = target
        .as_ref()
        .and_then(Uri::host)
        .is_some_and(|named| !named.eq_ignore_ascii_case(host));
    let listed = format!("list {status} in `health.status`");
    let advice = match (elsewhere, scheme, &service.tls) {
        (true, ..) => format!(
            "the app answers to another host than the `Host: {host}` that was sent; let `health.host` name it, or {listed}"
        ),
        (false, Some("https"), Tls::Off) => format!(
            "the app forces https, and this service has `tls = \"off\"`, so `X-Forwarded-Proto: http` was sent, as with traffic; \
             serve it over TLS, let the app accept plain HTTP, or {listed}"
        ),
        (false, Some("https"), _) => format!(
            "the app forces https and does not believe the `X-Forwarded-Proto: https` that was sent, as with traffic; \
             let it trust that field from this proxy, or {listed}"
        ),
        (false, ..) => format!("let `health.path` name a path that answers by itself, or {listed}"),
    };
    format!("redirects to {to}, which is not a pass: {advice}")
}

/// The first [`SHOWN`] bytes, with characters escaped that lead a reader astray: an app's words may reach a terminal.
pub(super) fn shown(bytes: &[u8]) -> String {
    let cut = &bytes[..bytes.len().min(SHOWN)];
    let whole = match std::str::from_utf8(cut) {
        // Only the last character was cut in two.
        Err(error) if error.error_len().is_none() && bytes.len() > SHOWN => &cut[..error.valid_up_to()],
        Ok(_) | Err(_) => cut,
    };
    let mut text = String::new();
    for character in String::from_utf8_lossy(whole).chars() {
        if is_treacherous(character) {
            let _ = write!(text, "{}", character.escape_default());
        } else {
            text.push(character);
        }
    }
    text
}
