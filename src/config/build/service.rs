//! One checked service from the settings that hold for it.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use super::merge::Merged;
use super::parts;
use super::policy::{Surroundings, policy};
use crate::config::checked::{Bake, Drain, Health, Hold, Keepalive, Service};
use crate::config::policy::Policy;
use crate::config::read::auth::Wanted;
use crate::config::read::public::RawPublic;
use crate::config::read::settings::Settings;
use crate::config::slots::{Public, Slots};
use crate::config::text::raw::At;
use crate::config::text::report::Diagnostic;
use crate::config::text::units::format_duration;
use crate::model::files::Missing;
use crate::model::health::HealthPath;
use crate::model::ribbon::Ribbon;
use crate::model::slot::Address;

/// Builds the service. `None` when a key without a default is missing or could not be read.
pub(crate) fn build(merged: &Merged, around: Surroundings<'_>, problems: &mut Vec<Diagnostic>) -> Option<Service> {
    let settings = &merged.settings;
    let hosts = hosts(merged, problems);
    let slots = slots(merged, problems);
    let drain = Drain {
        requests: settings.drain_requests(),
        streams: settings.drain_streams(),
    };
    let policy = policy(settings, around, merged, problems);
    let parts = parts::build(merged, around, problems);
    warn_of_short_drain(merged, drain, policy.timeout.response, problems);
    let health = health(merged, hosts.as_deref(), problems);
    let missing = missing(merged, slots.as_ref(), problems);
    Some(Service {
        environment: Arc::clone(&merged.environment),
        name: Arc::clone(&merged.name),
        path: settings.path(),
        strip_prefix: settings.strip_prefix(),
        warmup: settings.warmup(),
        hold: Hold {
            period: settings.hold_for(),
            max_requests: settings.hold_max_requests(),
            max_bytes: settings.hold_max_bytes(),
        },
        drain,
        bake: bake(settings),
        keepalive: Keepalive {
            idle: settings.keepalive_idle(),
            reuse: settings.keepalive_reuse(),
        },
        vouched: vouched(std::iter::once(&policy).chain(&parts.policies)),
        policy,
        parts,
        missing,
        public: public(merged, slots.as_ref(), problems),
        // Its environment knows.
        sleeps: false,
        stale_keep: settings.stale_assets().keep.flatten(),
        stale_assets: settings.stale_assets().paths.unwrap_or_default(),
        tls: merged.tls(around.folder),
        label: settings.label().cloned(),
        label_ribbon: settings
            .label()
            .filter(|_| settings.label_ribbon())
            .map(|label| Ribbon::new(label)),
        log_query: settings.log_query(),
        error_pages: around.error_pages.of(&settings.error_pages()),
        health: health?,
        hosts: hosts?,
        slots: slots?,
    })
}

/// Every name that an auth service of the service or of a part answers with. What a client proves itself with is its own to say wherever
/// nobody is asked.
fn vouched<'p>(policies: impl Iterator<Item = &'p Policy>) -> Vec<Arc<str>> {
    let copied = policies.filter_map(|policy| policy.auth.forward.as_ref());
    let mut names: Vec<Arc<str>> = copied.flat_map(|forward| forward.copy.iter().cloned()).collect();
    names.sort_unstable();
    names.dedup();
    names.retain(|name| !matches!(&**name, "authorization" | "cookie"));
    names
}

fn hosts(merged: &Merged, problems: &mut Vec<Diagnostic>) -> Option<Vec<Arc<str>>> {
    if merged.settings.seen("host").is_none() {
        let title = merged.title();
        problems.push(
            Diagnostic::error(&merged.span, format!("{title} has no `host`"))
                .expected("expected `host` in this table")
                .hint("write `host = \"example.com\"`"),
        );
    }
    let hosts = merged.settings.host()?;
    Some(hosts.iter().map(|host| Arc::clone(&host.value)).collect())
}

