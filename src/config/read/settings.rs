//! The keys that `[defaults]`, an environment and a service share, one row for each.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use super::auth::Wanted;
use super::compress::RawCompress;
use super::forward::RawForward;
use super::keys::{Key, Place, Unknown};
use super::public::RawPublic;
use super::stale_assets::RawStale;
use super::targets::{RawRedirection, Target};
use super::tls::RawTls;
use super::{
    auth, compress, error_pages, files, forward, headers, host, log_query, plain, public, stale_assets, targets, tls,
    values,
};
use crate::config::checked::{Reuse, StatusRange, VersionSource};
use crate::config::policy::Cache;
use crate::config::text::raw::{At, Entry, Kind, Table, Value};
use crate::config::text::report::Diagnostic;
use crate::model::log_query::LogQuery;
use crate::model::slot::Address;

const ANYWHERE: &[Place] = &[Place::Defaults, Place::Environment, Place::Service];
/// For what may be otherwise for a part of a service.
const PARTS: &[Place] = &[Place::Defaults, Place::Environment, Place::Service, Place::Part];
/// For what tells services apart. An environment's table may hold these when it is a service by itself.
const SERVICE: &[Place] = &[Place::Environment, Place::Service];

/// Takes one row for each key: its meaning, type and name, the tables where it may stand, the function that reads it,
/// and the default. Each key becomes a field with the place of its value, and a method that returns the value or the
/// default.
macro_rules! settings {
    ($(
        $(#[$meaning:meta])*
        $field:ident: $type:ty = $key:literal, $places:ident, $read:path $(, or $default:expr)?;
    )*) => {
        /// What one table says, or several that were laid over one another.
        #[derive(Debug, Clone, Default)]
        pub(crate) struct Settings {
            $( $(#[$meaning])* pub(crate) $field: Option<At<$type>>, )*
            /// Where each key stands, whether or not its value could be read: a wrong value is not a missing one.
            seen: BTreeMap<&'static str, Range<usize>>,
        }

        impl Settings {
            /// Every key, in the order of the manual.
            pub(crate) const KEYS: &'static [Key] = &[ $( Key { path: $key, places: $places } ),* ];

            fn set(&mut self, path: &'static str, value: &Value, problems: &mut Vec<Diagnostic>) {
                match path {
                    $( $key => self.$field = $read($key, value, problems).map(|read| value.at(read)), )*
                    // Only paths of `KEYS` come here, and those are the ones above.
                    _ => {}
                }
            }

            /// Each value from here where it is written here, and from `base` otherwise.
            fn nearest(&self, base: &Self) -> Self {
                let mut seen = base.seen.clone();
                seen.extend(self.seen.iter().map(|(key, span)| (*key, span.clone())));
                Self {
                    $( $field: match self.seen.get($key) {
                        Some(_) => self.$field.clone(),
                        None => base.$field.clone(),
                    }, )*
                    seen,
                }
            }

            /// Where the value of a key stands, if it could be read.
            pub(crate) fn place(&self, path: &str) -> Option<&Range<usize>> {
                match path {
                    $( $key => self.$field.as_ref().map(|written| &written.span), )*
                    _ => None,
                }
            }

            $( value! { $(#[$meaning])* $field: $type $(, or $default)? } )*
        }
    };
}

macro_rules! value {
    ($(#[$meaning:meta])* $field:ident: $type:ty) => {
        $(#[$meaning])*
        pub(crate) fn $field(&self) -> Option<&$type> {
            self.$field.as_ref().map(|written| &written.value)
        }
    };
    ($(#[$meaning:meta])* $field:ident: $type:ty, or $default:expr) => {
        $(#[$meaning])*
        pub(crate) fn $field(&self) -> $type {
            match &self.$field {
                Some(written) => written.value.to_owned(),
                None => $default,
            }
        }
    };
}

settings! {
    /// The hosts that it answers to.
    host: Vec<At<Arc<str>>> = "host", SERVICE, host::several;
    /// The path prefix that it answers to.
    path: Arc<str> = "path", SERVICE, values::path_prefix, or "/".into();
    /// Whether the app sees paths without the prefix.
    strip_prefix: bool = "strip_prefix", ANYWHERE, plain::boolean, or false;
    /// Where blue runs.
    blue: Vec<At<Address>> = "blue", SERVICE, values::addresses;
    /// Where green runs.
    green: Vec<At<Address>> = "green", SERVICE, values::addresses;
    /// Where a service runs that is never swapped.
    upstream: Vec<At<Address>> = "upstream", SERVICE, values::addresses;
    /// What a probe asks for.
    health_path: String = "health.path", ANYWHERE, values::request_path, or "/health".into();
    /// Statuses of a healthy app.
    health_status: StatusRange = "health.status", ANYWHERE, values::statuses, or StatusRange(vec![(200, 299)]);
    /// The `Host` of a probe, if it is not the service's first one.
    health_host: Arc<str> = "health.host", ANYWHERE, host::one;
    /// A text that the body of a healthy app contains.
    health_body: String = "health.body", ANYWHERE, plain::text;
    /// Where the app names its version.
    health_version: VersionSource = "health.version", ANYWHERE, values::version_source;
    /// Time between two probes of the gate.
    health_interval: Duration = "health.interval", ANYWHERE, plain::positive_duration, or Duration::from_millis(500);
    /// Time that one probe may take.
    health_timeout: Duration = "health.timeout", ANYWHERE, plain::positive_duration, or Duration::from_secs(5);
    /// Consecutive passes that open the gate.
    health_passes: u32 = "health.passes", ANYWHERE, values::passes, or 3;
    /// Time that the whole gate may take.
    health_deadline: Duration = "health.deadline", ANYWHERE, plain::positive_duration, or Duration::from_secs(60);
    /// Paths that a candidate is asked for between gate and switch.
    warmup: Vec<String> = "warmup", ANYWHERE, values::request_paths, or Vec::new();
    /// How long requests wait for an app that cannot be reached; zero holds none.
    hold_for: Duration = "hold.for", ANYWHERE, plain::duration_or_off, or Duration::from_secs(30);
    /// Requests that may wait.
    hold_max_requests: usize = "hold.max_requests", ANYWHERE, values::held_requests, or 1000;
    /// Bytes that waiting requests may keep in memory, all together.
    hold_max_bytes: u64 = "hold.max_bytes", ANYWHERE, plain::memory, or 64 << 20;
    /// How long the old side is kept for requests that wait for their response head.
    drain_requests: Duration = "drain.requests", ANYWHERE, plain::duration, or Duration::from_secs(60);
    /// How long the old side is kept for streams.
    drain_streams: Duration = "drain.streams", ANYWHERE, plain::duration, or Duration::from_secs(300);
    /// How long the new side is watched after a swap; zero does not watch it.
    bake_for: Duration = "bake.for", ANYWHERE, plain::duration_or_off, or Duration::ZERO;
    /// Share of 5xx answers above which the new side is rolled back.
    bake_max_error_rate: f64 = "bake.max_error_rate", ANYWHERE, plain::share, or 0.05;
    /// How long an idle connection to the app is kept; zero keeps none.
    keepalive_idle: Duration = "keepalive.idle", ANYWHERE, plain::duration, or Duration::from_secs(4);
    /// Which requests may be sent on a reused connection.
    keepalive_reuse: Reuse = "keepalive.reuse", ANYWHERE, values::reuse, or Reuse::Safe;
    /// Time to connect to the app.
    timeout_connect: Duration = "timeout.connect", PARTS, plain::positive_duration, or Duration::from_secs(4);
    /// Time from the request's last byte to the response head.
    timeout_response: Duration = "timeout.response", PARTS, plain::positive_duration, or Duration::from_secs(60);
    /// Time between two bytes of a body.
    timeout_idle: Duration = "timeout.idle", PARTS, plain::positive_duration, or Duration::from_secs(60);
    /// Time that a tunnel or an event stream may be without a byte.
    timeout_stream: Duration = "timeout.stream", PARTS, plain::positive_duration, or Duration::from_secs(3600);
    /// Bytes that a request body may have.
    limit_body: u64 = "limit.body", PARTS, plain::body_limit, or 100 << 20;
    /// Requests that may be in flight; `None` is any number.
    limit_concurrent: Option<usize> = "limit.concurrent", PARTS, values::concurrent, or None;
    /// Requests in a period that one client may send; `None` is any number.
    limit_rate: Option<(u32, Duration)> = "limit.rate", PARTS, values::rate, or None;
    /// Requests that one client may send at once; by default, as many as the rate lets in its period.
    limit_burst: u32 = "limit.burst", PARTS, values::burst;
    /// The file of users whose passwords are asked for.
    auth_basic: Wanted<String> = "auth.basic", PARTS, auth::users, or Wanted::Nothing;
    /// Networks that clients have to come from.
    auth_allow: Wanted<Vec<IpNet>> = "auth.allow", PARTS, auth::allow, or Wanted::Nothing;
    /// Path prefixes that are for everybody.
    auth_except: Vec<Arc<str>> = "auth.except", PARTS, auth::except, or Vec::new();
    /// The service that is asked whether a request may pass.
    auth_forward: Wanted<RawForward> = "auth.forward", PARTS, forward::forward;
    /// Path prefixes whose files the previous slot is asked for when the live one does not have them.
    stale_assets: RawStale = "stale_assets", ANYWHERE, stale_assets::stale_assets, or RawStale::default();
    /// The file that a folder answers with for what it does not have.
    files_fallback: Wanted<Arc<str>> = "files.fallback", ANYWHERE, files::file, or Wanted::Nothing;
    /// The file that a folder shows, with 404, for what it does not have.
    files_not_found: Wanted<Arc<str>> = "files.not_found", ANYWHERE, files::file, or Wanted::Nothing;
    /// The folders that are looked into before the app.
    public: Wanted<RawPublic> = "public", ANYWHERE, public::public, or Wanted::Nothing;
    /// Where the certificate comes from.
    tls: RawTls = "tls", ANYWHERE, tls::tls, or RawTls::Acme;
    /// The folder of pages for the errors that the proxy makes.
    error_pages: Wanted<String> = "error_pages", ANYWHERE, error_pages::folder, or Wanted::Nothing;
    /// Marks the responses of an environment that is not production.
    label: Arc<str> = "label", SERVICE, values::label;
    /// Whether the label is shown on every page.
    label_ribbon: bool = "label_ribbon", ANYWHERE, plain::boolean, or false;
    /// How answers are encoded; `None` leaves them as they are.
    compress: Option<RawCompress> = "compress", PARTS, compress::compress, or None;
    /// Whether requests are written to the access log.
    log: bool = "log", PARTS, plain::boolean, or true;
    /// What is written there of queries.
    log_query: LogQuery = "log_query", ANYWHERE, log_query::log_query, or LogQuery::Keep;
    /// What is changed of the fields that the app sees.
    headers_request: headers::Rules = "headers.request", PARTS, headers::request, or Vec::new();
    /// What is changed of the fields that the client sees.
    headers_response: headers::Rules = "headers.response", PARTS, headers::response, or Vec::new();
    /// Whether browsers are told what is safe.
    security_headers: bool = "security_headers", PARTS, plain::boolean, or false;
    /// What caches may do with answers.
    cache: Wanted<Cache> = "cache", PARTS, headers::cache, or Wanted::Nothing;
    /// Where clients are sent instead.
    redirect: Wanted<RawRedirection> = "redirect", PARTS, targets::redirect, or Wanted::Nothing;
    /// Where the app finds what was asked for.
    rewrite: Wanted<Target> = "rewrite", PARTS, targets::rewrite, or Wanted::Nothing;
}

/// The keys that say what a service answers to and where it runs.
pub(crate) const ROUTING: [&str; 4] = ["host", "blue", "green", "upstream"];

impl Settings {
    /// Reads the settings of one table, and returns the keys that it does not know. `own` is asked first: it reads the
    /// keys that only this kind of table has, and returns whether the key was one of these.
    pub(crate) fn read<'t>(
        table: &'t Table,
        place: Place,
        problems: &mut Vec<Diagnostic>,
        mut own: impl FnMut(&'t Entry, &mut Vec<Diagnostic>) -> bool,
    ) -> (Self, Vec<Unknown<'t>>) {
        let mut settings = Self::default();
        let mut unknown = Vec::new();
        for entry in &table.entries {
            if !own(entry, problems) {
                settings.read_entry("", entry, place, &mut unknown, problems);
            }
        }
        (settings, unknown)
    }

    fn read_entry<'t>(
        &mut self,
        prefix: &str,
        entry: &'t Entry,
        place: Place,
        unknown: &mut Vec<Unknown<'t>>,
        problems: &mut Vec<Diagnostic>,
    ) {
        let Entry { key, value } = entry;
        let path = format!("{prefix}{}", key.value);
        let allowed = || Self::KEYS.iter().filter(|known| known.places.contains(&place));
        if let Some(known) = allowed().find(|known| known.path == path) {
            self.seen.insert(known.path, key.span.clone());
            self.set(known.path, value, problems);
            return;
        }
        let below = format!("{path}.");
        let Some(example) = allowed().find(|known| known.path.starts_with(&below)) else {
            let prefix = prefix.to_owned();
            unknown.push(Unknown { prefix, key });
            return;
        };
        match &value.kind {
            Kind::Table(inner) => {
                for entry in &inner.entries {
                    self.read_entry(&below, entry, place, unknown, problems);
                }
            }
            Kind::Text(_) | Kind::Integer(_) | Kind::Float(_) | Kind::Boolean(_) | Kind::Date | Kind::List(_) => {
                let period = format!("{path}.for");
                let is_off = matches!(&value.kind, Kind::Boolean(false))
                    || matches!(&value.kind, Kind::Text(text) if text == "off");
                let hint = match allowed().find(|known| is_off && known.path == period) {
                    Some(period) => format!("write `{} = \"off\"`", period.path),
                    None => format!("write a key of it, as `{} = …`", example.path),
                };
                problems.push(plain::mismatch(&path, value, "a table", "a table of keys").hint(hint));
            }
        }
    }

    /// Lays these settings over those of a table further away: what is written here wins, key by key, and name by name where
    /// the keys are names.
    #[must_use]
    pub(crate) fn over(&self, base: &Self) -> Self {
        Self {
            auth_forward: forward::over(self.auth_forward.as_ref(), base.auth_forward.as_ref()),
            stale_assets: stale_assets::over(self.stale_assets.as_ref(), base.stale_assets.as_ref()),
            compress: compress::over(self.compress.as_ref(), base.compress.as_ref()),
            headers_request: headers::over(self.headers_request.as_ref(), base.headers_request.as_ref()),
            headers_response: headers::over(self.headers_response.as_ref(), base.headers_response.as_ref()),
            ..self.nearest(base)
        }
    }

    /// Every key that stands here.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &'static str> {
        self.seen.keys().copied()
    }

    /// Where a key stands, if the file has it.
    pub(crate) fn seen(&self, key: &str) -> Option<&Range<usize>> {
        self.seen.get(key)
    }

    /// The first of the [`ROUTING`] keys that stands here.
    pub(crate) fn routing_key(&self) -> Option<(&'static str, &Range<usize>)> {
        ROUTING.into_iter().find_map(|key| Some((key, self.seen(key)?)))
    }

    /// The settings that `extends` copies: all but the [`ROUTING`] keys, the label, and certificate files.
    #[must_use]
    pub(crate) fn inheritable(&self) -> Self {
        let mut copy = Self {
            host: None,
            blue: None,
            green: None,
            upstream: None,
            label: None,
            ..self.clone()
        };
        let files = matches!(&self.tls, Some(tls) if matches!(tls.value, RawTls::Files { .. }));
        if files {
            copy.tls = None;
            copy.seen.remove("tls");
        }
        for key in ROUTING.into_iter().chain(["label"]) {
            copy.seen.remove(key);
        }
        copy
    }
}
