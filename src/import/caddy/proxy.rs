//! `reverse_proxy`: who answers, and how it is asked.

use super::words;
use crate::import::directive::Directive;
use crate::import::draft::{Note, Settings, Slots};
use crate::import::fields;
use crate::import::value::{Value, dotted};

/// What a `reverse_proxy` comes to, beside its settings.
#[derive(Debug)]
pub(super) struct Passed {
    pub(super) slots: Slots,
    pub(super) notes: Vec<Note>,
    pub(super) carried: usize,
}

/// Reads it, with its words behind the matcher.
pub(super) fn read(directive: &Directive, args: &[String], settings: &mut Settings) -> Passed {
    let mut upstreams: Vec<String> = args.to_vec();
    let mut passed = Passed {
        slots: Slots::Upstream(Vec::new()),
        notes: Vec::new(),
        carried: 0,
    };
    for inner in directive.below() {
        if inner.name == "to" {
            upstreams.extend(inner.args.iter().cloned());
        } else if inner.name == "transport" {
            transport(inner, settings, &mut passed);
            continue;
        } else if let Err(nearest) = option(inner, settings) {
            passed.notes.push(note(inner, nearest));
            continue;
        }
        passed.carried += 1;
    }
    passed.slots = words::slots(&upstreams);
    passed
}

fn note(directive: &Directive, nearest: &str) -> Note {
    Note {
        place: directive.place,
        what: format!("`{}`", directive.shown()),
        nearest: nearest.to_owned(),
    }
}

const FEWEST: &str = "the instance with the fewest requests in flight is next, whoever the client is";
const VALUES: &str = "values may hold {client}, {host}, {path}, {request_id} and the like";

fn option(directive: &Directive, settings: &mut Settings) -> Result<(), &'static str> {
    let first = directive.arg(0);
    let mut time = |key: &str| {
        let time = words::duration(first).ok_or("a time is a number with a unit, as `30s`")?;
        settings.set(key, Value::Text(time));
        Ok(())
    };
    match directive.name.as_str() {
        "health_uri" => settings.set("health.path", Value::text(first)),
        "health_interval" => return time("health.interval"),
        "health_timeout" => return time("health.timeout"),
        "health_status" => settings.set("health.status", Value::text(first)),
        "health_body" => return Err("`health.body` is a text that the body contains, no expression"),
        "health_port" | "health_upstream" | "health_headers" => return Err("health is asked where traffic goes"),
        "health_passes" | "health_fails" | "health_method" | "health_follow_redirects" => {}
        "header_up" => return header_up(directive, settings),
        "header_down" => {
            if let Some(name) = first.strip_prefix('-') {
                settings.set(&dotted("headers.response", name), Value::text(""));
            } else if directive.args.len() == 2 {
                let value = words::value(directive.arg(1)).ok_or(VALUES)?;
                fields::set(settings, first.trim_start_matches(['+', '?', '>']), &value);
            } else {
                return Err("a field is set or removed, not replaced in part");
            }
        }
        "lb_policy" if matches!(first, "least_conn" | "random" | "round_robin" | "random_choose") => {}
        "lb_policy" => return Err(FEWEST),
        "trusted_proxies" => return Err("`[server] trusted_proxies` says whom to believe, for all hosts"),
        "lb_retries"
        | "lb_try_duration"
        | "lb_try_interval"
        | "flush_interval"
        | "fail_duration"
        | "max_fails"
        | "unhealthy_latency"
        | "unhealthy_request_count"
        | "buffer_requests"
        | "buffer_responses"
        | "request_buffers"
        | "response_buffers"
        | "stream_timeout"
        | "stream_close_delay"
        | "verbose_logs" => {}
        "unhealthy_status" | "lb_retry_match" => {
            return Err("an answer is an answer: only what cannot be reached is asked for again");
        }
        "dynamic" => return Err("an instance is `host:port` or a socket"),
        "handle_response" | "replace_status" | "@error" => return Err("answers of an app pass as they are"),
        "method" | "rewrite" => return Err("`rewrite` of a service or an `at` entry"),
        _ => return Err("it has no counterpart"),
    }
    Ok(())
}

fn header_up(directive: &Directive, settings: &mut Settings) -> Result<(), &'static str> {
    let (name, value) = (directive.arg(0), directive.arg(1));
    if let Some(name) = name.strip_prefix('-') {
        settings.set(&dotted("headers.request", name), Value::text(""));
        return Ok(());
    }
    if words::is_sent_anyway(name, value) {
        return Ok(());
    }
    if name.eq_ignore_ascii_case("host") {
        return Err("an app is told the host that the client asked for");
    }
    if directive.args.len() != 2 {
        return Err("a field is set or removed, not replaced in part");
    }
    let value = words::value(value).ok_or(VALUES)?;
    settings.set(
        &dotted("headers.request", name.trim_start_matches('+')),
        Value::Text(value),
    );
    Ok(())
}

fn transport(directive: &Directive, settings: &mut Settings, passed: &mut Passed) {
    if directive.arg(0) != "http" {
        passed.notes.push(note(directive, "apps speak HTTP/1.1"));
        return;
    }
    for inner in directive.below() {
        let key = match inner.name.as_str() {
            "dial_timeout" => Some("timeout.connect"),
            "response_header_timeout" => Some("timeout.response"),
            "read_timeout" => Some("timeout.idle"),
            "keepalive" => Some("keepalive.idle"),
            "write_timeout"
            | "read_buffer"
            | "write_buffer"
            | "max_conns_per_host"
            | "keepalive_idle_conns"
            | "keepalive_idle_conns_per_host"
            | "compression"
            | "versions"
            | "keepalive_interval"
            | "dial_fallback_delay" => None,
            _ => {
                passed.notes.push(note(
                    inner,
                    "apps over TLS are not supported: let the app listen for plain HTTP",
                ));
                continue;
            }
        };
        passed.carried += 1;
        if let (Some(key), Some(time)) = (key, words::duration(inner.arg(0))) {
            settings.set(key, Value::Text(time));
        }
    }
    passed.carried += 1;
}
