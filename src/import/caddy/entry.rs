//! Who may enter: `respond` and `abort` that keep clients out, `forward_auth`, `basic_auth`.

use super::matcher::Matcher;
use super::scope::{Scope, prefixes};
use super::words;
use crate::import::directive::Directive;
use crate::import::draft::{Note, Settings, Slots};
use crate::import::spell;
use crate::import::value::Value;

impl Scope {
    /// `respond`, `abort` and `error`: what keeps clients out is carried over, an answer is not.
    pub(super) fn respond(&mut self, directive: &Directive, matcher: Matcher, args: &[String]) {
        let keeps_out = directive.name == "abort"
            || args
                .iter()
                .any(|arg| matches!(arg.as_str(), "403" | "401" | "404" | "410"));
        let allowed = match &matcher {
            Matcher::Outside(networks) if keeps_out => networks.clone(),
            Matcher::Paths(_) if keeps_out => vec!["127.0.0.1".to_owned(), "::1".to_owned()],
            _ => {
                self.look(
                    directive,
                    "an answer of its own is the app's to give, or a file's in `public`",
                );
                return;
            }
        };
        let is_everywhere = matches!(matcher, Matcher::Outside(_));
        let mut settings = Settings::default();
        let remark = (!is_everywhere).then(|| "for nobody but this machine".to_owned());
        settings.set_with(
            "auth.allow",
            Value::List(allowed.into_iter().map(Value::Text).collect()),
            remark,
        );
        let matcher = if is_everywhere { Matcher::All } else { matcher };
        self.set(directive, matcher, settings);
    }

    pub(super) fn forward(&mut self, directive: &Directive, matcher: Matcher, args: &[String]) {
        let slots = words::slots(args.iter().take(1));
        let uri = directive
            .below()
            .iter()
            .find(|inner| inner.name == "uri")
            .map_or("/", |uri| uri.arg(0));
        let address = match &slots {
            Slots::Upstream(addresses) => addresses.first().cloned().unwrap_or_default(),
            _ => {
                self.look(directive, "`auth.forward = { url = \"http://…\" }` asks an app");
                return;
            }
        };
        let mut table = vec![("url", Value::Text(spell::auth_service(&address, uri)))];
        let mut copied = Vec::new();
        for inner in directive.below() {
            match inner.name.as_str() {
                "uri" => {}
                "header_up" if is_told(inner) => self.carried += 1,
                "copy_headers" => {
                    let below = inner.below().iter().map(|line| &line.name);
                    copied.extend(inner.args.iter().chain(below).cloned());
                    self.carried += 1;
                }
                _ => self.look(
                    inner,
                    "the one that is asked is told method, scheme, host, URI and client",
                ),
            }
        }
        if copied.iter().any(|one| one.contains('>')) {
            self.look(directive, "`copy` of `auth.forward` keeps names");
            copied.retain(|one| !one.contains('>'));
        }
        if !copied.is_empty() {
            table.push(("copy", Value::List(copied.into_iter().map(Value::Text).collect())));
        }
        let mut settings = Settings::default();
        settings.set("auth.forward", Value::Table(table));
        self.set(directive, matcher, settings);
    }

    /// Passwords stand in a file here, which is to be made of these lines.
    pub(super) fn passwords(&mut self, directive: &Directive, matcher: Matcher, _args: &[String]) {
        let mut settings = Settings::default();
        let users: Vec<&Directive> = directive.below().iter().filter(|line| !line.args.is_empty()).collect();
        settings.set_with(
            "auth.basic",
            Value::text("users.htpasswd"),
            Some("made by `proxyctl passwd users.htpasswd NAME`".to_owned()),
        );
        for user in users {
            self.notes.push(Note {
                place: user.place,
                what: format!("the password of `{}`", user.name),
                nearest: "its hash, if it is one of bcrypt, may stand in the file of `auth.basic` as `NAME:HASH`"
                    .to_owned(),
            });
        }
        let matcher = match matcher {
            Matcher::Except(paths) => {
                let paths = prefixes(&paths).into_iter().map(Value::Text).collect();
                settings.set("auth.except", Value::List(paths));
                Matcher::All
            }
            other => other,
        };
        self.set(directive, matcher, settings);
    }
}

/// Whether an auth service is told this anyway.
fn is_told(header_up: &Directive) -> bool {
    let (name, value) = (header_up.arg(0).trim_start_matches('+'), header_up.arg(1));
    words::is_sent_anyway(name, value)
        || match name.to_ascii_lowercase().as_str() {
            "x-forwarded-uri" => matches!(value, "{uri}" | "{http.request.uri}"),
            "x-forwarded-method" => matches!(value, "{method}" | "{http.request.method}"),
            _ => false,
        }
}
