//! The hosts behind the store, and what is shown for each: what its files hold, or what stands in for it.
//!
//! A change of configuration builds the next [`Hosts`] out of the present ones and the new list; nothing here is published.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use super::certificate::{Certificate, bare};
use super::clock::unix_seconds;
use super::files::{self, Pair, Pairs};
use super::local_ca::CaError;
use super::resolver::Table;
use super::shelf::{Issued, obtained};
use super::stand_in::{LocalLeaf, NoLeaf, StandIn, lend, local_leaf};
use super::supplies::Supplies;
use crate::config::Tls;
use crate::model::api::CertificateStatus;
use crate::model::host::is_local;
use crate::model::renewal::Life;

/// Renewal has failed for long, or nobody renews it.
pub(super) const ENDS_SOON: &str = "ends soon and is not renewed";

pub(super) const ACME_NOTE: &str = "the local CA stands in until an ACME certificate is there";

/// The same, where clients have no reason to warn.
pub(super) const LENT_NOTE: &str = "another certificate that covers it stands in until its own is there";

/// A host that is served over TLS.
#[derive(Debug, Clone)]
pub struct Host {
    /// A name, `*.example.com` for exactly one label, or an address.
    pub name: Arc<str>,
    /// Where its certificate comes from.
    pub tls: Tls,
}

/// Every host, and what stands behind its certificate.
#[derive(Debug, Default, Clone)]
pub(super) struct Hosts {
    /// Files by chain and key: hosts that share them share what was read.
    pairs: Pairs,
    /// By name: lower case, without a trailing dot.
    by_name: BTreeMap<Box<str>, Served>,
}

#[derive(Debug, Clone)]
struct Served {
    source: Source,
    /// What a CA gave for it.
    issued: Option<Issued>,
    /// Where it has none of its own; `None` there, too, where nothing can be shown.
    stand_in: Option<StandIn>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Source {
    Local,
    Acme,
    /// Key of [`Hosts::pairs`].
    Files((PathBuf, PathBuf)),
}

impl Hosts {
    /// The state for these hosts, with what the old one has that still fits.
    pub(super) fn build(
        old: &Self,
        hosts: Vec<Host>,
        supplies: &Supplies,
        now: SystemTime,
    ) -> Result<(Self, Vec<String>), CaError> {
        let mut next = Self::default();
        let mut warnings = Vec::new();
        for host in hosts {
            let name = normal(&host.name);
            let Some(source) = Source::of(&name, host.tls) else {
                continue;
            };
            let vacant = match next.by_name.entry(name) {
                Entry::Vacant(vacant) => vacant,
                Entry::Occupied(first) => {
                    if first.get().source != source {
                        let name = first.key();
                        warnings.push(format!(
                            "`{name}` is given two sources of certificates; the first one is used"
                        ));
                    }
                    continue;
                }
            };
            let name = vacant.key().clone();
            let mut served = Served {
                source,
                issued: None,
                stand_in: None,
            };
            if served.source == Source::Acme {
                let kept = old.by_name.get(&name).and_then(|served| served.issued.clone());
                served.issued = kept.or_else(|| obtained(&supplies.shelf, &supplies.provider, &name, &mut warnings));
            }
            if let Source::Files(paths) = &served.source
                && !next.pairs.contains_key(paths)
            {
                let pair = match old.pairs.get(paths) {
                    Some(pair) => pair.clone(),
                    None => {
                        let (pair, messages) = Pair::open(&paths.0, &paths.1, &supplies.provider, now);
                        warnings.extend(messages);
                        pair
                    }
                };
                next.pairs.insert(paths.clone(), pair);
            }
            if served.on_disk(&next.pairs).is_some_and(|shown| !shown.covers(&name)) {
                warnings.push(format!("the certificate for `{name}` does not cover it"));
            }
            vacant.insert(served);
        }
        next.find_stand_ins(old, supplies, now, &mut warnings)?;
        Ok((next, warnings))
    }

