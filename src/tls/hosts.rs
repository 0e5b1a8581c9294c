//! The hosts behind the store, and what is shown for each: what its files hold, or what stands in for it.
//!
//! A change of configuration builds the next [`Hosts`] out of the present ones and the new list; nothing here is published.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use super::certificate::{Certificate, Supplies, bare};
use super::clock::unix_seconds;
use super::files::{self, Pair, Pairs};
use super::local_ca::{CaError, LocalCa};
use super::resolver::Table;
use super::shelf::{Issued, obtained};
use super::stand_in::{lend, local_leaf};
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
#[derive(Debug, Default)]
pub(super) struct Hosts {
    /// Opened when the first host needs it.
    ca: Option<Arc<LocalCa>>,
    /// Files by chain and key: hosts that share them share what was read.
    pairs: Pairs,
    /// By name: lower case, without a trailing dot.
    by_name: BTreeMap<Box<str>, Served>,
}

#[derive(Debug)]
struct Served {
    source: Source,
    /// What a CA gave for it.
    issued: Option<Issued>,
    /// One that another host has, or that was shown before, where it has none of its own.
    lent: Option<Arc<Certificate>>,
    /// A leaf of the local CA, where nothing else is there to be shown.
    local: Option<Arc<Certificate>>,
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
        let mut next = Self {
            ca: old.ca.clone(),
            ..Self::default()
        };
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
                lent: None,
                local: None,
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
        next.stand_in(old, supplies, now, &mut warnings)?;
        Ok((next, warnings))
    }

    /// Finds what is shown for hosts without a certificate of their own. What clients trusted up to now stays, where that can
    /// be: a reload must not be what makes browsers warn.
    fn stand_in(
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
            if served.source != Source::Local {
                served.lent = lend(name, &present, now).or_else(|| lend(name, &former, now));
            }
            if served.lent.is_none() {
                let kept = old.by_name.get(name).and_then(|served| served.local.clone());
                served.local = match kept {
                    Some(kept) => Some(kept),
                    None => {
                        let meant = served.source == Source::Local;
                        local_leaf(&mut self.ca, name, meant, supplies, now, warnings)?
                    }
                };
            }
        }
        Ok(())
    }

    /// Every certificate that is not of the local CA.
    fn trusted(&self) -> Vec<Arc<Certificate>> {
        let shown = self.by_name.values().filter_map(|served| served.trusted(&self.pairs));
        shown.cloned().collect()
    }

    /// Every pair of files, to be read again where nobody waits for it.
    pub(super) fn pairs(&self) -> Pairs {
        self.pairs.clone()
    }

    /// Takes what was read again. Returns whether anything is shown that was not shown before.
    pub(super) fn refresh(
        &mut self,
        read: Pairs,
        supplies: &Supplies,
        now: SystemTime,
        messages: &mut Vec<String>,
    ) -> bool {
        let mut changed = false;
        for (paths, pair) in read {
            // One that is missing was taken away by a reload meanwhile.
            if let Some(present) = self.pairs.get_mut(&paths) {
                changed |= present.current().map(Arc::as_ptr) != pair.current().map(Arc::as_ptr);
                *present = pair;
            }
        }
        let mut renewed = 0_usize;
        let present = if changed { self.trusted() } else { Vec::new() };
        for (name, served) in &mut self.by_name {
            let stood_in = served.lent.is_some() || served.local.is_some();
            if let Some(covers) = served.on_disk(&self.pairs).map(|shown| shown.covers(name)) {
                (served.lent, served.local) = (None, None);
                if stood_in && !covers {
                    messages.push(format!("the certificate for `{name}` does not cover it"));
                }
                continue;
            }
            let was_lent = served.lent.is_some();
            changed |= served.take_loan(name, &present, now);
            if was_lent && served.lent.is_none() {
                match local_leaf(&mut self.ca, name, false, supplies, now, messages) {
                    Ok(leaf) => served.local = leaf,
                    Err(error) => messages.push(format!("`{name}`: handshakes are refused: {error}")),
                }
            }
            let (Some(ca), Some(local)) = (&self.ca, &served.local) else {
                continue;
            };
            if !local.is_due(now) {
                continue;
            }
            match ca.leaf(name, now) {
                Ok(leaf) => {
                    served.local = Some(Arc::new(leaf));
                    renewed += 1;
                    changed = true;
                }
                // It was made before, and will be tried again; a clock before 1970 is the one known reason.
                Err(reason) => messages.push(format!("`{name}`: the local certificate cannot be renewed: {reason}")),
            }
        }
        if renewed > 0 {
            messages.push(format!("renewed {renewed} of the local CA's certificates"));
        }
        changed
    }

    pub(super) fn table(&self) -> Table {
        Table::build(self.by_name.iter().map(|(name, served)| (&**name, self.shown(served))))
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
        let Some(shown) = self.shown(served) else {
            return none(notes.join("; "));
        };
        if let Some(untimely) = shown.untimely(now) {
            notes.push(untimely.to_owned());
        } else if served.local.is_none() && shown.life().ends_soon(unix_seconds(now)) {
            notes.push(ENDS_SOON.to_owned());
        }
        if !shown.covers(&name) {
            notes.push("does not cover this host".to_owned());
        }
        let issuer = if served.local.is_some() {
            "local CA"
        } else {
            shown.issuer()
        };
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
        let present = [Arc::clone(&issued.certificate)];
        served.issued = Some(issued);
        (served.lent, served.local) = (None, None);
        for (name, served) in &mut self.by_name {
            if served.on_disk(&self.pairs).is_none() {
                served.take_loan(name, &present, now);
            }
        }
        true
    }

    /// Returns whether another certificate is there than was obtained before.
    pub(super) fn read_shelf_again(&mut self, supplies: &Supplies, now: SystemTime) -> bool {
        let found = self.acme().filter_map(|(name, before)| {
            let found = obtained(&supplies.shelf, &supplies.provider, name, &mut Vec::new())?;
            let same = before.is_some_and(|before| before.certificate.chain() == found.certificate.chain());
            (!same).then(|| (name.to_owned(), found))
        });
        let found: Vec<_> = found.collect();
        found.into_iter().fold(false, |changed, (name, issued)| {
            self.install(&name, issued, now) || changed
        })
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
        self.shown(self.by_name.get(name)?)
    }

    fn shown<'a>(&'a self, served: &'a Served) -> Option<&'a Arc<Certificate>> {
        served.trusted(&self.pairs).or(served.local.as_ref())
    }

    /// Why something else is shown than was asked for.
    fn note(&self, served: &Served) -> Vec<String> {
        let none = if served.lent.is_some() {
            LENT_NOTE
        } else if served.local.is_some() {
            "the local CA stands in until it is repaired"
        } else {
            "handshakes are refused"
        };
        match &served.source {
            Source::Local if served.local.is_none() => vec![none.to_owned()],
            Source::Local => Vec::new(),
            Source::Acme if served.issued.is_some() => Vec::new(),
            Source::Acme if served.local.is_none() => vec![none.to_owned()],
            Source::Acme => vec![ACME_NOTE.to_owned()],
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

    /// What is shown, unless it is of the local CA.
    fn trusted<'a>(&'a self, pairs: &'a Pairs) -> Option<&'a Arc<Certificate>> {
        self.on_disk(pairs).or(self.lent.as_ref())
    }

    /// Takes one of these in place of its own, or gives up what is no longer good. Returns whether another is shown.
    fn take_loan(&mut self, name: &str, present: &[Arc<Certificate>], now: SystemTime) -> bool {
        if self.source == Source::Local {
            return false;
        }
        let before = self.lent.take();
        self.lent = lend(name, present, now).or_else(|| lend(name, before.as_slice(), now));
        if self.lent.is_some() {
            self.local = None;
        }
        self.lent.as_ref().map(Arc::as_ptr) != before.as_ref().map(Arc::as_ptr)
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
