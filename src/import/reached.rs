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

/// Stands for all that reaches nobody but this machine.
const HERE: &str = "127.0.0.1";

impl Reached {
    pub(super) fn everywhere() -> Self {
        Self(BTreeSet::from([EVERYWHERE.to_owned()]))
    }

    pub(super) fn here() -> Self {
        Self(BTreeSet::from([HERE.to_owned()]))
    }

    /// At these addresses, with or without a port.
    pub(super) fn at<'a>(addresses: impl Iterator<Item = &'a str>) -> Self {
        Self(addresses.map(host).collect())
    }

    /// At all of them.
    pub(super) fn all(several: impl Iterator<Item = Self>) -> Self {
        Self(several.flat_map(|one| one.0).collect())
    }

    /// Says of a site that it is reached at more addresses now, and keeps it to this machine where only that had reached it.
    pub(super) fn limit(&self, site: &mut Site, others: &Self) {
        if self.0.contains(EVERYWHERE) {
            return;
        }
        let only = self.0.iter().map(String::as_str).collect::<Vec<_>>().join(" ");
        if *self == Self::here() {
            keep_here(site);
            site.notes.push(Note {
                place: site.place,
                what: "only this machine reached it, by its own address".to_owned(),
                nearest: "a site is reached wherever `[server]` listens: `auth.allow` lets this machine in alone"
                    .to_owned(),
            });
        } else if !others.0.is_subset(&self.0) {
            site.notes.push(Note {
                place: site.place,
                what: format!("it was reached at {only} alone"),
                nearest: "a site is reached wherever `[server]` listens: `auth.allow` says for whom".to_owned(),
            });
        }
    }
}

/// Keeps a site to this machine, whatever its routes say of clients.
fn keep_here(site: &mut Site) {
    for settings in site.routes.iter_mut().map(|route| &mut route.settings) {
        settings.remove("auth.allow");
        settings.remove("auth.except");
    }
    closing::close(&mut site.settings, "it listened to this machine alone");
}

fn host(address: &str) -> String {
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
        (name, _) if name.starts_with("unix/") || name.starts_with("unix:") => HERE.to_owned(),
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
            ("unix//run/a.sock", HERE),
            ("10.0.0.1:80", "10.0.0.1"),
            ("{$BIND}", "{$BIND}"),
        ] {
            assert_eq!(host(address), expected, "{address}");
        }
    }
}