    /// Finds what is shown for hosts without a certificate of their own. What clients trusted up to now stays, where that can
    /// be: a reload must not be what makes browsers warn.
    fn find_stand_ins(
        &mut self,
        old: &Self,
        supplies: &Supplies,
        now: SystemTime,
        warnings: &mut Vec<String>,
    ) -> Result<(), CaError> {
        let (present, former) = (self.trusted(), old.trusted());
        for (name, served) in &mut self.by_name {
            if served.on_disk(&self.pairs).is_some() {
                continue;
            }
            let is_for_it = served.source == Source::Local;
            if !is_for_it && let Some(lent) = lend(name, &present, now).or_else(|| lend(name, &former, now)) {
                served.stand_in = Some(StandIn::Lent(lent));
                continue;
            }
            let before = old.by_name.get(name).and_then(|served| served.stand_in.clone());
            if before.as_ref().is_some_and(StandIn::is_local) {
                served.stand_in = before;
                continue;
            }
            match local_leaf(supplies, name, now, warnings) {
                Ok(leaf) => served.stand_in = Some(StandIn::Local(leaf)),
                // It has nothing else to hope for.
                Err(NoLeaf::Ca(error)) if is_for_it => return Err(error),
                Err(why) => warnings.push(format!("`{name}`: handshakes are refused, {why}")),
            }
        }
        Ok(())
    }

    /// Every certificate that is not of the local CA.
    fn trusted(&self) -> Vec<Arc<Certificate>> {
        let shown = self.by_name.values().filter_map(|served| served.trusted(&self.pairs));
        shown.cloned().collect()
    }

    /// Lends anew to hosts without a certificate of their own: what another host has now, else what was lent before. Returns whether
    /// anything is shown that was not shown before.
    fn lend_again(&mut self, now: SystemTime) -> bool {
        let owned = self.by_name.values().filter_map(|served| served.on_disk(&self.pairs));
        let (owned, trusted): (Vec<_>, _) = (owned.cloned().collect(), self.trusted());
        let mut changed = false;
        for (name, served) in &mut self.by_name {
            if served.source == Source::Local || served.on_disk(&self.pairs).is_some() {
                continue;
            }
            let Some(lent) = lend(name, &owned, now).or_else(|| lend(name, &trusted, now)) else {
                continue;
            };
            let before = served.stand_in.as_ref().and_then(StandIn::lent);
            changed |= before.is_none_or(|before| !Arc::ptr_eq(before, &lent));
            served.stand_in = Some(StandIn::Lent(lent));
        }
        changed
    }

    /// Every pair of files, to be read again where nobody waits for it.
    pub(super) fn pairs(&self) -> Pairs {
        self.pairs.clone()
    }

    /// Takes what was read again. Returns whether anything is shown that was not shown before.
    pub(super) fn refresh(&mut self, read: Pairs, now: SystemTime, messages: &mut Vec<String>) -> bool {
        let mut changed = false;
        for (paths, pair) in read {
            // One that is missing was taken away by a reload meanwhile.
            if let Some(present) = self.pairs.get_mut(&paths) {
                changed |= present.current().map(Arc::as_ptr) != pair.current().map(Arc::as_ptr);
                *present = pair;
            }
        }
        for (name, served) in &mut self.by_name {
            if let Some(covers) = served.on_disk(&self.pairs).map(|shown| shown.covers(name))
                && served.stand_in.take().is_some()
                && !covers
            {
                messages.push(format!("the certificate for `{name}` does not cover it"));
            }
        }
        // Who lends may have another now, and what was lent may have ended.
        if changed || !self.in_need_of_leaves(now).is_empty() {
            changed |= self.lend_again(now);
        }
        changed
    }

    /// Hosts for which the local CA is to make a leaf: theirs is to be renewed, or what was lent to them has ended, and there is no other.
    pub(super) fn in_need_of_leaves(&self, now: SystemTime) -> Vec<Box<str>> {
        let in_need = |(_, served): &(_, &Served)| served.needs_leaf(&self.pairs, now);
        let hosts = self.by_name.iter().filter(in_need);
        hosts.map(|(name, _)| name.clone()).collect()
    }

