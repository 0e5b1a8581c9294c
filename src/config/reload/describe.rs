//! A checked configuration as keys and values again, in the words of the file, for what a reload shows. Types are
//! destructured, so that a new field cannot be forgotten.

use crate::config::checked::{
    Acme, Auth, Bake, Challenge, Drain, Eab, Health, Hold, Keepalive, Limits, Reuse, Scope, Service, Slots,
    StatusRange, Timeouts, Tls, VersionSource,
};
use crate::config::text::units::{format_duration, format_rate, format_size};
use crate::model::log_query::LogQuery;
use crate::model::state::list;

/// Keys of the file, each with its value.
pub(crate) type Values = Vec<(&'static str, String)>;

/// Every value of a service.
pub(crate) fn of_service(service: &Service) -> Values {
    let Service {
        environment: _,
        name: _,
        hosts,
        path,
        strip_prefix,
        slots,
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
        timeout,
        limit_body,
        limits: Limits { concurrent, rate },
        auth: Auth { basic, allow, except },
        stale_assets,
        tls: source,
        label,
        log,
        log_query: of_queries,
    } = service;
    let mut values = vec![
        ("host", joined(hosts)),
        ("path", path.to_string()),
        ("strip_prefix", strip_prefix.to_string()),
    ];
    match slots {
        Slots::Pair { blue, green } => values.extend([("blue", list(blue)), ("green", list(green))]),
        Slots::Single(only) => values.push(("upstream", list(only))),
    }
    values.extend(of_health(health));
    values.push(("warmup", joined(warmup)));
    values.extend([
        ("hold.for", format_duration(*hold_for)),
        ("hold.max_requests", max_requests.to_string()),
        ("hold.max_bytes", format_size(*max_bytes)),
    ]);
    values.push(("drain.requests", format_duration(*requests)));
    values.push(("drain.streams", format_duration(*streams)));
    if let Some(Bake { period, max_error_rate }) = bake {
        values.push(("bake.for", format_duration(*period)));
        values.push(("bake.max_error_rate", format!("{} %", max_error_rate * 100.0)));
    }
    let Timeouts {
        connect,
        response,
        idle: between,
        stream,
    } = timeout;
    values.extend([
        ("keepalive.idle", format_duration(*idle)),
        (
            "keepalive.reuse",
            match reuse {
                Reuse::Safe => "safe",
                Reuse::Always => "always",
            }
            .into(),
        ),
        ("timeout.connect", format_duration(*connect)),
        ("timeout.response", format_duration(*response)),
        ("timeout.idle", format_duration(*between)),
        ("timeout.stream", format_duration(*stream)),
        ("limit.body", format_size(*limit_body)),
        ("stale_assets", joined(stale_assets)),
        ("tls", tls(source)),
        ("log", log.to_string()),
        ("log_query", log_query(of_queries)),
    ]);
    if let Some((most, scope)) = concurrent {
        values.push(("limit.concurrent", format!("{most}{}", counted(*scope))));
    }
    if let Some((rate, scope)) = rate {
        let each = format_rate(rate.requests, rate.period);
        values.push(("limit.rate", format!("{each}{}", counted(*scope))));
        values.push(("limit.burst", rate.burst.to_string()));
    }
    if let Some(file) = basic {
        values.push(("auth.basic", file.display().to_string()));
    }
    if let Some(networks) = allow {
        let networks: Vec<String> = networks.iter().map(ToString::to_string).collect();
        values.push(("auth.allow", joined(&networks)));
    }
    if !except.is_empty() {
        values.push(("auth.except", joined(except)));
    }
    if let Some(label) = label {
        values.push(("label", label.to_string()));
    }
    values
}

/// What the access log says of queries.
pub(crate) fn log_query(rule: &LogQuery) -> String {
    match rule {
        LogQuery::Keep => "keep".into(),
        LogQuery::Drop => "drop".into(),
        LogQuery::Mask(names) => joined(names),
    }
}

/// What a limit counts.
fn counted(scope: Scope) -> &'static str {
    match scope {
        Scope::Environment => " in the environment",
        Scope::Service => "",
    }
}

fn of_health(health: &Health) -> Values {
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
    let mut values = vec![
        ("health.path", path.clone()),
        ("health.status", joined(&status.iter().map(range).collect::<Vec<_>>())),
        ("health.host", host.clone()),
        ("health.interval", format_duration(*interval)),
        ("health.timeout", format_duration(*timeout)),
        ("health.passes", passes.to_string()),
        ("health.deadline", format_duration(*deadline)),
    ];
    if let Some(body) = body {
        values.push(("health.body", body.clone()));
    }
    match version {
        Some(VersionSource::Header(name)) => values.push(("health.version", format!("header:{name}"))),
        Some(VersionSource::Json(field)) => values.push(("health.version", format!("json:{field}"))),
        None => {}
    }
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
    let mut values = vec![("email", joined(email)), ("directory", joined(directories))];
    values.extend(profile.iter().map(|profile| ("profile", profile.clone())));
    values.extend(
        eab.iter()
            .map(|Eab { kid, key_file }| ("eab", format!("{kid} with {}", key_file.display()))),
    );
    values.extend(root.iter().map(|root| ("root", root.display().to_string())));
    let challenge = match challenge {
        Challenge::Either => "http-01 or tls-alpn-01".to_owned(),
        Challenge::Http => "http-01".to_owned(),
        Challenge::TlsAlpn => "tls-alpn-01".to_owned(),
        Challenge::Dns(command) => format!("dns-01 by `{command}`"),
    };
    values.push(("challenge", challenge));
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
