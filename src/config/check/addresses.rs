//! Where no app can run: at an address of the proxy itself, or at one that another environment or slot has.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::Range;

use crate::config::build::merge::Merged;
use crate::config::read::server::RawServer;
use crate::config::text::raw::At;
use crate::config::text::report::Diagnostic;
use crate::model::slot::{Address, Slot};

/// Where an address stands for the first time in the file.
#[derive(Clone, Copy)]
struct Seen<'a> {
    service: &'a Merged,
    slot: Slot,
    span: &'a Range<usize>,
}

/// Checks the addresses of every service against one another and against the listeners.
pub(crate) fn check(services: &[Merged], server: &RawServer, problems: &mut Vec<Diagnostic>) {
    let mut seen: HashMap<Address, Seen<'_>> = HashMap::new();
    for service in services {
        for (slot, address) in addresses(service) {
            if let Some(listener) = own(&address.value, server) {
                problems.push(refuse_own(address, listener, server));
                continue;
            }
            let mut keys = vec![normal(&address.value)];
            keys.extend(address.value.second());
            if let Some(first) = keys.iter().find_map(|key| seen.get(key)) {
                problems.extend(conflict(first, service, slot, address));
                continue;
            }
            let span = &address.span;
            seen.extend(keys.into_iter().map(|key| (key, Seen { service, slot, span })));
        }
    }
}

/// The addresses of a service, each where it stands.
fn addresses(service: &Merged) -> impl Iterator<Item = (Slot, &At<Address>)> {
    let settings = &service.settings;
    [
        (Slot::Blue, &settings.blue),
        (Slot::Green, &settings.green),
        (Slot::Upstream, &settings.upstream),
    ]
    .into_iter()
    .filter_map(|(slot, addresses)| Some((slot, addresses.as_ref()?)))
    .flat_map(|(slot, addresses)| addresses.value.iter().map(move |address| (slot, address)))
}

/// Refuses an address in two environments, because a swap of one would stop the other's app, and in two slots, because
/// no side could then be stopped. Services of one environment may share an address in the same slot: they switch
/// together. A folder that is never swapped may be served twice: nobody stops it.
fn conflict(first: &Seen<'_>, service: &Merged, slot: Slot, address: &At<Address>) -> Option<Diagnostic> {
    let (here, there) = (&service.environment, &first.service.environment);
    let is_folder = address.value.folder().is_some();
    let message = if here != there {
        // Nobody swaps it, so that nobody takes it for the side that may be changed.
        if is_folder && (slot, first.slot) == (Slot::Upstream, Slot::Upstream) {
            return None;
        }
        format!("`{}` stands in two environments, `{there}` and `{here}`", address.value)
    } else if slot != first.slot {
        format!("`{}` is both {} and {} in `{here}`", address.value, first.slot, slot)
    } else {
        return None;
    };
    let diagnostic = Diagnostic::error(&address.span, message)
        .expected(format!("{slot} of {}", service.title()))
        .hint(match is_folder {
            true => "give every version a folder of its own",
            false => "let every version listen on an address of its own",
        });
    Some(if *first.span == address.span {
        diagnostic
    } else {
        diagnostic.related(first.span, format!("{} of {}", first.slot, first.service.title()))
    })
}

/// The listener or control socket of the proxy that a connection to `address` would reach.
pub(super) fn own(address: &Address, server: &RawServer) -> Option<String> {
    match address {
        Address::Unix(path) => server
            .socket()
            .filter(|socket| *socket == path)
            .map(|socket| socket.display().to_string()),
        Address::Port(port) => at(&[Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()], *port, server),
        Address::Tcp { host, port } => at(&[ip(host)?], *port, server),
        Address::Folder(_) => None,
    }
}

fn at(targets: &[IpAddr], port: u16, server: &RawServer) -> Option<String> {
    let reached = |listener: &SocketAddr| targets.iter().any(|target| reaches(*target, listener.ip()));
    let mut listening = server.listening().into_iter();
    listening
        .find(|listener| listener.port() == port && reached(listener))
        .map(|listener| listener.to_string())
}

/// Whether a connection to `target` arrives at a listener on `listener`. The unspecified address (`0.0.0.0`) reaches
/// this machine as a target, and accepts for every address as a listener. Of other addresses, only an equal one is
/// surely this machine.
fn reaches(target: IpAddr, listener: IpAddr) -> bool {
    let local = target.is_loopback() || target.is_unspecified();
    target == listener || (local && listener.is_unspecified()) || (target.is_unspecified() && listener.is_loopback())
}

fn refuse_own(address: &At<Address>, listener: String, server: &RawServer) -> Diagnostic {
    let diagnostic = Diagnostic::error(&address.span, format!("`{}` is the proxy itself", address.value))
        .expected("expected an address where an app listens");
    let written = listener
        .parse::<SocketAddr>()
        .ok()
        .and_then(|listener| server.listeners.iter().find(|written| written.value == listener));
    match written {
        Some(written) => diagnostic.related(&written.span, "the proxy listens here"),
        None => diagnostic.hint(format!("the proxy listens on `{listener}`")),
    }
}

/// One form for the different ways to write an address: `localhost` is 127.0.0.1, and a mapped IPv4 address is the IPv4
/// address.
fn normal(address: &Address) -> Address {
    match address {
        Address::Tcp { host, port } => Address::Tcp {
            host: ip(host).map_or_else(|| host.clone(), |ip| ip.to_string()),
            port: *port,
        },
        Address::Port(_) | Address::Unix(_) | Address::Folder(_) => address.clone(),
    }
}

fn ip(host: &str) -> Option<IpAddr> {
    match host {
        "localhost" => Some(IpAddr::from([127, 0, 0, 1])),
        other => other.parse::<IpAddr>().ok().map(|ip| ip.to_canonical()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_on_this_machine_reaches_a_listener_on_every_address() {
        for (target, listener, expected) in [
            ("127.0.0.1", "::", true),
            ("::1", "::", true),
            ("127.0.0.1", "0.0.0.0", true),
            ("0.0.0.0", "127.0.0.1", true),
            ("10.0.0.5", "10.0.0.5", true),
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1", "10.0.0.5", false),
            ("127.0.0.2", "127.0.0.1", false),
            ("10.0.0.6", "::", false),
        ] {
            let parsed = |text: &str| text.parse().unwrap();
            assert_eq!(
                reaches(parsed(target), parsed(listener)),
                expected,
                "{target} {listener}"
            );
        }
    }
}
