//! `proxy_pass` and `auth_request`: which app is asked, and with which path.

use super::http::Http;
use super::level::Level;
use crate::import::directive::Directive;
use crate::import::draft::{Note, Settings, Slots, Target};
use crate::import::spell;
use crate::import::value::{Value, dotted};

/// Who answers behind a `proxy_pass`, and what becomes of the path.
pub(super) fn pass(
    http: &Http,
    pass: &Directive,
    paths: &[String],
    strip: bool,
    level: &mut Level,
    settings: &mut Settings,
) -> Target {
    let mut url = pass.arg(0).to_owned();
    for (name, value) in &level.variables {
        url = url
            .replace(&format!("${{{}}}", name.trim_start_matches('$')), value)
            .replace(name, value);
    }
    let uri = uri(&url);
    let own = paths.first().map_or("/", String::as_str);
    let below = own.trim_end_matches('/');
    let (strip, rewrite) = match uri {
        None => (strip, None),
        Some("/") => (!below.is_empty(), None),
        // The same path again changes nothing.
        Some(uri) if uri.trim_end_matches('/') == below => (false, None),
        Some(uri) => (false, Some(format!("{}/*", uri.trim_end_matches('/')))),
    };
    if let Some(rewrite) = rewrite {
        settings.set("rewrite", Value::Text(rewrite));
    }
    let target = http.target(&url, strip);
    match &target.slots {
        Slots::Nothing(why) => level.look(pass, why.clone()),
        Slots::Upstream(_) | Slots::Pair { .. } | Slots::Folder(_) => level.carry(),
    }
    if let (Slots::Pair { .. }, true) = (&target.slots, url.contains("green")) {
        level.notes.push(Note {
            place: pass.place,
            what: "nginx passes to green".to_owned(),
            nearest: "at the first start blue is live: `proxyctl swap ENV --to green` makes green it".to_owned(),
        });
    }
    target
}

/// What `auth.forward` says, where a location of this path is passed to an app.
pub(super) fn forwarded(http: &Http, path: &str, pass: Option<&Directive>, level: &mut Level) -> Option<Value> {
    let url = pass?.arg(0);
    let target = http.target(url, false);
    let address = match &target.slots {
        Slots::Upstream(addresses) => addresses.first()?.clone(),
        Slots::Pair { .. } | Slots::Folder(_) | Slots::Nothing(_) => return None,
    };
    // Without a path of its own, `proxy_pass` hands the location's on.
    let asked = uri(url).unwrap_or(path).replace("$request_uri", "");
    let mut table = vec![("url", Value::Text(spell::auth_service(&address, &asked)))];
    let copy = copied(level);
    if !copy.is_empty() {
        table.push(("copy", Value::List(copy.into_iter().map(Value::Text).collect())));
    }
    Some(Value::Table(table))
}

/// The fields that an app is told from the answer of who was asked.
fn copied(level: &mut Level) -> Vec<String> {
    let mut copied = Vec::new();
    for (name, variable, place, shown) in std::mem::take(&mut level.told) {
        let source = level
            .variables
            .get(&variable)
            .and_then(|from| from.strip_prefix("$upstream_http_"));
        let wanted = name.to_ascii_lowercase().replace('-', "_");
        match source {
            Some(source) if source == wanted => copied.push(name),
            Some(source) => level.notes.push(Note {
                place,
                what: format!("`{shown}`"),
                nearest: format!("`copy` of `auth.forward` keeps names: `{}`", source.replace('_', "-")),
            }),
            None => {
                if let Some(text) = level.variables.get(&variable).cloned() {
                    level.settings.set(&dotted("headers.request", &name), Value::Text(text));
                }
            }
        }
    }
    copied
}

/// The path of a `proxy_pass`, if it has one.
fn uri(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    match rest.strip_prefix("unix:") {
        Some(rest) => rest.split_once(':').map(|(_, uri)| uri).filter(|uri| !uri.is_empty()),
        None => rest.find('/').map(|at| &rest[at..]),
    }
}
