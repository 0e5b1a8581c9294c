//! Keeps certificates coming: one task looks every second which host is due, and begins at most a few attempts at once. Each
//! attempt is a task of its own, so that a host that fails harms no other, and a reload aborts none (N29).

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::ledger::{HostRecord, Ledger};
use crate::config::{Acme, Challenge};
use crate::control::clock::{rfc3339, unix_now};
use crate::model::api::{CertificateReport, Problem, exit};
use crate::model::renewal::{Reason, VALIDATIONS_PER_HOUR};
use crate::tasks::Group;
use crate::tls::{AcmeHost, Authority, Bundle, Challenges, Store};

/// Between two looks.
const LOOK: Duration = Duration::from_secs(1);
/// Attempts at once.
const AT_ONCE: usize = 4;
/// Between two tries to put on disk what is served from memory.
const SAVE_AGAIN: Duration = Duration::from_secs(5);

/// How an attempt ended, for the user who asked for it.
pub(super) type Outcome = Result<(), String>;

/// Everything that renewals need, on the control thread.
pub(in crate::control) struct Renewer {
    pub(super) store: Arc<Store>,
    challenges: Arc<Challenges>,
    /// Replaced by a reload; attempts under way keep theirs.
    authority: RefCell<Rc<Authority>>,
    pub(super) ledger: RefCell<Ledger>,
    /// By host.
    running: RefCell<BTreeMap<String, Running>>,
    /// Hosts about which the CA is being asked.
    pub(super) asking: RefCell<BTreeSet<String>>,
    /// Served from memory, because the disk would not take it.
    pub(super) unsaved: RefCell<BTreeMap<String, (Bundle, String)>>,
    /// By host: what became of its attempts in this process.
    renewals: RefCell<BTreeMap<String, Renewals>>,
    /// Whether nothing new begins, because another process is about to do this.
    held: Cell<bool>,
    pub(super) tasks: Group,
}

impl std::fmt::Debug for Renewer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Renewer")
            .field("running", &self.running.borrow().len())
            .finish_non_exhaustive()
    }
}

/// What became of attempts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::control) struct Renewals {
    pub(in crate::control) obtained: u64,
    pub(in crate::control) failed: u64,
}

/// An attempt under way.
#[derive(Debug)]
struct Running {
    /// The requests that wait for its end.
    waiting: Vec<oneshot::Sender<Outcome>>,
    /// Whether it began before a reload that lets its host be tried at once.
    overtaken: bool,
}

/// When the next attempt is, in unix seconds, and why then; `None` when there will be none.
type Plan = (Option<i64>, String);

impl Renewer {
    /// A renewer that begins nothing before [`Renewer::run`]. What an operator should be told goes into `warnings`.
    pub(in crate::control) fn new(
        settings: &Acme,
        store: &Arc<Store>,
        challenges: &Arc<Challenges>,
        state_dir: &Path,
        warnings: &mut Vec<String>,
    ) -> Rc<Self> {
        let authority = Authority::new(settings.clone(), state_dir, challenges.clone());
        Rc::new(Self {
            store: store.clone(),
            challenges: challenges.clone(),
            authority: RefCell::new(Rc::new(authority)),
            ledger: RefCell::new(Ledger::open(state_dir, warnings)),
            running: RefCell::default(),
            asking: RefCell::default(),
            unsaved: RefCell::default(),
            renewals: RefCell::default(),
            held: Cell::new(false),
            tasks: Group::new("certificates"),
        })
    }

    /// Goes by other settings from now on; attempts under way finish with the old ones. Tries at once what failed by the old
    /// settings, and the hosts in `added`, which were not served before.
    pub(in crate::control) fn reload(&self, settings: &Acme, added: &BTreeSet<String>) {
        let changed = self.authority().settings() != settings;
        if changed {
            let authority = self.authority().with_settings(settings.clone());
            *self.authority.borrow_mut() = Rc::new(authority);
        }
        let at_once = |host: &str| changed || added.contains(host);
        for (host, running) in self.running.borrow_mut().iter_mut() {
            running.overtaken |= at_once(host);
        }
        let mut ledger = self.ledger.borrow_mut();
        ledger.reconsider(&settings.directories, |host, _| at_once(host));
    }

    /// Learns what the process before this one has obtained and was told since this one read it.
    pub(in crate::control) fn take_up(&self) {
        self.ledger.borrow_mut().read_again();
        self.store.read_shelf_again();
    }

