//! Directives that set something and have no block of others: what each is called here.

use super::words;
use crate::import::directive::Directive;
use crate::import::draft::Settings;
use crate::import::fields;
use crate::import::value::{Value, dotted};

/// What a directive sets that has a matcher and nothing else.
pub(super) fn plain(directive: &Directive, args: &[String], settings: &mut Settings) -> Result<(), String> {
    let first = args.first().map_or("", String::as_str);
    match directive.name.as_str() {
        "encode" => settings.set("compress", Value::Flag(true)),
        "request_header" => {
            let value = args.get(1).map_or("", String::as_str);
            let name = first.trim_start_matches(['+', '-', '?', '>']);
            if args.len() > 2 {
                return Err("a field is set or removed, not replaced in part".to_owned());
            }
            if !words::is_sent_anyway(name, value) {
                let value = words::value(value).ok_or_else(unknown)?;
                settings.set(&dotted("headers.request", name), Value::Text(value));
            }
        }
        "request_body" => {
            let size = directive.below().iter().find(|line| line.name == "max_size");
            let size = size.ok_or_else(|| "`limit.body` bounds a body".to_owned())?;
            settings.set("limit.body", Value::text(size.arg(0)));
        }
        "log_skip" | "skip_log" => settings.set("log", Value::Flag(false)),
        "push" => {}
        name => return Err(nearest(name).to_owned()),
    }
    Ok(())
}

fn unknown() -> String {
    "values may hold {client}, {host}, {path}, {request_id} and the like".to_owned()
}

/// One field of answers: `-Server`, `X-A value`, `?X-A value`.
pub(super) fn field(line: &[String], settings: &mut Settings) -> Result<(), String> {
    match line {
        [name] if name.starts_with('-') => {
            settings.set(&dotted("headers.response", &name[1..]), Value::text(""));
            Ok(())
        }
        [name] if name == "defer" => Ok(()),
        [name, value] => {
            let value = words::value(value).ok_or_else(unknown)?;
            fields::set(settings, name.trim_start_matches(['+', '?', '>']), &value);
            Ok(())
        }
        _ => Err("a field is set or removed, not replaced in part".to_owned()),
    }
}

/// The nearest thing to a directive that has no counterpart.
pub(super) fn nearest(name: &str) -> &'static str {
    match name {
        "rate_limit" => "`limit.rate = \"10/s\"` and `limit.burst`, for each client address",
        "handle_errors" => {
            "`error_pages = \"FOLDER\"` holds 502.html, 5xx.html and the like, for errors that the proxy makes"
        }
        "templates" => "bodies pass as they are",
        "bind" => "`[server] http` and `https` say where to listen",
        "uri" => "`rewrite` takes a path, and `*` for the rest",
        "map" | "vars" | "invoke" => "nothing is programmed here: `at` says what holds for a path",
        "metrics" => "`[server] metrics = \"127.0.0.1:9145\"` serves them to Prometheus",
        "tracing" => "every request has an id, `{request_id}`",
        "acme_server" => "certificates are got, not given",
        "method" => "methods pass as they are",
        "cache" => "answers are not kept here; `cache = \"5m\"` lets clients keep them",
        _ => "it has no counterpart",
    }
}
