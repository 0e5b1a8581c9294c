//! `if`: the conditions that people write, as far as something of ours decides the same.

use super::redirect::{self, Leads};
use crate::import::directive::Directive;

/// What an `if` comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum If {
    /// The proxy does it by itself.
    ByItself,
    /// This host leads to that URL.
    HostTo(String, String),
    /// What is no file is passed to this URL.
    PassMissing(String),
    /// The nearest thing that we have.
    Look(&'static str),
}

/// Reads an `if` of a server or a location.
pub(super) fn read(directive: &Directive) -> If {
    let condition = directive.args.join(" ");
    let condition = condition.trim_start_matches('(').trim_end_matches(')').trim();
    let (subject, rest) = condition.split_once(' ').unwrap_or((condition, ""));
    let leads = directive.below().iter().find_map(leads);
    match subject {
        "$scheme" | "$server_port" | "$https" | "$http_x_forwarded_proto" | "$ssl_protocol"
            if leads == Some(Leads::ToTls) =>
        {
            If::ByItself
        }
        "$host" | "$http_host" => of_host(rest, leads),
        "!-f" | "!-e" => {
            let passed = directive.below().iter().find(|one| one.name == "proxy_pass");
            match passed {
                Some(pass) => If::PassMissing(pass.arg(0).to_owned()),
                None if rest.contains("request_filename") => If::Look(
                    "`public` looks into a folder before the app; `files.fallback` is the page of what is missing",
                ),
                None => If::Look(MAINTENANCE),
            }
        }
        "-f" | "-e" => If::Look(MAINTENANCE),
        "$request_method" => If::Look("methods pass as they are: let the app answer"),
        "$http_user_agent" | "$bad_bot" | "$bot" => {
            If::Look("clients are told apart by their address alone: `auth.allow`, `limit.rate`")
        }
        "$http_cookie" => If::Look("a request has one app, whatever its cookies are"),
        "$http_origin" => {
            If::Look("let the app answer CORS, or set one `headers.response.Access-Control-Allow-Origin`")
        }
        "$http_upgrade" => If::ByItself,
        name if name.contains("maintenance") => If::Look(MAINTENANCE),
        _ => If::Look("nothing is programmed here: `at` says what holds for a path"),
    }
}

const MAINTENANCE: &str = "`proxyctl maintenance ENV on` and `off`";

fn of_host(rest: &str, leads: Option<Leads>) -> If {
    let (operator, name) = rest.split_once(' ').unwrap_or((rest, ""));
    match (operator, leads) {
        // certbot writes one for each of its hosts.
        ("=", Some(Leads::ToTls)) => If::ByItself,
        ("=", Some(Leads::ToHost(to))) => If::HostTo(name.trim().to_owned(), to),
        ("~" | "~*", Some(Leads::ToTls)) => If::ByItself,
        _ => If::Look("`[redirect]` leads a host elsewhere; hosts that nobody serves get 404"),
    }
}

/// Where a directive leads.
fn leads(directive: &Directive) -> Option<Leads> {
    match directive.name.as_str() {
        "return" => redirect::target(directive.args.last()?),
        "rewrite" => redirect::rewrite(directive.arg(0), directive.arg(1), directive.arg(2)).map(|one| one.leads),
        _ => None,
    }
}