fn slots(merged: &Merged, problems: &mut Vec<Diagnostic>) -> Option<Slots> {
    let settings = &merged.settings;
    let plain =
        |addresses: &[At<Address>]| -> Vec<Address> { addresses.iter().map(|address| address.value.clone()).collect() };
    let title = merged.title();
    let lonely = |span, has: &str, lacks: &str| {
        Diagnostic::error(span, format!("{title} has `{has}` but no `{lacks}`"))
            .expected(format!("`{lacks}` is missing beside this"))
            .hint(format!(
                "write `{lacks} = PORT`; a service that is never swapped says `upstream` instead"
            ))
    };
    match (settings.seen("upstream"), settings.seen("blue"), settings.seen("green")) {
        (None, None, None) => {
            problems.push(
                Diagnostic::error(&merged.span, format!("{title} does not say where it runs"))
                    .expected("expected `upstream`, or `blue` and `green`, in this table")
                    .hint("write `blue = 3000` and `green = 3001`, or `upstream = 3000` for what is never swapped"),
            );
            None
        }
        (Some(upstream), Some(colour), _) | (Some(upstream), None, Some(colour)) => {
            problems.push(
                Diagnostic::error(upstream, format!("{title} has `upstream` beside `blue` or `green`"))
                    .expected("one slot here")
                    .related(colour, "a colour here")
                    .hint("a service has `blue` and `green`, or only `upstream`"),
            );
            None
        }
        (None, Some(blue), None) => {
            problems.push(lonely(blue, "blue", "green"));
            None
        }
        (None, None, Some(green)) => {
            problems.push(lonely(green, "green", "blue"));
            None
        }
        (Some(_), None, None) => settings.upstream().map(|only| Slots::Single(plain(only))),
        (None, Some(_), Some(_)) => match (settings.blue(), settings.green()) {
            (Some(blue), Some(green)) => Some(Slots::Pair {
                blue: plain(blue),
                green: plain(green),
            }),
            (Some(_) | None, _) => None,
        },
    }
}

/// What a folder answers for what it does not have; asked for where a slot is one.
fn missing(merged: &Merged, slots: Option<&Slots>, problems: &mut Vec<Diagnostic>) -> Missing {
    let settings = &merged.settings;
    if !slots.is_some_and(Slots::has_folder) {
        return Missing::Nothing;
    }
    match (settings.files_fallback(), settings.files_not_found()) {
        (Wanted::Nothing, Wanted::Nothing) => Missing::Nothing,
        (Wanted::This(file), Wanted::Nothing) => Missing::Fallback(file),
        (Wanted::Nothing, Wanted::This(file)) => Missing::Page(file),
        (Wanted::This(_), Wanted::This(_)) => {
            let (fallback, not_found) = (settings.seen("files.fallback"), settings.seen("files.not_found"));
            if let (Some(fallback), Some(not_found)) = (fallback, not_found) {
                problems.push(
                    Diagnostic::error(fallback, "`files.fallback` stands beside `files.not_found`")
                        .expected("with this, nothing is ever missing")
                        .related(not_found, "never shown")
                        .hint("one of them is enough; `\"off\"` takes away what a table further away has set"),
                );
            }
            Missing::Nothing
        }
    }
}

/// The folders that are looked into before the app.
fn public(merged: &Merged, slots: Option<&Slots>, problems: &mut Vec<Diagnostic>) -> Option<Public> {
    let Wanted::This(RawPublic { public, .. }) = merged.settings.public() else {
        return None;
    };
    if matches!((&public, slots), (Public::Each { .. }, Some(Slots::Single(_))))
        && let Some(span) = merged.settings.seen("public")
    {
        problems.push(
            Diagnostic::error(
                span,
                format!("`public` has a folder for each colour, and {} has none", merged.title()),
            )
            .expected("expected one folder")
            .hint("write `public = \"/srv/site/public\"`"),
        );
        return None;
    }
    Some(public)
}