    /// Takes leaves for those that still need them. Returns whether anything is shown that was not shown before.
    pub(super) fn take_leaves(
        &mut self,
        made: Vec<(Box<str>, LocalLeaf)>,
        now: SystemTime,
        messages: &mut Vec<String>,
    ) -> bool {
        let (mut changed, mut renewed) = (false, 0_usize);
        for (name, leaf) in made {
            let served = self.by_name.get_mut(&name);
            let Some(served) = served.filter(|served| served.needs_leaf(&self.pairs, now)) else {
                continue;
            };
            let had_one = served.stand_in.as_ref().is_some_and(StandIn::is_local);
            match leaf {
                Ok(leaf) => {
                    served.stand_in = Some(StandIn::Local(leaf));
                    renewed += usize::from(had_one);
                }
                // It was made before, and will be tried again; a clock before 1970 is the one known reason.
                Err(why) if had_one => {
                    messages.push(format!("`{name}`: the local certificate cannot be renewed, {why}"));
                    continue;
                }
                Err(why) => {
                    served.stand_in = None;
                    messages.push(format!("`{name}`: handshakes are refused, {why}"));
                }
            }
            changed = true;
        }
        if renewed > 0 {
            messages.push(format!("renewed {renewed} of the local CA's certificates"));
        }
        changed
    }

    pub(super) fn table(&self) -> Table {
        Table::build(
            self.by_name
                .iter()
                .map(|(name, served)| (&**name, served.shown(&self.pairs))),
        )
    }

    /// What clients of a host are shown.
    pub(super) fn status(&self, host: &str, now: SystemTime) -> CertificateStatus {
        let name = normal(host);
        let served = self.by_name.get(&name).or_else(|| {
            let (_, parent) = name.split_once('.')?;
            self.by_name.get(format!("*.{parent}").as_str())
        });
        let host = host.to_owned();
        let none = |note: String| CertificateStatus {
            host: host.clone(),
            issuer: "none".to_owned(),
            not_after: String::new(),
            note: Some(note),
        };
        let Some(served) = served else {
            return none("not served over TLS".to_owned());
        };
        let mut notes = self.note(served);
        let Some(shown) = served.shown(&self.pairs) else {
            return none(notes.join("; "));
        };
        let is_trusted = served.trusted(&self.pairs).is_some();
        if let Some(untimely) = shown.untimely(now) {
            notes.push(untimely.to_owned());
        } else if is_trusted && shown.life().ends_soon(unix_seconds(now)) {
            notes.push(ENDS_SOON.to_owned());
        }
        if !shown.covers(&name) {
            notes.push("does not cover this host".to_owned());
        }
        let issuer = if is_trusted { shown.issuer() } else { "local CA" };
        CertificateStatus {
            issuer: issuer.to_owned(),
            not_after: shown.not_after(),
            note: (!notes.is_empty()).then(|| notes.join("; ")),
            host,
        }
    }

    /// Every host whose certificate is obtained, and what there is for it.
    pub(super) fn acme(&self) -> impl Iterator<Item = (&str, Option<&Issued>)> {
        let hosts = self.by_name.iter().filter(|(_, served)| served.source == Source::Acme);
        hosts.map(|(name, served)| (&**name, served.issued.as_ref()))
    }

    /// Shows what was obtained for a host. Returns whether the host is (still) one that certificates are obtained for.
    pub(super) fn install(&mut self, host: &str, issued: Issued, now: SystemTime) -> bool {
        let Some(served) = self.by_name.get_mut(&normal(host)) else {
            return false;
        };
        if served.source != Source::Acme {
            return false;
        }
        (served.issued, served.stand_in) = (Some(issued), None);
        self.lend_again(now);
        true
    }

    /// Shows what was found on the shelf, where that is another than was obtained before. Returns whether there is any.
    pub(super) fn take_up(&mut self, found: Vec<(String, Issued)>, now: SystemTime) -> bool {
        let mut changed = false;
        for (name, issued) in found {
            let before = self
                .by_name
                .get(name.as_str())
                .and_then(|served| served.issued.as_ref());
            if before.is_none_or(|before| before.certificate.chain() != issued.certificate.chain()) {
                changed |= self.install(&name, issued, now);
            }
        }
        changed
    }

