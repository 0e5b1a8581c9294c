//! Refuses an auth service that is the proxy itself: every question would be a request that asks again.

use std::ops::Range;

use super::addresses::own;
use crate::config::build::merge::Merged;
use crate::config::policy::Forward;
use crate::config::read::server::RawServer;
use crate::config::text::report::Diagnostic;
use crate::model::slot::Address;

/// Checks whom the services and their parts ask.
pub(crate) fn check(services: &[Merged], server: &RawServer, problems: &mut Vec<Diagnostic>) {
    for (span, forward) in services.iter().flat_map(asking) {
        let listener = own(&forward.address, server).or_else(|| by_name(&forward.address, services, server));
        if let Some(listener) = listener {
            problems.push(
                Diagnostic::error(span, format!("`auth.forward` asks the proxy itself: `{forward}`"))
                    .expected("expected an address where the auth service listens")
                    .hint(format!(
                        "the proxy listens on `{listener}`; name the port of the auth service, as `http://127.0.0.1:4180/`"
                    )),
            );
        }
    }
}

/// Every `auth.forward` of a service, where it stands.
fn asking(service: &Merged) -> impl Iterator<Item = (&Range<usize>, Forward)> {
    let parts = service.parts.iter().flat_map(|parts| &parts.value);
    let settings = std::iter::once(&service.settings).chain(parts.map(|part| &part.settings));
    let written = settings.filter_map(|settings| settings.auth_forward.as_ref());
    written.filter_map(|written| Some((&written.span, written.value.as_ref()?.complete()?)))
}

/// The listener that a name leads to which is served here.
fn by_name(address: &Address, services: &[Merged], server: &RawServer) -> Option<String> {
    let Address::Tcp { host, port } = address else {
        return None;
    };
    let mut hosts = services.iter().flat_map(Merged::hosts);
    let is_served = hosts.any(|served| match served.value.strip_prefix("*.") {
        Some(domain) => host.split_once('.').is_some_and(|(_, rest)| rest == domain),
        None => *served.value == **host,
    });
    let mut listening = server.listening().into_iter();
    let listener = listening.find(|listener| listener.port() == *port);
    listener.filter(|_| is_served).map(|listener| listener.to_string())
}
