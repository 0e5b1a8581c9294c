//! One attempt to get one host's certificate: the directories in turn, then the shelf and the resolver, then the ledger.

use std::time::Duration;

use super::ledger::HostRecord;
use super::renewer::{Outcome, Renewer};
use crate::config::{Acme, Challenge};
use crate::control::clock::{rfc3339, unix_now};
use crate::model::renewal::{hold, is_held};
use crate::tls::{AcmeError, AcmeHost, Begun, Blame, Bundle, Watch, Way, Wish};

/// For all of it: every exchange has its own deadline, and a CA that answers each of them slowly has this one.
const PATIENCE: Duration = Duration::from_secs(10 * 60);

impl Renewer {
    /// Returns what the user is told who asked for the attempt; the ledger keeps it for `status`.
    pub(super) async fn attempt(&self, host: &AcmeHost) -> Outcome {
        let name = host.name.as_str();
        let outcome = match tokio::time::timeout(PATIENCE, self.obtain(host)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(AcmeError::ca(format!(
                "the CA did not come to an end within {} min",
                PATIENCE.as_secs() / 60
            ))),
        };
        let installed = outcome.and_then(|bundle| match self.store.install(name, &bundle) {
            Ok(life) => Ok((bundle, life)),
            Err(why) => {
                self.authority().forget_begun(name);
                Err(AcmeError::here(format!("the CA's certificate is of no use: {why}")))
            }
        });
        match installed {
            Ok((bundle, life)) => {
                let by = bundle.meta.challenge.clone().unwrap_or_default();
                self.save(name, bundle);
                self.ledger.borrow_mut().change(name, |record| {
                    record.attempts.succeeded();
                    record.directories.clear();
                    record.suggestion = None;
                });
                tracing::info!(host = name, by, until = rfc3339(life.until), "obtained a certificate");
                // By the right clock it is good; thrown away it would be ordered again until the CA's limit.
                if life.from > unix_now() {
                    let from = rfc3339(life.from);
                    tracing::warn!(
                        host = name,
                        from,
                        "the CA's certificate is not valid yet by this machine's clock"
                    );
                }
                Ok(())
            }
            Err(error) => {
                let text = error.to_string();
                let chance = fastrand::f64();
                let mut next = 0;
                // A reload that came meanwhile lets it be tried at once, by settings that this attempt did not have.
                let directories = self.is_overtaken(name).then(|| self.directories());
                self.ledger.borrow_mut().change(name, |record| {
                    record
                        .attempts
                        .failed(unix_now(), text.clone(), error.retry_after, chance);
                    if let Some(directories) = directories {
                        record.attempts.reconsider(record.held(&directories));
                    }
                    next = record.attempts.not_before.max(unix_now());
                });
                tracing::warn!(host = name, next = rfc3339(next), "no certificate: {text}");
                Err(text)
            }
        }
    }

    /// What cannot be saved is served from memory, and saved as soon as the disk takes it.
    pub(super) fn save(&self, host: &str, bundle: Bundle) {
        match self.store.save(host, &bundle) {
            Ok(()) => {
                self.unsaved.borrow_mut().remove(host);
                self.authority().forget_begun(host);
            }
            Err(why) => {
                tracing::warn!(host, "the certificate is served, but it cannot be stored: {why}");
                self.unsaved.borrow_mut().insert(host.to_owned(), (bundle, why));
            }
        }
    }