fn health(merged: &Merged, hosts: Option<&[Arc<str>]>, problems: &mut Vec<Diagnostic>) -> Option<Health> {
    let settings = &merged.settings;
    let host = match (settings.health_host(), hosts) {
        (Some(host), _) => host.to_string(),
        (None, None) => return None,
        (None, Some(hosts)) => match hosts.iter().find(|host| !host.starts_with("*.")) {
            Some(host) => host.to_string(),
            None => {
                let span = settings.seen("host").unwrap_or(&merged.span);
                problems.push(
                    Diagnostic::error(span, "with wildcards alone a probe does not know which host to ask for")
                        .expected("no host without `*` here")
                        .hint("write `health.host = \"www.example.com\"`, a host that the app answers to"),
                );
                return None;
            }
        },
    };
    refuse_body_without_content(settings, problems);
    Some(Health {
        path: match &settings.health_path {
            Some(path) => HealthPath::from(&*path.value),
            None => HealthPath::new(settings.health_path(), root(settings)),
        },
        status: settings.health_status(),
        host,
        body: settings.health_body().cloned(),
        version: settings.health_version().cloned(),
        interval: settings.health_interval(),
        timeout: settings.health_timeout(),
        passes: settings.health_passes(),
        deadline: settings.health_deadline(),
    })
}

/// The page of a folder that clients come to first, as the folder is asked for it.
fn root(settings: &Settings) -> String {
    let path = settings.path();
    let prefix = if settings.strip_prefix() { "" } else { &*path };
    format!("{}/", prefix.trim_end_matches('/'))
}

/// Refuses statuses whose responses have no content (RFC 9110 §15.3.5, §15.3.6, §15.4.5) beside a text that the content has to
/// contain: they could never pass.
fn refuse_body_without_content(settings: &Settings, problems: &mut Vec<Diagnostic>) {
    let (Some(span), Some(_)) = (settings.seen("health.status"), settings.health_body()) else {
        return;
    };
    let statuses = settings.health_status();
    let is_empty = |&(low, high): &(u16, u16)| (low..=high).all(|status| matches!(status, 204 | 205 | 304));
    let Some((status, _)) = statuses.0.iter().copied().find(is_empty) else {
        return;
    };
    let mut diagnostic = Diagnostic::error(
        span,
        format!("`health.status` counts {status}, whose answers are empty, and `health.body` asks for a text in them"),
    )
    .expected("this can never pass")
    .hint(format!("take {status} out of `health.status`, or `health.body` away"));
    if let Some(body) = settings.seen("health.body") {
        diagnostic = diagnostic.related(body, "the text is asked for here");
    }
    problems.push(diagnostic);
}

fn bake(settings: &Settings) -> Option<Bake> {
    let period = settings.bake_for();
    let max_error_rate = settings.bake_max_error_rate();
    (!period.is_zero()).then_some(Bake { period, max_error_rate })
}

/// Warns of a drain that is shorter than `timeout.response`: it would cut off a request that was sent just before a
/// swap.
fn warn_of_short_drain(merged: &Merged, drain: Drain, response: Duration, problems: &mut Vec<Diagnostic>) {
    let of_parts = merged.parts.iter().flat_map(|parts| &parts.value);
    let of_parts = of_parts.filter_map(|part| {
        let response = part.settings.timeout_response.as_ref()?.value;
        Some((part.settings.seen("timeout.response"), response))
    });
    let of_service = (merged.settings.seen("timeout.response"), response);
    for (written, response) in std::iter::once(of_service).chain(of_parts) {
        if drain.requests < response {
            warn_of_cut(merged, drain, (written, response), problems);
        }
    }
}

fn warn_of_cut(
    merged: &Merged,
    drain: Drain,
    (written, response): (Option<&Range<usize>>, Duration),
    problems: &mut Vec<Diagnostic>,
) {
    let (span, other) = match (merged.settings.seen("drain.requests"), written) {
        (Some(drain), other) => (drain, other),
        (None, Some(response)) => (response, None),
        (None, None) => return,
    };
    let (drain, response) = (format_duration(drain.requests), format_duration(response));
    let mut warning = Diagnostic::warning(
        span,
        format!("`drain.requests` ({drain}) is shorter than `timeout.response` ({response})"),
    )
    .hint("a request that was sent just before a swap may be cut off while it still waits for its answer");
    if let Some(other) = other {
        warning = warning.related(other, "answers may take this long");
    }
    problems.push(warning);
}