    /// Begins what is due, for ever.
    pub(in crate::control) async fn run(self: Rc<Self>) {
        let directories = self.directories();
        self.ledger.borrow_mut().forget_other_cas(&directories);
        let mut saved = Instant::now();
        loop {
            self.look();
            if saved.elapsed() >= SAVE_AGAIN {
                saved = Instant::now();
                self.save_again();
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Waits for the end of a host's attempt; begins one when none is under way.
    pub(in crate::control) async fn renew(self: Rc<Self>, host: &str) -> Result<CertificateReport, Problem> {
        let problem = |code, reason: String| Problem {
            code,
            reason,
            hint: None,
        };
        let hosts = self.store.acme_hosts();
        let Some(host) = hosts.into_iter().find(|one| one.name.eq_ignore_ascii_case(host)) else {
            let mut problem = problem(
                exit::USAGE,
                format!("`{}` is no host with `tls = \"acme\"`", host.escape_debug()),
            );
            problem.hint = Some("`proxyctl certs` lists the hosts, as they stand in `proxy.toml`".into());
            return Err(problem);
        };
        if let Some(reason) = self.never(&host.name) {
            return Err(problem(exit::REFUSED, reason));
        }
        self.may_change()?;
        let record = self.ledger.borrow().of(&host.name);
        let now = unix_now();
        let next = record.attempts.next_forced(now);
        let (send, receive) = oneshot::channel();
        let name = host.name.clone();
        if let Some(running) = self.running.borrow_mut().get_mut(&name) {
            running.waiting.push(send);
        } else if next > now {
            let why = if record.attempts.may_validate(now) < next {
                "as the CA asks for".to_owned()
            } else {
                format!("because {VALIDATIONS_PER_HOUR} checks failed within an hour, and CAs bear no more")
            };
            let last = record.attempts.error.map(|last| format!("; the last error: {last}"));
            let last = last.unwrap_or_default();
            return Err(problem(
                exit::REFUSED,
                format!("`{name}` has to wait until {}, {why}{last}", rfc3339(next)),
            ));
        } else {
            self.begin(host, vec![send]);
        }
        match receive.await {
            Ok(Ok(())) => {
                let reports = self.reports();
                let found = reports.into_iter().find(|report| report.host == name);
                found.ok_or_else(|| problem(exit::FAILED, format!("`{name}` is not served any more")))
            }
            Ok(Err(error)) => Err(problem(exit::FAILED, error)),
            Err(_) => Err(problem(
                exit::FAILED,
                format!("an upgrade has cut the attempt for `{name}` off; another one begins by itself"),
            )),
        }
    }

    /// How every host that certificates are obtained for stands; issuer and note are the store's to fill in.
    pub(in crate::control) fn reports(&self) -> Vec<CertificateReport> {
        let now = unix_now();
        let report = |host: AcmeHost| {
            let record = self.ledger.borrow().of(&host.name);
            let running = self.running.borrow().contains_key(&host.name);
            let (next, why) = self.plan(&host, &record, now);
            CertificateReport {
                issuer: String::new(),
                not_after: String::new(),
                note: None,
                obtained: host.current.is_some(),
                challenge: host.current.as_ref().and_then(|current| current.meta.challenge.clone()),
                imported: host.current.is_some_and(|current| current.meta.imported),
                running,
                next: next.map(rfc3339),
                why,
                failures: record.attempts.failures,
                error: record.attempts.error,
                unsaved: self.unsaved.borrow().get(&host.name).map(|(_, why)| why.clone()),
                host: host.name,
            }
        };
        self.store.acme_hosts().into_iter().map(report).collect()
    }

    /// Why a host has no good certificate, as far as attempts say; `None` for hosts whose certificates are not obtained.
    pub(in crate::control) fn trouble(&self, host: &str) -> Option<String> {
        let bare = host.trim_matches(['[', ']']);
        let hosts = self.store.acme_hosts();
        let host = hosts.into_iter().find(|one| one.name == bare)?;
        if let Some(reason) = self.never(&host.name) {
            return Some(reason);
        }
        if self.running.borrow().contains_key(&host.name) {
            return Some("one is being obtained".to_owned());
        }
        let record = self.ledger.borrow().of(&host.name);
        let (next, _) = self.plan(&host, &record, unix_now());
        let next = next.map_or_else(String::new, |next| format!("; next attempt {}", rfc3339(next)));
        Some(match record.attempts.error {
            Some(error) => format!("{error}{next}"),
            None => format!("none was obtained yet{next}"),
        })
    }

    /// Takes a certificate that another program obtained: it is served, and renewed by us when it is due.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(in crate::control) fn import(&self, host: &str, bundle: Bundle) -> Result<(), String> {
        self.store.install(host, &bundle)?;
        self.ledger.borrow_mut().change(host, |record| {
            record.attempts.superseded();
            record.suggestion = None;
        });
        self.save(host, bundle);
        Ok(())
    }

    pub(super) fn authority(&self) -> Rc<Authority> {
        self.authority.borrow().clone()
    }

    /// Which CAs are asked from now on.
    pub(super) fn directories(&self) -> Vec<String> {
        self.authority().settings().directories.clone()
    }

    /// Whether a person may have a certificate changed.
    ///
    /// # Errors
    /// When another process is about to take over, which would not know of it.
    pub(in crate::control) fn may_change(&self) -> Result<(), Problem> {
        if !self.held.get() {
            return Ok(());
        }
        Err(Problem {
            code: exit::REFUSED,
            reason: "another process is about to take over, and would not know of it".into(),
            hint: Some("try again when `proxyctl status` answers from that one".into()),
        })
    }

    /// Why a host will never have a certificate, as things are configured.
    fn never(&self, host: &str) -> Option<String> {
        let by_dns = matches!(self.authority().settings().challenge, Challenge::Dns(_));
        (host.starts_with("*.") && !by_dns).then(|| {
            "a wildcard has to be proved in the DNS; hint: set `challenge = { dns = \"COMMAND\" }` in `[acme]`"
                .to_owned()
        })
    }

    fn plan(&self, host: &AcmeHost, record: &HostRecord, now: i64) -> Plan {
        if let Some(reason) = self.never(&host.name) {
            return (None, reason);
        }
        let (due, why) = match &host.current {
            None => (0, "there is none yet".to_owned()),
            Some(current) => {
                let suggestion = record
                    .suggestion
                    .as_ref()
                    .filter(|one| Some(&one.id) == current.id.as_ref());
                let window = suggestion.and_then(|one| one.window);
                let (due, reason) = current.life.due(window, current.meta.chance);
                let why = match reason {
                    Reason::Life => format!("when {} of its life is left", current.life.share_left()),
                    Reason::Suggested => "the CA suggests it".to_owned(),
                };
                (due.max(current.life.floor(current.meta.issued)), why)
            }
        };
        let next = record.attempts.next(due, now);
        let why = match record.attempts.failures {
            0 => why,
            1 => "the last attempt failed".to_owned(),
            more => format!("the last {more} attempts failed"),
        };
        (Some(next), why)
    }

    /// Whether no attempt begins by itself from now on; those that are under way go on.
    pub(in crate::control) fn hold(&self, held: bool) {
        self.held.set(held);
    }

    /// Ends every attempt: orders that were begun are on disk, and the next process goes on with them. Waits until no record of theirs is
    /// left in the DNS, where a `cleanup` of this process would take away what the next one sets there.
    ///
    /// # Errors
    /// When that takes longer than `patience`.
    pub(in crate::control) async fn stop(&self, patience: Duration) -> Result<(), String> {
        self.held.set(true);
        self.tasks.join(Duration::ZERO).await;
        self.running.take();
        self.asking.take();
        let settled = tokio::time::timeout(patience, self.challenges.settled()).await;
        settled.map_err(|_| "the DNS command has not taken the record of a challenge away yet".to_owned())
    }

    /// A host whose certificate is in memory alone, and why.
    pub(in crate::control) fn in_memory_alone(&self) -> Option<String> {
        let unsaved = self.unsaved.borrow();
        let (host, (_, why)) = unsaved.first_key_value()?;
        Some(format!("the certificate of `{host}` is in memory alone, because {why}"))
    }

    fn look(self: &Rc<Self>) {
        if self.held.get() {
            return;
        }
        let now = unix_now();
        for host in self.store.acme_hosts() {
            if self.running.borrow().len() + self.asking.borrow().len() >= AT_ONCE {
                return;
            }
            if self.running.borrow().contains_key(&host.name) || self.asking.borrow().contains(&host.name) {
                continue;
            }
            let record = self.ledger.borrow().of(&host.name);
            if self.ask_is_due(&host, &record, now) {
                self.ask(host);
            } else if self.plan(&host, &record, now).0.is_some_and(|next| next <= now) {
                self.begin(host, Vec::new());
            }
        }
    }

    fn begin(self: &Rc<Self>, host: AcmeHost, waiting: Vec<oneshot::Sender<Outcome>>) {
        let name = host.name.clone();
        let running = Running {
            waiting,
            overtaken: false,
        };
        self.running.borrow_mut().insert(name.clone(), running);
        let renewer = self.clone();
        self.tasks.spawn_local(format!("certificate of {name}"), async move {
            let answer = renewer.attempt(&host).await;
            renewer.count(&host.name, answer.is_ok());
            let ended = renewer.running.borrow_mut().remove(&host.name);
            for one in ended.into_iter().flat_map(|ended| ended.waiting) {
                // A client that has hung up is no failure.
                let _ = one.send(answer.clone());
            }
        });
    }

    /// Whether a reload has come since the host's attempt began that lets it be tried at once.
    pub(super) fn is_overtaken(&self, host: &str) -> bool {
        self.running.borrow().get(host).is_some_and(|running| running.overtaken)
    }

    fn count(&self, host: &str, obtained: bool) {
        let hosts = self.store.acme_hosts();
        let mut renewals = self.renewals.borrow_mut();
        // What has left the configuration is not told any more.
        renewals.retain(|known, _| hosts.iter().any(|host| host.name == *known));
        let counted = renewals.entry(host.to_owned()).or_default();
        counted.obtained += u64::from(obtained);
        counted.failed += u64::from(!obtained);
    }

    /// By host, what became of its attempts in this process.
    pub(in crate::control) fn renewals(&self) -> BTreeMap<String, Renewals> {
        self.renewals.borrow().clone()
    }

    fn save_again(&self) {
        let unsaved = self.unsaved.take();
        for (host, (bundle, _)) in unsaved {
            self.save(&host, bundle);
        }
    }
}
