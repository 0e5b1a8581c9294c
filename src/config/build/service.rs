//! One service: what its tables say, and the defaults for what they do not.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::merge::Merged;
use crate::config::checked::{Bake, Drain, Health, Hold, Keepalive, Reuse, Service, Slots, StatusRange, Timeouts, Tls};
use crate::config::read::settings::Settings;
use crate::config::read::tls::RawTls;
use crate::config::text::raw::At;
use crate::config::text::report::Diagnostic;
use crate::config::text::units::format_duration;
use crate::model::slot::Address;

impl Merged {
    /// Its hosts, each where it stands.
    pub(crate) fn hosts(&self) -> &[At<Arc<str>>] {
        self.settings.host.as_ref().map_or(&[], |hosts| &hosts.value)
    }

    /// Its path prefix.
    pub(crate) fn path(&self) -> &str {
        self.settings.path.as_ref().map_or("/", |path| &path.value)
    }

    /// Where its certificate comes from; files are relative to `folder`.
    pub(crate) fn tls(&self, folder: &Path) -> Tls {
        or(self.settings.tls.as_ref(), RawTls::Acme).in_folder(folder)
    }

    /// `` `web` of `prod` ``; in the short form the service has no name of its own.
    pub(crate) fn title(&self) -> String {
        if self.environment == self.name {
            format!("`{}`", self.environment)
        } else {
            format!("`{}` of `{}`", self.name, self.environment)
        }
    }
}

/// Fills in the defaults. `None` when something that has none is missing or could not be read.
pub(crate) fn build(merged: &Merged, folder: &Path, problems: &mut Vec<Diagnostic>) -> Option<Service> {
    let settings = &merged.settings;
    let hosts = hosts(merged, problems);
    let slots = slots(merged, problems);
    let drain = Drain {
        requests: or(settings.drain_requests.as_ref(), Duration::from_secs(60)),
        streams: or(settings.drain_streams.as_ref(), Duration::from_secs(300)),
    };
    let timeout = Timeouts {
        connect: or(settings.timeout_connect.as_ref(), Duration::from_secs(4)),
        response: or(settings.timeout_response.as_ref(), Duration::from_secs(60)),
        idle: or(settings.timeout_idle.as_ref(), Duration::from_secs(60)),
        stream: or(settings.timeout_stream.as_ref(), Duration::from_secs(3600)),
    };
    warn_of_short_drain(merged, drain, timeout, problems);
    let health = health(merged, hosts.as_deref(), problems);
    Some(Service {
        environment: Arc::clone(&merged.environment),
        name: Arc::clone(&merged.name),
        path: merged.path().into(),
        strip_prefix: or(settings.strip_prefix.as_ref(), false),
        warmup: or(settings.warmup.as_ref(), Vec::new()),
        hold: Hold {
            period: or(settings.hold_for.as_ref(), Duration::from_secs(30)),
            max_requests: or(settings.hold_max_requests.as_ref(), 1000),
            max_bytes: or(settings.hold_max_bytes.as_ref(), 64 << 20),
        },
        drain,
        bake: bake(settings),
        keepalive: Keepalive {
            idle: or(settings.keepalive_idle.as_ref(), Duration::from_secs(4)),
            reuse: or(settings.keepalive_reuse.as_ref(), Reuse::Safe),
        },
        timeout,
        limit_body: or(settings.limit_body.as_ref(), 100 << 20),
        stale_assets: or(settings.stale_assets.as_ref(), Vec::new()),
        tls: merged.tls(folder),
        label: settings.label.as_ref().map(|label| label.value.as_str().into()),
        log: or(settings.log.as_ref(), true),
        health: health?,
        hosts: hosts?,
        slots: slots?,
    })
}

fn or<T: Clone>(written: Option<&At<T>>, default: T) -> T {
    written.map_or(default, |written| written.value.clone())
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
    let hosts = merged.settings.host.as_ref()?;
    Some(hosts.value.iter().map(|host| Arc::clone(&host.value)).collect())
}

fn slots(merged: &Merged, problems: &mut Vec<Diagnostic>) -> Option<Slots> {
    let settings = &merged.settings;
    let plain = |addresses: &At<Vec<At<Address>>>| -> Vec<Address> {
        addresses.value.iter().map(|address| address.value.clone()).collect()
    };
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
        (Some(_), None, None) => settings.upstream.as_ref().map(|only| Slots::Single(plain(only))),
        (None, Some(_), Some(_)) => match (&settings.blue, &settings.green) {
            (Some(blue), Some(green)) => Some(Slots::Pair {
                blue: plain(blue),
                green: plain(green),
            }),
            (Some(_) | None, _) => None,
        },
    }
}

fn health(merged: &Merged, hosts: Option<&[Arc<str>]>, problems: &mut Vec<Diagnostic>) -> Option<Health> {
    let settings = &merged.settings;
    let host = match (&settings.health_host, hosts) {
        (Some(host), _) => host.value.to_string(),
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
    Some(Health {
        path: or(settings.health_path.as_ref(), "/health".into()),
        status: or(settings.health_status.as_ref(), StatusRange(vec![(200, 299)])),
        host,
        body: settings.health_body.as_ref().map(|body| body.value.clone()),
        version: settings.health_version.as_ref().map(|version| version.value.clone()),
        interval: or(settings.health_interval.as_ref(), Duration::from_millis(500)),
        timeout: or(settings.health_timeout.as_ref(), Duration::from_secs(5)),
        passes: or(settings.health_passes.as_ref(), 3),
        deadline: or(settings.health_deadline.as_ref(), Duration::from_secs(60)),
    })
}

fn bake(settings: &Settings) -> Option<Bake> {
    let period = settings.bake_for.as_ref()?.value;
    let max_error_rate = or(settings.bake_max_error_rate.as_ref(), 0.05);
    (!period.is_zero()).then_some(Bake { period, max_error_rate })
}

/// A request that is sent just before a swap may wait as long as `timeout.response`; a shorter drain cuts it off.
fn warn_of_short_drain(merged: &Merged, drain: Drain, timeout: Timeouts, problems: &mut Vec<Diagnostic>) {
    if drain.requests >= timeout.response {
        return;
    }
    let written = |key| merged.settings.seen(key);
    let (span, other) = match (written("drain.requests"), written("timeout.response")) {
        (Some(drain), other) => (drain, other),
        (None, Some(response)) => (response, None),
        (None, None) => return,
    };
    let (drain, response) = (format_duration(drain.requests), format_duration(timeout.response));
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
