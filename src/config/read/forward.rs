//! `auth.forward`: the service that is asked whether a request may pass.

use std::sync::Arc;
use std::time::Duration;

use super::auth::Wanted;
use super::headers::OF_A_CONNECTION;
use super::host;
use super::plain::{self, Problems};
use crate::config::policy::Forward;
use crate::config::text::raw::{At, Kind, Table, Value};
use crate::config::text::report::Diagnostic;
use crate::config::text::words;
use crate::http1::head::is_token;
use crate::model::slot::Address;

const TABLE: &str = "`{ url = \"http://127.0.0.1:4180/\", copy = [\"Remote-User\"], timeout = \"5s\" }`, or `\"off\"`";
const URL: &str = "`\"http://HOST:PORT/PATH\"` or `\"unix:/SOCKET:/PATH\"`";
const KEYS: [&str; 3] = ["url", "copy", "timeout"];

/// What a service has that says nothing else.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Names that an answer may be read for.
const MOST_NAMES: usize = 50;
/// The longest URL.
const LONGEST: usize = 2048;
/// What apps are told of every request by us, or by the service itself of its own answer.
const NOT_COPIED: [(&str, &str); 12] = [
    ("host", "is ours to say"),
    ("forwarded", "is ours to say"),
    ("x-forwarded-for", "is ours to say"),
    ("x-forwarded-host", "is ours to say"),
    ("x-forwarded-prefix", "is ours to say"),
    ("x-forwarded-proto", "is ours to say"),
    ("x-real-ip", "is ours to say"),
    ("x-request-id", "is ours to say"),
    ("x-environment", "is ours to say"),
    ("expect", "is between the proxy and each side of it"),
    ("date", "says when the auth service has answered"),
    ("set-cookie", "goes to the client, and by itself"),
];

/// What one table says of it, or several that were laid over one another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RawForward {
    /// Where the service listens, and what it is asked for.
    endpoint: Option<(Address, Arc<str>)>,
    copy: Option<Vec<Arc<str>>>,
    timeout: Option<Duration>,
}

impl RawForward {
    /// With what is said nowhere; `None` where nobody says who is asked.
    pub(crate) fn complete(&self) -> Option<Forward> {
        let (address, target) = self.endpoint.clone()?;
        Some(Forward {
            address,
            target,
            copy: self.copy.clone().unwrap_or_default(),
            timeout: self.timeout.unwrap_or(TIMEOUT),
        })
    }
}

/// What a nearer table says over what one further away does, key by key.
pub(crate) fn over(
    near: Option<&At<Wanted<RawForward>>>,
    far: Option<&At<Wanted<RawForward>>>,
) -> Option<At<Wanted<RawForward>>> {
    let (Some(near), Some(far)) = (near, far) else {
        return near.or(far).cloned();
    };
    let value = match (&near.value, &far.value) {
        (Wanted::This(near), Wanted::This(far)) => Wanted::This(RawForward {
            endpoint: near.endpoint.clone().or_else(|| far.endpoint.clone()),
            copy: near.copy.clone().or_else(|| far.copy.clone()),
            timeout: near.timeout.or(far.timeout),
        }),
        (near, _) => near.clone(),
    };
    Some(At {
        value,
        span: near.span.clone(),
    })
}

/// Reads the table, or `"off"`.
pub(crate) fn forward(key: &str, value: &Value, problems: &mut Problems) -> Option<Wanted<RawForward>> {
    let Kind::Table(table) = &value.kind else {
        if matches!(&value.kind, Kind::Text(text) if text == "off") {
            return Some(Wanted::Nothing);
        }
        let mismatch = plain::mismatch(key, value, "a table", TABLE);
        problems.push(match &value.kind {
            Kind::Text(text) => mismatch.hint(format!("write `{key} = {{ url = \"{text}\" }}`")),
            Kind::Boolean(false) => mismatch.hint(format!("write `{key} = \"off\"`")),
            Kind::Integer(_) | Kind::Float(_) | Kind::Boolean(_) | Kind::Date | Kind::List(_) | Kind::Table(_) => {
                mismatch
            }
        });
        return None;
    };
    read(key, table, problems).map(Wanted::This)
}

