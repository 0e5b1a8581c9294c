//! At which addresses of the machine a site was reached: here every site is reached at all of them.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::closing;
use super::draft::{Note, Site};

/// The addresses, without ports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reached(BTreeSet<String>);

/// Stands for every address.
const EVERYWHERE: &str = "[::]";

/// Stands for addresses that nobody but this machine reaches.
const HERE: &str = "127.0.0.1";

/// Stands for sockets, which are no address of `[server]`.
const SOCKET: &str = "unix:";

impl Reached {
    pub(super) fn everywhere() -> Self {
        Self(BTreeSet::from([EVERYWHERE.to_owned()]))
    }

    pub(super) fn by_socket() -> Self {
        Self(BTreeSet::from([SOCKET.to_owned()]))
    }

    /// At these addresses, with or without a port.
    pub(super) fn at<'a>(addresses: impl Iterator<Item = &'a str>) -> Self {
        Self(addresses.map(host).collect())
    }

    /// At all of them.
    pub(super) fn all(several: impl Iterator<Item = Self>) -> Self {
        Self(several.flat_map(|one| one.0).collect())
    }

    /// Whether all are served at addresses of this machine alone, as behind a tunnel: so is what `[server]` listens at.
    pub(super) fn listens_here(&self) -> bool {
        self.0.contains(HERE) && self.is_here()
    }

    fn is_here(&self) -> bool {
        self.0.iter().all(|address| address == HERE || address == SOCKET)
    }

    /// What is said of a site of these addresses, if others are reached at more.
    fn said(&self, others: &Self) -> Option<(String, &'static str)> {
        if self.0.contains(EVERYWHERE) || (self.is_here() && others.listens_here()) {
            return None;
        }
        let only = self.0.iter().map(String::as_str).collect::<Vec<_>>().join(" ");
        if self.is_here() {
            let what = "all of this site is kept from clients: only this machine reached it, by its own address";
            let nearest = "a site is reached wherever `[server]` listens: `auth.allow` lets this machine in alone";
            return Some((what.to_owned(), nearest));
        }
        let nearest = "a site is reached wherever `[server]` listens: `auth.allow` says for whom";
        (!others.0.is_subset(&self.0)).then(|| (format!("it was reached at {only} alone"), nearest))
    }
}

/// Says of sites that they are reached at more addresses now, each once, and keeps to this machine those that only it had reached.
pub(super) fn limit(sites: &mut [Site], reached: &[Reached], all: &Reached) {
    let mut told: Vec<Note> = Vec::new();
    for (site, reached) in sites.iter_mut().zip(reached) {
        let Some((what, nearest)) = reached.said(all) else {
            continue;
        };
        if reached.is_here() {
            keep_here(site);
        }
        let note = Note {
            place: site.place,
            what,
            nearest: nearest.to_owned(),
        };
        if !told.contains(&note) {
            told.push(note.clone());
            site.notes.push(note);
        }
    }
}

/// Keeps a site to this machine, whatever its routes say of clients.
fn keep_here(site: &mut Site) {
    let routes = site.routes.iter_mut().map(|route| &mut route.settings);
    for settings in routes.chain(site.kept.iter_mut().map(|kept| &mut kept.settings)) {
        settings.remove("auth.allow");
        settings.remove(closing::EXCEPT);
    }
    // A note says why.
    closing::close(&mut site.settings, "");
}

fn host(address: &str) -> String {
    let networks = ["tcp/", "tcp4/", "tcp6/", "udp/", "udp4/", "udp6/"];
    let address = networks
        .iter()
        .find_map(|network| address.strip_prefix(network))
        .unwrap_or(address);
    if address
        .strip_prefix("unix")
        .is_some_and(|rest| rest.starts_with(['/', ':', '+']))
    {
        return SOCKET.to_owned();
    }
    let name = match address.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') && (host.ends_with(']') || !host.contains(':')) => host,
        Some(_) | None => address,
    };
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    match (name, bare.parse::<IpAddr>()) {
        ("" | "*", _) => EVERYWHERE.to_owned(),
        ("localhost", _) => HERE.to_owned(),
        (_, Ok(ip)) if ip.is_unspecified() => EVERYWHERE.to_owned(),
        (_, Ok(ip)) if ip.to_canonical().is_loopback() => HERE.to_owned(),
        (name, _) => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_every_one_this_machine_or_themselves() {
        for (address, expected) in [
            ("[::]:80", EVERYWHERE),
            ("0.0.0.0", EVERYWHERE),
            ("::", EVERYWHERE),
            (":80", EVERYWHERE),
            ("127.0.0.2:80", HERE),
            ("[::1]:80", HERE),
            ("::1", HERE),
            ("localhost", HERE),
            ("tcp4/127.0.0.1", HERE),
            ("tcp6/[::1]:80", HERE),
            ("tcp/0.0.0.0:80", EVERYWHERE),
            ("unix//run/a.sock", SOCKET),
            ("unix+h2c//run/a.sock", SOCKET),
            ("unix:/run/a.sock", SOCKET),
            ("10.0.0.1:80", "10.0.0.1"),
            ("unixhost:80", "unixhost"),
            ("{$BIND}", "{$BIND}"),
        ] {
            assert_eq!(host(address), expected, "{address}");
        }
    }
}
