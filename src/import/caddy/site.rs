//! A site: its addresses, its certificate, and the routes of its directives.

use super::options::Options;
use super::scope::Scope;
use crate::import::directive::Directive;
use crate::import::draft::{Draft, NO_TLS, Note, Settings, Site};
use crate::import::reached::Reached;
use crate::import::source::Place;
use crate::import::value::Value;

/// Ports that sites name.
#[derive(Debug, Default)]
pub(super) struct Ports {
    plain: Vec<u16>,
    tls: Vec<u16>,
}

/// One address of a site.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Address {
    host: String,
    port: Option<u16>,
    is_plain: bool,
    path: String,
}

impl Ports {
    /// Says where to listen, if that is not the usual.
    pub(super) fn listen(mut self, options: &Options, reached: &Reached, draft: &mut Draft) {
        self.plain.extend(options.http_port);
        self.tls.extend(options.https_port);
        for (key, mut ports, usual) in [("http", self.plain, 80), ("https", self.tls, 443)] {
            ports.sort_unstable();
            ports.dedup();
            let host = if reached.listens_here() { "127.0.0.1" } else { "[::]" };
            if reached.listens_here() && ports.is_empty() {
                ports.push(usual);
            }
            if host != "[::]" || (!ports.is_empty() && ports != [usual]) {
                let addresses = ports.iter().map(|port| format!("{host}:{port}"));
                draft.server.set(key, Value::texts(addresses));
            }
        }
    }
}

/// Where a site listens.
pub(super) fn reached(directive: &Directive, options: &Options) -> Reached {
    let binds = directive.below().iter().filter(|one| one.name == "bind");
    let bound: Vec<&str> = binds.flat_map(|one| one.args.iter().map(String::as_str)).collect();
    match (bound.as_slice(), &options.reached) {
        ([], Some(reached)) => reached.clone(),
        ([], None) => Reached::everywhere(),
        (bound, _) => Reached::at(bound.iter().copied()),
    }
}

/// Reads a site into the draft.
pub(super) fn read(directive: &Directive, options: &Options, ports: &mut Ports, draft: &mut Draft) {
    draft.carried += 1;
    let words = std::iter::once(&directive.name).chain(&directive.args);
    let addresses: Vec<Address> = words
        .flat_map(|word| word.split(','))
        .filter(|word| !word.is_empty())
        .map(|word| address(word, options))
        .collect();
    let mut notes = Vec::new();
    let mut settings = Settings::default();
    let certificate: Vec<&Directive> = directive.below().iter().filter(|one| one.name == "tls").collect();
    for tls in &certificate {
        match self::tls(tls, draft) {
            Ok(Some(value)) => settings.set("tls", value),
            Ok(None) => {}
            Err(nearest) => notes.push(note(tls.place, tls.shown(), nearest)),
        }
        draft.carried += 1;
    }
    if settings.is_empty() && options.is_local {
        settings.set("tls", Value::text("internal"));
    }
    let rest: Vec<Directive> = directive
        .below()
        .iter()
        .filter(|one| one.name != "tls")
        .cloned()
        .collect();
    let mut scope = Scope::of_site(&rest);
    notes.append(&mut scope.notes);
    for is_plain in [false, true] {
        let of_kind: Vec<&Address> = addresses.iter().filter(|one| one.is_plain == is_plain).collect();
        if of_kind.is_empty() {
            continue;
        }
        let mut hosts: Vec<String> = Vec::new();
        for one in &of_kind {
            let known = if is_plain { &mut ports.plain } else { &mut ports.tls };
            known.extend(one.port);
            if one.host.is_empty() {
                let what = "this site answers to every name".to_owned();
                notes.push(Note {
                    place: directive.place,
                    what,
                    nearest: "name its hosts, `host = \"example.com\"`; others get 404".to_owned(),
                });
                hosts.push("localhost".to_owned());
            } else if one.host.contains('{') {
                let what = format!("`{}`", one.host);
                notes.push(Note {
                    place: directive.place,
                    what,
                    nearest: "name the host that the environment of Caddy does".to_owned(),
                });
                hosts.push("localhost".to_owned());
            } else if !hosts.contains(&one.host) {
                hosts.push(one.host.clone());
            }
            if !matches!(one.path.as_str(), "" | "/" | "/*") {
                notes.push(note(
                    directive.place,
                    one.path.clone(),
                    "`path` of a service takes a prefix",
                ));
            }
        }
        let mut settings = settings.clone();
        if is_plain {
            settings.set_with("tls", Value::text("off"), Some(NO_TLS.to_owned()));
        }
        push(
            &scope,
            directive.place,
            &hosts,
            &settings,
            std::mem::take(&mut notes),
            is_plain,
            draft,
        );
    }
    draft.notes.append(&mut notes);
    draft.carried += scope.carried + scope.hosts.iter().map(|(_, _, inner)| inner.carried).sum::<usize>();
}

