//! What a request is under, from the settings that hold for it.

use std::path::Path;
use std::sync::Arc;

use super::error_pages::Folders;
use super::merge::Merged;
use crate::config::checked::{Acme, Tls};
use crate::config::policy::{Auth, Forward, HeaderRule, Limits, Policy, Redirection, Scope, SecurityHeaders, Timeouts};
use crate::config::read::compress::RawCompress;
use crate::config::read::headers::Rules;
use crate::config::read::settings::Settings;
use crate::config::text::report::Diagnostic;
use crate::model::rate::Rate;

/// What stands beside the services in the file, and around it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Surroundings<'a> {
    /// Where relative paths start.
    pub(crate) folder: &'a Path,
    /// Who signs certificates.
    pub(crate) acme: &'a Acme,
    /// The folders of error pages.
    pub(crate) error_pages: &'a Folders,
}

/// What a policy has to know of the table that a key stands in.
pub(crate) trait Standing {
    /// What a limit counts whose key this is.
    fn scope(&self, key: &str) -> Scope;
    /// The prefix that a path has matched there: what `redirect` and `rewrite` take the place of.
    fn prefix(&self, key: &str) -> Arc<str>;
}

/// The policy that these settings say.
pub(crate) fn policy(
    settings: &Settings,
    around: Surroundings<'_>,
    standing: &impl Standing,
    problems: &mut Vec<Diagnostic>,
) -> Policy {
    refuse_two_gates(settings, problems);
    let redirect = settings.redirect();
    let rewrite = settings.rewrite();
    let rate = settings.limit_rate().map(|(requests, period)| Rate {
        requests,
        period,
        burst: settings.limit_burst().copied().unwrap_or(requests),
    });
    let concurrent = settings.limit_concurrent();
    Policy {
        timeout: Timeouts {
            connect: settings.timeout_connect(),
            response: settings.timeout_response(),
            idle: settings.timeout_idle(),
            stream: settings.timeout_stream(),
        },
        limit_body: settings.limit_body(),
        limits: Limits {
            concurrent: concurrent.map(|most| (most, standing.scope("limit.concurrent"))),
            rate: rate.map(|rate| (rate, standing.scope("limit.rate"))),
        },
        auth: Auth {
            basic: settings.auth_basic().in_folder(around.folder),
            allow: settings.auth_allow().as_ref().cloned(),
            except: settings.auth_except(),
            forward: forward(settings, problems).map(Arc::new),
        },
        log: settings.log(),
        compress: settings.compress().map(RawCompress::complete),
        request_headers: rules(&settings.headers_request()),
        response_headers: rules(&settings.headers_response()),
        security_headers: settings.security_headers().then(|| SecurityHeaders {
            strict_transport: is_trusted(&settings.tls().in_folder(around.folder), around.acme),
        }),
        cache: settings.cache().as_ref().copied(),
        redirect: redirect.as_ref().map(|redirect| Redirection {
            to: redirect.to.behind(&standing.prefix("redirect")),
            status: redirect.status,
        }),
        rewrite: rewrite
            .as_ref()
            .map(|target| target.behind(&standing.prefix("rewrite"))),
    }
}

/// Who is asked whether requests may pass.
fn forward(settings: &Settings, problems: &mut Vec<Diagnostic>) -> Option<Forward> {
    let forward = settings.auth_forward()?.as_ref()?.complete();
    if let (None, Some(span)) = (&forward, settings.place("auth.forward")) {
        problems.push(
            Diagnostic::error(span, "`auth.forward` does not say who is asked")
                .expected("expected `url` in this table, or in one further away")
                .hint("write `url = \"http://127.0.0.1:4180/\"`"),
        );
    }
    forward
}

/// Refuses a password beside an auth service: a request has one `Authorization`, and each of the two would read it as its own.
fn refuse_two_gates(settings: &Settings, problems: &mut Vec<Diagnostic>) {
    let (Some(basic), Some(forward)) = (&settings.auth_basic, &settings.auth_forward) else {
        return;
    };
    if basic.value.as_ref().is_some() && forward.value.as_ref().is_some() {
        problems.push(
            Diagnostic::error(
                &forward.span,
                "`auth.forward` and `auth.basic` hold for the same requests",
            )
            .expected("expected one of them")
            .related(&basic.span, "`auth.basic` here")
            .hint("`auth.basic = \"off\"` beside `auth.forward` takes it away"),
        );
    }
}

fn rules(written: &Rules) -> Vec<HeaderRule> {
    written.iter().map(|rule| rule.value.clone()).collect()
}

/// Whether the browsers of strangers trust a certificate from there. Until a public CA has signed, one of the local CA stands in; over that
/// they do not listen to what HSTS says (RFC 6797 §8.1).
fn is_trusted(tls: &Tls, acme: &Acme) -> bool {
    match tls {
        Tls::Files { .. } => true,
        Tls::Acme => acme.root.is_none(),
        Tls::Internal | Tls::Off => false,
    }
}

impl Standing for Merged {
    fn scope(&self, key: &str) -> Scope {
        match self.own.seen(key) {
            Some(_) => Scope::Service,
            None => Scope::Environment,
        }
    }

    fn prefix(&self, _: &str) -> Arc<str> {
        self.settings.path()
    }
}
