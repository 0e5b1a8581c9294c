//! `headers.*` and `cache`: what is changed of fields.

use std::sync::Arc;

use super::auth::Wanted;
use super::plain::{self, Problems};
use crate::config::policy::{Cache, HeaderRule};
use crate::config::text::raw::{At, Entry, Kind, Value};
use crate::config::text::report::Diagnostic;
use crate::config::text::{units, words};
use crate::http1::head::is_token;
use crate::model::header_value::{Placeholder, Template};
use crate::model::template::Placeholders as _;

/// What one table says, name by name.
pub(crate) type Rules = Vec<At<HeaderRule>>;

const TABLE: &str = "names with values, as `{ X-Frame-Options = \"DENY\" }`";
const CACHE: &str = "`\"immutable\"`, `\"no-store\"`, a duration as `\"1h\"`, or `\"off\"`";
/// The longest value.
const LONGEST: usize = 4096;

/// Names that say something of one connection, or of how a message is framed on it (RFC 9110 §7.6.1, §6.4).
pub(super) const OF_A_CONNECTION: [&str; 10] = [
    "connection",
    "content-length",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Reads `headers.request`.
pub(crate) fn request(key: &str, value: &Value, problems: &mut Problems) -> Option<Rules> {
    rules(key, value, problems, |name, span_of, problems| {
        let Entry { key: written, value } = span_of;
        match name {
            "expect" => problems.push(
                Diagnostic::error(&written.span, "`Expect` is between the proxy and each side of it")
                    .expected("expected another name"),
            ),
            "host" if matches!(&value.kind, Kind::Text(text) if text.is_empty()) => problems.push(
                Diagnostic::error(&value.span, "a request without `Host` is none (RFC 9112 §3.2)")
                    .expected("expected a value"),
            ),
            _ => return true,
        }
        false
    })
}

/// Reads `headers.response`.
pub(crate) fn response(key: &str, value: &Value, problems: &mut Problems) -> Option<Rules> {
    rules(key, value, problems, |_, _, _| true)
}

/// The rules of a nearer table over those of one further away, name by name.
pub(crate) fn over(near: Option<&At<Rules>>, far: Option<&At<Rules>>) -> Option<At<Rules>> {
    let (Some(near), Some(far)) = (near, far) else {
        return near.or(far).cloned();
    };
    let is_new = |rule: &&At<HeaderRule>| near.value.iter().all(|other| other.value.name != rule.value.name);
    let kept = far.value.iter().filter(is_new);
    Some(At {
        value: kept.chain(&near.value).cloned().collect(),
        span: near.span.clone(),
    })
}

fn rules(
    key: &str,
    value: &Value,
    problems: &mut Problems,
    mut may: impl FnMut(&str, &Entry, &mut Problems) -> bool,
) -> Option<Rules> {
    let Kind::Table(table) = &value.kind else {
        problems.push(plain::mismatch(key, value, "a table", TABLE));
        return None;
    };
    let mut rules: Rules = Vec::new();
    for entry in &table.entries {
        let name = entry.key.value.to_ascii_lowercase();
        if !is_name(&name, entry, problems) || !may(&name, entry, problems) {
            continue;
        }
        if let Some(first) = rules.iter().find(|rule| *rule.value.name == *name) {
            problems.push(
                Diagnostic::error(&entry.key.span, format!("`{}` stands here twice", entry.key.value))
                    .expected("names are the same in any case")
                    .related(&first.span, "first here"),
            );
            continue;
        }
        let path = format!("{key}.{}", entry.key.value);
        if let Some(template) = template(&path, &entry.value, problems) {
            let rule = HeaderRule {
                name: Arc::from(name),
                value: template,
            };
            rules.push(entry.value.at(rule));
        }
    }
    Some(rules)
}

fn is_name(name: &str, entry: &Entry, problems: &mut Problems) -> bool {
    let written = &entry.key;
    let diagnostic = if !is_token(name.as_bytes()) {
        Diagnostic::error(&written.span, format!("`{}` is not the name of a field", written.value))
            .expected("expected a name as `X-Frame-Options`")
    } else if OF_A_CONNECTION.contains(&name) {
        Diagnostic::error(
            &written.span,
            format!("`{}` is between the proxy and each side of it", written.value),
        )
        .expected("expected a name that belongs to the message and not to one connection")
    } else {
        return true;
    };
    problems.push(diagnostic);
    false
}

/// The value; `Some(None)` for one that takes the field away.
#[expect(
    clippy::option_option,
    reason = "no value could be read, no value is wanted, a value"
)]
fn template(key: &str, value: &Value, problems: &mut Problems) -> Option<Option<Template>> {
    let Kind::Text(text) = &value.kind else {
        let expected = "a text in quotes; `\"\"` takes the field away";
        problems.push(plain::mismatch(key, value, "a text", expected));
        return None;
    };
    if text.is_empty() {
        return Some(None);
    }
    let refuse = |what: &str| Diagnostic::error(&value.span, format!("`{key}` {what}"));
    if let Some(control) = text.chars().find(|char| char.is_control() && *char != '\t') {
        let what = if matches!(control, '\r' | '\n') {
            "has a line break"
        } else {
            "has a control character"
        };
        problems.push(refuse(what).expected("expected a value of one line"));
        return None;
    }
    if text.trim() != text {
        problems.push(refuse("begins or ends with a blank").expected("blanks around a value do not reach anybody"));
        return None;
    }
    if text.len() > LONGEST {
        problems.push(refuse("is longer than 4 KiB").expected("expected a shorter value"));
        return None;
    }
    match Template::parse(text) {
        Ok(template) => Some(Some(template)),
        Err(unknown) => {
            let names: Vec<String> = Placeholder::names().map(|name| format!("{{{name}}}")).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let diagnostic = Diagnostic::error(&value.span, format!("nothing is known as `{{{unknown}}}`"));
            problems.push(match words::nearest(&unknown, Placeholder::names()) {
                Some(near) => diagnostic.hint(format!("did you mean `{{{near}}}`?")),
                None => diagnostic.expected(format!("expected {}", words::one_of(&names))),
            });
            None
        }
    }
}

/// Reads `cache`.
pub(crate) fn cache(key: &str, value: &Value, problems: &mut Problems) -> Option<Wanted<Cache>> {
    if plain::is_off(key, value, "a text", CACHE, problems)? {
        return Some(Wanted::Nothing);
    }
    let Kind::Text(text) = &value.kind else {
        problems.push(plain::mismatch(key, value, "a text", CACHE));
        return None;
    };
    let cache = match text.as_str() {
        "immutable" => Cache::Immutable,
        "no-store" => Cache::NoStore,
        _ => match units::parse_duration(text) {
            Ok(time) => Cache::For(time),
            Err(_) => {
                let diagnostic = Diagnostic::error(&value.span, format!("`{key}` cannot be `{text}`"))
                    .expected(format!("expected {CACHE}"));
                problems.push(match words::nearest(text, ["immutable", "no-store"]) {
                    Some(near) => diagnostic.hint(format!("did you mean `\"{near}\"`?")),
                    None => diagnostic.hint("`headers.response.Cache-Control` takes any value"),
                });
                return None;
            }
        },
    };
    Some(Wanted::This(cache))
}
