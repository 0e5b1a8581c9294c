//! A checked configuration as keys and values again, in the words of the file, for what a reload shows. Types are
//! destructured, so that a new field cannot be forgotten.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use crate::config::checked::{
    Acme, Bake, Challenge, Drain, Eab, Health, Hold, Keepalive, Reuse, Service, StatusRange, Tls, VersionSource,
};
use crate::config::policy::{
    Auth, Cache, Forward, HeaderRule, Limits, Part, Parts, Policy, Redirection, Scope, SecurityHeaders, Timeouts,
    part_name,
};
use crate::config::slots::{Public, Slots};
use crate::config::text::units::{format_duration, format_rate, format_size};
use crate::model::compress::Compress;
use crate::model::error_pages::ErrorPages;
use crate::model::files::Missing;
use crate::model::log_query::LogQuery;
use crate::model::state::list;

/// Keys of the file, each with its value.
pub(crate) type Values = Vec<(Cow<'static, str>, String)>;

/// Every value of a service.
pub(crate) fn of_service(service: &Service) -> Values {
    let Service {
        environment: _,
        name: _,
        hosts,
        path,
        strip_prefix,
        slots,
        missing,
        public,
        health,
        warmup,
        hold: Hold {
            period: hold_for,
            max_requests,
            max_bytes,
        },
        drain: Drain { requests, streams },
        bake,
        keepalive: Keepalive { idle, reuse },
        policy,
        parts,
        vouched: _,
        stale_assets,
        stale_keep,
        tls: source,
        label,
        label_ribbon,
        log_query: of_queries,
        error_pages: pages,
        sleeps: _,
    } = service;
    let mut values = named([
        ("host", joined(hosts)),
        ("path", path.to_string()),
        ("strip_prefix", strip_prefix.to_string()),
    ]);
    match slots {
        Slots::Pair { blue, green } => values.extend(named([("blue", list(blue)), ("green", list(green))])),
        Slots::Single(only) => values.extend(named([("upstream", list(only))])),
    }
    match missing {
        Missing::Nothing => {}
        Missing::Fallback(path) => values.extend(named([("files.fallback", path.to_string())])),
        Missing::Page(path) => values.extend(named([("files.not_found", path.to_string())])),
    }
    match public {
        None => {}
        Some(Public::Same(path)) => values.extend(named([("public", path.display().to_string())])),
        Some(Public::Each { blue, green }) => values.extend(named([
            ("public.blue", blue.display().to_string()),
            ("public.green", green.display().to_string()),
        ])),
    }
    values.extend(of_health(health, slots));
    values.extend(named([
        ("warmup", joined(warmup)),
        ("hold.for", format_duration(*hold_for)),
        ("hold.max_requests", max_requests.to_string()),
        ("hold.max_bytes", format_size(*max_bytes)),
        ("drain.requests", format_duration(*requests)),
        ("drain.streams", format_duration(*streams)),
    ]));
    if let Some(Bake { period, max_error_rate }) = bake {
        values.extend(named([
            ("bake.for", format_duration(*period)),
            ("bake.max_error_rate", format!("{} %", max_error_rate * 100.0)),
        ]));
    }
    let reuse = match reuse {
        Reuse::Safe => "safe",
        Reuse::Always => "always",
    };
    values.extend(named([
        ("keepalive.idle", format_duration(*idle)),
        ("keepalive.reuse", reuse.into()),
        ("stale_assets", stale(stale_assets, *stale_keep)),
        ("tls", tls(source)),
        ("log_query", log_query(of_queries)),
    ]));
    values.extend(of_policy(policy));
    if let Some(pages) = pages {
        values.extend(named([("error_pages", error_pages(pages))]));
    }
    if let Some(label) = label {
        values.extend(named([("label", label.to_string())]));
    }
    if label_ribbon.is_some() {
        values.extend(named([("label_ribbon", "true".to_owned())]));
    }
    let Parts {
        entries,
        policies: _,
        table: _,
    } = parts;
    values.extend(
        entries
            .iter()
            .enumerate()
            .flat_map(|(place, part)| of_part(place, part)),
    );
    values
}

/// Every value of a policy.
pub(crate) fn of_policy(policy: &Policy) -> Values {
    let Policy {
        timeout: Timeouts {
            connect,
            response,
            idle,
            stream,
        },
        limit_body,
        limits: Limits { concurrent, rate },
        auth: Auth {
            basic,
            allow,
            except,
            forward,
        },
        log,
        request_headers,
        response_headers,
        security_headers,
        cache,
        redirect,
        rewrite,
        compress,
    } = policy;
    let mut values = named([
        ("timeout.connect", format_duration(*connect)),
        ("timeout.response", format_duration(*response)),
        ("timeout.idle", format_duration(*idle)),
        ("timeout.stream", format_duration(*stream)),
        ("limit.body", format_size(*limit_body)),
        ("log", log.to_string()),
    ]);
    if let Some((most, scope)) = concurrent {
        values.extend(named([("limit.concurrent", format!("{most}{}", counted(scope)))]));
    }
    if let Some((rate, scope)) = rate {
        let each = format_rate(rate.requests, rate.period);
        values.extend(named([
            ("limit.rate", format!("{each}{}", counted(scope))),
            ("limit.burst", rate.burst.to_string()),
        ]));
    }
    if let Some(file) = basic {
        values.extend(named([("auth.basic", file.display().to_string())]));
    }
    if let Some(networks) = allow {
        let networks: Vec<String> = networks.iter().map(ToString::to_string).collect();
        values.extend(named([("auth.allow", joined(&networks))]));
    }
    if !except.is_empty() {
        values.extend(named([("auth.except", joined(except))]));
    }
    if let Some(forward) = forward {
        let Forward {
            address: _,
            target: _,
            copy,
            timeout,
        } = &**forward;
        let copied = if copy.is_empty() {
            String::new()
        } else {
            format!(", copying {}", joined(copy))
        };
        let text = format!("{forward}{copied}, within {}", format_duration(*timeout));
        values.extend(named([("auth.forward", text)]));
    }
    for (key, rules) in [
        ("headers.request", request_headers),
        ("headers.response", response_headers),
    ] {
        if !rules.is_empty() {
            values.extend(named([(key, joined(&rules.iter().map(rule).collect::<Vec<_>>()))]));
        }
    }
    if let Some(SecurityHeaders { strict_transport }) = security_headers {
        let without = if *strict_transport { "" } else { ", without HSTS" };
        values.extend(named([("security_headers", format!("true{without}"))]));
    }
    if let Some(cache) = cache {
        let text = match cache {
            Cache::Immutable => "immutable".to_owned(),
            Cache::For(time) => format_duration(*time),
            Cache::NoStore => "no-store".to_owned(),
        };
        values.extend(named([("cache", text)]));
    }
    if let Some(Redirection { to, status }) = redirect {
        values.extend(named([("redirect", format!("{status} to {to}"))]));
    }
    if let Some(rewrite) = rewrite {
        values.extend(named([("rewrite", rewrite.to_string())]));
    }
    if let Some(Compress { encodings, strict }) = compress {
        let names: Vec<&str> = encodings.iter().map(|encoding| encoding.name()).collect();
        let breach = if *strict { ", strict about BREACH" } else { "" };
        values.extend(named([("compress", format!("{}{breach}", joined(&names)))]));
    }
    values
}

/// Prefixes, and for how long what lies below them is kept.
fn stale(paths: &[Arc<str>], keep: Option<Duration>) -> String {
    match keep {
        Some(keep) if !paths.is_empty() => format!("{}, kept for {}", joined(paths), format_duration(keep)),
        Some(_) | None => joined(paths),
    }
}

/// A folder of error pages, with what is in it. The digest tells pages of one name apart.
pub(crate) fn error_pages(pages: &ErrorPages) -> String {
    let mut names: Vec<String> = pages.pages.keys().map(ToString::to_string).collect();
    if names.is_empty() {
        names.push("no page".to_owned());
    }
    let bytes = pages.pages.values().flat_map(|page| page.text().bytes().chain([0]));
    // FNV-1a, which is no secret: who writes the pages may make two of them look alike here.
    let digest = bytes.fold(0x811c_9dc5_u32, |digest, byte| {
        (digest ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    format!("{} ({}; {digest:08x})", pages.folder.display(), joined(&names))
}

/// What the access log says of queries.
pub(crate) fn log_query(rule: &LogQuery) -> String {
    match rule {
        LogQuery::Keep => "keep".into(),
        LogQuery::Drop => "drop".into(),
        LogQuery::Mask(names) => joined(names),
    }
}

/// `x-frame-options: DENY`, or `server: taken away`.
fn rule(HeaderRule { name, value }: &HeaderRule) -> String {
    match value {
        Some(value) => format!("{name}: {value}"),
        None => format!("{name} taken away"),
    }
}

/// What stands in an entry of `at`, each value behind the number of the entry and its paths.
fn of_part(place: usize, part: &Part) -> Values {
    let Part { paths, keys, policy } = part;
    let name = format!("at {} ({})", place + 1, part_name(paths));
    let known = of_policy(policy);
    let value = |key: &&'static str| {
        let known = known.iter().find(|(known, _)| known == key);
        let text = known.map_or_else(|| "off".to_owned(), |(_, text)| text.clone());
        (Cow::Owned(format!("{name} {key}")), text)
    };
    keys.iter().map(value).collect()
}

pub(super) fn named<const N: usize>(values: [(&'static str, String); N]) -> Values {
    values.map(|(key, text)| (Cow::Borrowed(key), text)).into()
}

/// What a limit counts.
fn counted(scope: &Scope) -> &'static str {
    match scope {
        Scope::Environment => " in the environment",
        Scope::Service | Scope::Part(_) => "",
    }
}

fn of_health(health: &Health, slots: &Slots) -> Values {
    let Health {
        path,
        status: StatusRange(status),
        host,
        body,
        version,
        interval,
        timeout,
        passes,
        deadline,
    } = health;
    let range = |&(low, high): &(u16, u16)| match (low, high) {
        (low, high) if low == high => low.to_string(),
        (low, high) if low % 100 == 0 && high == low + 99 => format!("{}xx", low / 100),
        (low, high) => format!("{low}-{high}"),
    };
    // An app and a folder in one service may be asked for different paths.
    let mut paths: Vec<&str> = slots.all().map(|address| path.at(address)).collect();
    paths.dedup();
    let mut values = named([
        ("health.path", joined(&paths)),
        ("health.status", joined(&status.iter().map(range).collect::<Vec<_>>())),
        ("health.host", host.clone()),
        ("health.interval", format_duration(*interval)),
        ("health.timeout", format_duration(*timeout)),
        ("health.passes", passes.to_string()),
        ("health.deadline", format_duration(*deadline)),
    ]);
    if let Some(body) = body {
        values.extend(named([("health.body", body.clone())]));
    }
    let version = version.as_ref().map(|version| match version {
        VersionSource::Header(name) => format!("header:{name}"),
        VersionSource::Json(field) => format!("json:{field}"),
    });
    values.extend(version.map(|version| (Cow::Borrowed("health.version"), version)));
    values
}

/// Every value of `[acme]`. Of the account's key, only the file's name is shown.
pub(crate) fn of_acme(acme: &Acme) -> Values {
    let Acme {
        email,
        directories,
        profile,
        eab,
        root,
        challenge,
    } = acme;
    let mut values = named([("email", joined(email)), ("directory", joined(directories))]);
    if let Some(profile) = profile {
        values.extend(named([("profile", profile.clone())]));
    }
    if let Some(Eab { kid, key_file }) = eab {
        values.extend(named([("eab", format!("{kid} with {}", key_file.display()))]));
    }
    if let Some(root) = root {
        values.extend(named([("root", root.display().to_string())]));
    }
    let challenge = match challenge {
        Challenge::Either => "http-01 or tls-alpn-01".to_owned(),
        Challenge::Http => "http-01".to_owned(),
        Challenge::TlsAlpn => "tls-alpn-01".to_owned(),
        Challenge::Dns(command) => format!("dns-01 by `{command}`"),
    };
    values.extend(named([("challenge", challenge)]));
    values
}

fn joined<T: AsRef<str>>(parts: &[T]) -> String {
    parts.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(", ")
}

pub(crate) fn tls(source: &Tls) -> String {
    match source {
        Tls::Acme => "acme".into(),
        Tls::Internal => "internal".into(),
        Tls::Files { cert, key } => format!("{} with {}", cert.display(), key.display()),
        Tls::Off => "off".into(),
    }
}