    /// Asks the directories in turn, and says in the end what every one of them said.
    async fn obtain(&self, host: &AcmeHost) -> Result<Bundle, AcmeError> {
        let authority = self.authority();
        let settings = authority.settings();
        let watch = Watching { renewer: self, host };
        let mut failed: Option<AcmeError> = None;
        for directory in &settings.directories {
            let held = self.ledger.borrow().of(&host.name).directories.get(directory).copied();
            // With a single CA its word is in `attempts` already, and a person may not overrule it.
            if settings.directories.len() > 1 && held.is_some_and(|until| is_held(until, unix_now())) {
                continue;
            }
            // What is not on disk yet is this very order, which a renewal must not fetch again.
            let fetched = self.unsaved.borrow().contains_key(&host.name);
            // Nor one from before what is served: its process ended when it had stored that, and before it forgot the order.
            let served = host.current.as_ref().map_or(i64::MIN, |current| current.meta.issued);
            let begun = authority
                .begun(&host.name)
                .filter(|begun| !fetched && begun.at > served);
            let wish = wish(settings, host, directory, begun);
            let error = match authority.obtain(directory, &wish, &watch).await {
                Ok(bundle) => return Ok(bundle),
                Err(error) => error,
            };
            if let Some(wait) = error.retry_after {
                let until = hold(unix_now(), wait);
                let remember = |record: &mut HostRecord| {
                    record.directories.insert(directory.clone(), until);
                };
                self.ledger.borrow_mut().change(&host.name, remember);
            }
            let last = matches!(error.blame, Blame::Here | Blame::Validation);
            failed = Some(match failed.take() {
                Some(first) => both(first, error),
                None => error,
            });
            if last {
                break;
            }
        }
        // Every one of them has asked to wait.
        Err(failed.unwrap_or_else(|| {
            let record = self.ledger.borrow().of(&host.name);
            let wait = record.held(&settings.directories).saturating_sub(unix_now());
            let said = record.attempts.error;
            AcmeError {
                retry_after: Some(wait.max(0)),
                ..AcmeError::ca(said.unwrap_or_else(|| "every CA has asked to wait".into()))
            }
        }))
    }
}

/// Both failures in one; the next attempt is when the first of the two CAs allows it.
fn both(first: AcmeError, second: AcmeError) -> AcmeError {
    AcmeError {
        message: format!("{first}; then {}", second.message),
        hint: second.hint,
        retry_after: first
            .retry_after
            .zip(second.retry_after)
            .map(|(one, other)| one.min(other)),
        blame: second.blame,
    }
}

/// The way that worked last comes first.
fn wish(settings: &Acme, host: &AcmeHost, directory: &str, begun: Option<Begun>) -> Wish {
    let last = host
        .current
        .as_ref()
        .and_then(|current| current.meta.challenge.as_deref());
    let ways = match &settings.challenge {
        Challenge::Http => vec![Way::Http],
        Challenge::TlsAlpn => vec![Way::TlsAlpn],
        Challenge::Dns(command) => vec![Way::Dns(command.clone())],
        Challenge::Either if last == Some(Way::TlsAlpn.name()) => vec![Way::TlsAlpn, Way::Http],
        Challenge::Either => vec![Way::Http, Way::TlsAlpn],
    };
    let same_ca = |meta: &crate::tls::Meta| !meta.imported && meta.directory.as_deref() == Some(directory);
    let replaced = host.current.as_ref().filter(|current| same_ca(&current.meta));
    Wish {
        host: host.name.clone(),
        profile: settings.profile.clone(),
        ways,
        replaces: replaced.and_then(|current| current.id.clone()),
        begun,
    }
}

struct Watching<'a> {
    renewer: &'a Renewer,
    host: &'a AcmeHost,
}

impl Watch for Watching<'_> {
    fn may_validate(&self) -> bool {
        let now = unix_now();
        self.renewer
            .ledger
            .borrow()
            .of(&self.host.name)
            .attempts
            .may_validate(now)
            <= now
    }

    fn validation_failed(&self) {
        let mut ledger = self.renewer.ledger.borrow_mut();
        ledger.change(&self.host.name, |record| record.attempts.validation_failed(unix_now()));
    }

    fn finalizing(&self, begun: &Begun) {
        if let Err(error) = self.renewer.authority().keep_begun(&self.host.name, begun) {
            tracing::warn!(host = self.host.name, %error, "an order cannot be kept, and would be placed again after a crash");
        }
    }
}