fn note(place: Place, shown: String, nearest: &str) -> Note {
    Note {
        place,
        what: format!("`{shown}`"),
        nearest: nearest.to_owned(),
    }
}

/// A site, and one for each of the hosts that a matcher names in it.
fn push(
    scope: &Scope,
    place: Place,
    hosts: &[String],
    settings: &Settings,
    mut notes: Vec<Note>,
    plain: bool,
    draft: &mut Draft,
) {
    let settings = settings.under(&scope.settings);
    for (place, own, inner) in &scope.hosts {
        let mut said = inner.notes.clone();
        draft.redirects.extend(inner.elsewhere(own));
        if inner.routes.is_empty() {
            draft.notes.append(&mut said);
            continue;
        }
        draft.sites.push(Site {
            place: *place,
            hosts: own.clone(),
            settings: settings.under(&inner.settings),
            routes: inner.routes.clone(),
            kept: inner.kept.clone(),
            notes: said,
            plain,
        });
    }
    if scope.routes.iter().all(|route| route.target.is_none()) && scope.whole.is_some() {
        // From plain HTTP to the same host over TLS the proxy leads by itself.
        draft.redirects.extend(scope.elsewhere(hosts));
        draft.notes.append(&mut notes);
        return;
    }
    if scope.routes.is_empty() {
        draft.notes.append(&mut notes);
        return;
    }
    draft.sites.push(Site {
        place,
        hosts: hosts.to_vec(),
        settings,
        routes: scope.routes.clone(),
        kept: scope.kept.clone(),
        notes,
        plain,
    });
}

/// What `tls` says of the certificate; `None` where it is the usual one.
fn tls(directive: &Directive, draft: &mut Draft) -> Result<Option<Value>, &'static str> {
    for inner in directive.below() {
        match inner.name.as_str() {
            "dns" => return Err("`[acme] challenge = { dns = \"COMMAND\" }` runs a command of yours"),
            "on_demand" => {
                return Err("certificates are got for the hosts that stand in the file, before the first client");
            }
            "client_auth" => return Err("clients are not asked for certificates; `auth.basic` asks for passwords"),
            "protocols" | "ciphers" | "curves" | "alpn" | "reuse_private_keys" => {}
            "issuer" if inner.arg(0) == "internal" => return Ok(Some(Value::text("internal"))),
            "ca" | "issuer" | "eab" | "ca_root" => return Err("`[acme]` names the CA, for all hosts"),
            _ => return Err("it has no counterpart"),
        }
    }
    match directive.args.as_slice() {
        [] => Ok(None),
        [word] if word == "internal" => Ok(Some(Value::text("internal"))),
        [email] if email.contains('@') => {
            if draft.acme.get("email").is_none() {
                draft.acme.set("email", Value::text(email.as_str()));
            }
            Ok(None)
        }
        [cert, key] => Ok(Some(Value::Table(vec![
            ("cert", Value::text(cert.as_str())),
            ("key", Value::text(key.as_str())),
        ]))),
        _ => Err("`tls` is \"acme\", \"internal\", \"off\" or `{ cert = \"FILE\", key = \"FILE\" }`"),
    }
}

fn address(word: &str, options: &Options) -> Address {
    let (scheme, rest) = word.split_once("://").unwrap_or(("", word));
    let at = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(at);
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') && !port.contains('}') => (host, port.parse().ok()),
        Some(_) | None => (authority, None),
    };
    let http_port = options.http_port.unwrap_or(80);
    // A site without a host has no certificate, unless it says `https://`.
    let is_bare = host.is_empty() && scheme != "https" && port != Some(443);
    Address {
        host: host.to_ascii_lowercase(),
        port: port.filter(|port| *port != 0),
        is_plain: scheme == "http" || port == Some(http_port) || options.is_plain || is_bare,
        path: path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_whether_it_is_served_over_tls() {
        for (word, host, port, is_plain) in [
            ("example.com", "example.com", None, false),
            ("http://example.com", "example.com", None, true),
            ("example.com:8443", "example.com", Some(8443), false),
            ("example.com:80", "example.com", Some(80), true),
            (":8080", "", Some(8080), true),
            (":443", "", Some(443), false),
            ("https://", "", None, false),
            ("[::1]:8443", "[::1]", Some(8443), false),
            ("{$HOST}", "{$host}", None, false),
        ] {
            let found = address(word, &Options::default());
            assert_eq!(
                (found.host.as_str(), found.port, found.is_plain),
                (host, port, is_plain),
                "{word}"
            );
        }
    }
}
