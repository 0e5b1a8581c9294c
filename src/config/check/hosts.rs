//! What may not be said twice about a host, and what no certificate can be had for.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use crate::config::build::merge::Merged;
use crate::config::checked::{Acme, Tls};
use crate::config::read::redirects::RawRedirect;
use crate::config::text::raw::At;
use crate::config::text::report::Diagnostic;
use crate::model::host::is_local;
use crate::model::public_name::objection;

/// Where the directories of the CAs are that browsers trust; any other may be a company's own, which signs what it likes.
const PUBLIC_CAS: &[&str] = &[
    "actalis.com",
    "buypass.com",
    "digicert.com",
    "letsencrypt.org",
    "pki.goog",
    "sectigo.com",
    "ssl.com",
    "zerossl.com",
];

/// Where the certificate of a service comes from. Paths of files stay relative, which is enough to compare them.
fn tls(service: &Merged) -> Tls {
    service.tls(Path::new(""))
}

/// Refuses two services with one host and path, one host with two sources of certificates, and a redirect of a host and
/// path that are served.
pub(crate) fn check(services: &[Merged], redirects: &[RawRedirect], problems: &mut Vec<Diagnostic>) {
    let mut routes: HashMap<(&str, Arc<str>), &Range<usize>> = HashMap::new();
    let mut served: HashMap<&str, (&Merged, &Range<usize>)> = HashMap::new();
    for service in services {
        let path = service.settings.path();
        for host in service.hosts() {
            let name = &*host.value;
            let route = (name, Arc::clone(&path));
            if let Some(first) = routes.get(&route) {
                problems.push(
                    Diagnostic::error(
                        &host.span,
                        format!("two services answer to `{name}` with the path `{path}`"),
                    )
                    .expected("again here")
                    .related(first, "first here")
                    .hint("give one of them another `host`, or a `path` such as `\"/api\"`"),
                );
                continue;
            }
            routes.insert(route, &host.span);
            match served.get(name) {
                Some((other, first)) if tls(other) != tls(service) => problems.push(
                    Diagnostic::error(&host.span, format!("services with the host `{name}` differ in `tls`"))
                        .expected("one `tls` here")
                        .related(first, "another here")
                        .hint("a host has one certificate: give both services the same `tls`"),
                ),
                Some(_) => {}
                None => {
                    served.insert(name, (service, &host.span));
                }
            }
        }
    }
    for redirect in redirects {
        let route = (&*redirect.host.value, Arc::clone(&redirect.path));
        if let Some(span) = routes.get(&route) {
            problems.push(
                Diagnostic::error(
                    &redirect.host.span,
                    format!("`{}` is redirected and served", redirect.host.value),
                )
                .expected("redirected here")
                .related(span, "served here")
                .hint("take it out of `[redirect]`, or out of the service's `host`"),
            );
        }
    }
}

/// Warns of names that no public CA signs, each once (F13).
pub(crate) fn warn_unsigned(
    services: &[Merged],
    redirects: &[RawRedirect],
    of_redirects: &Tls,
    acme: &Acme,
    problems: &mut Vec<Diagnostic>,
) {
    if !acme.directories.iter().any(|directory| is_public_ca(directory)) {
        return;
    }
    let of_services = services.iter().filter(|service| tls(service) == Tls::Acme);
    let of_redirects = redirects.iter().filter(|_| *of_redirects == Tls::Acme);
    let hosts = of_services
        .flat_map(Merged::hosts)
        .chain(of_redirects.map(|redirect| &redirect.host));
    let mut warned = HashSet::new();
    for host in hosts.filter(|host| !is_local(&host.value)) {
        let Some(objection) = objection(&host.value) else {
            continue;
        };
        if warned.insert(&host.value) {
            problems.push(no_certificate(host, objection).hint(
                "set `tls = \"internal\"` for one that this machine signs, or `directory` in `[acme]` to a CA of your own",
            ));
        }
    }
}

fn is_public_ca(directory: &str) -> bool {
    let host = directory
        .parse::<http::Uri>()
        .ok()
        .and_then(|uri| uri.host().map(str::to_ascii_lowercase));
    host.is_some_and(|host| {
        PUBLIC_CAS.iter().any(|ca| {
            host.strip_suffix(ca)
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        })
    })
}

fn no_certificate(host: &At<Arc<str>>, why: &str) -> Diagnostic {
    Diagnostic::warning(&host.span, format!("no certificate can be had for `{}`", host.value)).expected(why)
}

/// Warns of wildcards that would need DNS-01: no CA accepts the word of a web server for them (RFC 8555 §7.1.3).
pub(crate) fn warn_wildcards(services: &[Merged], problems: &mut Vec<Diagnostic>) {
    for service in services.iter().filter(|service| tls(service) == Tls::Acme) {
        for host in service
            .hosts()
            .iter()
            .filter(|host| host.value.starts_with("*.") && !is_local(&host.value))
        {
            problems.push(
                no_certificate(host, "a wildcard has to be proved in the DNS")
                    .hint("set `challenge = { dns = \"COMMAND\" }` in `[acme]`, or another `tls` for this service"),
            );
        }
    }
}

/// Warns of a second IP address: clients that connect to one send no name (RFC 6066 §3), so a certificate cannot be
/// chosen.
pub(crate) fn warn_addresses(services: &[Merged], problems: &mut Vec<Diagnostic>) {
    let encrypted = services.iter().filter(|service| tls(service) != Tls::Off);
    let is_address = |host: &&At<Arc<str>>| host.value.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
    let mut addresses = encrypted.flat_map(|service| service.hosts().iter().filter(is_address));
    let Some(first) = addresses.next() else { return };
    if let Some(other) = addresses.find(|other| other.value != first.value) {
        problems.push(
            Diagnostic::warning(&other.span, "with two addresses, neither is served over TLS")
                .expected("another address here")
                .related(&first.span, "one here")
                .hint("give all but one of them names, or `tls = \"off\"`"),
        );
    }
}