    /// Hosts whose certificates end soon, each with its end; those of the local CA are not worth a word.
    pub(super) fn ending(&self, now: SystemTime) -> Vec<(String, String)> {
        let now = unix_seconds(now);
        let ending = self.by_name.iter().filter_map(|(name, served)| {
            let shown = served.trusted(&self.pairs)?;
            let soon = shown.life().ends_soon(now);
            soon.then(|| (name.to_string(), shown.not_after()))
        });
        ending.collect()
    }

    /// From when until when certificates are good that are not of the local CA, by host.
    pub(super) fn lives(&self) -> BTreeMap<String, Life> {
        let by_name = self.by_name.iter();
        by_name
            .filter_map(|(name, served)| Some((name.to_string(), served.trusted(&self.pairs)?.life())))
            .collect()
    }

    /// The certificate of a host by the name it was given.
    #[cfg(test)]
    pub(super) fn certificate(&self, name: &str) -> Option<&Arc<Certificate>> {
        self.by_name.get(name)?.shown(&self.pairs)
    }

    /// Why something else is shown than was asked for.
    fn note(&self, served: &Served) -> Vec<String> {
        let none = match (&served.stand_in, &served.source) {
            (Some(StandIn::Lent(_)), _) => LENT_NOTE,
            (Some(StandIn::Local(_)), Source::Acme) => ACME_NOTE,
            (Some(StandIn::Local(_)), _) => "the local CA stands in until it is repaired",
            (None, _) => "handshakes are refused",
        };
        match &served.source {
            Source::Local if served.stand_in.is_some() => Vec::new(),
            Source::Acme if served.issued.is_some() => Vec::new(),
            Source::Local | Source::Acme => vec![none.to_owned()],
            Source::Files(paths) => match self.pairs.get(paths).and_then(|pair| Some((pair, pair.problem()?))) {
                Some((pair, problem)) => {
                    let instead = if pair.current().is_some() {
                        files::LAST_GOOD
                    } else {
                        none
                    };
                    vec![format!("{problem}; {instead}")]
                }
                None => Vec::new(),
            },
        }
    }
}

impl Served {
    fn on_disk<'a>(&'a self, pairs: &'a Pairs) -> Option<&'a Arc<Certificate>> {
        match &self.source {
            Source::Files(paths) => pairs.get(paths)?.current(),
            Source::Acme => self.issued.as_ref().map(|issued| &issued.certificate),
            Source::Local => None,
        }
    }

    fn shown<'a>(&'a self, pairs: &'a Pairs) -> Option<&'a Arc<Certificate>> {
        self.on_disk(pairs).or(self.stand_in.as_ref().map(StandIn::certificate))
    }

    /// What is shown, unless it is of the local CA.
    fn trusted<'a>(&'a self, pairs: &'a Pairs) -> Option<&'a Arc<Certificate>> {
        self.on_disk(pairs).or(self.stand_in.as_ref().and_then(StandIn::lent))
    }

    fn needs_leaf(&self, pairs: &Pairs, now: SystemTime) -> bool {
        self.on_disk(pairs).is_none() && self.stand_in.as_ref().is_some_and(|it| it.is_over(now))
    }
}

impl Source {
    /// `None` for hosts without TLS.
    fn of(name: &str, tls: Tls) -> Option<Self> {
        match tls {
            Tls::Off => None,
            Tls::Files { cert, key } => Some(Self::Files((cert, key))),
            Tls::Internal => Some(Self::Local),
            Tls::Acme if is_local(name) => Some(Self::Local),
            Tls::Acme => Some(Self::Acme),
        }
    }
}

/// Lower case, no trailing dot; addresses in the one way that Rust writes them.
fn normal(host: &str) -> Box<str> {
    let host = bare(host);
    match host.parse::<IpAddr>() {
        Ok(ip) => ip.to_string().into(),
        Err(_) => host.to_ascii_lowercase().into(),
    }
}