fn read(key: &str, table: &Table, problems: &mut Problems) -> Option<RawForward> {
    let before = problems.len();
    let (mut endpoint, mut copied, mut timeout) = (None, None, None);
    for entry in &table.entries {
        let path = format!("{key}.{}", entry.key.value);
        match entry.key.value.as_str() {
            "url" => endpoint = url(&path, &entry.value, problems),
            "copy" => copied = copy(&path, &entry.value, problems),
            "timeout" => timeout = plain::positive_duration(&path, &entry.value, problems),
            other => {
                let refusal = Diagnostic::error(&entry.key.span, format!("unknown key `{path}`"));
                problems.push(match words::nearest(other, KEYS) {
                    Some(near) => refusal.expected("unknown key").hint(format!("did you mean `{near}`?")),
                    None => refusal.expected("expected `url`, `copy` or `timeout`"),
                });
            }
        }
    }
    (problems.len() == before).then_some(RawForward {
        endpoint,
        copy: copied,
        timeout,
    })
}

/// Where the service listens, and what it is asked for.
fn url(key: &str, value: &Value, problems: &mut Problems) -> Option<(Address, Arc<str>)> {
    let text = plain::text(key, value, problems)?;
    let refuse =
        |what: &str| Diagnostic::error(&value.span, format!("`{text}` {what}")).expected(format!("expected {URL}"));
    if text.len() > LONGEST || !text.bytes().all(|byte| byte.is_ascii_graphic()) || text.contains(['"', '<', '>', '\\'])
    {
        problems.push(refuse("has a character that stands in no URL, or too many of them"));
        return None;
    }
    if text.contains('#') {
        problems.push(refuse("has a fragment"));
        return None;
    }
    if let Some(socket) = text.strip_prefix("unix:") {
        let (path, target) = socket.split_once(':').unwrap_or((socket, "/"));
        if !path.starts_with('/') || !target.starts_with('/') {
            problems.push(refuse("is not an absolute path, and one behind a colon"));
            return None;
        }
        return Some((Address::Unix(path.into()), target.into()));
    }
    let rest = match text.split_once("://") {
        Some(("http", rest)) => rest,
        Some(("https", _)) => {
            problems.push(
                refuse("is asked over TLS, which is not supported")
                    .hint("let the auth service listen for plain HTTP, on this machine or on a network you trust"),
            );
            return None;
        }
        Some(_) => {
            problems.push(refuse("has a scheme other than `http`"));
            return None;
        }
        None => {
            problems.push(refuse("has no scheme").hint(format!("write `\"http://{text}\"`")));
            return None;
        }
    };
    if let Some(socket) = rest.strip_prefix("unix:") {
        problems.push(refuse("is a socket").hint(format!("write `\"unix:{socket}\"`")));
        return None;
    }
    let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let (host, port) = match authority.rsplit_once(':') {
        // A colon inside brackets belongs to the address.
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok().filter(|port| *port != 0)),
        Some(_) | None => (authority, Some(80)),
    };
    let Some(port) = port else {
        problems.push(refuse("has no port between 1 and 65535"));
        return None;
    };
    let host = host::parsed(host, false, &value.span, problems)?;
    let host = host.trim_matches(['[', ']']).to_owned();
    let slash = if target.starts_with('/') { "" } else { "/" };
    Some((Address::Tcp { host, port }, format!("{slash}{target}").into()))
}

/// Names of fields, in lower case.
fn copy(key: &str, value: &Value, problems: &mut Problems) -> Option<Vec<Arc<str>>> {
    if matches!(&value.kind, Kind::List(list) if list.is_empty()) {
        return Some(Vec::new());
    }
    let values = plain::one_or_many(key, value, "a list of names, as `[\"Remote-User\"]`", problems)?;
    if values.len() > MOST_NAMES {
        problems.push(Diagnostic::error(
            &value.span,
            format!("`{key}` has more than {MOST_NAMES} names"),
        ));
        return None;
    }
    let names = plain::each(key, values, problems, |value, problems| {
        let text = plain::text(key, value, problems)?;
        let name = text.to_ascii_lowercase();
        let not_copied = NOT_COPIED.iter().find(|(known, _)| *known == name);
        let what = if !is_token(name.as_bytes()) {
            "is not the name of a field"
        } else if name.contains('_') {
            "has a `_`, which many apps cannot tell from `-`"
        } else if OF_A_CONNECTION.contains(&&*name) {
            "is between the proxy and each side of it"
        } else if let Some((_, what)) = not_copied {
            what
        } else if name.starts_with("content-") {
            "describes the answer of the auth service"
        } else {
            return Some(Arc::<str>::from(name));
        };
        problems.push(
            Diagnostic::error(&value.span, format!("`{text}` {what}")).expected("expected a name as `Remote-User`"),
        );
        None
    })?;
    Some(names.into_iter().map(|name| name.value).collect())
}
