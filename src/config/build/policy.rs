//! What a request is under, from the settings that hold for it.

use std::path::Path;

use crate::config::checked::{Acme, Tls};
use crate::config::policy::{Auth, HeaderRule, Limits, Policy, Scope, SecurityHeaders, Timeouts};
use crate::config::read::headers::Rules;
use crate::config::read::settings::Settings;
use crate::model::rate::Rate;

/// What stands beside the services in the file, and around it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Surroundings<'a> {
    /// Where relative paths start.
    pub(crate) folder: &'a Path,
    /// Who signs certificates.
    pub(crate) acme: &'a Acme,
}

/// The policy that these settings say. `scope` says what a limit counts by the table that its key stands in.
pub(crate) fn policy(settings: &Settings, around: Surroundings<'_>, scope: impl Fn(&str) -> Scope) -> Policy {
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
            concurrent: concurrent.map(|most| (most, scope("limit.concurrent"))),
            rate: rate.map(|rate| (rate, scope("limit.rate"))),
        },
        auth: Auth {
            basic: settings.auth_basic().in_folder(around.folder),
            allow: settings.auth_allow().as_ref().cloned(),
            except: settings.auth_except(),
        },
        log: settings.log(),
        request_headers: rules(&settings.headers_request()),
        response_headers: rules(&settings.headers_response()),
        security_headers: settings.security_headers().then(|| SecurityHeaders {
            strict_transport: is_trusted(&settings.tls().in_folder(around.folder), around.acme),
        }),
        cache: settings.cache().as_ref().copied(),
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
